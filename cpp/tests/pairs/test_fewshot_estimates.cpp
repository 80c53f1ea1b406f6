#include "check.hpp"
#include "neurogeom/pairs/fewshot_estimates.hpp"

using namespace neurogeom;

namespace {

constexpr Index kClasses = 3, kEpisodes = 60;

// Trials with decisions of our own: whole numbers of a generator.
Trials made_up(std::uint64_t key, const Shots& shots) {
  Trials trials{Counts(kEpisodes), Counts(static_cast<std::size_t>(shots.n_points))};
  const RowMatrix draws = check::normals(key, kEpisodes, shots.n_points);
  for (Index t = 0; t < kEpisodes; ++t)
    for (Index i = 0; i < shots.n_points; ++i) {
      bool is_shot = false;
      for (Index s = 0; s < shots.n_shots; ++s) is_shot |= shots.at(t)[s] == i;
      const std::int64_t wrong = is_shot ? 0 : (draws(t, i) > 0.5) + (draws(t, i) > 1.0);
      trials.of_episode[t] += wrong;
      trials.of_point[i] += wrong;
    }
  return trials;
}

struct Case {
  Case() : values(3 * kClasses * kClasses, kNaN), of_episode(kEpisodes) {
    for (std::uint32_t c = 0; c < kClasses; ++c) classes.emplace_back(9, c, 8 + c, 2, kEpisodes, true);
    for (const Shots& one : classes) views.push_back(&one);
  }
  FewshotErrors out() {
    return {values.data(), values.data() + 9, values.data() + 18, of_episode.data(), 0.0};
  }
  std::vector<Shots> classes;
  std::vector<const Shots*> views;
  std::vector<double> values, of_episode;
};

}  // namespace

TEST(means_and_variances_over_episodes) {
  Case made;
  FewshotErrors out = made.out();
  FewshotEstimates estimates(made.views, out);
  std::vector<double> means(kEpisodes);
  for (Index a = 0; a < kClasses; ++a)
    for (Index b = 0; b < kClasses; ++b) {
      if (a == b) continue;
      const Trials trials = made_up(static_cast<std::uint64_t>(3 * a + b), made.classes[a]);
      estimates.add(a, b, trials);
      double mean = 0.0, square = 0.0;
      for (Index t = 0; t < kEpisodes; ++t) {
        const double error = static_cast<double>(trials.of_episode[t]) / (2.0 * made.classes[a].n_tests());
        mean += error / kEpisodes;
        square += error * error / kEpisodes;
        means[t] += error / 6;
      }
      CHECK_NEAR(out.error[3 * a + b], mean, 1e-14);
      CHECK_NEAR(out.variance[3 * a + b], (square - mean * mean) / (kEpisodes - 1), 1e-14);
    }
  estimates.finish(1.0 / 6);
  for (Index t = 0; t < kEpisodes; ++t) CHECK_NEAR(made.of_episode[t], means[t], 1e-14);
  CHECK(std::isnan(out.error[0]) && std::isnan(out.point_variance[4]));
}

TEST(of_one_pair_the_mean_varies_as_its_pseudovalues) {
  // Two classes and one direction with errors: both variances over points are then the same sum.
  Case made;
  made.views.pop_back();
  FewshotErrors out = made.out();
  FewshotEstimates estimates(made.views, out);
  const Trials none{Counts(kEpisodes), Counts(9)}, some = made_up(1, made.classes[0]);
  estimates.add(0, 1, some);
  estimates.add(1, 0, none);
  estimates.finish(0.5);
  CHECK(out.point_variance[2] == 0.0);
  CHECK_NEAR(out.mean_point_variance, out.point_variance[1] / 4, 1e-12);
}

TEST(shots_that_make_no_difference_add_nothing) {
  // Errors of test points that are drawn anew in each episode depend on no shot, and points differ only
  // because episodes are few, which makes about the variance over episodes; up to n_shots / n_points.
  double sum = 0.0, variance = 0.0;
  constexpr int kSets = 300;
  for (std::uint64_t key = 0; key < kSets; ++key) {
    const Shots own(key, 0, 12, 2, kEpisodes, true), other(key, 1, 12, 2, kEpisodes, true);
    std::vector<double> values(12), of_episode(kEpisodes);
    FewshotErrors out{values.data(), values.data() + 4, values.data() + 8, of_episode.data(), 0.0};
    FewshotEstimates estimates({&own, &other}, out);
    estimates.add(0, 1, made_up(1000 + key, own));
    sum += out.point_variance[1] / kSets;
    variance += out.variance[1] / kSets;
  }
  CHECK(sum > 0.4 * variance && sum < 1.2 * variance);
}

TEST(what_cannot_be_known_is_not_a_number) {
  const Shots own(1, 0, 1, 1, 3, false), other(1, 1, 5, 1, 3, false);
  std::vector<double> values(12), of_episode(3);
  FewshotErrors out{values.data(), values.data() + 4, values.data() + 8, of_episode.data(), 0.0};
  FewshotEstimates estimates({&own, &other}, out);
  estimates.add(0, 1, {{1, 0, 2}, {3}});
  CHECK_NEAR(out.error[1], 0.5, 0.0);
  CHECK(std::isnan(out.point_variance[1]));
}
