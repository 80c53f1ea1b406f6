#include "neurogeom/dense/spectrum.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/base/tolerances.hpp"

namespace neurogeom {
namespace {

// ---- four tridiagonalisations at once

Lanes sqrt_lanes(Lanes x) {
  return Lanes{std::sqrt(x[0]), std::sqrt(x[1]), std::sqrt(x[2]), std::sqrt(x[3])};
}

// Columns j (and, for C = 2, j + 1) of the trailing matrix: the rank-2 update of the last step, and at the
// same time the product with the new vector v, by which each entry is read and written once a step.
template <int C>
void update_columns(Lanes* const (&column)[C], Index j, Index n, const Lanes* old_v, const Lanes* old_w,
                    const Lanes* v, Lanes* p) {
  Lanes left_v[C], left_w[C], x[C], sum[C];
  for (int c = 0; c < C; ++c) {
    left_v[c] = old_v[j + c];
    left_w[c] = old_w[j + c];
    x[c] = v[j + c];
    sum[c] = Lanes{};
  }
  for (int c = 0; c < C; ++c)
    for (Index i = j + c; i < j + C; ++i) {
      const Lanes a = column[c][i] - old_v[i] * left_w[c] - old_w[i] * left_v[c];
      column[c][i] = a;
      sum[c] += a * v[i];
      if (i > j + c) p[i] += a * x[c];
    }
  for (Index i = j + C; i < n; ++i) {
    const Lanes vi = old_v[i], wi = old_w[i], yi = v[i];
    Lanes pi = p[i];
    for (int c = 0; c < C; ++c) {
      const Lanes a = column[c][i] - vi * left_w[c] - wi * left_v[c];
      column[c][i] = a;
      sum[c] += a * yi;
      pi += a * x[c];
    }
    p[i] = pi;
  }
  for (int c = 0; c < C; ++c) p[j + c] += sum[c];
}

// ---- the quadrature

// sqrt(x) = sum over j of weight[j] x / (x + shift[j]) to 2e-15 for x from kRange to 1: the trapezoidal rule
// after a conformal map by elliptic functions (Hale, Higham & Trefethen 2008, method 3).
constexpr double kRange = 1e-17;
constexpr int kNodes = 80;

struct Nodes {
  std::array<double, kNodes> shift, weight;
};

Nodes make_nodes() {
  // The function sc = sn / cn of parameter 1 - k^2 and its derivative, for k so small that theta series in
  // the complementary nome end after two terms.
  const double k = std::sqrt(kRange), nome = kRange / 16;
  const double quarter_period = std::log(4 / k);
  const double scale = 2 * quarter_period * k / (std::acos(-1.0) * kNodes);
  Nodes nodes;
  for (int j = 0; j < kNodes / 2; ++j) {
    const double u = (j + 0.5) * quarter_period / kNodes;
    const double theta = 1.0 - 2 * nome * std::cosh(2 * u);
    const double sc = std::sinh(u) / theta;
    const double slope = std::cosh(u) / theta + 4 * nome * std::sinh(u) * std::sinh(2 * u) / (theta * theta);
    nodes.shift[j] = kRange * sc * sc;
    nodes.weight[j] = scale * slope;
    // sc(quarter_period - u) = 1 / (k sc(u)) gives the other half.
    nodes.shift[kNodes - 1 - j] = 1.0 / (sc * sc);
    nodes.weight[kNodes - 1 - j] = scale * slope / (k * sc * sc);
  }
  return nodes;
}

// Traces of (T + shift)^-1 at V x 4 shifts at once, as the logarithmic derivative of the determinant. Says
// whether T plus the first shift is positive definite.
template <int V>
bool resolvent_traces(const double* diagonal, const double* squares, Index n, const double* shifts,
                      double* traces) {
  Lanes shift[V], pivot[V], slope[V], trace[V];
  const Lanes one = {1.0, 1.0, 1.0, 1.0};
  bool positive = true;
  for (int v = 0; v < V; ++v) {
    shift[v] = load_lanes(shifts + 4 * v);
    pivot[v] = diagonal[0] + shift[v];
    slope[v] = one;
    trace[v] = Lanes{};
  }
  for (Index i = 0;; ++i) {
    positive = positive && pivot[0][0] > 0;
    for (int v = 0; v < V; ++v) slope[v] /= pivot[v];
    for (int v = 0; v < V; ++v) trace[v] += slope[v];
    if (i + 1 == n) break;
    for (int v = 0; v < V; ++v) {
      const Lanes ratio = squares[i] / pivot[v];
      slope[v] = one + ratio * slope[v];
      pivot[v] = diagonal[i + 1] + shift[v] - ratio;
    }
  }
  for (int v = 0; v < V; ++v) store_lanes(trace[v], traces + 4 * v);
  return positive;
}

}  // namespace

void interleave_lower(const double* matrix, Index n, int lane, double* interleaved) {
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j <= i; ++j) interleaved[(j * n + i) * kLaneMatrices + lane] = matrix[i * n + j];
}

void tridiagonalize_lanes(double* interleaved, Index n, double* diagonal, double* off_diagonal,
                          double* scratch) {
  static_assert(sizeof(Lanes) == kLaneMatrices * sizeof(double), "a lane is a matrix");
  Lanes* const a = reinterpret_cast<Lanes*>(interleaved);
  Lanes* old_v = reinterpret_cast<Lanes*>(scratch);
  Lanes* old_w = old_v + n;
  Lanes* v = old_w + n;
  Lanes* p = v + n;
  std::fill(scratch, scratch + 2 * n * kLaneMatrices, 0.0);
  for (Index k = 0; k + 1 < n; ++k) {
    Lanes* const column = a + k * n;
    Lanes tail{};
    for (Index i = k; i < n; ++i) {
      column[i] -= old_v[i] * old_w[k] + old_w[i] * old_v[k];
      if (i > k + 1) tail += column[i] * column[i];
    }
    store_lanes(column[k], diagonal + k * kLaneMatrices);
    // The reflection I - tau v v' that leaves of the column beneath the diagonal only its first entry.
    const Lanes first = column[k + 1];
    const Lanes norm = sqrt_lanes(first * first + tail);
    const Lanes zero{}, one = {1.0, 1.0, 1.0, 1.0};
    const auto idle = tail == zero;
    const Lanes beta = idle ? first : (first > zero ? -norm : norm);
    const Lanes factor = idle ? zero : one / (first - (idle ? first - one : beta));
    const Lanes tau = idle ? zero : (beta - first) / (idle ? one : beta);
    store_lanes(beta, off_diagonal + k * kLaneMatrices);
    v[k + 1] = one;
    for (Index i = k + 2; i < n; ++i) v[i] = column[i] * factor;
    std::fill(reinterpret_cast<double*>(p + k + 1), reinterpret_cast<double*>(p + n), 0.0);
    Index j = k + 1;
    for (; j + 2 <= n; j += 2) {
      Lanes* const two[2] = {a + j * n, a + (j + 1) * n};
      update_columns<2>(two, j, n, old_v, old_w, v, p);
    }
    if (j < n) {
      Lanes* const single[1] = {a + j * n};
      update_columns<1>(single, j, n, old_v, old_w, v, p);
    }
    Lanes inner{};
    for (Index i = k + 1; i < n; ++i) {
      p[i] *= tau;
      inner += p[i] * v[i];
    }
    const Lanes half = 0.5 * tau * inner;
    for (Index i = k + 1; i < n; ++i) p[i] -= half * v[i];
    std::swap(old_v, v);
    std::swap(old_w, p);
  }
  const Index last = n - 1;
  store_lanes(a[last * n + last] - 2.0 * old_v[last] * old_w[last], diagonal + last * kLaneMatrices);
}

RootTrace root_trace(const double* diagonal, const double* off_diagonal, Index n, Index stride) {
  static const Nodes nodes = make_nodes();
  double bound = 0.0;
  for (Index i = 0; i < n; ++i) {
    const double before = i > 0 ? std::abs(off_diagonal[(i - 1) * stride]) : 0.0;
    const double after = i + 1 < n ? std::abs(off_diagonal[i * stride]) : 0.0;
    bound = std::max(bound, std::abs(diagonal[i * stride]) + before + after);
  }
  if (bound == 0) return {0.0, 0.0};
  // Eigenvalues that are rounding may be negative; this much makes them positive and is taken off again
  // below.
  const double lift = 16 * kEpsilon;
  thread_local std::vector<double> scaled;
  scaled.resize(static_cast<std::size_t>(2 * n));
  double* const main = scaled.data();
  double* const squares = main + n;
  for (Index i = 0; i < n; ++i) main[i] = diagonal[i * stride] / bound + lift;
  for (Index i = 0; i + 1 < n; ++i) {
    const double entry = off_diagonal[i * stride] / bound;
    squares[i] = entry * entry;
  }
  constexpr int kVectors = 5;
  static_assert(kNodes % (4 * kVectors) == 0, "nodes come in whole groups");
  std::array<double, kNodes> traces;
  bool positive = true;
  for (int j = 0; j < kNodes; j += 4 * kVectors)
    positive &= resolvent_traces<kVectors>(main, squares, n, nodes.shift.data() + j, traces.data() + j);
  double roots = 0.0, inverse_roots = 0.0;
  for (int j = 0; j < kNodes; ++j) {
    roots += nodes.weight[j] * (static_cast<double>(n) - nodes.shift[j] * traces[j]);
    inverse_roots += nodes.weight[j] * traces[j];
  }
  const double size = std::sqrt(bound);
  // First order: an error e of an eigenvalue x moves its root by e / (2 sqrt(x)).
  const double value = roots - 0.5 * lift * inverse_roots;
  // Sums over n rows, some of equal terms, whose rounding does not cancel.
  const double sums = kEpsilon * static_cast<double>(n) * (8 + 2 * roots);
  const double error = 0.5 * lift * inverse_roots + sums;
  return {size * value, positive ? size * error : kInfinity};
}

}  // namespace neurogeom
