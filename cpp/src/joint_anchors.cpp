#include "neurogeom/joint_anchors.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <tuple>
#include <utility>

#include "neurogeom/kernels.hpp"
#include "neurogeom/products.hpp"

namespace neurogeom {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Eigenvalues below this share of the largest count as zero in b and c.
constexpr double kRankCut = 1e-10;
// An axis shorter than this, relative to its anchor and centre, is rounding and has no direction.
constexpr double kNoAxis = 1e-12;
constexpr Index kSamplesAtOnce = 16;

// Quadratic forms u'G^+u with G = S1 S1' and S0 S0' + S1 S1', the pseudo-inverses cut at kRankCut.
class Forms {
 public:
  std::pair<double, double> evaluate(const RowMatrix& axis_gram, const RowMatrix& center_gram,
                                     const Vector& u) {
    sum_ = axis_gram + center_gram;
    // The trace bounds the largest eigenvalue of both, that of the inverse of the first the smallest of both:
    // mostly they show that nothing is to be cut, and Cholesky factors will do.
    cholesky_.compute(axis_gram);
    if (cholesky_.info() == Eigen::Success) {
      inverse_.setIdentity(u.size(), u.size());
      cholesky_.matrixL().solveInPlace(inverse_);
      if (sum_.trace() * inverse_.squaredNorm() * kRankCut < 1) {
        const double b = (inverse_.triangularView<Eigen::Lower>() * u).squaredNorm();
        cholesky_.compute(sum_);
        return {b, cholesky_.matrixL().solve(u).squaredNorm()};
      }
    }
    return {cut(axis_gram, u), cut(sum_, u)};
  }

 private:
  static double cut(const RowMatrix& gram, const Vector& u) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> spectrum(gram);
    const Vector& values = spectrum.eigenvalues();
    const Vector along = spectrum.eigenvectors().transpose() * u;
    const double least = kRankCut * values[values.size() - 1];
    double total = 0.0;
    for (Index i = 0; i < values.size(); ++i)
      if (values[i] > least) total += along[i] * along[i] / values[i];
    return total;
  }
  RowMatrix sum_;
  Eigen::MatrixXd inverse_;
  Eigen::LLT<Eigen::MatrixXd> cholesky_;
};

// Entry (m, n) of the three forms from an inner product and the two lengths.
std::array<double, n_alignment_forms> forms(double product, double length_m, double length_n) {
  const double cosine = std::clamp(product / (length_m * length_n), -1.0, 1.0);
  return {cosine, std::abs(cosine), std::abs(product)};
}

struct Accumulator {
  explicit Accumulator(Index p) {
    for (auto* set : {&axis, &center_axis})
      for (RowMatrix& matrix : *set) matrix = RowMatrix::Zero(p, p);
    axis_count = center_axis_count = RowMatrix::Zero(p, p);
    squared_axis = Vector::Zero(p);
  }
  void add(const Accumulator& other) {
    for (int f = 0; f < n_alignment_forms; ++f) {
      axis[f] += other.axis[f];
      center_axis[f] += other.center_axis[f];
    }
    axis_count += other.axis_count;
    center_axis_count += other.center_axis_count;
    squared_axis += other.squared_axis;
  }
  std::array<RowMatrix, n_alignment_forms> axis, center_axis;  // sums over samples
  RowMatrix axis_count, center_axis_count;
  Vector squared_axis;
};

class Worker {
 public:
  Worker(const JointCones& cones, const std::vector<JointProjection>& projections, Inactive inactive,
         const RowMatrix& centers, const RowMatrix& center_gram, double n_used)
      : cones_(cones),
        projections_(projections),
        inactive_(inactive),
        centers_(centers),
        center_gram_(center_gram),
        n_used_(n_used),
        n_(cones.points.cols()),
        p_(cones.n_manifolds()),
        anchors_(p_, n_),
        gram_(p_, p_),
        cross_(p_, p_),
        mixed_(p_, p_),
        total_(static_cast<std::size_t>(p_)),
        active_(static_cast<std::size_t>(p_)),
        defined_(static_cast<std::size_t>(p_)) {
    for (Index m = 0; m < p_; ++m) {
      anchor_rows_.push_back(anchors_.row(m).data());
      center_rows_.push_back(centers.row(m).data());
    }
  }

  // The anchor points of a sample; centres where `exclude` leaves them out. Their weights are added to
  // `point_weights`, if any.
  void form_anchors(Index sample, Vector* point_weights = nullptr) {
    const SparseWeights& weights = projections_[sample].weights;
    anchors_.setZero();
    manifold_.resize(weights.point.size());
    std::fill(total_.begin(), total_.end(), 0.0);
    for (std::size_t i = 0; i < weights.point.size(); ++i) {
      const auto after = std::upper_bound(cones_.starts.begin(), cones_.starts.end(), weights.point[i]);
      manifold_[i] = static_cast<Index>(after - cones_.starts.begin()) - 1;
      total_[manifold_[i]] += weights.weight[i];
    }
    for (std::size_t i = 0; i < weights.point.size(); ++i) {
      const double share = weights.weight[i] / total_[manifold_[i]];
      axpy(share, cones_.points.row(weights.point[i]).data(), anchors_.row(manifold_[i]).data(), n_);
      if (point_weights != nullptr) (*point_weights)[weights.point[i]] += share;
    }
    bool remainder_known = false;
    for (Index m = 0; m < p_; ++m) {
      active_[m] = total_[m] > 0;
      if (active_[m] || inactive_ == Inactive::zero) continue;
      if (inactive_ == Inactive::exclude) {
        if (centers_.size() > 0) anchors_.row(m) = centers_.row(m);
        continue;
      }
      if (!remainder_known) form_remainder(sample);
      remainder_known = true;
      const Index support = support_point(sample, m);
      anchors_.row(m) = cones_.points.row(support);
      if (point_weights != nullptr) (*point_weights)[support] += 1;
    }
  }

  bool takes_part(Index m) const { return active_[m] || inactive_ != Inactive::exclude; }
  bool active(Index m) const { return active_[m]; }
  const RowMatrix& anchors() const { return anchors_; }

  void measure(Index sample, JointAnchors& out, Accumulator& sums) {
    form_anchors(sample);
    const double* t = cones_.draws.row(sample).data();
    // Inner products of anchors, of centres with anchors (cross), of axes (gram), of centres with axes
    // (mixed).
    row_products(anchor_rows_.data(), p_, anchor_rows_.data(), p_, n_, gram_.data(), p_);
    row_products(center_rows_.data(), p_, anchor_rows_.data(), p_, n_, cross_.data(), p_);
    leave_one_out(sample, out);
    Vector along(p_), lengths(p_), center_lengths(p_);
    for (Index m = 0; m < p_; ++m) {
      const double anchor_square = gram_(m, m);
      for (Index k = 0; k < p_; ++k) {
        mixed_(m, k) = cross_(m, k) - center_gram_(m, k);
        gram_(m, k) += center_gram_(m, k) - cross_(m, k) - cross_(k, m);
      }
      along[m] = dot(anchors_.row(m).data(), t, n_) - dot(centers_.row(m).data(), t, n_);
      const double size = std::max(anchor_square, center_gram_(m, m));
      lengths[m] = std::sqrt(std::max(0.0, gram_(m, m)));
      center_lengths[m] = std::sqrt(center_gram_(m, m));
      defined_[m] = takes_part(m);
      if (defined_[m]) sums.squared_axis[m] += std::max(0.0, gram_(m, m));
      // The difference of squares that a short axis is loses half of the digits; its length is then taken
      // anew.
      if (defined_[m] && gram_(m, m) < 1e-6 * size) lengths[m] = axis_length(m);
      defined_[m] = defined_[m] && lengths[m] > kNoAxis * std::sqrt(size);
    }
    std::tie(out.b[sample], out.c[sample]) = forms_.evaluate(gram_, center_gram_, along);
    align(sample, lengths, center_lengths, out, sums);
  }

 private:
  double axis_length(Index m) const {
    double square = 0.0;
    for (Index i = 0; i < n_; ++i) {
      const double x = anchors_(m, i) - centers_(m, i);
      square += x * x;
    }
    return std::sqrt(square);
  }

  void form_remainder(Index sample) {
    const SparseWeights& weights = projections_[sample].weights;
    remainder_.resize(n_);
    std::copy_n(cones_.draws.row(sample).data(), n_, remainder_.data());
    for (std::size_t i = 0; i < weights.point.size(); ++i)
      axpy(-label(sample, manifold_[i]) * weights.weight[i], cones_.points.row(weights.point[i]).data(),
           remainder_.data(), n_);
  }

  double label(Index sample, Index m) const { return cones_.labels[sample * p_ + m]; }

  Index support_point(Index sample, Index m) const {
    Index best = cones_.starts[m];
    double most = -std::numeric_limits<double>::infinity();
    for (Index i = best; i < cones_.starts[m + 1]; ++i) {
      const double value = label(sample, m) * dot(cones_.points.row(i).data(), remainder_.data(), n_);
      if (value > most) {
        most = value;
        best = i;
      }
    }
    return best;
  }

  // Center alignments when this sample is left out of S0, which then is (n S0 - S) / (n - 1).
  void leave_one_out(Index sample, JointAnchors& out) {
    const double n = n_used_;
    const auto without = [&](Index m, Index k) {
      return (n * n * center_gram_(m, k) - n * (cross_(m, k) + cross_(k, m)) + gram_(m, k)) /
             ((n - 1) * (n - 1));
    };
    std::array<double, n_alignment_forms> sum{};
    for (Index m = 0; m < p_; ++m)
      for (Index k = 0; k < m; ++k) {
        const auto values = forms(without(m, k), std::sqrt(without(m, m)), std::sqrt(without(k, k)));
        for (int f = 0; f < n_alignment_forms; ++f) sum[f] += values[f];
      }
    for (int f = 0; f < n_alignment_forms; ++f)
      out.center_without[f][sample] = sum[f] / (0.5 * static_cast<double>(p_ * (p_ - 1)));
  }

  void align(Index sample, const Vector& lengths, const Vector& center_lengths, JointAnchors& out,
             Accumulator& sums) {
    std::array<double, n_alignment_forms> axis{}, center_axis{};
    double n_axis = 0.0, n_center_axis = 0.0;
    for (Index m = 0; m < p_; ++m)
      for (Index k = 0; k < p_; ++k) {
        if (m == k || !defined_[k]) continue;
        if (center_lengths[m] > 0) {
          const auto values = forms(mixed_(m, k), center_lengths[m], lengths[k]);
          for (int f = 0; f < n_alignment_forms; ++f) {
            center_axis[f] += values[f];
            sums.center_axis[f](m, k) += values[f];
          }
          n_center_axis += 1;
          sums.center_axis_count(m, k) += 1;
        }
        if (!defined_[m]) continue;
        const auto values = forms(gram_(m, k), lengths[m], lengths[k]);
        for (int f = 0; f < n_alignment_forms; ++f) {
          axis[f] += values[f];
          sums.axis[f](m, k) += values[f];
        }
        n_axis += 1;
        sums.axis_count(m, k) += 1;
      }
    for (int f = 0; f < n_alignment_forms; ++f) {
      out.axis[f][sample] = axis[f] / n_axis;  // NaN where there is no pair
      out.center_axis[f][sample] = center_axis[f] / n_center_axis;
    }
  }

  const JointCones& cones_;
  const std::vector<JointProjection>& projections_;
  const Inactive inactive_;
  const RowMatrix& centers_;
  const RowMatrix& center_gram_;
  const double n_used_;
  const Index n_, p_;
  RowMatrix anchors_, gram_, cross_, mixed_;
  std::vector<double> total_;
  std::vector<char> active_, defined_;
  std::vector<Index> manifold_;
  std::vector<const double*> anchor_rows_, center_rows_;
  Vector remainder_;
  Forms forms_;
};

// Runs body(worker, sample, block) over the used samples, in blocks.
template <class Body>
void for_samples(const std::vector<Index>& used, int n_threads, const Monitor& monitor,
                 const std::function<std::shared_ptr<Worker>()>& make_worker, const Body& body) {
  const auto count = static_cast<Index>(used.size());
  const Index n_blocks = (count + kSamplesAtOnce - 1) / kSamplesAtOnce;
  parallel_ranges(n_blocks, 1, n_threads, monitor, [&](const Checkpoint& checkpoint) -> RangeBody {
    const auto worker = make_worker();
    return [&, worker, checkpoint](Index begin, Index end) {
      for (Index b = begin; b < end; ++b)
        for (Index i = b * kSamplesAtOnce; i < std::min(count, (b + 1) * kSamplesAtOnce); ++i) {
          checkpoint();
          body(*worker, used[i], b);
        }
    };
  });
}

}  // namespace

JointAnchors joint_anchors(const JointCones& cones, const std::vector<JointProjection>& projections,
                           Inactive inactive, int n_threads, const Monitor& monitor) {
  const Index p = cones.n_manifolds(), n = cones.points.cols();
  std::vector<Index> used;
  for (Index s = 0; s < cones.n_samples(); ++s)
    if (projections[s].status == Status::converged && !projections[s].inseparable) used.push_back(s);
  const auto n_used = static_cast<double>(used.size());
  const auto n_blocks = (used.size() + kSamplesAtOnce - 1) / kSamplesAtOnce;

  JointAnchors out;
  const auto n_samples = static_cast<std::size_t>(cones.n_samples());
  for (auto* values : {&out.b, &out.c}) values->assign(n_samples, kNaN);
  for (auto* set : {&out.axis, &out.center_axis, &out.center_without})
    for (auto& values : *set) values.assign(n_samples, kNaN);

  // First pass: S0, as sums over blocks of samples, which are then added in order.
  const RowMatrix nothing;
  std::vector<RowMatrix> sums(n_blocks);
  std::vector<Vector> parts(n_blocks), activity(n_blocks), point_weights(n_blocks);
  for_samples(
      used, n_threads, monitor,
      [&] { return std::make_shared<Worker>(cones, projections, inactive, nothing, nothing, n_used); },
      [&](Worker& worker, Index sample, Index block) {
        if (sums[block].size() == 0) {
          sums[block] = RowMatrix::Zero(p, n);
          parts[block] = activity[block] = Vector::Zero(p);
          point_weights[block] = Vector::Zero(cones.points.rows());
        }
        worker.form_anchors(sample, &point_weights[block]);
        sums[block] += worker.anchors();
        for (Index m = 0; m < p; ++m) {
          parts[block][m] += worker.takes_part(m) ? 1 : 0;
          activity[block][m] += worker.active(m) ? 1 : 0;
        }
      });
  out.centers = RowMatrix::Zero(p, n);
  out.active_fraction = Vector::Zero(p);
  out.mean_weights = Vector::Zero(cones.points.rows());
  Vector count = Vector::Zero(p);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    out.centers += sums[b];
    count += parts[b];
    out.active_fraction += activity[b];
    out.mean_weights += point_weights[b];
  }
  sums.clear();
  out.active_fraction /= n_used;
  for (Index m = 0; m < p; ++m) {  // NaN where a manifold never takes part
    out.centers.row(m) /= count[m];
    out.mean_weights.segment(cones.starts[m], cones.starts[m + 1] - cones.starts[m]) /= count[m];
  }
  RowMatrix center_gram(p, p);
  std::vector<const double*> rows;
  for (Index m = 0; m < p; ++m) rows.push_back(out.centers.row(m).data());
  row_products(rows.data(), p, rows.data(), p, n, center_gram.data(), p);

  // Second pass: everything else.
  std::vector<Accumulator> totals(n_blocks, Accumulator(0));
  for_samples(
      used, n_threads, monitor,
      [&] {
        return std::make_shared<Worker>(cones, projections, inactive, out.centers, center_gram, n_used);
      },
      [&](Worker& worker, Index sample, Index block) {
        if (totals[block].squared_axis.size() == 0) totals[block] = Accumulator(p);
        worker.measure(sample, out, totals[block]);
      });
  Accumulator total(p);
  for (const Accumulator& part : totals) total.add(part);

  out.squared_axis = total.squared_axis.cwiseQuotient(count);
  for (int f = 0; f < n_alignment_forms; ++f) {
    out.axis_matrix[f] = total.axis[f].cwiseQuotient(total.axis_count);
    out.center_axis_matrix[f] = total.center_axis[f].cwiseQuotient(total.center_axis_count);
    out.center_matrix[f] = RowMatrix::Constant(p, p, kNaN);
    out.center_mean[f] = 0.0;
  }
  for (Index m = 0; m < p; ++m)
    for (Index k = 0; k < p; ++k) {
      if (m == k) continue;
      const auto values =
          forms(center_gram(m, k), std::sqrt(center_gram(m, m)), std::sqrt(center_gram(k, k)));
      for (int f = 0; f < n_alignment_forms; ++f) {
        out.center_matrix[f](m, k) = values[f];
        out.center_mean[f] += values[f] / static_cast<double>(p * (p - 1));
      }
    }
  return out;
}

}  // namespace neurogeom
