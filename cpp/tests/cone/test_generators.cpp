#include "check.hpp"
#include "neurogeom/cone/generators.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

TEST(generators_are_scaled_and_padded) {
  for (const Index n_points : {1, 2, 3, 4, 5, 16, 17, 33}) {
    RowMatrix points = normals(1, n_points, 6);
    for (Index i = 0; i < n_points; ++i) points.row(i) *= std::pow(10.0, static_cast<double>(i % 7 - 3));
    points.row(n_points / 2).setZero();
    Generators g{view(points)};
    g.form_gram(0, g.gram_rows());
    CHECK(g.n_points == n_points && g.n_dims == 6);
    CHECK(g.stride >= n_points && g.stride % 4 == 0 && g.rows.rows() == g.stride);
    CHECK(g.stride == n_points || g.rows.bottomRows(g.stride - n_points).isZero(0.0));
    for (Index i = 0; i < n_points; ++i) {
      CHECK(g.rows.row(i) * g.scale[i] == points.row(i));
      const double length = g.rows.row(i).norm();
      int exponent = 0;
      CHECK(i == n_points / 2 ? g.scale[i] == 0 && length == 0
                              : length >= 0.5 && length < 1 && std::frexp(g.scale[i], &exponent) == 0.5);
    }
    CHECK((g.gram - g.rows.topRows(n_points) * g.rows.transpose()).norm() < 1e-14);
  }
}

TEST(rows_of_the_gram_matrix_can_be_formed_in_any_order) {
  const RowMatrix points = normals(2, 200, 30);
  Generators whole{view(points)}, parts{view(points)};
  whole.form_gram(0, 200);
  for (const Index begin : {128, 0, 64, 192})
    parts.form_gram(begin, std::min<Index>(begin + Generators::gram_block, 200));
  CHECK(whole.gram == parts.gram);
}

TEST(large_gram_matrices_are_not_kept) {
  const RowMatrix points = normals(3, 2049, 2), fewer = points.topRows(2048);
  CHECK(Generators{view(points)}.gram_rows() == 0);
  CHECK(Generators{view(fewer)}.gram_rows() == 2048);
  CHECK((Generators{view(fewer), false}.gram_rows() == 0));
}
