// The explicit inverse of BlockSet: taking points in and out.
#include <algorithm>
#include <cmath>
#include <limits>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/tolerances.hpp"
#include "neurogeom/cone/block_set.hpp"

namespace neurogeom {
namespace {

// Share of its violation that a point must have left when those before it have come in.
constexpr double kShareLeft = 0.2;

}  // namespace

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
  if (k == n) return false;
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
  lower_products(new_rows_.data(), new_rows_.data(), r, n, schur_.data());
  for (Index q = 0; q < r; ++q) {
    new_rows_[q] = cross_.data() + q * stride;
    solved_rows_[q] = solved_.data() + q * stride;
  }
  lower_products(new_rows_.data(), solved_rows_.data(), r, whole_runs(k), taken_.data());

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
      if (q == 0) return append_alone(p);
      continue;
    }
    if (!(price > kShareLeft * candidates_[q].price)) continue;
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
  for (Index c = 0; c < count; ++c) enter(p, candidates_[chosen[c]]);
  grow(p, count);
  return true;
}

// The first candidate alone, which nearly depends on the active points: what they leave of it is formed in
// the space of the points, where nothing cancels, and once more from there.
bool BlockSet::append_alone(Problem& p) {
  const auto k = static_cast<Index>(p.active.size());
  const Index n = generators_.n_dims;
  Candidate candidate = candidates_[0];
  const double* point = generators_.rows.row(candidate.point).data();
  double* own = solved_.data();  // its coefficients on the active points
  std::vector<double> left(static_cast<std::size_t>(n)), change(own, own + k);
  for (Index i = 0; i < n; ++i) left[i] = candidate.sign * point[i];
  error_.resize(static_cast<std::size_t>(k));
  const auto take_away = [&] {
    for (Index i = 0; i < k; ++i) change[i] *= -p.sign[i];
    add_rows_at(change.data(), generators_.rows.data(), p.active.data(), k, n, left.data(), n);
  };
  take_away();
  for (int pass = 0; pass < 2; ++pass) {
    dot_rows_at(generators_.rows.data(), p.active.data(), k, n, left.data(), n, error_.data());
    for (Index i = 0; i < k; ++i) error_[i] *= p.sign[i];
    for (Index i = 0; i < k; ++i) change[i] = dot(p.inverse.data() + i * p.stride, error_.data(), k);
    axpy(1.0, change.data(), own, k);
    take_away();
  }
  double size_of_combination = 1.0;
  for (Index i = 0; i < k; ++i) size_of_combination += std::abs(own[i]);
  const double pivot = std::sqrt(squared_norm(left.data(), n));
  if (!(pivot > kDependent * size_of_combination)) return false;
  candidate.price = candidate.sign * dot(point, p.remainder.data(), n) +
                    (shift_ == nullptr ? 0.0 : shift_[candidate.point]);
  if (!(candidate.price > 0)) return false;
  factor_.assign(static_cast<std::size_t>(p.stride), 0.0);
  for (Index i = 0; i < k; ++i) factor_[i] = own[i] / pivot;
  factor_[k] = -1 / pivot;
  step_.assign(1, candidate.price / pivot);
  enter(p, candidate);
  grow(p, 1);
  return true;
}

// Makes room for a point behind the active ones, with weight 0 and nothing in the inverse.
void BlockSet::enter(Problem& p, const Candidate& candidate) {
  const auto k = static_cast<Index>(p.active.size());
  const double along = dot(generators_.rows.row(candidate.point).data(), p.target, generators_.n_dims);
  p.active.push_back(candidate.point);
  p.sign.push_back(candidate.sign);
  p.weights.push_back(0.0);
  p.value.push_back(candidate.sign * along + (shift_ == nullptr ? 0.0 : shift_[candidate.point]));
  std::fill_n(p.inverse.data() + k * p.stride, p.stride, 0.0);
}

// The inverse grows by E'E, the weights by -E'y.
void BlockSet::grow(Problem& p, Index count) {
  const auto size = static_cast<Index>(p.active.size());
  add_self_product(factor_.data(), count, 1.0, p.inverse.data(), size, whole_runs(size), p.stride);
  for (Index c = 0; c < count; ++c) axpy(-step_[c], factor_.data() + c * p.stride, p.weights.data(), size);
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

}  // namespace neurogeom
