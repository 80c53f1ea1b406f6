#include <algorithm>
#include <cmath>
#include <vector>

#include "check.hpp"
#include "neurogeom/pairs/wide_kernels.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

using Activation = WideNetwork::Activation;

constexpr long double kPi = 3.14159265358979323846264338327950288L;

// The recursion as it is written down, in long double, for rows that are not nearly parallel.
double by_definition(const RowMatrix& x, Index i, Index j, const WideNetwork& network) {
  const long double w = network.weights, b = network.biases;
  const auto product = [&](Index p, Index q) {
    long double sum = 0;
    for (Index k = 0; k < x.cols(); ++k) sum += static_cast<long double>(x(p, k)) * x(q, k);
    return w * sum / static_cast<long double>(x.cols()) + b;
  };
  long double mine = product(i, i), yours = product(j, j), both = product(i, j), tangent = both;
  for (Index layer = 0; layer < network.depth; ++layer) {
    long double slope = 0;
    if (network.activation == Activation::relu) {
      const long double size = std::sqrt(mine * yours);
      const long double cosine = std::max(-1.0L, std::min(1.0L, size > 0 ? both / size : 0.0L));
      const long double angle = i == j ? 0.0L : std::acos(cosine);
      slope = w * (kPi - angle) / (2 * kPi);
      both = w * size * (std::sin(angle) + (kPi - angle) * std::cos(angle)) / (2 * kPi) + b;
      if (i == j && mine == 0) both = b;
      mine = w * mine / 2 + b;
      yours = w * yours / 2 + b;
    } else {
      const long double size = (1 + 2 * mine) * (1 + 2 * yours);
      slope = 4 * w / kPi / std::sqrt(size - 4 * both * both);
      both = 2 * w / kPi * std::asin(2 * both / std::sqrt(size)) + b;
      mine = 2 * w / kPi * std::asin(2 * mine / (1 + 2 * mine)) + b;
      yours = 2 * w / kPi * std::asin(2 * yours / (1 + 2 * yours)) + b;
    }
    tangent = both + tangent * slope;
  }
  return static_cast<double>(network.is_tangent ? tangent : both);
}

std::vector<WideNetwork> networks() {
  std::vector<WideNetwork> found;
  for (const Activation activation : {Activation::relu, Activation::erf})
    for (const Index depth : {0, 1, 2, 10})
      for (const double biases : {0.0, 0.3})
        for (const bool is_tangent : {false, true})
          found.push_back({activation, depth, 1.5, biases, is_tangent});
  return found;
}

RowMatrix gram(const RowMatrix& x, const WideNetwork& network, int n_threads = 1) {
  RowMatrix out(x.rows(), x.rows());
  wide_gram(view(x), network, n_threads, {}, MatrixOut(out.data(), out.rows(), out.cols()));
  return out;
}
RowMatrix cross(const RowMatrix& x, const RowMatrix& z, const WideNetwork& network, int n_threads = 1) {
  RowMatrix out(x.rows(), z.rows());
  wide_cross(view(x), view(z), network, n_threads, {}, MatrixOut(out.data(), out.rows(), out.cols()));
  return out;
}

// Rows with an antiparallel one, a zero, and lengths from 1e-3 to 1e2.
RowMatrix rows(Index n, Index width) {
  RowMatrix x = normals(7, n, width);
  if (n > 3) x.row(3) = -2 * x.row(0);
  if (n > 5) x.row(5).setZero();
  if (n > 7) x.row(6) *= 1e2, x.row(7) *= 1e-3;
  return x;
}

}  // namespace

TEST(kernels_follow_the_recursion) {
  for (const Index n : {1, 2, 8, 17, 61}) {
    const RowMatrix x = rows(n, 5);
    for (const WideNetwork& network : networks()) {
      const RowMatrix found = gram(x, network);
      for (Index i = 0; i < n; ++i)
        for (Index j = 0; j < n; ++j) {
          const double size = std::sqrt(found(i, i) * found(j, j));
          // A cosine at -1 tells the definition little about its angle.
          const double tolerance = (i == 3 && j == 0) || (i == 0 && j == 3) ? 1e-9 : 1e-14;
          CHECK_NEAR(found(i, j), by_definition(x, i, j, network), tolerance * size);
        }
    }
  }
}

TEST(an_entry_depends_on_its_two_rows_only) {
  const RowMatrix x = rows(101, 300), z = rows(54, 300);
  const RowMatrix few = x.bottomRows(37);
  for (const WideNetwork& network : networks()) {
    const RowMatrix all = gram(x, network);
    CHECK(all == all.transpose());
    CHECK(all == gram(x, network, 3));
    CHECK(all == cross(x, x, network, 2));
    CHECK(gram(few, network) == all.bottomRightCorner(37, 37));
    const RowMatrix between = cross(x, z, network);
    CHECK(between == cross(z, x, network, 2).transpose());
    CHECK(cross(few, z, network) == between.bottomRows(37));
    Vector diagonal(101);
    wide_diagonal(view(x), network, {}, VectorOut(diagonal.data(), 101));
    CHECK(diagonal == all.diagonal());
  }
}

// Two unit vectors at an angle of a power of two: the kernel of a rectified layer has a short series.
TEST(small_angles_keep_their_digits) {
  const double pi = static_cast<double>(kPi);
  for (int k = 10; k < 52; ++k) {
    const double angle = std::ldexp(1.0, -k);
    RowMatrix x(2, 2);
    x << 1.0, 0.0, std::cos(angle), std::sin(angle);
    const RowMatrix tangent = gram(x, {Activation::relu, 1, 2.0, 0.0, true});
    // (sin a + (pi - a) cos a) / pi + cos a (pi - a) / pi, to third order.
    const double expected = 2 - angle / pi - angle * angle;
    CHECK_NEAR(tangent(1, 0), expected, 1e-15 + std::pow(angle, 3));
    CHECK(tangent(0, 0) == 2.0);
    x.row(1) *= -1;
    const RowMatrix obtuse = gram(x, {Activation::relu, 1, 2.0, 0.0, true});
    CHECK_NEAR(obtuse(1, 0), -angle / pi, 1e-16 + std::pow(angle, 3));
  }
}

TEST(rows_of_any_size) {
  const RowMatrix x = rows(9, 4);
  for (const WideNetwork& network : networks()) {
    if (network.biases > 0 || (network.activation == Activation::erf && network.depth > 0)) continue;
    const RowMatrix plain = gram(x, network);
    for (const int exponent : {-440, -3, 500}) {
      const RowMatrix scaled = x * std::ldexp(1.0, exponent);
      CHECK(gram(scaled, network) == plain * std::ldexp(1.0, 2 * exponent));
    }
  }
  RowMatrix tiny = RowMatrix::Constant(2, 3, 5e-324);
  for (const WideNetwork& network : networks()) CHECK(gram(tiny, network).allFinite());
}

TEST(the_monitor_stops_it) {
  const RowMatrix x = normals(1, 300, 10);
  RowMatrix out(300, 300);
  const Monitor stop = [](Index, Index) { return true; };
  for (const int n_threads : {1, 3})
    CHECK_THROWS(wide_gram(view(x), {Activation::relu, 2, 1.0, 0.0, false}, n_threads, stop,
                           MatrixOut(out.data(), 300, 300)),
                 Cancelled);
}
