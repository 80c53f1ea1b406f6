// Projection of one target on a polyhedral cone: the inner solver of cone.hpp.
//
// With generators s_i (rows, of length in [1/2, 1)), the projection of t is q = sum a_i s_i with a
// >= 0 that minimises 1/2 a'Ga - a'b, where G_ij = s_i.s_j and b_i = s_i.t + shift_i. The
// gradient's negative w = b - Ga is the constraint value s_i.v + shift_i at v = t - q, which must
// not be positive.
//
// Method: Lawson-Hanson (add the most violated constraint, step back and drop where a weight would
// turn negative) on a factor that carries everything an iteration needs. For the active set F of
// size k it keeps R (k x k) with R G_FF R' = 1, so that E = R S_F has orthonormal rows, together
// with
//
//   U = R G_F,: = E S'  (k x n_points),   y = R b_F,   z = R'y  (the weights on F),   w = b - U'y.
//
// Rows of U and R lie side by side, and so do w and -z, so that one pass serves both. Appending a
// point is one row of Gram-Schmidt in the metric G (a row-append Cholesky with the triangular
// solves already done): the old part of its row of the factor is a column of U, and w and z move by
// one axpy. Dropping point p is one reflection of the rows of R, U and y that leaves column p of R
// in the last row only, and that row is removed.
//
// The Gram matrix squares the condition number. When a pivot is small the same rows are rebuilt in
// the primal space by twice-iterated Gram-Schmidt, with E explicit (`orthogonal` mode).
#pragma once

#include <vector>

#include "neurogeom/generators.hpp"
#include "neurogeom/parallel.hpp"
#include "neurogeom/types.hpp"

namespace neurogeom {

class ActiveSet {
 public:
  // The checkpoint, if any, is called once an iteration and may throw.
  explicit ActiveSet(const Generators& generators, Checkpoint checkpoint = {});

  // b has `stride` entries, minus infinity where there is no constraint; shift has n_points entries
  // or is null for zero. `scale` is the size of t and the shifts, against which all tolerances are
  // relative.
  Status solve(const double* b, const double* shift, const double* t, double scale);

  // The solution: active points, their weights on the scaled generators, the projection and t minus
  // it.
  const std::vector<Index>& active() const { return active_; }
  const double* weights() const { return a_.data(); }
  const double* projection() const { return q_.data(); }
  const double* remainder() const { return v_.data(); }
  // Largest violation of the optimality conditions, relative (see cone.hpp).
  double residual() const { return residual_; }

 private:
  enum class Append { done, dependent };

  Index size() const { return static_cast<Index>(active_.size()); }
  Index width() const { return generators_.stride + capacity_; }
  double* u_row(Index r) { return factor_.data() + r * width(); }
  double* r_row(Index r) { return u_row(r) + generators_.stride; }
  double* negative_z() { return prices_.data() + generators_.stride; }
  double* e_row(Index r) { return e_.data() + r * generators_.n_dims; }
  double shift(Index point) const {
    return shift_ == nullptr || point >= generators_.n_points ? 0.0 : shift_[point];
  }

  void reset();
  void reserve(Index rows);
  const double* gram_row(Index point);
  // The most violated points, first the very most.
  struct Candidates {
    static constexpr Index most = 4;
    // Points come in together with the most violated one if their violation is at least this share of its,
    // also after those before them are in. Fewer would cost passes, more would add points only to drop them.
    static constexpr double share = 0.5;
    Index point[most];
    Index count = 0;
  };
  Candidates find_violated(bool only_one);
  Append append(const Candidates& candidates);
  Append append_from_gram(const Candidates& candidates);
  Append append_orthogonal(Index point);
  template <int Q>
  void extend(const Index* point, const double* const* old,
              const double (&lower)[Candidates::most][Candidates::most], const double* y);
  void rebuild_orthogonal();
  void drop(Index position);
  void settle(Index newest);
  bool exchange(Index point);
  void ban(Index point);
  void restore_price(Index point);
  bool polish();
  void finish_prices();
  double tolerance() const;

  const Generators& generators_;
  const Checkpoint checkpoint_;
  const double* b_ = nullptr;
  const double* shift_ = nullptr;
  const double* t_ = nullptr;
  double scale_ = 0.0;
  double residual_ = 0.0;
  double rounding_ = 0.0;  // of what is left of the point that was last tried in orthogonal mode
  double noise_ = 0.0;     // violation that was found to be rounding
  bool orthogonal_ = false;
  int n_polished_ = 0;
  double total_weight_ = 0.0;
  Index capacity_ = 0;
  std::vector<Index> active_, banned_;
  std::vector<double> factor_;  // rows [U | R]
  std::vector<double> e_;       // rows of E, in orthogonal mode
  std::vector<double> prices_;  // [w | -z]
  std::vector<double> maxima_;  // largest w of each run of points, where known
  bool maxima_known_ = false;
  std::vector<double> y_, a_, l_;  // per active point; l_ is scratch
  std::vector<double> q_, v_;      // primal vectors
  std::vector<double> block_;      // old parts of the factor of a block of new rows
  std::vector<double> gram_row_, scratch_;
};

}  // namespace neurogeom
