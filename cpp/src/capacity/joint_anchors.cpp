#include "neurogeom/capacity/joint_anchors.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <utility>

#include "neurogeom/base/lanes.hpp"

namespace neurogeom {
namespace {

constexpr Index kSamplesAtOnce = 16;
// The gradients by S0 are means over about this many samples at most: they need not be known better than
// that.
constexpr Index kGradientSamples = 256;

// The samples that have anchors, in blocks; sums are made block by block and added in order.
class Samples {
 public:
  explicit Samples(const std::vector<JointProjection>& projections) {
    for (std::size_t s = 0; s < projections.size(); ++s)
      if (projections[s].has_anchors()) used_.push_back(static_cast<Index>(s));
  }
  void leave_all_out() { used_.clear(); }
  Index size() const { return static_cast<Index>(used_.size()); }
  Index n_blocks() const { return (size() + kSamplesAtOnce - 1) / kSamplesAtOnce; }

  // make() gives a worker's scratch, body(scratch, sample, position, block) is called for each sample.
  template <class Make, class Body>
  void run(int n_threads, const Monitor& monitor, const Make& make, const Body& body) const {
    parallel_ranges(n_blocks(), 1, n_threads, monitor, [&](const Checkpoint& checkpoint) -> RangeBody {
      const std::shared_ptr scratch = make();
      return [&, scratch, checkpoint](Index begin, Index end) {
        for (Index b = begin; b < end; ++b)
          for (Index i = b * kSamplesAtOnce; i < std::min(size(), (b + 1) * kSamplesAtOnce); ++i) {
            checkpoint();
            body(*scratch, used_[i], i, b);
          }
      };
    });
  }

 private:
  std::vector<Index> used_;
};

// Sums of the first pass: weights of the points, and in how many samples a manifold takes part and is active.
struct AnchorSums {
  AnchorSums(Index n_manifolds, Index n_points)
      : weights(Vector::Zero(n_points)), active(Vector::Zero(n_manifolds)), presence(n_manifolds) {}
  void add(const AnchorSums& other) {
    weights += other.weights;
    active += other.active;
    presence.single += other.presence.single;
    presence.both += other.presence.both;
  }
  Vector weights, active;
  Presence presence;
};

double without_nan(double x) {
  return std::isnan(x) ? 0.0 : x;
}

struct Worker {
  AnchorPoints points;
  std::optional<JointMeasures> measures;
};

}  // namespace

JointAnchors joint_anchors(const JointCones& cones, const std::vector<JointProjection>& projections,
                           Inactive inactive, int n_threads, const Monitor& monitor) {
  const Index p = cones.n_manifolds(), n = cones.points.cols(), n_points = cones.points.rows();
  const bool drop = inactive == Inactive::drop, partial = drop || inactive == Inactive::exclude;
  Samples samples(projections);
  if (std::any_of(projections.begin(), projections.end(),
                  [](const JointProjection& one) { return one.status != Status::converged; }))
    samples.leave_all_out();
  const auto n_used = static_cast<double>(samples.size());
  const auto n_blocks = static_cast<std::size_t>(samples.n_blocks());
  JointAnchors out;
  out.values = RowMatrix::Constant(kSampleMeasures, cones.n_samples(), kNaN);
  out.shifts = RowMatrix::Constant(kAllMeasures, cones.n_samples(), kNaN);

  // First pass: S0.
  const auto make = [&] {
    return std::make_shared<Worker>(Worker{AnchorPoints(cones, projections, inactive), std::nullopt});
  };
  std::vector<std::optional<AnchorSums>> parts(n_blocks);
  samples.run(n_threads, monitor, make, [&](Worker& worker, Index sample, Index, Index block) {
    if (!parts[block]) parts[block].emplace(p, n_points);
    AnchorSums& sums = *parts[block];
    worker.points.find(sample);
    for (const AnchorPoints::Share& share : worker.points.shares()) sums.weights[share.point] += share.weight;
    for (Index m = 0; m < p; ++m) {
      sums.active[m] += worker.points.active(m) ? 1 : 0;
      if (!worker.points.takes_part(m)) continue;
      sums.presence.single[m] += 1;
      if (!partial) continue;
      for (Index k = 0; k < m; ++k) sums.presence.both(m, k) += worker.points.takes_part(k) ? 1 : 0;
    }
  });
  AnchorSums total(p, n_points);
  for (const auto& part : parts) total.add(*part);
  parts.clear();
  Presence& presence = total.presence;
  presence.n_samples = n_used;
  if (!partial) presence.both.setConstant(n_used);
  presence.both.triangularView<Eigen::StrictlyUpper>() = presence.both.transpose();
  out.mean_weights = total.weights;
  out.centers = RowMatrix::Zero(p, n);
  for (Index m = 0; m < p; ++m)
    for (Index i = cones.starts[m]; i < cones.starts[m + 1]; ++i) {
      out.mean_weights[i] /= presence.single[m];  // NaN where a manifold never takes part
      if (presence.single[m] > 0)
        axpy(out.mean_weights[i], cones.points.row(i).data(), out.centers.row(m).data(), n);
    }
  out.active_fraction = total.active / n_used;

  // Second pass: the measures of each sample, and their gradients by S0.
  const Index step = std::max<Index>(1, (samples.size() + kGradientSamples - 1) / kGradientSamples);
  std::vector<std::optional<MeasureSums>> measure_parts(n_blocks);
  std::vector<std::optional<GradientSums>> gradient_parts(n_blocks);
  const auto make_measures = [&] {
    auto worker = make();
    worker->measures.emplace(cones, out.centers, presence, inactive);
    return worker;
  };
  samples.run(n_threads, monitor, make_measures,
              [&](Worker& worker, Index sample, Index position, Index block) {
                if (!measure_parts[block]) measure_parts[block].emplace(p);
                const bool with_gradient = position % step == 0;
                if (with_gradient && !gradient_parts[block]) gradient_parts[block].emplace(p, n);
                worker.points.find(sample);
                std::array<double, kSampleMeasures> values;
                worker.measures->measure(worker.points, sample, values, *measure_parts[block],
                                         with_gradient ? &*gradient_parts[block] : nullptr);
                for (int q = 0; q < kSampleMeasures; ++q) out.values(q, sample) = values[q];
              });
  MeasureSums sums(p);
  for (const auto& part : measure_parts) sums.add(*part);
  GradientSums gradient(p, n);
  for (const auto& part : gradient_parts)
    if (part) gradient.add(*part);
  gradient_parts.clear();
  out.squared_axis = sums.squared_axis.cwiseQuotient(presence.single);
  if (drop) {  // counted as 0 where a member is inactive
    sums.axis_count.setConstant(n_used);
    sums.center_axis_count.setConstant(n_used);
  }
  // Pairs, or manifolds, whose alignment any sample has.
  double n_axis = 0.0, n_center_axis = 0.0, n_own = 0.0;
  for (Index m = 0; m < p; ++m)
    for (Index k = 0; k < p; ++k) {
      if (k < m && sums.axis_count(m, k) > 0) n_axis += 2;
      if (sums.center_axis_count(m, k) > 0) (m == k ? n_own : n_center_axis) += 1;
    }
  for (int f = 0; f < kForms; ++f)
    for (const auto& [row, n_pairs] :
         {std::pair(m_axis + f, n_axis), {m_center_axis + f, n_center_axis}, {m_own + f, n_own}}) {
      out.values.row(row) /= n_pairs;
      gradient.count[row] *= n_pairs;
    }
  const JointMeasures centers(cones, out.centers, presence, inactive);
  centers.align_centers(out.center_matrix, gradient);
  for (int f = 0; f < kForms; ++f) {
    out.axis_matrix[f] = sums.axis[f].cwiseQuotient(sums.axis_count);
    out.axis_matrix[f].diagonal().setConstant(kNaN);
    out.axis_matrix[f].triangularView<Eigen::StrictlyUpper>() = out.axis_matrix[f].transpose();
    out.center_axis_matrix[f] = sums.center_axis[f].cwiseQuotient(sums.center_axis_count);
  }
  // Jackknife of the signed values.
  out.center_corrected = out.center_matrix;
  for (Index m = 0; m < p && n_used > 1; ++m)
    for (Index k = 0; k < p; ++k) {
      const double cosine = out.center_matrix[0](m, k), sign = cosine < 0 ? -1.0 : 1.0;
      const Index row = std::max(m, k), column = std::min(m, k);
      if (m == k || !std::isfinite(sums.center_cosine(row, column))) continue;
      const auto corrected = [&](double plain, double sum) {
        return n_used * plain - (n_used - 1) / n_used * sum;
      };
      const double better = std::clamp(corrected(cosine, sums.center_cosine(row, column)), -1.0, 1.0);
      const double product = sign * out.center_matrix[2](m, k);
      out.center_corrected[0](m, k) = better;
      out.center_corrected[1](m, k) = std::abs(better);
      out.center_corrected[2](m, k) = std::abs(corrected(product, sums.center_product(row, column)));
    }

  // Where not all samples have a pair, only what is beyond its mean moves that mean; and where they count as
  // 0, so does the share of the samples that have it.
  std::array<RowMatrix, kForms> of_pair;
  std::array<Vector, kForms> of_axis, of_own;
  for (int f = 0; f < kForms && partial; ++f) {
    of_pair[f] = RowMatrix::Zero(p, p);
    of_axis[f] = of_own[f] = Vector::Zero(p);
    for (Index m = 0; m < p; ++m)
      for (Index k = 0; k < p; ++k) {
        if (k < m) {
          const double value = drop ? out.center_matrix[f](m, k) / static_cast<double>(p * (p - 1))
                                    : out.axis_matrix[f](m, k) / n_axis;
          of_pair[f](m, k) = without_nan(2 * value * n_used / presence.both(m, k));
        }
        const double value = out.center_axis_matrix[f](m, k) * n_used / presence.single[k];
        (m == k ? of_own : of_axis)[f][k] += without_nan(value / (m == k ? n_own : n_center_axis));
      }
  }

  // Third pass: a sample moves S0_m by (s_m - S0_m) / (number that take part), and the means by the product
  // of that with the gradient; which is a sum over its points of weights times products of those with the
  // gradient.
  RowMatrix by_center = RowMatrix::Zero(kAllMeasures * p, n);
  by_center.topRows(gradient.direct.rows()) = gradient.direct;
  by_center.bottomRows(gradient.coefficient.rows()).noalias() += gradient.coefficient * out.centers;
  RowMatrix of_points(n_points, kAllMeasures), of_centers(p, kAllMeasures);
  parallel_for(p, n_threads, monitor, [&](Index m) {
    for (int q = 0; q < kAllMeasures; ++q) {
      const double* row = by_center.row(q * p + m).data();
      const double scale = n_used / presence.single[m] / gradient.count[q];
      of_centers(m, q) = scale * dot(row, out.centers.row(m).data(), n);
      for (Index i = cones.starts[m]; i < cones.starts[m + 1]; ++i)
        if (total.weights[i] > 0) of_points(i, q) = scale * dot(row, cones.points.row(i).data(), n);
    }
  });
  samples.run(n_threads, monitor, make, [&](Worker& worker, Index sample, Index, Index) {
    worker.points.find(sample);
    Vector shift = Vector::Zero(kAllMeasures);
    for (const AnchorPoints::Share& share : worker.points.shares())
      shift += share.weight * of_points.row(share.point);
    for (Index m = 0; m < p; ++m)
      if (worker.points.takes_part(m)) shift -= of_centers.row(m);
    out.shifts.col(sample) = shift;
    for (int f = 0; f < kForms && partial; ++f)
      for (Index m = 0; m < p; ++m) {
        if (!worker.points.takes_part(m)) continue;
        double& pairs = drop ? out.shifts(m_center + f, sample) : out.values(m_axis + f, sample);
        for (Index k = 0; k < m; ++k)
          if (worker.points.takes_part(k)) pairs += (drop ? 1 : -1) * of_pair[f](m, k);
        if (drop) continue;
        out.values(m_center_axis + f, sample) -= of_axis[f][m];
        out.values(m_own + f, sample) -= of_own[f][m];
      }
  });
  for (Index m = 0; m < p; ++m)
    if (presence.single[m] == 0) out.centers.row(m).setConstant(kNaN);
  return out;
}

RowMatrix joint_parts(const JointCones& cones, const std::vector<JointProjection>& projections, int n_threads,
                      const Monitor& monitor) {
  const Index p = cones.n_manifolds(), n = cones.points.cols();
  RowMatrix centers = RowMatrix::Zero(p, n);
  std::vector<Index> manifold_of;
  for (Index m = 0; m < p; ++m) {
    manifold_of.resize(cones.starts[m + 1], m);
    for (Index i = cones.starts[m]; i < cones.starts[m + 1]; ++i)
      axpy(1.0, cones.points.row(i).data(), centers.row(m).data(), n);
    centers.row(m) /= static_cast<double>(cones.starts[m + 1] - cones.starts[m]);
  }
  struct Sums {
    Sums(Index n_manifolds, Index n_dims)
        : total(n_manifolds), center(n_manifolds, n_dims), whole(n_manifolds, n_dims) {}
    Vector total;             // of the signed weights
    RowMatrix center, whole;  // A_m, and A_m + B_m
  };
  RowMatrix out = RowMatrix::Constant(kParts, cones.n_samples(), kNaN);
  const auto make = [&] { return std::make_shared<Sums>(p, n); };
  Samples(projections).run(n_threads, monitor, make, [&](Sums& sums, Index sample, Index, Index) {
    const SparseWeights& weights = projections[sample].weights;
    sums.total.setZero();
    sums.whole.setZero();
    for (std::size_t i = 0; i < weights.point.size(); ++i) {
      const Index m = manifold_of[weights.point[i]];
      const double weight = cones.labels[sample * p + m] * weights.weight[i];
      sums.total[m] += weight;
      axpy(weight, cones.points.row(weights.point[i]).data(), sums.whole.row(m).data(), n);
    }
    for (Index m = 0; m < p; ++m) sums.center.row(m) = sums.total[m] * centers.row(m);
    Vector all_centers = Vector::Zero(n), all_axes = Vector::Zero(n);
    double centers_alone = 0.0, axes_alone = 0.0, both = 0.0, whole = 0.0;
    Vector axis(n);
    for (Index m = 0; m < p; ++m) {
      const double* center = sums.center.row(m).data();
      axis = sums.whole.row(m) - sums.center.row(m);
      axpy(1.0, center, all_centers.data(), n);
      axpy(1.0, axis.data(), all_axes.data(), n);
      centers_alone += squared_norm(center, n);
      axes_alone += squared_norm(axis.data(), n);
      both += dot(center, axis.data(), n);
      whole += squared_norm(sums.whole.row(m).data(), n);
    }
    out(p_center_center, sample) = squared_norm(all_centers.data(), n) - centers_alone;
    out(p_axis_axis, sample) = squared_norm(all_axes.data(), n) - axes_alone;
    out(p_center_axis, sample) = 2 * (dot(all_centers.data(), all_axes.data(), n) - both);
    out(p_individual, sample) = whole;
  });
  return out;
}

}  // namespace neurogeom
