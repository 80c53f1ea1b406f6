#include "neurogeom/capacity/joint_measures.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/dense/products.hpp"

namespace neurogeom {
namespace {

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
  axis_count = center_axis_count = center_cosine = center_product = RowMatrix::Zero(n_manifolds, n_manifolds);
  squared_axis = Vector::Zero(n_manifolds);
}

void MeasureSums::add(const MeasureSums& other) {
  for (int f = 0; f < kForms; ++f) {
    axis[f] += other.axis[f];
    center_axis[f] += other.center_axis[f];
  }
  axis_count += other.axis_count;
  center_axis_count += other.center_axis_count;
  center_cosine += other.center_cosine;
  center_product += other.center_product;
  squared_axis += other.squared_axis;
}

GradientSums::GradientSums(Index n_manifolds, Index n_dims)
    : direct(RowMatrix::Zero(m_center * n_manifolds, n_dims)),
      coefficient(RowMatrix::Zero((kAllMeasures - m_axis) * n_manifolds, n_manifolds)) {}

void GradientSums::add(const GradientSums& other) {
  direct += other.direct;
  coefficient += other.coefficient;
  for (int q = 0; q < kAllMeasures; ++q) count[q] += other.count[q];
}

JointMeasures::JointMeasures(const JointCones& cones, const RowMatrix& centers, const Presence& presence,
                             Inactive inactive)
    : cones_(cones),
      centers_(centers),
      presence_(presence),
      inactive_(inactive),
      n_(cones.points.cols()),
      p_(cones.n_manifolds()),
      center_gram_(p_, p_),
      anchors_(RowMatrix::Zero(p_, n_)),
      gram_(p_, p_),
      cross_(p_, p_),
      along_(p_),
      inverse_length_(p_),
      defined_(static_cast<std::size_t>(p_)),
      part_(static_cast<std::size_t>(p_)) {
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
  leave_out(sums);
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
  kept_.clear();
  for (Index m = 0; m < p_; ++m) {
    part_[m] = points.takes_part(m);
    if (part_[m] || (inactive_ == Inactive::exclude && has_center_[m])) kept_.push_back(m);
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
    defined_[m] = part_[m] && std::sqrt(square) > kNoAxis * std::sqrt(size);
    if (part_[m]) sums.squared_axis[m] += square;
    if (defined_[m]) continue;
    // No extent but rounding, from which the forms would make numbers.
    gram_.row(m).setZero();
    gram_.col(m).setZero();
    along_[m] = 0.0;
  }
}

void JointMeasures::evaluate_forms() {
  const auto n = static_cast<Index>(kept_.size());
  Eigen::MatrixXd gram(n, n), sum(n, n);
  Vector along(n), solution_b, solution_c;
  for (Index i = 0; i < n; ++i) {
    along[i] = along_[kept_[i]];
    for (Index j = 0; j < n; ++j) {
      gram(i, j) = gram_(kept_[i], kept_[j]);
      sum(i, j) = gram(i, j) + center_gram_(kept_[i], kept_[j]);
    }
  }
  // The trace bounds the largest eigenvalue of both matrices, that of the inverse of the first the smallest
  // of both: mostly they show that nothing is to be cut, and Cholesky factors will do.
  bool cut = n > 0;
  Eigen::LLT<Eigen::MatrixXd> cholesky(gram);
  if (cut && cholesky.info() == Eigen::Success) {
    Eigen::MatrixXd inverse = Eigen::MatrixXd::Identity(n, n);
    cholesky.matrixL().solveInPlace(inverse);
    cut = !(sum.trace() * inverse.squaredNorm() * kRankCut < 1);
  }
  if (cut) {
    solution_b = cut_solution(gram, along);
    solution_c = cut_solution(sum, along);
  } else if (n > 0) {
    solution_b = cholesky.solve(along);
    cholesky.compute(sum);
    solution_c = cholesky.solve(along);
  }
  b_ = along.dot(solution_b);
  c_ = along.dot(solution_c);
  solution_b_ = solution_c_ = Vector::Zero(p_);
  for (Index i = 0; i < n; ++i) {
    solution_b_[kept_[i]] = solution_b[i];
    solution_c_[kept_[i]] = solution_c[i];
  }
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

double JointMeasures::axis_weight(Index m, Index k) const {
  return inactive_ == Inactive::exclude ? presence_.n_samples / presence_.both(m, k) : 1.0;
}
double JointMeasures::center_axis_weight(Index m, Index k) const {
  // A center without a direction has no alignments.
  if (!has_center_[m] || (inactive_ == Inactive::drop && !part_[m])) return 0.0;
  return inactive_ == Inactive::exclude ? presence_.n_samples / presence_.single[k] : 1.0;
}

void JointMeasures::align(std::array<double, kSampleMeasures>& values, MeasureSums& sums) {
  std::fill(values.begin() + m_axis, values.end(), 0.0);
  for (Index m = 0; m < p_; ++m)
    for (Index k = 0; k < p_; ++k) {
      if (!defined_[k]) continue;
      if (const double weight = center_axis_weight(m, k); weight > 0) {
        const PairForms pair(cross_(m, k), inverse_center_[m], inverse_length_[k]);
        const Index first = m == k ? m_own : m_center_axis;
        for (int f = 0; f < kForms; ++f) {
          values[first + f] += weight * pair.value[f];
          sums.center_axis[f](m, k) += pair.value[f];
        }
        sums.center_axis_count(m, k) += 1;
      }
      if (!defined_[m] || k >= m) continue;
      const double weight = 2 * axis_weight(m, k);
      const PairForms pair(gram_(m, k), inverse_length_[m], inverse_length_[k]);
      for (int f = 0; f < kForms; ++f) {
        values[m_axis + f] += weight * pair.value[f];
        sums.axis[f](m, k) += pair.value[f];
      }
      sums.axis_count(m, k) += 1;
    }
}

// Alignments of the centers of all samples but this one: S0_m - s1_m / (n_m - 1).
void JointMeasures::leave_out(MeasureSums& sums) {
  Vector step(p_), inverse(p_);
  for (Index m = 0; m < p_; ++m) {
    step[m] = part_[m] && presence_.single[m] > 1 ? 1 / (presence_.single[m] - 1) : 0.0;
    inverse[m] =
        1 / std::sqrt(center_gram_(m, m) - 2 * step[m] * cross_(m, m) + step[m] * step[m] * gram_(m, m));
  }
  for (Index m = 0; m < p_; ++m)
    for (Index k = 0; k < m; ++k) {
      const double product = center_gram_(m, k) - step[k] * cross_(m, k) - step[m] * cross_(k, m) +
                             step[m] * step[k] * gram_(m, k);
      double share = 1.0;
      if (inactive_ == Inactive::drop)
        share = (presence_.both(m, k) - (part_[m] && part_[k])) / (presence_.n_samples - 1);
      sums.center_cosine(m, k) += share * product * inverse[m] * inverse[k];
      sums.center_product(m, k) += share * product;
    }
}

// An axis s1 is s - s0: what the gradient by it is, that by s0 is with the opposite sign. coefficients_ are
// the factors of the axes, those of the centers go into the sum.
void JointMeasures::add_alignment_gradients(GradientSums& gradient) {
  const Index first = m_axis * p_, rows = 2 * kForms * p_;
  coefficients_ = RowMatrix::Zero(rows, p_);
  for (int q = m_axis; q < m_center; ++q) gradient.count[q] += 1;
  for (Index m = 0; m < p_; ++m)
    for (Index k = 0; k < p_; ++k) {
      if (!defined_[k]) continue;
      if (const double weight = center_axis_weight(m, k); weight > 0) {
        const PairForms pair(cross_(m, k), inverse_center_[m], inverse_length_[k]);
        const double by_center = inverse_center_[m] * inverse_center_[m];
        const double by_axis = inverse_length_[k] * inverse_length_[k];
        for (int f = 0; f < kForms; ++f) {
          const double factor = weight * pair.factor[f];
          const double value = f < kCosines ? weight * pair.value[f] : 0.0;
          if (m == k) {
            const Index row = (m_own + f) * p_ + m;
            gradient.direct.row(row) += (factor + value * by_axis) * axes_.row(m);
            gradient.coefficient(row - first, m) -= factor + value * by_center;
            continue;
          }
          const Index row = (m_center_axis + f) * p_;
          coefficients_(row - first + m, k) += factor;
          gradient.coefficient(row - first + k, m) -= factor;
          gradient.coefficient(row - first + m, m) -= value * by_center;
          coefficients_(row - first + k, k) += value * by_axis;
        }
      }
      if (!defined_[m] || m == k) continue;
      const double weight = 2 * axis_weight(m, k);  // the pair counts in both orders
      const PairForms pair(gram_(m, k), inverse_length_[m], inverse_length_[k]);
      for (int f = 0; f < kForms; ++f) {
        const Index row = f * p_ + m;
        coefficients_(row, k) -= weight * pair.factor[f];
        if (f < kCosines)
          coefficients_(row, m) += weight * pair.value[f] * inverse_length_[m] * inverse_length_[m];
      }
    }
  gradient.direct.middleRows(first, rows).noalias() += coefficients_ * axes_;
}

void JointMeasures::align_centers(std::array<RowMatrix, kForms>& matrices, GradientSums& gradient) const {
  const bool drop = inactive_ == Inactive::drop;
  const auto n = static_cast<double>(drop ? p_ : std::count(has_center_.begin(), has_center_.end(), 1));
  const double n_pairs = n * (n - 1);
  for (int f = 0; f < kForms; ++f) {
    matrices[f] = RowMatrix::Constant(p_, p_, drop ? 0.0 : kNaN);
    matrices[f].diagonal().setConstant(kNaN);
    gradient.count[m_center + f] = 1;
  }
  for (Index m = 0; m < p_; ++m)
    for (Index k = 0; k < p_; ++k) {
      if (m == k || !has_center_[m] || !has_center_[k]) continue;  // no direction
      const PairForms pair(center_gram_(m, k), inverse_center_[m], inverse_center_[k]);
      const double share = drop ? presence_.both(m, k) / presence_.n_samples : 1.0;
      for (int f = 0; f < kForms; ++f) {
        const Index row = (m_center - m_axis + f) * p_ + m;
        const double weight = 2 * share / n_pairs;
        matrices[f](m, k) = share * pair.value[f];
        gradient.coefficient(row, k) += weight * pair.factor[f];
        if (f < kCosines) gradient.coefficient(row, m) -= weight * pair.value[f] / center_gram_(m, m);
      }
    }
}

}  // namespace neurogeom
