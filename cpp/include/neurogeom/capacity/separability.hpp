// Whether a hyperplane separates labelled manifolds, with a certificate either way, and from how many random
// dimensions on it does (simulated capacity).
//
// A manifold is the convex hull of its bodies; a body is an ellipsoid {c + sum_k u_k a_k : |u| <= 1}, or a
// point where there are no axes. With labels y the points of the hulls are signed, s = y x (y (x, c0) where
// the hyperplane may have an offset), and
//
//   separable:    a vector w with s.w > 0 for all of them, by more than the products may round;
//   inseparable:  weights a >= 0 on some of them with |sum a_i s_i| <= 1e-12 sum a_i |s_i|: no hyperplane
//                 leaves all points on its side by more than 1e-12 of their lengths (|s_i| being the size of
//                 a body where it has axes);
//   undecided:    neither was found.
//
// Method: the projection of e = (0, .., 0, 1) on the cone of (s_i, 1), by ActiveSet. Its remainder is zero if
// and only if zero is in the convex hull of the s_i, and the weights then certify it; else minus its first
// part is the direction of largest margin. Few of the points matter, so the projection runs on a working
// set: the direction's worst point of each manifold comes in until none is on the wrong side (or the working
// set alone is inseparable). Points of ellipsoids are made in the same way.
#pragma once

#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"

namespace neurogeom {

enum class Separability : std::int8_t { undecided = -1, inseparable = 0, separable = 1 };

// Vectors are finite; signs and labels are +1 or -1.
struct Bodies {
  MatrixView vectors;        // the centres of all bodies, then the axes of the first body, of the second ..
  Index n_axes;              // of each body
  std::vector<Index> first;  // manifold g has the bodies first[g] .. first[g + 1] - 1; none is empty
  bool intercept;            // whether the hyperplane may have an offset
  Index n_bodies() const { return first.back(); }
  Index n_manifolds() const { return static_cast<Index>(first.size()) - 1; }
};

// Decides one labelling after another, each starting from the working set of the last.
class Separator {
 public:
  explicit Separator(const Bodies& bodies, Checkpoint checkpoint = {});

  // Coordinates are n_dims rows of `stride` doubles with a column for each vector of the bodies; one sign a
  // manifold.
  Separability decide(const double* coordinates, Index n_dims, Index stride, const std::int8_t* signs);
  // Begin the next decision without any memory.
  void forget();

 private:
  enum class Outcome { clear, progress, stuck };

  void measure();
  void hebbian_direction();
  double measure_cosines();
  void find_worst();
  Outcome extend(double tolerance);
  void add(Index body);
  void realise();
  void project(const double* target);
  bool zero_in_hull() const;
  void keep_active();

  const Bodies& bodies_;
  const Checkpoint checkpoint_;
  const double* coordinates_ = nullptr;
  const std::int8_t* signs_ = nullptr;
  Index n_dims_ = 0, stride_ = 0, n_columns_ = 0;
  double offset_ = 0.0;              // c0
  std::vector<double> sign_, size_;  // per body: label, and length of the centre and all axes
  std::vector<double> products_;     // of the direction with each vector
  std::vector<double> cosine_;       // per body
  std::vector<Index> worst_, order_;
  std::vector<double> w_;  // the direction
  // Working set: signed points y c - sum_k u_k a_k.
  std::vector<Index> body_;
  std::vector<double> shape_;  // their u
  std::vector<char> known_;    // per body: whether it is in the working set (without axes)
  double lift_ = 1.0;
  RowMatrix rows_;  // (s, lift), s in units of a power of two
  std::vector<double> weight_, target_, remainder_;
};

// status[i] (n_labellings) is the Separability of the bodies with the signs labels[i * n_manifolds ..].
void decide_separability(const Bodies& bodies, const std::int8_t* labels, Index n_labellings, int n_threads,
                         const Monitor& monitor, std::int8_t* status);

// Trial k projects the vectors on Gaussian directions, which are standard_normals(key, 0, k 2^32 + d), d = 0,
// 1, ..: threshold[k] is the least number of directions, from 1 to the vectors' dimension, in which the
// labels of the trial are separable; infinity where they never are. Where a decision failed, undecided[k] is
// true and the threshold NaN for points. Of bodies with axes what cannot be decided has a margin of rounding
// or none, and counts as inseparable.
void separability_thresholds(const Bodies& bodies, const std::int8_t* labels, Index n_trials,
                             std::uint64_t key, int n_threads, const Monitor& monitor, double* threshold,
                             bool* undecided);

}  // namespace neurogeom
