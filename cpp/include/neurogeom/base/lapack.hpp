// Dense LAPACK operations, single-threaded and row-major. They go through function pointers to an external
// BLAS and LAPACK (SciPy's: see use_lapack) or, where there are none, as in the C++ tests, through Eigen and,
// for singular values, our own Jacobi method.
#pragma once

#include <string>
#include <vector>

#include "neurogeom/base/types.hpp"

namespace neurogeom {

// Names of the Fortran routines that use_lapack takes, and their C types without spaces.
struct LapackRoutine {
  const char* name;
  const char* signature;
};
const std::vector<LapackRoutine>& lapack_routines();

// Takes pointers in the order of lapack_routines(); to be called before any work, once.
void use_lapack(const std::vector<void*>& routines);
// "LAPACK" or "Eigen".
const char* dense_backend();
// The instruction sets that Eigen's kernels use in this core.
const char* simd_in_use();

// Matrices are finite, have a row and a column at least, and lie contiguously where no stride is given.

// Lower triangle of A A' (of the rows) or A' A (of the columns), n x n and contiguous; what is above the
// diagonal is not to be used.
void gram_of_rows(const double* a, Index rows, Index columns, Index stride, double* out);
void gram_of_columns(const double* a, Index rows, Index columns, Index stride, double* out);

// out(i, j) = row i of A . row j of B for rows of `depth` entries; rows of `out` are `stride` apart.
void row_by_row_products(const double* a, Index n_a, const double* b, Index n_b, Index depth, double* out,
                         Index stride);
void row_by_row_products(const float* a, Index n_a, const float* b, Index n_b, Index depth, float* out,
                         Index stride);

// Diagonal (n) and off-diagonal (n - 1) of a tridiagonal matrix with the eigenvalues of a symmetric one,
// whose lower triangle is given and destroyed.
void tridiagonalize(double* a, Index n, double* diagonal, double* off_diagonal);

// Singular values, in descending order, of a matrix that is destroyed.
void singular_values(double* a, Index rows, Index columns, double* values);

// U (rows x k) and V' (k x columns) with k = min(rows, columns), of a matrix that is destroyed.
void singular_vectors(double* a, Index rows, Index columns, double* u, double* values, double* vt);

}  // namespace neurogeom
