#include "check.hpp"
#include "neurogeom/capacity/anchors.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

constexpr double kPi = 3.14159265358979323846;
constexpr std::uint64_t kKey = 77;

AnchorSummary analyse(const RowMatrix& points, double margin, Index n_samples, const double* draws = nullptr,
                      double* squared = nullptr, double* weights = nullptr, int n_threads = 1) {
  AnchorSummary summary;
  anchor_statistics({{view(points), draws, 5, squared, weights}}, margin, n_samples, kKey, n_threads, {},
                    &summary);
  return summary;
}

bool within(Estimate estimate, double expected, double errors = 4.0) {
  return std::abs(estimate.value - expected) <= errors * estimate.error;
}

double normal_cdf(double x) {
  return 0.5 * std::erfc(-x / std::sqrt(2.0));
}
double normal_density(double x) {
  return std::exp(-0.5 * x * x) / std::sqrt(2 * kPi);
}

RowMatrix two_points(double radius) {
  RowMatrix points(2, 1);
  points << radius, -radius;
  return points;
}

// |q|^2 for the cone of (radius, 1) and (-radius, 1) in the plane.
double squared_projection_on_wedge(double x, double z, double radius) {
  x = std::abs(x);
  if (x <= radius * z) return x * x + z * z;
  const double along = (radius * x + z) / std::sqrt(1 + radius * radius);
  return along > 0 ? along * along : 0.0;
}

// Vertices of a regular simplex about the origin, |s_i|^2 = m - 1.
RowMatrix simplex(Index m) {
  RowMatrix points = RowMatrix::Identity(m, m) * std::sqrt(static_cast<double>(m));
  points.rowwise() -= points.colwise().mean().eval();
  return points;
}

bool same(const AnchorSummary& x, const AnchorSummary& y) {
  const auto* a = reinterpret_cast<const double*>(&x);
  const auto* b = reinterpret_cast<const double*>(&y);
  for (Index i = 0; i < kSummaryFields; ++i)
    if (!(a[i] == b[i])) return false;
  return true;
}

}  // namespace

TEST(two_points) {
  for (const double radius : {0.1, 1.0, 3.0}) {
    const AnchorSummary s = analyse(two_points(radius), 0.0, 20000);
    CHECK(within(s.capacity, 1 / (0.5 + 2 / kPi * std::atan(radius))));
    CHECK(s.n_failed == 0 && s.residual < 1e-13);
    // No constraint is active where t lies in the polar wedge, of angle pi - 2 atan(radius).
    const double interior = 0.5 - std::atan(radius) / kPi;
    CHECK_NEAR(s.interior, interior, 4 * std::sqrt(interior / 20000));
    CHECK(s.radius_uncentered.value <= radius);
    // D = 1: t.u = |t| wherever the anchor is on t's side, which it always is.
    CHECK_NEAR(s.dimension.value, 1.0, 1e-12);
    CHECK(within(s.dimension_prx, 1.0));
  }
}

TEST(every_sample_of_two_points_with_margin) {
  const RowMatrix draws = normals(3, 500, 2);
  for (const double radius : {0.3, 2.0})
    for (const double margin : {0.0, 0.4, 2.0}) {
      std::vector<double> squared(500), weights(1000);
      const AnchorSummary s =
          analyse(two_points(radius), margin, 500, draws.data(), squared.data(), weights.data());
      double mean = 0.0;
      for (Index k = 0; k < 500; ++k) {
        // Margin shifts the coordinate along the centre.
        const double expected = squared_projection_on_wedge(draws(k, 0), draws(k, 1) + margin, radius);
        CHECK_NEAR(squared[k], expected, 1e-12 * (1 + expected));
        CHECK(weights[2 * k] >= 0 && weights[2 * k + 1] >= 0);
        CHECK_NEAR(weights[2 * k] + weights[2 * k + 1], 1.0, 1e-12);
        mean += expected / 500;
      }
      CHECK_NEAR(1 / s.capacity.value, mean, 1e-12 * mean);
    }
}

TEST(simplex_has_capacity_two_over_m) {
  for (const Index m : {2, 5, 12}) {
    const AnchorSummary s = analyse(simplex(m), 0.0, 8000);
    CHECK(within(s.capacity, 2.0 / static_cast<double>(m)));
    CHECK(s.n_failed == 0);
  }
}

TEST(a_point) {
  for (const double margin : {0.0, 0.1, 0.5, 2.0}) {
    const double inverse = (1 + margin * margin) * normal_cdf(margin) + margin * normal_density(margin);
    for (const Index n_dims : {0, 1, 3}) {
      const AnchorSummary s = analyse(RowMatrix::Zero(1, n_dims), margin, 8000);
      CHECK(within(s.capacity, 1 / inverse));
      CHECK(s.radius.value == 0 && s.dimension.value == 0 && s.dimension_prx.value == 0);
    }
  }
}

TEST(margin_costs_capacity) {
  const RowMatrix points = 0.7 * normals(4, 30, 8) / std::sqrt(8.0);
  double last = 10.0;
  for (const double margin : {0.0, 0.2, 1.0, 5.0}) {
    const AnchorSummary s = analyse(points, margin, 1000);
    CHECK(s.capacity.value < last);
    CHECK(s.n_failed == 0);
    last = s.capacity.value;
  }
}

TEST(anchors_from_weights) {
  const RowMatrix points = normals(5, 20, 6) / std::sqrt(6.0), draws = normals(6, 300, 7);
  std::vector<double> squared(300);
  RowMatrix weights(300, 20);
  const AnchorSummary s = analyse(points, 0.0, 300, draws.data(), squared.data(), weights.data());
  const RowMatrix anchors = weights * points;
  CHECK(weights.minCoeff() >= 0);
  CHECK((weights.rowwise().sum().array() - 1).abs().maxCoeff() < 1e-12);
  double capacity = 0.0, cosine = 0.0, along = 0.0;
  for (Index k = 0; k < 300; ++k) {
    // |q|^2 = max(0, t.(s~, 1))^2 / |(s~, 1)|^2, which is how the original computes it.
    const double product = draws.row(k).head(6).dot(anchors.row(k)) + draws(k, 6);
    const double f = std::pow(std::max(0.0, product), 2) / (1 + anchors.row(k).squaredNorm());
    CHECK_NEAR(f, squared[k], 1e-12 * (1 + f));
    capacity += f / 300;
    const double direction = draws.row(k).head(6).dot(anchors.row(k)) / anchors.row(k).norm();
    cosine += direction / draws.row(k).head(6).norm() / 300;
    along += direction * direction / 300;
  }
  const RowMatrix centred = anchors.rowwise() - anchors.colwise().mean();
  CHECK_NEAR(s.capacity.value, 1 / capacity, 1e-12);
  CHECK_NEAR(s.dimension.value, 6 * cosine * cosine, 1e-12);
  CHECK_NEAR(s.dimension_prx.value, along, 1e-12);
  CHECK_NEAR(s.radius.value, std::sqrt(centred.squaredNorm() / 299), 1e-12);
  CHECK_NEAR(s.radius_uncentered.value, std::sqrt(anchors.squaredNorm() / 300), 1e-12);
}

TEST(draws_belong_to_key_stream_and_sample) {
  const RowMatrix points = normals(7, 15, 4), other = normals(8, 9, 5);
  RowMatrix draws(200, 5);
  standard_normals(kKey, 5, 0, 200, 5, draws.data(), 5);
  const AnchorSummary own = analyse(points, 0.0, 200), given = analyse(points, 0.0, 200, draws.data());
  CHECK(same(own, given));
  for (const int n_threads : {2, 3, 7})
    CHECK(same(own, analyse(points, 0.0, 200, nullptr, nullptr, nullptr, n_threads)));
  // Neither the company nor the number of samples changes a sample.
  std::vector<double> few(70), many(200);
  analyse(points, 0.0, 70, nullptr, few.data());
  AnchorSummary pair[2];
  anchor_statistics(
      {{view(other), nullptr, 6, nullptr, nullptr}, {view(points), nullptr, 5, many.data(), nullptr}}, 0.0,
      200, kKey, 2, {}, pair);
  CHECK(same(own, pair[1]));
  CHECK(std::vector<double>(many.begin(), many.begin() + 70) == few);
}

TEST(one_sample_has_no_standard_error) {
  const AnchorSummary s = analyse(two_points(1.0), 0.0, 1);
  CHECK(std::isfinite(s.radius_uncentered.value) && std::isnan(s.radius.value));
  CHECK(std::isnan(s.dimension_prx.error));
}

TEST(duplicates_change_nothing) {
  const RowMatrix points = normals(9, 25, 7), draws = normals(10, 100, 8);
  RowMatrix doubled(50, 7);
  doubled << points, points;
  const AnchorSummary s = analyse(points, 0.0, 100, draws.data()),
                      d = analyse(doubled, 0.0, 100, draws.data());
  CHECK_NEAR(s.capacity.value, d.capacity.value, 1e-12);
  CHECK_NEAR(s.radius.value, d.radius.value, 1e-10);
  CHECK_NEAR(s.dimension.value, d.dimension.value, 1e-10);
}

TEST(cancelling) {
  const RowMatrix points = normals(11, 10, 4);
  AnchorSummary summary;
  CHECK_THROWS(anchor_statistics(
                   {{view(points), nullptr, 0, nullptr, nullptr}}, 0.0, 1000, kKey, 2,
                   [](Index, Index) { return true; }, &summary),
               Cancelled);
}
