#include "neurogeom/generators.hpp"

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
    scale[i] = power_of_two_above(points.row(i).data(), n_dims);
    if (scale[i] == 0) continue;
    rows.row(i) = points.row(i) / scale[i];
  }
  if (n_points <= kMaxGramPoints) {
    gram = RowMatrix::Zero(n_points, stride);
    gram.noalias() = rows.topRows(n_points) * rows.transpose();
  }
}

}  // namespace neurogeom
