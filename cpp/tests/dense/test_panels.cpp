#include "check.hpp"
#include "neurogeom/dense/panels.hpp"
#include "sums.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

constexpr double kUntouched = 12345.678;
// Around the widths of panels, the depth of 256 and the block of 128 columns.
const std::vector<Index> kColumns = {1, 2, 3, 4, 12, 13, 37, 128, 131};
const std::vector<Index> kRows = {1, 2, 37, 256, 257, 515};

RowMatrix trapezoid(std::uint64_t key, Index rows, Index columns) {
  RowMatrix matrix = normals(key, rows, columns);
  for (Index i = 0; i < rows; ++i)
    for (Index j = i + 1; j < columns; ++j) matrix(i, j) = 0.0;
  return matrix;
}

RowMatrix product(const RowMatrix& left, const RowMatrix& right, bool left_zeros, bool right_zeros) {
  RowMatrix out =
      RowMatrix::Constant(padded(left.cols(), kLeftPanel), padded(right.cols(), kRightPanel), kUntouched);
  multiply_panels(left_panels(view(left), left_zeros), right_panels(view(right), right_zeros), out.data());
  return out;
}

}  // namespace

TEST(panels_hold_columns_and_zeros) {
  const RowMatrix matrix = normals(1, 7, 14);
  const Panels panels = right_panels(view(matrix), false);
  CHECK(panels.rows == 7 && panels.columns == 14 && panels.data.size() == 7 * 24);
  for (Index row = 0; row < 7; ++row)
    for (Index j = 0; j < 24; ++j) {
      const double entry = panels.data[j / 12 * 12 * 7 + row * 12 + j % 12];
      CHECK(entry == (j < 14 ? matrix(row, j) : 0.0));
    }
}

TEST(vectors_are_packed_like_the_columns_of_a_matrix) {
  for (const Index width : {kLeftPanel, kRightPanel})
    for (const Index count : {1, 2, 3, 12, 13, 37}) {
      const RowMatrix vectors = normals(2, count, 131), columns = vectors.transpose();
      std::vector<const double*> at;
      for (Index v = 0; v < count; ++v) at.push_back(vectors.row(v).data());
      Panels packed;
      packed.data.setConstant(5, kUntouched);  // of another use
      pack_panels(at.data(), count, 131, width, packed);
      const Panels expected = (width == kLeftPanel ? left_panels : right_panels)(view(columns), false);
      CHECK(packed.rows == 131 && packed.columns == count && packed.data.size() == expected.data.size());
      CHECK((packed.data == expected.data).all());
    }
}

TEST(dense_products_against_sums) {
  for (const Index rows : kRows)
    for (const Index n : kColumns)
      for (const Index p : {1, 3, 12, 131}) {
        const RowMatrix left = normals(3, rows, n), right = normals(4, rows, p);
        const RowMatrix out = product(left, right, false, false);
        CHECK(check::is_core(left, right, out.data(), out.cols()));
        // What pads the result comes from zeros.
        CHECK((out.bottomRows(out.rows() - n).leftCols(p).array() == 0).all());
      }
}

TEST(trapezoidal_products_against_sums) {
  for (const Index rows : kRows)
    for (const Index n : kColumns)  // also more columns than rows: the last ones are zero
      for (const Index p : {1, 13, 131}) {
        const RowMatrix left = trapezoid(5, rows, n), right = trapezoid(6, rows, p);
        const RowMatrix dense = normals(7, rows, p);
        RowMatrix out = product(left, right, true, true);
        CHECK(check::is_core(left, right, out.data(), out.cols()));
        out = product(left, dense, true, false);
        CHECK(check::is_core(left, dense, out.data(), out.cols()));
        out = product(dense, left, false, true);
        CHECK(check::is_core(dense, left, out.data(), out.cols()));
      }
}

TEST(an_entry_does_not_depend_on_the_columns_beside_it) {
  for (const Index rows : {3, 131, 257, 515}) {
    const RowMatrix left = normals(8, rows, 131), right = normals(9, rows, 37);
    const RowMatrix all = product(left, right, false, false);
    bool same = true;
    for (const Index i : {0, 1, 4, 127, 128, 130})
      for (const Index j : {0, 5, 11, 12, 36}) {
        const RowMatrix one = product(left.col(i), right.col(j), false, false);
        same = same && one(0, 0) == all(i, j);
      }
    CHECK(same);
    const RowMatrix few = product(left.leftCols(14), right.rightCols(17), false, false);
    CHECK(few.topLeftCorner(14, 17) == all.block(0, 20, 14, 17));
  }
}

TEST(rows_that_are_skipped_change_no_bits_of_a_short_sum) {
  // Up to one depth: the zeros that a trapezoid skips are added first.
  const RowMatrix left = trapezoid(10, 200, 37), right = trapezoid(11, 200, 29);
  CHECK(product(left, right, true, true) == product(left, right, false, false));
}

TEST(a_part_of_the_product_is_that_part) {
  const RowMatrix left = normals(12, 300, 141), right = normals(13, 300, 50);
  const Panels x = left_panels(view(left), false), y = right_panels(view(right), false);
  const RowMatrix all = product(left, right, false, false);
  for (const Index begin : {0, 4, 128, 140})
    for (const Index end : {4, 37, 132, 141})
      for (const Index columns : {1, 4, 12, 13, 50}) {
        if (begin >= end) continue;
        const Index n = end - begin, stride = padded(columns, kRightPanel) + 5;
        RowMatrix out = RowMatrix::Constant(padded(n, kLeftPanel) + 1, stride, kUntouched);
        multiply_some_panels(x, begin, end, y, columns, out.data(), stride);
        CHECK(out.topLeftCorner(n, columns) == all.block(begin, 0, n, columns));
        CHECK((out.rightCols(5).array() == kUntouched).all());
        CHECK((out.bottomRows(1).array() == kUntouched).all());
      }
}
