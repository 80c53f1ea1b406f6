// Joint cones for tests, with what they view.
#pragma once

#include "check.hpp"
#include "neurogeom/capacity/joint.hpp"

namespace check {

struct Joint {
  std::vector<neurogeom::Index> starts{0};
  neurogeom::RowMatrix points, draws;
  std::vector<std::int8_t> labels;

  // Manifolds of m points around centres of norm about sqrt(n_dims).
  Joint(neurogeom::Index p, neurogeom::Index m, neurogeom::Index n, double radius, neurogeom::Index n_samples,
        std::uint64_t key = 1) {
    points = radius * normals(key, p * m, n);
    const neurogeom::RowMatrix centers = normals(key + 1000, p, n);
    for (neurogeom::Index k = 0; k < p; ++k) {
      points.middleRows(k * m, m).rowwise() += centers.row(k);
      starts.push_back((k + 1) * m);
    }
    sample(n_samples, key);
  }
  // Draws and labels, for points that are there.
  void sample(neurogeom::Index n_samples, std::uint64_t key) {
    draws = normals(key + 2000, n_samples, points.cols());
    const neurogeom::RowMatrix coins = normals(key + 3000, n_samples, n_manifolds());
    labels.clear();
    for (neurogeom::Index i = 0; i < coins.size(); ++i) labels.push_back(coins.data()[i] > 0 ? 1 : -1);
  }
  neurogeom::Index n_manifolds() const { return static_cast<neurogeom::Index>(starts.size()) - 1; }
  double label(neurogeom::Index sample, neurogeom::Index m) const {
    return labels[static_cast<std::size_t>(sample * n_manifolds() + m)];
  }
  neurogeom::JointCones cones() const { return {view(points), starts, view(draws), labels.data()}; }
  neurogeom::RowMatrix signed_points(neurogeom::Index sample) const {
    neurogeom::RowMatrix out = points;
    for (neurogeom::Index m = 0; m < n_manifolds(); ++m)
      out.middleRows(starts[m], starts[m + 1] - starts[m]) *= label(sample, m);
    return out;
  }
  // Weights of a projection on all points.
  neurogeom::Vector weights(const neurogeom::JointProjection& found) const {
    neurogeom::Vector all = neurogeom::Vector::Zero(points.rows());
    for (std::size_t i = 0; i < found.weights.point.size(); ++i)
      all[found.weights.point[i]] = found.weights.weight[i];
    return all;
  }
};

}  // namespace check
