#include <algorithm>
#include <cmath>
#include <numeric>

#include "check.hpp"
#include "neurogeom/pairs/transport.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

TransportPlan solved(const RowMatrix& costs) {
  const auto [of_row, of_column] = equal_masses(costs.rows(), costs.cols());
  return TransportSolver().solve(view(costs), std::vector<Mass>(costs.rows(), of_row),
                                 std::vector<Mass>(costs.cols(), of_column));
}

// Every row and column gets its mass, the cost is that of the entries, and the dual proves that it is least.
void require_optimal(const RowMatrix& costs, const std::vector<Mass>& supply, const std::vector<Mass>& demand,
                     const TransportPlan& plan) {
  std::vector<Mass> of_row(supply.size(), 0), of_column(demand.size(), 0);
  double cost = 0.0, size = 0.0;
  for (std::size_t k = 0; k < plan.masses.size(); ++k) {
    CHECK(plan.masses[k] > 0);
    of_row[plan.rows[k]] += plan.masses[k];
    of_column[plan.columns[k]] += plan.masses[k];
    cost += static_cast<double>(plan.masses[k]) * costs(plan.rows[k], plan.columns[k]);
    size += static_cast<double>(plan.masses[k]) * costs.cwiseAbs().maxCoeff();
    if (k > 0)
      CHECK(plan.rows[k - 1] < plan.rows[k] ||
            (plan.rows[k - 1] == plan.rows[k] && plan.columns[k - 1] < plan.columns[k]));
  }
  CHECK(of_row == supply);
  CHECK(of_column == demand);
  CHECK_NEAR(plan.cost, cost, 1e-13 * size);
  CHECK_NEAR(plan.cost, plan.bound, 1e-13 * size);
}

}  // namespace

TEST(assignments_are_the_best_of_all_permutations) {
  for (std::uint64_t key = 0; key < 20; ++key) {
    RowMatrix costs = normals(key, 5, 5);
    if (key % 2) costs = costs.array().round();  // ties
    std::vector<Index> order(5);
    std::iota(order.begin(), order.end(), 0);
    double best = kInfinity;
    do {
      double sum = 0.0;
      for (Index i = 0; i < 5; ++i) sum += costs(i, order[i]);
      best = std::min(best, sum);
    } while (std::next_permutation(order.begin(), order.end()));
    CHECK_NEAR(solved(costs).cost, best, 1e-13);
  }
}

TEST(every_plan_is_certified) {
  std::uint64_t key = 100;
  for (const Index n : {1, 2, 3, 7, 8, 20, 41})
    for (const Index m : {1, 2, 5, 8, 9, 40})
      for (const double scale : {1.0, 0.5, 1e3, 1e-12}) {
        RowMatrix costs = scale * normals(key++, n, m);
        if (scale == 0.5) costs = costs.array().round();
        const auto [of_row, of_column] = equal_masses(n, m);
        const std::vector<Mass> supply(n, of_row), demand(m, of_column);
        require_optimal(costs, supply, demand, TransportSolver().solve(view(costs), supply, demand));
      }
}

TEST(masses_may_differ_and_memory_is_used_again) {
  TransportSolver solver;
  for (std::uint64_t key = 0; key < 30; ++key) {
    const Index n = 1 + static_cast<Index>(key % 7), m = 1 + static_cast<Index>(key % 5);
    std::vector<Mass> supply(n), demand(m, 1);
    for (Index i = 0; i < n; ++i) supply[i] = 1 + static_cast<Mass>((i * 7 + key) % 11);
    const Mass total = std::accumulate(supply.begin(), supply.end(), Mass{0}) * m;
    for (Mass& mass : supply) mass *= m;
    demand.assign(m, total / m);
    demand[0] -= total / m / 2;
    demand[m - 1] += total / m / 2;
    const RowMatrix costs = normals(300 + key, n, m);
    require_optimal(costs, supply, demand, solver.solve(view(costs), supply, demand));
  }
}

TEST(equal_costs_and_one_row) {
  CHECK(solved(RowMatrix::Zero(4, 6)).cost == 0.0);
  CHECK(solved(RowMatrix::Constant(3, 1, 2.0)).cost == 2.0 * 3);
  CHECK(solved(RowMatrix::Constant(1, 1, -1.0)).bound == -1.0);
  CHECK(equal_masses(4, 6) == std::make_pair(Mass{3}, Mass{2}));
}

TEST(small_differences_decide_beside_large_costs) {
  // Pairs of columns that differ by 1e-16 of the largest cost.
  const Index n = 12;
  RowMatrix costs = RowMatrix::Constant(n, n, 1.0);
  for (Index i = 0; i < n; i += 2) {
    costs(i, i) = costs(i + 1, i + 1) = 1e-20;
    costs(i, i + 1) = costs(i + 1, i) = 1e-16;
  }
  CHECK_NEAR(solved(costs).cost, n * 1e-20, 1e-30);
}

TEST(a_checkpoint_stops_it) {
  const RowMatrix costs = normals(7, 60, 50);
  const std::vector<Mass> supply(60, 5), demand(50, 6);
  int calls = 0;
  TransportSolver solver([&] {
    if (++calls > 20) throw Cancelled();
  });
  CHECK_THROWS(solver.solve(view(costs), supply, demand), Cancelled);
  calls = -1000000;
  require_optimal(costs, supply, demand, solver.solve(view(costs), supply, demand));
}
