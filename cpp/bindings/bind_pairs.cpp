// Pairs of representations; LAPACK from SciPy.
#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "arrays.hpp"
#include "bindings.hpp"
#include "monitor.hpp"
#include "neurogeom/base/lapack.hpp"
#include "neurogeom/dense/inner_products.hpp"
#include "neurogeom/pairs/cores.hpp"

namespace neurogeom {

static std::vector<std::pair<std::string, std::string>> lapack_signatures() {
  std::vector<std::pair<std::string, std::string>> found;
  for (const LapackRoutine& routine : lapack_routines()) found.emplace_back(routine.name, routine.signature);
  return found;
}

static void use_lapack_py(const std::vector<py::capsule>& capsules) {
  std::vector<void*> pointers;
  for (const py::capsule& capsule : capsules) pointers.push_back(capsule.get_pointer());
  use_lapack(pointers);
}

using Weights = std::vector<std::vector<double>>;
static void require_weights(const Weights& weights, const std::vector<MatrixView>& factors) {
  require(weights.size() == factors.size(), "internal: weights");
  for (std::size_t i = 0; i < factors.size(); ++i)
    require(weights[i].empty() || static_cast<Index>(weights[i].size()) == factors[i].cols(),
            "internal: weights");
}

using Mask = py::array_t<bool, py::array::c_style>;

// Quantities are (is a nuclear norm, row weights, column weights); the result has (value, gap, error) of
// each.
static std::vector<Array> core_quantities_py(const std::vector<Array>& rows,
                                             const std::vector<Array>& columns, bool trapezoidal,
                                             const Mask& wanted,
                                             std::vector<std::tuple<bool, Weights, Weights>> quantities,
                                             int n_threads, const py::object& progress) {
  const Index n_rows = static_cast<Index>(rows.size()), n_columns = static_cast<Index>(columns.size());
  require(wanted.ndim() == 2 && wanted.shape(0) == n_rows && wanted.shape(1) == n_columns, "internal: mask");
  const FactorTile tile{as_matrices(rows), as_matrices(columns), trapezoidal, wanted.data()};
  std::vector<Array> found;
  std::vector<CoreQuantity> wishes;
  std::vector<CoreValues> values;
  for (auto& [nuclear, row_weights, column_weights] : quantities) {
    require_weights(row_weights, tile.rows);
    require_weights(column_weights, tile.columns);
    wishes.push_back({nuclear ? CoreQuantity::Kind::nuclear_norm : CoreQuantity::Kind::sum_of_squares,
                      std::move(row_weights), std::move(column_weights)});
    Array result(std::vector<py::ssize_t>{3, n_rows, n_columns});
    std::fill_n(result.mutable_data(), result.size(), std::numeric_limits<double>::quiet_NaN());
    values.push_back({result.mutable_data(0), result.mutable_data(1), result.mutable_data(2)});
    found.push_back(std::move(result));
  }
  run_interruptible(
      progress, [&](const Monitor& monitor) { core_quantities(tile, wishes, n_threads, monitor, values); });
  return found;
}

static std::vector<const double*> vectors_of(const std::vector<Array>& arrays, Index length) {
  std::vector<const double*> vectors;
  for (const Array& array : arrays) {
    require(array.ndim() == 1 && array.shape(0) == length, "internal: vectors must have one length");
    vectors.push_back(array.data());
  }
  return vectors;
}

static Array inner_products_py(const std::vector<Array>& rows, const std::vector<Array>& columns,
                               int n_threads, const py::object& progress) {
  require(!rows.empty() && !columns.empty(), "internal: no vectors");
  const Index length = rows[0].size();
  const auto left = vectors_of(rows, length), right = vectors_of(columns, length);
  Array result = new_matrix(static_cast<Index>(rows.size()), static_cast<Index>(columns.size()));
  MatrixOut out = out_matrix(result);
  run_interruptible(progress, [&](const Monitor& monitor) {
    inner_products(left, right, length, n_threads, monitor, out);
  });
  return result;
}

static Array packed_gram_py(const Array& matrix) {
  const MatrixView view = as_matrix(matrix);
  Array result = new_vector(view.rows() * (view.rows() + 1) / 2);
  double* const out = result.mutable_data();
  run_interruptible(py::none(), [&](const Monitor& monitor) { packed_gram(view, monitor, out); });
  return result;
}

void bind_pairs(py::module_& m) {
  m.def("lapack_signatures", &lapack_signatures);
  m.def("use_lapack", &use_lapack_py, py::arg("capsules"));
  m.def("core_quantities", &core_quantities_py, py::arg("rows"), py::arg("columns"), py::arg("trapezoidal"),
        py::arg("wanted").noconvert(), py::arg("quantities"), py::arg("n_threads"), py::arg("progress"));
  m.def("packed_gram", &packed_gram_py, py::arg("matrix").noconvert());
  m.def("inner_products", &inner_products_py, py::arg("rows"), py::arg("columns"), py::arg("n_threads"),
        py::arg("progress"));
}

}  // namespace neurogeom
