#include "neurogeom/capacity/separability.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/tolerances.hpp"
#include "neurogeom/cone/active_set.hpp"

namespace neurogeom {
namespace {

// Last coordinates of the rows: 1, then less and less.
constexpr double kLowerLift = 1.0 / 1024;
constexpr double kLeastLift = 1e-13;
// Rounds after which a decision is given up. Points need few; ellipsoids that nearly touch need most.
constexpr int kMaxRounds = 1000;
// Points of ellipsoids that are worse than those at hand by less than this, relative, are no progress.
constexpr double kProgress = 1e-12;

double length(const double* x, Index n) {
  return std::sqrt(squared_norm(x, n));
}

}  // namespace

Separator::Separator(const Bodies& bodies, Checkpoint checkpoint)
    : bodies_(bodies), checkpoint_(std::move(checkpoint)) {
  const auto n_bodies = static_cast<std::size_t>(bodies.n_bodies());
  sign_.resize(n_bodies);
  size_.resize(n_bodies);
  known_.resize(n_bodies);
  cosine_.resize(n_bodies);
}

void Separator::forget() {
  body_.clear();
  shape_.clear();
}

// Signs and sizes of the bodies in the present dimensions, and the size of the offset's coordinate.
void Separator::measure() {
  const Index n_bodies = bodies_.n_bodies(), n_axes = bodies_.n_axes;
  for (Index g = 0; g < bodies_.n_manifolds(); ++g)
    for (Index i = bodies_.first[g]; i < bodies_.first[g + 1]; ++i) sign_[i] = signs_[g];
  products_.assign(static_cast<std::size_t>(stride_), 0.0);
  for (Index d = 0; d < n_dims_; ++d) {
    const double* row = coordinates_ + d * stride_;
    for (Index j = 0; j < stride_; ++j) products_[j] += row[j] * row[j];
  }
  const double mean_square = sum(products_.data(), n_bodies) / static_cast<double>(n_bodies);
  const double typical = std::sqrt(mean_square);
  offset_ = !bodies_.intercept ? 0.0 : typical > 0 ? power_of_two_above(&typical, 1) : 1.0;
  for (Index i = 0; i < n_bodies; ++i) {
    const double axes = sum(products_.data() + n_bodies + i * n_axes, n_axes);
    size_[i] = std::sqrt(products_[i] + offset_ * offset_ + axes);
  }
}

// The sum of all signed centres in units of their sizes.
void Separator::hebbian_direction() {
  const Index n_bodies = bodies_.n_bodies();
  for (Index i = 0; i < n_bodies; ++i) products_[i] = sign_[i] / size_[i];
  for (Index d = 0; d < n_dims_; ++d) w_[d] = dot(products_.data(), coordinates_ + d * stride_, n_bodies);
  if (bodies_.intercept) w_[n_dims_] = offset_ * sum(products_.data(), n_bodies);
}

// How far each body's worst point is on the right side of the direction, relative to its size; the least of
// these. Zero where there is no direction.
double Separator::measure_cosines() {
  const Index n_bodies = bodies_.n_bodies(), n_axes = bodies_.n_axes;
  const double norm = length(w_.data(), n_columns_);
  std::fill(products_.begin(), products_.end(), 0.0);
  add_rows(w_.data(), coordinates_, n_dims_, stride_, products_.data(), stride_);
  const double offset = bodies_.intercept ? w_[n_dims_] * offset_ : 0.0;
  for (Index i = 0; i < n_bodies; ++i) {
    double value = sign_[i] * (products_[i] + offset);
    if (n_axes > 0) value -= length(products_.data() + n_bodies + i * n_axes, n_axes);
    cosine_[i] = norm > 0 ? value / (size_[i] * norm) : 0.0;
  }
  return *std::min_element(cosine_.begin(), cosine_.end());
}

// The bodies of each manifold that are worst for the direction, by rising cosine: so many that the working
// set grows to the number of dimensions in two rounds.
void Separator::find_worst() {
  const Index share = 1 + n_columns_ / (2 * bodies_.n_manifolds());
  worst_.clear();
  for (Index g = 0; g < bodies_.n_manifolds(); ++g) {
    order_.resize(static_cast<std::size_t>(bodies_.first[g + 1] - bodies_.first[g]));
    std::iota(order_.begin(), order_.end(), bodies_.first[g]);
    const auto end = order_.begin() + std::min(share, static_cast<Index>(order_.size()));
    std::partial_sort(order_.begin(), end, order_.end(), [&](Index i, Index j) {
      return cosine_[i] != cosine_[j] ? cosine_[i] < cosine_[j] : i < j;
    });
    worst_.insert(worst_.end(), order_.begin(), end);
  }
}

// Adds the point of this body that is worst for the direction whose products are at hand.
void Separator::add(Index body) {
  const Index n_axes = bodies_.n_axes;
  known_[body] = 1;
  body_.push_back(body);
  const double* along = products_.data() + bodies_.n_bodies() + body * n_axes;
  const double norm = length(along, n_axes);
  for (Index k = 0; k < n_axes; ++k) shape_.push_back(norm > 0 ? along[k] / norm : 0.0);
}

// The rows of the working set in the present dimensions.
void Separator::realise() {
  const Index n_axes = bodies_.n_axes, n_rows = static_cast<Index>(body_.size());
  rows_.resize(n_rows, n_columns_ + 1);
  for (Index r = 0; r < n_rows; ++r) {
    const Index body = body_[r];
    double* row = rows_.row(r).data();
    for (Index d = 0; d < n_dims_; ++d) row[d] = sign_[body] * coordinates_[d * stride_ + body];
    if (bodies_.intercept) row[n_dims_] = sign_[body] * offset_;
    const Index first_axis = bodies_.n_bodies() + body * n_axes;
    for (Index d = 0; d < n_dims_ && n_axes > 0; ++d)
      row[d] -= dot(shape_.data() + r * n_axes, coordinates_ + d * stride_ + first_axis, n_axes);
    // A division by a power of two is exact.
    const double unit = power_of_two_above(&size_[body], 1);
    for (Index d = 0; d < n_columns_; ++d) row[d] /= unit;
    row[n_columns_] = lift_;
  }
}

// Projects the target on the cone of the rows: weights (of the rows themselves) and remainder.
void Separator::project(const double* target) {
  const Index n_rows = rows_.rows(), n = n_columns_ + 1;
  ConeProblem problem(MatrixView(rows_.data(), n_rows, n), 0.0);
  Generators& generators = problem.generators;
  generators.form_gram(0, generators.gram_rows());
  Vector values(generators.stride);
  for (Index i = 0; i < n_rows; ++i) values[i] = dot(generators.rows.row(i).data(), target, n);
  problem.constrain(values.data());
  ActiveSet solver(generators, checkpoint_);
  // Whatever the status: certificates decide, for which any weights and any direction will do.
  solver.solve(values.data(), problem.shifts(), target, problem.size(target));
  weight_.assign(static_cast<std::size_t>(n_rows), 0.0);
  for (std::size_t i = 0; i < solver.active().size(); ++i) {
    const Index point = solver.active()[i];
    weight_[point] = solver.weights()[i] / generators.scale[point];
  }
  remainder_.assign(solver.remainder(), solver.remainder() + n);
  for (Index d = 0; d < n_columns_; ++d) w_[d] = -remainder_[d];
}

// The certificate of inseparability, from the weights alone.
bool Separator::zero_in_hull() const {
  std::vector<double> combined(static_cast<std::size_t>(n_columns_), 0.0);
  double total = 0.0;
  for (std::size_t r = 0; r < body_.size(); ++r) {
    if (!(weight_[r] > 0)) continue;
    axpy(weight_[r], rows_.row(static_cast<Index>(r)).data(), combined.data(), n_columns_);
    total += weight_[r] * size_[body_[r]] / power_of_two_above(&size_[body_[r]], 1);
  }
  return total > 0 && length(combined.data(), n_columns_) <= kVanishing * total;
}

// Leaves the points of the working set that have weight; the others do not change the projection.
void Separator::keep_active() {
  const Index n_axes = bodies_.n_axes;
  std::size_t kept = 0;
  for (std::size_t r = 0; r < body_.size(); ++r) {
    if (!(weight_[r] > 0)) {
      known_[body_[r]] = 0;
      continue;
    }
    body_[kept] = body_[r];
    std::copy_n(shape_.data() + static_cast<Index>(r) * n_axes, n_axes,
                shape_.data() + static_cast<Index>(kept) * n_axes);
    ++kept;
  }
  body_.resize(kept);
  shape_.resize(kept * static_cast<std::size_t>(n_axes));
}

// Adds the worst points of each manifold that are on the wrong side of the direction, unless they are
// there, in place of those that do not support it.
Separator::Outcome Separator::extend(double tolerance) {
  if (measure_cosines() > tolerance) return Outcome::clear;
  find_worst();
  double at_hand = 0.0;
  if (bodies_.n_axes > 0) {
    const double norm = length(w_.data(), n_columns_);
    for (std::size_t r = 0; r < body_.size() && norm > 0; ++r) {
      const double size = size_[body_[r]] / power_of_two_above(&size_[body_[r]], 1);
      const double value = dot(rows_.row(static_cast<Index>(r)).data(), w_.data(), n_columns_);
      at_hand = std::min(at_hand, value / size / norm);
    }
  }
  bool progress = false;
  for (const Index body : worst_) {
    if (cosine_[body] > tolerance) continue;
    const bool fresh = bodies_.n_axes > 0 ? cosine_[body] < at_hand - kProgress : known_[body] == 0;
    if (!fresh) continue;
    if (!progress) keep_active();
    add(body);
    progress = true;
  }
  return progress ? Outcome::progress : Outcome::stuck;
}

Separability Separator::decide(const double* coordinates, Index n_dims, Index stride,
                               const std::int8_t* signs) {
  coordinates_ = coordinates;
  signs_ = signs;
  n_dims_ = n_dims;
  stride_ = stride;
  n_columns_ = n_dims + (bodies_.intercept ? 1 : 0);
  w_.assign(static_cast<std::size_t>(n_columns_), 0.0);
  measure();
  // Products of n terms, relative to the lengths of their factors, are wrong by less than this.
  const double tolerance = 2 * kEpsilon * static_cast<double>(n_columns_ + bodies_.n_axes + 8);
  for (Index i = 0; i < bodies_.n_bodies(); ++i)
    if (size_[i] == 0) return Separability::inseparable;  // nothing is on a side of a hyperplane through it
  hebbian_direction();
  if (measure_cosines() > tolerance) return Separability::separable;
  find_worst();
  std::fill(known_.begin(), known_.end(), 0);
  for (const Index body : body_) known_[body] = 1;
  for (const Index body : worst_)
    if (bodies_.n_axes > 0 || known_[body] == 0) add(body);
  target_.assign(static_cast<std::size_t>(n_columns_) + 1, 0.0);
  target_.back() = 1.0;
  lift_ = 1.0;
  for (int round = 0; round < kMaxRounds; ++round) {
    realise();
    project(target_.data());
    if (zero_in_hull()) {
      keep_active();
      return Separability::inseparable;
    }
    Outcome outcome = extend(tolerance);
    if (outcome == Outcome::stuck) {
      // The margin is so small that it drowns in the tolerance of the projection, which is relative to its
      // target. The remainder's direction as a target is met to the same share of a length that is all
      // margin.
      std::vector<double> direction = remainder_;
      const double norm = length(direction.data(), n_columns_ + 1);
      if (!(norm > 0)) return Separability::undecided;
      for (double& x : direction) x /= norm;
      const std::vector<double> weights = weight_;
      project(direction.data());
      weight_ = weights;
      outcome = extend(tolerance);
    }
    if (outcome == Outcome::stuck) {
      // A last coordinate of the size of the margin makes for a remainder of the size of the target.
      lift_ *= kLowerLift;
      if (lift_ < kLeastLift) return Separability::undecided;
    }
    if (outcome == Outcome::clear) {
      keep_active();
      return Separability::separable;
    }
  }
  return Separability::undecided;
}

void decide_separability(const Bodies& bodies, const std::int8_t* labels, Index n_labellings, int n_threads,
                         const Monitor& monitor, std::int8_t* status) {
  const Index n_dims = bodies.vectors.cols(), stride = whole_runs(bodies.vectors.rows());
  RowMatrix coordinates = RowMatrix::Zero(n_dims, stride);
  coordinates.leftCols(bodies.vectors.rows()) = bodies.vectors.transpose();
  parallel_ranges(n_labellings, 1, n_threads, monitor, [&](const Checkpoint& checkpoint) -> RangeBody {
    const auto separator = std::make_shared<Separator>(bodies, checkpoint);
    return [&, separator](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        separator->forget();
        status[i] = static_cast<std::int8_t>(
            separator->decide(coordinates.data(), n_dims, stride, labels + i * bodies.n_manifolds()));
      }
    };
  });
}

}  // namespace neurogeom
