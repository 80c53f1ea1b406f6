#include "neurogeom/joint_anchors.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>

#include "neurogeom/kernels.hpp"

namespace neurogeom {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Index kSamplesAtOnce = 16;
// The gradients by S0 are means over about this many samples at most: they need not be known better than
// that.
constexpr Index kGradientSamples = 256;

// The samples that are used, in blocks; sums are made block by block and added in order.
class Samples {
 public:
  Samples(const JointCones& cones, const std::vector<JointProjection>& projections) {
    for (Index s = 0; s < cones.n_samples(); ++s)
      if (projections[s].status == Status::converged && !projections[s].inseparable) used_.push_back(s);
  }
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
      : weights(Vector::Zero(n_points)),
        taking_part(Vector::Zero(n_manifolds)),
        active(Vector::Zero(n_manifolds)) {}
  Vector weights, taking_part, active;
};

struct Worker {
  AnchorPoints points;
  std::optional<JointMeasures> measures;
};

}  // namespace

JointAnchors joint_anchors(const JointCones& cones, const std::vector<JointProjection>& projections,
                           Inactive inactive, int n_threads, const Monitor& monitor) {
  const Index p = cones.n_manifolds(), n = cones.points.cols(), n_points = cones.points.rows();
  const Samples samples(cones, projections);
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
      sums.taking_part[m] += worker.points.takes_part(m) ? 1 : 0;
      sums.active[m] += worker.points.active(m) ? 1 : 0;
    }
  });
  AnchorSums total(p, n_points);
  for (const auto& part : parts) {
    total.weights += part->weights;
    total.taking_part += part->taking_part;
    total.active += part->active;
  }
  parts.clear();
  out.mean_weights = total.weights;
  out.centers = RowMatrix::Zero(p, n);
  for (Index m = 0; m < p; ++m)  // NaN where a manifold never takes part
    for (Index i = cones.starts[m]; i < cones.starts[m + 1]; ++i) {
      out.mean_weights[i] /= total.taking_part[m];
      axpy(out.mean_weights[i], cones.points.row(i).data(), out.centers.row(m).data(), n);
    }
  out.active_fraction = total.active / n_used;

  // Second pass: the measures of each sample, and their gradients by S0.
  const Index step = std::max<Index>(1, (samples.size() + kGradientSamples - 1) / kGradientSamples);
  std::vector<std::optional<MeasureSums>> measure_parts(n_blocks);
  std::vector<std::optional<GradientSums>> gradient_parts(n_blocks);
  const auto make_measures = [&] {
    auto worker = make();
    worker->measures.emplace(cones, out.centers);
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
  out.squared_axis = sums.squared_axis.cwiseQuotient(total.taking_part);
  for (int f = 0; f < kForms; ++f) {
    out.axis_matrix[f] = sums.axis[f].cwiseQuotient(sums.axis_count);
    out.axis_matrix[f].triangularView<Eigen::StrictlyUpper>() = out.axis_matrix[f].transpose();
    out.center_axis_matrix[f] = sums.center_axis[f].cwiseQuotient(sums.center_axis_count);
  }
  JointMeasures(cones, out.centers).align_centers(out.center_matrix, out.center_mean, gradient);

  // Third pass: a sample moves S0_m by (s_m - S0_m) / (number that take part), and the means by the product
  // of that with the gradient; which is a sum over its points of weights times products of those with the
  // gradient.
  gradient.direct.noalias() += gradient.coefficient * out.centers;
  RowMatrix of_points(n_points, kAllMeasures), of_centers(p, kAllMeasures);
  parallel_for(p, n_threads, monitor, [&](Index m) {
    for (int q = 0; q < kAllMeasures; ++q) {
      const double* row = gradient.direct.row(q * p + m).data();
      const double scale = n_used / total.taking_part[m] / gradient.count[q];
      of_centers(m, q) = scale * dot(row, out.centers.row(m).data(), n);
      for (Index i = cones.starts[m]; i < cones.starts[m + 1]; ++i)
        of_points(i, q) = scale * dot(row, cones.points.row(i).data(), n);
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
  });
  return out;
}

}  // namespace neurogeom
