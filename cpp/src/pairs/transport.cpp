#include "neurogeom/pairs/transport.hpp"

#include <algorithm>
#include <numeric>

namespace neurogeom {
namespace {

// The smallest of n values, n at least 1; whole registers at a time.
double smallest(const double* values, Index n) {
  constexpr Index kWidth = 8;
  double best[kWidth];
  std::fill_n(best, kWidth, kInfinity);
  Index j = 0;
  for (; j + kWidth <= n; j += kWidth)
    for (Index k = 0; k < kWidth; ++k) best[k] = values[j + k] < best[k] ? values[j + k] : best[k];
  for (; j < n; ++j) best[0] = std::min(best[0], values[j]);
  return *std::min_element(best, best + kWidth);
}

}  // namespace

void TransportSolver::push(Index row, Index column, Mass mass) {
  auto& flows = flows_[column];
  const auto at = std::find_if(flows.begin(), flows.end(), [&](const Flow& flow) { return flow.row == row; });
  if (at != flows.end())
    at->mass += mass;
  else
    flows.push_back({row, mass});
}

void TransportSolver::start(const MatrixView& costs) {
  const Index n = costs.rows(), m = costs.cols();
  v_.assign(static_cast<std::size_t>(m), kInfinity);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < m; ++j) v_[j] = std::min(v_[j], costs(i, j));
  u_.assign(static_cast<std::size_t>(n), 0.0);
  flows_.resize(static_cast<std::size_t>(m));
  for (auto& flows : flows_) flows.clear();
  key_.resize(static_cast<std::size_t>(m));
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < m; ++j) key_[j] = costs(i, j) - v_[j];
    u_[i] = smallest(key_.data(), m);
  }
}

void TransportSolver::scan(const double* costs, Index row, double distance) {
  const double base = distance - u_[row];
  const auto m = static_cast<Index>(v_.size());
  double* const key = key_.data();
  const double* const open = open_.data();
  std::int64_t* const from = from_.data();
  const std::int64_t here = row;
  for (Index j = 0; j < m; ++j) {
    const double length = base + (costs[j] - open[j]);
    const bool shorter = length < key[j];
    key[j] = shorter ? length : key[j];
    from[j] = shorter ? here : from[j];
  }
}

void TransportSolver::send(const MatrixView& costs, Index source, Mass least) {
  const Index m = costs.cols();
  key_.assign(static_cast<std::size_t>(m), kInfinity);
  open_ = v_;
  from_.resize(static_cast<std::size_t>(m));
  seen_rows_.clear();
  seen_columns_.clear();
  double distance = 0.0;
  const auto reach = [&](Index row, Index column) {
    seen_[row] = 1;
    seen_rows_.push_back(row);
    row_from_[row] = column;
    row_distance_[row] = distance;
    scan(costs.data() + row * m, row, distance);
  };
  reach(source, -1);
  bool whole = true;  // all of the tree can still be used
  while (whole && supply_[source] >= least && n_wanting_ > 0) {
    if (checkpoint_) checkpoint_();
    const double nearest = smallest(key_.data(), m);
    distance = std::max(distance, nearest);  // rounding must not lead back
    const Index column = std::find(key_.begin(), key_.end(), nearest) - key_.begin();
    reached_[column] = distance;
    key_[column] = kInfinity;
    open_[column] = -kInfinity;
    seen_columns_.push_back(column);
    if (demand_[column] >= least) {
      whole = augment(source, column);
      n_wanting_ -= demand_[column] < least;
    }
    for (const Flow& flow : flows_[column])
      if (!seen_[flow.row]) reach(flow.row, column);
  }
  for (const Index i : seen_rows_) {
    u_[i] += distance - row_distance_[i];
    seen_[i] = 0;
  }
  for (const Index j : seen_columns_) v_[j] -= distance - reached_[j];
}

bool TransportSolver::augment(Index source, Index sink) {
  const auto flow_of = [&](Index row, Index column) {
    auto& flows = flows_[column];
    return std::find_if(flows.begin(), flows.end(), [&](const Flow& flow) { return flow.row == row; });
  };
  Mass mass = std::min(supply_[source], demand_[sink]);
  for (Index i = from_[sink]; i != source; i = from_[row_from_[i]])
    mass = std::min(mass, flow_of(i, row_from_[i])->mass);
  supply_[source] -= mass;
  demand_[sink] -= mass;
  bool whole = true;
  for (Index column = sink;;) {
    const Index row = from_[column];
    push(row, column, mass);
    if (row == source) return whole;
    column = row_from_[row];
    const auto flow = flow_of(row, column);
    flow->mass -= mass;
    if (flow->mass == 0) {
      flows_[column].erase(flow);
      whole = false;
    }
  }
}

TransportPlan TransportSolver::solve(const MatrixView& costs, const std::vector<Mass>& supply,
                                     const std::vector<Mass>& demand) {
  const Index n = costs.rows(), m = costs.cols();
  supply_ = supply;
  demand_ = demand;
  start(costs);
  seen_.assign(static_cast<std::size_t>(n), 0);
  row_from_.resize(static_cast<std::size_t>(n));
  row_distance_.resize(static_cast<std::size_t>(n));
  reached_.resize(static_cast<std::size_t>(m));
  // Large masses first, on paths between places where there is as much, so that they are not split for small
  // ones.
  for (;;) {
    const Mass least = std::min(*std::max_element(supply_.begin(), supply_.end()),
                                *std::max_element(demand_.begin(), demand_.end()));
    if (least == 0) break;
    n_wanting_ = std::count_if(demand_.begin(), demand_.end(), [&](Mass mass) { return mass >= least; });
    for (Index i = 0; i < n; ++i)
      while (supply_[i] >= least && n_wanting_ > 0) send(costs, i, least);
  }

  TransportPlan plan;
  std::vector<std::vector<Flow>> by_row(static_cast<std::size_t>(n));
  for (Index j = 0; j < m; ++j)
    for (const Flow& flow : flows_[j]) by_row[flow.row].push_back({j, flow.mass});
  for (Index i = 0; i < n; ++i) {
    // The largest u that is feasible with these v.
    double u = kInfinity;
    for (Index j = 0; j < m; ++j) u = std::min(u, costs(i, j) - v_[j]);
    plan.bound += static_cast<double>(supply[i]) * u;
    for (const Flow& flow : by_row[i]) {
      plan.rows.push_back(i);
      plan.columns.push_back(flow.row);
      plan.masses.push_back(flow.mass);
      plan.cost += static_cast<double>(flow.mass) * costs(i, flow.row);
    }
  }
  for (Index j = 0; j < m; ++j) plan.bound += static_cast<double>(demand[j]) * v_[j];
  return plan;
}

std::pair<Mass, Mass> equal_masses(Index n_rows, Index n_columns) {
  const Mass common = std::gcd(n_rows, n_columns);
  return {n_columns / common, n_rows / common};
}

}  // namespace neurogeom
