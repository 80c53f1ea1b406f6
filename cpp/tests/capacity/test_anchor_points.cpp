#include "check.hpp"
#include "joint_cases.hpp"
#include "neurogeom/capacity/anchor_points.hpp"

using namespace neurogeom;
using check::Joint;

namespace {

constexpr Inactive kConventions[] = {Inactive::zero, Inactive::exclude, Inactive::support, Inactive::drop};

}  // namespace

TEST(anchors_are_means_of_the_points_under_their_weights) {
  const Joint joint(6, 5, 20, 0.5, 40);
  const JointCones cones = joint.cones();
  const auto found = project_joint(cones, 0.0, 1, {});
  const RowMatrix centers = check::normals(9, 6, 20);
  int n_inactive = 0;
  for (const Inactive convention : kConventions) {
    AnchorPoints points(cones, found, convention);
    RowMatrix anchors;
    for (Index s = 0; s < 40; ++s) {
      points.find(s);
      points.form(centers, anchors);
      const Vector a = joint.weights(found[s]);
      const Vector v = joint.draws.row(s).transpose() - joint.signed_points(s).transpose() * a;
      for (Index m = 0; m < 6; ++m) {
        const auto own = a.segment(5 * m, 5);
        const RowMatrix rows = joint.points.middleRows(5 * m, 5);
        Vector expected = Vector::Zero(20);
        const bool active = own.sum() > 0;
        if (active) {
          expected = rows.transpose() * own / own.sum();
        } else if (convention == Inactive::support) {
          Index best = 0;
          (joint.label(s, m) * (rows * v)).maxCoeff(&best);
          expected = rows.row(best);
        } else if (convention != Inactive::zero) {
          expected = centers.row(m);
        }
        CHECK(points.active(m) == active);
        CHECK(points.takes_part(m) ==
              (active || convention == Inactive::zero || convention == Inactive::support));
        CHECK((anchors.row(m).transpose() - expected).norm() <= 1e-13 * (1 + expected.norm()));
        n_inactive += active ? 0 : 1;
      }
      // What is left says the same.
      RowMatrix from_shares = RowMatrix::Zero(6, 20);
      Vector totals = Vector::Zero(6);
      for (const AnchorPoints::Share& share : points.shares()) {
        CHECK(share.point / 5 == share.manifold && share.weight > 0);
        from_shares.row(share.manifold) += share.weight * joint.points.row(share.point);
        totals[share.manifold] += share.weight;
      }
      for (Index m = 0; m < 6; ++m) {
        const bool has = points.active(m) || convention == Inactive::support;
        CHECK_NEAR(totals[m], has ? 1.0 : 0.0, 1e-14);
        if (has) CHECK((from_shares.row(m) - anchors.row(m)).norm() < 1e-13 * (1 + anchors.row(m).norm()));
      }
    }
  }
  CHECK(n_inactive > 0);
}

TEST(the_first_of_equal_points_supports) {
  Joint joint(2, 4, 6, 0.5, 1);
  joint.points.middleRows(4, 4).rowwise() = joint.points.row(4).eval();
  joint.draws.row(0) = -joint.label(0, 1) * joint.points.row(4);  // on the right side of the second manifold
  const JointCones cones = joint.cones();
  std::vector<JointProjection> found(1);  // and without any weights
  AnchorPoints points(cones, found, Inactive::support);
  points.find(0);
  CHECK(points.shares().size() == 2);
  CHECK(points.shares()[1].point == 4 && points.shares()[1].weight == 1.0);
}
