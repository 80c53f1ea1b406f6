// Geometry of the anchor points of joint cones (joint.hpp).
//
// The anchor point of manifold m in a sample is s_m = sum a_i x_i / sum a_i over its points; a manifold
// without positive weights is inactive, and `Inactive` says what then stands in its place. With S the P x N
// matrix of anchor points, S0 = E[S], S1 = S - S0 and t the draw,
//
//   b = (S1 t)'(S1 S1')^+ (S1 t),   c = (S1 t)'(S0 S0' + S1 S1')^+ (S1 t),
//
// eigenvalues below 1e-10 of the largest counting as zero. Alignments of a pair of manifolds are the cosine,
// its magnitude, and the magnitude of the inner product, of (s0_m, s0_n), (s1_m, s1_n) and (s0_m, s1_n).
#pragma once

#include <array>
#include <vector>

#include "neurogeom/joint.hpp"

namespace neurogeom {

// An inactive manifold's anchor: the origin; none (the manifold takes no part in that sample); or the point
// that comes closest to its constraint.
enum class Inactive { zero, exclude, support };

// The three forms of an alignment.
enum AlignmentForm { signed_cosine, absolute_cosine, absolute_product, n_alignment_forms };

struct JointAnchors {
  // Per sample; NaN where the sample is not used or, for alignments, no pair is defined.
  std::vector<double> b, c;
  std::array<std::vector<double>, n_alignment_forms> axis, center_axis;  // mean over pairs
  std::array<std::vector<double>, n_alignment_forms> center_without;     // of S0 without the sample

  RowMatrix centers;                                       // S0
  Vector mean_weights;                                     // on the points: S0_m = sum over its points
  std::array<double, n_alignment_forms> center_mean;       // over pairs of S0
  std::array<RowMatrix, n_alignment_forms> center_matrix;  // of S0
  std::array<RowMatrix, n_alignment_forms> axis_matrix, center_axis_matrix;  // means over samples
  Vector active_fraction;                                                    // per manifold
  Vector squared_axis;                                                       // E|s1_m|^2 where s_m is defined
};

// Uses the samples that converged and are not inseparable.
JointAnchors joint_anchors(const JointCones& cones, const std::vector<JointProjection>& projections,
                           Inactive inactive, int n_threads, const Monitor& monitor);

}  // namespace neurogeom
