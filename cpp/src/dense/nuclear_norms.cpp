#include "neurogeom/dense/nuclear_norms.hpp"

#include <algorithm>
#include <memory>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/lapack.hpp"
#include "neurogeom/base/tolerances.hpp"
#include "neurogeom/dense/products.hpp"

namespace neurogeom {
namespace {

// Gram matrices up to this order cost BLAS more to start than to compute.
constexpr Index kSmallGram = 64;

}  // namespace

void NuclearNorms::compute(const StridedMatrix* matrices, Index count, RootTrace* found) {
  const Index n = matrices[0].order();
  grow(gram_, n * n);
  grow(tridiagonal_, 2 * n * kLaneMatrices);
  double* const diagonal = tridiagonal_.data();
  double* const off_diagonal = diagonal + n * kLaneMatrices;
  const bool interleaved = n <= kLargestInterleaved;
  const Index stride = interleaved ? kLaneMatrices : 1;
  if (interleaved) {
    grow(lanes_, n * n * kLaneMatrices);
    grow(scratch_, 16 * n);
  }
  for (Index p = 0; p < count; ++p) {
    const StridedMatrix& matrix = matrices[p];
    if (matrix.rows <= matrix.columns && n <= kSmallGram) {
      rows_.resize(static_cast<std::size_t>(n));
      for (Index i = 0; i < n; ++i) rows_[i] = matrix.entries + i * matrix.stride;
      lower_products(rows_.data(), rows_.data(), n, matrix.columns, gram_.data());
    } else if (matrix.rows <= matrix.columns)
      gram_of_rows(matrix.entries, matrix.rows, matrix.columns, matrix.stride, gram_.data());
    else
      gram_of_columns(matrix.entries, matrix.rows, matrix.columns, matrix.stride, gram_.data());
    if (interleaved) {
      // A lane without a matrix gets a copy of the first: what lanes hold does not matter to each other.
      interleave_lower(gram_.data(), n, static_cast<int>(p), lanes_.data());
      for (Index lane = count; p == 0 && lane < kLaneMatrices; ++lane)
        interleave_lower(gram_.data(), n, static_cast<int>(lane), lanes_.data());
    } else {
      tridiagonalize(gram_.data(), n, diagonal, off_diagonal);
      found[p] = root_trace(diagonal, off_diagonal, n, stride);
    }
  }
  if (interleaved) {
    tridiagonalize_lanes(lanes_.data(), n, diagonal, off_diagonal, scratch_.data());
    for (Index p = 0; p < count; ++p) found[p] = root_trace(diagonal + p, off_diagonal + p, n, stride);
  }
  for (Index p = 0; p < count; ++p)
    if (!(found[p].error <= kTolerance * found[p].value)) found[p] = by_singular_values(matrices[p]);
}

RootTrace NuclearNorms::by_singular_values(const StridedMatrix& matrix) {
  const Index k = matrix.order();
  grow(dense_, matrix.rows * matrix.columns);
  for (Index i = 0; i < matrix.rows; ++i)
    std::copy_n(matrix.entries + i * matrix.stride, matrix.columns, dense_.data() + i * matrix.columns);
  grow(scratch_, k);
  singular_values(dense_.data(), matrix.rows, matrix.columns, scratch_.data());
  return {sum(scratch_.data(), k), 8 * kEpsilon * static_cast<double>(k) * scratch_[0]};
}

void nuclear_norms(const double* stack, Index count, Index rows, Index columns, int n_threads,
                   const Monitor& monitor, double* norms) {
  const Index together = std::min(rows, columns) <= kLargestInterleaved ? kLaneMatrices : 1;
  const Index n_groups = (count + together - 1) / together;
  parallel_ranges(n_groups, 1, n_threads, monitor, [&](const Checkpoint&) {
    auto worker = std::make_shared<NuclearNorms>();
    return [=](Index begin, Index end) {
      for (Index first = begin * together; first < std::min(end * together, count); first += together) {
        const Index n = std::min(together, count - first);
        StridedMatrix matrices[kLaneMatrices];
        RootTrace found[kLaneMatrices];
        for (Index p = 0; p < n; ++p)
          matrices[p] = {stack + (first + p) * rows * columns, rows, columns, columns};
        worker->compute(matrices, n, found);
        for (Index p = 0; p < n; ++p) norms[first + p] = found[p].value;
      }
    };
  });
}

}  // namespace neurogeom
