// Which points of a class are its shots, the few examples that it is learned from, in each of many episodes.
#pragma once

#include <vector>

#include "neurogeom/base/types.hpp"

namespace neurogeom {

// Row t of `out` (n_episodes x n_shots): the shots of a class in episode t, as numbers of its points. They
// belong to (key, class number, episode), and the first shots of an episode do not depend on how many there
// are: the words of counters (block, class, episode), in their order, become whole numbers below n_points by
// multiplication, without bias (Lemire, ACM Trans. Model. Comput. Simul. 29, 3, 2019). Without replacement
// they are the steps of a Fisher-Yates shuffle, and there are at most n_points of them.
void draw_shots(std::uint64_t key, std::uint32_t class_number, Index n_points, Index n_shots,
                Index n_episodes, bool replace, std::int32_t* out);

using Counts = std::vector<std::int64_t>;

// The shots of a class, and what is tested against them.
struct Shots {
  Shots() = default;
  // Disjoint: drawn without replacement, and not tested; else with, and all points are tested.
  Shots(std::uint64_t key, std::uint32_t class_number, Index points, Index shots, Index episodes,
        bool is_disjoint);

  const std::int32_t* at(Index episode) const { return drawn.data() + episode * n_shots; }
  Index n_tests() const { return n_points - (disjoint ? n_shots : 0); }

  Index n_points = 0, n_shots = 0, n_episodes = 0;
  bool disjoint = true;
  std::vector<std::int32_t> drawn;
  Counts times_drawn, times_tested;  // of each point
};

}  // namespace neurogeom
