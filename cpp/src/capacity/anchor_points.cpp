#include "neurogeom/capacity/anchor_points.hpp"

#include <algorithm>

#include "neurogeom/base/lanes.hpp"

namespace neurogeom {

AnchorPoints::AnchorPoints(const JointCones& cones, const std::vector<JointProjection>& projections,
                           Inactive inactive)
    : cones_(cones),
      projections_(projections),
      inactive_(inactive),
      total_(static_cast<std::size_t>(cones.n_manifolds())),
      remainder_(static_cast<std::size_t>(cones.points.cols())) {
  for (Index m = 0; m < cones.n_manifolds(); ++m) manifold_of_.resize(cones.starts[m + 1], m);
}

void AnchorPoints::find(Index sample) {
  const SparseWeights& weights = projections_[sample].weights;
  shares_.clear();
  std::fill(total_.begin(), total_.end(), 0.0);
  for (std::size_t i = 0; i < weights.point.size(); ++i) {
    const Index m = manifold_of_[weights.point[i]];
    shares_.push_back({weights.point[i], m, weights.weight[i]});
    total_[m] += weights.weight[i];
  }
  if (inactive_ == Inactive::support) {
    const auto n = cones_.points.cols();
    std::copy_n(cones_.draws.row(sample).data(), n, remainder_.data());
    for (const Share& s : shares_)
      axpy(-label(sample, s.manifold) * s.weight, cones_.points.row(s.point).data(), remainder_.data(), n);
  }
  for (Share& s : shares_) s.weight /= total_[s.manifold];
  if (inactive_ == Inactive::support)
    for (Index m = 0; m < cones_.n_manifolds(); ++m)
      if (!active(m)) shares_.push_back({closest_point(sample, m), m, 1.0});
}

Index AnchorPoints::closest_point(Index sample, Index m) const {
  Index best = cones_.starts[m];
  double most = -kInfinity;
  for (Index i = best; i < cones_.starts[m + 1]; ++i) {
    const double value =
        label(sample, m) * dot(cones_.points.row(i).data(), remainder_.data(), cones_.points.cols());
    if (value > most) {
      most = value;
      best = i;
    }
  }
  return best;
}

void AnchorPoints::form(const RowMatrix& centers, RowMatrix& anchors) const {
  const Index n = cones_.points.cols();
  anchors.setZero(cones_.n_manifolds(), n);
  for (const Share& s : shares_)
    axpy(s.weight, cones_.points.row(s.point).data(), anchors.row(s.manifold).data(), n);
  for (Index m = 0; m < cones_.n_manifolds(); ++m)
    if (!takes_part(m)) anchors.row(m) = centers.row(m);
}

}  // namespace neurogeom
