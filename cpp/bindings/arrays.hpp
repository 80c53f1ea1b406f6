// NumPy arrays to Eigen maps and back, without copies. pybind11 must be the first include.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "neurogeom/base/types.hpp"

namespace neurogeom {

namespace py = pybind11;

using Array = py::array_t<double, py::array::c_style>;

inline void require(bool condition, const char* what) {
  if (!condition) throw std::invalid_argument(what);
}

inline MatrixView as_matrix(const Array& array) {
  require(array.ndim() == 2, "internal: expected a matrix");
  return MatrixView(array.data(), array.shape(0), array.shape(1));
}

inline std::vector<MatrixView> as_matrices(const std::vector<Array>& arrays) {
  std::vector<MatrixView> views;
  views.reserve(arrays.size());
  for (const Array& array : arrays) views.push_back(as_matrix(array));
  return views;
}

inline Array new_matrix(Index rows, Index columns) {
  return Array({rows, columns});
}
inline Array new_vector(Index size) {
  return Array(std::vector<py::ssize_t>{size});
}

inline MatrixOut out_matrix(Array& array) {
  return MatrixOut(array.mutable_data(), array.shape(0), array.shape(1));
}
inline VectorOut out_vector(Array& array) {
  return VectorOut(array.mutable_data(), array.shape(0));
}

}  // namespace neurogeom
