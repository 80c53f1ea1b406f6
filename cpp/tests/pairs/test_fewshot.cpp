#include <algorithm>

#include "check.hpp"
#include "neurogeom/pairs/fewshot.hpp"

using namespace neurogeom;
using check::normals;

namespace {

constexpr Index kDepth = 19;
const std::vector<Index> kSizes = {7, 12, 9, 17, 6, 11};

std::vector<RowMatrix> clouds() {
  std::vector<RowMatrix> made;
  for (std::size_t c = 0; c < kSizes.size(); ++c) {
    RowMatrix points = normals(10 + c, kSizes[c], kDepth);
    points.rowwise() += 0.5 * normals(20 + c, 1, kDepth).row(0);
    made.push_back(points);
  }
  return made;
}

std::vector<ShotClass> classes_of(const std::vector<RowMatrix>& points) {
  std::vector<ShotClass> classes;
  for (std::size_t c = 0; c < points.size(); ++c)
    classes.push_back({check::view(points[c]), static_cast<std::uint32_t>(c)});
  return classes;
}

FewshotOptions options_of(ShotRule rule, bool disjoint, bool single) {
  return {rule, 3, 20, disjoint, false, single, 2.0, 77};
}

struct Found {
  explicit Found(Index n, Index n_episodes)
      : values(static_cast<std::size_t>(3 * n * n), kNaN), of_episode(static_cast<std::size_t>(n_episodes)) {}
  std::vector<double> values, of_episode;
};

Found run(const std::vector<RowMatrix>& points, const FewshotOptions& options, Index n_rows, int n_threads,
          const Monitor& monitor = {}) {
  const auto n = static_cast<Index>(points.size());
  Found found(n, options.n_episodes);
  FewshotErrors out{found.values.data(), found.values.data() + n * n, found.values.data() + 2 * n * n,
                    found.of_episode.data(), 0.0};
  fewshot_errors(classes_of(points), n_rows, options, n_threads, monitor, out);
  return found;
}

// By definition, from distances between points.
double cost(const RowMatrix& points, const std::int32_t* shots, const Vector& x,
            const FewshotOptions& options, double unit) {
  const Index m = options.n_shots;
  if (options.rule == ShotRule::prototype) {
    Vector mean = Vector::Zero(kDepth);
    for (Index s = 0; s < m; ++s) mean += points.row(shots[s]).transpose() / static_cast<double>(m);
    return (x - mean).squaredNorm();
  }
  double least = kInfinity, votes = 0.0;
  for (Index s = 0; s < m; ++s) {
    const double square = (x - points.row(shots[s]).transpose()).squaredNorm();
    least = std::min(least, square);
    votes += std::exp(-options.beta * square / unit);
  }
  return options.rule == ShotRule::nearest ? least : -std::log(votes);
}

double error_by_definition(const std::vector<RowMatrix>& points, Index a, Index b,
                           const FewshotOptions& options) {
  const auto shots = [&](Index c) {
    return Shots(options.key, static_cast<std::uint32_t>(c), points[c].rows(), options.n_shots,
                 options.n_episodes, options.disjoint);
  };
  const Shots own = shots(a), other = shots(b);
  double unit = 0.0;
  for (const Index c : {a, b})
    unit += (points[c].rowwise() - points[c].colwise().mean()).squaredNorm() / (2.0 * points[c].rows());
  double wrong = 0.0;
  for (Index t = 0; t < options.n_episodes; ++t)
    for (Index i = 0; i < points[a].rows(); ++i) {
      if (options.disjoint && std::count(own.at(t), own.at(t) + options.n_shots, i) > 0) continue;
      const Vector x = points[a].row(i);
      wrong += cost(points[b], other.at(t), x, options, unit) < cost(points[a], own.at(t), x, options, unit);
    }
  return wrong / static_cast<double>(own.n_tests() * options.n_episodes);
}

bool same(double x, double y) {
  return x == y || (std::isnan(x) && std::isnan(y));
}

const ShotRule kRules[] = {ShotRule::prototype, ShotRule::nearest, ShotRule::exemplar};

}  // namespace

TEST(errors_follow_the_definition) {
  const std::vector<RowMatrix> points = clouds();
  const auto n = static_cast<Index>(points.size());
  for (const ShotRule rule : kRules)
    for (const bool disjoint : {true, false})
      for (const bool single : {true, false}) {
        const FewshotOptions options = options_of(rule, disjoint, single);
        const Found found = run(points, options, n, 1);
        double mean = 0.0;
        for (Index a = 0; a < n; ++a)
          for (Index b = 0; b < n; ++b) {
            if (a == b) {
              CHECK(std::isnan(found.values[a * n + b]));
              continue;
            }
            CHECK_NEAR(found.values[a * n + b], error_by_definition(points, a, b, options), 1e-13);
            mean += found.values[a * n + b] / static_cast<double>(n * (n - 1));
          }
        double of_episodes = 0.0;
        for (const double one : found.of_episode) of_episodes += one / 20;
        CHECK_NEAR(of_episodes, mean, 1e-13);
      }
}

TEST(threads_and_tiles_give_the_same_bits) {
  const std::vector<RowMatrix> points = clouds();
  const auto n = static_cast<Index>(points.size());
  for (const ShotRule rule : kRules) {
    const FewshotOptions options = options_of(rule, true, true);
    const Found all = run(points, options, n, 1);
    for (const int n_threads : {2, 5}) {
      const Found found = run(points, options, n, n_threads);
      CHECK(std::equal(found.values.begin(), found.values.end(), all.values.begin(), same));
      CHECK(found.of_episode == all.of_episode);
    }
    const Found tile = run(points, options, 2, 3);
    for (Index a = 0; a < n; ++a)
      for (Index b = 0; b < n; ++b)
        for (Index k = 0; k < 3; ++k) {
          const double value = tile.values[(k * n + a) * n + b];
          CHECK((a < 2) == (b < 2) ? std::isnan(value) : value == all.values[(k * n + a) * n + b]);
        }
  }
}

TEST(a_copy_is_a_tie_or_as_good) {
  // A class and its copy with the same draws: every decision is a tie.
  const RowMatrix points = normals(3, 9, kDepth);
  for (const ShotRule rule : kRules)
    for (const bool single : {true, false}) {
      std::vector<ShotClass> classes(2, {check::view(points), 4});
      Found found(2, 20);
      FewshotErrors out{found.values.data(), found.values.data() + 4, found.values.data() + 8,
                        found.of_episode.data(), 0.0};
      fewshot_errors(classes, 2, options_of(rule, true, single), 1, {}, out);
      CHECK(found.values[1] == 0.5 && found.values[2] == 0.5 && found.values[5] == 0.0);
    }
}

TEST(the_monitor_sees_pairs_and_stops_them) {
  const std::vector<RowMatrix> points = clouds();
  const FewshotOptions options = options_of(ShotRule::prototype, true, true);
  Index most = 0, total = 0;
  const Monitor watch = [&](Index done, Index all) {
    most = std::max(most, done);
    total = all;
    return false;
  };
  run(points, options, 6, 1, watch);
  CHECK(most == 15 && total == 15);
  const Monitor stop = [](Index, Index) { return true; };
  for (const int n_threads : {1, 3}) CHECK_THROWS(run(points, options, 6, n_threads, stop), Cancelled);
}
