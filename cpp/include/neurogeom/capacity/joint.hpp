// Projections on the joint cones of a set of manifolds, and the geometry of their anchor points.
//
// Points x_i of P manifolds are the rows of one matrix, those of manifold m being starts[m] .. starts[m + 1]
// - 1. For a draw t and a dichotomy y (+1 or -1 for each manifold), with a margin kappa,
//
//   v = argmin |v - t|^2 subject to y_m x_i.v <= -kappa for all points,  q = t - v = sum a_i y_m x_i, a >= 0,
//
// and the capacity is P / E|q|^2. A dichotomy is inseparable if no v has y_m x_i.v < 0 for all points (those
// at the origin aside, which say nothing of any v), that is, if the origin is in the convex hull of the y_m
// x_i; with a margin the same is that no v has it. Chou et al., "Geometry linked to untangling efficiency"
// (GLUE); Wakhloo, Sussman and Chung, Phys. Rev. Lett. 131, 027301 (2023).
#pragma once

#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/cone/problem.hpp"

namespace neurogeom {

// What is viewed has to outlive it. starts rises from 0 to the number of points; labels are +1 or -1; points
// and draws are finite.
struct JointCones {
  MatrixView points;
  std::vector<Index> starts;
  MatrixView draws;           // n_samples x n_dims
  const std::int8_t* labels;  // n_samples x n_manifolds
  bool dead = false;          // nothing is to be projected: every sample has the status `dead`

  Index n_manifolds() const { return static_cast<Index>(starts.size()) - 1; }
  Index n_samples() const { return draws.rows(); }
};

// The positive weights of one sample: points and a_i.
struct SparseWeights {
  std::vector<Index> point;
  std::vector<double> weight;
};

struct JointProjection {
  double squared = 0.0;   // |q|^2; NaN where the status is not `converged`
  double residual = 0.0;  // as in cone.hpp, for points scaled to lengths in [1/2, 1)
  Status status = Status::converged;
  // Without a margin, where the status is `converged`: the dichotomy is inseparable. Both answers rest on a
  // certificate: that of separability.hpp, or that the points at which v is on the boundary are linearly
  // independent. What has a margin of rounding only counts as inseparable.
  bool inseparable = false;
  // Nothing of t is left in the span of the points: the cone holds it, as it does wherever it is the whole
  // span and elsewhere by chance, and the weights are one choice of many.
  bool undetermined = false;
  SparseWeights weights;

  // Whether the weights tell the anchor points.
  bool has_anchors() const { return status == Status::converged && !undetermined; }
};

// The margin is not negative.
std::vector<JointProjection> project_joint(const JointCones& cones, double margin, int n_threads,
                                           const Monitor& monitor);

}  // namespace neurogeom
