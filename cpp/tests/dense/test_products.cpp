#include <algorithm>
#include <limits>

#include "check.hpp"
#include "neurogeom/base/lanes.hpp"
#include "neurogeom/dense/products.hpp"

using namespace neurogeom;
using check::normals;

namespace {

constexpr double kUntouched = 12345.678;

std::vector<const double*> rows_of(const RowMatrix& x, Index count) {
  std::vector<const double*> out;
  for (Index i = 0; i < count; ++i) out.push_back(x.data() + i * x.cols());
  return out;
}

// Sum in long double, and what rounding may do to it in any order.
struct Sum {
  long double value = 0, size = 0;
  void add(double x, double y) {
    value += static_cast<long double>(x) * y;
    size += std::abs(static_cast<long double>(x) * y);
  }
  bool holds(double found, Index n) const {
    const double rounding = std::numeric_limits<double>::epsilon() * static_cast<double>(n + 4);
    return std::abs(found - static_cast<double>(value)) <= rounding * static_cast<double>(size);
  }
};

// Lengths around all the numbers that matter: lanes, tiles, depths of 128 and 256.
const std::vector<Index> kLengths = {0, 1, 2, 3, 4, 5, 7, 8, 13, 127, 128, 129, 131, 255, 256, 257, 300, 515};

}  // namespace

TEST(row_products_against_sums) {
  for (const Index n : kLengths)
    for (const Index n_x : {1, 2, 3, 4, 5, 23, 24, 25, 50})
      for (const Index n_y : {1, 3, 4, 5, 9}) {
        const RowMatrix x = normals(1, n_x, std::max<Index>(n, 1)),
                        y = normals(2, n_y, std::max<Index>(n, 1));
        const Index stride = n_y + 3;
        RowMatrix out = RowMatrix::Constant(n_x, stride, kUntouched);
        row_products(rows_of(x, n_x).data(), n_x, rows_of(y, n_y).data(), n_y, n, out.data(), stride);
        bool good = true, kept = true;
        for (Index q = 0; q < n_x; ++q) {
          for (Index f = 0; f < n_y; ++f) {
            Sum sum;
            for (Index i = 0; i < n; ++i) sum.add(x(q, i), y(f, i));
            good = good && sum.holds(out(q, f), n);
          }
          for (Index f = n_y; f < stride; ++f) kept = kept && out(q, f) == kUntouched;
        }
        CHECK(good);
        CHECK(kept);
      }
}

TEST(an_entry_of_row_products_does_not_depend_on_those_beside_it) {
  for (const Index n : {5, 128, 300, 515}) {
    const RowMatrix x = normals(3, 60, n), y = normals(4, 40, n);
    const auto left = rows_of(x, 60), right = rows_of(y, 40);
    RowMatrix all(60, 40);
    row_products(left.data(), 60, right.data(), 40, n, all.data(), 40);
    bool same = true;
    for (const Index q : {0, 1, 2, 23, 24, 25, 57, 59})
      for (const Index f : {0, 1, 3, 4, 36, 39}) {
        double alone = 0;
        row_products(left.data() + q, 1, right.data() + f, 1, n, &alone, 1);
        same = same && alone == all(q, f);
      }
    CHECK(same);
    for (const Index count : {1, 2, 3, 4, 5, 7, 11}) {  // anywhere in the rows, so many at a time
      RowMatrix part(count, count);
      row_products(left.data() + 9, count, right.data() + 6, count, n, part.data(), count);
      CHECK(part == all.block(9, 6, count, count));
    }
  }
}

TEST(row_products_are_symmetric) {
  // x.y and y.x are the same sums in the same order.
  const RowMatrix x = normals(5, 30, 301);
  const auto rows = rows_of(x, 30);
  RowMatrix gram(30, 30);
  row_products(rows.data(), 30, rows.data(), 30, 301, gram.data(), 30);
  CHECK(gram == RowMatrix(gram.transpose()));
}

TEST(multiply_rows_against_sums) {
  for (const Index depth : {0, 1, 2, 5, 8, 17, 64})
    for (const Index width : {8, 16, 24, 40})
      for (const Index n_rows : {0, 1, 2, 3, 5, 6, 7, 8, 13}) {
        const Index stride = width + 8, c_stride = depth + 2;
        const RowMatrix c = normals(6, std::max<Index>(n_rows, 1), c_stride);
        const RowMatrix h = normals(7, std::max<Index>(depth, 1), stride);
        RowMatrix out = RowMatrix::Constant(n_rows + 1, stride, kUntouched);
        multiply_rows(c.data(), n_rows, c_stride, h.data(), depth, width, stride, out.data());
        bool good = true, kept = true, same = true;
        for (Index q = 0; q < n_rows; ++q) {
          for (Index j = 0; j < width; ++j) {
            Sum sum;
            for (Index i = 0; i < depth; ++i) sum.add(c(q, i), h(i, j));
            good = good && sum.holds(out(q, j), depth);
          }
          kept = kept && (out.row(q).tail(8).array() == kUntouched).all();
          RowMatrix alone(1, stride);
          multiply_rows(c.data() + q * c_stride, 1, c_stride, h.data(), depth, width, stride, alone.data());
          same = same && alone.leftCols(width) == out.row(q).head(width);
        }
        CHECK(good && kept && same);
        CHECK((out.row(n_rows).array() == kUntouched).all());
      }
}

TEST(add_self_product_against_sums) {
  for (const Index n_e : {0, 1, 2, 3, 7, 20})
    for (const Index width : {8, 16, 32})
      for (Index n_rows = 0; n_rows <= width; n_rows += (n_rows < 8 ? 1 : 5))
        for (const double sign : {1.0, -1.0}) {
          const Index stride = width + 8;
          const RowMatrix e = normals(8, std::max<Index>(n_e, 1), stride);
          const RowMatrix before = normals(9, width, stride);
          RowMatrix h = before;
          add_self_product(e.data(), n_e, sign, h.data(), n_rows, width, stride);
          bool good = true, symmetric = true;
          for (Index i = 0; i < n_rows; ++i)
            for (Index j = 0; j < width; ++j) {
              Sum sum;
              sum.add(1.0, before(i, j));
              for (Index q = 0; q < n_e; ++q) sum.add(sign * e(q, i), e(q, j));
              good = good && sum.holds(h(i, j), n_e + 1);
            }
          CHECK(good);
          CHECK(h.rightCols(8) == before.rightCols(8));
          CHECK(h.bottomRows(width - n_rows) == before.bottomRows(width - n_rows));
          // From a symmetric matrix comes a symmetric one, to the bit.
          RowMatrix g = RowMatrix::Zero(width, stride);
          add_self_product(e.data(), n_e, sign, g.data(), width, width, stride);
          for (Index i = 0; i < width; ++i)
            for (Index j = 0; j < i; ++j) symmetric = symmetric && g(i, j) == g(j, i);
          CHECK(symmetric);
        }
}

TEST(packed_rows_against_sums) {
  for (const Index n_dims : {1, 2, 5, 8, 127, 255, 256, 257, 300, 513})
    for (const Index n_rows : {8, 16, 40}) {
      const RowMatrix rows = normals(10, n_rows, n_dims);
      const PackedRows packed(rows);
      for (const Index count : {0, 1, 2, 3, 5, 6, 7, 8, 12, 13, 64}) {
        const RowMatrix vectors = normals(11, std::max<Index>(count, 1), n_dims);
        RowMatrix found = RowMatrix::Constant(count + 1, n_rows, kUntouched);
        std::vector<double*> out;
        for (Index s = 0; s < count; ++s) out.push_back(found.row(s).data());
        packed.multiply(rows_of(vectors, count).data(), count, out.data());
        bool good = true, same = true;
        for (Index s = 0; s < count; ++s) {
          for (Index i = 0; i < n_rows; ++i) {
            Sum sum;
            for (Index d = 0; d < n_dims; ++d) sum.add(rows(i, d), vectors(s, d));
            good = good && sum.holds(found(s, i), n_dims);
          }
          // The bits of a vector's products do not depend on the number of others.
          Vector alone(n_rows);
          const double* vector = vectors.row(s).data();
          double* to = alone.data();
          packed.multiply(&vector, 1, &to);
          same = same && alone.transpose() == found.row(s);
        }
        CHECK(good && same);
        CHECK((found.row(count).array() == kUntouched).all());
      }
    }
}
