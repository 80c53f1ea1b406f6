#include "neurogeom/pairs/shots.hpp"

#include <numeric>
#include <utility>

#include "neurogeom/base/random.hpp"

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

Shots::Shots(std::uint64_t key, std::uint32_t class_number, Index points, Index shots, Index episodes,
             bool is_disjoint)
    : n_points(points),
      n_shots(shots),
      n_episodes(episodes),
      disjoint(is_disjoint),
      drawn(static_cast<std::size_t>(shots * episodes)),
      times_drawn(static_cast<std::size_t>(points)),
      times_tested(static_cast<std::size_t>(points), episodes) {
  draw_shots(key, class_number, points, shots, episodes, !disjoint, drawn.data());
  for (const std::int32_t shot : drawn) ++times_drawn[shot];
  if (disjoint)
    for (Index i = 0; i < points; ++i) times_tested[i] -= times_drawn[i];
}

}  // namespace neurogeom
