#include <limits>
#include <memory>

#include "check.hpp"
#include "neurogeom/capacity/separability.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

using Signs = std::vector<std::int8_t>;

std::vector<Index> each_its_own(Index n) {
  std::vector<Index> first(static_cast<std::size_t>(n + 1));
  for (Index i = 0; i <= n; ++i) first[i] = i;
  return first;
}

Separability decide(const RowMatrix& vectors, const Signs& signs, bool intercept = false, Index n_axes = 0) {
  const auto n = static_cast<Index>(signs.size());
  std::int8_t status = 9;
  decide_separability({view(vectors), n_axes, each_its_own(n), intercept}, signs.data(), 1, 1, {}, &status);
  return static_cast<Separability>(status);
}

Signs random_signs(std::uint64_t key, Index n) {
  const RowMatrix draws = normals(key, 1, n);
  Signs signs(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) signs[i] = draws(0, i) > 0 ? 1 : -1;
  return signs;
}

std::vector<double> thresholds(const RowMatrix& vectors, Index n_manifolds, Index n_points, Index n_trials,
                               int n_threads = 1, bool intercept = false, const Monitor& monitor = {}) {
  std::vector<Index> first(static_cast<std::size_t>(n_manifolds + 1));
  for (Index g = 0; g <= n_manifolds; ++g) first[g] = g * n_points;
  const Signs labels = random_signs(70, n_trials * n_manifolds);
  std::vector<double> out(static_cast<std::size_t>(n_trials));
  const auto undecided = std::make_unique<bool[]>(static_cast<std::size_t>(n_trials));
  separability_thresholds({view(vectors), 0, first, intercept}, labels.data(), n_trials, 7, n_threads,
                          monitor, out.data(), undecided.get());
  return out;
}

}  // namespace

TEST(planted_hyperplanes_are_found) {
  for (const Index n : {1, 2, 7, 40}) {
    for (const Index m : {1, 3, 30, 200}) {
      const RowMatrix w = normals(1, n, 1);
      const RowMatrix points = normals(2, m, n);
      const RowMatrix side = points * w;
      Signs signs(static_cast<std::size_t>(m));
      for (Index i = 0; i < m; ++i) signs[i] = side(i, 0) > 0 ? 1 : -1;
      CHECK(decide(points, signs) == Separability::separable);
      CHECK(decide(points, signs, true) == Separability::separable);
      for (Index i = 0; i < m; ++i) signs[i] = side(i, 0) > 0.3 ? 1 : -1;
      CHECK(decide(points, signs, true) == Separability::separable);
    }
  }
}

TEST(points_around_the_origin_are_inseparable) {
  for (const Index n : {1, 2, 7, 40}) {
    RowMatrix points = normals(3, 3 * n + 2, n);
    points.rowwise() -= points.colwise().mean().eval();
    const Signs same(static_cast<std::size_t>(points.rows()), 1);
    CHECK(decide(points, same) == Separability::inseparable);
    CHECK(decide(points, same, true) == Separability::separable);  // all on one side of some plane
  }
}

TEST(margins_from_large_to_lost_in_rounding) {
  // Points p_i around zero, one more coordinate that is d for all of them.
  const Index n = 6, m = 30;
  RowMatrix points(m, n + 1);
  points.leftCols(n) = normals(4, m, n);
  points.leftCols(n).rowwise() -= points.leftCols(n).colwise().mean().eval();
  const Signs same(static_cast<std::size_t>(m), 1);
  for (int digits = 0; digits <= 17; ++digits) {
    points.col(n).setConstant(std::pow(10.0, -digits));
    const Separability answer = decide(points, same);
    if (digits <= 11) CHECK(answer == Separability::separable);
    if (digits >= 14) CHECK(answer == Separability::inseparable);
  }
  points.col(n).setZero();
  CHECK(decide(points, same) == Separability::inseparable);
}

TEST(zero_points_and_duplicates) {
  RowMatrix points = normals(5, 4, 6);
  points.row(2).setZero();
  CHECK(decide(points, {1, -1, 1, -1}) == Separability::inseparable);
  CHECK(decide(points, {1, -1, 1, -1}, true) == Separability::separable);
  CHECK(decide(RowMatrix::Zero(2, 3), {1, 1}) == Separability::inseparable);
  CHECK(decide(RowMatrix::Zero(2, 3), {1, 1}, true) == Separability::separable);
  CHECK(decide(RowMatrix::Zero(2, 3), {1, -1}, true) == Separability::inseparable);
  points.row(2) = points.row(0);
  CHECK(decide(points, {1, -1, 1, -1}) == Separability::separable);
  CHECK(decide(points, {1, -1, -1, -1}) == Separability::inseparable);
  CHECK(decide(points, {1, -1, -1, -1}, true) == Separability::inseparable);
}

TEST(units_of_points_do_not_matter) {
  for (std::uint64_t key = 20; key < 60; ++key) {
    const RowMatrix points = normals(key, 13, 6);
    RowMatrix scaled = points;
    for (Index i = 0; i < points.rows(); ++i)
      scaled.row(i) *= std::ldexp(1.0, static_cast<int>(60 * (i % 5) - 120));
    const Signs signs = random_signs(key + 100, points.rows());
    const Separability answer = decide(points, signs);
    CHECK(answer != Separability::undecided);
    CHECK(decide(scaled, signs) == answer);
    CHECK(decide(1e100 * points, signs, true) == decide(points, signs, true));
  }
}

TEST(balls_touch_at_their_distance) {
  // Two balls in three dimensions, labels + and -: a plane through the origin separates them iff it does +c1
  // and -c2; with an offset iff they do not meet.
  for (const double radius : {0.1, 0.9, 0.999999, 1.000001, 1.1, 3.0}) {
    RowMatrix vectors = RowMatrix::Zero(2 + 6, 3);
    vectors.row(0) << 1, 0, 5;
    vectors.row(1) << -1, 0, 5;
    for (Index k = 0; k < 3; ++k) vectors(2 + k, k) = vectors(5 + k, k) = radius;
    const Separability expected = radius < 1 ? Separability::separable : Separability::inseparable;
    CHECK(decide(vectors, {1, -1}, true, 3) == expected);
    CHECK(decide(vectors, {1, -1}, false, 3) == expected);
    CHECK(decide(vectors, {1, 1}, false, 3) == Separability::separable);
  }
  // Flat ones: an axis along which both extend plays no part.
  RowMatrix flat = RowMatrix::Zero(4, 2);
  flat << 1, 0, -1, 0, 0, 100, 0.5, 100;
  CHECK(decide(flat, {1, -1}, true, 1) == Separability::separable);
}

TEST(axes_of_no_length_are_points) {
  for (std::uint64_t key = 30; key < 50; ++key) {
    RowMatrix vectors = RowMatrix::Zero(12 + 24, 6);
    vectors.topRows(12) = normals(key, 12, 6);
    const Signs signs = random_signs(key + 100, 12);
    CHECK(decide(vectors, signs, false, 2) == decide(vectors.topRows(12), signs));
  }
}

TEST(threshold_is_where_decisions_turn) {
  const Index P = 12, M = 3, N = 30, n_trials = 20;
  const RowMatrix points = normals(6, P * M, N);
  const std::vector<double> found = thresholds(points, P, M, n_trials);
  const Signs labels = random_signs(70, n_trials * P);
  for (Index k = 0; k < n_trials; ++k) {
    RowMatrix directions(N, N);
    standard_normals(7, 0, static_cast<std::uint64_t>(k) << 32, N, N, directions.data(), N);
    Signs signs;
    for (Index i = 0; i < P * M; ++i) signs.push_back(labels[k * P + i / M]);
    for (Index n = 1; n <= N; ++n) {
      const RowMatrix projected = points * directions.topRows(n).transpose();
      const Separability expected =
          static_cast<double>(n) >= found[k] ? Separability::separable : Separability::inseparable;
      CHECK(decide(projected, signs) == expected);
    }
  }
}

TEST(same_bits_for_any_threads) {
  const RowMatrix points = normals(8, 60, 40);
  const std::vector<double> once = thresholds(points, 20, 3, 50);
  for (const int n_threads : {2, 5}) CHECK(thresholds(points, 20, 3, 50, n_threads) == once);
  const std::vector<double> fewer = thresholds(points, 20, 3, 11);
  CHECK(std::equal(fewer.begin(), fewer.begin() + 4, once.begin()));
}

TEST(never_separable) {
  RowMatrix points = normals(9, 8, 5);
  points.row(1) = -points.row(0);  // of one manifold: no hyperplane through zero has both on one side
  for (const double threshold : thresholds(points, 4, 2, 6))
    CHECK(threshold == std::numeric_limits<double>::infinity());
  for (const double threshold : thresholds(points, 4, 2, 6, 1, true)) CHECK(threshold >= 1);
}

TEST(cancelling) {
  const RowMatrix points = normals(10, 100, 60);
  CHECK_THROWS(thresholds(points, 50, 2, 100, 1, false, [](Index, Index) { return true; }), Cancelled);
}
