#include "neurogeom/capacity/reduction.hpp"

#include <algorithm>
#include <cmath>

#include "neurogeom/base/lanes.hpp"

namespace neurogeom {
namespace {

// Features in a block: large enough for an efficient product, small enough for the cache.
constexpr Index kFeatureBlock = 256;
// Squared extent, relative to the largest, below which a direction is rounding of the Gram matrix (which
// comes to about 1e-13 for several hundred points).
constexpr double kRankTolerance = 1e-12;
// The first row with at least this share of the largest remaining extent is the next pivot. Taking
// the largest itself would let rounding choose among equals.
constexpr double kPivotShare = 0.37;

template <class T>
void load_as(const PointsView& view, Index first, RowMatrix& out) {
  constexpr auto item = static_cast<Index>(sizeof(T));
  const auto* base = static_cast<const char*>(view.data) + first * view.feature_stride;
  const Index n_points = out.rows(), n_features = out.cols();
  if (view.feature_stride == item) {  // rows lie together: a plain loop, which compilers vectorise
    for (Index p = 0; p < n_points; ++p) {
      const T* row = reinterpret_cast<const T*>(base + p * view.point_stride);
      double* target = out.row(p).data();
      for (Index f = 0; f < n_features; ++f) target[f] = static_cast<double>(row[f]);
    }
    return;
  }
  const auto read = [&](Index point, Index feature) {
    return static_cast<double>(
        *reinterpret_cast<const T*>(base + point * view.point_stride + feature * view.feature_stride));
  };
  // The inner loop runs along the smaller stride.
  if (std::abs(view.feature_stride) <= std::abs(view.point_stride)) {
    for (Index p = 0; p < n_points; ++p)
      for (Index f = 0; f < n_features; ++f) out(p, f) = read(p, f);
  } else {
    for (Index f = 0; f < n_features; ++f)
      for (Index p = 0; p < n_points; ++p) out(p, f) = read(p, f);
  }
}

// Features first .. first + out.cols() of all points, as float64.
void load(const PointsView& view, Index first, RowMatrix& out) {
  switch (view.scalar) {
    case Scalar::f16:
      return load_as<Eigen::half>(view, first, out);
    case Scalar::f32:
      return load_as<float>(view, first, out);
    case Scalar::f64:
      return load_as<double>(view, first, out);
    case Scalar::i8:
      return load_as<std::int8_t>(view, first, out);
    case Scalar::i16:
      return load_as<std::int16_t>(view, first, out);
    case Scalar::i32:
      return load_as<std::int32_t>(view, first, out);
    case Scalar::i64:
      return load_as<std::int64_t>(view, first, out);
    case Scalar::u8:
      return load_as<std::uint8_t>(view, first, out);
    case Scalar::u16:
      return load_as<std::uint16_t>(view, first, out);
    case Scalar::u32:
      return load_as<std::uint32_t>(view, first, out);
    case Scalar::u64:
      return load_as<std::uint64_t>(view, first, out);
  }
}

template <class Body>  // body(first, block)
void for_feature_blocks(const PointsView& view, const Checkpoint& checkpoint, RowMatrix& block,
                        const Body& body) {
  for (Index first = 0; first < view.n_features; first += kFeatureBlock) {
    checkpoint();
    block.resize(view.n_points, std::min(kFeatureBlock, view.n_features - first));
    load(view, first, block);
    body(first);
  }
}

RowMatrix centred_gram(const PointsView& view, const Eigen::RowVectorXd& center, const MatrixView& removed,
                       const Checkpoint& checkpoint) {
  RowMatrix block;
  const auto centre = [&](Index first) { block.rowwise() -= center.segment(first, block.cols()); };
  RowMatrix along = RowMatrix::Zero(view.n_points, removed.rows());
  if (removed.rows() > 0)
    for_feature_blocks(view, checkpoint, block, [&](Index first) {
      centre(first);
      along.noalias() += block * removed.middleCols(first, block.cols()).transpose();
    });
  RowMatrix gram = RowMatrix::Zero(view.n_points, view.n_points);
  for_feature_blocks(view, checkpoint, block, [&](Index first) {
    centre(first);
    if (removed.rows() > 0) block.noalias() -= along * removed.middleCols(first, block.cols());
    gram.selfadjointView<Eigen::Lower>().rankUpdate(block);
  });
  gram.triangularView<Eigen::StrictlyUpper>() = gram.transpose();
  return gram;
}

// Runs body(item, checkpoint) over all manifolds.
void for_manifolds(Index n, int n_threads, const Monitor& monitor,
                   const std::function<void(Index, const Checkpoint&)>& body) {
  parallel_ranges(n, 1, n_threads, monitor, [&](const Checkpoint& checkpoint) -> RangeBody {
    return [&body, checkpoint](Index begin, Index end) {
      for (Index item = begin; item < end; ++item) body(item, checkpoint);
    };
  });
}

}  // namespace

void mean_points(const std::vector<PointsView>& manifolds, int n_threads, const Monitor& monitor,
                 MatrixOut centers, VectorOut largest) {
  for_manifolds(static_cast<Index>(manifolds.size()), n_threads, monitor,
                [&](Index m, const Checkpoint& checkpoint) {
                  RowMatrix block;
                  double most = 0.0;
                  for_feature_blocks(manifolds[m], checkpoint, block, [&](Index first) {
                    most = std::max(most, block.cwiseAbs().maxCoeff());
                    double* center = centers.row(m).data() + first;
                    std::fill_n(center, block.cols(), 0.0);
                    for (Index p = 0; p < block.rows(); ++p)
                      axpy(1.0, block.row(p).data(), center, block.cols());
                    for (Index f = 0; f < block.cols(); ++f) center[f] /= static_cast<double>(block.rows());
                  });
                  largest[m] = most;
                });
}

std::vector<RowMatrix> reduced_coordinates(const std::vector<PointsView>& manifolds,
                                           const MatrixView& centers, const MatrixView& removed,
                                           const VectorView& scale, int n_threads, const Monitor& monitor) {
  std::vector<RowMatrix> coordinates(manifolds.size());
  const auto n = static_cast<Index>(manifolds.size());
  for_manifolds(n, n_threads, monitor, [&](Index m, const Checkpoint& checkpoint) {
    coordinates[m] =
        gram_coordinates(centred_gram(manifolds[m], centers.row(m), removed, checkpoint)) / scale[m];
  });
  return coordinates;
}

RowMatrix gram_coordinates(const RowMatrix& gram) {
  const Index n = gram.rows();
  Vector left = gram.diagonal();
  const double floor = kRankTolerance * left.maxCoeff();
  RowMatrix factor = RowMatrix::Zero(n, n);
  std::vector<char> done(static_cast<std::size_t>(n), 0);
  Index rank = 0;
  for (; rank < n; ++rank) {
    double largest = 0.0;
    for (Index i = 0; i < n; ++i)
      if (!done[i]) largest = std::max(largest, left[i]);
    if (!(largest > floor)) break;
    Index pivot = 0;
    while (done[pivot] || left[pivot] < kPivotShare * largest) ++pivot;
    const double root = std::sqrt(left[pivot]);
    for (Index i = 0; i < n; ++i) {
      if (done[i] || i == pivot) continue;
      const double along = dot(factor.row(i).data(), factor.row(pivot).data(), rank);
      factor(i, rank) = (gram(i, pivot) - along) / root;
      left[i] -= factor(i, rank) * factor(i, rank);
    }
    factor(pivot, rank) = root;
    done[pivot] = 1;
  }
  return factor.leftCols(rank);
}

}  // namespace neurogeom
