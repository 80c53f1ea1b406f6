#include <algorithm>
#include <cmath>
#include <numeric>

#include "check.hpp"
#include "neurogeom/pairs/kendall.hpp"

using namespace neurogeom;
using check::normals;

namespace {

using Integers = std::vector<std::int32_t>;

// Values with their order and runs of ties.
struct Sorted {
  explicit Sorted(Integers values) : rank(std::move(values)), order(rank.size()) {
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](auto i, auto j) { return rank[i] < rank[j]; });
    for (std::size_t i = 0, end; i < order.size(); i = end) {
      for (end = i + 1; end < order.size() && rank[order[end]] == rank[order[i]];) ++end;
      if (end - i > 1) {
        runs.push_back(static_cast<std::int32_t>(i));
        runs.push_back(static_cast<std::int32_t>(end - i));
      }
    }
  }
  Ranking view() const {
    return {rank.data(), order.data(), static_cast<Index>(rank.size()), runs.data(),
            static_cast<Index>(runs.size() / 2)};
  }
  Integers rank, order, runs;
};

// Rounded normal numbers: coarse ones tie often.
Integers rounded(std::uint64_t key, Index n, double scale) {
  const RowMatrix draws = normals(key, 1, n);
  Integers out(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) out[i] = static_cast<std::int32_t>(std::lround(scale * draws(0, i)));
  return out;
}

std::int64_t by_definition(const Integers& x, const Integers& y) {
  std::int64_t balance = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      balance += ((x[i] > x[j]) - (x[i] < x[j])) * ((y[i] > y[j]) - (y[i] < y[j]));
  return balance;
}

}  // namespace

TEST(balances_follow_the_definition) {
  ConcordanceCounter counter;
  std::uint64_t key = 0;
  for (const Index n : {1, 2, 3, 15, 16, 17, 31, 33, 100, 1025})
    for (const double scale : {0.0, 0.5, 2.0, 1e6})
      for (const double other : {0.5, 1e6}) {
        const Sorted x(rounded(key++, n, scale)), y(rounded(key++, n, other));
        CHECK(counter.balance(x.view(), y.view()) == by_definition(x.rank, y.rank));
        CHECK(counter.balance(y.view(), x.view()) == by_definition(x.rank, y.rank));
      }
}

TEST(counts_beyond_32_bits_are_exact) {
  const std::int64_t n = 200000;
  Integers rising(static_cast<std::size_t>(n));
  std::iota(rising.begin(), rising.end(), 0);
  const Integers falling(rising.rbegin(), rising.rend());
  const Sorted x(rising), y(falling), tied(Integers(rising.size(), 3));
  ConcordanceCounter counter;
  CHECK(counter.balance(x.view(), x.view()) == n * (n - 1) / 2);
  CHECK(counter.balance(x.view(), y.view()) == -n * (n - 1) / 2);
  CHECK(counter.balance(x.view(), tied.view()) == 0);
  CHECK(counter.balance(tied.view(), x.view()) == 0);
  CHECK(tied.view().tied_pairs() == n * (n - 1) / 2);
  CHECK(x.view().tied_pairs() == 0);
}

TEST(tiles_leave_alone_what_is_not_asked_for) {
  std::vector<Sorted> items;
  std::vector<Ranking> rows, columns;
  for (std::uint64_t k = 0; k < 7; ++k) items.emplace_back(rounded(90 + k, 50, k % 2 ? 1.0 : 1e6));
  for (std::size_t k = 0; k < 7; ++k) (k < 3 ? rows : columns).push_back(items[k].view());
  std::vector<std::uint8_t> where(12, 1);
  where[5] = where[11] = 0;
  for (const int n_threads : {1, 2, 5}) {
    std::vector<std::int64_t> out(12, 12345678);
    kendall_balances(rows, columns, where.data(), n_threads, {}, out.data());
    for (std::size_t i = 0; i < 12; ++i)
      CHECK(out[i] == (where[i] ? by_definition(items[i / 4].rank, items[3 + i % 4].rank) : 12345678));
  }
}

TEST(the_monitor_stops_it) {
  const Sorted x(rounded(1, 2000, 1e6));
  const std::vector<Ranking> items(20, x.view());
  const std::vector<std::uint8_t> where(400, 1);
  std::vector<std::int64_t> out(400);
  const Monitor stop = [](Index, Index) { return true; };
  for (const int n_threads : {1, 3})
    CHECK_THROWS(kendall_balances(items, items, where.data(), n_threads, stop, out.data()), Cancelled);
}

TEST(taus_and_their_angles) {
  // Counts whose products are beyond 64 bits, and the square of a cosine so near 1 that only whole numbers
  // tell it from 1.
  const std::int64_t n = std::int64_t{1} << 40;
  const std::vector<std::int64_t> rows = {6, n}, columns = {6, n, n + 2};
  const std::int64_t balances[6] = {3, 0, -2, 1, n - 1, n};
  double taus[6], angles[6];
  kendall_taus(balances, rows, columns, false, taus);
  kendall_taus(balances, rows, columns, true, angles);
  for (int i = 0; i < 6; ++i) {
    const double u = static_cast<double>(rows[i / 3]), v = static_cast<double>(columns[i % 3]);
    CHECK_NEAR(taus[i], static_cast<double>(balances[i]) / std::sqrt(u * v), 1e-15);
    if (i != 4 && i != 5) CHECK_NEAR(angles[i], std::acos(taus[i]), 1e-15);
  }
  CHECK(taus[0] == 0.5 && taus[1] == 0.0);
  // 1 - cos^2 = (2 n - 1) / n^2, and 2 / (n + 2).
  const double size = static_cast<double>(n);
  CHECK_NEAR(angles[4], std::asin(std::sqrt((2 * size - 1) / size / size)), 1e-21);
  CHECK_NEAR(angles[5], std::asin(std::sqrt(2 / (size + 2))), 1e-21);
}
