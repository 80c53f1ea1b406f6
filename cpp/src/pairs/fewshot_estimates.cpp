#include "neurogeom/pairs/fewshot_estimates.hpp"

#include <cmath>

namespace neurogeom {
namespace {

// Errors are summed over pairs in this unit.
constexpr double kUnit = 1.0 / static_cast<double>(std::int64_t{1} << 40);

// Mean over episodes, and the variance of one.
struct Spread {
  explicit Spread(const std::vector<double>& values) {
    const double n = static_cast<double>(values.size());
    for (const double value : values) mean += value;
    mean /= n;
    for (const double value : values) variance += (value - mean) * (value - mean);
    variance = values.size() > 1 ? variance / (n - 1) : kNaN;
  }
  double mean = 0.0, variance = 0.0;
};

// Variance over points of a class of an error that depends on each as a test point (if `of_point`, as in
// Trials) and as a shot: that of its first-order part (Hoeffding, Ann. Math. Stat. 19, 293, 1948), less what
// the episodes add to it. The part of a point as a shot is n_shots times the mean error of the episodes that
// drew it, less the mean.
double over_points(const Shots& shots, const Counts* of_point, double point_mean,
                   const std::vector<double>& errors) {
  const double m = static_cast<double>(shots.n_shots), mean = Spread(errors).mean;
  std::vector<double> part(static_cast<std::size_t>(shots.n_points));
  double squares = 0.0, between = 0.0;
  for (Index t = 0; t < shots.n_episodes; ++t)
    for (Index s = 0; s < shots.n_shots; ++s) {
      part[shots.at(t)[s]] += errors[t] - mean;
      squares += (errors[t] - mean) * (errors[t] - mean);
    }
  Index freedom = shots.n_episodes * shots.n_shots;
  for (Index i = 0; i < shots.n_points; ++i) {
    if (shots.times_drawn[i] == 0) continue;
    const double times = static_cast<double>(shots.times_drawn[i]);
    between += part[i] * part[i] / times;
    part[i] /= times;
    --freedom;
  }
  const double noise = (squares - between) / static_cast<double>(freedom);  // of an episode with a given shot
  const double per_episode = 1 / static_cast<double>(shots.n_episodes);
  double total = 0.0;
  Index known = 0;
  for (Index i = 0; i < shots.n_points; ++i) {
    if (shots.times_drawn[i] == 0 || (of_point != nullptr && shots.times_tested[i] == 0)) continue;
    double own = m * part[i];
    if (of_point != nullptr)
      own +=
          static_cast<double>((*of_point)[i]) / (2 * static_cast<double>(shots.times_tested[i])) - point_mean;
    // What episodes add to the square, the part being relative to the mean of all.
    const double added = m * m * (1 / static_cast<double>(shots.times_drawn[i]) - per_episode);
    total += own * own - noise * added;
    ++known;
  }
  // Without a point that is drawn twice, episodes and points cannot be told apart.
  return freedom > 0 && known > 0 && shots.n_points > 1
             ? total / static_cast<double>(known * (shots.n_points - 1))
             : kNaN;
}

std::vector<double> times(double factor, const Counts& counts) {
  std::vector<double> products;
  products.reserve(counts.size());
  for (const std::int64_t count : counts) products.push_back(factor * static_cast<double>(count));
  return products;
}

double per_decision(const Shots& shots) {
  return 1 / (2 * static_cast<double>(shots.n_tests()));
}

}  // namespace

FewshotEstimates::FewshotEstimates(const std::vector<const Shots*>& classes, FewshotErrors& out)
    : classes_(classes), out_(out), totals_(classes.size()) {
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const auto n_episodes = static_cast<std::size_t>(classes[c]->n_episodes);
    totals_[c] = {Counts(n_episodes), Counts(classes[c]->times_tested.size()), Counts(n_episodes)};
  }
}

void FewshotEstimates::add(Index own, Index other, const Trials& trials) {
  const Shots& shots = *classes_[own];
  const std::vector<double> errors = times(per_decision(shots), trials.of_episode);
  const Spread spread(errors);
  const Index at = own * static_cast<Index>(classes_.size()) + other;
  out_.error[at] = spread.mean;
  out_.variance[at] = spread.variance / static_cast<double>(errors.size());
  out_.point_variance[at] = over_points(shots, &trials.of_point, spread.mean, errors) +
                            over_points(*classes_[other], nullptr, 0.0, errors);
  const std::lock_guard<std::mutex> lock(mutex_);
  Totals& mine = totals_[own];
  for (std::size_t i = 0; i < mine.of_point.size(); ++i) mine.of_point[i] += trials.of_point[i];
  for (std::size_t t = 0; t < errors.size(); ++t) {
    const std::int64_t units = std::llround(errors[t] / kUnit);
    mine.of_episode[t] += trials.of_episode[t];
    mine.of_shots[t] += units;
    totals_[other].of_shots[t] += units;
  }
}

void FewshotEstimates::finish(double share) {
  for (Index t = 0; t < classes_[0]->n_episodes; ++t) out_.of_episode[t] = 0.0;
  out_.mean_point_variance = 0.0;
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    const std::vector<double> tested = times(per_decision(*classes_[c]), totals_[c].of_episode);
    for (std::size_t t = 0; t < tested.size(); ++t) out_.of_episode[t] += share * tested[t];
    out_.mean_point_variance += share * share *
                                over_points(*classes_[c], &totals_[c].of_point, Spread(tested).mean,
                                            times(kUnit, totals_[c].of_shots));
  }
}

}  // namespace neurogeom
