#include "neurogeom/cone/active_set.hpp"

#include <algorithm>
#include <cmath>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/tolerances.hpp"

namespace neurogeom {
namespace {

// Share of an active point in a dependent one below which it is none.
constexpr double kNoCoefficient = 1e-10;
// Sum of weights, relative to the target, from which prices are recomputed from the points themselves.
constexpr double kLargeWeights = 10;
constexpr int kMaxPolish = 6;
constexpr int kMaxRefinements = 5;
// With a margin, weights beyond this (relative to the target) that do not lead to a solution mean that there
// is none to working precision.
constexpr double kDivergedWeights = 1e6;
// Small active sets and few points grow one by one: there a wrong addition costs more than a pass.
constexpr Index kBlockFrom = 6;
constexpr Index kBlockFromPoints = 128;

}  // namespace

ActiveSet::ActiveSet(const Generators& generators, Checkpoint checkpoint)
    : generators_(generators),
      checkpoint_(std::move(checkpoint)),
      q_(static_cast<std::size_t>(generators.n_dims)),
      v_(static_cast<std::size_t>(generators.n_dims)) {
  const Index stride = generators.stride;
  prices_.resize(static_cast<std::size_t>(stride));
  maxima_.resize(static_cast<std::size_t>((stride / kRun + 3) / 4 * 4), -kInfinity);
  reserve(16);
}

void ActiveSet::reset() {
  active_.clear();
  banned_.clear();
  orthogonal_ = false;
  n_polished_ = 0;
  residual_ = 0.0;
  noise_ = 0.0;
  total_weight_ = 0.0;
  std::copy_n(b_, generators_.stride, prices_.data());
  maxima_known_ = false;
}

double ActiveSet::tolerance() const {
  return std::max({kViolation * scale_, 8 * kEpsilon * total_weight_, noise_});
}

// A row of the (signed) Gram matrix. What is not kept is made in one of a few places for such rows.
const double* ActiveSet::gram_row(Index point, Index slot) {
  const Index stride = generators_.stride;
  const bool kept = generators_.gram.size() > 0;
  const double* row = generators_.gram.data() + (kept ? point * stride : 0);
  if (kept && signs_ == nullptr) return row;
  gram_row_.resize(static_cast<std::size_t>(Candidates::most * stride));
  double* made = gram_row_.data() + slot * stride;
  if (!kept) {
    VectorOut(made, stride).noalias() = generators_.rows * generators_.rows.row(point).transpose();
    row = made;
  }
  if (signs_ != nullptr)
    for (Index i = 0; i < stride; ++i) made[i] = signs_[point] * signs_[i] * row[i];
  return made;
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
  const double threshold = Candidates::share * most;
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
  total_weight_ = sum(a_.data(), size());
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
    if (coefficient[i] <= kNoCoefficient) continue;
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
    if (signs_ == nullptr) {
      add_rows_at(l_.data(), generators_.gram.data(), active_.data(), size(), stride, prices_.data(), stride);
      return;
    }
    for (Index i = 0; i < size(); ++i) axpy(l_[i], gram_row(active_[i]), prices_.data(), stride);
    return;
  }
  VectorOut(prices_.data(), stride).noalias() = generators_.rows * VectorView(v_.data(), generators_.n_dims);
  for (Index i = 0; i < stride; ++i)
    prices_[i] = b_[i] == -kInfinity ? -kInfinity : sign(i) * prices_[i] + shift(i);
}

// One step of refinement in the primal space, then the exact prices. Returns whether this is the
// optimum.
bool ActiveSet::polish() {
  const Index k = size(), n = generators_.n_dims;
  const auto add_combination = [&](const double* weights) {
    if (signs_ != nullptr) {
      signed_.resize(static_cast<std::size_t>(k));
      for (Index i = 0; i < k; ++i) signed_[i] = sign(active_[i]) * weights[i];
      weights = signed_.data();
    }
    add_rows_at(weights, generators_.rows.data(), active_.data(), k, n, q_.data(), n);
  };
  std::fill(q_.begin(), q_.end(), 0.0);
  add_combination(a_.data());
  for (Index i = 0; i < n; ++i) v_[i] = t_[i] - q_[i];
  if (k == 0) return true;
  const bool delicate = orthogonal_ || total_weight_ > kLargeWeights * scale_;
  const int n_passes = delicate ? kMaxRefinements : 1;
  double last_error = kInfinity;
  const auto move = [&](double sign) {
    for (Index i = 0; i < k; ++i) l_[i] = sign * scratch_[i];
    for (Index i = 0; i < k; ++i) a_[i] += l_[i];
    add_combination(l_.data());
    for (Index i = 0; i < n; ++i) v_[i] = t_[i] - q_[i];
  };
  for (int pass = 0; pass < n_passes; ++pass) {
    dot_rows_at(generators_.rows.data(), active_.data(), k, n, v_.data(), n, l_.data());
    double error = 0.0;
    for (Index i = 0; i < k; ++i) {
      l_[i] = sign(active_[i]) * l_[i] + shift(active_[i]);
      error = std::max(error, std::abs(l_[i]));
    }
    if (!(error < last_error)) {  // the last move was rounding: take it back
      move(-1.0);
      break;
    }
    last_error = error;
    // The correction is R'R times the error; where there is E and no shift, R'E v is the same and loses less.
    scratch_.assign(static_cast<std::size_t>(k), 0.0);
    const bool from_rows = orthogonal_ && shift_ == nullptr;
    for (Index r = 0; r < k; ++r) {
      const double along = from_rows ? dot(e_row(r), v_.data(), n) : dot(r_row(r), l_.data(), k);
      axpy(along, r_row(r), scratch_.data(), k);
    }
    double moved = 0.0;
    for (Index i = 0; i < k; ++i) {
      scratch_[i] = std::max(scratch_[i], -a_[i]);
      moved = std::max(moved, std::abs(scratch_[i]));
    }
    if (moved <= kEpsilon * scale_) break;
    move(1.0);
  }
  finish_prices();
  // Not from the prices of the active points: large weights would multiply their rounding.
  double slack = dot(q_.data(), v_.data(), n);
  for (Index i = 0; i < k; ++i) {
    slack += a_[i] * shift(active_[i]);
    prices_[active_[i]] = -kInfinity;
  }
  maxima_known_ = false;
  const double violation = std::max(0.0, largest(prices_.data(), generators_.stride));
  residual_ = std::max(violation / scale_, std::abs(slack) / (scale_ * scale_));
  banned_.clear();
  ++n_polished_;
  return violation <= tolerance() || n_polished_ >= kMaxPolish;
}

Status ActiveSet::solve(const double* b, const double* shift, const double* t, double scale,
                        const double* signs) {
  b_ = b;
  shift_ = shift;
  t_ = t;
  signs_ = signs;
  scale_ = scale;
  reset();
  const Index limit = 50 + 20 * std::min(generators_.n_points, generators_.n_dims);
  double best = 0.0;
  bool one_by_one = false;
  for (Index iteration = 0; iteration <= limit; ++iteration) {
    if (checkpoint_) checkpoint_();
    if (iteration == limit) {  // whatever is reached: its residual says what it is worth
      polish();
      break;
    }
    const Candidates violated = find_violated(one_by_one);
    const Index point = violated.point[0];
    const double price = prices_[point];
    if (!(price > tolerance())) {
      if (polish()) break;
      continue;
    }
    if (append(violated) == Append::done) {
      settle(one_by_one ? point : -1);
    } else if (price <= 4 * rounding_ * scale_) {
      // In the span of points that are satisfied, and yet violated: this is how large rounding is here.
      noise_ = price;
      ban(point);
    } else if (shift_ == nullptr) {
      ban(point);
    } else if (!exchange(point)) {
      return Status::infeasible;
    }
    // Until the dual objective grows again, points come in one by one and those that do not stay
    // are banned.
    const double objective = squared_norm(y_.data(), size());
    one_by_one = !(objective > best * (1 + 16 * kEpsilon));
    if (!one_by_one) {
      best = objective;
      for (const Index banned : banned_) restore_price(banned);
      banned_.clear();
    }
  }
  if (residual_ <= kAcceptedResidual) return Status::converged;
  const bool diverged = shift_ != nullptr && total_weight_ > kDivergedWeights * scale_;
  return diverged ? Status::infeasible : Status::iteration_limit;
}

}  // namespace neurogeom
