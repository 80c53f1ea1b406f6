#include "neurogeom/cone/cone.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "neurogeom/base/lanes.hpp"

namespace neurogeom {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A solution with a larger residual is not called one.
constexpr double kLargestResidual = 1e-10;
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Everything that a worker of project_cone keeps between targets.
struct Scratch {
  Scratch(const Generators& generators, const Checkpoint& checkpoint)
      : solver(generators, checkpoint),
        targets(kTargetBlock, generators.n_dims),
        values(kTargetBlock, generators.stride),
        shift(generators.n_points),
        prices(generators.stride) {}
  ActiveSet solver;
  RowMatrix targets, values;
  Vector shift, prices;
};

// The residual of cone.hpp, from the points themselves rather than from anything the solver carried
// along.
double certify(const Generators& generators, const ActiveSet& solver, const Vector& shift, double scale,
               Vector& prices) {
  const VectorView v(solver.remainder(), generators.n_dims);
  prices.noalias() = generators.rows * v;
  double worst = 0.0;
  for (Index i = 0; i < generators.n_points; ++i)
    if (prices[i] + shift[i] > 0)
      worst = std::max(worst, (prices[i] + shift[i]) /
                                  std::sqrt(squared_norm(generators.rows.row(i).data(), generators.n_dims)) /
                                  scale);
  const VectorView q(solver.projection(), generators.n_dims);
  double slack = dot(q.data(), v.data(), generators.n_dims);
  for (std::size_t i = 0; i < solver.active().size(); ++i)
    slack += solver.weights()[i] * shift[solver.active()[i]];
  return std::max(worst, std::abs(slack) / (scale * scale));
}

}  // namespace

void constraint_values(const Generators& generators, const RowMatrix& targets, const double* shift,
                       RowMatrix& values) {
  values.noalias() = targets * generators.rows.transpose();
  for (Index i = 0; i < generators.stride; ++i) {
    if (i >= generators.n_points || generators.scale[i] == 0)
      values.col(i).setConstant(-kInfinity);
    else if (shift != nullptr)
      values.col(i).array() += shift[i];
  }
}

void project_cone(const MatrixView& points, const MatrixView& targets, double margin, int n_threads,
                  const Monitor& monitor, ConeProjections out) {
  Generators generators(points);
  const Index n_gram_blocks = (generators.gram_rows() + Generators::gram_block - 1) / Generators::gram_block;
  const Monitor at_start = [&](Index, Index) { return monitor && monitor(0, 1); };
  parallel_for(n_gram_blocks, n_threads, at_start, [&](Index block) {
    const Index begin = block * Generators::gram_block;
    generators.form_gram(begin, std::min(begin + Generators::gram_block, generators.gram_rows()));
  });
  double shortest = 1.0;  // the largest shift is margin / shortest
  if (generators.scale.maxCoeff() > 0)
    shortest =
        (generators.scale.array() > 0).select(generators.scale, generators.scale.maxCoeff()).minCoeff();
  const Index n_targets = targets.rows();
  // A zero point asks for 0 <= -margin.
  const bool contradiction = margin > 0 && (generators.scale.array() == 0).any();

  const auto solve_block = [&](Scratch& scratch, Index block) {
    const Index begin = block * kTargetBlock;
    const Index count = std::min(kTargetBlock, n_targets - begin);
    // Targets are scaled by powers of two to lengths in [1/2, 1): tolerances are relative, nothing
    // overflows.
    scratch.targets.setZero();
    Vector lengths(count);
    for (Index k = 0; k < count; ++k) {
      const double above = power_of_two_above(targets.row(begin + k).data(), targets.cols());
      const double shifted = margin > 0 ? margin / shortest : 0.0;
      lengths[k] = std::max(above, power_of_two_above(&shifted, 1));
      if (lengths[k] == 0) lengths[k] = 1.0;
      scratch.targets.row(k) = targets.row(begin + k) / lengths[k];
    }
    constraint_values(generators, scratch.targets, nullptr, scratch.values);
    for (Index k = 0; k < count; ++k) {
      auto projection = out.projection.row(begin + k);
      auto weights = out.weights.row(begin + k);
      double scale = std::sqrt(squared_norm(scratch.targets.row(k).data(), generators.n_dims));
      if (margin != 0) {
        for (Index i = 0; i < generators.n_points; ++i) {
          scratch.shift[i] = generators.scale[i] > 0 ? margin / generators.scale[i] / lengths[k] : 0.0;
          scratch.values(k, i) += scratch.shift[i];
        }
        scale += 2 * std::max(0.0, scratch.shift.maxCoeff());
      } else {
        scratch.shift.setZero();
      }
      Status status = Status::infeasible;
      if (scale == 0) scale = 1.0;
      if (!contradiction)
        status =
            scratch.solver.solve(scratch.values.row(k).data(), margin != 0 ? scratch.shift.data() : nullptr,
                                 scratch.targets.row(k).data(), scale);
      double residual = kNaN;
      if (status == Status::converged) {
        residual = certify(generators, scratch.solver, scratch.shift, scale, scratch.prices);
        if (!(residual <= kLargestResidual)) status = Status::iteration_limit;
      }
      out.status[begin + k] = static_cast<std::int8_t>(status);
      out.residual[begin + k] = status == Status::converged ? residual : kNaN;
      if (status != Status::converged) {
        projection.setConstant(kNaN);
        weights.setConstant(kNaN);
        continue;
      }
      projection = VectorView(scratch.solver.projection(), generators.n_dims).transpose() * lengths[k];
      weights.setZero();
      const auto& active = scratch.solver.active();
      for (std::size_t i = 0; i < active.size(); ++i)
        weights[active[i]] = scratch.solver.weights()[i] * lengths[k] / generators.scale[active[i]];
    }
  };

  const Index n_blocks = (n_targets + kTargetBlock - 1) / kTargetBlock;
  parallel_ranges(n_blocks, 1, n_threads, monitor, [&](const Checkpoint& checkpoint) -> RangeBody {
    const auto scratch = std::make_shared<Scratch>(generators, checkpoint);
    return [&solve_block, scratch](Index begin, Index end) {
      for (Index block = begin; block < end; ++block) solve_block(*scratch, block);
    };
  });
}

}  // namespace neurogeom
