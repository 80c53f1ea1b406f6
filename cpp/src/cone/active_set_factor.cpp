// The factor of ActiveSet: making its rows, from the Gram matrix or in the primal space, and taking them out.
#include <algorithm>
#include <cmath>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/tolerances.hpp"
#include "neurogeom/cone/active_set.hpp"

namespace neurogeom {
namespace {}  // namespace

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
  const double* gram_of[most];
  double lower[most][most], y[most];
  Index point[most];
  Index count = 0;
  for (Index c = 0; c < candidates.count; ++c) {
    const Index candidate = candidates.point[c];
    double* own = block_.data() + count * capacity_;
    const double* column = factor_.data() + candidate;
    for (Index r = 0; r < k; ++r) own[r] = -column[r * width()];
    const double* gram = gram_row(candidate, count);
    double left = gram[candidate] - squared_norm(own, k);
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
    if (count > 0 && price < Candidates::share * prices_[point[0]]) continue;
    point[count] = candidate;
    old[count] = own;
    gram_of[count] = gram;
    lower[count][count] = std::sqrt(left);
    y[count] = price / lower[count][count];
    ++count;
  }
  switch (count) {
    case 1:
      extend<1>(point, gram_of, old, lower, y);
      break;
    case 2:
      extend<2>(point, gram_of, old, lower, y);
      break;
    case 3:
      extend<3>(point, gram_of, old, lower, y);
      break;
    default:
      extend<4>(point, gram_of, old, lower, y);
      break;
  }
  return Append::done;
}

template <int Q>
void ActiveSet::extend(const Index* point, const double* const* gram, const double* const* old,
                       const double (&lower)[Candidates::most][Candidates::most], const double* y) {
  const Index k = size(), stride = generators_.stride;
  RowBlock<Q> block;
  for (int q = 0; q < Q; ++q) {
    block.init[q] = gram[q];
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
  const double* row_of_point = generators_.rows.row(point).data();
  for (Index i = 0; i < n; ++i) left[i] = sign(point) * row_of_point[i];
  std::fill_n(l_.data(), k, 0.0);
  for (int pass = 0; pass < 2; ++pass) {
    for (Index r = 0; r < k; ++r) {
      const double along = dot(e_row(r), left, n);
      l_[r] += along;
      axpy(-along, e_row(r), left, n);
    }
  }
  const double pivot = std::sqrt(squared_norm(left, n));
  // Coefficients of what was taken away: the active points are in the span of E to rounding, and so is a
  // combination of them to as much more as its coefficients are large.
  scratch_.assign(static_cast<std::size_t>(k), 0.0);
  for (Index r = 0; r < k; ++r) axpy(l_[r], r_row(r), scratch_.data(), k);
  double size_of_combination = 1.0;
  for (Index i = 0; i < k; ++i) size_of_combination += std::abs(scratch_[i]);
  rounding_ = kDependent * size_of_combination;
  if (pivot < rounding_) return Append::dependent;
  for (Index i = 0; i < n; ++i) left[i] /= pivot;
  VectorOut(u_row(k), generators_.stride).noalias() = generators_.rows * VectorView(left, n);
  if (signs_ != nullptr)
    for (Index i = 0; i < generators_.stride; ++i) u_row(k)[i] *= signs_[i];
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

}  // namespace neurogeom
