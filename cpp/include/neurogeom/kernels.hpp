// Short loops on contiguous doubles. Written so that compilers vectorise them without reassociating a sum
// (dot goes through Eigen, which does so in a fixed order).
#pragma once

#include <cstring>

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

// out[r] = row number rows[r] of x . y; four rows a pass share the loads of y.
inline void dot_rows_at(const double* x, const Index* rows, Index n_rows, Index stride, const double* y,
                        Index n, double* out) {
  const VectorView shared(y, n);
  Index r = 0;
  for (; r + 4 <= n_rows; r += 4) {
    double sum[4][4] = {};
    const double* const x0 = x + rows[r] * stride;
    const double* const x1 = x + rows[r + 1] * stride;
    const double* const x2 = x + rows[r + 2] * stride;
    const double* const x3 = x + rows[r + 3] * stride;
    Index i = 0;
    for (; i + 4 <= n; i += 4)
      for (int k = 0; k < 4; ++k) {
        sum[0][k] += x0[i + k] * y[i + k];
        sum[1][k] += x1[i + k] * y[i + k];
        sum[2][k] += x2[i + k] * y[i + k];
        sum[3][k] += x3[i + k] * y[i + k];
      }
    for (; i < n; ++i) {
      sum[0][0] += x0[i] * y[i];
      sum[1][0] += x1[i] * y[i];
      sum[2][0] += x2[i] * y[i];
      sum[3][0] += x3[i] * y[i];
    }
    for (int q = 0; q < 4; ++q) out[r + q] = (sum[q][0] + sum[q][1]) + (sum[q][2] + sum[q][3]);
  }
  for (; r < n_rows; ++r) out[r] = dot(x + rows[r] * stride, y, n);
}

// Four doubles in a register (or two), by the vector extension of GCC and Clang.
using Lanes = double __attribute__((vector_size(32)));

inline Lanes load_lanes(const double* x) {
  Lanes lanes;
  std::memcpy(&lanes, x, sizeof lanes);
  return lanes;
}
inline void store_lanes(Lanes lanes, double* x) { std::memcpy(x, &lanes, sizeof lanes); }

// Several rows at once: row[q] += sum over r of factor[q][r] * row r of x, for q < Q. Each x is loaded once
// for Q products. n must be a multiple of 4.
template <int Q>
void add_rows_to_block(const double* const* factor, const double* x, Index n_rows, Index stride,
                       double* const* row, Index n) {
  Index i = 0;
  for (; i + 8 <= n; i += 8) {
    Lanes low[Q], high[Q];
    for (int q = 0; q < Q; ++q) {
      low[q] = load_lanes(row[q] + i);
      high[q] = load_lanes(row[q] + i + 4);
    }
    const double* source = x + i;
    for (Index r = 0; r < n_rows; ++r, source += stride) {
      const Lanes x_low = load_lanes(source), x_high = load_lanes(source + 4);
      for (int q = 0; q < Q; ++q) {
        low[q] += factor[q][r] * x_low;
        high[q] += factor[q][r] * x_high;
      }
    }
    for (int q = 0; q < Q; ++q) {
      store_lanes(low[q], row[q] + i);
      store_lanes(high[q], row[q] + i + 4);
    }
  }
  if (i < n) {
    Lanes low[Q];
    for (int q = 0; q < Q; ++q) low[q] = load_lanes(row[q] + i);
    const double* source = x + i;
    for (Index r = 0; r < n_rows; ++r, source += stride)
      for (int q = 0; q < Q; ++q) low[q] += factor[q][r] * load_lanes(source);
    for (int q = 0; q < Q; ++q) store_lanes(low[q], row[q] + i);
  }
}

// Largest entry of each run of 16, the last run being shorter; returns how many runs. n is a multiple of 4.
inline Index run_maxima(const double* x, Index n, double* maxima) {
  constexpr Index kRun = 16;
  Index runs = 0;
  for (Index start = 0; start < n; start += kRun, ++runs) {
    const Index end = start + kRun < n ? start + kRun : n;
    Lanes most = load_lanes(x + start);
    for (Index i = start + 4; i < end; i += 4) {
      const Lanes next = load_lanes(x + i);
      most = next > most ? next : most;
    }
    const double low = most[0] > most[1] ? most[0] : most[1];
    const double high = most[2] > most[3] ? most[2] : most[3];
    maxima[runs] = low > high ? low : high;
  }
  return runs;
}

// First position of the largest entry; n is a positive multiple of 4 (so that padding must not win).
inline Index argmax(const double* x, Index n) {
  Lanes most = load_lanes(x);
  for (Index i = 4; i < n; i += 4) {
    const Lanes next = load_lanes(x + i);
    most = next > most ? next : most;
  }
  const double low = most[0] > most[1] ? most[0] : most[1];
  const double high = most[2] > most[3] ? most[2] : most[3];
  const double largest = low > high ? low : high;
  Index position = 0;
  while (position + 1 < n && x[position] != largest) ++position;
  return position;
}

}  // namespace neurogeom
