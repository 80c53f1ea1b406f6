// From the points of a manifold, in whatever dtype and layout they lie, to coordinates in the
// smallest space that holds them.
//
// Features are read in blocks and converted to float64 there, so that no second copy of the data is
// made, and nothing of size n_features x n_features ever exists. The coordinates are a pivoted
// Cholesky factor of the Gram matrix of the centred points: they depend on the inner products
// alone, so that an orthogonal map of the data does not change them.
#pragma once

#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"

namespace neurogeom {

enum class Scalar { f16, f32, f64, i8, i16, i32, i64, u8, u16, u32, u64 };

// A matrix of points (rows) in memory owned by the caller; strides in bytes, values aligned. Manifolds of one
// call have at least one point each and the same number of features.
struct PointsView {
  const void* data;
  Scalar scalar;
  Index n_points;
  Index n_features;
  Index point_stride;
  Index feature_stride;
};

// centers(m, :) = mean of the points of manifold m; largest[m] = largest magnitude of a value in it (NaN
// aside).
void mean_points(const std::vector<PointsView>& manifolds, int n_threads, const Monitor& monitor,
                 MatrixOut centers, VectorOut largest);

// For each manifold the coordinates (n_points x rank) of its points relative to centers.row(m),
// after removal of the directions in the rows of `removed` (orthonormal, K x n_features, K may be
// 0), divided by scale[m], which is positive. Points are finite.
std::vector<RowMatrix> reduced_coordinates(const std::vector<PointsView>& manifolds,
                                           const MatrixView& centers, const MatrixView& removed,
                                           const VectorView& scale, int n_threads, const Monitor& monitor);

// Factor A (n x rank) with A A' = gram to rounding; pivots are taken in the order of the rows where
// that is safe. Directions below 1e-6 of the largest extent are dropped.
RowMatrix gram_coordinates(const RowMatrix& gram);

}  // namespace neurogeom
