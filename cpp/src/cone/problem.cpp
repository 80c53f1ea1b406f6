#include "neurogeom/cone/problem.hpp"

#include <algorithm>
#include <cmath>

#include "neurogeom/base/lanes.hpp"

namespace neurogeom {

ConeProblem::ConeProblem(const MatrixView& points, double kappa, bool with_gram)
    : generators(points, with_gram), margin(kappa) {
  if (margin == 0) return;
  shift = Vector::Zero(generators.stride);
  for (Index i = 0; i < generators.n_points; ++i)
    if (generators.scale[i] > 0) shift[i] = margin / generators.scale[i];
  largest_shift = std::max(0.0, shift.maxCoeff());
}

bool ConeProblem::contradictory() const {
  return margin > 0 && (generators.scale.array() == 0).any();
}

double ConeProblem::size(const double* target, double unit) const {
  const double size = std::sqrt(squared_norm(target, generators.n_dims)) + 2 * largest_shift / unit;
  return size == 0 ? 1.0 : size;
}

void ConeProblem::constrain(double* products, double unit, const double* signs) const {
  const Index n = generators.n_points;
  if (signs != nullptr)
    for (Index i = 0; i < n; ++i) products[i] *= signs[i];
  if (shift.size() > 0)
    for (Index i = 0; i < n; ++i) products[i] += shift[i] / unit;
  for (Index i = 0; i < n; ++i)
    if (generators.scale[i] == 0) products[i] = -kInfinity;
  std::fill(products + n, products + generators.stride, -kInfinity);
}

void ConeProblem::multiply(const RowMatrix& targets, RowMatrix& products) const {
  products.noalias() = targets * generators.rows.transpose();
}

}  // namespace neurogeom
