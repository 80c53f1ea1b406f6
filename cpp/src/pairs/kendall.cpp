#include "neurogeom/pairs/kendall.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

namespace neurogeom {
namespace {

// Below this length insertion beats merging.
constexpr Index kBlock = 16;

std::int64_t pairs_of(std::int64_t n) {
  return n * (n - 1) / 2;
}

// Sorts a block in place; returns how many pairs stood in falling order.
std::int64_t insert_counting(std::int32_t* first, std::int32_t* last) {
  std::int64_t inversions = 0;
  for (std::int32_t* end = first + 1; end < last; ++end) {
    const std::int32_t value = *end;
    std::int32_t* place = end;
    for (; place > first && place[-1] > value; --place) *place = place[-1];
    *place = value;
    inversions += end - place;
  }
  return inversions;
}

// Merges two sorted ranges; returns how many pairs (one of each) stand in falling order.
std::int64_t merge_counting(const std::int32_t* left, const std::int32_t* middle, const std::int32_t* end,
                            std::int32_t* out) {
  const std::int32_t* right = middle;
  std::int64_t inversions = 0;
  while (left < middle && right < end) {
    // Random data make the branch unpredictable, so there is none.
    const std::int32_t x = *left, y = *right;
    const Index take_right = y < x;
    *out++ = std::min(x, y);
    inversions += (middle - left) & -take_right;
    right += take_right;
    left += 1 - take_right;
  }
  out = std::copy(left, middle, out);
  std::copy(right, end, out);
  return inversions;
}

}  // namespace

std::int64_t Ranking::tied_pairs() const {
  std::int64_t pairs = 0;
  for (Index k = 0; k < n_runs; ++k) pairs += pairs_of(runs[2 * k + 1]);
  return pairs;
}

std::int64_t ConcordanceCounter::sort_counting_inversions() {
  const auto n = static_cast<Index>(values_.size());
  std::int64_t inversions = 0;
  for (Index i = 0; i < n; i += kBlock)
    inversions += insert_counting(values_.data() + i, values_.data() + std::min(i + kBlock, n));
  buffer_.resize(values_.size());
  for (Index width = kBlock; width < n; width *= 2) {
    if (checkpoint_) checkpoint_();
    for (Index i = 0; i < n; i += 2 * width) {
      const std::int32_t* from = values_.data();
      const Index middle = std::min(i + width, n), end = std::min(i + 2 * width, n);
      inversions += merge_counting(from + i, from + middle, from + end, buffer_.data() + i);
    }
    values_.swap(buffer_);
  }
  return inversions;
}

std::int64_t ConcordanceCounter::balance(const Ranking& x, const Ranking& y) {
  const Index n = x.n_entries;
  values_.resize(static_cast<std::size_t>(n));
  for (Index k = 0; k < n; ++k) values_[k] = y.rank[x.order[k]];
  // Entries tied in x go by y, so that they are no inversions; those that tie in both stand together then.
  std::int64_t tied_in_both = 0;
  for (Index r = 0; r < x.n_runs; ++r) {
    const auto first = values_.begin() + x.runs[2 * r], last = first + x.runs[2 * r + 1];
    std::sort(first, last);
    for (auto begin = first; begin != last;) {
      const auto end = std::find_if(begin, last, [&](std::int32_t value) { return value != *begin; });
      tied_in_both += pairs_of(end - begin);
      begin = end;
    }
  }
  const std::int64_t discordant = sort_counting_inversions();
  return pairs_of(n) - x.tied_pairs() - y.tied_pairs() + tied_in_both - 2 * discordant;
}

void kendall_balances(const std::vector<Ranking>& rows, const std::vector<Ranking>& columns,
                      const std::uint8_t* where, int n_threads, const Monitor& monitor, std::int64_t* out) {
  const auto n_columns = static_cast<Index>(columns.size());
  const Index n_pairs = static_cast<Index>(rows.size()) * n_columns;
  parallel_ranges(n_pairs, 1, n_threads, monitor, [&](const Checkpoint& checkpoint) -> RangeBody {
    const auto counter = std::make_shared<ConcordanceCounter>(checkpoint);
    return [&, counter](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        if (where[i] != 0) out[i] = counter->balance(rows[i / n_columns], columns[i % n_columns]);
    };
  });
}

void kendall_taus(const std::int64_t* balances, const std::vector<std::int64_t>& row_untied,
                  const std::vector<std::int64_t>& column_untied, bool angular, double* out) {
  // Products of two counts, and their exact difference.
  __extension__ using Wide = __int128;
  for (const Wide u : row_untied)
    for (const std::int64_t v : column_untied) {
      const Wide balance = *balances++, square = u * v;
      const auto along = static_cast<double>(balance);
      *out++ = angular ? std::atan2(std::sqrt(static_cast<double>(square - balance * balance)), along)
                       : along / std::sqrt(static_cast<double>(square));
    }
}

}  // namespace neurogeom
