#include "neurogeom/dense/panels.hpp"

#include <algorithm>

#include "neurogeom/base/lanes.hpp"

namespace neurogeom {
namespace {

// Rows at a time: one panel of either side then stays in the first cache. Left columns at a time: their rows
// stay in the second.
constexpr Index kDepth = 256;
constexpr Index kLeftBlock = 32 * kLeftPanel;

Panels make_panels(const MatrixView& matrix, bool trapezoidal, Index width) {
  Panels panels;
  panels.rows = matrix.rows();
  panels.columns = matrix.cols();
  panels.width = width;
  panels.trapezoidal = trapezoidal;
  panels.data.setZero(panels.rows * padded(panels.columns, width));
  double* to = panels.data.data();
  for (Index first = 0; first < panels.columns; first += width) {
    const Index count = std::min(width, panels.columns - first);
    const double* from = matrix.data() + first;
    for (Index row = 0; row < panels.rows; ++row, from += panels.columns, to += width)
      std::copy_n(from, count, to);
  }
  return panels;
}

// Where a column of panels starts, from some row on.
const double* panel_at(const Panels& panels, Index column, Index row) {
  const Index panel = column / panels.width * panels.width;
  return panels.data.data() + panel * panels.rows + row * panels.width + (column - panel);
}

// P blocks of kLeftPanel x 4 V of the product over `n` rows, added to `out` unless it is the first; the left
// panels of the blocks are `next_left` apart.
template <int V, int P>
void multiply_block(const double* left, Index left_width, Index next_left, const double* right, Index n,
                    bool first, double* out, Index stride) {
  Lanes sums[P][kLeftPanel][V] = {};
  for (Index row = 0; row < n; ++row, left += left_width, right += kRightPanel) {
    Lanes x[V];
    for (int v = 0; v < V; ++v) x[v] = load_lanes(right + 4 * v);
    for (int p = 0; p < P; ++p)
      for (int a = 0; a < kLeftPanel; ++a)
        for (int v = 0; v < V; ++v) sums[p][a][v] += left[p * next_left + a] * x[v];
  }
  for (int p = 0; p < P; ++p)
    for (int a = 0; a < kLeftPanel; ++a)
      for (int v = 0; v < V; ++v) {
        double* const to = out + (p * kLeftPanel + a) * stride + 4 * v;
        store_lanes(first ? sums[p][a][v] : load_lanes(to) + sums[p][a][v], to);
      }
}

}  // namespace

Panels left_panels(const MatrixView& matrix, bool trapezoidal) {
  return make_panels(matrix, trapezoidal, kLeftPanel);
}
Panels right_panels(const MatrixView& matrix, bool trapezoidal) {
  return make_panels(matrix, trapezoidal, kRightPanel);
}

void pack_panels(const double* const* vectors, Index count, Index length, Index width, Panels& panels) {
  panels.rows = length;
  panels.columns = count;
  panels.width = width;
  panels.data.resize(length * padded(count, width));
  double* to = panels.data.data();
  for (Index first = 0; first < count; first += width) {
    const double* from[kRightPanel];
    const Index present = std::min(width, count - first);
    std::copy_n(vectors + first, present, from);
    if (present == kRightPanel) {
      for (Index i = 0; i < length; ++i, to += kRightPanel)
        for (Index v = 0; v < kRightPanel; ++v) to[v] = from[v][i];
    } else if (present == kLeftPanel && width == kLeftPanel) {
      for (Index i = 0; i < length; ++i, to += kLeftPanel)
        for (Index v = 0; v < kLeftPanel; ++v) to[v] = from[v][i];
    } else {
      for (Index i = 0; i < length; ++i, to += width)
        for (Index v = 0; v < width; ++v) to[v] = v < present ? from[v][i] : 0.0;
    }
  }
}

void multiply_panels(const Panels& left, const Panels& right, double* out) {
  multiply_some_panels(left, 0, left.columns, right, right.columns, out, padded(right.columns, kRightPanel));
}

void multiply_some_panels(const Panels& left, Index l_begin, Index l_end, const Panels& right, Index r_end,
                          double* out, Index stride) {
  for (Index depth = 0; depth < left.rows; depth += kDepth) {
    const Index end = std::min(left.rows, depth + kDepth);
    for (Index block = l_begin; block < l_end; block += kLeftBlock) {
      const Index block_end = std::min(l_end, block + kLeftBlock);
      for (Index r = 0; r < r_end; r += kRightPanel) {
        const Index vectors = (std::min(kRightPanel, r_end - r) + 3) / 4;
        // Narrow blocks go in pairs: one alone would wait for its own sums.
        Index taken = kLeftPanel;
        for (Index l = block; l < block_end; l += taken) {
          taken = vectors == 1 && l + kLeftPanel < block_end ? 2 * kLeftPanel : kLeftPanel;
          // Rows above the diagonal of a trapezoid add nothing.
          const Index skip = std::max(left.trapezoidal ? l : 0, right.trapezoidal ? r : 0);
          const Index begin = std::max(depth, skip);
          if (begin >= end && depth > 0) continue;
          const double* const x = panel_at(left, l, begin);
          const double* const y = panel_at(right, r, begin);
          const Index n = std::max<Index>(0, end - begin);
          double* const to = out + (l - l_begin) * stride + r;
          const bool first = depth == 0;
          if (vectors == 3)
            multiply_block<3, 1>(x, left.width, 0, y, n, first, to, stride);
          else if (vectors == 2)
            multiply_block<2, 1>(x, left.width, 0, y, n, first, to, stride);
          else if (taken == kLeftPanel)
            multiply_block<1, 1>(x, left.width, 0, y, n, first, to, stride);
          else
            multiply_block<1, 2>(x, left.width, panel_at(left, l + kLeftPanel, begin) - x, y, n, first, to,
                                 stride);
        }
      }
    }
  }
}

}  // namespace neurogeom
