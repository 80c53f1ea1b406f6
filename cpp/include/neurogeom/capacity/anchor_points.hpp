// The anchor points of a joint cone (joint.hpp): for each manifold of a sample, the mean of its points under
// the weights of the projection.
#pragma once

#include <vector>

#include "neurogeom/capacity/joint.hpp"

namespace neurogeom {

// What is used as the anchor of a manifold without positive weights: the origin; nothing (the manifold takes
// no part in that sample, but its center stays in c); the point that comes closest to its constraint; or
// nothing, and the manifold leaves the sample altogether.
enum class Inactive { zero, exclude, support, drop };

class AnchorPoints {
 public:
  // Projections are those of project_joint on these cones; both outlive this. Samples asked for have anchors
  // (JointProjection::has_anchors).
  AnchorPoints(const JointCones& cones, const std::vector<JointProjection>& projections, Inactive inactive);

  // Convex weights of the points in the anchors of a sample.
  struct Share {
    Index point, manifold;
    double weight;
  };
  void find(Index sample);
  const std::vector<Share>& shares() const { return shares_; }
  bool active(Index m) const { return total_[m] > 0; }
  bool takes_part(Index m) const {
    return active(m) || inactive_ == Inactive::zero || inactive_ == Inactive::support;
  }

  // The anchors as rows; what takes no part gets its row of `centers`.
  void form(const RowMatrix& centers, RowMatrix& anchors) const;

 private:
  double label(Index sample, Index m) const { return cones_.labels[sample * cones_.n_manifolds() + m]; }
  Index closest_point(Index sample, Index m) const;

  const JointCones& cones_;
  const std::vector<JointProjection>& projections_;
  const Inactive inactive_;
  std::vector<Index> manifold_of_;  // of each point
  std::vector<double> total_;       // sum of weights of each manifold
  std::vector<Share> shares_;
  std::vector<double> remainder_;
};

}  // namespace neurogeom
