#include <algorithm>

#include "check.hpp"
#include "joint_cases.hpp"
#include "neurogeom/capacity/joint_anchors.hpp"

using namespace neurogeom;
using check::Joint;
using check::normals;

namespace {

constexpr Inactive kConventions[] = {Inactive::zero, Inactive::exclude, Inactive::support, Inactive::drop};

bool same(double x, double y) {
  return x == y || (std::isnan(x) && std::isnan(y));
}
template <class T>
bool same(const T& x, const T& y) {
  for (Index i = 0; i < x.size(); ++i)
    if (!same(x.data()[i], y.data()[i])) return false;
  return x.size() == y.size();
}

}  // namespace

TEST(means_over_samples_by_their_definitions) {
  const Index p = 5, n = 16, n_samples = 50;
  const Joint joint(p, 4, n, 0.6, n_samples);
  const JointCones cones = joint.cones();
  const auto found = project_joint(cones, 0.0, 1, {});
  for (const Inactive convention : kConventions) {
    const JointAnchors out = joint_anchors(cones, found, convention, 1, {});
    AnchorPoints points(cones, found, convention);
    // The centers first, and then what is measured from them.
    RowMatrix centers = RowMatrix::Zero(p, n), anchors;
    Vector part = Vector::Zero(p), active = part, weights = Vector::Zero(joint.points.rows());
    for (Index s = 0; s < n_samples; ++s) {
      points.find(s);
      points.form(RowMatrix::Zero(p, n), anchors);
      for (const AnchorPoints::Share& share : points.shares()) weights[share.point] += share.weight;
      for (Index m = 0; m < p; ++m) {
        active[m] += points.active(m) ? 1 : 0;
        if (!points.takes_part(m)) continue;
        part[m] += 1;
        centers.row(m) += anchors.row(m);
      }
    }
    for (Index m = 0; m < p; ++m) {
      centers.row(m) /= part[m];
      weights.segment(4 * m, 4) /= part[m];
    }
    CHECK((out.centers - centers).norm() < 1e-12 * centers.norm());
    CHECK((out.mean_weights - weights).norm() < 1e-12 * weights.norm());
    CHECK((out.active_fraction - active / n_samples).norm() < 1e-14);
    RowMatrix axis = RowMatrix::Zero(p, p), center_axis = axis, both = axis;
    Vector squares = Vector::Zero(p);
    for (Index s = 0; s < n_samples; ++s) {
      points.find(s);
      points.form(centers, anchors);
      const RowMatrix axes = anchors - centers;
      for (Index k = 0; k < p; ++k) {
        if (!points.takes_part(k)) continue;
        squares[k] += axes.row(k).squaredNorm();
        for (Index m = 0; m < p; ++m) {
          if (convention == Inactive::drop && !points.takes_part(m)) continue;
          center_axis(m, k) += centers.row(m).dot(axes.row(k)) / centers.row(m).norm() / axes.row(k).norm();
          if (!points.takes_part(m)) continue;
          axis(m, k) += axes.row(m).dot(axes.row(k)) / axes.row(m).norm() / axes.row(k).norm();
          both(m, k) += 1;
        }
      }
    }
    CHECK((out.squared_axis - squares.cwiseQuotient(part)).norm() < 1e-11 * squares.norm());
    const bool drop = convention == Inactive::drop;
    for (Index m = 0; m < p; ++m)
      for (Index k = 0; k < p; ++k) {
        CHECK_NEAR(out.center_axis_matrix[0](m, k), center_axis(m, k) / (drop ? n_samples : part[k]), 1e-10);
        if (m == k) {
          CHECK(std::isnan(out.axis_matrix[0](m, k)) && std::isnan(out.center_matrix[0](m, k)));
          continue;
        }
        CHECK_NEAR(out.axis_matrix[0](m, k), axis(m, k) / (drop ? n_samples : both(m, k)), 1e-10);
        const double cosine =
            centers.row(m).dot(centers.row(k)) / centers.row(m).norm() / centers.row(k).norm();
        CHECK_NEAR(out.center_matrix[0](m, k), cosine * (drop ? both(m, k) / n_samples : 1.0), 1e-11);
      }
  }
}

TEST(shifts_say_how_means_move_with_the_centers) {
  // A sample of more weight moves S0 towards its anchors, and with it the means of all measures.
  const Index p = 5, n = 16, n_samples = 40;
  const Joint joint(p, 4, n, 0.6, n_samples);
  const JointCones cones = joint.cones();
  const auto found = project_joint(cones, 0.0, 1, {});
  for (const Inactive convention : {Inactive::zero, Inactive::support}) {  // all take part in all samples
    const JointAnchors out = joint_anchors(cones, found, convention, 1, {});
    AnchorPoints points(cones, found, convention);
    Presence presence(p);
    presence.n_samples = n_samples;
    presence.single.setConstant(n_samples);
    presence.both.setConstant(n_samples);
    const auto means = [&](const RowMatrix& centers) {
      JointMeasures measures(cones, centers, presence, convention);
      MeasureSums sums(p);
      std::array<double, kSampleMeasures> values, total{};
      for (Index s = 0; s < n_samples; ++s) {
        points.find(s);
        measures.measure(points, s, values, sums, nullptr);
        for (int q = 0; q < kSampleMeasures; ++q) total[q] += values[q] / n_samples;
      }
      for (int f = 0; f < kForms; ++f) {
        total[m_axis + f] /= p * (p - 1);
        total[m_center_axis + f] /= p * (p - 1);
        total[m_own + f] /= p;
      }
      return total;
    };
    for (const Index sample : {0, 11, 39}) {
      RowMatrix anchors;
      points.find(sample);
      points.form(out.centers, anchors);
      const RowMatrix direction = anchors - out.centers;
      const double step = 1e-6;
      const auto ahead = means(out.centers + step * direction),
                 behind = means(out.centers - step * direction);
      for (int q = 0; q < kSampleMeasures; ++q) {
        if (q == m_ratio) continue;  // differences of nearly equal numbers in some samples
        const double numeric = (ahead[q] - behind[q]) / (2 * step);
        CHECK_NEAR(out.shifts(q, sample), numeric, 1e-5 * (1 + std::abs(numeric) + direction.norm()));
      }
    }
  }
}

TEST(samples_without_anchors_are_left_out) {
  // Two manifolds in the plane: some cones hold their draws.
  const Joint joint(2, 5, 2, 0.5, 60);
  const JointCones cones = joint.cones();
  const auto found = project_joint(cones, 0.0, 1, {});
  const JointAnchors out = joint_anchors(cones, found, Inactive::zero, 1, {});
  Index n_used = 0;
  for (Index s = 0; s < 60; ++s) {
    CHECK(std::isnan(out.values(m_b, s)) == !found[s].has_anchors());
    CHECK(std::isnan(out.shifts(m_b, s)) == !found[s].has_anchors());
    n_used += found[s].has_anchors() ? 1 : 0;
  }
  CHECK(n_used > 10 && n_used < 60);
  // None are used where one has failed.
  auto failed = found;
  failed[3].status = Status::iteration_limit;
  const JointAnchors none = joint_anchors(cones, failed, Inactive::zero, 1, {});
  for (Index i = 0; i < none.values.size(); ++i) CHECK(std::isnan(none.values.data()[i]));
  CHECK(std::isnan(none.centers(0, 0)) && std::isnan(none.active_fraction[0]));
}

TEST(parts_add_up_to_the_squared_projection) {
  const Index p = 6, n = 25;
  const Joint joint(p, 5, n, 0.7, 80);
  const JointCones cones = joint.cones();
  for (const double margin : {0.0, 0.2}) {
    const auto found = project_joint(cones, margin, 1, {});
    const RowMatrix parts = joint_parts(cones, found, 2, {});
    for (Index s = 0; s < 80; ++s) {
      if (!found[s].has_anchors()) {
        CHECK(std::isnan(parts(0, s)) && std::isnan(parts(3, s)));
        continue;
      }
      CHECK_NEAR(parts.col(s).sum(), found[s].squared, 1e-10 * (1 + found[s].squared));
      // Every pair by itself.
      const Vector a = joint.weights(found[s]);
      RowMatrix center(p, n), axis(p, n);
      for (Index m = 0; m < p; ++m) {
        const auto rows = joint.points.middleRows(5 * m, 5);
        center.row(m) = joint.label(s, m) * a.segment(5 * m, 5).sum() * rows.colwise().mean();
        axis.row(m) = joint.label(s, m) * a.segment(5 * m, 5).transpose() * rows - center.row(m);
      }
      double expected[kParts] = {};
      for (Index m = 0; m < p; ++m)
        for (Index k = 0; k < p; ++k) {
          if (m == k) {
            expected[p_individual] += (center.row(m) + axis.row(m)).squaredNorm();
            continue;
          }
          expected[p_center_center] += center.row(m).dot(center.row(k));
          expected[p_axis_axis] += axis.row(m).dot(axis.row(k));
          expected[p_center_axis] += 2 * center.row(m).dot(axis.row(k));
        }
      for (int q = 0; q < kParts; ++q)
        CHECK_NEAR(parts(q, s), expected[q], 1e-10 * (1 + center.squaredNorm() + axis.squaredNorm()));
    }
  }
}

TEST(orthonormal_points_have_individual_parts_alone) {
  Joint joint(5, 1, 5, 0.0, 30);
  joint.points = RowMatrix::Identity(5, 5);
  const JointCones cones = joint.cones();
  const auto found = project_joint(cones, 0.0, 1, {});
  const RowMatrix parts = joint_parts(cones, found, 1, {});
  const JointAnchors out = joint_anchors(cones, found, Inactive::zero, 1, {});
  for (Index s = 0; s < 30; ++s) {
    double square = 0.0;
    for (Index m = 0; m < 5; ++m) square += std::pow(std::max(0.0, joint.label(s, m) * joint.draws(s, m)), 2);
    CHECK_NEAR(parts(p_individual, s), square, 1e-13);
    CHECK(parts.col(s).head(3).cwiseAbs().maxCoeff() < 1e-13);
  }
  // The anchor is the point where it is active, the origin elsewhere.
  for (Index m = 0; m < 5; ++m) {
    double active = 0;
    for (Index s = 0; s < 30; ++s) active += joint.label(s, m) * joint.draws(s, m) > 0 ? 1 : 0;
    CHECK_NEAR(out.centers(m, m), active / 30, 1e-14);
    CHECK_NEAR(out.active_fraction[m], active / 30, 1e-14);
    CHECK_NEAR(out.squared_axis[m], active / 30 * (1 - active / 30), 1e-13);
  }
}

TEST(bits_do_not_depend_on_threads) {
  const Joint joint(4, 6, 20, 0.6, 70);
  const JointCones cones = joint.cones();
  const auto found = project_joint(cones, 0.0, 1, {});
  for (const Inactive convention : kConventions) {
    const JointAnchors one = joint_anchors(cones, found, convention, 1, {});
    const JointAnchors three = joint_anchors(cones, found, convention, 3, {});
    CHECK(same(one.values, three.values) && same(one.shifts, three.shifts));
    CHECK(same(one.centers, three.centers) && same(one.axis_matrix[0], three.axis_matrix[0]));
  }
  CHECK(same(joint_parts(cones, found, 1, {}), joint_parts(cones, found, 3, {})));
}

TEST(cancelling) {
  const Joint joint(5, 5, 20, 0.5, 60);
  const JointCones cones = joint.cones();
  const auto found = project_joint(cones, 0.0, 1, {});
  const auto stop = [](Index, Index) { return true; };
  CHECK_THROWS(joint_anchors(cones, found, Inactive::zero, 1, stop), Cancelled);
  CHECK_THROWS(joint_parts(cones, found, 1, stop), Cancelled);
}
