#include "neurogeom/dense/products.hpp"

#include <algorithm>

#include "neurogeom/base/lanes.hpp"

namespace neurogeom {
namespace {

// Entries of the rows that are multiplied at a time, and rows of x that then stay in the first cache.
constexpr Index kDepth = 256;
constexpr Index kNearRows = 12;

// The sums of the lanes of each of four.
Lanes sums_of_lanes(const Lanes (&x)[4]) {
  return Lanes{x[0][0], x[1][0], x[2][0], x[3][0]} + Lanes{x[0][1], x[1][1], x[2][1], x[3][1]} +
         (Lanes{x[0][2], x[1][2], x[2][2], x[3][2]} + Lanes{x[0][3], x[1][3], x[2][3], x[3][3]});
}

// A x B entries of row_products over `n` entries, added to `out` but for the first of them.
template <int A, int B>
void product_tile(const double* const* x, const double* const* y, Index from, Index n, double* out,
                  Index stride) {
  Lanes sums[A][B] = {};
  Index i = from;
  const Index end = from + n;
  for (; i + 4 <= end; i += 4) {
    // Held this way round a tile of 3 x 4 needs 16 registers, which is what there are.
    Lanes left[A];
    for (int a = 0; a < A; ++a) left[a] = load_lanes(x[a] + i);
    for (int b = 0; b < B; ++b) {
      const Lanes right = load_lanes(y[b] + i);
      for (int a = 0; a < A; ++a) sums[a][b] += left[a] * right;
    }
  }
  for (int a = 0; a < A; ++a) {
    double rest[B] = {};
    for (Index j = i; j < end; ++j)
      for (int b = 0; b < B; ++b) rest[b] += x[a][j] * y[b][j];
    double* to = out + a * stride;
    if constexpr (B == 4) {
      const Lanes found = sums_of_lanes(sums[a]) + load_lanes(rest);
      store_lanes(from == 0 ? found : load_lanes(to) + found, to);
    } else {
      for (int b = 0; b < B; ++b) to[b] = (from == 0 ? 0.0 : to[b]) + (sum_lanes(sums[a][b]) + rest[b]);
    }
  }
}

template <int B>
void product_columns(const double* const* x, Index n_x, const double* const* y, Index from, Index n,
                     double* out, Index stride) {
  Index a = 0;
  for (; a + 3 <= n_x; a += 3) product_tile<3, B>(x + a, y, from, n, out + a * stride, stride);
  for (; a < n_x; ++a) product_tile<1, B>(x + a, y, from, n, out + a * stride, stride);
}

// Eight floats in a register (or two).
using FloatLanes = float __attribute__((vector_size(32)));
static_assert(sizeof(FloatLanes) == kRun * sizeof(float), "a panel is as wide as a register");
constexpr int kRoughVectors = 12;

template <int S>
void rough_tile(const float* panel, const float* const* vectors, Index n, double* const* out, Index at) {
  FloatLanes sums[S] = {};
  for (Index d = 0; d < n; ++d) {
    FloatLanes x;
    std::memcpy(&x, panel + kRun * d, sizeof x);
    for (int s = 0; s < S; ++s) sums[s] += vectors[s][d] * x;
  }
  for (int s = 0; s < S; ++s)
    for (Index i = 0; i < kRun; ++i) out[s][at + i] = static_cast<double>(sums[s][i]);
}

// Vectors that share the loads of a panel.
constexpr int kVectors = 6;

template <int S>
void panel_tile(const double* panel, const double* const* vectors, Index from, Index n, double* const* out,
                Index at) {
  Lanes low[S], high[S];
  for (int s = 0; s < S; ++s) {
    low[s] = from == 0 ? Lanes{} : load_lanes(out[s] + at);
    high[s] = from == 0 ? Lanes{} : load_lanes(out[s] + at + 4);
  }
  for (Index d = 0; d < n; ++d) {
    const Lanes x_low = load_lanes(panel + kRun * d), x_high = load_lanes(panel + kRun * d + 4);
    for (int s = 0; s < S; ++s) {
      const double v = vectors[s][from + d];
      low[s] += v * x_low;
      high[s] += v * x_high;
    }
  }
  for (int s = 0; s < S; ++s) {
    store_lanes(low[s], out[s] + at);
    store_lanes(high[s], out[s] + at + 4);
  }
}

}  // namespace

// The products of all rows, or of those with f <= q.
static void all_products(const double* const* x, Index n_x, const double* const* y, Index n_y, Index n,
                         double* out, Index stride, bool lower) {
  if (n == 0)
    for (Index a = 0; a < n_x; ++a) std::fill_n(out + a * stride, n_y, 0.0);
  for (Index from = 0; from < n; from += kDepth) {
    const Index depth = std::min(kDepth, n - from);
    for (Index near = 0; near < n_x; near += kNearRows) {
      const Index end = std::min(near + kNearRows, n_x);
      Index b = 0;
      const auto columns = [&](auto product, Index width) {
        const Index begin = lower ? std::max(near, b) : near;
        if (begin < end)
          product(x + begin, end - begin, y + b, from, depth, out + begin * stride + b, stride);
        b += width;
      };
      while (b + 4 <= n_y) columns(product_columns<4>, 4);
      while (b < n_y) columns(product_columns<1>, 1);
    }
  }
}

void row_products(const double* const* x, Index n_x, const double* const* y, Index n_y, Index n, double* out,
                  Index stride) {
  all_products(x, n_x, y, n_y, n, out, stride, false);
}

void lower_products(const double* const* x, const double* const* y, Index count, Index n, double* out) {
  all_products(x, count, y, count, n, out, count, true);
}

namespace {

template <int Q>
void multiply_tile(const double* c, Index c_stride, const double* h, Index depth, Index width, Index stride,
                   double* out) {
  for (Index at = 0; at < width; at += kRun) {
    Lanes low[Q] = {}, high[Q] = {};
    const double* source = h + at;
    for (Index i = 0; i < depth; ++i, source += stride) {
      const Lanes x_low = load_lanes(source), x_high = load_lanes(source + 4);
      for (int q = 0; q < Q; ++q) {
        const double factor = c[q * c_stride + i];
        low[q] += factor * x_low;
        high[q] += factor * x_high;
      }
    }
    for (int q = 0; q < Q; ++q) {
      store_lanes(low[q], out + q * stride + at);
      store_lanes(high[q], out + q * stride + at + 4);
    }
  }
}

template <int R>
void self_product_tile(const double* e, Index n_e, double sign, const double* column, double* h, Index width,
                       Index stride) {
  for (Index at = 0; at < width; at += kRun) {
    Lanes low[R], high[R];
    for (int r = 0; r < R; ++r) {
      low[r] = load_lanes(h + r * stride + at);
      high[r] = load_lanes(h + r * stride + at + 4);
    }
    for (Index q = 0; q < n_e; ++q) {
      const Lanes e_low = load_lanes(e + q * stride + at), e_high = load_lanes(e + q * stride + at + 4);
      for (int r = 0; r < R; ++r) {
        const double factor = sign * column[q * stride + r];
        low[r] += factor * e_low;
        high[r] += factor * e_high;
      }
    }
    for (int r = 0; r < R; ++r) {
      store_lanes(low[r], h + r * stride + at);
      store_lanes(high[r], h + r * stride + at + 4);
    }
  }
}

}  // namespace

void multiply_rows(const double* c, Index n_rows, Index c_stride, const double* h, Index depth, Index width,
                   Index stride, double* out) {
  Index q = 0;
  for (; q + 6 <= n_rows; q += 6)
    multiply_tile<6>(c + q * c_stride, c_stride, h, depth, width, stride, out + q * stride);
  for (; q + 2 <= n_rows; q += 2)
    multiply_tile<2>(c + q * c_stride, c_stride, h, depth, width, stride, out + q * stride);
  for (; q < n_rows; ++q)
    multiply_tile<1>(c + q * c_stride, c_stride, h, depth, width, stride, out + q * stride);
}

void add_self_product(const double* e, Index n_e, double sign, double* h, Index n_rows, Index width,
                      Index stride) {
  Index i = 0;
  for (; i + 6 <= n_rows; i += 6) self_product_tile<6>(e, n_e, sign, e + i, h + i * stride, width, stride);
  for (; i + 2 <= n_rows; i += 2) self_product_tile<2>(e, n_e, sign, e + i, h + i * stride, width, stride);
  for (; i < n_rows; ++i) self_product_tile<1>(e, n_e, sign, e + i, h + i * stride, width, stride);
}

PackedRows::PackedRows(const RowMatrix& rows)
    : n_rows_(rows.rows()), n_dims_(rows.cols()), panels_(static_cast<std::size_t>(rows.size())) {
  double* to = panels_.data();
  for (Index first = 0; first < n_rows_; first += kRun)
    for (Index d = 0; d < n_dims_; ++d)
      for (Index i = 0; i < kRun; ++i) *to++ = rows(first + i, d);
  rough_.assign(panels_.begin(), panels_.end());
}

void PackedRows::multiply(const double* const* vectors, Index count, double* const* out) const {
  constexpr Index depth_at_once = kDepth;
  for (Index from = 0; from < n_dims_; from += depth_at_once) {
    const Index depth = std::min(depth_at_once, n_dims_ - from);
    for (Index at = 0; at < n_rows_; at += kRun) {
      const double* panel = panels_.data() + at * n_dims_ + from * kRun;
      Index s = 0;
      for (; s + kVectors <= count; s += kVectors)
        panel_tile<kVectors>(panel, vectors + s, from, depth, out + s, at);
      for (; s + 2 <= count; s += 2) panel_tile<2>(panel, vectors + s, from, depth, out + s, at);
      for (; s < count; ++s) panel_tile<1>(panel, vectors + s, from, depth, out + s, at);
    }
  }
}

void PackedRows::multiply_roughly(const double* const* vectors, Index count, double* const* out) const {
  std::vector<float> narrow(static_cast<std::size_t>(count * n_dims_));
  std::vector<const float*> rows;
  for (Index s = 0; s < count; ++s) {
    float* row = narrow.data() + s * n_dims_;
    for (Index d = 0; d < n_dims_; ++d) row[d] = static_cast<float>(vectors[s][d]);
    rows.push_back(row);
  }
  for (Index at = 0; at < n_rows_; at += kRun) {
    const float* panel = rough_.data() + at * n_dims_;
    Index s = 0;
    for (; s + kRoughVectors <= count; s += kRoughVectors)
      rough_tile<kRoughVectors>(panel, rows.data() + s, n_dims_, out + s, at);
    for (; s + 4 <= count; s += 4) rough_tile<4>(panel, rows.data() + s, n_dims_, out + s, at);
    for (; s < count; ++s) rough_tile<1>(panel, rows.data() + s, n_dims_, out + s, at);
  }
}

}  // namespace neurogeom
