// Shared aliases. Everything is row-major float64, samples (or points) first.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <cstdint>

namespace neurogeom {

using Index = std::ptrdiff_t;

using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Vector = Eigen::VectorXd;
using MatrixView = Eigen::Map<const RowMatrix>;
using MatrixOut = Eigen::Map<RowMatrix>;
using VectorView = Eigen::Map<const Vector>;
using VectorOut = Eigen::Map<Vector>;

// How a solver ended. Values are part of the Python interface (neurogeom.project_cone).
enum class Status : std::int8_t { converged = 0, iteration_limit = 1, infeasible = 2 };

}  // namespace neurogeom
