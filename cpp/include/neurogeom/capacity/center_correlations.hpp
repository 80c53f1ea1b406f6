// Removal of correlations between manifold centres: descent on the Grassmann manifold.
//
// For centres x_m (rows of X, P x r) and an orthonormal basis V (r x K) let R = X (1 - VV') X' be
// the inner products of what is left of the centres. Minimised over V is
//   cost(V) = 1/2 sum_mn R_mn^2 / (R_mm R_nn),
// half the sum of squared cosines (the diagonal included, P/2). With W_mn = R_mn / (R_mm R_nn) and
// g_m = sum_n R_mn^2 / (R_mm^2 R_nn) its gradient is 2 X'(diag(g) - W) X V. Limited-memory BFGS
// with retraction by Cholesky; steps are kept as they were taken and only the direction made tangent. Cohen,
// Chung, Lee and Sompolinsky, Nat. Commun. 11, 746 (2020), Methods.
//
// A centre that is almost removed may be left with any direction, even one that suits the others: the cost
// can be lowest where a centre vanishes. With a least share s > 0, (s |x_m|^2 / R_mm - 1)^2 / 100 is added
// for each centre that keeps less than the share s of its squared length.
//
// What is left has rank r - K at most and P unit rows, so that the cost is at least P^2 / (2 (r - K))
// (Welch).
#pragma once

#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"

namespace neurogeom {

struct DescentResult {
  RowMatrix basis;  // r x K, orthonormal columns
  double cost;
  double gradient_norm;
  Index n_iterations;
};

struct DescentLimits {
  Index max_iterations;
  double gradient_norm;  // reached: done
  double decrease;       // relative decrease of the cost that no longer counts; several in a row: done
  double least_share;    // of a centre's squared length, below which the cost is raised; 0: not at all
};

// Centers are finite, there are two or more; starts have fewer columns than rows. From each start (r x K,
// orthonormal columns) down.
std::vector<DescentResult> minimize_correlation(const MatrixView& centers,
                                                const std::vector<MatrixView>& starts,
                                                const DescentLimits& limits, int n_threads,
                                                const Monitor& monitor);

// Cost at an orthonormal basis and, unless null, its Euclidean gradient (r x K).
double correlation_cost(const MatrixView& centers, const MatrixView& basis, double least_share,
                        RowMatrix* gradient);

}  // namespace neurogeom
