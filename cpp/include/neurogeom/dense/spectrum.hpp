// Sums of singular values of many small and medium matrices, without computing the values: the Gram matrix is
// made tridiagonal and the trace of its square root is found by quadrature.
#pragma once

#include "neurogeom/base/types.hpp"

namespace neurogeom {

// Matrices that share the lanes of a register.
constexpr int kLaneMatrices = 4;
// Up to this order four interleaved matrices are faster than LAPACK one after the other.
constexpr Index kLargestInterleaved = 512;

// Orders are 1 or more. Puts lane number `lane` of an interleaved matrix of order n: entry (i, j) is at (j n
// + i) kLaneMatrices + lane, of the lower triangle of the row-major `matrix`.
void interleave_lower(const double* matrix, Index n, int lane, double* interleaved);

// Tridiagonal matrices (n diagonal and n - 1 off-diagonal entries, interleaved too) with the eigenvalues of
// four interleaved symmetric ones, which are destroyed. `scratch` has room for 16 n doubles. Lanes do not
// mix.
void tridiagonalize_lanes(double* interleaved, Index n, double* diagonal, double* off_diagonal,
                          double* scratch);

// Of a positive semidefinite tridiagonal matrix that carries rounding errors of its largest eigenvalue.
struct RootTrace {
  double value;  // sum of the square roots of its eigenvalues
  double error;  // what rounding may have changed it by
};
RootTrace root_trace(const double* diagonal, const double* off_diagonal, Index n, Index stride);

}  // namespace neurogeom
