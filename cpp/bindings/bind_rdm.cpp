// Ranks of dissimilarities and comparisons by their order.
#include "arrays.hpp"
#include "bindings.hpp"
#include "monitor.hpp"
#include "neurogeom/pairs/kendall.hpp"
#include "neurogeom/pairs/sorting.hpp"

namespace neurogeom {

using Integers = py::array_t<std::int32_t, py::array::c_style>;
using Mask = py::array_t<bool, py::array::c_style>;

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

static py::array_t<std::int64_t> kendall_balances_py(const std::vector<Integers>& row_ranks,
                                                     const std::vector<Integers>& row_orders,
                                                     const std::vector<Integers>& row_runs,
                                                     const std::vector<Integers>& column_ranks,
                                                     const std::vector<Integers>& column_orders,
                                                     const std::vector<Integers>& column_runs,
                                                     const Mask& where, int n_threads) {
  const auto rows = rankings_of(row_ranks, row_orders, row_runs);
  const auto columns = rankings_of(column_ranks, column_orders, column_runs);
  require(where.ndim() == 2 && where.shape(0) == static_cast<Index>(rows.size()) &&
              where.shape(1) == static_cast<Index>(columns.size()),
          "internal: mask of another shape");
  require(rows.empty() || columns.empty() || rows[0].n_entries == columns[0].n_entries,
          "internal: entries differ");
  py::array_t<std::int64_t> balances({where.shape(0), where.shape(1)});
  balances.attr("fill")(0);
  std::int64_t* const out = balances.mutable_data();
  const auto* const wanted = reinterpret_cast<const std::uint8_t*>(where.data());
  run_interruptible(py::none(), [&](const Monitor& monitor) {
    kendall_balances(rows, columns, wanted, n_threads, monitor, out);
  });
  return balances;
}

static Integers rising_order_py(const Array& values) {
  require(values.ndim() == 1, "internal: expected a vector");
  Integers order(values.shape(0));
  std::int32_t* const out = order.mutable_data();
  const py::gil_scoped_release release;
  rising_order(values.data(), values.shape(0), out);
  return order;
}

void bind_rdm(py::module_& m) {
  m.def("rising_order", &rising_order_py, py::arg("values").noconvert());
  m.def("kendall_balances", &kendall_balances_py, py::arg("row_ranks").noconvert(),
        py::arg("row_orders").noconvert(), py::arg("row_runs").noconvert(),
        py::arg("column_ranks").noconvert(), py::arg("column_orders").noconvert(),
        py::arg("column_runs").noconvert(), py::arg("where").noconvert(), py::arg("n_threads"));
}

}  // namespace neurogeom
