#include "neurogeom/active_set.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "neurogeom/kernels.hpp"

namespace neurogeom {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
// A constraint counts as violated beyond this, relative to the target (rounding of a product is
// ~1e-15).
constexpr double kViolation = 1e-14;
// Squared pivot below which the Gram matrix has lost half of its digits.
constexpr double kSmallPivot = 1e-8;
// Length of what is left of a point, after two orthogonalisations, that is rounding alone.
constexpr double kDependent = 1e-13;
// Violation of a dependent point above which it is taken for real (possible with a margin only).
constexpr double kDependentViolation = 1e-10;
// Sum of weights, relative to the target, from which prices are recomputed from the points
// themselves.
constexpr double kLargeWeights = 1e3;
constexpr int kMaxPolish = 6;
// Points are added together with the most violated one if their violation is at least this share of
// it, also after those before them are in. Fewer would cost passes, more would add points that must
// be dropped again.
constexpr double kBlockShare = 0.5;
// Small active sets and few points grow one by one: there a wrong addition costs more than a pass.
constexpr Index kBlockFrom = 6;
constexpr Index kBlockFromPoints = 128;
// Optimality residual above which a solution is not called one.
constexpr double kAcceptedResidual = 1e-10;
// Gram matrices beyond 32 MB are formed row by row.
constexpr Index kMaxGramPoints = 2048;

}  // namespace

Generators::Generators(const MatrixView& points)
    : n_points(points.rows()), n_dims(points.cols()), stride(whole_runs(points.rows())) {
  rows = RowMatrix::Zero(stride, n_dims);
  scale = Vector::Zero(n_points);
  for (Index i = 0; i < n_points; ++i) {
    const double norm = points.row(i).stableNorm();
    if (norm == 0) continue;
    int exponent = 0;
    std::frexp(norm, &exponent);
    scale[i] = std::ldexp(1.0, exponent);
    rows.row(i) = points.row(i) / scale[i];
  }
  if (n_points <= kMaxGramPoints) {
    gram = RowMatrix::Zero(n_points, stride);
    gram.noalias() = rows.topRows(n_points) * rows.transpose();
  }
}

ActiveSet::ActiveSet(const Generators& generators)
    : generators_(generators),
      q_(static_cast<std::size_t>(generators.n_dims)),
      v_(static_cast<std::size_t>(generators.n_dims)) {
  const Index stride = generators.stride;
  prices_.resize(static_cast<std::size_t>(stride));
  maxima_.resize(static_cast<std::size_t>((stride / kRun + 3) / 4 * 4), -kInfinity);
  reserve(16);
}

void ActiveSet::reserve(Index rows) {
  if (rows <= capacity_) return;
  const Index old_width = width();
  capacity_ = whole_runs(std::max(rows, 2 * capacity_));
  const auto count = static_cast<std::size_t>(capacity_);
  std::vector<double> factor(count * static_cast<std::size_t>(width()), 0.0);
  for (Index r = 0; r < size(); ++r)
    std::copy_n(factor_.data() + r * old_width, old_width, factor.data() + r * width());
  factor_ = std::move(factor);
  prices_.resize(static_cast<std::size_t>(width()), 0.0);
  for (auto* x : {&y_, &a_, &l_}) x->resize(count);
  block_.resize(Candidates::most * count);
}

void ActiveSet::reset() {
  active_.clear();
  banned_.clear();
  orthogonal_ = false;
  n_polished_ = 0;
  residual_ = 0.0;
  total_weight_ = 0.0;
  std::copy_n(b_, generators_.stride, prices_.data());
  maxima_known_ = false;
}

double ActiveSet::tolerance() const {
  return std::max(kViolation * scale_, 8 * kEpsilon * total_weight_);
}

const double* ActiveSet::gram_row(Index point) {
  if (generators_.gram.size() > 0) return generators_.gram.data() + point * generators_.stride;
  gram_row_.resize(static_cast<std::size_t>(generators_.stride));
  VectorOut(gram_row_.data(), generators_.stride).noalias() =
      generators_.rows * generators_.rows.row(point).transpose();
  return gram_row_.data();
}

void ActiveSet::restore_price(Index point) {
  double price = b_[point];
  for (Index r = 0; r < size(); ++r) price -= u_row(r)[point] * y_[r];
  prices_[point] = price;
  maxima_known_ = false;
}

void ActiveSet::ban(Index point) {
  banned_.push_back(point);
  prices_[point] = -kInfinity;
  maxima_known_ = false;
}

ActiveSet::Candidates ActiveSet::find_violated(bool only_one) {
  Candidates found;
  const Index n_runs = generators_.stride / kRun;
  const double* price = prices_.data();
  if (!maxima_known_) run_maxima(price, generators_.stride, maxima_.data());
  const double most = largest(maxima_.data(), static_cast<Index>(maxima_.size()));
  if (only_one || size() < kBlockFrom || generators_.n_points < kBlockFromPoints || !(most > 0)) {
    Index run = 0;
    while (run + 1 < n_runs && maxima_[run] != most) ++run;
    found.point[0] = run * kRun;
    while (found.point[0] % kRun != kRun - 1 && price[found.point[0]] != most) ++found.point[0];
    found.count = 1;
    return found;
  }
  // By falling price, the first among equals; the least falls out.
  const double threshold = kBlockShare * most;
  for (Index run = 0; run < n_runs; ++run) {
    if (!(maxima_[run] >= threshold)) continue;
    for (Index i = kRun * run; i < kRun * (run + 1); ++i) {
      if (!(price[i] >= threshold)) continue;
      Index at = found.count;
      while (at > 0 && price[found.point[at - 1]] < price[i]) --at;
      if (at == Candidates::most) continue;
      if (found.count < Candidates::most) ++found.count;
      for (Index j = found.count - 1; j > at; --j) found.point[j] = found.point[j - 1];
      found.point[at] = i;
    }
  }
  return found;
}

ActiveSet::Append ActiveSet::append(const Candidates& candidates) {
  reserve(size() + candidates.count);
  if (!orthogonal_) {
    if (append_from_gram(candidates) == Append::done) return Append::done;
    orthogonal_ = true;
    rebuild_orthogonal();
  }
  return append_orthogonal(candidates.point[0]);
}

ActiveSet::Append ActiveSet::append_from_gram(const Candidates& candidates) {
  const Index k = size();
  constexpr Index most = Candidates::most;
  // The new rows of the factor: minus their old parts, their triangle, and what of the violation is
  // left to each. A first point without a pivot is for the orthogonal factor to deal with.
  const double* old[most];
  double lower[most][most], y[most];
  Index point[most];
  Index count = 0;
  for (Index c = 0; c < candidates.count; ++c) {
    const Index candidate = candidates.point[c];
    double* own = block_.data() + count * capacity_;
    const double* column = factor_.data() + candidate;
    for (Index r = 0; r < k; ++r) own[r] = -column[r * width()];
    const double* gram = gram_row(candidate);
    double left = gram[candidate] - VectorView(own, k).squaredNorm();
    double price = prices_[candidate];
    for (Index q = 0; q < count; ++q) {
      double along = gram[point[q]] - dot(own, old[q], k);
      for (Index p = 0; p < q; ++p) along -= lower[count][p] * lower[q][p];
      lower[count][q] = along / lower[q][q];
      left -= lower[count][q] * lower[count][q];
      price -= lower[count][q] * y[q];
    }
    if (left < kSmallPivot) {
      if (count == 0) return Append::dependent;
      continue;
    }
    if (count > 0 && price < kBlockShare * prices_[point[0]]) continue;
    point[count] = candidate;
    old[count] = own;
    lower[count][count] = std::sqrt(left);
    y[count] = price / lower[count][count];
    ++count;
    if (generators_.gram.size() == 0) break;  // gram_row has room for one row only
  }
  switch (count) {
    case 1:
      extend<1>(point, old, lower, y);
      break;
    case 2:
      extend<2>(point, old, lower, y);
      break;
    case 3:
      extend<3>(point, old, lower, y);
      break;
    default:
      extend<4>(point, old, lower, y);
      break;
  }
  return Append::done;
}

template <int Q>
void ActiveSet::extend(const Index* point, const double* const* old,
                       const double (&lower)[Candidates::most][Candidates::most], const double* y) {
  const Index k = size(), stride = generators_.stride;
  RowBlock<Q> block;
  for (int q = 0; q < Q; ++q) {
    block.init[q] = gram_row(point[q]);
    block.old[q] = old[q];
    block.inverse[q] = 1.0 / lower[q][q];
    block.minus_y[q] = -y[q];
    block.row[q] = u_row(k + q);
    for (int p = 0; p < q; ++p) block.lower[q][p] = lower[q][p];
    prices_[point[q]] = -kInfinity;
  }
  append_rows<Q>(block, factor_.data(), k, width(), 0, stride, prices_.data(), maxima_.data());
  maxima_known_ = true;
  for (int q = 0; q < Q; ++q) block.init[q] = nullptr;
  append_rows<Q>(block, factor_.data(), k, width(), stride, whole_runs(k), prices_.data(), nullptr);

  // Columns k and up of R: nothing in the older rows, and the inverse of the triangle in the new
  // ones.
  for (Index r = 0; r < k; ++r) std::fill_n(r_row(r) + k, Q, 0.0);
  std::fill_n(negative_z() + k, Q, 0.0);
  for (int q = 0; q < Q; ++q) {
    double* own = r_row(k + q) + k;
    for (int p = 0; p < Q; ++p) own[p] = p == q ? 1.0 : 0.0;
    for (int p = 0; p < q; ++p)
      for (int m = 0; m <= p; ++m) own[m] -= lower[q][p] * r_row(k + p)[k + m];
    for (int p = 0; p <= q; ++p) {
      own[p] *= block.inverse[q];
      negative_z()[k + p] -= y[q] * own[p];
    }
    active_.push_back(point[q]);
    y_[k + q] = y[q];
    a_[k + q] = 0.0;
  }
}

ActiveSet::Append ActiveSet::append_orthogonal(Index point) {
  const Index k = size(), n = generators_.n_dims;
  e_.resize(static_cast<std::size_t>(capacity_ * n));
  double* left = e_row(k);
  std::copy_n(generators_.rows.row(point).data(), n, left);
  std::fill_n(l_.data(), k, 0.0);
  for (int pass = 0; pass < 2; ++pass) {
    for (Index r = 0; r < k; ++r) {
      const double along = dot(e_row(r), left, n);
      l_[r] += along;
      axpy(-along, e_row(r), left, n);
    }
  }
  const double pivot = VectorView(left, n).norm();
  if (pivot < kDependent) return Append::dependent;
  for (Index i = 0; i < n; ++i) left[i] /= pivot;
  VectorOut(u_row(k), generators_.stride).noalias() = generators_.rows * VectorView(left, n);
  double* row = r_row(k);
  std::fill_n(row, k, 0.0);
  for (Index r = 0; r < k; ++r) axpy(-l_[r] / pivot, r_row(r), row, k);
  // y is R b_F with b = S t + shift; the part of t is taken from the orthonormal row, where nothing
  // cancels.
  double y_new = dot(left, t_, n) + shift(point) / pivot;
  for (Index f = 0; f < k && shift_ != nullptr; ++f) y_new += row[f] * shift(active_[f]);
  for (Index r = 0; r < k; ++r) r_row(r)[k] = 0.0;
  row[k] = 1.0 / pivot;
  active_.push_back(point);
  y_[k] = y_new;
  a_[k] = 0.0;
  negative_z()[k] = 0.0;
  axpy(-y_new, u_row(k), prices_.data(), generators_.stride + k + 1);
  prices_[point] = -kInfinity;
  maxima_known_ = false;
  return Append::done;
}

void ActiveSet::rebuild_orthogonal() {
  const std::vector<Index> points = active_;
  const std::vector<double> feasible(a_.begin(), a_.begin() + size());
  active_.clear();
  std::copy_n(b_, generators_.stride, prices_.data());
  for (std::size_t i = 0; i < points.size(); ++i) {
    // A point that was independent before can only have been so by rounding; without it nothing is
    // lost.
    if (append_orthogonal(points[i]) == Append::done) a_[size() - 1] = feasible[i];
  }
  for (const Index point : banned_) prices_[point] = -kInfinity;
}

void ActiveSet::drop(Index position) {
  const Index last = size() - 1;
  const Index point = active_[position];
  if (orthogonal_) {
    active_.erase(active_.begin() + position);
    a_.erase(a_.begin() + position);
    a_.push_back(0.0);
    rebuild_orthogonal();
    return;
  }
  // Reflect the rows so that column `position` of R is left in the last row alone.
  double square = 0.0;
  for (Index r = 0; r <= last; ++r) {
    l_[r] = r_row(r)[position];
    square += l_[r] * l_[r];
  }
  const double length = std::sqrt(square);
  const double sign = l_[last] < 0 ? -1.0 : 1.0;
  l_[last] += sign * length;
  const double factor = 1.0 / (length * std::abs(l_[last]));
  const Index n = generators_.stride + last + 1;
  scratch_.assign(static_cast<std::size_t>(n), 0.0);
  add_rows(l_.data(), factor_.data(), last + 1, width(), scratch_.data(), n);
  const double along = dot(l_.data(), y_.data(), last + 1);
  for (Index r = 0; r <= last; ++r) {
    if (l_[r] == 0.0) continue;
    axpy(-factor * l_[r], scratch_.data(), u_row(r), n);
    y_[r] -= factor * l_[r] * along;
  }
  // Take the last row out, then the point's column.
  axpy(y_[last], u_row(last), prices_.data(), n);
  for (Index r = 0; r < last; ++r) r_row(r)[position] = r_row(r)[last];
  negative_z()[position] = negative_z()[last];
  active_[position] = active_[last];
  a_[position] = a_[last];
  active_.pop_back();
  restore_price(point);
}

// From the feasible weights a_ towards the weights z that are best on the active set, dropping
// points whose weight would turn negative, until z itself is feasible.
void ActiveSet::settle(Index newest) {
  for (;;) {
    const Index k = size();
    const double* minus_z = negative_z();
    double step = 1.0;
    Index blocking = -1;
    for (Index i = 0; i < k; ++i) {
      if (minus_z[i] < 0) continue;
      const double limit = a_[i] > 0 ? a_[i] / (a_[i] + minus_z[i]) : 0.0;
      if (blocking < 0 || limit < step) {
        step = limit;
        blocking = i;
      }
    }
    if (blocking < 0) break;
    for (Index i = 0; i < k; ++i) a_[i] = std::max(0.0, a_[i] - step * (minus_z[i] + a_[i]));
    a_[blocking] = 0.0;
    const Index point = active_[blocking];
    drop(blocking);
    // A point that was violated must come in with a positive weight; if it does not, that was
    // rounding.
    if (point == newest && step == 0.0) ban(point);
  }
  for (Index i = 0; i < size(); ++i) a_[i] = -negative_z()[i];
  total_weight_ = VectorView(a_.data(), size()).sum();
}

// A violated point that lies in the span of the active ones: with a margin the dual can move along
// the null direction until an active weight is used up. If none can be, the constraints contradict
// each other.
bool ActiveSet::exchange(Index point) {
  const Index k = size();
  std::vector<double> coefficient(static_cast<std::size_t>(k), 0.0);
  for (Index r = 0; r < k; ++r) axpy(l_[r], r_row(r), coefficient.data(), k);
  double step = kInfinity;
  Index blocking = -1;
  for (Index i = 0; i < k; ++i) {
    if (coefficient[i] <= kDependentViolation) continue;
    if (a_[i] / coefficient[i] < step) {
      step = a_[i] / coefficient[i];
      blocking = i;
    }
  }
  if (blocking < 0) return false;
  for (Index i = 0; i < k; ++i) a_[i] = std::max(0.0, a_[i] - step * coefficient[i]);
  drop(blocking);
  if (append_orthogonal(point) == Append::dependent) {
    ban(point);
  } else {
    a_[size() - 1] = step;
    settle(-1);
  }
  return true;
}

// Prices of all points at v_, from the points where weights are large, else from the Gram matrix.
void ActiveSet::finish_prices() {
  const Index stride = generators_.stride;
  if (!orthogonal_ && total_weight_ <= kLargeWeights * scale_ && generators_.gram.size() > 0) {
    std::copy_n(b_, stride, prices_.data());
    for (Index i = 0; i < size(); ++i) l_[i] = -a_[i];
    add_rows_at(l_.data(), generators_.gram.data(), active_.data(), size(), stride, prices_.data(),
                stride);
    return;
  }
  VectorOut(prices_.data(), stride).noalias() =
      generators_.rows * VectorView(v_.data(), generators_.n_dims);
  for (Index i = 0; i < stride; ++i)
    prices_[i] = b_[i] == -kInfinity ? -kInfinity : prices_[i] + shift(i);
}

// One step of refinement in the primal space, then the exact prices. Returns whether this is the
// optimum.
bool ActiveSet::polish() {
  const Index k = size(), n = generators_.n_dims;
  const auto add_combination = [&](const double* weights) {
    add_rows_at(weights, generators_.rows.data(), active_.data(), k, n, q_.data(), n);
  };
  std::fill(q_.begin(), q_.end(), 0.0);
  add_combination(a_.data());
  for (Index i = 0; i < n; ++i) v_[i] = t_[i] - q_[i];
  if (k == 0) return true;
  for (int pass = 0; pass < (orthogonal_ ? 2 : 1); ++pass) {
    dot_rows_at(generators_.rows.data(), active_.data(), k, n, v_.data(), n, l_.data());
    for (Index i = 0; i < k; ++i) l_[i] += shift(active_[i]);
    scratch_.assign(static_cast<std::size_t>(k), 0.0);
    for (Index r = 0; r < k; ++r) axpy(dot(r_row(r), l_.data(), k), r_row(r), scratch_.data(), k);
    double moved = 0.0;
    for (Index i = 0; i < k; ++i) {
      scratch_[i] = std::max(scratch_[i], -a_[i]);
      moved = std::max(moved, std::abs(scratch_[i]));
      a_[i] += scratch_[i];
    }
    if (moved <= kEpsilon * scale_) break;
    add_combination(scratch_.data());
    for (Index i = 0; i < n; ++i) v_[i] = t_[i] - q_[i];
  }
  finish_prices();
  double slack = 0.0;
  for (Index i = 0; i < k; ++i) {
    slack += a_[i] * prices_[active_[i]];
    prices_[active_[i]] = -kInfinity;
  }
  maxima_known_ = false;
  const double violation = std::max(0.0, largest(prices_.data(), generators_.stride));
  residual_ = std::max(violation / scale_, std::abs(slack) / (scale_ * scale_));
  banned_.clear();
  ++n_polished_;
  return violation <= tolerance() || n_polished_ >= kMaxPolish;
}

Status ActiveSet::solve(const double* b, const double* shift, const double* t, double scale) {
  b_ = b;
  shift_ = shift;
  t_ = t;
  scale_ = scale;
  reset();
  const Index limit = 50 + 20 * std::min(generators_.n_points, generators_.n_dims);
  double best = 0.0;
  bool one_by_one = false;
  for (Index iteration = 0; iteration < limit; ++iteration) {
    const Candidates violated = find_violated(one_by_one);
    const Index point = violated.point[0];
    const double price = prices_[point];
    if (!(price > tolerance())) {
      if (!polish()) continue;
      return residual_ <= kAcceptedResidual ? Status::converged : Status::iteration_limit;
    }
    if (append(violated) == Append::done) {
      settle(one_by_one ? point : -1);
    } else if (price <= kDependentViolation * scale_) {
      ban(point);
    } else if (!exchange(point)) {
      return Status::infeasible;
    }
    // Until the dual objective grows again, points come in one by one and those that do not stay
    // are banned.
    const double objective = VectorView(y_.data(), size()).squaredNorm();
    one_by_one = !(objective > best * (1 + 16 * kEpsilon));
    if (!one_by_one) {
      best = objective;
      for (const Index banned : banned_) restore_price(banned);
      banned_.clear();
    }
  }
  polish();
  return Status::iteration_limit;
}

}  // namespace neurogeom
