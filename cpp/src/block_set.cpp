#include "neurogeom/block_set.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "neurogeom/cone.hpp"
#include "neurogeom/kernels.hpp"

namespace neurogeom {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
// As in ActiveSet: what counts as violated, relative to the target, and the squared pivot that has lost half
// of its digits.
constexpr double kViolation = 1e-14;
constexpr double kSmallPivot = 1e-8;
// A constraint value of an active point beyond this means that H is of no use any more.
constexpr double kLost = 1e-7;
constexpr double kAcceptedResidual = 1e-11;
constexpr int kMaxRefinements = 4;
constexpr int kMaxRounds = 300;
// Points picked from a manifold in a round, and the share of its largest violation that they must have.
constexpr Index kPicked = 3;
constexpr double kShare = 0.6;

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
  std::vector<const double*> vectors;
  std::vector<double*> out;
  while (!running.empty()) {
    checkpoint_();
    vectors.clear();
    out.clear();
    for (std::size_t r = 0; r < running.size(); ++r) {
      vectors.push_back(running[r]->remainder.data());
      out.push_back(values_.row(static_cast<Index>(r)).data());
    }
    packed_.multiply(vectors.data(), static_cast<Index>(vectors.size()), out.data());
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
  p.careful = false;
  p.n_refined = p.n_rounds = 0;
}

// One round of one target from the products of all points with v; whether it is to have another one.
bool BlockSet::advance(Problem& p, double* values) {
  const auto k = static_cast<Index>(p.active.size());
  if (++p.n_rounds > kMaxRounds) return false;
  error_.resize(static_cast<std::size_t>(k));
  double drift = 0.0, total = 0.0;
  p.largest_value = largest_magnitude(values, generators_.stride);
  for (Index i = 0; i < k; ++i) {
    double& value = values[p.active[i]];
    error_[i] = p.sign[i] * value + (shift_ == nullptr ? 0.0 : shift_[p.active[i]]);
    drift = std::max(drift, std::abs(error_[i]));
    total += p.weights[i];
    value = -p.sign[i] * kInfinity;  // not to be picked
  }
  const double tolerance = std::max(kViolation * p.scale, 8 * kEpsilon * total);
  const double violation = pick(p, values, tolerance);
  if (!(drift <= kLost * p.scale)) return false;
  if (drift > tolerance) correct(p, error_.data());
  feasible_ = p.weights;
  // A most violated point that lies in the span of the active ones, whose values are zero, is violated by
  // rounding: that is for another correction of the weights, or for the residual to judge.
  const bool extended = !candidates_.empty() && append(p);
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
    p.solved = p.residual <= kAcceptedResidual;
    return false;
  }
  if (p.careful)
    step_back(p, feasible_);
  else
    settle(p);
  double objective = 0.0;
  for (std::size_t i = 0; i < p.active.size(); ++i) objective += p.weights[i] * p.value[i];
  p.careful = !(objective > p.best * (1 + 16 * kEpsilon));
  if (!p.careful) p.best = objective;
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
    const double threshold = std::max(tolerance, kShare * most);
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
  std::stable_sort(candidates_.begin(), candidates_.end(),
                   [](const Candidate& a, const Candidate& b) { return a.price > b.price; });
  const auto room =
      static_cast<std::size_t>(std::max<Index>(1, generators_.n_dims - static_cast<Index>(p.active.size())));
  if (candidates_.size() > room) candidates_.resize(room);
  return largest_violation;
}

void BlockSet::reserve(Problem& p, Index size) {
  if (size <= p.capacity) return;
  const Index capacity = std::max(size, std::min(2 * p.capacity, generators_.n_dims));
  // Rows that are a multiple of 4 kB apart would all fall into the same few places of the cache.
  Index stride = whole_runs(capacity);
  if (stride % 64 == 0) stride += kRun;
  std::vector<double> inverse(static_cast<std::size_t>(capacity * stride), 0.0);
  const auto k = static_cast<Index>(p.active.size());
  for (Index i = 0; i < k; ++i) std::copy_n(p.inverse.data() + i * p.stride, k, inverse.data() + i * stride);
  p.inverse = std::move(inverse);
  p.capacity = capacity;
  p.stride = stride;
}

// Takes candidates_ in; false where the most violated one depends on the active points.
bool BlockSet::append(Problem& p) {
  const auto k = static_cast<Index>(p.active.size()), r = static_cast<Index>(candidates_.size());
  const Index n = generators_.n_dims;
  reserve(p, k + r);
  const Index stride = p.stride;
  const auto block = static_cast<std::size_t>(r * stride);
  cross_.resize(block);
  solved_.resize(block);
  for (auto* square : {&schur_, &taken_, &lower_}) square->resize(static_cast<std::size_t>(r * r));
  solved_rows_.resize(static_cast<std::size_t>(r));
  inverse_row_.resize(static_cast<std::size_t>(r));
  active_rows_.clear();
  new_rows_.clear();
  for (const Index point : p.active) active_rows_.push_back(generators_.rows.row(point).data());
  for (const Candidate& c : candidates_) new_rows_.push_back(generators_.rows.row(c.point).data());

  // S = G_nn - C H C', C the products of new and active points.
  row_products(new_rows_.data(), r, active_rows_.data(), k, n, cross_.data(), stride);
  for (Index q = 0; q < r; ++q) {
    double* row = cross_.data() + q * stride;
    for (Index i = 0; i < k; ++i) row[i] *= candidates_[q].sign * p.sign[i];
    std::fill(row + k, row + whole_runs(k), 0.0);
  }
  multiply_rows(cross_.data(), r, stride, p.inverse.data(), k, whole_runs(k), stride, solved_.data());
  row_products(new_rows_.data(), r, new_rows_.data(), r, n, schur_.data(), r);
  for (Index q = 0; q < r; ++q) {
    new_rows_[q] = cross_.data() + q * stride;
    solved_rows_[q] = solved_.data() + q * stride;
  }
  row_products(new_rows_.data(), r, solved_rows_.data(), r, whole_runs(k), taken_.data(), r);

  // Cholesky factor of S, row by row, diagonal inverted; points without a pivot or without a violation left
  // stay out.
  step_.clear();
  std::vector<Index>& chosen = leaving_;  // same kind of list, not in use now
  chosen.clear();
  for (Index q = 0; q < r; ++q) {
    const auto entry = [&](Index other) {
      return candidates_[q].sign * candidates_[other].sign * schur_[q * r + other] - taken_[q * r + other];
    };
    const auto count = static_cast<Index>(chosen.size());
    double* row = lower_.data() + count * r;
    double left = entry(q), price = candidates_[q].price;
    for (Index c = 0; c < count; ++c) {
      const double* other = lower_.data() + c * r;
      row[c] = (entry(chosen[c]) - dot(row, other, c)) * other[c];
      left -= row[c] * row[c];
      price -= row[c] * step_[c];
    }
    if (left < kSmallPivot) {
      if (q == 0) return false;
      continue;
    }
    if (!(price > 0)) continue;
    row[count] = 1 / std::sqrt(left);
    step_.push_back(price * row[count]);
    chosen.push_back(q);
  }

  // E = L^-1 [C H, -1]; then H grows by E'E and the weights by -E'y.
  const auto count = static_cast<Index>(chosen.size());
  const Index width = whole_runs(k + count);
  for (Index c = 0; c < count; ++c) {
    double* row = solved_.data() + c * stride;
    if (chosen[c] != c) std::copy_n(solved_.data() + chosen[c] * stride, k, row);
    std::fill(row + k, row + width, 0.0);
    row[k + c] = -1.0;
    // Row c of L^-1 takes the place of row c of the factor: the rows before it are there already.
    double* own = lower_.data() + c * r;
    for (Index b = 0; b < c; ++b) {
      double sum = own[b] * lower_[b * r + b];
      for (Index a = b + 1; a < c; ++a) sum += own[a] * lower_[a * r + b];
      inverse_row_[b] = -sum * own[c];
    }
    std::copy_n(inverse_row_.data(), c, own);
    std::fill(own + c + 1, own + count, 0.0);
  }
  factor_.resize(static_cast<std::size_t>(count * stride));
  multiply_rows(lower_.data(), count, r, solved_.data(), count, width, stride, factor_.data());
  for (Index c = 0; c < count; ++c) {
    const Candidate& candidate = candidates_[chosen[c]];
    p.active.push_back(candidate.point);
    p.sign.push_back(candidate.sign);
    p.weights.push_back(0.0);
    const double along = dot(generators_.rows.row(candidate.point).data(), p.target, n);
    p.value.push_back(candidate.sign * along + (shift_ == nullptr ? 0.0 : shift_[candidate.point]));
    std::fill_n(p.inverse.data() + (k + c) * stride, stride, 0.0);
  }
  add_self_product(factor_.data(), count, 1.0, p.inverse.data(), k + count, width, stride);
  for (Index c = 0; c < count; ++c) axpy(-step_[c], factor_.data() + c * stride, p.weights.data(), k + count);
  return true;
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

// Takes the points at leaving_ (rising) out; the last ones move into their places.
bool BlockSet::remove(Problem& p) {
  const auto k = static_cast<Index>(p.active.size()), d = static_cast<Index>(leaving_.size());
  const Index stride = p.stride, width = whole_runs(k);
  // H_DD = L L', E = L^-1 H_D:; then H shrinks by E'E and the weights by E'(L^-1 a_D).
  factor_.resize(static_cast<std::size_t>(d * stride));
  lower_.assign(static_cast<std::size_t>(d * d), 0.0);
  step_.resize(static_cast<std::size_t>(d));
  for (Index q = 0; q < d; ++q) {
    const double* source = p.inverse.data() + leaving_[q] * stride;
    double* own = lower_.data() + q * d;
    double left = source[leaving_[q]], weight = p.weights[leaving_[q]];
    for (Index c = 0; c < q; ++c) {
      const double* other = lower_.data() + c * d;
      own[c] = (source[leaving_[c]] - dot(own, other, c)) / other[c];
      left -= own[c] * own[c];
      weight -= own[c] * step_[c];
    }
    own[q] = std::sqrt(std::max(left, std::numeric_limits<double>::min()));
    step_[q] = weight / own[q];
    double* row = factor_.data() + q * stride;
    std::copy_n(source, width, row);
    for (Index c = 0; c < q; ++c) axpy(-own[c], factor_.data() + c * stride, row, width);
    for (Index i = 0; i < width; ++i) row[i] /= own[q];
  }
  add_self_product(factor_.data(), d, -1.0, p.inverse.data(), k, width, stride);
  for (Index q = 0; q < d; ++q) axpy(-step_[q], factor_.data() + q * stride, p.weights.data(), k);

  Index size = k;
  for (Index q = d; q-- > 0;) {
    const Index hole = leaving_[q], last = --size;
    double* h = p.inverse.data();
    if (hole != last) {
      std::copy_n(h + last * stride, k, h + hole * stride);
      for (Index i = 0; i < k; ++i) h[i * stride + hole] = h[i * stride + last];
    }
    for (auto* list : {&p.weights, &p.sign, &p.value}) (*list)[hole] = (*list)[last];
    p.active[hole] = p.active[last];
  }
  for (Index i = 0; i < k; ++i)
    std::fill(p.inverse.data() + i * stride + (i < size ? size : 0), p.inverse.data() + i * stride + k, 0.0);
  for (auto* list : {&p.weights, &p.sign, &p.value}) list->resize(static_cast<std::size_t>(size));
  p.active.resize(static_cast<std::size_t>(size));
  return size > 0;
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
