#include "neurogeom/cone/cone.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/tolerances.hpp"
#include "neurogeom/cone/active_set.hpp"

namespace neurogeom {
namespace {

// Everything that a worker of project_cone keeps between targets.
struct Scratch {
  Scratch(const Generators& generators, const Checkpoint& checkpoint)
      : solver(generators, checkpoint),
        targets(kTargetBlock, generators.n_dims),
        values(kTargetBlock, generators.stride),
        prices(generators.stride) {}
  ActiveSet solver;
  RowMatrix targets, values;
  Vector shift, prices;
};

// The residual of cone.hpp, from the points themselves rather than from anything the solver carried
// along.
double certify(const Generators& generators, const ActiveSet& solver, const Vector& shift, double size,
               Vector& prices) {
  const VectorView v(solver.remainder(), generators.n_dims);
  prices.noalias() = generators.rows * v;
  double worst = 0.0;
  for (Index i = 0; i < generators.n_points; ++i)
    if (prices[i] + shift[i] > 0)
      worst = std::max(worst, (prices[i] + shift[i]) /
                                  std::sqrt(squared_norm(generators.rows.row(i).data(), generators.n_dims)) /
                                  size);
  const VectorView q(solver.projection(), generators.n_dims);
  double slack = dot(q.data(), v.data(), generators.n_dims);
  for (std::size_t i = 0; i < solver.active().size(); ++i)
    slack += solver.weights()[i] * shift[solver.active()[i]];
  return std::max(worst, std::abs(slack) / (size * size));
}

}  // namespace

void project_cone(const MatrixView& points, const MatrixView& targets, double margin, int n_threads,
                  const Monitor& monitor, ConeProjections out) {
  ConeProblem problem(points, margin);
  Generators& generators = problem.generators;
  const Index n_gram_blocks = (generators.gram_rows() + Generators::gram_block - 1) / Generators::gram_block;
  const Monitor at_start = [&](Index, Index) { return monitor && monitor(0, 1); };
  parallel_for(n_gram_blocks, n_threads, at_start, [&](Index block) {
    const Index begin = block * Generators::gram_block;
    generators.form_gram(begin, std::min(begin + Generators::gram_block, generators.gram_rows()));
  });
  const Index n_targets = targets.rows();
  const bool contradictory = problem.contradictory();

  const auto solve_block = [&](Scratch& scratch, Index block) {
    const Index begin = block * kTargetBlock;
    const Index count = std::min(kTargetBlock, n_targets - begin);
    // Targets are scaled by powers of two to lengths in [1/2, 1): tolerances are relative, nothing
    // overflows.
    scratch.targets.setZero();
    Vector units(count);
    for (Index k = 0; k < count; ++k) {
      units[k] = std::max(power_of_two_above(targets.row(begin + k).data(), targets.cols()),
                          power_of_two_above(&problem.largest_shift, 1));
      if (units[k] == 0) units[k] = 1.0;
      scratch.targets.row(k) = targets.row(begin + k) / units[k];
    }
    problem.multiply(scratch.targets, scratch.values);
    for (Index k = 0; k < count; ++k) {
      auto projection = out.projection.row(begin + k);
      auto weights = out.weights.row(begin + k);
      const double* target = scratch.targets.row(k).data();
      double* values = scratch.values.row(k).data();
      problem.constrain(values, units[k]);
      const double size = problem.size(target, units[k]);
      if (margin != 0)
        scratch.shift = problem.shift / units[k];
      else
        scratch.shift.setZero(generators.n_points);
      Status status = Status::infeasible;
      if (!contradictory)
        status = scratch.solver.solve(values, margin != 0 ? scratch.shift.data() : nullptr, target, size);
      double residual = kNaN;
      if (status == Status::converged) {
        residual = certify(generators, scratch.solver, scratch.shift, size, scratch.prices);
        if (!(residual <= kAcceptedResidual)) status = Status::iteration_limit;
      }
      out.status[begin + k] = static_cast<std::int8_t>(status);
      out.residual[begin + k] = status == Status::converged ? residual : kNaN;
      if (status != Status::converged) {
        projection.setConstant(kNaN);
        weights.setConstant(kNaN);
        continue;
      }
      projection = VectorView(scratch.solver.projection(), generators.n_dims).transpose() * units[k];
      weights.setZero();
      const auto& active = scratch.solver.active();
      for (std::size_t i = 0; i < active.size(); ++i)
        weights[active[i]] = scratch.solver.weights()[i] * units[k] / generators.scale[active[i]];
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
