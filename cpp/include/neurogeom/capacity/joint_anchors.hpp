// Geometry of the anchor points of joint cones (joint.hpp): the measures of joint_measures.hpp over all
// samples.
#pragma once

#include <array>
#include <vector>

#include "neurogeom/capacity/joint_measures.hpp"

namespace neurogeom {

struct JointAnchors {
  // Per sample, NaN where the sample is not used: the measures, and by how much the mean of each measure over
  // samples moves with this sample by way of S0, times the number of samples used.
  RowMatrix values;  // kSampleMeasures x n_samples
  RowMatrix shifts;  // kAllMeasures x n_samples

  RowMatrix centers;    // S0
  Vector mean_weights;  // on the points: S0_m = sum over its points
  // Means over samples; the diagonal of the last is each manifold's own.
  std::array<RowMatrix, kForms> center_matrix, axis_matrix, center_axis_matrix;
  // Alignment of centers without its first-order bias in 1 / n_samples (jackknife).
  std::array<RowMatrix, kForms> center_corrected;
  Vector active_fraction;  // per manifold
  Vector squared_axis;     // mean of |s1_m|^2 over the samples in which manifold m takes part
};

// Uses the samples whose weights determine the anchor points; none if the projection of any sample failed.
// Projections are those of project_joint, without a margin.
JointAnchors joint_anchors(const JointCones& cones, const std::vector<JointProjection>& projections,
                           Inactive inactive, int n_threads, const Monitor& monitor);

// Parts of |q|^2 in each sample whose weights determine them, else NaN. With c_m the mean of the points of
// manifold m, q is the sum over manifolds of the centre's part A_m = y_m c_m sum a_i and the rest, the axes'
// part B_m = sum a_i y_m (x_i - c_m). Wakhloo, Sussman and Chung, Phys. Rev. Lett. 131, 027301 (2023).
enum Part {
  p_center_center,  // sum over m != n of A_m.A_n
  p_axis_axis,      // the same of B
  p_center_axis,    // twice that of A_m.B_n
  p_individual,     // sum over m of |A_m + B_m|^2
  kParts
};
// kParts x n_samples
RowMatrix joint_parts(const JointCones& cones, const std::vector<JointProjection>& projections, int n_threads,
                      const Monitor& monitor);

}  // namespace neurogeom
