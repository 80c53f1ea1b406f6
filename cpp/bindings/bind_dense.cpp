// Products of many long vectors, and nuclear norms of many matrices.
#include "arrays.hpp"
#include "bindings.hpp"
#include "monitor.hpp"
#include "neurogeom/dense/inner_products.hpp"
#include "neurogeom/dense/nuclear_norms.hpp"

namespace neurogeom {

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

static Array nuclear_norms_py(const Array& stack, int n_threads) {
  require(stack.ndim() == 3 && stack.shape(1) >= 1 && stack.shape(2) >= 1, "internal: expected matrices");
  const Index count = stack.shape(0), rows = stack.shape(1), columns = stack.shape(2);
  const double* const matrices = stack.data();
  Array result = new_vector(count);
  double* const out = result.mutable_data();
  run_interruptible(py::none(), [&](const Monitor& monitor) {
    nuclear_norms(matrices, count, rows, columns, n_threads, monitor, out);
  });
  return result;
}

void bind_dense(py::module_& m) {
  m.def("nuclear_norms", &nuclear_norms_py, py::arg("stack").noconvert(), py::arg("n_threads"));
  m.def("packed_gram", &packed_gram_py, py::arg("matrix").noconvert());
  m.def("inner_products", &inner_products_py, py::arg("rows"), py::arg("columns"), py::arg("n_threads"),
        py::arg("progress"));
}

}  // namespace neurogeom
