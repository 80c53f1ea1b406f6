#include "neurogeom/capacity/center_correlations.hpp"

#include <algorithm>
#include <cmath>
#include <deque>
#include <vector>

#include "neurogeom/base/lanes.hpp"

namespace neurogeom {
namespace {

constexpr std::size_t kMemory = 8;
// A centre of which less than this share (squared) is left has no direction to speak of.
constexpr double kVanished = 1e-14;
// Steps in a row with too little decrease that end a descent.
constexpr int kStalledSteps = 10;
// Relative change of the cost that rounding alone can make: there the slope decides on a step.
constexpr double kRounding = 1e-14;
// Weight of the penalty: as large as what the cost can gain by taking most of one centre away.
constexpr double kPenalty = 0.02;

// A small matrix whose rows are padded with zeros to whole lanes. Its products sum in one order, whatever the
// address; Eigen's packed ones cost several times more at these sizes.
class Small {
 public:
  Small() = default;
  Small(Index rows, Index cols)
      : rows_(rows),
        cols_(cols),
        stride_((cols + 3) / 4 * 4),
        data_(static_cast<std::size_t>(rows * stride_)) {}
  explicit Small(const MatrixView& matrix) : Small(matrix.rows(), matrix.cols()) {
    for (Index i = 0; i < rows_; ++i) std::copy_n(matrix.data() + i * cols_, cols_, row(i));
  }

  Index rows() const { return rows_; }
  Index cols() const { return cols_; }
  Index stride() const { return stride_; }
  Index size() const { return rows_ * stride_; }
  double* data() { return data_.data(); }
  const double* data() const { return data_.data(); }
  double* row(Index i) { return data_.data() + i * stride_; }
  const double* row(Index i) const { return data_.data() + i * stride_; }

  RowMatrix matrix() const {
    RowMatrix out(rows_, cols_);
    for (Index i = 0; i < rows_; ++i) std::copy_n(row(i), cols_, out.data() + i * cols_);
    return out;
  }

 private:
  Index rows_ = 0, cols_ = 0, stride_ = 0;
  std::vector<double> data_;
};

double inner(const Small& x, const Small& y) {
  return dot(x.data(), y.data(), x.size());
}
double norm(const Small& x) {
  return std::sqrt(inner(x, x));
}
void add(double factor, const Small& x, Small& y) {
  axpy(factor, x.data(), y.data(), x.size());
}

template <int R, int W>
void product_block(const double* a, Index a_stride, const double* b, Index b_stride, Index depth, double* c,
                   Index c_stride) {
  Lanes sums[R][W] = {};
  for (Index p = 0; p < depth; ++p, b += b_stride) {
    Lanes right[W];
    for (int w = 0; w < W; ++w) right[w] = load_lanes(b + 4 * w);
    for (int r = 0; r < R; ++r)
      for (int w = 0; w < W; ++w) sums[r][w] += a[r * a_stride + p] * right[w];
  }
  for (int r = 0; r < R; ++r)
    for (int w = 0; w < W; ++w) store_lanes(sums[r][w], c + r * c_stride + 4 * w);
}

template <int W>
void product_columns(const Small& a, const Small& b, Index column, Small& c) {
  Index i = 0;
  for (; i + 4 <= a.rows(); i += 4)
    product_block<4, W>(a.row(i), a.stride(), b.data() + column, b.stride(), b.rows(), c.row(i) + column,
                        c.stride());
  for (; i < a.rows(); ++i)
    product_block<1, W>(a.row(i), a.stride(), b.data() + column, b.stride(), b.rows(), c.row(i) + column,
                        c.stride());
}

// c = a b
void multiply(const Small& a, const Small& b, Small& c) {
  Index column = 0;
  for (; column + 8 <= b.stride(); column += 8) product_columns<2>(a, b, column, c);
  if (column < b.stride()) product_columns<1>(a, b, column, c);
}

void transpose(const Small& x, Small& out) {
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < x.cols(); ++j) out.row(j)[i] = x.row(i)[j];
}

// Cost and gradient, and the moves among orthonormal bases of one rank.
class Problem {
 public:
  Problem(const MatrixView& centers, Index rank, double least_share)
      : least_share_(least_share),
        n_(centers.rows()),
        dims_(centers.cols()),
        rank_(rank),
        centers_(centers),
        transposed_(dims_, n_),
        products_(n_, n_),
        along_(n_, rank),
        along_transposed_(rank, n_),
        left_(n_, n_),
        weighted_(n_, rank),
        small_(rank, rank),
        basis_transposed_(rank, dims_),
        work_(dims_, rank),
        inverse_(static_cast<std::size_t>(left_.stride())),
        row_cost_(static_cast<std::size_t>(n_)) {
    transpose(centers_, transposed_);
    multiply(centers_, transposed_, products_);
  }

  Index dims() const { return dims_; }
  Index rank() const { return rank_; }

  // Infinite where a centre vanishes, so that the line search turns back.
  double cost(const Small& basis, Small& gradient) {
    multiply(centers_, basis, along_);
    transpose(along_, along_transposed_);
    multiply(along_, along_transposed_, left_);
    for (Index i = 0; i < left_.size(); ++i) left_.data()[i] = products_.data()[i] - left_.data()[i];
    for (Index m = 0; m < n_; ++m) {
      if (!(left_.row(m)[m] > kVanished * products_.row(m)[m])) return kInfinity;
      inverse_[m] = 1.0 / left_.row(m)[m];
    }
    double cost = 0.0, penalty = 0.0;
    for (Index m = 0; m < n_; ++m) {
      // Row m of W, and sum_n R_mn W_mn = R_mm g_m.
      double* row = left_.row(m);
      Lanes sums{};
      for (Index i = 0; i < left_.stride(); i += 4) {
        const Lanes value = load_lanes(row + i);
        const Lanes scaled = value * load_lanes(inverse_.data() + i) * inverse_[m];
        sums += scaled * value;
        store_lanes(scaled, row + i);
      }
      row_cost_[m] = sum_lanes(sums);
      cost += row_cost_[m];
    }
    multiply(left_, along_, weighted_);
    for (Index m = 0; m < n_; ++m) {
      double own = row_cost_[m] * inverse_[m];
      const double excess = least_share_ * products_.row(m)[m] * inverse_[m] - 1.0;
      if (excess > 0) {
        penalty += kPenalty * excess * excess;
        own += kPenalty * excess * (excess + 1.0) * inverse_[m];
      }
      double* row = weighted_.row(m);
      for (Index k = 0; k < weighted_.stride(); ++k) row[k] = 2.0 * (own * along_.row(m)[k] - row[k]);
    }
    multiply(transposed_, weighted_, gradient);
    return 0.5 * (cost + penalty);
  }

  // The part of x that is tangent at a basis.
  void make_tangent(const Small& basis, Small& x) {
    transpose(basis, basis_transposed_);
    multiply(basis_transposed_, x, small_);
    multiply(basis, small_, work_);
    add(-1.0, work_, x);
  }

  // The orthonormal basis of basis + length * direction, by Cholesky of its Gram matrix 1 + length^2 d'd (a
  // tangent direction has no part along the basis). Lengths of a step are bounded, and so is its condition.
  void retract(const Small& basis, double length, const Small& direction, Small& out) {
    work_ = basis;
    add(length, direction, work_);
    transpose(work_, basis_transposed_);
    multiply(basis_transposed_, work_, small_);
    for (Index k = 0; k < rank_; ++k) {  // lower factor, in place
      double* row = small_.row(k);
      for (Index j = 0; j <= k; ++j) {
        double value = row[j];
        for (Index i = 0; i < j; ++i) value -= row[i] * small_.row(j)[i];
        row[j] = j < k ? value / small_.row(j)[j] : std::sqrt(value);
      }
    }
    for (Index d = 0; d < dims_; ++d) {
      const double* from = work_.row(d);
      double* row = out.row(d);
      for (Index k = 0; k < rank_; ++k) {
        double value = from[k];
        for (Index i = 0; i < k; ++i) value -= small_.row(k)[i] * row[i];
        row[k] = value / small_.row(k)[k];
      }
    }
  }

 private:
  double least_share_;
  Index n_, dims_, rank_;
  Small centers_, transposed_, products_, along_, along_transposed_, left_, weighted_, small_,
      basis_transposed_, work_;
  std::vector<double> inverse_, row_cost_;
};

struct Step {
  Small move, change;  // step taken, change of the gradient
  double curvature;    // their inner product
};

// Two-loop recursion: minus the inverse Hessian estimate times the gradient. Steps are kept as they were
// taken; only the direction is made tangent to where the descent now is.
void quasi_newton_direction(const Small& gradient, const std::deque<Step>& steps, Small& direction) {
  direction = gradient;
  for (Index i = 0; i < direction.size(); ++i) direction.data()[i] = -direction.data()[i];
  double alpha[kMemory];
  for (std::size_t i = steps.size(); i-- > 0;) {
    alpha[i] = inner(steps[i].move, direction) / steps[i].curvature;
    add(-alpha[i], steps[i].change, direction);
  }
  if (!steps.empty()) {
    const Step& last = steps.back();
    const double factor = last.curvature / inner(last.change, last.change);
    for (Index i = 0; i < direction.size(); ++i) direction.data()[i] *= factor;
  }
  for (std::size_t i = 0; i < steps.size(); ++i)
    add(alpha[i] - inner(steps[i].change, direction) / steps[i].curvature, steps[i].move, direction);
}

DescentResult descend(const MatrixView& centers, const MatrixView& start, const DescentLimits& limits,
                      const Checkpoint& checkpoint) {
  Problem problem(centers, start.cols(), limits.least_share);
  Small basis(start);
  Small gradient(problem.dims(), problem.rank()), next(problem.dims(), problem.rank());
  Small next_gradient = gradient, direction = gradient;
  double cost = problem.cost(basis, gradient);
  DescentResult result{start, cost, kInfinity, 0};
  if (!std::isfinite(cost)) return result;
  problem.make_tangent(basis, gradient);
  std::deque<Step> steps;
  int stalled = 0;
  for (; result.n_iterations < limits.max_iterations && stalled < kStalledSteps; ++result.n_iterations) {
    checkpoint();
    if (norm(gradient) <= limits.gradient_norm) break;
    quasi_newton_direction(gradient, steps, direction);
    problem.make_tangent(basis, direction);
    double slope = inner(gradient, direction);
    if (!(slope < 0)) {
      steps.clear();
      direction = gradient;
      for (Index i = 0; i < direction.size(); ++i) direction.data()[i] = -direction.data()[i];
      slope = -inner(gradient, gradient);
    }
    // Backtracking, never by more than a turn. The first direction has no scale: a tenth of a turn.
    double length = std::min(1.0, (steps.empty() ? 0.6 : 6.0) / norm(direction));
    double next_cost = 0.0;
    bool accepted = false;
    for (int attempt = 0; attempt < 40 && !accepted; ++attempt) {
      problem.retract(basis, length, direction, next);
      next_cost = problem.cost(next, next_gradient);
      accepted = next_cost <= cost + 1e-4 * length * slope;
      // Where the change of the cost drowns in rounding the slope at the other end tells (Hager and Zhang).
      if (!accepted && -length * slope <= 1e3 * kRounding * cost && next_cost <= cost * (1 + kRounding)) {
        const double next_slope = inner(next_gradient, direction);
        accepted = next_slope <= -0.9 * slope && next_slope >= slope;
      }
      if (!accepted) length *= 0.5;
    }
    if (!accepted) {
      if (steps.empty()) break;  // not even the gradient leads down: rounding
      steps.clear();
      continue;
    }
    stalled = cost - next_cost <= limits.decrease * cost ? stalled + 1 : 0;
    problem.make_tangent(next, next_gradient);
    Step step{direction, next_gradient, 0.0};
    for (Index i = 0; i < direction.size(); ++i) step.move.data()[i] *= length;
    add(-1.0, gradient, step.change);
    step.curvature = inner(step.move, step.change);
    if (step.curvature > 1e-12 * norm(step.move) * norm(step.change)) {
      steps.push_back(std::move(step));
      if (steps.size() > kMemory) steps.pop_front();
    }
    std::swap(basis, next);
    std::swap(gradient, next_gradient);
    cost = next_cost;
  }
  result.basis = basis.matrix();
  result.cost = cost;
  result.gradient_norm = norm(gradient);
  return result;
}

}  // namespace

double correlation_cost(const MatrixView& centers, const MatrixView& basis, double least_share,
                        RowMatrix* gradient) {
  Small slope(centers.cols(), basis.cols());
  const double cost = Problem(centers, basis.cols(), least_share).cost(Small(basis), slope);
  if (gradient != nullptr) *gradient = slope.matrix();
  return cost;
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
