// Learning from few examples, by trial: for each pair of classes and each episode a few points of either are
// shots, and the other points go to the class whose shots are nearer.
#pragma once

#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"
#include "neurogeom/pairs/fewshot_estimates.hpp"

namespace neurogeom {

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

// All pairs of classes, or (n_rows < C) those of the first n_rows with the others. There are two classes at
// least, and all points are finite. Bits of a pair do not depend on other classes, nor on the number of
// threads.
void fewshot_errors(const std::vector<ShotClass>& classes, Index n_rows, const FewshotOptions& options,
                    int n_threads, const Monitor& monitor, FewshotErrors& out);

}  // namespace neurogeom
