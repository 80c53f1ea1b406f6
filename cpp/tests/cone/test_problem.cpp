#include "check.hpp"
#include "neurogeom/cone/problem.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

RowMatrix with_zero_points() {
  RowMatrix points = normals(1, 11, 5);
  for (Index i = 0; i < 11; ++i) points.row(i) *= std::pow(10.0, static_cast<double>(i % 5 - 2));
  points.row(3).setZero();
  points.row(10).setZero();
  return points;
}

}  // namespace

TEST(values_are_those_of_the_constraints) {
  // y s_i.t + margin for the points themselves, as the solver sees them: divided by scale and unit.
  const RowMatrix points = with_zero_points(), targets = normals(2, 3, 5);
  for (const double margin : {0.0, 0.7})
    for (const double unit : {1.0, 8.0, 0.25})
      for (const bool with_signs : {false, true}) {
        const ConeProblem problem(view(points), margin);
        const Generators& g = problem.generators;
        RowMatrix scaled = RowMatrix::Zero(kTargetBlock, 5), values(kTargetBlock, g.stride);
        scaled.topRows(3) = targets / unit;
        problem.multiply(scaled, values);
        Vector signs = Vector::Ones(g.stride);
        for (Index i = 0; i < 11; i += 2) signs[i] = -1.0;
        for (Index k = 0; k < 3; ++k) {
          problem.constrain(values.row(k).data(), unit, with_signs ? signs.data() : nullptr);
          for (Index i = 0; i < g.stride; ++i) {
            if (i >= 11 || i == 3 || i == 10) {
              CHECK(values(k, i) == -kInfinity);
              continue;
            }
            const double sign = with_signs ? signs[i] : 1.0;
            const double value = (sign * points.row(i).dot(targets.row(k)) + margin) / g.scale[i] / unit;
            CHECK_NEAR(values(k, i), value, 1e-14 * (targets.row(k).norm() / unit + std::abs(value)));
          }
        }
      }
}

TEST(size_takes_in_the_margin_of_the_shortest_point) {
  const RowMatrix points = with_zero_points(), t = normals(3, 1, 5);
  const ConeProblem plain(view(points), 0.0), with(view(points), 0.7);
  CHECK(plain.shifts() == nullptr && with.shifts() != nullptr);
  CHECK_NEAR(plain.size(t.data()), t.norm(), 1e-14);
  double shortest = kInfinity;
  for (Index i = 0; i < 11; ++i)
    if (with.generators.scale[i] > 0) shortest = std::min(shortest, with.generators.scale[i]);
  CHECK_NEAR(with.size(t.data()), t.norm() + 2 * 0.7 / shortest, 1e-12);
  const RowMatrix small = t / 1024;  // the same in another unit
  CHECK_NEAR(with.size(small.data(), 1024.0) * 1024, with.size(t.data()), 1e-12);
  const RowMatrix zero = RowMatrix::Zero(1, 5);
  CHECK(plain.size(zero.data()) == 1.0);
}

TEST(only_a_margin_of_a_zero_point_is_contradictory) {
  const RowMatrix points = with_zero_points(), away = normals(4, 6, 5);
  CHECK(ConeProblem(view(points), 0.1).contradictory());
  CHECK(!ConeProblem(view(points), 0.0).contradictory());
  CHECK(!ConeProblem(view(away), 0.1).contradictory());
  CHECK(!ConeProblem(view(points), -0.1).contradictory());
}

TEST(products_do_not_depend_on_what_else_is_in_the_block) {
  const RowMatrix points = normals(5, 37, 9), targets = normals(6, kTargetBlock, 9);
  const ConeProblem problem(view(points), 0.0, false);
  CHECK(problem.generators.gram_rows() == 0);
  RowMatrix all(kTargetBlock, problem.generators.stride), alone = all, one = RowMatrix::Zero(kTargetBlock, 9);
  problem.multiply(targets, all);
  for (const Index k : {0, 5, 63}) {
    one.setZero();
    one.row(k) = targets.row(k);
    problem.multiply(one, alone);
    CHECK(alone.row(k) == all.row(k));
  }
}
