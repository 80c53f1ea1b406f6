#include "neurogeom/dense/inner_products.hpp"

#include <algorithm>

#include "neurogeom/dense/panels.hpp"

namespace neurogeom {
namespace {

// Entries of the vectors that are laid out and multiplied at a time, by one thread; part of the result's
// bits.
constexpr Index kChunk = 2048;
// Chunks whose partial products are kept before they are added up, in order.
constexpr Index kWave = 16;

}  // namespace

void inner_products(const std::vector<const double*>& rows, const std::vector<const double*>& columns,
                    Index length, int n_threads, const Monitor& monitor, MatrixOut out) {
  const Index n_rows = out.rows(), n_columns = out.cols();
  const Index stride = padded(n_columns, kRightPanel);
  const bool symmetric = rows == columns;
  const Index n_chunks = (length + kChunk - 1) / kChunk;
  std::vector<Buffer> partial(static_cast<std::size_t>(std::min(kWave, n_chunks)));
  for (Buffer& buffer : partial) buffer.resize(padded(n_rows, kLeftPanel) * stride);
  out.setZero();
  for (Index wave = 0; wave < n_chunks; wave += kWave) {
    const Index count = std::min(kWave, n_chunks - wave);
    parallel_ranges(count, 1, n_threads, monitor, [&](const Checkpoint&) {
      return [&, left = Panels{}, right = Panels{}, at = std::vector<const double*>{}](Index begin,
                                                                                       Index end) mutable {
        const auto pack = [&](const std::vector<const double*>& vectors, Index from, Index width,
                              Panels& to) {
          at = vectors;
          for (const double*& vector : at) vector += from;
          pack_panels(at.data(), static_cast<Index>(at.size()), std::min(kChunk, length - from), width, to);
        };
        for (Index c = begin; c < end; ++c) {
          const Index from = (wave + c) * kChunk;
          pack(columns, from, kRightPanel, right);
          if (!symmetric) {
            pack(rows, from, kLeftPanel, left);
            multiply_panels(left, right, partial[c].data());
            continue;
          }
          for (Index i = 0; i < n_rows; i += kRightPanel) {
            const Index below = std::min(n_rows, i + kRightPanel);
            multiply_some_panels(right, i, below, right, below, partial[c].data() + i * stride, stride);
          }
        }
      };
    });
    for (Index c = 0; c < count; ++c)
      for (Index i = 0; i < n_rows; ++i)
        for (Index j = 0; j < (symmetric ? i + 1 : n_columns); ++j) out(i, j) += partial[c][i * stride + j];
  }
  // Products commute and are summed in the same order, so that these are the bits that would be computed.
  for (Index i = 0; symmetric && i < n_rows; ++i)
    for (Index j = i + 1; j < n_columns; ++j) out(i, j) = out(j, i);
}

void packed_gram(const MatrixView& matrix, const Monitor& monitor, double* out) {
  // Rows of the Gram matrix that are computed before they are packed.
  constexpr Index kRows = 4 * kRightPanel;
  const Index m = matrix.rows(), n = matrix.cols();
  std::vector<const double*> rows(static_cast<std::size_t>(m));
  for (Index i = 0; i < m; ++i) rows[i] = matrix.data() + i * n;
  Panels panels;
  pack_panels(rows.data(), m, n, kRightPanel, panels);
  const Index stride = padded(m, kRightPanel);
  Buffer block(kRows * stride);
  double* const diagonal = out + m * (m - 1) / 2;
  parallel_for((m + kRows - 1) / kRows, 1, monitor, [&](Index b) {
    const Index begin = b * kRows, end = std::min(m, begin + kRows);
    multiply_some_panels(panels, begin, end, panels, end, block.data(), stride);
    for (Index i = begin; i < end; ++i) {
      const double* const row = block.data() + (i - begin) * stride;
      std::copy_n(row, i, out + i * (i - 1) / 2);
      diagonal[i] = row[i];
    }
  });
}

}  // namespace neurogeom
