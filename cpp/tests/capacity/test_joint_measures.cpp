#include <Eigen/SVD>

#include "check.hpp"
#include "joint_cases.hpp"
#include "neurogeom/capacity/joint_measures.hpp"

using namespace neurogeom;
using check::Joint;
using check::normals;

namespace {

constexpr Inactive kConventions[] = {Inactive::zero, Inactive::exclude, Inactive::support, Inactive::drop};
constexpr Index kManifolds = 5, kDims = 14, kSamples = 30;

// Some samples of some manifolds with all that measures rest on; centers are any points.
struct Setting {
  Joint joint{kManifolds, 4, kDims, 0.5, kSamples};
  JointCones cones = joint.cones();
  std::vector<JointProjection> found = project_joint(cones, 0.0, 1, {});
  RowMatrix centers = normals(9, kManifolds, kDims);
  Presence presence{kManifolds};
  Inactive inactive;
  AnchorPoints points;

  explicit Setting(Inactive convention) : inactive(convention), points(cones, found, convention) {
    for (Index s = 0; s < kSamples; ++s) {
      points.find(s);
      for (Index m = 0; m < kManifolds; ++m)
        for (Index k = 0; k < kManifolds; ++k)
          presence.both(m, k) += points.takes_part(m) && points.takes_part(k) ? 1 : 0;
    }
    presence.single = presence.both.diagonal();
    presence.n_samples = kSamples;
  }
  std::array<double, kSampleMeasures> measure(const RowMatrix& at, Index sample, MeasureSums& sums,
                                              GradientSums* gradient = nullptr) {
    JointMeasures measures(cones, at, presence, inactive);
    std::array<double, kSampleMeasures> values{};
    points.find(sample);
    measures.measure(points, sample, values, sums, gradient);
    return values;
  }
  std::array<double, kSampleMeasures> measure(const RowMatrix& at, Index sample) {
    MeasureSums sums(kManifolds);
    return measure(at, sample, sums);
  }
};

// u' G^+ u, singular values below 1e-10 of the largest counting as zero.
double form(const Eigen::MatrixXd& gram, const Vector& u) {
  Eigen::JacobiSVD<Eigen::MatrixXd> svd(gram, Eigen::ComputeThinU | Eigen::ComputeThinV);
  svd.setThreshold(1e-10);
  return u.dot(svd.solve(u));
}

// The three forms of an alignment.
std::array<double, kForms> alignment(const Vector& x, const Vector& y) {
  const double product = x.dot(y), cosine = product / x.norm() / y.norm();
  return {cosine, std::abs(cosine), std::abs(product)};
}

// Sums over pairs that have an alignment, from the definitions.
struct ByDefinition {
  double b = 0, c = 0;
  std::array<double, kForms> axis{}, center_axis{}, own{};

  ByDefinition(Setting& setting, Index sample) {
    const Presence& presence = setting.presence;
    RowMatrix anchors;
    setting.points.find(sample);
    setting.points.form(setting.centers, anchors);
    const RowMatrix axes = anchors - setting.centers;
    const bool drop = setting.inactive == Inactive::drop, exclude = setting.inactive == Inactive::exclude;
    std::vector<Index> kept;
    for (Index m = 0; m < kManifolds; ++m)
      if (!drop || setting.points.takes_part(m)) kept.push_back(m);
    const auto n = static_cast<Index>(kept.size());
    RowMatrix s0(n, kDims), s1(n, kDims);
    for (Index i = 0; i < n; ++i) {
      s0.row(i) = setting.centers.row(kept[i]);
      s1.row(i) = axes.row(kept[i]);
    }
    const Vector along = s1 * setting.joint.draws.row(sample).transpose();
    b = form(s1 * s1.transpose(), along);
    c = form(s0 * s0.transpose() + s1 * s1.transpose(), along);
    for (Index m = 0; m < kManifolds; ++m)
      for (Index k = 0; k < kManifolds; ++k) {
        if (!setting.points.takes_part(k)) continue;
        const auto center = alignment(setting.centers.row(m), axes.row(k));
        if (!drop || setting.points.takes_part(m))
          for (int f = 0; f < kForms; ++f)
            (m == k ? own : center_axis)[f] += center[f] * (exclude ? kSamples / presence.single[k] : 1.0);
        if (m == k || !setting.points.takes_part(m)) continue;
        const auto both = alignment(axes.row(m), axes.row(k));
        for (int f = 0; f < kForms; ++f)
          axis[f] += both[f] * (exclude ? kSamples / presence.both(m, k) : 1.0);
      }
  }
};

}  // namespace

TEST(measures_by_their_definitions) {
  for (const Inactive convention : kConventions) {
    Setting setting(convention);
    for (Index s = 0; s < kSamples; ++s) {
      const auto values = setting.measure(setting.centers, s);
      const ByDefinition expected(setting, s);
      const double size = setting.joint.draws.row(s).squaredNorm();
      CHECK_NEAR(values[m_b], expected.b, 1e-9 * size);
      CHECK_NEAR(values[m_c], expected.c, 1e-9 * size);
      if (expected.b - expected.c > 1e-6)
        CHECK_NEAR(values[m_ratio], expected.c / (expected.b - expected.c), 1e-2 * (1 + values[m_ratio]));
      for (int f = 0; f < kForms; ++f) {
        CHECK_NEAR(values[m_axis + f], expected.axis[f], 1e-10 * (1 + std::abs(expected.axis[f])));
        CHECK_NEAR(values[m_center_axis + f], expected.center_axis[f],
                   1e-10 * (1 + std::abs(expected.center_axis[f])));
        CHECK_NEAR(values[m_own + f], expected.own[f], 1e-10 * (1 + std::abs(expected.own[f])));
      }
    }
  }
}

TEST(sums_over_samples_are_those_of_the_matrices) {
  for (const Inactive convention : kConventions) {
    Setting setting(convention);
    MeasureSums sums(kManifolds), other(kManifolds), half(kManifolds);
    RowMatrix cosines = RowMatrix::Zero(kManifolds, kManifolds), count = cosines;
    Vector squares = Vector::Zero(kManifolds);
    for (Index s = 0; s < kSamples; ++s) {
      setting.measure(setting.centers, s, sums);
      setting.measure(setting.centers, s, s < 10 ? half : other);
      RowMatrix anchors;
      setting.points.form(setting.centers, anchors);
      const RowMatrix axes = anchors - setting.centers;
      for (Index m = 0; m < kManifolds; ++m) {
        if (!setting.points.takes_part(m)) continue;
        squares[m] += axes.row(m).squaredNorm();
        for (Index k = 0; k < m; ++k) {
          if (!setting.points.takes_part(k)) continue;
          cosines(m, k) += alignment(axes.row(m), axes.row(k))[0];
          count(m, k) += 1;
        }
      }
    }
    CHECK((sums.squared_axis - squares).norm() < 1e-10 * squares.norm());
    CHECK((sums.axis[0] - cosines).norm() < 1e-11 * kSamples);
    CHECK(sums.axis_count == count);
    half.add(other);
    CHECK((half.axis[2] - sums.axis[2]).norm() < 1e-12 * (1 + sums.axis[2].norm()));
    CHECK(half.center_axis_count == sums.center_axis_count);
    CHECK((half.center_cosine - sums.center_cosine).norm() < 1e-12 * kSamples);
  }
}

TEST(gradients_by_the_centers_agree_with_finite_differences) {
  for (const Inactive convention : kConventions) {
    Setting setting(convention);
    for (const Index sample : {0, 3, 7}) {
      MeasureSums sums(kManifolds);
      GradientSums gradient(kManifolds, kDims);
      const auto values = setting.measure(setting.centers, sample, sums, &gradient);
      const RowMatrix direction = normals(20 + static_cast<std::uint64_t>(sample), kManifolds, kDims);
      const double step = 1e-6;
      const auto ahead = setting.measure(setting.centers + step * direction, sample);
      const auto behind = setting.measure(setting.centers - step * direction, sample);
      for (int q = 0; q < kSampleMeasures; ++q) {
        if (q == m_ratio && !std::isfinite(values[q])) continue;
        RowMatrix slope = gradient.direct.middleRows(q * kManifolds, kManifolds);
        if (q >= m_axis)
          slope += gradient.coefficient.middleRows((q - m_axis) * kManifolds, kManifolds) * setting.centers;
        const double numeric = (ahead[q] - behind[q]) / (2 * step);
        const double size = slope.norm() * direction.norm() + std::abs(values[q]);
        CHECK_NEAR(slope.cwiseProduct(direction).sum(), numeric, 1e-5 * (1 + size));
        CHECK(gradient.count[q] == 1.0);
      }
    }
  }
}

TEST(alignments_of_centers_and_their_gradients) {
  Setting setting(Inactive::zero);
  const auto at = [&](const RowMatrix& centers, std::array<RowMatrix, kForms>& matrices) {
    GradientSums gradient(kManifolds, kDims);
    JointMeasures(setting.cones, centers, setting.presence, Inactive::zero).align_centers(matrices, gradient);
    return gradient;
  };
  const auto mean = [](const RowMatrix& matrix) {
    double sum = 0;
    for (Index m = 0; m < kManifolds; ++m)
      for (Index k = 0; k < kManifolds; ++k) sum += m == k ? 0.0 : matrix(m, k);
    return sum / (kManifolds * (kManifolds - 1));
  };
  std::array<RowMatrix, kForms> matrices, ahead, behind;
  const GradientSums gradient = at(setting.centers, matrices);
  const RowMatrix direction = normals(30, kManifolds, kDims);
  at(setting.centers + 1e-6 * direction, ahead);
  at(setting.centers - 1e-6 * direction, behind);
  for (int f = 0; f < kForms; ++f) {
    for (Index m = 0; m < kManifolds; ++m) {
      CHECK(std::isnan(matrices[f](m, m)));
      for (Index k = 0; k < kManifolds; ++k)
        if (m != k)
          CHECK_NEAR(matrices[f](m, k), alignment(setting.centers.row(m), setting.centers.row(k))[f], 1e-12);
    }
    const RowMatrix slope =
        gradient.coefficient.middleRows((m_center - m_axis + f) * kManifolds, kManifolds) * setting.centers;
    const double numeric = (mean(ahead[f]) - mean(behind[f])) / 2e-6;
    CHECK_NEAR(slope.cwiseProduct(direction).sum(), numeric, 1e-7 * (1 + std::abs(numeric)));
  }
}
