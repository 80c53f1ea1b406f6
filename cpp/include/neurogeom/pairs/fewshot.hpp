// Learning from few examples, by trial: for each pair of classes and each episode a few points of either are
// shots, and the other points go to the class whose shots are nearer.
#pragma once

#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"

namespace neurogeom {

// Row t of `out` (n_episodes x n_shots): the shots of a class in episode t, as numbers of its points. They
// belong to (key, class number, episode), and the first shots of an episode do not depend on how many there
// are: the words of counters (block, class, episode), in their order, are whole numbers below n_points, each
// by multiplication and without bias (Lemire, ACM Trans. Model. Comput. Simul. 29, 3, 2019). Without
// replacement they are the steps of a Fisher-Yates shuffle, and there are at most n_points of them.
void draw_shots(std::uint64_t key, std::uint32_t class_number, Index n_points, Index n_shots,
                Index n_episodes, bool replace, std::int32_t* out);

enum class ShotRule {
  prototype,  // nearest mean of the shots
  nearest,    // nearest shot
  exemplar,  // larger sum over the shots of exp(-beta squared distance / mean squared radius of both classes)
};

struct FewshotOptions {
  ShotRule rule;
  Index n_shots, n_episodes;
  bool disjoint;        // shots are drawn without replacement, and not tested; else with, and all are tested
  bool correct_radius;  // (prototype) for the part of squared distances that is due to few shots
  bool single;          // tiles in single precision; what that cannot decide is decided in double
  double beta;
  std::uint64_t key;
};

struct ShotClass {
  MatrixView points;
  std::uint32_t number;  // of its draws
};

// Errors of points of class a (row) as to class b (column); where there is no such pair they are left alone.
struct FewshotErrors {
  double* error;           // C x C
  double* variance;        // C x C, over draws of episodes for these points
  double* point_variance;  // C x C, over draws of points, an estimate that may be negative
  double* of_episode;      // the mean over all pairs in each episode
  double mean_point_variance;
};

// All pairs of classes, or (n_rows < C) those of the first n_rows with the others. There are two classes at
// least, and all points are finite. Bits of a pair do not depend on other classes, nor on the number of
// threads.
void fewshot_errors(const std::vector<ShotClass>& classes, Index n_rows, const FewshotOptions& options,
                    int n_threads, const Monitor& monitor, FewshotErrors& out);

}  // namespace neurogeom
