#include "check.hpp"
#include "neurogeom/dense/inner_products.hpp"
#include "sums.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

std::vector<const double*> rows_of(const RowMatrix& x) {
  std::vector<const double*> out;
  for (Index i = 0; i < x.rows(); ++i) out.push_back(x.data() + i * x.cols());
  return out;
}

RowMatrix products(const RowMatrix& x, const RowMatrix& y, Index length, int n_threads) {
  RowMatrix out = RowMatrix::Constant(x.rows(), y.rows(), 12345.678);
  inner_products(rows_of(x), rows_of(y), length, n_threads, {}, {out.data(), out.rows(), out.cols()});
  return out;
}

// Around the chunk of 2048 entries, and beyond the wave of 16 chunks.
const std::vector<Index> kLengths = {1, 2, 3, 37, 131, 2047, 2048, 2049, 6001, 16 * 2048 + 5, 33 * 2048};

}  // namespace

TEST(inner_products_against_sums) {
  for (const Index length : kLengths)
    for (const Index n : {1, 2, 3, 13}) {
      const RowMatrix x = normals(1, n, length), y = normals(2, 7, length);
      const RowMatrix found = products(x, y, length, 2);
      CHECK(check::is_core(x.transpose(), y.transpose(), found.data(), 7));
    }
}

TEST(products_of_no_entries_are_zero) {
  const RowMatrix x = normals(3, 2, 5);
  CHECK((products(x, x, 0, 1).array() == 0).all());
}

TEST(bits_depend_on_the_two_vectors_only) {
  for (const Index length : {37, 2049, 16 * 2048 + 5}) {
    const RowMatrix x = normals(4, 37, length), y = normals(5, 15, length);
    const RowMatrix all = products(x, y, length, 1);
    for (const int n_threads : {2, 7}) CHECK(products(x, y, length, n_threads) == all);
    for (const Index i : {0, 3, 4, 36})
      for (const Index j : {0, 11, 12, 14}) CHECK(products(x.row(i), y.row(j), length, 2)(0, 0) == all(i, j));
    CHECK(products(x.middleRows(5, 13), y.bottomRows(6), length, 3) == all.block(5, 9, 13, 6));
    CHECK(products(y, x, length, 1) == RowMatrix(all.transpose()));
  }
}

TEST(packed_gram_against_sums) {
  for (const Index m : {1, 2, 3, 31, 32, 33, 37, 131})
    for (const Index n : {1, 2, 37, 300}) {
      const RowMatrix x = normals(6, m, n);
      std::vector<double> packed(static_cast<std::size_t>(m * (m + 1) / 2) + 1, 12345.678);
      packed_gram(view(x), {}, packed.data());
      bool good = true;
      std::size_t at = 0;
      const auto holds = [&](Index i, Index j) {
        check::Sum sum;
        for (Index k = 0; k < n; ++k) sum.add(x(i, k), x(j, k));
        return sum.holds(packed[at++], n);
      };
      for (Index i = 0; i < m; ++i)
        for (Index j = 0; j < i; ++j) good = good && holds(i, j);
      for (Index i = 0; i < m; ++i) good = good && holds(i, i);
      CHECK(good);
      CHECK(at + 1 == packed.size() && packed.back() == 12345.678);
    }
}

TEST(equal_rows_have_equal_entries) {
  RowMatrix x = normals(7, 40, 301);
  x.row(33) = x.row(2);
  std::vector<double> packed(820);
  packed_gram(view(x), {}, packed.data());
  const double* const diagonal = packed.data() + 780;
  CHECK(packed[33 * 32 / 2 + 2] == diagonal[2] && diagonal[33] == diagonal[2]);
}

TEST(the_monitor_stops_it) {
  const Index length = 40 * 2048;
  const RowMatrix x = normals(8, 5, length);
  RowMatrix out(5, 5);
  const MatrixOut to(out.data(), 5, 5);
  std::vector<double> packed(15);
  for (const int n_threads : {1, 2, 7}) {
    const Monitor stop = [](Index, Index) { return true; };
    CHECK_THROWS(inner_products(rows_of(x), rows_of(x), length, n_threads, stop, to), Cancelled);
    const Monitor fail = [](Index, Index) -> bool { throw std::out_of_range("monitor"); };
    CHECK_THROWS(inner_products(rows_of(x), rows_of(x), length, n_threads, fail, to), std::out_of_range);
  }
  CHECK_THROWS(packed_gram(view(x), [](Index, Index) { return true; }, packed.data()), Cancelled);
}
