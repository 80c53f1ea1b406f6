#include "neurogeom/pairs/fewshot.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/lapack.hpp"
#include "neurogeom/base/tolerances.hpp"
#include "neurogeom/dense/products.hpp"

namespace neurogeom {
namespace {

using CountLanes = std::int64_t __attribute__((vector_size(32)));

CountLanes load_counts(const std::int64_t* x) {
  CountLanes lanes;
  std::memcpy(&lanes, x, sizeof lanes);
  return lanes;
}
void store_counts(CountLanes lanes, std::int64_t* x) {
  std::memcpy(x, &lanes, sizeof lanes);
}
std::int64_t sum_counts(CountLanes a) {
  return (a[0] + a[1]) + (a[2] + a[3]);
}

Lanes min(Lanes a, Lanes b) {
  return a < b ? a : b;
}

// exp(x) for x <= 0, within some ulp; what is below e^-700 becomes that. In steps of a power of two; the
// polynomial is Taylor's.
Lanes exp_lanes(Lanes x) {
  constexpr double kLog2e = 1.4426950408889634, kHigh = 0.693147180369123816490,
                   kLow = 1.90821492927058770002e-10;
  constexpr double kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to a whole number
  x = max(x, Lanes{} - 700.0);
  const Lanes shifted = x * kLog2e + kRound, whole = shifted - kRound;
  const Lanes r = (x - whole * kHigh) - whole * kLow;
  constexpr double kTerms[] = {
      1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
      1.0 / 120,       1.0 / 24,       1.0 / 6,       0.5,          1.0,         1.0};
  Lanes sum = Lanes{} + kTerms[0];
  for (int k = 1; k < 13; ++k) sum = sum * r + kTerms[k];
  CountLanes bits, power;
  std::memcpy(&bits, &sum, sizeof bits);
  std::memcpy(&power, &shifted, sizeof power);
  bits += power << 52;  // the low bits of `shifted` are the power of two
  std::memcpy(&sum, &bits, sizeof sum);
  return sum;
}

// Sums of votes below this are not trusted to have kept their digits.
constexpr double kFewVotes = 1e-280;
// Rounding of the logarithm of a sum of votes.
constexpr double kVoteRounding = 1e-13;
// Unit of rounding in single precision, and what underflow may take from a product of entries up to 1.
constexpr double kSingleUnit = 1.01 / (1 << 24), kSingleUnderflow = 0x1p-125;
// Beyond these, single precision is of no use: dimensions, and the share of decisions that are left open.
constexpr Index kSingleDepth = 1 << 20;
constexpr double kMostOpen = 0.02;

// A "cost" is half a squared distance, without the terms that all costs of a decision share. Row s of a table
// are the costs of all points (columns) to point s; columns are padded to whole runs.
struct Costs {
  void resize(Index n_rows, Index n_columns) {
    rows = n_rows;
    stride = whole_runs(n_columns);
    entries.resize(static_cast<std::size_t>(rows * stride));
  }
  double* row(Index i) { return entries.data() + i * stride; }
  const double* row(Index i) const { return entries.data() + i * stride; }
  std::vector<double> entries;
  Index rows = 0, stride = 0;
};

// A class, and all of a trial that is known without another one.
struct Prepared {
  Index size() const { return static_cast<Index>(rows.size()); }

  RowMatrix points;  // less their mean
  std::vector<const double*> rows;
  Index depth = 0;
  Vector mean;
  float* single = nullptr;  // points / 2^exponent, those of all classes behind each other
  int exponent = 0;
  std::vector<double> half_squares, lengths;  // of the points
  double square_radius = 0, longest = 0, offset = 0;
  Shots shots;
  Costs all;                  // to each point; kept for votes, whose unit belongs to the pair
  Costs own;                  // to the shots of each episode; minus infinity for what is not tested
  std::vector<double> shift;  // of the cost of each episode's shots
};

void center(const MatrixView& points, Prepared& to) {
  const Index n = points.rows(), depth = to.depth = points.cols();
  to.points.resize(n, depth);
  to.mean.setZero(depth);
  double* const mean = to.mean.data();
  // From the first point on, so that a large common offset leaves no rounding behind.
  const double* const first = points.row(0).data();
  for (Index i = 0; i < n; ++i) {
    const double* const from = points.row(i).data();
    double* const row = to.points.row(i).data();
    for (Index k = 0; k < depth; ++k) {
      row[k] = from[k] - first[k];
      mean[k] += row[k];
    }
    to.rows.push_back(row);
  }
  for (Index k = 0; k < depth; ++k) mean[k] /= static_cast<double>(n);
  for (Index i = 0; i < n; ++i) {
    double* const row = to.points.row(i).data();
    axpy(-1.0, mean, row, depth);
    const double square = squared_norm(row, depth);
    to.half_squares.push_back(square / 2);
    to.lengths.push_back(std::sqrt(square));
    to.square_radius += square / static_cast<double>(n);
    to.longest = std::max(to.longest, to.lengths.back());
  }
  axpy(1.0, first, mean, depth);
  to.offset = std::sqrt(squared_norm(mean, depth));
}

void make_single(Prepared& one) {
  std::frexp(one.longest, &one.exponent);
  const double unit = std::ldexp(1.0, -one.exponent);
  for (Index i = 0; i < one.size() * one.depth; ++i)
    one.single[i] = static_cast<float>(unit * one.rows[0][i]);
}

// The mean or the least of some rows of costs, a run of columns at a time.
struct MeanOfRows {
  explicit MeanOfRows(Index n_shots) : count(n_shots), share(1.0 / static_cast<double>(n_shots)) {}
  void operator()(const double* costs, Index stride, const std::int32_t* shots, Lanes& low,
                  Lanes& high) const {
    low = high = Lanes{};
    for (Index s = 0; s < count; ++s) {
      low += load_lanes(costs + shots[s] * stride);
      high += load_lanes(costs + shots[s] * stride + 4);
    }
    low *= share;
    high *= share;
  }
  double operator()(const double* costs) const { return share * sum(costs, count); }
  Index count;
  double share;
};

struct LeastOfRows {
  explicit LeastOfRows(Index n_shots) : count(n_shots) {}
  void operator()(const double* costs, Index stride, const std::int32_t* shots, Lanes& low,
                  Lanes& high) const {
    low = load_lanes(costs + shots[0] * stride);
    high = load_lanes(costs + shots[0] * stride + 4);
    for (Index s = 1; s < count; ++s) {
      low = min(low, load_lanes(costs + shots[s] * stride));
      high = min(high, load_lanes(costs + shots[s] * stride + 4));
    }
  }
  double operator()(const double* costs) const { return *std::min_element(costs, costs + count); }
  Index count;
};

template <class Rule>
void own_costs(const Rule& rule, Prepared& one, Index n_episodes) {
  one.own.resize(n_episodes, one.size());
  for (Index t = 0; t < n_episodes; ++t)
    for (Index i = 0; i < one.own.stride; i += kRun) {
      Lanes low, high;
      rule(one.all.row(0) + i, one.all.stride, one.shots.at(t), low, high);
      store_lanes(low, one.own.row(t) + i);
      store_lanes(high, one.own.row(t) + i + 4);
    }
}

void prepare(const ShotClass& from, const FewshotOptions& options, Prepared& to) {
  const Index n = from.points.rows(), m = options.n_shots, n_episodes = options.n_episodes;
  center(from.points, to);
  to.shots = Shots(options.key, from.number, n, m, n_episodes, options.disjoint);

  RowMatrix gram(n, n);
  gram_of_rows(to.rows[0], n, to.depth, to.depth, gram.data());
  to.all.resize(n, n);
  for (Index s = 0; s < n; ++s)
    for (Index i = 0; i <= s; ++i) {
      to.all.row(s)[i] = to.half_squares[s] - gram(s, i);
      to.all.row(i)[s] = to.half_squares[i] - gram(s, i);
    }

  // Halves of the squared length of the mean shot, which is what a prototype costs, less the mean of theirs.
  to.shift.assign(static_cast<std::size_t>(n_episodes), 0.0);
  if (options.rule == ShotRule::prototype) {
    const double count = static_cast<double>(m);
    for (Index t = 0; t < n_episodes; ++t) {
      const std::int32_t* const shots = to.shots.at(t);
      double inner = 0.0, squares = 0.0;
      for (Index s = 0; s < m; ++s) {
        squares += 2 * to.half_squares[shots[s]];
        for (Index r = 0; r < m; ++r)
          inner += gram(std::max(shots[s], shots[r]), std::min(shots[s], shots[r]));
      }
      const double square = inner / (count * count);
      to.shift[t] = (square - squares / count) / 2;
      if (options.correct_radius) to.shift[t] -= (squares - count * square) / (count - 1) / (2 * count);
    }
  }
  if (options.rule == ShotRule::prototype) own_costs(MeanOfRows(m), to, n_episodes);
  if (options.rule == ShotRule::nearest) own_costs(LeastOfRows(m), to, n_episodes);
  if (options.rule != ShotRule::exemplar) {
    to.all = {};
    if (options.disjoint)
      for (Index t = 0; t < n_episodes; ++t)
        for (Index s = 0; s < m; ++s) to.own.row(t)[to.shots.at(t)[s]] = -kInfinity;
    for (Index t = 0; t < n_episodes; ++t)
      std::fill(to.own.row(t) + n, to.own.row(t) + to.own.stride, -kInfinity);
  }
  if (to.single != nullptr) make_single(to);
}

// One of the two directions of a pair: a class whose points are tested against shots of its own and of the
// other.
struct Side {
  const Prepared* own;
  std::vector<double> along;  // points . (own mean - other mean)
  Costs costs;                // of its points to each point of the other class
};

// The trials of one pair, both ways; scratch of one worker.
class Pair {
 public:
  explicit Pair(const FewshotOptions& options) : options_(options) {}

  // The points of either class . (mean of a - mean of b), and unless null their products in single precision:
  // rows are points of b, columns of a.
  struct Given {
    const double *difference, *along_a, *along_b;
    Index stride_a, stride_b;
    const float* tile;
  };
  void run(const Prepared& a, const Prepared& b, const Given& given, Trials& of_a, Trials& of_b);

 private:
  template <class Real>
  void fill_costs(const Real* tile, double unit);
  bool decide(Side& side, const Side& other, bool single, Trials& out);
  template <bool kSingle, class Rule>
  bool by_costs(const Rule& rule, const Side& side, const Side& other, Trials& out);
  bool by_votes(Side& side, const Side& other, Trials& out);
  std::int64_t settle(const Side& side, const Side& other, Index episode, Trials& out);
  double margin(const Side& side, const Side& other, Index episode, Index point) const;
  std::int64_t wrong(double margin) const { return (margin < -tie_) + (margin <= tie_); }

  const FewshotOptions& options_;
  Side a_, b_;
  std::vector<double> tile_;
  double half_square_ = 0;
  double tie_ = 0;  // margins below are rounding
  double sharpness_ = 0;
  // Of each point: the margin below which a decision is left open, and while they are made the decisions,
  // which are open, and scratch.
  std::vector<double> reach_;
  Counts decided_, open_;
  Index n_open_ = 0;
  Costs own_votes_;
  std::vector<double> least_, own_least_, upper_, lower_, mine_;
};

void Pair::run(const Prepared& a, const Prepared& b, const Given& given, Trials& of_a, Trials& of_b) {
  const Index depth = a.depth;
  a_.own = &a;
  b_.own = &b;
  a_.along.assign(static_cast<std::size_t>(whole_runs(a.size())), 0.0);
  b_.along.assign(static_cast<std::size_t>(whole_runs(b.size())), 0.0);
  for (Index i = 0; i < a.size(); ++i) a_.along[i] = given.along_a[i * given.stride_a];
  for (Index i = 0; i < b.size(); ++i) b_.along[i] = -given.along_b[i * given.stride_b];
  half_square_ = squared_norm(given.difference, depth) / 2;
  // Where all points of either class are the same, any sharpness will do.
  const double square_radius = (a.square_radius + b.square_radius) / 2;
  sharpness_ = square_radius > 0 ? std::min(2 * options_.beta / square_radius, 1e300) : 1.0;
  const double extent = std::sqrt(2 * half_square_) + a.longest + b.longest;
  tie_ = 8 * kEpsilon * extent * (a.offset + b.offset + std::sqrt(static_cast<double>(depth)) * extent);
  if (options_.rule == ShotRule::exemplar) tie_ += kVoteRounding / sharpness_;
  if (given.tile != nullptr) {
    fill_costs(given.tile, std::ldexp(1.0, a.exponent + b.exponent));
    if (decide(a_, b_, true, of_a) && decide(b_, a_, true, of_b)) return;
  }
  tile_.resize(static_cast<std::size_t>(a.size() * b.size()));
  row_by_row_products(b.rows[0], b.size(), a.rows[0], a.size(), depth, tile_.data(), a.size());
  fill_costs(tile_.data(), 1.0);
  decide(a_, b_, false, of_a);
  decide(b_, a_, false, of_b);
}

template <class Real>
void Pair::fill_costs(const Real* tile, double unit) {
  const Index n_a = a_.own->size(), n_b = b_.own->size();
  a_.costs.resize(n_b, n_a);
  b_.costs.resize(n_a, n_b);
  for (Index s = 0; s < n_b; ++s) {
    const double fixed = b_.own->half_squares[s] + b_.along[s];
    const Real* __restrict from = tile + s * n_a;
    double* __restrict to = a_.costs.row(s);
    for (Index i = 0; i < n_a; ++i) to[i] = fixed - unit * static_cast<double>(from[i]);
  }
  for (Index first = 0; first < n_a; first += kRun)
    for (Index i = 0; i < n_b; ++i)
      for (Index s = first; s < std::min(first + kRun, n_a); ++s)
        b_.costs.row(s)[i] =
            a_.own->half_squares[s] + a_.along[s] - unit * static_cast<double>(tile[i * n_a + s]);
}

// False if single precision left too much open.
bool Pair::decide(Side& side, const Side& other, bool single, Trials& out) {
  const auto width = static_cast<std::size_t>(side.costs.stride);
  const Prepared &own = *side.own, &others = *other.own;
  out.of_episode.assign(static_cast<std::size_t>(options_.n_episodes), 0);
  out.of_point.assign(width, 0);
  reach_.assign(width, tie_);
  if (single) {
    const double depth = static_cast<double>(own.depth);
    const double underflow = depth * std::ldexp(kSingleUnderflow, own.exponent + others.exponent);
    for (Index i = 0; i < own.size(); ++i)
      reach_[i] += (depth + 4) * kSingleUnit * own.lengths[i] * others.longest + underflow;
  }
  decided_.resize(width);
  open_.resize(width);
  n_open_ = 0;
  const Index m = options_.n_shots;
  switch (options_.rule) {
    case ShotRule::prototype:
      return single ? by_costs<true>(MeanOfRows(m), side, other, out)
                    : by_costs<false>(MeanOfRows(m), side, other, out);
    case ShotRule::nearest:
      return single ? by_costs<true>(LeastOfRows(m), side, other, out)
                    : by_costs<false>(LeastOfRows(m), side, other, out);
    case ShotRule::exemplar:
      return by_votes(side, other, out);
  }
  return true;
}

template <bool kSingle, class Rule>
bool Pair::by_costs(const Rule& rule, const Side& side, const Side& other, Trials& out) {
  const Prepared &own = *side.own, &others = *other.own;
  const Index stride = side.costs.stride;
  const double* const along = side.along.data();
  const double* const reach = reach_.data();
  for (Index t = 0; t < options_.n_episodes; ++t) {
    const std::int32_t* const shots = others.shots.at(t);
    const double* const mine = own.own.row(t);
    const double shift = half_square_ + others.shift[t] - own.shift[t];
    // Those of four points: whether their margins are below what decides, and not above it; -1 is true.
    const auto compare = [&](Index at, Lanes cost, CountLanes& below, CountLanes& not_above) {
      const Lanes margins = cost + (load_lanes(along + at) + shift) - load_lanes(mine + at);
      const Lanes near = load_lanes(reach + at);
      below = margins < -near;
      not_above = margins <= near;
    };
    CountLanes total{}, any_open{}, below, not_above;
    for (Index i = 0; i < stride; i += kRun) {
      Lanes cost[2];
      rule(side.costs.row(0) + i, stride, shots, cost[0], cost[1]);
      for (int half = 0; half < 2; ++half) {
        const Index at = i + 4 * half;
        compare(at, cost[half], below, not_above);
        const CountLanes decided = below + not_above;
        total -= decided;
        any_open |= not_above & ~below;
        store_counts(load_counts(out.of_point.data() + at) - decided, out.of_point.data() + at);
      }
    }
    out.of_episode[t] = sum_counts(total);
    if (!kSingle || sum_counts(any_open) == 0) continue;
    for (Index i = 0; i < stride; i += kRun) {
      Lanes cost[2];
      rule(side.costs.row(0) + i, stride, shots, cost[0], cost[1]);
      for (int half = 0; half < 2; ++half) {
        const Index at = i + 4 * half;
        compare(at, cost[half], below, not_above);
        store_counts(-(below + not_above), decided_.data() + at);
        store_counts(not_above & ~below, open_.data() + at);
      }
    }
    out.of_episode[t] += settle(side, other, t, out);
    if (static_cast<double>(n_open_) > kMostOpen * static_cast<double>(own.size() * options_.n_episodes))
      return false;
  }
  return true;
}

// A vote is exp(-sharpness (cost - least cost of the point)): its exponentials are those of the table, not of
// the episodes. Sums of votes too small to keep their digits are left open.
static void make_votes(const Costs& costs, double sharpness, std::vector<double>& least, Costs& votes) {
  least.assign(costs.row(0), costs.row(0) + costs.stride);
  for (Index s = 1; s < costs.rows; ++s)
    for (Index i = 0; i < costs.stride; ++i) least[i] = std::min(least[i], costs.row(s)[i]);
  votes.resize(costs.rows, costs.stride);
  for (Index s = 0; s < costs.rows; ++s)
    for (Index i = 0; i < costs.stride; i += 4) {
      const Lanes above = load_lanes(costs.row(s) + i) - load_lanes(least.data() + i);
      store_lanes(exp_lanes(-sharpness * above), votes.row(s) + i);
    }
}

bool Pair::by_votes(Side& side, const Side& other, Trials& out) {
  const Prepared &own = *side.own, &others = *other.own;
  const Index stride = side.costs.stride, n = own.size();
  for (Index s = 0; s < side.costs.rows; ++s)
    std::fill(side.costs.row(s) + n, side.costs.row(s) + stride, 0.0);
  make_votes(side.costs, sharpness_, least_, side.costs);
  make_votes(own.all, sharpness_, own_least_, own_votes_);
  // The other class has the larger sum of votes by more than its margin.
  upper_.assign(static_cast<std::size_t>(stride), kInfinity);
  lower_.assign(static_cast<std::size_t>(stride), kInfinity);
  mine_.resize(static_cast<std::size_t>(stride));
  for (Index i = 0; i < n; ++i) {
    const double behind = half_square_ + side.along[i] + least_[i] - own_least_[i];
    upper_[i] = std::exp(sharpness_ * (behind + reach_[i]));
    lower_[i] = std::exp(sharpness_ * (behind - reach_[i]));
  }
  MeanOfRows add(options_.n_shots);
  add.share = 1.0;
  for (Index t = 0; t < options_.n_episodes; ++t) {
    const std::int32_t* const shots = own.shots.at(t);
    for (Index i = 0; i < stride; i += kRun) {
      Lanes low, high;
      add(own_votes_.row(0) + i, stride, shots, low, high);
      store_lanes(low, mine_.data() + i);
      store_lanes(high, mine_.data() + i + 4);
    }
    if (options_.disjoint)
      for (Index s = 0; s < options_.n_shots; ++s) mine_[shots[s]] = kInfinity;
    std::fill(mine_.begin() + n, mine_.end(), kInfinity);
    CountLanes total{}, any_open{};
    for (Index i = 0; i < stride; i += kRun) {
      Lanes votes[2];
      add(side.costs.row(0) + i, stride, others.shots.at(t), votes[0], votes[1]);
      for (int half = 0; half < 2; ++half) {
        const Index at = i + 4 * half;
        const Lanes mine = load_lanes(mine_.data() + at);
        const CountLanes below = votes[half] > mine * load_lanes(upper_.data() + at);
        const CountLanes not_above = votes[half] >= mine * load_lanes(lower_.data() + at);
        const CountLanes few = (votes[half] < Lanes{} + kFewVotes) | (mine < Lanes{} + kFewVotes);
        const CountLanes tested = mine < Lanes{} + kInfinity;
        const CountLanes decided = -(below + not_above) & tested;
        const CountLanes open = ((not_above & ~below) | few) & tested;
        total += decided;
        any_open |= open;
        store_counts(load_counts(out.of_point.data() + at) + decided, out.of_point.data() + at);
        store_counts(decided, decided_.data() + at);
        store_counts(open, open_.data() + at);
      }
    }
    out.of_episode[t] = sum_counts(total);
    if (sum_counts(any_open) != 0) out.of_episode[t] += settle(side, other, t, out);
  }
  return true;
}

// Makes the open decisions of an episode; returns what that changes in its sum.
std::int64_t Pair::settle(const Side& side, const Side& other, Index episode, Trials& out) {
  std::int64_t change = 0;
  for (Index i = 0; i < side.own->size(); ++i) {
    if (open_[i] == 0) continue;
    ++n_open_;
    const std::int64_t more = wrong(margin(side, other, episode, i)) - decided_[i];
    out.of_point[i] += more;
    change += more;
  }
  return change;
}

// The margin of one decision, from the points themselves.
double Pair::margin(const Side& side, const Side& other, Index episode, Index point) const {
  const Prepared &own = *side.own, &others = *other.own;
  const Index m = options_.n_shots;
  std::vector<double> costs(static_cast<std::size_t>(m)), mine;
  for (Index s = 0; s < m; ++s) {
    const Index shot = others.shots.at(episode)[s];
    costs[s] =
        others.half_squares[shot] + other.along[shot] - dot(own.rows[point], others.rows[shot], own.depth);
  }
  const double shift = half_square_ + side.along[point] + others.shift[episode] - own.shift[episode];
  if (options_.rule == ShotRule::prototype)
    return MeanOfRows(m)(costs.data()) + shift - own.own.row(episode)[point];
  const double least = LeastOfRows(m)(costs.data());
  if (options_.rule == ShotRule::nearest) return least + shift - own.own.row(episode)[point];
  for (Index s = 0; s < m; ++s) mine.push_back(own.all.row(own.shots.at(episode)[s])[point]);
  const double own_least = LeastOfRows(m)(mine.data());
  double votes = 0.0, own_votes = 0.0;
  for (Index s = 0; s < m; ++s) {
    votes += std::exp(-sharpness_ * (costs[s] - least));
    own_votes += std::exp(-sharpness_ * (mine[s] - own_least));
  }
  return least + shift - own_least - std::log(votes / own_votes) / sharpness_;
}

// Pairs of classes with shared work: those a < b with a in one range and b in another.
struct Block {
  Index n_pairs() const {
    Index count = 0;
    for (Index a = a_begin; a < a_end; ++a) count += std::max<Index>(0, b_end - std::max(b_begin, a + 1));
    return count;
  }
  Index a_begin, a_end, b_begin, b_end;
};

constexpr Index kBlockSide = 4;

// Large ones first, and if possible several for each thread.
std::vector<Block> make_blocks(Index n_classes, Index n_rows, int n_threads) {
  std::vector<Block> blocks;
  for (Index side = kBlockSide; side > 0; side /= 2) {
    blocks.clear();
    for (Index a = 0; a < n_rows; a += side)
      for (Index b = n_rows < n_classes ? n_rows : a; b < n_classes; b += side)
        blocks.push_back({a, std::min(a + side, n_rows), b, std::min(b + side, n_classes)});
    if (n_threads == 1 || static_cast<Index>(blocks.size()) >= 3 * n_threads) break;
  }
  std::stable_sort(blocks.begin(), blocks.end(),
                   [](const Block& x, const Block& y) { return x.n_pairs() > y.n_pairs(); });
  return blocks;
}

class BlockWorker {
 public:
  BlockWorker(const FewshotOptions& options, const std::vector<Prepared>& classes)
      : pair_(options), classes_(classes) {}

  template <class Take>
  void run(const Block& block, const Take& take) {
    const Index depth = classes_[0].depth, width = block.b_end - block.b_begin,
                height = block.a_end - block.a_begin;
    const auto begin_b = [&](Index a) { return std::max(block.b_begin, a + 1); };
    differences_.resize(height * width, depth);
    const auto difference = [&](Index a, Index b) {
      return differences_.row((a - block.a_begin) * width + b - block.b_begin).data();
    };
    along_.resize(static_cast<std::size_t>(height + width));
    std::vector<const double*> vectors;
    for (Index a = block.a_begin; a < block.a_end; ++a) {
      vectors.clear();
      for (Index b = begin_b(a); b < block.b_end; ++b) {
        double* const to = difference(a, b);
        for (Index k = 0; k < depth; ++k) to[k] = classes_[a].mean[k] - classes_[b].mean[k];
        vectors.push_back(to);
      }
      project(classes_[a], vectors, along_[a - block.a_begin]);
    }
    for (Index b = block.b_begin; b < block.b_end; ++b) {
      vectors.clear();
      for (Index a = block.a_begin; a < std::min(block.a_end, b); ++a) vectors.push_back(difference(a, b));
      project(classes_[b], vectors, along_[height + b - block.b_begin]);
    }
    for (Index a = block.a_begin; a < block.a_end; ++a) {
      const Prepared& first = classes_[a];
      const float* tile = nullptr;
      if (first.single != nullptr && begin_b(a) < block.b_end) {
        Index n_others = 0;
        for (Index b = begin_b(a); b < block.b_end; ++b) n_others += classes_[b].size();
        tile_.resize(static_cast<std::size_t>(n_others * first.size()));
        row_by_row_products(classes_[begin_b(a)].single, n_others, first.single, first.size(), depth,
                            tile_.data(), first.size());
        tile = tile_.data();
      }
      for (Index b = begin_b(a); b < block.b_end; ++b) {
        const RowMatrix &of_a = along_[a - block.a_begin], &of_b = along_[height + b - block.b_begin];
        pair_.run(first, classes_[b],
                  {difference(a, b), of_a.data() + b - begin_b(a), of_b.data() + a - block.a_begin,
                   of_a.cols(), of_b.cols(), tile},
                  trials_[0], trials_[1]);
        if (tile != nullptr) tile += classes_[b].size() * first.size();
        take(a, b, trials_[0], trials_[1]);
      }
    }
  }

 private:
  static void project(const Prepared& one, const std::vector<const double*>& vectors, RowMatrix& out) {
    const auto count = static_cast<Index>(vectors.size());
    out.resize(one.size(), count);
    row_products(one.rows.data(), one.size(), vectors.data(), count, one.depth, out.data(), count);
  }

  Pair pair_;
  const std::vector<Prepared>& classes_;
  RowMatrix differences_;
  std::vector<RowMatrix> along_;  // of each class of a block with the differences that it takes part in
  std::vector<float> tile_;
  Trials trials_[2];
};

}  // namespace

void fewshot_errors(const std::vector<ShotClass>& classes, Index n_rows, const FewshotOptions& options,
                    int n_threads, const Monitor& monitor, FewshotErrors& out) {
  const auto n_classes = static_cast<Index>(classes.size());
  const Index depth = classes[0].points.cols();
  const std::vector<Block> blocks = make_blocks(n_classes, n_rows, n_threads);
  Index n_pairs = 0;
  for (const Block& block : blocks) n_pairs += block.n_pairs();
  std::atomic<Index> done{0};  // pairs
  Monitor of_pairs;
  if (monitor) of_pairs = [&](Index, Index) { return monitor(done.load(), n_pairs); };

  std::vector<Prepared> prepared(classes.size());
  std::vector<float> single;
  if (options.single && depth <= kSingleDepth) {
    Index size = 0;
    for (const ShotClass& one : classes) size += one.points.size();
    single.resize(static_cast<std::size_t>(size));
    float* next = single.data();
    for (std::size_t c = 0; c < classes.size(); next += classes[c++].points.size()) prepared[c].single = next;
  }
  parallel_for(n_classes, n_threads, of_pairs, [&](Index c) { prepare(classes[c], options, prepared[c]); });

  std::vector<const Shots*> shots;
  for (const Prepared& one : prepared) shots.push_back(&one.shots);
  FewshotEstimates estimates(shots, out);
  parallel_ranges(static_cast<Index>(blocks.size()), 1, n_threads, of_pairs,
                  [&](const Checkpoint& checkpoint) -> RangeBody {
                    const auto worker = std::make_shared<BlockWorker>(options, prepared);
                    return [&, worker, checkpoint](Index begin, Index end) {
                      for (Index k = begin; k < end; ++k)
                        worker->run(blocks[k], [&](Index a, Index b, const Trials& of_a, const Trials& of_b) {
                          estimates.add(a, b, of_a);
                          estimates.add(b, a, of_b);
                          done.fetch_add(1);
                          checkpoint();
                        });
                    };
                  });
  estimates.finish(1 / (2 * static_cast<double>(n_pairs)));
}

}  // namespace neurogeom
