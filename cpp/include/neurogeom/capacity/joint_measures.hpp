// What one sample's anchor points measure, and how that depends on their mean over samples.
//
// With S the P x N matrix of anchor points, S0 = E[S], S1 = S - S0 and t the draw,
//
//   b = (S1 t)'(S1 S1')^+ (S1 t),   c = (S1 t)'(S0 S0' + S1 S1')^+ (S1 t),
//
// eigenvalues below 1e-10 of the largest counting as zero; with Inactive::drop all rows, those of S0 too, are
// those of the active manifolds. Alignments of a pair of manifolds are the cosine, its magnitude, and the
// magnitude of the inner product, of (s0_m, s0_n), (s1_m, s1_n), (s0_m, s1_n) and, of one manifold, of
// (s0_m, s1_m). The matrices are means over the samples in which a pair has them (with Inactive::drop: over
// all samples, 0 where a member is inactive), and an alignment is the mean of its matrix over m != n.
//
// S0 is itself an estimate, so that the error of a mean over samples has two parts: the measures of the
// samples vary, and all of them move with S0. The second part needs the gradients by S0.
#pragma once

#include <array>
#include <vector>

#include "neurogeom/capacity/anchor_points.hpp"

namespace neurogeom {

// b, c, c / (b - c), and the three forms of each alignment; of a sample, but for those of centers.
enum Measure {
  m_b,
  m_c,
  m_ratio,
  m_axis,
  m_center_axis = m_axis + 3,
  m_own = m_center_axis + 3,
  m_center = m_own + 3
};
constexpr int kForms = 3;
constexpr int kSampleMeasures = m_center;
constexpr int kAllMeasures = m_center + kForms;

// Sums over samples that are added up in a fixed order.
struct MeasureSums {
  explicit MeasureSums(Index n_manifolds);
  void add(const MeasureSums& other);

  // Of pairs, and on the diagonal of center_axis of one manifold; of axis and center the lower triangle.
  std::array<RowMatrix, kForms> axis, center_axis;
  RowMatrix center_cosine, center_product;  // of the centers without this sample
  RowMatrix axis_count, center_axis_count;
  Vector squared_axis;  // |s1_m|^2
};

// In how many samples manifolds, and pairs of them, take part.
struct Presence {
  Presence(Index n_manifolds)
      : single(Vector::Zero(n_manifolds)), both(RowMatrix::Zero(n_manifolds, n_manifolds)) {}
  Vector single;
  RowMatrix both;
  double n_samples = 0.0;
};

// Sums of the gradients by S0, direct + coefficient * S0: rows q P .. (q + 1) P - 1 of direct are measure
// q's, those of coefficient measure m_axis + q's. Forms have no coefficients, and centers nothing direct.
struct GradientSums {
  GradientSums(Index n_manifolds, Index n_dims);
  void add(const GradientSums& other);

  RowMatrix direct;       // (m_center P) x n_dims
  RowMatrix coefficient;  // ((kAllMeasures - m_axis) P) x P
  std::array<double, kAllMeasures> count{};
};

class JointMeasures {
 public:
  // Centers of manifolds that never take part are zero. All that is given outlives this.
  JointMeasures(const JointCones& cones, const RowMatrix& centers, const Presence& presence,
                Inactive inactive);

  // Values of the sample that `points` has found; the ratio is NaN where it is not defined, alignments are
  // sums over pairs in which each counts by weight(): their mean over samples is the sum of the matrix.
  // gradient may be null.
  void measure(const AnchorPoints& points, Index sample, std::array<double, kSampleMeasures>& values,
               MeasureSums& sums, GradientSums* gradient);

  // Alignments of centers: matrices, and the gradients of their means.
  void align_centers(std::array<RowMatrix, kForms>& matrices, GradientSums& gradient) const;
  // What the value of axis m with axis k (center m with axis k) counts in a sample that has it.
  double axis_weight(Index m, Index k) const;
  double center_axis_weight(Index m, Index k) const;

 private:
  void prepare(const AnchorPoints& points, Index sample, MeasureSums& sums);
  void evaluate_forms();
  void add_form_gradients(const AnchorPoints& points, Index sample,
                          const std::array<double, kSampleMeasures>& values, GradientSums& gradient);
  void align(std::array<double, kSampleMeasures>& values, MeasureSums& sums);
  void leave_out(MeasureSums& sums);
  void add_alignment_gradients(GradientSums& gradient);

  const JointCones& cones_;
  const RowMatrix& centers_;
  const Presence& presence_;
  const Inactive inactive_;
  const Index n_, p_;
  RowMatrix center_gram_;
  Vector inverse_center_;
  std::vector<char> has_center_;
  RowMatrix anchors_, axes_, gram_, cross_, coefficients_;
  Vector along_, inverse_length_, solution_b_, solution_c_;
  double b_ = 0.0, c_ = 0.0;
  std::vector<char> defined_, part_;
  std::vector<Index> kept_;  // rows of b and c
  std::vector<const double*> anchor_rows_, center_rows_;
};

}  // namespace neurogeom
