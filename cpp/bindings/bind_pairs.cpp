// Pairs of representations: cores of factors, and orders of dissimilarities; pairs of classes: trials of
// learning from few examples; pairs of rows: kernels of networks.
#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "arrays.hpp"
#include "bindings.hpp"
#include "monitor.hpp"
#include "neurogeom/pairs/cores.hpp"
#include "neurogeom/pairs/fewshot.hpp"
#include "neurogeom/pairs/kendall.hpp"
#include "neurogeom/pairs/shots.hpp"
#include "neurogeom/pairs/sorting.hpp"
#include "neurogeom/pairs/transport.hpp"
#include "neurogeom/pairs/wide_kernels.hpp"

namespace neurogeom {

using Weights = std::vector<std::vector<double>>;
static void require_weights(const Weights& weights, const std::vector<MatrixView>& factors) {
  require(weights.size() == factors.size(), "internal: weights");
  for (std::size_t i = 0; i < factors.size(); ++i)
    require(weights[i].empty() || static_cast<Index>(weights[i].size()) == factors[i].cols(),
            "internal: weights");
}

using Mask = py::array_t<bool, py::array::c_style>;

// Quantities are (is a nuclear norm, row weights, column weights); the result has (value, gap, error) of
// each.
static std::vector<Array> core_quantities_py(const std::vector<Array>& rows,
                                             const std::vector<Array>& columns, bool rows_trapezoidal,
                                             bool columns_trapezoidal, const Mask& wanted,
                                             std::vector<std::tuple<bool, Weights, Weights>> quantities,
                                             int n_threads, const py::object& progress) {
  const Index n_rows = static_cast<Index>(rows.size()), n_columns = static_cast<Index>(columns.size());
  require(wanted.ndim() == 2 && wanted.shape(0) == n_rows && wanted.shape(1) == n_columns, "internal: mask");
  const FactorTile tile{as_matrices(rows), as_matrices(columns), rows_trapezoidal, columns_trapezoidal,
                        wanted.data()};
  std::vector<Array> found;
  std::vector<CoreQuantity> wishes;
  std::vector<CoreValues> values;
  for (auto& [nuclear, row_weights, column_weights] : quantities) {
    require_weights(row_weights, tile.rows);
    require_weights(column_weights, tile.columns);
    wishes.push_back({nuclear ? CoreQuantity::Kind::nuclear_norm : CoreQuantity::Kind::sum_of_squares,
                      std::move(row_weights), std::move(column_weights)});
    Array result(std::vector<py::ssize_t>{3, n_rows, n_columns});
    std::fill_n(result.mutable_data(), result.size(), std::numeric_limits<double>::quiet_NaN());
    values.push_back({result.mutable_data(0), result.mutable_data(1), result.mutable_data(2)});
    found.push_back(std::move(result));
  }
  run_interruptible(
      progress, [&](const Monitor& monitor) { core_quantities(tile, wishes, n_threads, monitor, values); });
  return found;
}

using Integers = py::array_t<std::int32_t, py::array::c_style>;
using Balances = py::array_t<std::int64_t, py::array::c_style>;

static std::vector<Ranking> rankings_of(const std::vector<Integers>& ranks,
                                        const std::vector<Integers>& orders,
                                        const std::vector<Integers>& runs) {
  require(ranks.size() == orders.size() && ranks.size() == runs.size(), "internal: rankings differ");
  std::vector<Ranking> found;
  found.reserve(ranks.size());
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    require(ranks[i].ndim() == 1 && orders[i].ndim() == 1 && runs[i].ndim() == 2 && runs[i].shape(1) == 2,
            "internal: expected vectors");
    require(ranks[i].shape(0) == ranks[0].shape(0) && orders[i].shape(0) == ranks[0].shape(0),
            "internal: entries differ");
    found.push_back({ranks[i].data(), orders[i].data(), ranks[i].shape(0), runs[i].data(), runs[i].shape(0)});
  }
  return found;
}

static Balances kendall_balances_py(const std::vector<Integers>& row_ranks,
                                    const std::vector<Integers>& row_orders,
                                    const std::vector<Integers>& row_runs,
                                    const std::vector<Integers>& column_ranks,
                                    const std::vector<Integers>& column_orders,
                                    const std::vector<Integers>& column_runs, const Mask& where,
                                    int n_threads) {
  const auto rows = rankings_of(row_ranks, row_orders, row_runs);
  const auto columns = rankings_of(column_ranks, column_orders, column_runs);
  require(where.ndim() == 2 && where.shape(0) == static_cast<Index>(rows.size()) &&
              where.shape(1) == static_cast<Index>(columns.size()),
          "internal: mask of another shape");
  require(rows.empty() || columns.empty() || rows[0].n_entries == columns[0].n_entries,
          "internal: entries differ");
  Balances balances({where.shape(0), where.shape(1)});
  balances.attr("fill")(0);
  std::int64_t* const out = balances.mutable_data();
  const auto* const wanted = reinterpret_cast<const std::uint8_t*>(where.data());
  run_interruptible(py::none(), [&](const Monitor& monitor) {
    kendall_balances(rows, columns, wanted, n_threads, monitor, out);
  });
  return balances;
}

// tau-b, or its angle, from balances and the pairs untied in each item.
static Array kendall_taus_py(const Balances& balances, const std::vector<std::int64_t>& row_untied,
                             const std::vector<std::int64_t>& column_untied, bool angular) {
  require(balances.ndim() == 2 && balances.shape(0) == static_cast<Index>(row_untied.size()) &&
              balances.shape(1) == static_cast<Index>(column_untied.size()),
          "internal: balances of another shape");
  Array taus = new_matrix(balances.shape(0), balances.shape(1));
  kendall_taus(balances.data(), row_untied, column_untied, angular, taus.mutable_data());
  return taus;
}

static Integers rising_order_py(const Array& values) {
  require(values.ndim() == 1, "internal: expected a vector");
  Integers order(values.shape(0));
  std::int32_t* const out = order.mutable_data();
  const py::gil_scoped_release release;
  rising_order(values.data(), values.shape(0), out);
  return order;
}

// Equal masses on either side -> (rows, columns, share of the whole mass of each entry, cost and bound of the
// plan per mass).
static py::tuple transport_py(const Array& costs) {
  const MatrixView view = as_matrix(costs);
  require(view.rows() >= 1 && view.cols() >= 1, "internal: no costs");
  const auto [of_row, of_column] = equal_masses(view.rows(), view.cols());
  const std::vector<Mass> supply(static_cast<std::size_t>(view.rows()), of_row),
      demand(static_cast<std::size_t>(view.cols()), of_column);
  TransportPlan plan;
  run_interruptible(py::none(), [&](const Monitor& monitor) {
    parallel_ranges(1, 1, 1, monitor, [&](const Checkpoint& checkpoint) -> RangeBody {
      return
          [&, checkpoint](Index, Index) { plan = TransportSolver(checkpoint).solve(view, supply, demand); };
    });
  });
  const auto n = static_cast<Index>(plan.rows.size());
  py::array_t<Index> rows(n), columns(n);
  Array shares = new_vector(n);
  const double total = static_cast<double>(of_row) * static_cast<double>(view.rows());
  std::copy(plan.rows.begin(), plan.rows.end(), rows.mutable_data());
  std::copy(plan.columns.begin(), plan.columns.end(), columns.mutable_data());
  std::transform(plan.masses.begin(), plan.masses.end(), shares.mutable_data(),
                 [&](Mass mass) { return static_cast<double>(mass) / total; });
  return py::make_tuple(rows, columns, shares, plan.cost / total, plan.bound / total);
}

static Integers draw_shots_py(std::uint64_t key, std::uint32_t class_number, Index n_points, Index n_shots,
                              Index n_episodes, bool replace) {
  require(n_points >= 1 && n_points <= std::numeric_limits<std::int32_t>::max() && n_shots >= 1 &&
              n_episodes >= 0 && (replace || n_shots <= n_points),
          "internal: shots");
  Integers shots({n_episodes, n_shots});
  std::int32_t* const out = shots.mutable_data();
  const py::gil_scoped_release release;
  draw_shots(key, class_number, n_points, n_shots, n_episodes, replace, out);
  return shots;
}

// -> (error, its variance over episodes and over points (3, C, C), NaN where there is no pair; mean over
// pairs of each episode; its variance over points).
static py::tuple fewshot_errors_py(const std::vector<Array>& points,
                                   const std::vector<std::uint32_t>& numbers, Index n_rows,
                                   const std::string& rule, Index n_shots, Index n_episodes, bool disjoint,
                                   bool correct_radius, bool single, double beta, std::uint64_t key,
                                   int n_threads, const py::object& progress) {
  const auto n = static_cast<Index>(points.size());
  require(n >= 2 && points.size() == numbers.size() && n_rows >= 1 && n_rows <= n, "internal: classes");
  require(n_shots >= 1 && n_episodes >= 1 && (n_shots >= 2 || !correct_radius), "internal: shots");
  std::vector<ShotClass> classes;
  for (std::size_t c = 0; c < points.size(); ++c) {
    classes.push_back({as_matrix(points[c]), numbers[c]});
    require(classes[c].points.rows() > (disjoint ? n_shots : 0) &&
                classes[c].points.cols() == classes[0].points.cols(),
            "internal: points");
  }
  const std::map<std::string, ShotRule> rules{
      {"prototype", ShotRule::prototype}, {"nn", ShotRule::nearest}, {"exemplar", ShotRule::exemplar}};
  const FewshotOptions options{rules.at(rule), n_shots, n_episodes, disjoint,
                               correct_radius, single,  beta,       key};
  Array found(std::vector<py::ssize_t>{3, n, n}), of_episode = new_vector(n_episodes);
  std::fill_n(found.mutable_data(), found.size(), std::numeric_limits<double>::quiet_NaN());
  FewshotErrors errors{found.mutable_data(0), found.mutable_data(1), found.mutable_data(2),
                       of_episode.mutable_data(), 0.0};
  run_interruptible(progress, [&](const Monitor& monitor) {
    fewshot_errors(classes, n_rows, options, n_threads, monitor, errors);
  });
  return py::make_tuple(found, of_episode, errors.mean_point_variance);
}

// (activation is erf, depth, variance of weights, of biases, is the tangent kernel)
using NetworkFields = std::tuple<bool, Index, double, double, bool>;
static WideNetwork network_of(const NetworkFields& fields) {
  const auto& [is_erf, depth, weights, biases, is_tangent] = fields;
  require(depth >= 0 && weights > 0 && biases >= 0, "internal: network");
  return {is_erf ? WideNetwork::Activation::erf : WideNetwork::Activation::relu, depth, weights, biases,
          is_tangent};
}

static Array wide_gram_py(const Array& x, const NetworkFields& fields, int n_threads) {
  const MatrixView rows = as_matrix(x);
  const WideNetwork network = network_of(fields);
  Array result = new_matrix(rows.rows(), rows.rows());
  MatrixOut out = out_matrix(result);
  run_interruptible(py::none(),
                    [&](const Monitor& monitor) { wide_gram(rows, network, n_threads, monitor, out); });
  return result;
}

static Array wide_cross_py(const Array& x, const Array& z, const NetworkFields& fields, int n_threads) {
  const MatrixView rows = as_matrix(x), columns = as_matrix(z);
  require(rows.cols() == columns.cols(), "internal: widths differ");
  const WideNetwork network = network_of(fields);
  Array result = new_matrix(rows.rows(), columns.rows());
  MatrixOut out = out_matrix(result);
  run_interruptible(py::none(), [&](const Monitor& monitor) {
    wide_cross(rows, columns, network, n_threads, monitor, out);
  });
  return result;
}

static Array wide_diagonal_py(const Array& x, const NetworkFields& fields) {
  const MatrixView rows = as_matrix(x);
  const WideNetwork network = network_of(fields);
  Array result = new_vector(rows.rows());
  VectorOut out = out_vector(result);
  run_interruptible(py::none(), [&](const Monitor& monitor) { wide_diagonal(rows, network, monitor, out); });
  return result;
}

void bind_pairs(py::module_& m) {
  m.def("draw_shots", &draw_shots_py, py::arg("key"), py::arg("class_number"), py::arg("n_points"),
        py::arg("n_shots"), py::arg("n_episodes"), py::arg("replace") = false);
  m.def("fewshot_errors", &fewshot_errors_py, py::arg("points").noconvert(), py::arg("numbers"),
        py::arg("n_rows"), py::arg("rule"), py::arg("n_shots"), py::arg("n_episodes"), py::arg("disjoint"),
        py::arg("correct_radius"), py::arg("single"), py::arg("beta"), py::arg("key"), py::arg("n_threads"),
        py::arg("progress"));
  m.def("core_quantities", &core_quantities_py, py::arg("rows"), py::arg("columns"),
        py::arg("rows_trapezoidal"), py::arg("columns_trapezoidal"), py::arg("wanted").noconvert(),
        py::arg("quantities"), py::arg("n_threads"), py::arg("progress"));
  m.def("rising_order", &rising_order_py, py::arg("values").noconvert());
  m.def("kendall_balances", &kendall_balances_py, py::arg("row_ranks").noconvert(),
        py::arg("row_orders").noconvert(), py::arg("row_runs").noconvert(),
        py::arg("column_ranks").noconvert(), py::arg("column_orders").noconvert(),
        py::arg("column_runs").noconvert(), py::arg("where").noconvert(), py::arg("n_threads"));
  m.def("kendall_taus", &kendall_taus_py, py::arg("balances").noconvert(), py::arg("row_untied"),
        py::arg("column_untied"), py::arg("angular"));
  m.def("transport", &transport_py, py::arg("costs").noconvert());
  m.def("wide_gram", &wide_gram_py, py::arg("x").noconvert(), py::arg("network"), py::arg("n_threads"));
  m.def("wide_cross", &wide_cross_py, py::arg("x").noconvert(), py::arg("z").noconvert(), py::arg("network"),
        py::arg("n_threads"));
  m.def("wide_diagonal", &wide_diagonal_py, py::arg("x").noconvert(), py::arg("network"));
}

}  // namespace neurogeom
