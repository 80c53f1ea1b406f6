#include "neurogeom/capacity/joint.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/tolerances.hpp"
#include "neurogeom/capacity/separability.hpp"
#include "neurogeom/cone/active_set.hpp"
#include "neurogeom/cone/block_set.hpp"
#include "neurogeom/cone/problem.hpp"

namespace neurogeom {
namespace {

// Points nearer to each other than this, relative to their lengths, are one: coordinates may come from a
// rotation of the data, which rounds to some 1e-15 of the longest of them.
constexpr double kSamePoint = 1e-12;

// What all samples share.
struct Shared {
  Shared(const JointCones& cones, double margin)
      : problem(cones.points, margin, false),
        packed(problem.generators.rows),
        starts(cones.starts),
        n_constraints((problem.generators.scale.array() > 0).count()) {}
  ConeProblem problem;
  PackedRows packed;
  std::vector<Index> starts;
  Index n_constraints;  // points away from the origin
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
  std::vector<Index> touching;
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

// Whether an active point of the same manifold is this very point.
bool is_copy(const Shared& shared, Index point, const std::vector<Index>& active) {
  const Generators& g = shared.problem.generators;
  const auto manifold = std::upper_bound(shared.starts.begin(), shared.starts.end(), point);
  return std::any_of(active.begin(), active.end(), [&](Index other) {
    if (other < manifold[-1] || other >= *manifold) return false;
    const double ratio = g.scale[other] / g.scale[point];
    return (ratio * g.rows.row(other) - g.rows.row(point)).norm() <= kSamePoint;
  });
}

// Whether no hyperplane has these points, times the labels of their manifolds, on one side.
bool inseparable(const Shared& shared, const std::int8_t* labels, const std::vector<Index>& points,
                 const Checkpoint& checkpoint) {
  const Generators& g = shared.problem.generators;
  const auto n = static_cast<Index>(points.size());
  RowMatrix columns = RowMatrix::Zero(g.n_dims, whole_runs(n));
  for (Index i = 0; i < n; ++i) {
    const auto manifold = std::upper_bound(shared.starts.begin(), shared.starts.end(), points[i]);
    const double label = labels[manifold - shared.starts.begin() - 1];
    columns.col(i) = label * g.rows.row(points[i]).transpose();
  }
  const Bodies bodies{MatrixView(nullptr, 0, 0), 0, {0, n}, false};
  const std::int8_t sign = 1;
  return Separator(bodies, checkpoint).decide(columns.data(), g.n_dims, columns.cols(), &sign) !=
         Separability::separable;
}

// What the points on the boundary say of a dichotomy. A combination of all points that vanishes is one of
// these alone, since v is a hyperplane that has the others on its right side; and active points, which are
// linearly independent, have none among themselves. Gives the points to be asked for a hyperplane, if any.
std::vector<Index> judge(const Shared& shared, const std::vector<Index>& active,
                         const std::vector<Index>& touching, JointProjection& out) {
  if (std::all_of(touching.begin(), touching.end(), [&](Index i) { return is_copy(shared, i, active); }))
    return {};
  std::vector<Index> points = active;
  points.insert(points.end(), touching.begin(), touching.end());
  out.undetermined = static_cast<Index>(points.size()) == shared.n_constraints;
  return points;
}

// A sample whose cone holds t. If it holds -t as well, the sum of both is a combination that vanishes; this
// costs as much as the projection of t did, several times less than the search for a hyperplane.
struct Open {
  Index sample;
  std::vector<Index> points;
  Vector projection;
  double total_weight;
};

double total(const std::vector<double>& weights) {
  return sum(weights.data(), static_cast<Index>(weights.size()));
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
  if (shared.problem.shifts() != nullptr) return;
  scratch.values.noalias() = g.rows * VectorView(single.remainder(), g.n_dims);
  shared.problem.constrain(scratch.values.data(), 1.0, scratch.signs.data());
  for (const Index i : single.active()) scratch.values[i] = -kInfinity;
  scratch.touching.clear();
  for (Index i = 0; i < g.n_points; ++i)
    if (scratch.values[i] >= -kOnBoundary * scale) scratch.touching.push_back(i);
  const std::vector<Index> points = judge(shared, single.active(), scratch.touching, out);
  out.inseparable = !points.empty() && inseparable(shared, labels, points, scratch.checkpoint);
}

void solve_block(const JointCones& cones, const Shared& shared, Scratch& scratch, Index begin, Index count,
                 JointProjection* out) {
  const Index n = shared.problem.generators.n_dims;
  for (Index s = 0; s < count; ++s) {
    std::copy_n(cones.draws.row(begin + s).data(), n, scratch.targets.row(s).data());
    scratch.scale[s] = shared.problem.size(scratch.targets.row(s).data());
  }
  const Index p = cones.n_manifolds();
  const std::int8_t* labels = cones.labels + begin * p;
  scratch.block.solve(scratch.targets, labels, count, shared.problem.shifts(), scratch.scale.data());
  std::vector<Open> open;
  for (Index s = 0; s < count; ++s) {
    const BlockSet::Problem& problem = scratch.block.problem(s);
    JointProjection& result = out[begin + s];
    if (problem.solved) {
      result.residual = problem.residual;
      keep(shared, problem.active, problem.weights.data(), problem.projection.data(), result);
      if (shared.problem.shifts() != nullptr) continue;
      std::vector<Index> points = judge(shared, problem.active, problem.touching, result);
      if (result.undetermined)
        open.push_back({s, std::move(points), problem.projection, total(problem.weights)});
      else
        result.inseparable =
            !points.empty() && inseparable(shared, labels + s * p, points, scratch.checkpoint);
    } else {
      solve_alone(shared, scratch, scratch.targets.row(s).data(), labels + s * p, scratch.scale[s], result);
    }
    if (result.status != Status::converged) result.squared = result.residual = kNaN;
  }
  if (open.empty()) return;
  std::vector<std::int8_t> open_labels;
  for (std::size_t k = 0; k < open.size(); ++k) {
    const Index s = open[k].sample;
    scratch.targets.row(static_cast<Index>(k)) = -cones.draws.row(begin + s);
    scratch.scale[k] = scratch.scale[s];
    open_labels.insert(open_labels.end(), labels + s * p, labels + (s + 1) * p);
  }
  scratch.block.solve(scratch.targets, open_labels.data(), static_cast<Index>(open.size()), nullptr,
                      scratch.scale.data());
  for (std::size_t k = 0; k < open.size(); ++k) {
    const BlockSet::Problem& back = scratch.block.problem(static_cast<Index>(k));
    const Open& there = open[k];
    const double weight = there.total_weight + total(back.weights);
    out[begin + there.sample].inseparable =
        (back.solved && weight > 0 &&
         (there.projection + back.projection).norm() <=
             kVanishing * weight / 2) ||  // points are 1/2 or longer
        inseparable(shared, labels + there.sample * p, there.points, scratch.checkpoint);
  }
}

}  // namespace

std::vector<JointProjection> project_joint(const JointCones& cones, double margin, int n_threads,
                                           const Monitor& monitor) {
  std::vector<JointProjection> out(static_cast<std::size_t>(cones.n_samples()));
  const Shared shared(cones, margin);
  if (cones.dead || shared.problem.contradictory()) {
    for (JointProjection& p : out) {
      p.status = cones.dead ? Status::dead : Status::infeasible;
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
