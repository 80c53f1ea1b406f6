#include "neurogeom/inner_products.hpp"

#include <algorithm>

#include "neurogeom/panels.hpp"

namespace neurogeom {
namespace {

// Entries of the vectors that are laid out and multiplied at a time, by one thread; part of the result's
// bits.
constexpr Index kChunk = 2048;
// Chunks whose partial products are kept before they are added up, in order.
constexpr Index kWave = 16;

// Some entries of all vectors as panels: vectors are the columns.
void pack(const std::vector<const double*>& vectors, Index begin, Index end, Index width, Panels& panels) {
  panels.rows = end - begin;
  panels.columns = static_cast<Index>(vectors.size());
  panels.data.setZero(panels.rows * padded(panels.columns, width));
  for (Index v = 0; v < panels.columns; ++v) {
    const double* const from = vectors[v] + begin;
    double* const to = panels.data.data() + v / width * width * panels.rows + v % width;
    for (Index i = 0; i < panels.rows; ++i) to[i * width] = from[i];
  }
}

}  // namespace

void inner_products(const std::vector<const double*>& rows, const std::vector<const double*>& columns,
                    Index length, int n_threads, const Monitor& monitor, MatrixOut out) {
  const Index n_rows = out.rows(), n_columns = out.cols();
  const Index stride = padded(n_columns, kRightPanel);
  const Index n_chunks = (length + kChunk - 1) / kChunk;
  std::vector<Buffer> partial(static_cast<std::size_t>(std::min(kWave, n_chunks)));
  for (Buffer& buffer : partial) buffer.resize(padded(n_rows, kLeftPanel) * stride);
  out.setZero();
  for (Index wave = 0; wave < n_chunks; wave += kWave) {
    const Index count = std::min(kWave, n_chunks - wave);
    parallel_ranges(count, 1, n_threads, monitor, [&](const Checkpoint&) {
      return [&, left = Panels{}, right = Panels{}](Index begin, Index end) mutable {
        for (Index c = begin; c < end; ++c) {
          const Index from = (wave + c) * kChunk, to = std::min(length, from + kChunk);
          pack(rows, from, to, kLeftPanel, left);
          pack(columns, from, to, kRightPanel, right);
          multiply_panels(left, right, partial[c].data());
        }
      };
    });
    for (Index c = 0; c < count; ++c)
      for (Index i = 0; i < n_rows; ++i)
        for (Index j = 0; j < n_columns; ++j) out(i, j) += partial[c][i * stride + j];
  }
}

}  // namespace neurogeom
