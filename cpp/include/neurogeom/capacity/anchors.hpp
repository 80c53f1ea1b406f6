// Mean-field anchor statistics of manifolds: capacity, radius and dimension of each, by Monte
// Carlo.
//
// Points s_i (n_points x D) are relative to the manifold's centre and in units of its norm. Each is
// lifted to (s_i, 1); for a draw t in D + 1 dimensions let q be t's projection on the cone of the
// lifted points with margin kappa (cone.hpp) and a its weights. Then
//   anchor point  s~ = sum a_i s_i / sum a_i,  or argmax_i t.s_i where no constraint is active;
//   1/capacity    = mean |q|^2;
//   radius        = sqrt(mean |s~ - mean s~|^2), the divisor being the number of draws less one;
//   dimension     = D (mean t^.u)^2 with t^ = t_D/|t_D|, u = s~/|s~|, and in the form of the 2018
//   paper
//                   mean (t_D.u)^2, t_D being t without its last coordinate.
// Chung, Lee and Sompolinsky, Phys. Rev. X 8, 031003 (2018); Cohen, Chung, Lee and Sompolinsky,
// Nat. Commun. 11, 746 (2020).
#pragma once

#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"

namespace neurogeom {

// An estimate and its Monte-Carlo standard error.
struct Estimate {
  double value;
  double error;
};

struct AnchorSummary {
  Estimate capacity;
  Estimate radius;
  Estimate radius_uncentered;  // sqrt(mean |s~|^2)
  Estimate dimension;
  Estimate dimension_prx;
  double residual;  // largest residual of the projections
  double interior;  // fraction of samples without an active constraint
  double n_failed;  // samples whose projection did not converge; if any, all estimates are NaN
};
constexpr Index kSummaryFields = 13;
static_assert(sizeof(AnchorSummary) == kSummaryFields * sizeof(double), "a summary is a row of doubles");

struct AnchorJob {
  MatrixView points;    // n_points x D; D may be 0
  const double* draws;  // n_samples x (D + 1), or null: made from (key, stream, sample)
  std::uint32_t stream;
  double* squared_projection;  // n_samples values |q|^2, or null
  double* weights;             // n_samples x n_points convex weights of the anchors, or null
};

// Points and draws are finite, each job has a point at least, the margin is not negative, and there is a
// sample at least. summaries: one for each job.
void anchor_statistics(const std::vector<AnchorJob>& jobs, double margin, Index n_samples, std::uint64_t key,
                       int n_threads, const Monitor& monitor, AnchorSummary* summaries);

}  // namespace neurogeom
