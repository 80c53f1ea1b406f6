#include "neurogeom/joint_measures.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

#include "neurogeom/kernels.hpp"
#include "neurogeom/products.hpp"

namespace neurogeom {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Eigenvalues below this share of the largest count as zero in b and c.
constexpr double kRankCut = 1e-10;
// An axis shorter than this, relative to its anchor and centre, is rounding and has no direction.
constexpr double kNoAxis = 1e-12;

// G^+ u, the pseudo-inverse cut at kRankCut.
Vector cut_solution(const RowMatrix& gram, const Vector& u) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> spectrum(gram);
  const Vector& values = spectrum.eigenvalues();
  Vector along = spectrum.eigenvectors().transpose() * u;
  const double least = kRankCut * values[values.size() - 1];
  for (Index i = 0; i < values.size(); ++i) along[i] = values[i] > least ? along[i] / values[i] : 0.0;
  return spectrum.eigenvectors() * along;
}

// An alignment of two vectors in all forms, from their inner product and inverse lengths; and the factors of
// the second vector in the gradients by the first, to which -value / length^2 times the first itself comes
// (not in the third form).
struct PairForms {
  PairForms(double product, double first, double second) {
    const double cosine = std::clamp(product * first * second, -1.0, 1.0);
    const double sign = product < 0 ? -1.0 : 1.0;
    value = {cosine, std::abs(cosine), std::abs(product)};
    factor = {first * second, sign * first * second, sign};
  }
  std::array<double, kForms> value, factor;
};
constexpr int kCosines = 2;  // the forms that depend on lengths

}  // namespace

MeasureSums::MeasureSums(Index n_manifolds) {
  for (auto* set : {&axis, &center_axis})
    for (RowMatrix& matrix : *set) matrix = RowMatrix::Zero(n_manifolds, n_manifolds);
  axis_count = center_axis_count = RowMatrix::Zero(n_manifolds, n_manifolds);
  squared_axis = Vector::Zero(n_manifolds);
}

void MeasureSums::add(const MeasureSums& other) {
  for (int f = 0; f < kForms; ++f) {
    axis[f] += other.axis[f];
    center_axis[f] += other.center_axis[f];
  }
  axis_count += other.axis_count;
  center_axis_count += other.center_axis_count;
  squared_axis += other.squared_axis;
}

GradientSums::GradientSums(Index n_manifolds, Index n_dims)
    : direct(RowMatrix::Zero(kAllMeasures * n_manifolds, n_dims)),
      coefficient(RowMatrix::Zero(kAllMeasures * n_manifolds, n_manifolds)) {}

void GradientSums::add(const GradientSums& other) {
  direct += other.direct;
  coefficient += other.coefficient;
  for (int q = 0; q < kAllMeasures; ++q) count[q] += other.count[q];
}

JointMeasures::JointMeasures(const JointCones& cones, const RowMatrix& centers)
    : cones_(cones),
      centers_(centers),
      n_(cones.points.cols()),
      p_(cones.n_manifolds()),
      center_gram_(p_, p_),
      anchors_(RowMatrix::Zero(p_, n_)),
      gram_(p_, p_),
      cross_(p_, p_),
      along_(p_),
      inverse_length_(p_),
      defined_(static_cast<std::size_t>(p_)) {
  for (Index m = 0; m < p_; ++m) {
    anchor_rows_.push_back(anchors_.row(m).data());
    center_rows_.push_back(centers.row(m).data());
  }
  row_products(center_rows_.data(), p_, center_rows_.data(), p_, n_, center_gram_.data(), p_);
  inverse_center_ = center_gram_.diagonal().cwiseSqrt().cwiseInverse();
  for (Index m = 0; m < p_; ++m) has_center_.push_back(center_gram_(m, m) > 0);
}

void JointMeasures::measure(const AnchorPoints& points, Index sample,
                            std::array<double, kSampleMeasures>& values, MeasureSums& sums,
                            GradientSums* gradient) {
  prepare(points, sample, sums);
  evaluate_forms();
  values[m_b] = b_;
  values[m_c] = c_;
  values[m_ratio] = c_ / (b_ - c_);
  align(values, sums);
  if (gradient == nullptr) return;
  axes_ = anchors_ - centers_;
  add_form_gradients(points, sample, values, *gradient);
  add_alignment_gradients(*gradient);
}

// Inner products: gram_ of axes, cross_ of centers (rows) with axes, along_ of axes with the draw.
void JointMeasures::prepare(const AnchorPoints& points, Index sample, MeasureSums& sums) {
  points.form(centers_, anchors_);
  lower_products(anchor_rows_.data(), anchor_rows_.data(), p_, n_, gram_.data());
  gram_.triangularView<Eigen::StrictlyUpper>() = gram_.transpose();
  row_products(center_rows_.data(), p_, anchor_rows_.data(), p_, n_, cross_.data(), p_);
  const double* t = cones_.draws.row(sample).data();
  const Vector squares = gram_.diagonal();
  gram_ += center_gram_ - cross_ - cross_.transpose();
  cross_ -= center_gram_;
  for (Index m = 0; m < p_; ++m) {
    along_[m] = dot(anchor_rows_[m], t, n_) - dot(center_rows_[m], t, n_);
    const double size = std::max(squares[m], center_gram_(m, m));
    double square = std::max(0.0, gram_(m, m));
    if (square < 1e-6 * size) {  // a difference of squares loses its digits: take it anew
      square = 0.0;
      for (Index i = 0; i < n_; ++i) {
        const double x = anchors_(m, i) - centers_(m, i);
        square += x * x;
      }
    }
    inverse_length_[m] = 1 / std::sqrt(square);
    defined_[m] = points.takes_part(m) && std::sqrt(square) > kNoAxis * std::sqrt(size);
    if (points.takes_part(m)) sums.squared_axis[m] += square;
    if (defined_[m]) continue;
    // No extent but rounding, from which the forms would make numbers.
    gram_.row(m).setZero();
    gram_.col(m).setZero();
    along_[m] = 0.0;
  }
}

void JointMeasures::evaluate_forms() {
  sum_ = gram_ + center_gram_;
  // The trace bounds the largest eigenvalue of both matrices, that of the inverse of the first the smallest
  // of both: mostly they show that nothing is to be cut, and Cholesky factors will do.
  Eigen::LLT<Eigen::MatrixXd> cholesky(gram_);
  if (cholesky.info() == Eigen::Success) {
    Eigen::MatrixXd inverse = Eigen::MatrixXd::Identity(p_, p_);
    cholesky.matrixL().solveInPlace(inverse);
    if (sum_.trace() * inverse.squaredNorm() * kRankCut < 1) {
      solution_b_ = cholesky.solve(along_);
      cholesky.compute(sum_);
      solution_c_ = cholesky.solve(along_);
      b_ = along_.dot(solution_b_);
      c_ = along_.dot(solution_c_);
      return;
    }
  }
  solution_b_ = cut_solution(gram_, along_);
  solution_c_ = cut_solution(sum_, along_);
  b_ = along_.dot(solution_b_);
  c_ = along_.dot(solution_c_);
}

// db = -2 w_b (t - S1'w_b)' and dc = -2 w_c (t - S1'w_c + S0'w_c)', but for manifolds that take no part,
// whose axis is zero whatever S0 is.
void JointMeasures::add_form_gradients(const AnchorPoints& points, Index sample,
                                       const std::array<double, kSampleMeasures>& values,
                                       GradientSums& gradient) {
  const VectorView t(cones_.draws.row(sample).data(), n_);
  const Vector left_b = t - axes_.transpose() * solution_b_;
  const Vector left_c = t - axes_.transpose() * solution_c_;
  const Vector from_centers = centers_.transpose() * solution_c_;
  const double difference = b_ - c_;
  const bool ratio = std::isfinite(values[m_ratio]);
  const double by_c = ratio ? b_ / (difference * difference) : 0.0;
  const double by_b = ratio ? -c_ / (difference * difference) : 0.0;
  gradient.count[m_b] += 1;
  gradient.count[m_c] += 1;
  gradient.count[m_ratio] += ratio ? 1 : 0;
  for (Index m = 0; m < p_; ++m) {
    const bool part = points.takes_part(m);
    double* b = gradient.direct.row(m_b * p_ + m).data();
    double* c = gradient.direct.row(m_c * p_ + m).data();
    double* r = gradient.direct.row(m_ratio * p_ + m).data();
    for (Index i = 0; i < n_; ++i) {
      const double db = part ? -2 * solution_b_[m] * left_b[i] : 0.0;
      const double dc = -2 * solution_c_[m] * (part ? left_c[i] + from_centers[i] : from_centers[i]);
      b[i] += db;
      c[i] += dc;
      r[i] += by_b * db + by_c * dc;
    }
  }
}

void JointMeasures::align(std::array<double, kSampleMeasures>& values, MeasureSums& sums) {
  std::fill(values.begin() + m_axis, values.end(), 0.0);
  n_axis_ = n_center_axis_ = 0.0;
  for (Index m = 0; m < p_; ++m)
    for (Index k = 0; k < p_; ++k) {
      if (m == k || !defined_[k]) continue;
      if (has_center_[m]) {
        const PairForms pair(cross_(m, k), inverse_center_[m], inverse_length_[k]);
        for (int f = 0; f < kForms; ++f) {
          values[m_center_axis + f] += pair.value[f];
          sums.center_axis[f](m, k) += pair.value[f];
        }
        n_center_axis_ += 1;
        sums.center_axis_count(m, k) += 1;
      }
      if (!defined_[m] || k > m) continue;
      const PairForms pair(gram_(m, k), inverse_length_[m], inverse_length_[k]);
      for (int f = 0; f < kForms; ++f) {
        values[m_axis + f] += 2 * pair.value[f];
        sums.axis[f](m, k) += pair.value[f];
      }
      n_axis_ += 2;
      sums.axis_count(m, k) += 1;
    }
  for (int f = 0; f < kForms; ++f) {
    values[m_axis + f] = n_axis_ > 0 ? values[m_axis + f] / n_axis_ : kNaN;
    values[m_center_axis + f] = n_center_axis_ > 0 ? values[m_center_axis + f] / n_center_axis_ : kNaN;
  }
}

// An axis s1 is s - s0: what the gradient by it is, that by s0 is with the opposite sign. coefficients_ are
// the factors of the axes, those of the centers go into the sum.
void JointMeasures::add_alignment_gradients(GradientSums& gradient) {
  const Index first = m_axis * p_, rows = 2 * kForms * p_;
  coefficients_ = RowMatrix::Zero(rows, p_);
  for (int f = 0; f < kForms; ++f) {
    gradient.count[m_axis + f] += n_axis_ > 0 ? 1 : 0;
    gradient.count[m_center_axis + f] += n_center_axis_ > 0 ? 1 : 0;
  }
  for (Index m = 0; m < p_; ++m)
    for (Index k = 0; k < p_; ++k) {
      if (m == k || !defined_[k]) continue;
      if (has_center_[m]) {
        const PairForms pair(cross_(m, k), inverse_center_[m], inverse_length_[k]);
        for (int f = 0; f < kForms; ++f) {
          const Index row = (m_center_axis + f) * p_;
          coefficients_(row - first + m, k) += pair.factor[f] / n_center_axis_;
          gradient.coefficient(row + k, m) -= pair.factor[f] / n_center_axis_;
          if (f >= kCosines) continue;
          const double value = pair.value[f] / n_center_axis_;
          gradient.coefficient(row + m, m) -= value * inverse_center_[m] * inverse_center_[m];
          coefficients_(row - first + k, k) += value * inverse_length_[k] * inverse_length_[k];
        }
      }
      if (!defined_[m]) continue;
      const PairForms pair(gram_(m, k), inverse_length_[m], inverse_length_[k]);
      for (int f = 0; f < kForms; ++f) {  // the pair counts in both orders
        const Index row = f * p_ + m;
        coefficients_(row, k) -= 2 * pair.factor[f] / n_axis_;
        if (f < kCosines)
          coefficients_(row, m) += 2 * pair.value[f] / n_axis_ * inverse_length_[m] * inverse_length_[m];
      }
    }
  gradient.direct.middleRows(first, rows).noalias() += coefficients_ * axes_;
}

void JointMeasures::align_centers(std::array<RowMatrix, kForms>& matrices, std::array<double, kForms>& means,
                                  GradientSums& gradient) const {
  double n_pairs = 0.0;
  for (int f = 0; f < kForms; ++f) matrices[f] = RowMatrix::Constant(p_, p_, kNaN);
  means.fill(0.0);
  const auto pairs = [&](const auto& body) {  // a center of length zero has no direction
    for (Index m = 0; m < p_; ++m)
      for (Index k = 0; k < p_; ++k)
        if (m != k && has_center_[m] && has_center_[k])
          body(m, k, PairForms(center_gram_(m, k), inverse_center_[m], inverse_center_[k]));
  };
  pairs([&](Index m, Index k, const PairForms& pair) {
    n_pairs += 1;
    for (int f = 0; f < kForms; ++f) {
      matrices[f](m, k) = pair.value[f];
      means[f] += pair.value[f];
    }
  });
  pairs([&](Index m, Index k, const PairForms& pair) {
    for (int f = 0; f < kForms; ++f) {
      const Index row = (m_center + f) * p_ + m;
      gradient.coefficient(row, k) += 2 * pair.factor[f] / n_pairs;
      if (f < kCosines) gradient.coefficient(row, m) -= 2 * pair.value[f] / n_pairs / center_gram_(m, m);
    }
  });
  for (int f = 0; f < kForms; ++f) {
    gradient.count[m_center + f] = 1;
    means[f] = n_pairs > 0 ? means[f] / n_pairs : kNaN;
  }
}

}  // namespace neurogeom
