// From the decisions of trials to errors and their variances.
#pragma once

#include <mutex>
#include <vector>

#include "neurogeom/base/types.hpp"
#include "neurogeom/pairs/shots.hpp"

namespace neurogeom {

// What the trials of one ordered pair of classes gave: twice the numbers of wrong decisions on test points of
// the first, a tie being half of one.
struct Trials {
  Counts of_episode, of_point;
};

// Errors of points of class a (row) as to class b (column); where there is no such pair they are left alone.
struct FewshotErrors {
  double* error;           // C x C
  double* variance;        // C x C, over draws of episodes for these points
  double* point_variance;  // C x C, over draws of points, an estimate that may be negative
  double* of_episode;      // the mean over all pairs in each episode
  double mean_point_variance;
};

class FewshotEstimates {
 public:
  // Both must outlive this.
  FewshotEstimates(const std::vector<const Shots*>& classes, FewshotErrors& out);

  // Trials of points of class `own` as to class `other`. Any thread, any order: what is summed over pairs is
  // summed in whole numbers.
  void add(Index own, Index other, const Trials& trials);
  // When all pairs have been added; each direction of a pair has this share of the mean.
  void finish(double share);

 private:
  // Of all pairs of a class: as in Trials, and the errors of all tests that its shots have a part in.
  struct Totals {
    Counts of_episode, of_point, of_shots;
  };

  std::vector<const Shots*> classes_;
  FewshotErrors& out_;
  std::vector<Totals> totals_;
  std::mutex mutex_;
};

}  // namespace neurogeom
