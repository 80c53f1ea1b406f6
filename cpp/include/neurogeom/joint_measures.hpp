// What one sample's anchor points measure, and how that depends on their mean over samples.
//
// With S the P x N matrix of anchor points, S0 = E[S], S1 = S - S0 and t the draw,
//
//   b = (S1 t)'(S1 S1')^+ (S1 t),   c = (S1 t)'(S0 S0' + S1 S1')^+ (S1 t),
//
// eigenvalues below 1e-10 of the largest counting as zero. Alignments of a pair of manifolds are the cosine,
// its magnitude, and the magnitude of the inner product, of (s0_m, s0_n), (s1_m, s1_n) and (s0_m, s1_n);
// those of a sample are means over pairs m != n.
//
// S0 is itself an estimate, so that the error of a mean over samples has two parts: the measures of the
// samples vary, and all of them move with S0. The second part needs the gradients by S0.
#pragma once

#include <array>
#include <vector>

#include "neurogeom/anchor_points.hpp"

namespace neurogeom {

// b, c, c / (b - c), and the three forms of each alignment; of a sample, but for those of centers.
enum Measure { m_b, m_c, m_ratio, m_axis, m_center_axis = m_axis + 3, m_center = m_center_axis + 3 };
constexpr int kForms = 3;
constexpr int kSampleMeasures = m_center;
constexpr int kAllMeasures = m_center + kForms;

// Sums over samples that are added up in a fixed order.
struct MeasureSums {
  explicit MeasureSums(Index n_manifolds);
  void add(const MeasureSums& other);

  std::array<RowMatrix, kForms> axis, center_axis;  // of pairs; of axis the lower triangle
  RowMatrix axis_count, center_axis_count;
  Vector squared_axis;  // |s1_m|^2
};

// Sums of the gradients by S0: of measure q, rows q P .. (q + 1) P - 1 of direct + coefficient * S0.
struct GradientSums {
  GradientSums(Index n_manifolds, Index n_dims);
  void add(const GradientSums& other);

  RowMatrix direct;       // (kAllMeasures P) x n_dims
  RowMatrix coefficient;  // (kAllMeasures P) x P
  std::array<double, kAllMeasures> count{};
};

class JointMeasures {
 public:
  JointMeasures(const JointCones& cones, const RowMatrix& centers);

  // Values of the sample that `points` has found, NaN where not defined. gradient may be null.
  void measure(const AnchorPoints& points, Index sample, std::array<double, kSampleMeasures>& values,
               MeasureSums& sums, GradientSums* gradient);

  // Alignments of centers: matrices, means, and their gradients.
  void align_centers(std::array<RowMatrix, kForms>& matrices, std::array<double, kForms>& means,
                     GradientSums& gradient) const;

 private:
  void prepare(const AnchorPoints& points, Index sample, MeasureSums& sums);
  void evaluate_forms();
  void add_form_gradients(const AnchorPoints& points, Index sample,
                          const std::array<double, kSampleMeasures>& values, GradientSums& gradient);
  void align(std::array<double, kSampleMeasures>& values, MeasureSums& sums);
  void add_alignment_gradients(GradientSums& gradient);

  const JointCones& cones_;
  const RowMatrix& centers_;
  const Index n_, p_;
  RowMatrix center_gram_;
  Vector inverse_center_;
  std::vector<char> has_center_;
  RowMatrix anchors_, axes_, gram_, cross_, sum_, coefficients_;
  Vector along_, inverse_length_, solution_b_, solution_c_;
  double b_ = 0.0, c_ = 0.0, n_axis_ = 0.0, n_center_axis_ = 0.0;
  std::vector<char> defined_;
  std::vector<const double*> anchor_rows_, center_rows_;
};

}  // namespace neurogeom
