#include "neurogeom/pairs/cores.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/lapack.hpp"
#include "neurogeom/base/tolerances.hpp"
#include "neurogeom/dense/nuclear_norms.hpp"
#include "neurogeom/dense/panels.hpp"

namespace neurogeom {
namespace {

// Similarities nearer to one than this are found from the residual of the alignment: 1 - s would cancel.
constexpr double kNear = 1e-6;

struct Pair {
  Index row, column;
  Index order;  // of its smaller Gram matrix
};

// The cores of a few pairs on their way to one kind of quantity; scratch of one worker.
class Cores {
 public:
  Cores(const FactorTile& tile, const std::vector<Panels>& left, const std::vector<Panels>& right)
      : tile_(tile), left_(left), right_(right) {}

  // All pairs have the same order, and there are at most kLaneMatrices of them.
  void compute(const Pair* pairs, Index count, const std::vector<CoreQuantity>& quantities,
               const std::vector<CoreValues>& values);

 private:
  struct Core {
    Index rows, columns, stride;
    Buffer entries, weighted;
    StridedMatrix current;  // weighted or not
  };

  void multiply(const Pair& pair, Core& core);
  void weight(const CoreQuantity& quantity, const Pair& pair, Core& core);
  double gap_by_residual(const CoreQuantity& quantity, const Pair& pair, Core& core);
  RowMatrix weighted_factor(const MatrixView& factor, const std::vector<double>& weights) const;

  const FactorTile& tile_;
  const std::vector<Panels>& left_;
  const std::vector<Panels>& right_;
  Core cores_[kLaneMatrices];
  NuclearNorms nuclear_norms_;
  RowMatrix dense_;
};

void Cores::multiply(const Pair& pair, Core& core) {
  const Panels& left = left_[pair.row];
  const Panels& right = right_[pair.column];
  core.rows = left.columns;
  core.columns = right.columns;
  core.stride = padded(right.columns, kRightPanel);
  grow(core.entries, padded(core.rows, kLeftPanel) * core.stride);
  multiply_panels(left, right, core.entries.data());
}

void Cores::weight(const CoreQuantity& quantity, const Pair& pair, Core& core) {
  const std::vector<double>& rows = quantity.row_weights[pair.row];
  const std::vector<double>& columns = quantity.column_weights[pair.column];
  core.current = {core.entries.data(), core.rows, core.columns, core.stride};
  if (rows.empty() && columns.empty()) return;
  grow(core.weighted, core.rows * core.stride);
  for (Index i = 0; i < core.rows; ++i) {
    const double* from = core.entries.data() + i * core.stride;
    double* to = core.weighted.data() + i * core.stride;
    const double factor = rows.empty() ? 1.0 : rows[i];
    for (Index j = 0; j < core.columns; ++j) to[j] = factor * from[j] * (columns.empty() ? 1.0 : columns[j]);
  }
  core.current.entries = core.weighted.data();
}

RowMatrix Cores::weighted_factor(const MatrixView& factor, const std::vector<double>& weights) const {
  if (weights.empty()) return factor;
  return factor * VectorView(weights.data(), static_cast<Index>(weights.size())).asDiagonal();
}

// Half of the squared distance of the aligned factors, which is 1 - s for factors of norm 1.
double Cores::gap_by_residual(const CoreQuantity& quantity, const Pair& pair, Core& core) {
  const Index k = std::min(core.rows, core.columns);
  RowMatrix u(core.rows, k), vt(k, core.columns);
  Vector values(k);
  dense_.resize(core.rows, core.columns);
  for (Index i = 0; i < core.rows; ++i)
    std::copy_n(core.current.entries + i * core.current.stride, core.columns,
                dense_.data() + i * core.columns);
  singular_vectors(dense_.data(), core.rows, core.columns, u.data(), values.data(), vt.data());
  const RowMatrix rotation = u * vt;
  const RowMatrix left = weighted_factor(tile_.rows[pair.row], quantity.row_weights[pair.row]);
  const RowMatrix right = weighted_factor(tile_.columns[pair.column], quantity.column_weights[pair.column]);
  // The factor of fewer columns is mapped into the space of the other, which is an isometry.
  const RowMatrix residual = core.rows <= core.columns ? RowMatrix(left * rotation - right)
                                                       : RowMatrix(left - right * rotation.transpose());
  return 0.5 * squared_norm(residual.data(), residual.size());
}

void Cores::compute(const Pair* pairs, Index count, const std::vector<CoreQuantity>& quantities,
                    const std::vector<CoreValues>& values) {
  const Index n_columns = static_cast<Index>(tile_.columns.size());
  for (Index p = 0; p < count; ++p) multiply(pairs[p], cores_[p]);
  for (std::size_t q = 0; q < quantities.size(); ++q) {
    const CoreQuantity& quantity = quantities[q];
    for (Index p = 0; p < count; ++p) weight(quantity, pairs[p], cores_[p]);
    if (quantity.kind == CoreQuantity::Kind::sum_of_squares) {
      for (Index p = 0; p < count; ++p) {
        const Core& core = cores_[p];
        double total = 0.0;
        for (Index i = 0; i < core.rows; ++i)
          total += squared_norm(core.current.entries + i * core.current.stride, core.columns);
        values[q].value[pairs[p].row * n_columns + pairs[p].column] = total;
      }
      continue;
    }
    StridedMatrix current[kLaneMatrices];
    RootTrace found[kLaneMatrices];
    for (Index p = 0; p < count; ++p) current[p] = cores_[p].current;
    nuclear_norms_.compute(current, count, found);
    for (Index p = 0; p < count; ++p) {
      Core& core = cores_[p];
      const Index at = pairs[p].row * n_columns + pairs[p].column;
      // Rounding of the core itself, of factors of norm 1, adds to what its spectrum loses.
      const double rounding = 4 * kEpsilon * std::sqrt(static_cast<double>(pairs[p].order));
      values[q].value[at] = found[p].value;
      values[q].error[at] = found[p].error + rounding;
      values[q].gap[at] =
          found[p].value > 1.0 - kNear ? gap_by_residual(quantity, pairs[p], core) : 1.0 - found[p].value;
    }
  }
}

std::vector<Panels> pack(const std::vector<MatrixView>& factors, bool trapezoidal, int n_threads,
                         const Monitor& monitor, Panels (*layout)(const MatrixView&, bool)) {
  std::vector<Panels> packed(factors.size());
  parallel_for(static_cast<Index>(factors.size()), n_threads, monitor,
               [&](Index i) { packed[i] = layout(factors[i], trapezoidal); });
  return packed;
}

}  // namespace

void core_quantities(const FactorTile& tile, const std::vector<CoreQuantity>& quantities, int n_threads,
                     const Monitor& monitor, const std::vector<CoreValues>& values) {
  const std::vector<Panels> left = pack(tile.rows, tile.rows_trapezoidal, n_threads, monitor, left_panels);
  const std::vector<Panels> right =
      pack(tile.columns, tile.columns_trapezoidal, n_threads, monitor, right_panels);
  std::vector<Pair> pairs;
  const Index n_columns = static_cast<Index>(tile.columns.size());
  for (Index i = 0; i < static_cast<Index>(tile.rows.size()); ++i)
    for (Index j = 0; j < n_columns; ++j)
      if (tile.wanted[i * n_columns + j])
        pairs.push_back({i, j, std::min(tile.rows[i].cols(), tile.columns[j].cols())});
  // Pairs of one order go together; large ones first, so that threads end at the same time.
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const Pair& a, const Pair& b) { return a.order > b.order; });
  std::vector<Index> pieces{0};
  for (Index p = 0; p < static_cast<Index>(pairs.size());) {
    const Index most = pairs[p].order <= kLargestInterleaved ? kLaneMatrices : 1;
    Index end = p + 1;
    while (end < static_cast<Index>(pairs.size()) && end < p + most && pairs[end].order == pairs[p].order)
      ++end;
    pieces.push_back(p = end);
  }
  parallel_ranges(static_cast<Index>(pieces.size()) - 1, 1, n_threads, monitor, [&](const Checkpoint&) {
    auto cores = std::make_shared<Cores>(tile, left, right);
    return [&, cores](Index begin, Index end) {
      for (Index piece = begin; piece < end; ++piece)
        cores->compute(pairs.data() + pieces[piece], pieces[piece + 1] - pieces[piece], quantities, values);
    };
  });
}

}  // namespace neurogeom
