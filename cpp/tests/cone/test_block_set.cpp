#include <algorithm>
#include <limits>

#include "check.hpp"
#include "neurogeom/cone/active_set.hpp"
#include "neurogeom/cone/block_set.hpp"
#include "neurogeom/cone/problem.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

// Manifolds around centres of norm about sqrt(n_dims), with labels and targets.
struct Cones {
  std::vector<Index> starts{0};
  RowMatrix points, targets;
  std::vector<std::int8_t> labels;
  double margin = 0.0;

  Cones(Index p, Index m, Index n, double radius, Index count, std::uint64_t key = 1) {
    points = radius * normals(key, p * m, n);
    const RowMatrix centers = normals(key + 1000, p, n), coins = normals(key + 2000, count, p);
    for (Index k = 0; k < p; ++k) {
      points.middleRows(k * m, m).rowwise() += centers.row(k);
      starts.push_back((k + 1) * m);
    }
    targets = normals(key + 3000, count, n);
    for (Index i = 0; i < coins.size(); ++i) labels.push_back(coins.data()[i] > 0 ? 1 : -1);
  }
  Index n_manifolds() const { return static_cast<Index>(starts.size()) - 1; }
  const std::int8_t* signs(Index s) const { return labels.data() + s * n_manifolds(); }
  RowMatrix signed_points(Index s) const {
    RowMatrix out = points;
    for (Index m = 0; m < n_manifolds(); ++m)
      out.middleRows(starts[m], starts[m + 1] - starts[m]) *= signs(s)[m];
    return out;
  }
};

struct Solution {
  Status status = Status::converged;
  Vector projection;
  double residual = 0;
  std::vector<Index> active;
};

// By ActiveSet, on points times their signs; or with the signs as an argument.
Solution alone(const Cones& cones, Index s, bool with_signs, bool with_gram) {
  const RowMatrix points = with_signs ? cones.points : cones.signed_points(s);
  ConeProblem problem(view(points), cones.margin, with_gram);
  Generators& g = problem.generators;
  g.form_gram(0, g.gram_rows());
  Vector signs = Vector::Ones(g.stride), values = g.rows * cones.targets.row(s).transpose();
  if (with_signs)
    for (Index m = 0; m < cones.n_manifolds(); ++m)
      signs.segment(cones.starts[m], cones.starts[m + 1] - cones.starts[m]).setConstant(cones.signs(s)[m]);
  problem.constrain(values.data(), 1.0, signs.data());
  ActiveSet solver(g);
  const double* target = cones.targets.row(s).data();
  Solution out;
  out.status = solver.solve(values.data(), problem.shifts(), target, problem.size(target),
                            with_signs ? signs.data() : nullptr);
  if (out.status != Status::converged) return out;
  out.projection = VectorView(solver.projection(), g.n_dims);
  out.residual = solver.residual();
  out.active = solver.active();
  std::sort(out.active.begin(), out.active.end());
  return out;
}

// Largest relative violation of the optimality conditions, in long double.
double kkt(const Cones& cones, Index s, const Generators& g, const BlockSet::Problem& p) {
  using Long = long double;
  const Index n = cones.points.cols();
  std::vector<Long> q(n, 0);
  const RowMatrix points = cones.signed_points(s);
  Long total = 0, size = 0, worst = 0, product = 0, shortest = std::numeric_limits<double>::max();
  for (std::size_t i = 0; i < p.active.size(); ++i) {
    const Long weight = static_cast<Long>(p.weights[i]) / g.scale[p.active[i]];
    worst = std::max(worst, -weight);
    total += weight;
    for (Index d = 0; d < n; ++d) q[d] += weight * points(p.active[i], d);
  }
  for (Index i = 0; i < points.rows(); ++i)
    if (points.row(i).norm() > 0) shortest = std::min<Long>(shortest, points.row(i).norm());
  size = cones.targets.row(s).norm() + cones.margin / shortest;
  for (Index i = 0; i < points.rows(); ++i) {
    Long value = cones.margin;
    if (points.row(i).norm() == 0) continue;
    for (Index d = 0; d < n; ++d) value += points(i, d) * (cones.targets(s, d) - q[d]);
    worst = std::max(worst, value / static_cast<Long>(points.row(i).norm()) / size);
  }
  for (Index d = 0; d < n; ++d) {
    product += q[d] * (cones.targets(s, d) - q[d]);
    const Long gap = std::abs(q[d] - static_cast<Long>(p.projection[d])) / size;
    worst = std::max(worst, gap);
    worst = std::max(worst, std::abs(static_cast<Long>(p.remainder[d]) + p.projection[d] -
                                     static_cast<Long>(cones.targets(s, d))) /
                                size);
  }
  return static_cast<double>(std::max(worst, std::abs(product + cones.margin * total) / (size * size)));
}

// Solves all targets as one block and compares; gives the number of those handed back.
Index compare(const Cones& cones, double tolerance = 1e-11) {
  const ConeProblem problem(view(cones.points), cones.margin, false);
  const Generators& g = problem.generators;
  const PackedRows packed(g.rows);
  const Index count = cones.targets.rows();
  std::vector<double> scale;
  for (Index s = 0; s < count; ++s) scale.push_back(problem.size(cones.targets.row(s).data()));
  BlockSet block(g, packed, cones.starts, [] {});
  RowMatrix targets = RowMatrix::Zero(kTargetBlock, cones.points.cols());
  targets.topRows(count) = cones.targets;
  block.solve(targets, cones.labels.data(), count, problem.shifts(), scale.data());
  Index handed_back = 0;
  bool same = true, optimal = true, positive = true, distinct = true;
  for (Index s = 0; s < count; ++s) {
    const BlockSet::Problem& p = block.problem(s);
    if (!p.solved) {
      ++handed_back;
      continue;
    }
    // The residual is relative to scaled points, of length 1/2 or more.
    const Solution expected = alone(cones, s, false, true);
    same = same && expected.status == Status::converged &&
           (expected.projection - p.projection).norm() <= tolerance * scale[s];
    optimal = optimal && kkt(cones, s, g, p) <= 2e-11 && p.residual <= 1e-11;
    positive = positive && std::all_of(p.weights.begin(), p.weights.end(), [](double a) { return a >= 0; });
    std::vector<Index> active = p.active;
    std::sort(active.begin(), active.end());
    distinct = distinct && std::adjacent_find(active.begin(), active.end()) == active.end() &&
               p.active.size() == p.weights.size();
  }
  CHECK(same);
  CHECK(optimal);
  CHECK(positive);
  CHECK(distinct);
  return handed_back;
}

}  // namespace

TEST(block_set_agrees_with_active_set) {
  for (const double radius : {0.3, 1.0, 2.0, 4.0}) {
    CHECK(compare({1, 7, 5, radius, 64}) == 0);
    CHECK(compare({5, 1, 9, radius, 64}) == 0);
    CHECK(compare({2, 30, 17, radius, 13}) == 0);
    CHECK(compare({6, 9, 40, radius, 64}) == 0);
    CHECK(compare({10, 50, 100, radius, 20}) == 0);
    CHECK(compare({33, 3, 64, radius, 5}) == 0);
    CHECK(compare({3, 40, 1, radius, 9}) == 0);
  }
}

TEST(block_set_with_margins) {
  for (const double margin : {0.01, 0.5, 2.0})
    for (const double radius : {0.1, 0.5, 1.0}) {
      Cones cones(5, 8, 60, radius, 64);
      cones.margin = margin;
      CHECK(compare(cones) == 0);
    }
}

TEST(block_set_with_duplicates_and_zero_points) {
  Cones cones(6, 10, 30, 0.7, 64);
  for (Index m = 0; m < 6; ++m) {
    for (Index i = 5; i < 9; ++i) cones.points.row(10 * m + i) = cones.points.row(10 * m + i - 5);
    cones.points.row(10 * m + 9).setZero();
  }
  compare(cones);
  cones.points.topRows(10).setZero();  // a manifold that is no constraint
  compare(cones);
  cones.points.setZero();
  CHECK(compare(cones) == 0);
}

TEST(block_set_with_nearly_parallel_points) {
  for (const double gap : {1e-3, 1e-5, 1e-8}) {
    Cones cones(4, 20, 25, 1.0, 64);
    const RowMatrix noise = normals(77, 80, 25);
    for (Index i = 0; i < 80; i += 2) cones.points.row(i + 1) = cones.points.row(i) + gap * noise.row(i);
    compare(cones, gap < 1e-6 ? 1e-9 : 1e-11);  // optimality to 1e-11 says less where points are parallel
  }
}

TEST(block_set_with_points_of_all_lengths) {
  Cones cones(5, 12, 40, 0.7, 64);
  for (Index i = 0; i < 60; ++i) cones.points.row(i) *= std::pow(10.0, static_cast<double>(i % 13 - 6));
  CHECK(compare(cones) == 0);
}

TEST(block_set_does_not_care_what_else_is_in_the_block) {
  const Cones cones(8, 20, 50, 0.8, 64);
  const Generators g(view(cones.points), false);
  const PackedRows packed(g.rows);
  std::vector<double> scale;
  for (Index s = 0; s < 64; ++s) scale.push_back(cones.targets.row(s).norm());
  BlockSet block(g, packed, cones.starts, [] {}), other(g, packed, cones.starts, [] {});
  block.solve(cones.targets, cones.labels.data(), 64, nullptr, scale.data());
  for (const Index s : {0, 1, 17, 63}) {
    RowMatrix target = RowMatrix::Zero(kTargetBlock, 50);
    target.row(0) = cones.targets.row(s);
    other.solve(target, cones.signs(s), 1, nullptr, &scale[s]);
    CHECK(other.problem(0).active == block.problem(s).active);
    CHECK(other.problem(0).weights == block.problem(s).weights);
    CHECK(other.problem(0).projection == block.problem(s).projection);
  }
}

TEST(points_on_the_boundary_are_those_that_touch) {
  // Of an orthant the other points of each face touch: midpoints of its edges, where both ends are active.
  Cones cones(3, 2, 3, 0.0, 32);
  cones.points << 1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 1;
  std::fill(cones.labels.begin(), cones.labels.end(), std::int8_t{1});
  const ConeProblem problem(view(cones.points), 0.0, false);
  const PackedRows packed(problem.generators.rows);
  std::vector<double> scale;
  for (Index s = 0; s < 32; ++s) scale.push_back(problem.size(cones.targets.row(s).data()));
  BlockSet block(problem.generators, packed, cones.starts, [] {});
  RowMatrix targets = RowMatrix::Zero(kTargetBlock, 3);
  targets.topRows(32) = cones.targets;
  block.solve(targets, cones.labels.data(), 32, nullptr, scale.data());
  for (Index s = 0; s < 32; ++s) {
    const BlockSet::Problem& p = block.problem(s);
    CHECK(p.solved);
    std::vector<Index> expected;
    const RowMatrix v = cones.targets.row(s).cwiseMin(0.0);
    for (Index i = 0; i < 6; ++i)
      if (cones.points.row(i).dot(v.row(0)) == 0 && std::count(p.active.begin(), p.active.end(), i) == 0)
        expected.push_back(i);
    CHECK(p.touching == expected);
  }
}

TEST(active_set_with_signs) {
  for (const bool with_gram : {true, false})
    for (const double margin : {0.0, 0.4})
      for (const double radius : {0.3, 1.0, 3.0}) {
        Cones cones(5, 9, 50, radius, 30);
        cones.margin = margin;
        for (Index s = 0; s < 30; ++s) {
          const Solution with = alone(cones, s, true, with_gram), without = alone(cones, s, false, with_gram);
          CHECK(with.status == without.status);
          if (with.status != Status::converged || without.status != Status::converged) continue;
          CHECK((with.projection - without.projection).norm() <= 1e-13 * (1 + with.projection.norm()));
          CHECK(with.active == without.active);
          CHECK(with.residual <= 1e-11);
        }
      }
  // In the orthogonal mode as well, where points are nearly parallel.
  Cones cones(4, 12, 15, 1.0, 40);
  for (Index i = 0; i < 48; i += 2) cones.points.row(i + 1) = cones.points.row(i) * (1 + 1e-9);
  for (Index s = 0; s < 40; ++s) {
    const Solution with = alone(cones, s, true, false), without = alone(cones, s, false, true);
    CHECK(with.status == Status::converged && without.status == Status::converged);
    CHECK((with.projection - without.projection).norm() <= 1e-10 * (1 + with.projection.norm()));
  }
}
