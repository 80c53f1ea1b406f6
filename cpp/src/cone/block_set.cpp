#include "neurogeom/cone/block_set.hpp"

#include <algorithm>
#include <cmath>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/tolerances.hpp"
#include "neurogeom/cone/problem.hpp"

namespace neurogeom {
namespace {

// What counts as violated in single precision, relative to v.
constexpr double kRoughViolation = 1e-5;
// A constraint value of an active point beyond this means that H is of no use any more.
constexpr double kLost = 1e-7;
// Residual above which a target goes to ActiveSet, which is the better judge of what is delicate.
constexpr double kSureResidual = 1e-11;
constexpr int kMaxRefinements = 4;
constexpr int kMaxRounds = 300;
// Points picked from a manifold in a round, and the shares that their violation must have of the largest one
// of the manifold and of the largest of all. Picking less costs rounds, picking more adds points only to take
// them out again.
constexpr Index kPicked = 3;
constexpr double kShareOfManifold = 0.6;
constexpr double kShareOfAll = 0.25;

}  // namespace

BlockSet::BlockSet(const Generators& generators, const PackedRows& packed, const std::vector<Index>& starts,
                   Checkpoint checkpoint)
    : generators_(generators),
      packed_(packed),
      starts_(starts),
      checkpoint_(std::move(checkpoint)),
      problems_(static_cast<std::size_t>(kTargetBlock)),
      values_(kTargetBlock, generators.stride) {}

void BlockSet::solve(const RowMatrix& targets, const std::int8_t* labels, Index count, const double* shift,
                     const double* scale) {
  shift_ = shift;
  const auto n_manifolds = static_cast<Index>(starts_.size()) - 1;
  std::vector<Problem*> running;
  for (Index s = 0; s < count; ++s) {
    Problem& p = problems_[s];
    p.target = targets.row(s).data();
    p.labels = labels + s * n_manifolds;
    p.scale = scale[s];
    start(p);
    running.push_back(&p);
  }
  while (!running.empty()) {
    checkpoint_();
    // Those that are rough come first, so that each kind is one product.
    const auto rough =
        std::stable_partition(running.begin(), running.end(), [](const Problem* p) { return !p->precise; }) -
        running.begin();
    std::vector<const double*> vectors;
    std::vector<double*> out;
    for (std::size_t r = 0; r < running.size(); ++r) {
      vectors.push_back(running[r]->remainder.data());
      out.push_back(values_.row(static_cast<Index>(r)).data());
    }
    packed_.multiply_roughly(vectors.data(), rough, out.data());
    packed_.multiply(vectors.data() + rough, static_cast<Index>(vectors.size()) - rough, out.data() + rough);
    std::size_t left = 0;
    for (std::size_t r = 0; r < running.size(); ++r) {
      checkpoint_();
      if (advance(*running[r], out[r])) running[left++] = running[r];
    }
    running.resize(left);
  }
}

void BlockSet::start(Problem& p) {
  const Index n = generators_.n_dims;
  p.solved = false;
  p.active.clear();
  p.weights.clear();
  p.sign.clear();
  p.value.clear();
  p.projection = Vector::Zero(n);
  p.remainder = VectorView(p.target, n);
  p.residual = p.best = 0.0;
  p.precise = false;
  p.n_careful = 0;
  p.next_careful = 1;
  p.n_refined = p.n_rounds = 0;
}

// One round of one target from the products of all points with v; whether it is to have another one.
bool BlockSet::advance(Problem& p, double* values) {
  const auto k = static_cast<Index>(p.active.size());
  if (++p.n_rounds > kMaxRounds) return false;
  error_.resize(static_cast<std::size_t>(k));
  double drift = 0.0, total = 0.0;
  for (Index i = 0; i < k; ++i) {
    double& value = values[p.active[i]];
    error_[i] = p.sign[i] * value + (shift_ == nullptr ? 0.0 : shift_[p.active[i]]);
    drift = std::max(drift, std::abs(error_[i]));
    total += p.weights[i];
    value = -p.sign[i] * kInfinity;  // not to be picked
  }
  double tolerance = std::max(kViolation * p.scale, 8 * kEpsilon * total);
  if (!p.precise) {
    const double length = std::sqrt(squared_norm(p.remainder.data(), generators_.n_dims));
    tolerance = std::max(tolerance, kRoughViolation * length);
  }
  const double violation = pick(p, values, tolerance);
  if (!p.precise && candidates_.empty()) return begin_precise(p);
  if (p.precise) {
    if (drift > tolerance) correct(p, error_.data());
    if (drift > kLost * p.scale) {
      update_remainder(p);
      return ++p.n_refined <= kMaxRefinements;
    }
  }
  feasible_ = p.weights;
  // A most violated point that lies in the span of the active ones, whose values are zero, is violated by
  // rounding: that is for another correction of the weights, or for the residual to judge.
  const bool extended = !candidates_.empty() && append(p);
  if (!extended && !p.precise) return begin_precise(p);
  if (!extended) {
    if (drift > tolerance && p.n_refined < kMaxRefinements) {
      ++p.n_refined;
      settle(p);
      update_remainder(p);
      return true;
    }
    double slack = dot(p.projection.data(), p.remainder.data(), generators_.n_dims);
    if (shift_ != nullptr)
      for (Index i = 0; i < k; ++i) slack += p.weights[i] * shift_[p.active[i]];
    p.residual = std::max({violation, drift, 0.0}) / p.scale;
    const double gap = std::abs(slack) / (p.scale * p.scale);
    if (!(gap <= p.residual)) p.residual = gap;  // also where it is NaN
    p.solved = p.residual <= kSureResidual;
    if (p.solved) find_touching(p, values);
    return false;
  }
  const bool careful = p.n_careful > 0;
  if (careful)
    step_back(p, feasible_);
  else
    settle(p);
  double objective = 0.0;
  for (std::size_t i = 0; i < p.active.size(); ++i) objective += p.weights[i] * p.value[i];
  if (!(objective > p.best * (1 + 16 * kEpsilon))) {
    if (!careful) {
      p.n_careful = p.next_careful;
      p.next_careful *= 2;
    }
  } else {
    p.best = objective;
    if (careful) --p.n_careful;
  }
  update_remainder(p);
  return true;
}

// From single to double precision: with one correction of the weights, most targets then need one round.
bool BlockSet::begin_precise(Problem& p) {
  p.precise = true;
  const auto k = static_cast<Index>(p.active.size());
  const Index n = generators_.n_dims;
  error_.resize(static_cast<std::size_t>(k));
  dot_rows_at(generators_.rows.data(), p.active.data(), k, n, p.remainder.data(), n, error_.data());
  for (Index i = 0; i < k; ++i)
    error_[i] = p.sign[i] * error_[i] + (shift_ == nullptr ? 0.0 : shift_[p.active[i]]);
  correct(p, error_.data());
  settle(p);
  update_remainder(p);
  return true;
}

// Fills candidates_, the most violated point first; returns the largest violation.
double BlockSet::pick(const Problem& p, const double* values, double tolerance) {
  candidates_.clear();
  double largest_violation = -kInfinity;
  const auto n_manifolds = static_cast<Index>(starts_.size()) - 1;
  for (Index m = 0; m < n_manifolds; ++m) {
    const double sign = p.labels[m];
    const auto violation = [&](Index i) { return sign * values[i] + (shift_ == nullptr ? 0.0 : shift_[i]); };
    double most = -kInfinity;
    const Index begin = starts_[m], end = starts_[m + 1];
    if (shift_ == nullptr) {
      Lanes high = {-kInfinity, -kInfinity, -kInfinity, -kInfinity}, signs = {sign, sign, sign, sign};
      Index i = begin;
      for (; i + 4 <= end; i += 4) high = max(high, signs * load_lanes(values + i));
      most = largest_lane(high);
      for (; i < end; ++i) most = std::max(most, sign * values[i]);
    } else {
      for (Index i = begin; i < end; ++i) most = std::max(most, violation(i));
    }
    largest_violation = std::max(largest_violation, most);
    if (!(most > tolerance)) continue;
    const double threshold = std::max(tolerance, kShareOfManifold * most);
    const std::size_t first = candidates_.size();
    for (Index i = begin; i < end; ++i) {
      const double price = violation(i);
      if (!(price > threshold)) continue;
      // By falling price, the first among equals; the least falls out.
      std::size_t at = candidates_.size();
      while (at > first && candidates_[at - 1].price < price) --at;
      if (at == first + kPicked) continue;
      candidates_.insert(candidates_.begin() + static_cast<std::ptrdiff_t>(at), Candidate{i, sign, price});
      if (candidates_.size() > first + kPicked) candidates_.pop_back();
    }
  }
  std::sort(candidates_.begin(), candidates_.end(), [](const Candidate& a, const Candidate& b) {
    return a.price > b.price || (a.price == b.price && a.point < b.point);
  });
  while (p.n_careful == 0 && !candidates_.empty() &&
         candidates_.back().price < kShareOfAll * candidates_.front().price)
    candidates_.pop_back();
  const auto room =
      static_cast<std::size_t>(std::max<Index>(1, generators_.n_dims - static_cast<Index>(p.active.size())));
  if (candidates_.size() > room) candidates_.resize(room);
  return largest_violation;
}

// From the values at v, which of active points are beyond reach.
void BlockSet::find_touching(Problem& p, const double* values) const {
  p.touching.clear();
  const double least = -kOnBoundary * p.scale;
  for (std::size_t m = 0; m + 1 < starts_.size(); ++m) {
    const double sign = p.labels[m];
    for (Index i = starts_[m]; i < starts_[m + 1]; ++i)
      if (sign * values[i] + (shift_ == nullptr ? 0.0 : shift_[i]) >= least && generators_.scale[i] > 0)
        p.touching.push_back(i);
  }
}

void BlockSet::correct(Problem& p, const double* error) {
  const auto k = static_cast<Index>(p.active.size());
  for (Index i = 0; i < k; ++i) p.weights[i] += dot(p.inverse.data() + i * p.stride, error, k);
}

// Lets all points go whose weight is not positive, until there is none.
void BlockSet::settle(Problem& p) {
  for (;;) {
    leaving_.clear();
    for (std::size_t i = 0; i < p.weights.size(); ++i)
      if (!(p.weights[i] > 0)) leaving_.push_back(static_cast<Index>(i));
    if (leaving_.empty() || !remove(p)) return;
  }
}

// From feasible weights towards those that are best on the active set, which p.weights holds; points whose
// weight reaches zero on the way go out one by one.
void BlockSet::step_back(Problem& p, const std::vector<double>& feasible) {
  std::vector<double> from = feasible;
  from.resize(p.weights.size(), 0.0);
  for (;;) {
    double step = 1.0;
    Index blocking = -1;
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (p.weights[i] > 0) continue;
      const double limit = from[i] > 0 ? from[i] / (from[i] - p.weights[i]) : 0.0;
      if (blocking < 0 || limit < step) {
        step = limit;
        blocking = static_cast<Index>(i);
      }
    }
    if (blocking < 0) return;
    for (std::size_t i = 0; i < from.size(); ++i)
      from[i] = std::max(0.0, from[i] + step * (p.weights[i] - from[i]));
    leaving_.assign(1, blocking);
    const std::size_t last = from.size() - 1;
    from[static_cast<std::size_t>(blocking)] = from[last];
    from.resize(last);
    if (!remove(p)) return;
  }
}

void BlockSet::update_remainder(Problem& p) {
  const auto k = static_cast<Index>(p.active.size());
  const Index n = generators_.n_dims;
  step_.resize(static_cast<std::size_t>(k));
  for (Index i = 0; i < k; ++i) step_[i] = p.weights[i] * p.sign[i];
  p.projection.setZero();
  add_rows_at(step_.data(), generators_.rows.data(), p.active.data(), k, n, p.projection.data(), n);
  for (Index i = 0; i < n; ++i) p.remainder[i] = p.target[i] - p.projection[i];
}

}  // namespace neurogeom
