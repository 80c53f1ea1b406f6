#include <Eigen/QR>

#include "check.hpp"
#include "neurogeom/capacity/center_correlations.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

RowMatrix orthonormal(std::uint64_t key, Index rows, Index cols) {
  const Eigen::MatrixXd x = normals(key, rows, cols);
  return Eigen::HouseholderQR<Eigen::MatrixXd>(x).householderQ() * Eigen::MatrixXd::Identity(rows, cols);
}

double cost_by_definition(const RowMatrix& centers, const RowMatrix& basis) {
  const RowMatrix left = centers - centers * basis * basis.transpose();
  const RowMatrix unit = left.rowwise().normalized();
  return 0.5 * (unit * unit.transpose()).squaredNorm();
}

// Centres that share a direction, with the last row of what is returned being that direction.
RowMatrix planted(Index n, Index dims, double strength, RowMatrix& direction) {
  direction = orthonormal(1, dims, 1);
  return normals(2, n, dims) + strength * normals(3, n, 1) * direction.transpose();
}

}  // namespace

TEST(cost_is_half_the_sum_of_squared_cosines) {
  for (const Index n : {3, 10, 25}) {
    const RowMatrix centers = normals(4, n, n);
    for (Index rank = 1; rank < std::min<Index>(n - 1, 6); ++rank) {
      const RowMatrix basis = orthonormal(5, n, rank);
      const double expected = cost_by_definition(centers, basis);
      CHECK_NEAR(correlation_cost(view(centers), view(basis), 0.0, nullptr), expected, 1e-11 * expected);
    }
  }
}

TEST(gradient_agrees_with_finite_differences) {
  for (const Index rank : {1, 2, 5}) {
    const RowMatrix centers = normals(6, 14, 11), basis = orthonormal(7, 11, rank);
    RowMatrix gradient;
    const double cost = correlation_cost(view(centers), view(basis), 0.0, &gradient);
    CHECK_NEAR(cost, correlation_cost(view(centers), view(basis), 0.0, nullptr), 1e-12 * cost);
    // Along directions tangent to the orthonormal bases, where the cost is a function of the span.
    for (std::uint64_t key = 0; key < 6; ++key) {
      RowMatrix direction = normals(8 + key, 11, rank);
      direction -= basis * (basis.transpose() * direction).eval();
      const double step = 1e-6;
      const auto at = [&](double length) {
        const Eigen::MatrixXd moved = basis + length * direction;
        const RowMatrix q =
            Eigen::HouseholderQR<Eigen::MatrixXd>(moved).householderQ() * Eigen::MatrixXd::Identity(11, rank);
        return correlation_cost(view(centers), view(q), 0.0, nullptr);
      };
      const double slope = (at(step) - at(-step)) / (2 * step);
      CHECK_NEAR(slope, gradient.cwiseProduct(direction).sum(), 1e-7 * (1 + std::abs(slope)));
    }
  }
}

TEST(cost_depends_on_the_span_and_the_directions_alone) {
  const RowMatrix centers = normals(9, 12, 8), basis = orthonormal(10, 8, 3), turn = orthonormal(11, 3, 3);
  const RowMatrix turned = basis * turn, longer = 1e3 * centers;
  RowMatrix gradient, turned_gradient;
  const double cost = correlation_cost(view(centers), view(basis), 0.0, &gradient);
  CHECK_NEAR(correlation_cost(view(centers), view(turned), 0.0, &turned_gradient), cost, 1e-12 * cost);
  CHECK((turned_gradient - gradient * turn).norm() < 1e-10 * gradient.norm());
  CHECK_NEAR(correlation_cost(view(longer), view(basis), 0.0, nullptr), cost, 1e-12 * cost);
}

TEST(a_penalty_where_little_of_a_center_is_left) {
  const RowMatrix centers = normals(12, 10, 9), basis = orthonormal(13, 9, 3);
  for (const double least_share : {0.8, 0.97}) {
    // As a function of any V, not only of orthonormal ones: R = X X' - X V (X V)'.
    const auto penalised = [&](const RowMatrix& v) {
      const RowMatrix along = centers * v, left = centers * centers.transpose() - along * along.transpose();
      double cost = 0.0;
      for (Index m = 0; m < 10; ++m) {
        const double share = left(m, m) / centers.row(m).squaredNorm();
        cost += 0.01 * std::pow(std::max(least_share / share - 1, 0.0), 2);
        for (Index n = 0; n < 10; ++n) cost += 0.5 * left(m, n) * left(m, n) / left(m, m) / left(n, n);
      }
      return cost;
    };
    RowMatrix gradient;
    const double cost = correlation_cost(view(centers), view(basis), least_share, &gradient);
    CHECK_NEAR(cost, penalised(basis), 1e-12 * cost);
    CHECK(cost > cost_by_definition(centers, basis) * (1 + 1e-6));
    for (Index i = 0; i < basis.size(); ++i) {
      RowMatrix ahead = basis, behind = basis;
      ahead.data()[i] += 1e-6;
      behind.data()[i] -= 1e-6;
      const double slope = (penalised(ahead) - penalised(behind)) / 2e-6;
      CHECK_NEAR(gradient.data()[i], slope, 1e-6 * (std::abs(slope) + gradient.cwiseAbs().maxCoeff()));
    }
  }
}

TEST(descent_lowers_the_cost_to_a_stationary_point) {
  for (const Index rank : {1, 3}) {
    const RowMatrix centers = normals(20, 20, 19);
    std::vector<RowMatrix> starts;
    std::vector<MatrixView> views;
    for (std::uint64_t k = 0; k < 2; ++k) starts.push_back(orthonormal(30 + k, 19, rank));
    for (const RowMatrix& start : starts) views.push_back(view(start));
    const auto found = minimize_correlation(view(centers), views, {2000, 1e-6, 1e-13, 0.0}, 2, {});
    CHECK(found.size() == starts.size());
    for (std::size_t k = 0; k < found.size(); ++k) {
      const DescentResult& result = found[k];
      CHECK(result.cost < correlation_cost(view(centers), views[k], 0.0, nullptr));
      CHECK(result.cost >= 10.0);  // half of P: the diagonal
      CHECK((result.basis.transpose() * result.basis - RowMatrix::Identity(rank, rank)).norm() < 1e-12);
      CHECK_NEAR(result.cost, cost_by_definition(centers, result.basis), 1e-10 * result.cost);
      CHECK(result.gradient_norm < 1e-4);
    }
    const auto again = minimize_correlation(view(centers), views, {2000, 1e-6, 1e-13, 0.0}, 1, {});
    for (std::size_t k = 0; k < found.size(); ++k) {
      CHECK(again[k].basis == found[k].basis);
      CHECK(again[k].cost == found[k].cost);
    }
  }
}

TEST(a_planted_direction_is_found) {
  RowMatrix direction;
  const RowMatrix centers = planted(40, 100, 30.0, direction);
  const RowMatrix start = orthonormal(40, 100, 1);
  const auto found = minimize_correlation(view(centers), {view(start)}, {500, 1e-6, 1e-13, 0.0}, 1, {});
  CHECK(std::abs((found[0].basis.transpose() * direction)(0, 0)) > 0.99);
  CHECK(found[0].cost < 0.2 * cost_by_definition(centers, start));
}

TEST(no_iterations_return_the_start) {
  const RowMatrix centers = normals(50, 8, 8), start = orthonormal(51, 8, 2);
  const auto found = minimize_correlation(view(centers), {view(start)}, {0, 1e-6, 1e-13, 0.0}, 1, {});
  CHECK(found[0].basis == start);
  CHECK(found[0].n_iterations == 0);
  CHECK(minimize_correlation(view(centers), {}, {10, 1e-6, 1e-13, 0.0}, 1, {}).empty());
}

TEST(a_basis_that_takes_a_centre_away_costs_infinitely_much) {
  RowMatrix centers = normals(52, 4, 6);
  const RowMatrix basis = centers.row(2).normalized().transpose();
  CHECK(std::isinf(correlation_cost(view(centers), view(basis), 0.0, nullptr)));
  const auto found = minimize_correlation(view(centers), {view(basis)}, {10, 1e-6, 1e-13, 0.0}, 1, {});
  CHECK(std::isinf(found[0].cost));
}

TEST(cancelling) {
  const RowMatrix centers = normals(53, 20, 19), start = orthonormal(54, 19, 3);
  CHECK_THROWS(minimize_correlation(view(centers), {view(start)}, {500, 0.0, 1e-13, 0.0}, 1,
                                    [](Index, Index) { return true; }),
               Cancelled);
}
