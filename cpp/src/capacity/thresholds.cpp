// Simulated capacity: from how many random dimensions on a labelling is separable.
#include <algorithm>
#include <memory>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/random.hpp"
#include "neurogeom/capacity/separability.hpp"

namespace neurogeom {
namespace {

// Directions are drawn and projected on so many at a time, beginning at a multiple of it.
constexpr Index kBlock = 16;
// Trials that search from afar; the others begin where these ended.
constexpr Index kPilots = 4;

// The coordinates of all vectors in one trial's random directions, as far as they were asked for.
class Projected {
 public:
  // `vectors` has `stride` rows, the last ones zero.
  Projected(const RowMatrix& vectors, std::uint64_t key) : vectors_(vectors), key_(key) {}

  void begin(Index trial) {
    trial_ = static_cast<std::uint64_t>(trial);
    n_known_ = 0;
  }
  const double* coordinates(Index n_dims) {
    const Index needed = (n_dims + kBlock - 1) / kBlock * kBlock, n = vectors_.cols();
    if (coordinates_.rows() < needed)
      coordinates_.conservativeResize(std::max(needed, 2 * coordinates_.rows()), vectors_.rows());
    for (; n_known_ < needed; n_known_ += kBlock) {
      directions_.resize(kBlock, n);
      standard_normals(key_, 0, (trial_ << 32) + static_cast<std::uint64_t>(n_known_), kBlock, n,
                       directions_.data(), n);
      coordinates_.middleRows(n_known_, kBlock).noalias() = directions_ * vectors_.transpose();
    }
    return coordinates_.data();
  }

 private:
  const RowMatrix& vectors_;
  const std::uint64_t key_;
  std::uint64_t trial_ = 0;
  Index n_known_ = 0;
  RowMatrix coordinates_, directions_;
};

// Least n in 1 .. most for which separable(n), a monotone question, begun at `guess` with steps that double;
// most + 1 if there is none, 0 if an answer is missing.
template <class Question>
Index search(Index guess, Index step, Index most, const Question& separable) {
  Index below = 0, above = most + 1;
  Index n = std::clamp<Index>(guess, 1, most);
  while (above - below > 1) {
    const Separability answer = separable(n);
    if (answer == Separability::undecided) return 0;
    (answer == Separability::separable ? above : below) = n;
    if (above <= most && below > 0) {
      n = below + (above - below) / 2;
    } else {
      n = above <= most ? std::max<Index>(1, above - step) : std::min(most, below + step);
      step *= 2;
    }
  }
  return above;
}

}  // namespace

void separability_thresholds(const Bodies& bodies, const std::int8_t* labels, Index n_trials,
                             std::uint64_t key, int n_threads, const Monitor& monitor, double* threshold,
                             bool* undecided) {
  const Index most = bodies.vectors.cols(), stride = whole_runs(bodies.vectors.rows());
  // In memory of our own: the sum order of products with foreign memory may depend on its address.
  RowMatrix vectors = RowMatrix::Zero(stride, most);
  vectors.topRows(bodies.vectors.rows()) = bodies.vectors;
  std::vector<Index> found(static_cast<std::size_t>(n_trials));
  std::fill_n(undecided, n_trials, false);

  const auto run = [&](Index first, Index last, Index guess, Index step) {
    const Monitor partial = [&](Index done, Index) { return monitor && monitor(first + done, n_trials); };
    parallel_ranges(last - first, 1, n_threads, partial, [&](const Checkpoint& checkpoint) -> RangeBody {
      const auto separator = std::make_shared<Separator>(bodies, checkpoint);
      const auto projected = std::make_shared<Projected>(vectors, key);
      return [&, separator, projected, first, guess, step](Index begin, Index end) {
        for (Index k = first + begin; k < first + end; ++k) {
          separator->forget();
          projected->begin(k);
          found[k] = search(guess, step, most, [&](Index n) {
            const Separability answer =
                separator->decide(projected->coordinates(n), n, stride, labels + k * bodies.n_manifolds());
            if (answer != Separability::undecided) return answer;
            undecided[k] = true;
            return bodies.n_axes > 0 ? Separability::inseparable : answer;
          });
        }
      };
    });
  };
  const Index n_pilots = std::min(kPilots, n_trials), n_manifolds = bodies.n_manifolds();
  run(0, n_pilots, n_manifolds / 2, 1 + n_manifolds / 8);
  if (n_pilots < n_trials) {
    std::vector<Index> pilots(found.begin(), found.begin() + n_pilots);
    std::sort(pilots.begin(), pilots.end());
    run(n_pilots, n_trials, pilots[static_cast<std::size_t>(n_pilots / 2)], 1);
  }
  for (Index k = 0; k < n_trials; ++k)
    threshold[k] = found[k] == 0 ? kNaN : found[k] > most ? kInfinity : static_cast<double>(found[k]);
}

}  // namespace neurogeom
