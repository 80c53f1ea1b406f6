#include "neurogeom/capacity/anchors.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/random.hpp"
#include "neurogeom/cone/active_set.hpp"
#include "neurogeom/cone/problem.hpp"

namespace neurogeom {
namespace {

// Projections shorter than this count as none: the anchor is then the support point, as in the
// original.
constexpr double kInterior = 1e-8;
// With more points than this a block of samples may take too long to wait for its end before
// answering Ctrl-C.
constexpr Index kManyPoints = 200;

// One manifold at work: its lifted points, and what the samples leave behind. Slots are used again
// for manifold after manifold, since fresh memory costs as much as a small projection.
struct Manifold {
  void prepare(const AnchorJob& job, double margin, Index n_samples, const Checkpoint& checkpoint) {
    n_dims = job.points.cols();
    problem = std::make_unique<ConeProblem>(lift(job.points, margin));
    Generators& generators = problem->generators;
    for (Index begin = 0; begin < generators.gram_rows(); begin += Generators::gram_block) {
      checkpoint();
      generators.form_gram(begin, std::min(begin + Generators::gram_block, generators.gram_rows()));
    }
    anchors.resize(n_samples, n_dims);
    const auto n = static_cast<std::size_t>(n_samples);
    for (auto* values : {&squared_projection, &along, &cosine, &residual}) values->resize(n);
    interior.resize(n);
  }

  static ConeProblem lift(const MatrixView& points, double margin) {
    RowMatrix lifted(points.rows(), points.cols() + 1);
    lifted.leftCols(points.cols()) = points;
    lifted.col(points.cols()).setOnes();
    return ConeProblem(MatrixView(lifted.data(), lifted.rows(), lifted.cols()), margin);
  }

  Index n_dims = 0;
  std::unique_ptr<ConeProblem> problem;
  RowMatrix anchors;  // n_samples x n_dims
  // For each sample: |q|^2, t.u, t^.u, residual (NaN where the solver failed), whether no point was
  // active.
  std::vector<double> squared_projection, along, cosine, residual;
  std::vector<char> interior;
};

struct Scratch {
  const Generators* generators = nullptr;
  std::unique_ptr<ActiveSet> solver;
  RowMatrix draws, values;
};

// The point furthest along t, first among equals.
Index support_point(const Manifold& manifold, const double* values) {
  const ConeProblem& problem = *manifold.problem;
  Index best = 0;
  double best_value = -kInfinity;
  for (Index i = 0; i < problem.generators.n_points; ++i) {
    const double shift = problem.shifts() == nullptr ? 0.0 : problem.shift[i];
    const double value = (values[i] - shift) * problem.generators.scale[i];
    if (value > best_value) {
      best_value = value;
      best = i;
    }
  }
  return best;
}

void solve_sample(const AnchorJob& job, Manifold& manifold, ActiveSet& solver, const double* t,
                  const double* values, Index sample) {
  const Generators& g = manifold.problem->generators;
  const Index n_dims = manifold.n_dims;
  const Status status = solver.solve(values, manifold.problem->shifts(), t, manifold.problem->size(t));
  const bool failed = status != Status::converged;
  manifold.residual[sample] = failed ? kNaN : solver.residual();

  const double* q = solver.projection();
  const double square = dot(q, q, n_dims + 1);
  double* anchor = manifold.anchors.row(sample).data();
  double* weights = job.weights == nullptr ? nullptr : job.weights + sample * g.n_points;
  if (weights != nullptr) std::fill_n(weights, g.n_points, 0.0);
  const bool interior = square < kInterior * kInterior;
  manifold.interior[sample] = solver.active().empty();
  manifold.squared_projection[sample] = interior ? 0.0 : square;
  if (interior) {
    const Index support = support_point(manifold, values);
    std::copy_n(job.points.row(support).data(), n_dims, anchor);
    if (weights != nullptr) weights[support] = 1.0;
  } else {
    // The last coordinate of a lifted point is 1, so that of q is the sum of the weights.
    const double total = q[n_dims];
    for (Index d = 0; d < n_dims; ++d) anchor[d] = q[d] / total;
    if (weights != nullptr)
      for (std::size_t i = 0; i < solver.active().size(); ++i) {
        const Index point = solver.active()[i];
        weights[point] = solver.weights()[i] / g.scale[point] / total;
      }
  }
  const double anchor_norm = std::sqrt(dot(anchor, anchor, n_dims));
  const double t_norm = std::sqrt(dot(t, t, n_dims));
  const double along = anchor_norm > 0 ? dot(t, anchor, n_dims) / anchor_norm : 0.0;
  manifold.along[sample] = along;
  manifold.cosine[sample] = t_norm > 0 ? along / t_norm : 0.0;
}

Estimate mean_of(const std::vector<double>& x) {
  const auto n = static_cast<double>(x.size());
  double sum = 0.0, squares = 0.0;
  for (const double value : x) sum += value;
  const double mean = sum / n;
  for (const double value : x) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / (n - 1) / n)};  // NaN for one sample: it has no error to show
}

Estimate root_of(Estimate x) {
  const double root = std::sqrt(x.value);
  if (root == 0 && !std::isnan(x.error)) return {0.0, 0.0};
  return {root, x.error / (2 * root)};
}

AnchorSummary summarise(const Manifold& m) {
  const auto n = m.squared_projection.size();
  AnchorSummary s{};
  for (std::size_t k = 0; k < n; ++k) {
    if (std::isnan(m.residual[k])) s.n_failed += 1;
    s.residual = std::max(s.residual, m.residual[k]);
    s.interior += m.interior[k] ? 1.0 / static_cast<double>(n) : 0.0;
  }
  if (s.n_failed > 0) {
    const Estimate none{kNaN, kNaN};
    s.capacity = s.radius = s.radius_uncentered = s.dimension = s.dimension_prx = none;
    s.residual = kNaN;
    return s;
  }
  // Errors of functions of means by the delta method. That the mean anchor is itself estimated does
  // not matter to first order, since the mean minimises the mean squared distance.
  const Estimate inverse = mean_of(m.squared_projection);
  s.capacity = {1 / inverse.value, inverse.error / (inverse.value * inverse.value)};

  const Index n_dims = m.n_dims;
  Vector mean = Vector::Zero(n_dims), away(n_dims);
  for (Index k = 0; k < m.anchors.rows(); ++k) mean += m.anchors.row(k);
  mean /= static_cast<double>(n);
  std::vector<double> centred(n), uncentred(n), squared_along(n);
  for (std::size_t k = 0; k < n; ++k) {
    const double* anchor = m.anchors.row(static_cast<Index>(k)).data();
    for (Index d = 0; d < n_dims; ++d) away[d] = anchor[d] - mean[d];
    centred[k] = squared_norm(away.data(), n_dims);
    uncentred[k] = squared_norm(anchor, n_dims);
    squared_along[k] = m.along[k] * m.along[k];
  }
  // Distances from the sample mean are too small by (n - 1)/n in the mean square.
  s.radius = root_of(mean_of(centred));
  const double spread = std::sqrt(static_cast<double>(n) / static_cast<double>(n - 1));
  s.radius = {s.radius.value * spread, s.radius.error * spread};
  s.radius_uncentered = root_of(mean_of(uncentred));
  s.dimension_prx = mean_of(squared_along);
  const Estimate cosine = mean_of(m.cosine);
  const auto dims = static_cast<double>(n_dims);
  s.dimension = {dims * cosine.value * cosine.value, 2 * dims * std::abs(cosine.value) * cosine.error};
  return s;
}

}  // namespace

void anchor_statistics(const std::vector<AnchorJob>& jobs, double margin, Index n_samples, std::uint64_t key,
                       int n_threads, const Monitor& monitor, AnchorSummary* summaries) {
  const auto n_jobs = static_cast<Index>(jobs.size());
  const Index blocks_per_job = (n_samples + kTargetBlock - 1) / kTargetBlock;
  // Manifolds at work at once. One thread needs one slot; several wait for each other at the end of a wave,
  // which takes long where others use the machine too: then all are one wave.
  const Index wave = n_threads == 1 ? std::min<Index>(n_jobs, 1) : n_jobs;
  std::vector<Manifold> slots(static_cast<std::size_t>(wave));

  const auto solve_block = [&](Scratch& scratch, const AnchorJob& job, Manifold& manifold, Index block,
                               const Checkpoint& checkpoint) {
    const Generators& generators = manifold.problem->generators;
    const Index width = manifold.n_dims + 1;
    if (scratch.generators != &generators) {
      scratch.generators = &generators;
      const bool many = generators.n_points > kManyPoints;
      scratch.solver = std::make_unique<ActiveSet>(generators, many ? checkpoint : Checkpoint{});
      scratch.draws.setZero(kTargetBlock, width);
      scratch.values.resize(kTargetBlock, generators.stride);
    }
    const Index begin = block * kTargetBlock;
    const Index count = std::min(kTargetBlock, n_samples - begin);
    if (job.draws == nullptr) {
      standard_normals(key, job.stream, static_cast<std::uint64_t>(begin), count, width, scratch.draws.data(),
                       width);
    } else {
      std::copy_n(job.draws + begin * width, count * width, scratch.draws.data());
    }
    if (count < kTargetBlock) scratch.draws.bottomRows(kTargetBlock - count).setZero();
    manifold.problem->multiply(scratch.draws, scratch.values);
    for (Index k = 0; k < count; ++k) {
      manifold.problem->constrain(scratch.values.row(k).data());
      solve_sample(job, manifold, *scratch.solver, scratch.draws.row(k).data(), scratch.values.row(k).data(),
                   begin + k);
    }
    if (job.squared_projection != nullptr)
      std::copy_n(manifold.squared_projection.data() + begin, count, job.squared_projection + begin);
  };

  for (Index first = 0; first < n_jobs; first += wave) {
    const Index count = std::min(wave, n_jobs - first);
    // Progress is counted in manifolds over the whole call; the short phases can be interrupted.
    const Monitor at_start = [&](Index, Index) { return monitor && monitor(first, n_jobs); };
    const Monitor solving = [&](Index done, Index) {
      return monitor && monitor(first + done / blocks_per_job, n_jobs);
    };
    parallel_ranges(count, 1, n_threads, at_start, [&](const Checkpoint& checkpoint) -> RangeBody {
      return [&, checkpoint](Index begin, Index end) {
        for (Index j = begin; j < end; ++j) slots[j].prepare(jobs[first + j], margin, n_samples, checkpoint);
      };
    });
    parallel_ranges(count * blocks_per_job, 1, n_threads, solving,
                    [&](const Checkpoint& checkpoint) -> RangeBody {
                      const auto scratch = std::make_shared<Scratch>();
                      return [&, scratch, checkpoint](Index begin, Index end) {
                        for (Index b = begin; b < end; ++b) {
                          const Index j = b / blocks_per_job;
                          solve_block(*scratch, jobs[first + j], slots[j], b % blocks_per_job, checkpoint);
                        }
                      };
                    });
    const Monitor at_end = [&](Index, Index) { return monitor && monitor(first + count, n_jobs); };
    parallel_for(count, n_threads, at_end, [&](Index j) { summaries[first + j] = summarise(slots[j]); });
  }
}

}  // namespace neurogeom
