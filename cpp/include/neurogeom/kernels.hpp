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

// First position of the largest entry; n must be a multiple of 4 and positive. NaN entries never win.
inline Index argmax(const double* x, Index n) {
  constexpr Index kBlock = 32;
  double best = -std::numeric_limits<double>::infinity();
  Index best_block = 0;
  for (Index start = 0; start < n; start += kBlock) {
    const Index end = start + kBlock < n ? start + kBlock : n;
    double lane[4] = {x[start], x[start + 1], x[start + 2], x[start + 3]};
    for (Index i = start + 4; i < end; i += 4)
      for (int k = 0; k < 4; ++k) lane[k] = x[i + k] > lane[k] ? x[i + k] : lane[k];
    const double low = lane[0] > lane[1] ? lane[0] : lane[1];
    const double high = lane[2] > lane[3] ? lane[2] : lane[3];
    const double block_max = low > high ? low : high;
    if (block_max > best) {
      best = block_max;
      best_block = start;
    }
  }
  Index position = best_block;
  while (position + 1 < n && x[position] != best) ++position;
  return position;
}

}  // namespace neurogeom
