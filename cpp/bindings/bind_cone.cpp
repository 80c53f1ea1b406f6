#include "arrays.hpp"
#include "bindings.hpp"
#include "monitor.hpp"
#include "neurogeom/cone/cone.hpp"

namespace neurogeom {

static py::tuple project_cone_py(const Array& points, const Array& targets, double margin, int n_threads,
                                 const py::object& progress) {
  const MatrixView point_rows = as_matrix(points), target_rows = as_matrix(targets);
  require(point_rows.cols() == target_rows.cols(), "internal: widths differ");
  Array projection = new_matrix(target_rows.rows(), target_rows.cols());
  Array weights = new_matrix(target_rows.rows(), point_rows.rows());
  py::array_t<std::int8_t> status(target_rows.rows());
  Array residual = new_vector(target_rows.rows());
  const ConeProjections out{out_matrix(projection), out_matrix(weights), status.mutable_data(),
                            out_vector(residual)};
  run_interruptible(progress, [&](const Monitor& monitor) {
    project_cone(point_rows, target_rows, margin, n_threads, monitor, out);
  });
  return py::make_tuple(projection, weights, status, residual);
}

void bind_cone(py::module_& m) {
  m.def("project_cone", &project_cone_py, py::arg("points").noconvert(), py::arg("targets").noconvert(),
        py::arg("margin"), py::arg("n_threads"), py::arg("progress"));
}

}  // namespace neurogeom
