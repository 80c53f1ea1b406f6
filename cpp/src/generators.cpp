#include "neurogeom/generators.hpp"

#include <cmath>

#include "neurogeom/kernels.hpp"

namespace neurogeom {
namespace {

// Gram matrices beyond 32 MB are not kept; their rows are formed when they are needed.
constexpr Index kMaxGramPoints = 2048;

}  // namespace

Generators::Generators(const MatrixView& points)
    : n_points(points.rows()), n_dims(points.cols()), stride(whole_runs(points.rows())) {
  rows = RowMatrix::Zero(stride, n_dims);
  scale = Vector::Zero(n_points);
  for (Index i = 0; i < n_points; ++i) {
    const double norm = points.row(i).stableNorm();
    if (norm == 0) continue;
    int exponent = 0;
    std::frexp(norm, &exponent);
    scale[i] = std::ldexp(1.0, exponent);
    rows.row(i) = points.row(i) / scale[i];
  }
  if (n_points <= kMaxGramPoints) {
    gram = RowMatrix::Zero(n_points, stride);
    gram.noalias() = rows.topRows(n_points) * rows.transpose();
  }
}

}  // namespace neurogeom
