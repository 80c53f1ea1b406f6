#include "neurogeom/capacity/joint.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/cone/active_set.hpp"
#include "neurogeom/cone/block_set.hpp"
#include "neurogeom/cone/problem.hpp"

namespace neurogeom {
namespace {

// Where no point has a constraint value beyond this, relative to the target, nothing of the target is left in
// the span of the points.
constexpr double kNothingLeft = 1e-8;

// What all samples share.
struct Shared {
  Shared(const JointCones& cones, double margin)
      : problem(cones.points, margin, false), packed(problem.generators.rows), starts(cones.starts) {}
  // Where every point has a weight, which makes them linearly independent, the weights are unique.
  bool may_be_inseparable(const JointProjection& p) const {
    return static_cast<Index>(p.weights.point.size()) < (problem.generators.scale.array() > 0).count();
  }

  ConeProblem problem;
  PackedRows packed;
  std::vector<Index> starts;
};

// What a worker keeps from block to block.
struct Scratch {
  Scratch(const Shared& shared, const Checkpoint& stop)
      : block(shared.problem.generators, shared.packed, shared.starts, stop),
        checkpoint(stop),
        targets(kTargetBlock, shared.problem.generators.n_dims),
        scale(static_cast<std::size_t>(kTargetBlock)) {}
  BlockSet block;
  Checkpoint checkpoint;
  std::unique_ptr<ActiveSet> single;  // made when it is needed first
  RowMatrix targets;
  std::vector<double> scale;
  Vector values, signs;
};

void keep(const Shared& shared, const std::vector<Index>& active, const double* weights,
          const double* projection, JointProjection& out) {
  out.squared = squared_norm(projection, shared.problem.generators.n_dims);
  for (std::size_t i = 0; i < active.size(); ++i) {
    if (!(weights[i] > 0)) continue;
    out.weights.point.push_back(active[i]);
    out.weights.weight.push_back(weights[i] / shared.problem.generators.scale[active[i]]);
  }
}

// What BlockSet handed back.
void solve_alone(const Shared& shared, Scratch& scratch, const double* target, const std::int8_t* labels,
                 double scale, JointProjection& out) {
  const Generators& g = shared.problem.generators;
  if (!scratch.single) scratch.single = std::make_unique<ActiveSet>(g, scratch.checkpoint);
  scratch.signs = Vector::Ones(g.stride);
  for (std::size_t m = 0; m + 1 < shared.starts.size(); ++m)
    scratch.signs.segment(shared.starts[m], shared.starts[m + 1] - shared.starts[m]).setConstant(labels[m]);
  scratch.values.noalias() = g.rows * VectorView(target, g.n_dims);
  shared.problem.constrain(scratch.values.data(), 1.0, scratch.signs.data());
  ActiveSet& single = *scratch.single;
  out.status =
      single.solve(scratch.values.data(), shared.problem.shifts(), target, scale, scratch.signs.data());
  if (out.status != Status::converged) return;
  out.residual = single.residual();
  keep(shared, single.active(), single.weights(), single.projection(), out);
  scratch.values.noalias() = g.rows * VectorView(single.remainder(), g.n_dims);
  out.inseparable =
      scratch.values.cwiseAbs().maxCoeff() <= kNothingLeft * scale && shared.may_be_inseparable(out);
}

void solve_block(const JointCones& cones, const Shared& shared, Scratch& scratch, Index begin, Index count,
                 JointProjection* out) {
  const Index n = shared.problem.generators.n_dims;
  for (Index s = 0; s < count; ++s) {
    std::copy_n(cones.draws.row(begin + s).data(), n, scratch.targets.row(s).data());
    scratch.scale[s] = shared.problem.size(scratch.targets.row(s).data());
  }
  const std::int8_t* labels = cones.labels + begin * cones.n_manifolds();
  scratch.block.solve(scratch.targets, labels, count, shared.problem.shifts(), scratch.scale.data());
  for (Index s = 0; s < count; ++s) {
    const BlockSet::Problem& problem = scratch.block.problem(s);
    JointProjection& result = out[begin + s];
    if (problem.solved) {
      result.residual = problem.residual;
      keep(shared, problem.active, problem.weights.data(), problem.projection.data(), result);
      result.inseparable =
          problem.largest_value <= kNothingLeft * scratch.scale[s] && shared.may_be_inseparable(result);
    } else {
      solve_alone(shared, scratch, scratch.targets.row(s).data(), labels + s * cones.n_manifolds(),
                  scratch.scale[s], result);
    }
    if (result.status != Status::converged) result.squared = result.residual = kNaN;
    // With a margin weights are unique where there is a solution at all.
    if (shared.problem.shifts() != nullptr) result.inseparable = false;
  }
}

}  // namespace

std::vector<JointProjection> project_joint(const JointCones& cones, double margin, int n_threads,
                                           const Monitor& monitor) {
  std::vector<JointProjection> out(static_cast<std::size_t>(cones.n_samples()));
  const Shared shared(cones, margin);
  if (shared.problem.contradictory()) {
    for (JointProjection& p : out) {
      p.status = Status::infeasible;
      p.squared = p.residual = kNaN;
    }
    return out;
  }
  // Blocks of one size, a multiple of four of them, so that two or four threads have the same to do.
  const Index n_samples = cones.n_samples();
  const Index n_blocks = 4 * ((n_samples + 4 * kTargetBlock - 1) / (4 * kTargetBlock));
  const Index size = (n_samples + n_blocks - 1) / n_blocks;
  parallel_ranges(n_blocks, 1, n_threads, monitor, [&](const Checkpoint& checkpoint) -> RangeBody {
    const auto scratch = std::make_shared<Scratch>(shared, checkpoint);
    return [&, scratch](Index begin, Index end) {
      for (Index first = begin * size; first < std::min(n_samples, end * size); first += size)
        solve_block(cones, shared, *scratch, first, std::min(size, n_samples - first), out.data());
    };
  });
  return out;
}

}  // namespace neurogeom
