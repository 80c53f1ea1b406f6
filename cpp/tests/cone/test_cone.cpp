#include <limits>

#include "check.hpp"
#include "neurogeom/cone/cone.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

struct Answer {
  RowMatrix projection, weights;
  std::vector<std::int8_t> status;
  Vector residual;
  bool solved() const {
    for (const std::int8_t s : status)
      if (s != 0) return false;
    return true;
  }
};

Answer project(const RowMatrix& points, const RowMatrix& targets, double margin = 0.0, int n_threads = 1) {
  const Index n = targets.rows();
  Answer a{RowMatrix(n, targets.cols()), RowMatrix(n, points.rows()),
           std::vector<std::int8_t>(static_cast<std::size_t>(n)), Vector(n)};
  project_cone(
      view(points), view(targets), margin, n_threads, {},
      {MatrixOut(a.projection.data(), n, targets.cols()), MatrixOut(a.weights.data(), n, points.rows()),
       a.status.data(), VectorOut(a.residual.data(), n)});
  return a;
}

// Largest violation of the optimality conditions of any target, relative, computed from the answer
// alone.
double worst_violation(const RowMatrix& points, const RowMatrix& targets, double margin, const Answer& a) {
  double worst = 0.0;
  Vector lengths = points.rowwise().norm();
  for (Index k = 0; k < targets.rows(); ++k) {
    double scale = targets.row(k).norm();
    double shift = 0.0;
    for (Index i = 0; i < points.rows(); ++i)
      if (lengths[i] > 0) shift = std::max(shift, std::abs(margin) / lengths[i]);
    scale += shift;
    if (scale == 0) scale = 1.0;
    const Eigen::RowVectorXd q = a.projection.row(k), v = targets.row(k) - q;
    const Eigen::RowVectorXd combined = a.weights.row(k) * points;
    worst = std::max(worst, (q - combined).norm() / scale);
    worst = std::max(worst, -a.weights.row(k).minCoeff());
    worst = std::max(worst, std::abs(q.dot(v) + margin * a.weights.row(k).sum()) / (scale * scale));
    for (Index i = 0; i < points.rows(); ++i)
      if (lengths[i] > 0) worst = std::max(worst, (points.row(i).dot(v) + margin) / lengths[i] / scale);
  }
  return worst;
}

bool all_nan(const RowMatrix& x) {
  return x.array().isNaN().all();
}

double largest(const RowMatrix& x) {
  return x.cwiseAbs().maxCoeff();
}

}  // namespace

TEST(orthant) {
  const RowMatrix targets = normals(1, 130, 7);
  const Answer a = project(RowMatrix::Identity(7, 7), targets);
  const RowMatrix expected = targets.cwiseMax(0.0);
  CHECK(a.solved());
  CHECK(largest(a.projection - expected) < 1e-15);
  CHECK(largest(a.weights - expected) < 1e-15);
  CHECK(a.residual.maxCoeff() < 1e-15);
}

TEST(ray_and_halfspace) {
  const RowMatrix point = normals(2, 1, 5), targets = normals(3, 50, 5);
  for (const double margin : {0.0, 0.4, 3.0, -0.7}) {
    const Answer a = project(point, targets, margin);
    CHECK(a.solved());
    for (Index k = 0; k < targets.rows(); ++k) {
      const double weight = std::max(0.0, (targets.row(k).dot(point.row(0)) + margin) / point.squaredNorm());
      CHECK_NEAR(a.weights(k, 0), weight, 1e-14 * (1 + weight));
      CHECK((a.projection.row(k) - weight * point.row(0)).norm() < 1e-14 * (1 + weight));
    }
  }
}

TEST(inside_polar_and_whole_space) {
  const RowMatrix points = normals(4, 4, 9);
  const RowMatrix inside = normals(5, 20, 4).cwiseAbs() * points;
  Answer a = project(points, inside);
  CHECK(largest(a.projection - inside) < 1e-12);
  // Minus a point of the cone's dual: nothing is active.
  const RowMatrix polar = -RowMatrix::Identity(3, 3);
  a = project(RowMatrix::Identity(3, 3), polar);
  CHECK(largest(a.projection) == 0.0);
  CHECK(a.residual.maxCoeff() == 0.0);
  RowMatrix cross(8, 4);
  cross << RowMatrix::Identity(4, 4), -RowMatrix::Identity(4, 4);
  const RowMatrix targets = normals(6, 30, 4);
  a = project(cross, targets);
  CHECK(a.solved());
  CHECK(largest(a.projection - targets) < 1e-14);
  a = project(points, RowMatrix::Zero(2, 9));
  CHECK(a.solved());
  CHECK(largest(a.projection) == 0.0);
}

TEST(random_problems_meet_the_optimality_conditions) {
  const Index sizes[][2] = {{1, 1},   {2, 5},  {5, 2},    {3, 3},   {20, 20},
                            {50, 10}, {60, 6}, {30, 100}, {200, 30}};
  for (const auto& size : sizes) {
    const Index n_points = size[0], n_dims = size[1];
    const RowMatrix targets = normals(7, 70, n_dims);
    RowMatrix points = normals(8, n_points, n_dims);
    Answer a = project(points, targets);
    CHECK(a.solved());
    CHECK(worst_violation(points, targets, 0.0, a) < 1e-12);
    CHECK(a.residual.maxCoeff() < 1e-12);
    // On one side of a hyperplane, so that a margin can be kept.
    points.col(0).setOnes();
    for (const double margin : {0.0, 0.5, -0.5}) {
      a = project(points, targets, margin);
      CHECK(a.solved());
      CHECK(worst_violation(points, targets, margin, a) < 1e-12);
    }
  }
}

TEST(duplicates_and_dependent_points) {
  const RowMatrix points = normals(9, 12, 8), targets = normals(10, 40, 8);
  RowMatrix tripled(36, 8), near(24, 8);
  tripled << points, points, points;
  near << points, points + 1e-9 * normals(11, 12, 8);
  const Answer once = project(points, targets), thrice = project(tripled, targets);
  CHECK(thrice.solved());
  CHECK(largest(once.projection - thrice.projection) < 1e-12);
  const Answer close = project(near, targets);
  CHECK(close.solved());
  CHECK(worst_violation(near, targets, 0.0, close) < 1e-10);
  CHECK(largest(once.projection - close.projection) < 1e-7);
  // Many points in a plane of many dimensions.
  const RowMatrix flat = normals(12, 100, 2) * normals(13, 2, 40), far = normals(14, 20, 40);
  const Answer on_plane = project(flat, far);
  CHECK(on_plane.solved());
  CHECK(worst_violation(flat, far, 0.0, on_plane) < 1e-10);
}

TEST(contradicting_margin_is_infeasible) {
  RowMatrix line(2, 2);
  line << 1, 0, -1, 0;
  const RowMatrix targets = normals(15, 5, 2);
  const Answer a = project(line, targets, 0.1);
  for (const std::int8_t status : a.status) CHECK(status == static_cast<std::int8_t>(Status::infeasible));
  CHECK(all_nan(a.projection) && all_nan(a.weights) && a.residual.array().isNaN().all());
  CHECK(project(line, targets, 0.0).solved());
  CHECK(project(line, targets, -0.1).solved());
}

TEST(zero_points) {
  RowMatrix points = RowMatrix::Zero(3, 4);
  points(1, 2) = 2.0;
  const RowMatrix targets = normals(16, 6, 4);
  const Answer a = project(points, targets);
  CHECK(a.solved());
  for (Index k = 0; k < 6; ++k) CHECK_NEAR(a.projection(k, 2), std::max(0.0, targets(k, 2)), 1e-15);
  CHECK(a.weights.col(0).cwiseAbs().maxCoeff() == 0.0);
  // 0.v <= -margin cannot be kept.
  CHECK(project(points, targets, 0.1).status[0] == static_cast<std::int8_t>(Status::infeasible));
  CHECK(project(points, targets, -0.1).solved());
  const Answer nothing = project(RowMatrix::Zero(2, 4), targets);
  CHECK(nothing.solved());
  CHECK(largest(nothing.projection) == 0.0);
}

TEST(more_points_than_a_gram_matrix_is_kept_for) {
  const RowMatrix points = normals(17, 2500, 6).array() + 1.0, targets = normals(18, 20, 6);
  const Answer a = project(points, targets);
  CHECK(a.solved());
  CHECK(worst_violation(points, targets, 0.0, a) < 1e-11);
}

TEST(units_do_not_matter) {
  const RowMatrix points = normals(19, 30, 10), targets = normals(20, 10, 10);
  const Answer a = project(points, targets);
  const double unit = std::ldexp(1.0, -300);
  const Answer small = project(unit * points, unit * targets), mixed = project(points / unit, unit * targets);
  CHECK(small.projection / unit == a.projection);
  CHECK(mixed.projection / unit == a.projection);
  CHECK(small.weights == a.weights);
}

TEST(same_bits_for_any_threads_and_cut) {
  const RowMatrix points = normals(21, 40, 20), targets = normals(22, 200, 20);
  const Answer a = project(points, targets);
  for (const int n_threads : {2, 3, 7}) {
    const Answer b = project(points, targets, 0.0, n_threads);
    CHECK(a.projection == b.projection);
    CHECK(a.weights == b.weights);
    CHECK(a.residual == b.residual);
  }
  const Answer head = project(points, targets.topRows(70));
  CHECK(head.projection == a.projection.topRows(70));
}

TEST(cancelling) {
  const RowMatrix points = normals(23, 20, 10), targets = normals(24, 500, 10);
  RowMatrix projection(500, 10), weights(500, 20);
  std::vector<std::int8_t> status(500);
  Vector residual(500);
  const ConeProjections out{MatrixOut(projection.data(), 500, 10), MatrixOut(weights.data(), 500, 20),
                            status.data(), VectorOut(residual.data(), 500)};
  CHECK_THROWS(
      project_cone(view(points), view(targets), 0.0, 1, [](Index, Index) { return true; }, out), Cancelled);
}
