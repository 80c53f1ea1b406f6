#include "neurogeom/pairs/fewshot.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <mutex>
#include <numeric>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/lapack.hpp"
#include "neurogeom/base/random.hpp"
#include "neurogeom/base/tolerances.hpp"

namespace neurogeom {
namespace {

// Words of the counters of one class and episode, in their order.
class Words {
 public:
  Words(std::uint64_t key, std::uint32_t stream, std::uint64_t index)
      : key_(key),
        counter_{{0, stream, static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32)}} {}

  // A whole number below n, each as likely.
  std::uint32_t below(std::uint32_t n) {
    std::uint64_t product = std::uint64_t{next()} * n;
    if (static_cast<std::uint32_t>(product) < n) {
      const std::uint32_t least = (0U - n) % n;
      while (static_cast<std::uint32_t>(product) < least) product = std::uint64_t{next()} * n;
    }
    return static_cast<std::uint32_t>(product >> 32);
  }

 private:
  std::uint32_t next() {
    if (used_ == 4) {
      block_ = philox4x32(counter_, key_);
      ++counter_.word[0];
      used_ = 0;
    }
    return block_.word[used_++];
  }

  std::uint64_t key_;
  PhiloxCounter counter_, block_{};
  int used_ = 4;
};

using Counts = std::vector<std::int64_t>;
using CountLanes = std::int64_t __attribute__((vector_size(32)));

CountLanes load_counts(const std::int64_t* x) {
  CountLanes lanes;
  std::memcpy(&lanes, x, sizeof lanes);
  return lanes;
}

// The unit of sums of errors over pairs: as whole numbers these do not depend on their order.
constexpr double kUnit = 1.0 / (std::int64_t{1} << 40);

// Squared distances to the shots are known but for what all shots share; halves of them are called costs. Here
// are those of all points (columns) to each point (rows) of a class, columns padded to whole runs.
struct Costs {
  void resize(Index rows, Index columns) {
    stride = whole_runs(columns);
    entries.resize(static_cast<std::size_t>(rows * stride));
  }
  double* row(Index i) { return entries.data() + i * stride; }
  const double* row(Index i) const { return entries.data() + i * stride; }
  std::vector<double> entries;
  Index stride = 0;
};

// A class without its mean.
struct Prepared {
  std::uint32_t number = 0;
  RowMatrix points;
  Vector mean;
  std::vector<float> single;  // points / 2^exponent
  int exponent = 0;
  std::vector<double> half_squares;  // of the points' lengths
  double square_radius = 0, longest = 0, offset = 0;
  std::vector<std::int32_t> shots;
  Costs all;                  // to each point; kept only where the rule's unit belongs to the pair
  Costs own;                  // to the shots of each episode; what is not tested costs minus infinity
  std::vector<double> shift;  // for each episode
  Counts drawn, tested;       // how often each point was a shot, and was tested

  Index size() const { return points.rows(); }
  const std::int32_t* shots_at(Index episode, Index n_shots) const { return shots.data() + episode * n_shots; }
};

// The cost of a set of shots.
class Reduction {
 public:
  Reduction(const FewshotOptions& options, double square_radius)
      : rule_(options.rule),
        n_shots_(options.n_shots),
        // Where all points of either class are the same, any sharpness will do.
        sharpness_(square_radius > 0 ? std::min(2 * options.beta / square_radius, 1e300) : 1.0) {}

  void operator()(const Costs& costs, const std::int32_t* shots, double* out) const {
    switch (rule_) {
      case ShotRule::prototype: return mean(costs, shots, out);
      case ShotRule::nearest: return least(costs, shots, out);
      case ShotRule::exemplar: return soft_least(costs, shots, out);
    }
  }

 private:
  void mean(const Costs& costs, const std::int32_t* shots, double* out) const {
    const double share = 1.0 / static_cast<double>(n_shots_);
    for (Index i = 0; i < costs.stride; i += kRun) {
      Lanes low{}, high{};
      for (Index s = 0; s < n_shots_; ++s) {
        const double* const from = costs.row(shots[s]) + i;
        low += load_lanes(from);
        high += load_lanes(from + 4);
      }
      store_lanes(share * low, out + i);
      store_lanes(share * high, out + i + 4);
    }
  }

  void least(const Costs& costs, const std::int32_t* shots, double* out) const {
    for (Index i = 0; i < costs.stride; i += kRun) {
      Lanes low = load_lanes(costs.row(shots[0]) + i), high = load_lanes(costs.row(shots[0]) + i + 4);
      for (Index s = 1; s < n_shots_; ++s) {
        const double* const from = costs.row(shots[s]) + i;
        low = -max(-low, -load_lanes(from));
        high = -max(-high, -load_lanes(from + 4));
      }
      store_lanes(low, out + i);
      store_lanes(high, out + i + 4);
    }
  }

  void soft_least(const Costs& costs, const std::int32_t* shots, double* out) const {
    least(costs, shots, out);
    for (Index i = 0; i < costs.stride; ++i) {
      double votes = 0.0;
      for (Index s = 0; s < n_shots_; ++s)
        votes += std::exp(-sharpness_ * (costs.row(shots[s])[i] - out[i]));
      out[i] -= std::log(votes) / sharpness_;
    }
  }

  ShotRule rule_;
  Index n_shots_;
  double sharpness_;
};

void center(const MatrixView& from, Prepared& to) {
  const Index n = from.rows(), depth = from.cols();
  to.points.resize(n, depth);
  to.mean.setZero(depth);
  // From the first point on, so that a large common offset leaves no rounding behind.
  for (Index i = 0; i < n; ++i) {
    for (Index k = 0; k < depth; ++k) to.points(i, k) = from(i, k) - from(0, k);
    axpy(1.0 / static_cast<double>(n), to.points.row(i).data(), to.mean.data(), depth);
  }
  to.half_squares.resize(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) {
    axpy(-1.0, to.mean.data(), to.points.row(i).data(), depth);
    const double square = squared_norm(to.points.row(i).data(), depth);
    to.half_squares[i] = square / 2;
    to.square_radius += square / static_cast<double>(n);
    to.longest = std::max(to.longest, std::sqrt(square));
  }
  axpy(1.0, from.row(0).data(), to.mean.data(), depth);
  to.offset = std::sqrt(squared_norm(to.mean.data(), depth));
}

void prepare(const ShotClass& from, const FewshotOptions& options, Prepared& to) {
  const Index n = from.points.rows(), m = options.n_shots, n_episodes = options.n_episodes;
  to.number = from.number;
  center(from.points, to);
  to.shots.resize(static_cast<std::size_t>(n_episodes * m));
  draw_shots(options.key, from.number, n, m, n_episodes, !options.disjoint, to.shots.data());
  to.drawn.assign(static_cast<std::size_t>(n), 0);
  for (const std::int32_t shot : to.shots) ++to.drawn[shot];
  to.tested.assign(static_cast<std::size_t>(n), n_episodes);
  if (options.disjoint)
    for (Index i = 0; i < n; ++i) to.tested[i] -= to.drawn[i];

  RowMatrix gram(n, n);
  gram_of_rows(to.points.data(), n, to.points.cols(), to.points.cols(), gram.data());
  to.all.resize(n, n);
  for (Index s = 0; s < n; ++s)
    for (Index i = 0; i < n; ++i)
      to.all.row(s)[i] = to.half_squares[s] - (i < s ? gram(s, i) : gram(i, s));

  to.shift.assign(static_cast<std::size_t>(n_episodes), 0.0);
  if (options.rule == ShotRule::prototype) {
    const double count = static_cast<double>(m);
    for (Index t = 0; t < n_episodes; ++t) {
      const std::int32_t* const shots = to.shots_at(t, m);
      double inner = 0.0, squares = 0.0;
      for (Index s = 0; s < m; ++s) {
        squares += 2 * to.half_squares[shots[s]];
        for (Index r = 0; r < m; ++r) inner += gram(std::max(shots[s], shots[r]), std::min(shots[s], shots[r]));
      }
      const double square_mean = inner / (count * count);
      to.shift[t] = (square_mean - squares / count) / 2;
      if (options.correct_radius) to.shift[t] -= (squares - count * square_mean) / (count - 1) / (2 * count);
    }
  }

  if (options.rule != ShotRule::exemplar) {
    const Reduction reduce(options, 0.0);
    to.own.resize(n_episodes, n);
    for (Index t = 0; t < n_episodes; ++t) reduce(to.all, to.shots_at(t, m), to.own.row(t));
    to.all = {};
  }
  if (options.single) {
    double most = 0.0;
    for (Index i = 0; i < to.points.size(); ++i) most = std::max(most, std::abs(to.points.data()[i]));
    std::frexp(most, &to.exponent);
    to.single.resize(static_cast<std::size_t>(to.points.size()));
    for (Index i = 0; i < to.points.size(); ++i)
      to.single[i] = static_cast<float>(std::ldexp(to.points.data()[i], -to.exponent));
  }
}

// What the trials of one ordered pair gave.
struct Trials {
  Counts wrong;     // twice the wrong decisions of each episode, a tie is half of one
  Counts of_point;  // the same of each test point
};

// The trials of one pair, both ways; scratch of one worker.
class Pair {
 public:
  Pair(const FewshotOptions& options) : options_(options) {}

  void run(const Prepared& a, const Prepared& b, Trials& of_a, Trials& of_b);

 private:
  struct Side {
    std::vector<double> along;  // points . difference of the means, own less other
    Costs costs;                // of its points to each point of the other class
  };
  void project(const Prepared& own, double sign, Side& side) const;
  void decide(const Prepared& own, const Side& side, const Prepared& other, const Side& others,
              const Reduction& reduce, double tie, Trials& out);

  const FewshotOptions& options_;
  std::vector<double> tile_, cost_, free_;
  Vector difference_;
  double half_square_ = 0.0;
  Side a_, b_;
};

void Pair::project(const Prepared& own, double sign, Side& side) const {
  side.along.assign(static_cast<std::size_t>(whole_runs(own.size())), 0.0);
  for (Index i = 0; i < own.size(); ++i)
    side.along[i] = sign * dot(own.points.row(i).data(), difference_.data(), difference_.size());
}

void Pair::run(const Prepared& a, const Prepared& b, Trials& of_a, Trials& of_b) {
  const Index depth = a.points.cols();
  difference_ = a.mean - b.mean;
  const double square = squared_norm(difference_.data(), depth);
  half_square_ = square / 2;
  project(a, 1.0, a_);
  project(b, -1.0, b_);
  const Index stride = whole_runs(b.size());
  tile_.resize(static_cast<std::size_t>(a.size() * stride));
  row_by_row_products(a.points.data(), a.size(), b.points.data(), b.size(), depth, tile_.data(), stride);
  // (mean of a - e_s) . difference: what a shot of b costs a point of a, but for their product.
  a_.costs.resize(b.size(), a.size());
  b_.costs.resize(a.size(), b.size());
  for (Index s = 0; s < b.size(); ++s) {
    const double fixed = b.half_squares[s] + b_.along[s];
    for (Index i = 0; i < a.size(); ++i) a_.costs.row(s)[i] = fixed - tile_[i * stride + s];
  }
  for (Index s = 0; s < a.size(); ++s) {
    const double fixed = a.half_squares[s] + a_.along[s];
    for (Index i = 0; i < b.size(); ++i) b_.costs.row(s)[i] = fixed - tile_[s * stride + i];
  }
  const Reduction reduce(options_, (a.square_radius + b.square_radius) / 2);
  const double extent = std::sqrt(square) + a.longest + b.longest;
  const double tie =
      8 * kEpsilon * extent * (a.offset + b.offset + std::sqrt(static_cast<double>(depth)) * extent);
  decide(a, a_, b, b_, reduce, tie, of_a);
  decide(b, b_, a, a_, reduce, tie, of_b);
}

void Pair::decide(const Prepared& own, const Side& side, const Prepared& other, const Side&,
                  const Reduction& reduce, double tie, Trials& out) {
  const Index m = options_.n_shots, width = side.costs.stride;
  out.wrong.assign(static_cast<std::size_t>(options_.n_episodes), 0);
  out.of_point.assign(static_cast<std::size_t>(width), 0);
  cost_.resize(static_cast<std::size_t>(width));
  free_.resize(static_cast<std::size_t>(width));
  for (Index t = 0; t < options_.n_episodes; ++t) {
    const std::int32_t* const shots = own.shots_at(t, m);
    const double* own_cost = own.own.row(t);
    if (options_.rule == ShotRule::exemplar) {
      reduce(own.all, shots, free_.data());
      own_cost = free_.data();
    }
    reduce(side.costs, other.shots_at(t, m), cost_.data());
    const double shift = half_square_ + other.shift[t] - own.shift[t];
    std::int64_t total = 0;
    for (Index i = 0; i < own.size(); ++i) {
      if (options_.disjoint && std::find(shots, shots + m, static_cast<std::int32_t>(i)) != shots + m) continue;
      const double h = cost_[i] + side.along[i] + shift - own_cost[i];
      const std::int64_t wrong = (h < -tie) + (h <= tie);
      total += wrong;
      out.of_point[i] += wrong;
    }
    out.wrong[t] = total;
  }
}

}  // namespace

void draw_shots(std::uint64_t key, std::uint32_t class_number, Index n_points, Index n_shots,
                Index n_episodes, bool replace, std::int32_t* out) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(replace ? 0 : n_points));
  std::iota(order.begin(), order.end(), 0);
  std::vector<std::uint32_t> taken(static_cast<std::size_t>(n_shots));
  for (Index t = 0; t < n_episodes; ++t, out += n_shots) {
    Words words(key, class_number, static_cast<std::uint64_t>(t));
    for (Index s = 0; s < n_shots; ++s) {
      const auto first = static_cast<std::uint32_t>(replace ? 0 : s);
      taken[s] = first + words.below(static_cast<std::uint32_t>(n_points) - first);
      if (!replace) std::swap(order[s], order[taken[s]]);
      out[s] = replace ? static_cast<std::int32_t>(taken[s]) : order[s];
    }
    if (!replace)  // undone for the next
      for (Index s = n_shots; s-- > 0;) std::swap(order[s], order[taken[s]]);
  }
}

void fewshot_errors(const std::vector<ShotClass>& classes, const FewshotOptions& options, int n_threads,
                    const Monitor& monitor, FewshotErrors& out) {
  const auto n_classes = static_cast<Index>(classes.size());
  std::vector<Prepared> prepared(classes.size());
  parallel_for(n_classes, n_threads, monitor,
               [&](Index c) { prepare(classes[c], options, prepared[c]); });
  std::vector<std::pair<Index, Index>> pairs;
  for (Index a = 0; a < n_classes; ++a)
    for (Index b = a + 1; b < n_classes; ++b) pairs.emplace_back(a, b);
  parallel_ranges(static_cast<Index>(pairs.size()), 1, n_threads, monitor,
                  [&](const Checkpoint&) -> RangeBody {
                    auto work = std::make_shared<Pair>(options);
                    return [&, work](Index begin, Index end) {
                      Trials of_a, of_b;
                      for (Index p = begin; p < end; ++p) {
                        const auto [a, b] = pairs[p];
                        work->run(prepared[a], prepared[b], of_a, of_b);
                        const auto finish = [&](Index own, Index other, const Trials& trials) {
                          const double tests = static_cast<double>(prepared[own].size() - (options.disjoint ? options.n_shots : 0));
                          double sum = 0;
                          for (const auto w : trials.wrong) sum += static_cast<double>(w);
                          const double episodes = static_cast<double>(options.n_episodes);
                          const double mean = sum / episodes;
                          double squares = 0;
                          for (const auto w : trials.wrong) squares += (static_cast<double>(w) - mean) * (static_cast<double>(w) - mean);
                          out.error[own * n_classes + other] = mean / (2 * tests);
                          out.variance[own * n_classes + other] = squares / (episodes * (episodes - 1)) / (4 * tests * tests);
                        };
                        finish(a, b, of_a);
                        finish(b, a, of_b);
                      }
                    };
                  });
}

}  // namespace neurogeom
