// Short loops on contiguous doubles: sums in one fixed order, whatever the address of the data. (Eigen's own
// reductions over foreign memory start at the first aligned element, so that their bits depend on it.)
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>

#include "neurogeom/base/types.hpp"

namespace neurogeom {

// Four doubles in a register (or two), by the vector extension of GCC and Clang.
using Lanes = double __attribute__((vector_size(32)));

// Lengths and numbers of rows may be 0 where nothing else is said; arrays of one call do not overlap where
// one is written to, and need no alignment.

inline Lanes load_lanes(const double* x) {
  Lanes lanes;
  std::memcpy(&lanes, x, sizeof lanes);
  return lanes;
}
inline void store_lanes(Lanes lanes, double* x) {
  std::memcpy(x, &lanes, sizeof lanes);
}

inline Lanes max(Lanes a, Lanes b) {
  return a > b ? a : b;
}
inline double largest_lane(Lanes a) {
  const double low = a[0] > a[1] ? a[0] : a[1];
  const double high = a[2] > a[3] ? a[2] : a[3];
  return low > high ? low : high;
}

inline double sum_lanes(Lanes a) {
  return (a[0] + a[1]) + (a[2] + a[3]);
}

inline double dot(const double* x, const double* y, Index n) {
  Lanes first{}, second{};
  Index i = 0;
  for (; i + 8 <= n; i += 8) {
    first += load_lanes(x + i) * load_lanes(y + i);
    second += load_lanes(x + i + 4) * load_lanes(y + i + 4);
  }
  double rest = 0.0;
  for (; i < n; ++i) rest += x[i] * y[i];
  return sum_lanes(first + second) + rest;
}
inline double squared_norm(const double* x, Index n) {
  return dot(x, x, n);
}

inline double sum(const double* x, Index n) {
  double total = 0.0;
  for (Index i = 0; i < n; ++i) total += x[i];
  return total;
}

// The power of two above the length of x: length / result is in [1/2, 1). 0 for a zero vector. Dividing by it
// is exact, and nothing overflows on the way.
inline double power_of_two_above(const double* x, Index n) {
  double most = 0.0;
  for (Index i = 0; i < n; ++i) most = std::max(most, std::abs(x[i]));
  if (most == 0) return 0.0;
  int outer = 0, inner = 0;
  std::frexp(most, &outer);
  double square = 0.0;
  for (Index i = 0; i < n; ++i) {
    const double scaled = std::ldexp(x[i], -outer);
    square += scaled * scaled;
  }
  std::frexp(std::sqrt(square), &inner);
  return std::ldexp(1.0, std::min(outer + inner, 1023));
}

inline void axpy(double factor, const double* __restrict x, double* __restrict y, Index n) {
  for (Index i = 0; i < n; ++i) y[i] += factor * x[i];
}

// y += sum over r of factor[r] * row r of x (rows `stride` apart); four rows a pass to save traffic
// on y.
inline void add_rows(const double* factor, const double* x, Index n_rows, Index stride, double* __restrict y,
                     Index n) {
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

// The same for rows that do not follow each other: y += sum over r of factor[r] * row number
// rows[r] of x.
inline void add_rows_at(const double* factor, const double* x, const Index* rows, Index n_rows, Index stride,
                        double* __restrict y, Index n) {
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

// Arrays that the next loops walk are padded to whole runs of this many doubles.
constexpr Index kRun = 8;
inline Index whole_runs(Index n) {
  return (n + kRun - 1) / kRun * kRun;
}

// Largest entry of each run; n is a multiple of kRun.
inline void run_maxima(const double* x, Index n, double* maxima) {
  for (Index i = 0; i < n; i += kRun)
    maxima[i / kRun] = largest_lane(max(load_lanes(x + i), load_lanes(x + i + 4)));
}

// Largest of n entries, n a positive multiple of 4.
inline double largest(const double* x, Index n) {
  Lanes most = load_lanes(x);
  for (Index i = 4; i < n; i += 4) most = max(most, load_lanes(x + i));
  return largest_lane(most);
}

// Q new rows of a factor from rows that are there, and what they take from the prices, in one pass:
//   raw[q]  = init[q] + sum over r of old[q][r] * row r of factor     (init[q] null: 0)
//   new[q]  = (raw[q] - sum over p < q of lower[q][p] new[p]) * inverse[q]
//   prices += sum over q of minus_y[q] new[q]
// n is a multiple of kRun. Unless null, maxima gets the largest price of each run.
template <int Q>
struct RowBlock {
  const double* init[Q];
  const double* old[Q];
  double lower[Q][Q];
  double inverse[Q];
  double minus_y[Q];
  double* row[Q];
};

template <int Q>
void append_rows(const RowBlock<Q>& block, const double* factor, Index n_rows, Index stride, Index offset,
                 Index n, double* prices, double* maxima) {
  for (Index i = 0; i < n; i += kRun) {
    Lanes low[Q], high[Q];
    for (int q = 0; q < Q; ++q) {
      low[q] = block.init[q] == nullptr ? Lanes{} : load_lanes(block.init[q] + i);
      high[q] = block.init[q] == nullptr ? Lanes{} : load_lanes(block.init[q] + i + 4);
    }
    const double* source = factor + offset + i;
    for (Index r = 0; r < n_rows; ++r, source += stride) {
      const Lanes x_low = load_lanes(source), x_high = load_lanes(source + 4);
      for (int q = 0; q < Q; ++q) {
        low[q] += block.old[q][r] * x_low;
        high[q] += block.old[q][r] * x_high;
      }
    }
    Lanes price_low = load_lanes(prices + offset + i), price_high = load_lanes(prices + offset + i + 4);
    for (int q = 0; q < Q; ++q) {
      for (int p = 0; p < q; ++p) {
        low[q] -= block.lower[q][p] * low[p];
        high[q] -= block.lower[q][p] * high[p];
      }
      low[q] *= block.inverse[q];
      high[q] *= block.inverse[q];
      price_low += block.minus_y[q] * low[q];
      price_high += block.minus_y[q] * high[q];
      store_lanes(low[q], block.row[q] + offset + i);
      store_lanes(high[q], block.row[q] + offset + i + 4);
    }
    store_lanes(price_low, prices + offset + i);
    store_lanes(price_high, prices + offset + i + 4);
    if (maxima != nullptr) maxima[i / kRun] = largest_lane(max(price_low, price_high));
  }
}

}  // namespace neurogeom
