#include "neurogeom/lowrank.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

namespace neurogeom {
namespace {

constexpr std::size_t kMemory = 8;
// A centre of which less than this share (squared) is left has no direction to speak of.
constexpr double kVanished = 1e-14;
// Steps in a row with too little decrease that end a descent.
constexpr int kStalledSteps = 10;

class CorrelationCost {
 public:
  explicit CorrelationCost(const MatrixView& centers)
      : centers_(centers), products_(centers_ * centers_.transpose()) {}

  // Infinite where a centre vanishes, so that the line search turns back.
  double operator()(const RowMatrix& basis, RowMatrix* gradient) {
    const Index n = centers_.rows();
    along_.noalias() = centers_ * basis;
    left_ = products_;
    left_.noalias() -= along_ * along_.transpose();
    inverse_.resize(n);
    for (Index m = 0; m < n; ++m) {
      if (!(left_(m, m) > kVanished * products_(m, m))) return std::numeric_limits<double>::infinity();
      inverse_[m] = 1.0 / left_(m, m);
    }
    double cost = 0.0;
    row_cost_.resize(n);
    for (Index m = 0; m < n; ++m) {
      // Row m of W, and sum_n R_mn W_mn = R_mm g_m.
      auto row = left_.row(m);
      double sum = 0.0;
      if (gradient == nullptr) {
        sum = (row.array().square() * inverse_.transpose().array()).sum() * inverse_[m];
      } else {
        scaled_ = row.array() * inverse_.transpose().array() * inverse_[m];
        sum = scaled_.dot(row);
        row = scaled_;
      }
      row_cost_[m] = sum;
      cost += sum;
    }
    if (gradient != nullptr) {
      weighted_.noalias() = -left_ * along_;
      for (Index m = 0; m < n; ++m) weighted_.row(m) += row_cost_[m] * inverse_[m] * along_.row(m);
      gradient->noalias() = 2.0 * centers_.transpose() * weighted_;
    }
    return 0.5 * cost;
  }

 private:
  RowMatrix centers_;  // a copy: own memory is aligned, and bits do not depend on where the input lies
  RowMatrix products_, along_, left_, weighted_;
  Vector inverse_, row_cost_;
  Eigen::RowVectorXd scaled_;
};

// Orthonormal basis of the columns, nearest to them in orientation.
RowMatrix orthonormalized(const RowMatrix& columns) {
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(columns);
  Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(columns.rows(), columns.cols());
  for (Index k = 0; k < columns.cols(); ++k)
    if (qr.matrixQR()(k, k) < 0) q.col(k) = -q.col(k);
  return q;
}

// The part of a matrix that is tangent at a basis.
void make_tangent(const RowMatrix& basis, RowMatrix& x) {
  x -= basis * (basis.transpose() * x).eval();
}

double inner(const RowMatrix& x, const RowMatrix& y) {
  return x.cwiseProduct(y).sum();
}

struct Step {
  RowMatrix move,
      change;  // tangent vectors at the current basis: step taken, change of the gradient
};

// Two-loop recursion: minus the inverse Hessian estimate times the gradient.
RowMatrix quasi_newton_direction(const RowMatrix& gradient, const std::deque<Step>& steps) {
  RowMatrix direction = -gradient;
  std::vector<double> alpha(steps.size());
  for (std::size_t i = steps.size(); i-- > 0;) {
    alpha[i] = inner(steps[i].move, direction) / inner(steps[i].move, steps[i].change);
    direction -= alpha[i] * steps[i].change;
  }
  if (!steps.empty()) {
    const Step& last = steps.back();
    direction *= inner(last.move, last.change) / inner(last.change, last.change);
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double beta = inner(steps[i].change, direction) / inner(steps[i].move, steps[i].change);
    direction += (alpha[i] - beta) * steps[i].move;
  }
  return direction;
}

DescentResult descend(const MatrixView& centers, const MatrixView& start, const DescentLimits& limits,
                      const Checkpoint& checkpoint) {
  CorrelationCost cost_function(centers);
  RowMatrix basis = start, gradient, next_gradient;
  double cost = cost_function(basis, &gradient);
  DescentResult result{basis, cost, std::numeric_limits<double>::infinity(), 0};
  if (!std::isfinite(cost)) return result;
  make_tangent(basis, gradient);
  std::deque<Step> steps;
  int stalled = 0;
  for (; result.n_iterations < limits.max_iterations && stalled < kStalledSteps; ++result.n_iterations) {
    checkpoint();
    if (gradient.norm() <= limits.gradient_norm) break;
    RowMatrix direction = quasi_newton_direction(gradient, steps);
    double slope = inner(gradient, direction);
    if (!(slope < 0)) {
      steps.clear();
      direction = -gradient;
      slope = -gradient.squaredNorm();
    }
    // Armijo backtracking. The first direction has no scale: start with a step of a tenth of a
    // turn.
    double length = steps.empty() ? std::min(1.0, 0.6 / direction.norm()) : 1.0;
    RowMatrix next;
    double next_cost = 0.0;
    bool accepted = false;
    for (int attempt = 0; attempt < 40 && !accepted; ++attempt) {
      next = orthonormalized(basis + length * direction);
      next_cost = cost_function(next, &next_gradient);
      accepted = next_cost <= cost + 1e-4 * length * slope;
      if (!accepted) length *= 0.5;
    }
    if (!accepted) {
      if (steps.empty()) break;  // not even the gradient leads down: rounding
      steps.clear();
      continue;
    }
    stalled = cost - next_cost <= limits.decrease * cost ? stalled + 1 : 0;
    make_tangent(next, next_gradient);
    for (Step& step : steps) {
      make_tangent(next, step.move);
      make_tangent(next, step.change);
    }
    Step step{length * direction, gradient};
    make_tangent(next, step.move);
    make_tangent(next, step.change);
    step.change = next_gradient - step.change;
    if (inner(step.move, step.change) > 1e-12 * step.move.norm() * step.change.norm()) {
      steps.push_back(std::move(step));
      if (steps.size() > kMemory) steps.pop_front();
    }
    basis.swap(next);
    gradient.swap(next_gradient);
    cost = next_cost;
  }
  result.basis = basis;
  result.cost = cost;
  result.gradient_norm = gradient.norm();
  return result;
}

}  // namespace

double correlation_cost(const MatrixView& centers, const MatrixView& basis, RowMatrix* gradient) {
  return CorrelationCost(centers)(basis, gradient);
}

std::vector<DescentResult> minimize_correlation(const MatrixView& centers,
                                                const std::vector<MatrixView>& starts,
                                                const DescentLimits& limits, int n_threads,
                                                const Monitor& monitor) {
  std::vector<DescentResult> results(starts.size());
  parallel_ranges(static_cast<Index>(starts.size()), 1, n_threads, monitor,
                  [&](const Checkpoint& checkpoint) -> RangeBody {
                    return [&, checkpoint](Index begin, Index end) {
                      for (Index i = begin; i < end; ++i)
                        results[i] = descend(centers, starts[i], limits, checkpoint);
                    };
                  });
  return results;
}

}  // namespace neurogeom
