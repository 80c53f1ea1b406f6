// Short loops on contiguous doubles. Written so that compilers vectorise them without reassociating a sum
// (dot goes through Eigen, which does so in a fixed order).
#pragma once

#include <limits>

#include "neurogeom/types.hpp"

namespace neurogeom {

inline double dot(const double* x, const double* y, Index n) {
  return VectorView(x, n).dot(VectorView(y, n));
}

inline void axpy(double factor, const double* __restrict x, double* __restrict y, Index n) {
  for (Index i = 0; i < n; ++i) y[i] += factor * x[i];
}

// y += sum over r of factor[r] * row r of x (rows `stride` apart); four rows a pass to save traffic on y.
inline void add_rows(const double* factor, const double* x, Index n_rows, Index stride,
                     double* __restrict y, Index n) {
  Index r = 0;
  for (; r + 4 <= n_rows; r += 4) {
    const double f0 = factor[r], f1 = factor[r + 1], f2 = factor[r + 2], f3 = factor[r + 3];
    const double* __restrict x0 = x + r * stride;
    const double* __restrict x1 = x0 + stride;
    const double* __restrict x2 = x1 + stride;
    const double* __restrict x3 = x2 + stride;
    for (Index i = 0; i < n; ++i) y[i] += (f0 * x0[i] + f1 * x1[i]) + (f2 * x2[i] + f3 * x3[i]);
  }
  for (; r < n_rows; ++r) axpy(factor[r], x + r * stride, y, n);
}

// The same for rows that do not follow each other: y += sum over r of factor[r] * row number rows[r] of x.
inline void add_rows_at(const double* factor, const double* x, const Index* rows, Index n_rows,
                        Index stride, double* __restrict y, Index n) {
  Index r = 0;
  for (; r + 4 <= n_rows; r += 4) {
    const double f0 = factor[r], f1 = factor[r + 1], f2 = factor[r + 2], f3 = factor[r + 3];
    const double* __restrict x0 = x + rows[r] * stride;
    const double* __restrict x1 = x + rows[r + 1] * stride;
    const double* __restrict x2 = x + rows[r + 2] * stride;
    const double* __restrict x3 = x + rows[r + 3] * stride;
    for (Index i = 0; i < n; ++i) y[i] += (f0 * x0[i] + f1 * x1[i]) + (f2 * x2[i] + f3 * x3[i]);
  }
  for (; r < n_rows; ++r) axpy(factor[r], x + rows[r] * stride, y, n);
}

// First position of the largest entry; n must be positive.
inline Index argmax(const double* x, Index n) {
  const double largest = VectorView(x, n).maxCoeff();
  Index position = 0;
  while (position + 1 < n && x[position] != largest) ++position;
  return position;
}

}  // namespace neurogeom
