#include <Eigen/QR>

#include "check.hpp"
#include "neurogeom/cone/active_set.hpp"
#include "neurogeom/cone/problem.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

struct Problem {
  ConeProblem problem;
  Generators& generators = problem.generators;
  ActiveSet solver{generators};
  RowMatrix targets, values;

  Problem(const RowMatrix& points, const RowMatrix& t) : problem(view(points), 0.0) {
    generators.form_gram(0, generators.gram_rows());
    targets = RowMatrix::Zero(kTargetBlock, points.cols());
    for (Index k = 0; k < t.rows(); ++k) targets.row(k) = t.row(k);
    values.resize(kTargetBlock, generators.stride);
    problem.multiply(targets, values);
    for (Index k = 0; k < kTargetBlock; ++k) problem.constrain(values.row(k).data());
  }
  Status solve(Index k) {
    return solver.solve(values.row(k).data(), nullptr, targets.row(k).data(), targets.row(k).norm());
  }
  VectorView projection() const { return VectorView(solver.projection(), generators.n_dims); }
};

// The projection by trying every active set: right as soon as weights and constraints have their
// signs.
Vector projection_by_search(const RowMatrix& points, const Vector& t) {
  const auto n = static_cast<unsigned>(points.rows());
  Vector best = Vector::Zero(t.size());
  double least = t.norm();
  for (unsigned set = 1; set < (1U << n); ++set) {
    RowMatrix rows(0, points.cols());
    for (unsigned i = 0; i < n; ++i) {
      if ((set >> i & 1U) == 0) continue;
      rows.conservativeResize(rows.rows() + 1, Eigen::NoChange);
      rows.row(rows.rows() - 1) = points.row(i);
    }
    const Eigen::MatrixXd columns = rows.transpose();
    const Vector a = columns.colPivHouseholderQr().solve(t);
    if (a.minCoeff() < 0) continue;
    const Vector q = columns * a;
    if ((t - q).norm() >= least) continue;
    least = (t - q).norm();
    best = q;
  }
  return best;
}

}  // namespace

TEST(agrees_with_a_search_of_all_active_sets) {
  for (const Index n_points : {1, 2, 5, 8})
    for (const Index n_dims : {1, 3, 6, 12}) {
      const RowMatrix points = normals(2, n_points, n_dims), targets = normals(3, 12, n_dims);
      Problem problem(points, targets);
      for (Index k = 0; k < targets.rows(); ++k) {
        CHECK(problem.solve(k) == Status::converged);
        const Vector expected = projection_by_search(points, targets.row(k).transpose());
        CHECK((problem.projection() - expected).norm() < 1e-12 * (1 + expected.norm()));
      }
    }
}

TEST(the_parts_of_a_solution_fit) {
  const RowMatrix points = normals(4, 300, 40), targets = normals(5, 64, 40);
  Problem problem(points, targets);
  for (Index k = 0; k < targets.rows(); ++k) {
    CHECK(problem.solve(k) == Status::converged);
    const auto& active = problem.solver.active();
    Vector sum = Vector::Zero(40);
    double least = kInfinity;
    for (std::size_t i = 0; i < active.size(); ++i) {
      sum += problem.solver.weights()[i] * problem.generators.rows.row(active[i]).transpose();
      least = std::min(least, problem.solver.weights()[i]);
    }
    CHECK((sum - problem.projection()).norm() < 1e-13);
    CHECK(least >= 0);
    const VectorView v(problem.solver.remainder(), 40);
    CHECK((v + problem.projection() - targets.row(k).transpose()).norm() < 1e-14 * targets.row(k).norm());
    const double scale = targets.row(k).norm();
    CHECK((problem.generators.rows * v).maxCoeff() < 1e-12 * scale);
    CHECK(std::abs(v.dot(problem.projection())) < 1e-12 * scale * scale);
    CHECK(problem.solver.residual() < 1e-12);
  }
}

TEST(a_solver_forgets_what_it_solved_before) {
  const RowMatrix points = normals(6, 120, 30), targets = normals(7, 20, 30);
  Problem used(points, targets);
  for (Index k = 0; k < 20; ++k) {
    Problem fresh(points, targets);
    CHECK(used.solve(k) == Status::converged);
    CHECK(fresh.solve(k) == Status::converged);
    CHECK(used.solver.active() == fresh.solver.active());
    CHECK(used.projection() == fresh.projection());
  }
}

TEST(points_can_be_left_out) {
  const RowMatrix points = normals(8, 20, 6), targets = normals(9, 10, 6);
  Problem all(points, targets), fewer(points.topRows(12), targets);
  all.values.rightCols(all.generators.stride - 12).setConstant(-kInfinity);
  for (Index k = 0; k < 10; ++k) {
    CHECK(all.solve(k) == Status::converged);
    CHECK(fewer.solve(k) == Status::converged);
    CHECK((all.projection() - fewer.projection()).norm() < 1e-13);
  }
  all.values.setConstant(-kInfinity);
  CHECK(all.solve(0) == Status::converged);
  CHECK(all.solver.active().empty() && all.projection().norm() == 0);
}

// Nearly parallel points leave the Gram matrix without digits: the orthogonal factor takes over.
TEST(ill_conditioned_points) {
  for (const double gap : {1e-5, 1e-7, 1e-9, 1e-12, 0.0}) {
    RowMatrix points(40, 15);
    points << normals(10, 20, 15), normals(10, 20, 15) + gap * normals(11, 20, 15);
    const RowMatrix targets = normals(12, 30, 15);
    Problem problem(points, targets);
    for (Index k = 0; k < 30; ++k) {
      CHECK(problem.solve(k) == Status::converged);
      CHECK(problem.solver.residual() < 1e-11);
      const VectorView v(problem.solver.remainder(), 15);
      CHECK((problem.generators.rows * v).maxCoeff() < 1e-11 * targets.row(k).norm());
    }
  }
  // A narrow bundle of points far along one axis, in all directions across it.
  RowMatrix bundle = 1e-4 * normals(13, 60, 10);
  bundle.col(0).setOnes();
  const RowMatrix targets = normals(14, 30, 10);
  Problem problem(bundle, targets);
  for (Index k = 0; k < 30; ++k) {
    CHECK(problem.solve(k) == Status::converged);
    CHECK(problem.solver.residual() < 1e-11);
  }
}

TEST(shifted_constraints) {
  // Two generators at an obtuse angle; v must be on the far side of both by their own amounts.
  RowMatrix points(2, 2), targets(1, 2);
  points << 1, 0, 0, 1;
  targets << 0.3, -5;
  Problem problem(points, targets);
  const double shift[] = {0.25, 0.5};
  RowMatrix values = problem.values.topRows(1);
  for (int i = 0; i < 2; ++i) values(0, i) += shift[i];
  CHECK(problem.solver.solve(values.data(), shift, targets.data(), 6.0) == Status::converged);
  // Points are halved: v_1 <= -2 shift_1, and the second constraint holds already.
  CHECK_NEAR(problem.solver.remainder()[0], -0.5, 1e-15);
  CHECK_NEAR(problem.solver.remainder()[1], -5.0, 1e-15);
}
