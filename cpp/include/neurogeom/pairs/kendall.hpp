// Kendall's rank correlation: concordant minus discordant pairs of entries, counted exactly in n log n.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"

namespace neurogeom {

// Entries of one item: equal ones have equal ranks, which are not negative. Items that are compared have the
// same number of entries. Nothing is copied.
struct Ranking {
  const std::int32_t* rank;   // of each entry
  const std::int32_t* order;  // entries by rising rank
  Index n_entries;
  const std::int32_t* runs;  // (first place in `order`, length) of each run of equal ranks longer than 1
  Index n_runs;

  // Pairs of entries with equal ranks.
  std::int64_t tied_pairs() const;
};

// Counts for one pair of items after another, in its own memory.
class ConcordanceCounter {
 public:
  explicit ConcordanceCounter(Checkpoint checkpoint = {}) : checkpoint_(std::move(checkpoint)) {}

  // Number of pairs of entries that both items order alike, minus the number that they order oppositely;
  // pairs tied in either item count for neither.
  std::int64_t balance(const Ranking& x, const Ranking& y);

 private:
  std::int64_t sort_counting_inversions();

  const Checkpoint checkpoint_;
  std::vector<std::int32_t> values_, buffer_;
};

// out[i * columns.size() + j] is the balance of row i and column j where `where` (of the same layout) is not
// 0; the others are left as they are.
void kendall_balances(const std::vector<Ranking>& rows, const std::vector<Ranking>& columns,
                      const std::uint8_t* where, int n_threads, const Monitor& monitor, std::int64_t* out);

// Kendall's tau-b of each balance, balance / sqrt(u v) with u and v the pairs of entries that are untied in
// the row and in the column, neither 0; or, if `angular`, its arccosine, which loses nothing near 1. `out`
// has the layout of `balances`, rows x columns.
void kendall_taus(const std::int64_t* balances, const std::vector<std::int64_t>& row_untied,
                  const std::vector<std::int64_t>& column_untied, bool angular, double* out);

}  // namespace neurogeom
