#include <limits>

#include "check.hpp"
#include "neurogeom/base/lanes.hpp"

using namespace neurogeom;
using check::normals;

namespace {

using Long = long double;

Long exact_dot(const double* x, const double* y, Index n) {
  Long sum = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<Long>(x[i]) * y[i];
  return sum;
}
// What n products may round to.
double rounding(const double* x, const double* y, Index n) {
  double size = 0;
  for (Index i = 0; i < n; ++i) size += std::abs(x[i] * y[i]);
  return std::numeric_limits<double>::epsilon() * static_cast<double>(n + 1) * size;
}

}  // namespace

TEST(sums_of_products) {
  for (const Index n : {0, 1, 3, 7, 8, 9, 16, 31, 100}) {
    const RowMatrix x = normals(1, 1, n), y = normals(2, 1, n);
    CHECK_NEAR(dot(x.data(), y.data(), n), static_cast<double>(exact_dot(x.data(), y.data(), n)),
               rounding(x.data(), y.data(), n));
    CHECK(squared_norm(x.data(), n) == dot(x.data(), x.data(), n));
    // Whole numbers have no rounding.
    std::vector<double> count(static_cast<std::size_t>(n));
    for (Index i = 0; i < n; ++i) count[i] = static_cast<double>(i + 1);
    CHECK(sum(count.data(), n) == static_cast<double>(n * (n + 1) / 2));
    CHECK(squared_norm(count.data(), n) == static_cast<double>(n * (n + 1) * (2 * n + 1) / 6));
  }
}

TEST(bits_do_not_depend_on_the_address) {
  const Index n = 53;
  const RowMatrix x = normals(3, 1, n), y = normals(4, 1, n);
  const double expected = dot(x.data(), y.data(), n);
  for (Index shift = 0; shift < 4; ++shift) {
    std::vector<double> a(static_cast<std::size_t>(n + shift)), b(static_cast<std::size_t>(n + 3 - shift));
    std::copy_n(x.data(), n, a.data() + shift);
    std::copy_n(y.data(), n, b.data() + 3 - shift);
    CHECK(dot(a.data() + shift, b.data() + 3 - shift, n) == expected);
  }
}

TEST(powers_of_two_above_a_length) {
  for (const double scale : {1.0, 3.7e-300, 2.2e300, 5e-324, 1e-310}) {
    for (Index n : {1, 2, 5, 40}) {
      RowMatrix x = normals(5, 1, n) * scale;
      if (n == 5) x.setConstant(scale);
      const double power = power_of_two_above(x.data(), n);
      int exponent = 0;
      CHECK(x.isZero(0) ? power == 0 : std::frexp(power, &exponent) == 0.5);
      Long square = 0;
      for (Index i = 0; i < n && power > 0; ++i)
        square += static_cast<Long>(x(0, i)) / power * (static_cast<Long>(x(0, i)) / power);
      if (power > 0) CHECK(square >= 0.25L * (1 - 1e-15L) && square < 1 + 1e-15L);
    }
  }
  const double zeros[3] = {0.0, -0.0, 0.0}, largest_value = std::numeric_limits<double>::max();
  CHECK(power_of_two_above(zeros, 3) == 0.0);
  CHECK(power_of_two_above(zeros, 0) == 0.0);
  CHECK(power_of_two_above(&largest_value, 1) == std::ldexp(1.0, 1023));  // 2^1024 is none
}

TEST(rows_are_added_and_multiplied) {
  const Index n = 21, stride = 25, n_matrix = 12;
  const RowMatrix x = normals(6, n_matrix, stride), y = normals(7, 1, n);
  const std::vector<Index> at = {3, 11, 0, 7, 7, 2, 9};
  for (Index rows = 0; rows <= 7; ++rows) {
    const RowMatrix factor = normals(8, 1, 8);
    RowMatrix first = y, second = y;
    add_rows(factor.data(), x.data(), rows, stride, first.data(), n);
    add_rows_at(factor.data(), x.data(), at.data(), rows, stride, second.data(), n);
    RowMatrix one = y, other = y;
    for (Index r = 0; r < rows; ++r) {
      one += factor(0, r) * x.row(r).head(n);
      other += factor(0, r) * x.row(at[r]).head(n);
    }
    CHECK((first - one).cwiseAbs().maxCoeff() < 1e-14);
    CHECK((second - other).cwiseAbs().maxCoeff() < 1e-14);
    std::vector<double> products(8, -7.0);
    dot_rows_at(x.data(), at.data(), rows, stride, y.data(), n, products.data());
    for (Index r = 0; r < rows; ++r)
      CHECK_NEAR(products[r], static_cast<double>(exact_dot(x.row(at[r]).data(), y.data(), n)),
                 rounding(x.row(at[r]).data(), y.data(), n));
    CHECK(products[static_cast<std::size_t>(rows)] == -7.0);
  }
}

TEST(largest_entries) {
  for (const Index n : {8, 16, 40}) {
    RowMatrix x = normals(9, 1, n);
    x(0, 3) = -kInfinity;
    for (Index place = 0; place < n; ++place) {
      RowMatrix y = x;
      y(0, place) = 100.0;
      CHECK(largest(y.data(), n) == 100.0);
      std::vector<double> maxima(static_cast<std::size_t>(n / kRun));
      run_maxima(y.data(), n, maxima.data());
      for (Index run = 0; run < n / kRun; ++run)
        CHECK(maxima[run] == y.middleCols(run * kRun, kRun).maxCoeff());
    }
  }
  const std::vector<double> none(8, -kInfinity);
  CHECK(largest(none.data(), 8) == -kInfinity);
  CHECK(whole_runs(0) == 0 && whole_runs(1) == kRun && whole_runs(kRun) == kRun &&
        whole_runs(kRun + 1) == 2 * kRun);
}

// By the formulas of the header, one after the other.
template <int Q>
static void check_append(Index n_rows, bool with_init) {
  const Index n = 24, offset = 8, stride = 40;
  RowMatrix factor = normals(10, n_rows + Q, stride), prices = normals(11, 1, stride);
  const RowMatrix init = normals(12, Q, n), old = normals(13, Q, n_rows + 1), numbers = normals(14, Q, Q + 2);
  RowMatrix expected = factor, expected_prices = prices;
  RowBlock<Q> block;
  for (int q = 0; q < Q; ++q) {
    block.init[q] = with_init ? init.row(q).data() : nullptr;
    block.old[q] = old.row(q).data();
    for (int p = 0; p < Q; ++p) block.lower[q][p] = numbers(q, p);
    block.inverse[q] = numbers(q, Q);
    block.minus_y[q] = numbers(q, Q + 1);
    block.row[q] = factor.row(n_rows + q).data();
    auto row = expected.row(n_rows + q).segment(offset, n);
    row.setZero();
    if (with_init) row += init.row(q);
    for (Index r = 0; r < n_rows; ++r) row += old(q, r) * expected.row(r).segment(offset, n);
    for (int p = 0; p < q; ++p) row -= numbers(q, p) * expected.row(n_rows + p).segment(offset, n);
    row *= numbers(q, Q);
    expected_prices.row(0).segment(offset, n) += numbers(q, Q + 1) * row;
  }
  std::vector<double> maxima(static_cast<std::size_t>(n / kRun));
  append_rows<Q>(block, factor.data(), n_rows, stride, offset, n, prices.data(), maxima.data());
  CHECK((factor - expected).cwiseAbs().maxCoeff() < 1e-12 * (1 + expected.cwiseAbs().maxCoeff()));
  CHECK((prices - expected_prices).cwiseAbs().maxCoeff() <
        1e-12 * (1 + expected_prices.cwiseAbs().maxCoeff()));
  for (Index run = 0; run < n / kRun; ++run)
    CHECK(maxima[run] == prices.row(0).segment(offset + run * kRun, kRun).maxCoeff());
}

TEST(rows_are_appended) {
  for (const Index n_rows : {0, 1, 5})
    for (const bool with_init : {true, false}) {
      check_append<1>(n_rows, with_init);
      check_append<2>(n_rows, with_init);
      check_append<4>(n_rows, with_init);
    }
}
