#include <Eigen/LU>
#include <Eigen/QR>
#include <algorithm>

#include "check.hpp"
#include "joint_cases.hpp"
#include "neurogeom/capacity/joint.hpp"
#include "neurogeom/cone/cone.hpp"

using namespace neurogeom;
using check::Joint;
using check::normals;
using check::view;

namespace {

constexpr double kPi = 3.14159265358979323846;

// |q|^2 by the one-cone solver on points times their labels; NaN where there is none.
double squared_alone(const Joint& joint, Index sample, double margin) {
  const RowMatrix points = joint.signed_points(sample), target = joint.draws.row(sample);
  RowMatrix projection(1, points.cols()), weights(1, points.rows());
  Vector residual(1);
  std::int8_t status = 0;
  project_cone(view(points), view(target), margin, 1, {},
               {MatrixOut(projection.data(), 1, points.cols()), MatrixOut(weights.data(), 1, points.rows()),
                &status, VectorOut(residual.data(), 1)});
  return projection.squaredNorm();
}

// In the plane: whether the largest gap between the directions of signed points is more than a half turn.
bool separable_in_the_plane(const RowMatrix& points) {
  std::vector<double> angles;
  for (Index i = 0; i < points.rows(); ++i)
    if (points.row(i).norm() > 0) angles.push_back(std::atan2(points(i, 1), points(i, 0)));
  std::sort(angles.begin(), angles.end());
  double gap = angles.front() + 2 * kPi - angles.back();
  for (std::size_t i = 1; i < angles.size(); ++i) gap = std::max(gap, angles[i] - angles[i - 1]);
  return gap > kPi + 1e-12;
}

// In the plane: whether t is inside the cone of the points, by the sign of its weights on any two of them.
bool cone_holds(const RowMatrix& points, const RowMatrix& t) {
  for (Index i = 0; i < points.rows(); ++i)
    for (Index j = 0; j < i; ++j) {
      Eigen::Matrix2d pair;
      pair << points(i, 0), points(j, 0), points(i, 1), points(j, 1);
      if (std::abs(pair.determinant()) < 1e-12) continue;
      const Eigen::Vector2d a = pair.inverse() * t.transpose();
      if (a.minCoeff() > 1e-9) return true;
    }
  return false;
}

}  // namespace

TEST(projections_are_those_on_each_cone_alone) {
  for (const double radius : {0.2, 1.0, 3.0})
    for (const double margin : {0.0, 0.3}) {
      const Joint joint(6, 7, 12, radius, 90);
      const auto found = project_joint(joint.cones(), margin, 2, {});
      for (Index s = 0; s < 90; ++s) {
        const double expected = squared_alone(joint, s, margin);
        CHECK(std::isnan(expected) == (found[s].status != Status::converged));
        if (std::isnan(expected)) continue;
        CHECK_NEAR(found[s].squared, expected, 1e-11 * (1 + expected));
        CHECK(found[s].residual <= 1e-10);
        // The weights make the projection.
        const Vector q = joint.signed_points(s).transpose() * joint.weights(found[s]);
        CHECK_NEAR(q.squaredNorm(), expected, 1e-10 * (1 + expected));
        CHECK(std::all_of(found[s].weights.weight.begin(), found[s].weights.weight.end(),
                          [](double a) { return a > 0; }));
      }
    }
}

TEST(orthonormal_points_have_a_closed_form) {
  // q is the sum of (y_m t_m)+ y_m e_m.
  Joint joint(5, 1, 5, 0.0, 60);
  joint.points = RowMatrix::Identity(5, 5);
  const auto found = project_joint(joint.cones(), 0.0, 1, {});
  for (Index s = 0; s < 60; ++s) {
    const Vector a = joint.weights(found[s]);
    double square = 0.0;
    for (Index m = 0; m < 5; ++m) {
      const double expected = std::max(0.0, joint.label(s, m) * joint.draws(s, m));
      CHECK_NEAR(a[m], expected, 1e-14);
      square += expected * expected;
    }
    CHECK_NEAR(found[s].squared, square, 1e-13);
    CHECK(!found[s].inseparable && !found[s].undetermined && found[s].has_anchors());
  }
}

TEST(inseparable_means_that_no_line_separates_and_undetermined_that_the_cone_holds_the_draw) {
  // In the plane both can be seen. Two to four manifolds of some points each, so that all cases turn up.
  int count[2][2] = {};
  for (std::uint64_t key = 0; key < 40; ++key) {
    const Index p = 2 + static_cast<Index>(key % 3), m = 1 + static_cast<Index>(key / 3 % 4);
    if (p * m < 3) continue;  // two points are independent
    const Joint joint(p, m, 2, 0.4, 20, 10 * key);
    const auto found = project_joint(joint.cones(), 0.0, 1, {});
    for (Index s = 0; s < 20; ++s) {
      const RowMatrix points = joint.signed_points(s);
      CHECK(found[s].inseparable == !separable_in_the_plane(points));
      CHECK(found[s].undetermined == cone_holds(points, joint.draws.row(s)));
      ++count[found[s].inseparable][found[s].undetermined];
    }
  }
  CHECK(count[0][0] > 20 && count[0][1] > 20 && count[1][1] > 20 && count[1][0] == 0);
}

TEST(manifolds_that_share_a_point_are_inseparable_where_their_labels_differ) {
  Joint joint(4, 5, 30, 0.5, 60);
  joint.points.row(5) = joint.points.row(0);  // of manifolds 0 and 1
  const auto found = project_joint(joint.cones(), 0.0, 1, {});
  for (Index s = 0; s < 60; ++s) {
    CHECK(found[s].inseparable == (joint.label(s, 0) != joint.label(s, 1)));
    CHECK(!found[s].undetermined);  // the span is larger than that of the point
    CHECK_NEAR(found[s].squared, squared_alone(joint, s, 0.0), 1e-11 * (1 + found[s].squared));
  }
  // Points that lie in opposite directions of the origin, at other distances.
  joint.points.row(5) = 3 * joint.points.row(0);
  const auto longer = project_joint(joint.cones(), 0.0, 1, {});
  for (Index s = 0; s < 60; ++s) CHECK(longer[s].inseparable == (joint.label(s, 0) != joint.label(s, 1)));
  // Nearly the same is not the same.
  joint.points.row(5) = joint.points.row(0) + 1e-6 * normals(5, 1, 30);
  for (const JointProjection& p : project_joint(joint.cones(), 0.0, 1, {})) CHECK(!p.inseparable);
}

TEST(repeated_points_change_nothing) {
  // Single points, independent: every dichotomy is separable and has its anchors, also with t in the cone.
  const Joint once(4, 1, 9, 0.0, 200);
  Joint thrice = once;
  thrice.starts = {0, 3, 6, 9, 12};
  thrice.points.resize(12, 9);
  for (Index i = 0; i < 12; ++i) thrice.points.row(i) = once.points.row(i / 3);
  const auto one = project_joint(once.cones(), 0.0, 1, {}), three = project_joint(thrice.cones(), 0.0, 1, {});
  int all_active = 0;
  for (Index s = 0; s < 200; ++s) {
    CHECK(!one[s].inseparable && !one[s].undetermined);
    CHECK(!three[s].inseparable && !three[s].undetermined);
    CHECK_NEAR(three[s].squared, one[s].squared, 1e-12 * (1 + one[s].squared));
    const Vector few = once.weights(one[s]), many = thrice.weights(three[s]);
    for (Index m = 0; m < 4; ++m) CHECK_NEAR(many.segment(3 * m, 3).sum(), few[m], 1e-12 * (1 + few[m]));
    all_active += few.minCoeff() > 0 ? 1 : 0;
  }
  CHECK(all_active > 0);
}

TEST(points_at_the_origin_say_nothing) {
  Joint joint(4, 5, 30, 0.5, 40);
  joint.points.row(7).setZero();
  RowMatrix fewer(19, 30);
  fewer << joint.points.topRows(7), joint.points.bottomRows(12);
  Joint without = joint;
  without.points = fewer;
  without.starts = {0, 5, 9, 14, 19};
  const auto zero = project_joint(joint.cones(), 0.0, 1, {}),
             none = project_joint(without.cones(), 0.0, 1, {});
  for (Index s = 0; s < 40; ++s) {
    CHECK_NEAR(zero[s].squared, none[s].squared, 1e-12 * (1 + none[s].squared));
    CHECK(!zero[s].inseparable && !zero[s].undetermined);
  }
  for (const JointProjection& p : project_joint(joint.cones(), 0.5, 1, {}))
    CHECK(p.status == Status::infeasible && std::isnan(p.squared) && !p.has_anchors());
}

TEST(more_points_than_dimensions_leave_the_span) {
  // Hundreds of points around the origin, in 7 of 20 dimensions: q is the part of t in these.
  Joint joint(3, 100, 7, 1.0, 70);
  const Eigen::MatrixXd noise = normals(8, 20, 7);
  const RowMatrix basis =
      Eigen::HouseholderQR<Eigen::MatrixXd>(noise).householderQ() * Eigen::MatrixXd::Identity(20, 7);
  joint.points = (3 * normals(9, 300, 7) * basis.transpose()).eval();
  joint.sample(70, 4);
  const auto found = project_joint(joint.cones(), 0.0, 1, {});
  for (Index s = 0; s < 70; ++s) {
    CHECK(found[s].inseparable && found[s].undetermined);
    CHECK_NEAR(found[s].squared, (joint.draws.row(s) * basis).squaredNorm(), 1e-10);
  }
}

TEST(dead_data_are_not_projected) {
  const Joint joint(3, 4, 10, 0.5, 5);
  JointCones cones = joint.cones();
  cones.dead = true;
  for (const JointProjection& p : project_joint(cones, 0.0, 1, {}))
    CHECK(p.status == Status::dead && std::isnan(p.squared) && p.weights.point.empty() && !p.has_anchors() &&
          !p.inseparable);
}

TEST(bits_do_not_depend_on_threads_or_on_other_samples) {
  const Joint joint(5, 10, 8, 1.0, 150);
  const auto one = project_joint(joint.cones(), 0.0, 1, {}), three = project_joint(joint.cones(), 0.0, 3, {});
  Joint last = joint;
  last.draws = joint.draws.bottomRows(1);
  last.labels.assign(joint.labels.end() - 5, joint.labels.end());
  const auto alone = project_joint(last.cones(), 0.0, 1, {});
  for (Index s = 0; s < 150; ++s) {
    CHECK(one[s].squared == three[s].squared && one[s].weights.weight == three[s].weights.weight);
    CHECK(one[s].inseparable == three[s].inseparable && one[s].undetermined == three[s].undetermined);
  }
  CHECK(alone[0].squared == one[149].squared && alone[0].weights.weight == one[149].weights.weight);
  CHECK(alone[0].inseparable == one[149].inseparable);
}

TEST(cancelling) {
  const Joint joint(5, 10, 30, 1.0, 100);
  CHECK_THROWS(project_joint(joint.cones(), 0.0, 1, [](Index, Index) { return true; }), Cancelled);
}
