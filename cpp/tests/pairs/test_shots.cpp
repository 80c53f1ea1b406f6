#include <algorithm>
#include <set>

#include "check.hpp"
#include "neurogeom/pairs/shots.hpp"

using namespace neurogeom;

namespace {

using Integers = std::vector<std::int32_t>;

Integers drawn(std::uint64_t key, std::uint32_t number, Index n_points, Index n_shots, Index n_episodes,
               bool replace) {
  Integers out(static_cast<std::size_t>(n_shots * n_episodes), -1);
  draw_shots(key, number, n_points, n_shots, n_episodes, replace, out.data());
  return out;
}

}  // namespace

// By definition: the words of the counters, one after the other; of 2^32 of them few are rejected, and of
// small numbers of points practically none.
TEST(words_become_steps_of_a_shuffle) {
  const std::uint64_t key = 0x123456789ABCDEF0U;
  const Index n_points = 9, n_shots = 7;
  for (const bool replace : {false, true}) {
    const Integers found = drawn(key, 3, n_points, n_shots, 20, replace);
    for (std::uint32_t t = 0; t < 20; ++t) {
      Integers order{0, 1, 2, 3, 4, 5, 6, 7, 8};
      for (std::uint32_t s = 0; s < n_shots; ++s) {
        const PhiloxCounter words = philox4x32({{s / 4, 3, t, 0}}, key);
        const std::uint64_t left = replace ? 9 : 9 - s;
        const std::uint64_t step = (words.word[s % 4] * left) >> 32;
        if (!replace) std::swap(order[s], order[s + step]);
        CHECK(found[t * n_shots + s] == (replace ? static_cast<std::int32_t>(step) : order[s]));
      }
    }
  }
}

TEST(all_numbers_are_as_likely_where_many_words_are_rejected) {
  // 3 * 2^30 points: a quarter of the words. Each third of the numbers gets a third of the draws.
  const Index n_points = Index{3} << 29, n = 30000;
  const Integers found = drawn(1, 0, n_points, 1, n, true);
  double counts[3] = {};
  for (const std::int32_t one : found) ++counts[one / (n_points / 3)];
  for (const double count : counts) CHECK_NEAR(count, n / 3.0, 4 * std::sqrt(n * 2.0 / 9));
}

TEST(shots_of_a_class) {
  const Shots apart(5, 2, 10, 4, 50, true), all(5, 2, 10, 4, 50, false);
  CHECK(apart.n_tests() == 6 && all.n_tests() == 10);
  CHECK(apart.drawn == drawn(5, 2, 10, 4, 50, false) && all.drawn == drawn(5, 2, 10, 4, 50, true));
  for (Index t = 0; t < 50; ++t) CHECK(std::set<std::int32_t>(apart.at(t), apart.at(t) + 4).size() == 4);
  std::int64_t total = 0;
  for (std::size_t i = 0; i < 10; ++i) {
    const auto times = std::count(apart.drawn.begin(), apart.drawn.end(), static_cast<std::int32_t>(i));
    CHECK(apart.times_drawn[i] == times && apart.times_tested[i] == 50 - times);
    CHECK(all.times_tested[i] == 50);
    total += all.times_drawn[i];
  }
  CHECK(total == 200);
}
