#include "neurogeom/cone/generators.hpp"

#include <algorithm>

#include "neurogeom/base/lanes.hpp"

namespace neurogeom {
namespace {

// Gram matrices beyond 32 MB are not kept; their rows are formed when they are needed.
constexpr Index kMaxGramPoints = 2048;

}  // namespace

Generators::Generators(const MatrixView& points, bool with_gram)
    : n_points(points.rows()), n_dims(points.cols()), stride(whole_runs(points.rows())) {
  rows = RowMatrix::Zero(stride, n_dims);
  scale = Vector::Zero(n_points);
  for (Index i = 0; i < n_points; ++i) {
    scale[i] = power_of_two_above(points.row(i).data(), n_dims);
    if (scale[i] == 0) continue;
    rows.row(i) = points.row(i) / scale[i];
  }
  if (with_gram && n_points <= kMaxGramPoints) gram.resize(n_points, stride);
}

void Generators::form_gram(Index begin, Index end) {
  // Blocks of one size, the last one padded, so that each row comes out of the same kernel calls.
  for (Index start = begin; start < end; start += gram_block) {
    const Index count = std::min(gram_block, end - start);
    RowMatrix block = RowMatrix::Zero(gram_block, n_dims);
    block.topRows(count) = rows.middleRows(start, count);
    RowMatrix products(gram_block, stride);
    products.noalias() = block * rows.transpose();
    gram.middleRows(start, count) = products.topRows(count);
  }
}

}  // namespace neurogeom
