// Shared aliases. Everything is row-major float64, samples (or points) first.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace neurogeom {

using Index = std::ptrdiff_t;

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;
using MatrixView = Eigen::Map<const RowMatrix>;
using MatrixOut = Eigen::Map<RowMatrix>;
using VectorView = Eigen::Map<const Vector>;
using VectorOut = Eigen::Map<Vector>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace neurogeom
