#include <Eigen/QR>
#include <Eigen/SVD>
#include <cstring>
#include <limits>

#include "check.hpp"
#include "neurogeom/dense/nuclear_norms.hpp"
#include "neurogeom/pairs/cores.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
constexpr double kUntouched = 12345.678;
using Long = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
using Factors = std::vector<RowMatrix>;
using Weights = std::vector<std::vector<double>>;
using Kind = CoreQuantity::Kind;

struct Found {
  RowMatrix value, gap, error;
};

bool same_bits(const RowMatrix& a, const RowMatrix& b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), sizeof(double) * static_cast<std::size_t>(a.size())) == 0;
}
bool same_bits(const Found& a, const Found& b) {
  return same_bits(a.value, b.value) && same_bits(a.gap, b.gap) && same_bits(a.error, b.error);
}

std::vector<MatrixView> views(const Factors& factors) {
  std::vector<MatrixView> out;
  for (const RowMatrix& factor : factors) out.push_back(view(factor));
  return out;
}

RowMatrix normalized(const RowMatrix& matrix) {
  return matrix / matrix.norm();
}

RowMatrix trapezoid(std::uint64_t key, Index rows, Index columns) {
  RowMatrix matrix = normals(key, rows, columns);
  for (Index i = 0; i < rows; ++i)
    for (Index j = i + 1; j < columns; ++j) matrix(i, j) = 0.0;
  return normalized(matrix);
}

CoreQuantity plain(Kind kind, std::size_t n_rows, std::size_t n_columns) {
  return {kind, Weights(n_rows), Weights(n_columns)};
}

std::vector<Found> compute(const Factors& rows, const Factors& columns,
                           const std::vector<CoreQuantity>& quantities, bool trapezoidal = false,
                           int n_threads = 1, const bool* wanted = nullptr, const Monitor& monitor = {}) {
  const Index n = static_cast<Index>(rows.size()), p = static_cast<Index>(columns.size());
  const std::vector<char> all(static_cast<std::size_t>(n * p), 1);
  static_assert(sizeof(bool) == 1, "masks are bytes");
  const FactorTile tile{views(rows), views(columns), trapezoidal, trapezoidal,
                        wanted != nullptr ? wanted : reinterpret_cast<const bool*>(all.data())};
  std::vector<Found> found;
  for (std::size_t q = 0; q < quantities.size(); ++q) {
    const RowMatrix untouched = RowMatrix::Constant(n, p, kUntouched);
    found.push_back({untouched, untouched, untouched});
  }
  std::vector<CoreValues> values;
  for (std::size_t q = 0; q < quantities.size(); ++q) {
    const bool nuclear = quantities[q].kind == Kind::nuclear_norm;
    values.push_back({found[q].value.data(), nuclear ? found[q].gap.data() : nullptr,
                      nuclear ? found[q].error.data() : nullptr});
  }
  core_quantities(tile, quantities, n_threads, monitor, values);
  return found;
}

Found nuclear_norms(const Factors& rows, const Factors& columns, bool trapezoidal = false,
                    int n_threads = 1) {
  return compute(rows, columns, {plain(Kind::nuclear_norm, rows.size(), columns.size())}, trapezoidal,
                 n_threads)[0];
}

// By singular values in long double.
struct Exact {
  long double value, gap;  // the gap from the residual after the best rotation
};
Exact exact(const RowMatrix& left, const RowMatrix& right) {
  const Long x = left.cast<long double>(), y = right.cast<long double>();
  const Eigen::JacobiSVD<Long> svd(x.transpose() * y, Eigen::ComputeThinU | Eigen::ComputeThinV);
  const Long rotation = svd.matrixU() * svd.matrixV().transpose();
  const Long residual = x.cols() <= y.cols() ? Long(x * rotation - y) : Long(x - y * rotation.transpose());
  return {svd.singularValues().sum(), residual.squaredNorm() / 2};
}
double exact_value(const RowMatrix& left, const RowMatrix& right) {
  return static_cast<double>(exact(left, right).value);
}

RowMatrix rotation(std::uint64_t key, Index n) {
  const RowMatrix random = normals(key, n, n);
  return Eigen::HouseholderQR<RowMatrix>(random).householderQ() * RowMatrix::Identity(n, n);
}

// Factors of unequal columns with the same number of rows.
Factors some_factors(std::uint64_t key, Index rows, const std::vector<Index>& columns, bool trapezoidal) {
  Factors out;
  for (const Index n : columns)
    out.push_back(trapezoidal ? trapezoid(key++, rows, n) : normalized(normals(key++, rows, n)));
  return out;
}

const std::vector<Index> kUnequal = {1, 2, 3, 37, 37, 131, 5, 37, 37, 37, 2};

}  // namespace

TEST(nuclear_norms_and_squares_against_singular_values) {
  for (const bool trapezoidal : {false, true})
    for (const Index rows : {131, 200}) {
      const Factors left = some_factors(1, rows, {1, 2, 3, 37, 131}, trapezoidal);
      const Factors right = some_factors(50, rows, {131, 37, 3, 2, 1, 37}, trapezoidal);
      const auto found = compute(
          left, right, {plain(Kind::nuclear_norm, 5, 6), plain(Kind::sum_of_squares, 5, 6)}, trapezoidal, 2);
      for (Index i = 0; i < 5; ++i)
        for (Index j = 0; j < 6; ++j) {
          const double value = found[0].value(i, j), expected = exact_value(left[i], right[j]);
          CHECK(std::abs(value - expected) <= found[0].error(i, j));
          CHECK(std::abs(value - expected) <= 1e-11 * expected);
          CHECK(found[0].gap(i, j) == 1.0 - value);
          const Long core = left[i].cast<long double>().transpose() * right[j].cast<long double>();
          const double squares = static_cast<double>(core.squaredNorm());
          CHECK_NEAR(found[1].value(i, j), squares, 1e-13 * squares);
        }
      CHECK((found[1].gap.array() == kUntouched).all() && (found[1].error.array() == kUntouched).all());
    }
}

TEST(one_row_and_one_column) {
  const Factors one = {RowMatrix::Constant(1, 1, 1.0)}, minus = {RowMatrix::Constant(1, 1, -1.0)};
  const Found found = nuclear_norms(one, minus);
  CHECK_NEAR(found.value(0, 0), 1.0, 1e-15);
  CHECK(found.gap(0, 0) <= 1e-30);
}

TEST(orders_beyond_the_interleaved_ones) {
  const Factors left = some_factors(2, 300, {256, 257, 260}, true);
  const Factors right = some_factors(60, 300, {280}, true);
  const Found found = nuclear_norms(left, right, true);
  for (Index i = 0; i < 3; ++i) {
    const double expected =
        Eigen::BDCSVD<Eigen::MatrixXd>(left[i].transpose() * right[0]).singularValues().sum();
    CHECK_NEAR(found.value(i, 0), expected, 1e-11);
    CHECK_NEAR(found.value(i, 0), expected, found.error(i, 0) + 1e-13);
  }
}

TEST(weights_of_rows_and_columns) {
  Factors left = some_factors(3, 50, {7, 13, 20}, false), right = some_factors(70, 50, {13, 9}, false);
  const auto weigh = [](Factors& factors, std::uint64_t key, std::size_t unweighted, Weights& weights) {
    Factors weighted = factors;
    for (std::size_t i = 0; i < factors.size(); ++i) {
      if (i == unweighted) continue;
      const RowMatrix w = normals(key + i, 1, factors[i].cols()).cwiseAbs();
      const double size = (factors[i] * w.row(0).asDiagonal()).norm();
      for (Index j = 0; j < w.cols(); ++j) weights[i].push_back(w(0, j) / size);
      weighted[i] = factors[i] * VectorView(weights[i].data(), w.cols()).asDiagonal();
    }
    return weighted;
  };
  CoreQuantity nuclear = plain(Kind::nuclear_norm, 3, 2), squares = plain(Kind::sum_of_squares, 3, 2);
  const Factors x = weigh(left, 80, 1, nuclear.row_weights), y = weigh(right, 90, 1, nuclear.column_weights);
  squares.row_weights = nuclear.row_weights;  // only on one side
  const auto plain_too = plain(Kind::nuclear_norm, 3, 2);
  const auto found = compute(left, right, {nuclear, squares, plain_too}, false, 2);
  for (Index i = 0; i < 3; ++i)
    for (Index j = 0; j < 2; ++j) {
      CHECK_NEAR(found[0].value(i, j), exact_value(x[i], y[j]), found[0].error(i, j));
      CHECK_NEAR(found[2].value(i, j), exact_value(left[i], right[j]), found[2].error(i, j));
      const double expected = (x[i].transpose() * right[j]).squaredNorm();
      CHECK_NEAR(found[1].value(i, j), expected, 1e-13 * expected);
    }
  // What is computed beside it changes nothing.
  CHECK(same_bits(compute(left, right, {nuclear})[0], found[0]));
  CHECK(same_bits(compute(left, right, {plain_too, squares})[1], found[1]));
}

TEST(only_wanted_pairs_are_touched) {
  const Factors left = some_factors(4, 40, kUnequal, true), right = some_factors(100, 40, {37, 2, 5}, true);
  const Found all = nuclear_norms(left, right, true);
  bool wanted[33];
  for (int k = 0; k < 33; ++k) wanted[k] = k % 3 == 1 || k % 7 == 0;
  const CoreQuantity quantity = plain(Kind::nuclear_norm, 11, 3);
  for (const int n_threads : {1, 2, 7}) {
    const Found some = compute(left, right, {quantity}, true, n_threads, wanted)[0];
    for (Index k = 0; k < 33; ++k)
      for (const auto& [part, whole] : {std::pair(&some.value, &all.value), std::pair(&some.gap, &all.gap),
                                        std::pair(&some.error, &all.error)})
        CHECK(part->data()[k] == (wanted[k] ? whole->data()[k] : kUntouched));
  }
  const bool none[33] = {};
  CHECK((compute(left, right, {quantity}, true, 2, none)[0].value.array() == kUntouched).all());
}

TEST(bits_do_not_depend_on_threads_or_tile) {
  for (const bool trapezoidal : {false, true}) {
    Factors left = some_factors(5, 150, kUnequal, trapezoidal);
    left[0] = left[10];
    left.push_back(left[3]);            // near-identical pairs and deficient ones take other ways
    left[8].col(36) = left[8].col(35);  // no matter that its norm is not 1
    const Found all = nuclear_norms(left, left, trapezoidal, 1);
    for (const int n_threads : {2, 7})
      CHECK(same_bits(nuclear_norms(left, left, trapezoidal, n_threads), all));
    for (const Index i : {0, 3, 5, 8, 11})
      for (const Index j : {1, 3, 4, 8, 10}) {
        const Found alone = nuclear_norms({left[i]}, {left[j]}, trapezoidal);
        CHECK(alone.value(0, 0) == all.value(i, j) && alone.gap(0, 0) == all.gap(i, j) &&
              alone.error(0, 0) == all.error(i, j));
      }
    const Found tile = nuclear_norms({left[2], left[3], left[4]}, {left[7], left[8]}, trapezoidal, 2);
    CHECK(same_bits(tile.value, all.value.block(2, 7, 3, 2)));
    CHECK(same_bits(tile.gap, all.gap.block(2, 7, 3, 2)));
  }
}

TEST(exactly_deficient_factors) {
  for (const Index n : {2, 3, 20, 37}) {
    RowMatrix repeated = normals(200, 60, n);
    repeated.rightCols((n + 1) / 2) = repeated.leftCols((n + 1) / 2).eval();
    RowMatrix padded_with_zeros = normals(201, 60, n);
    padded_with_zeros.col(0).setZero();
    const Factors left = {normalized(repeated), normalized(padded_with_zeros)};
    const Factors right = some_factors(202, 60, {n, n + 3, 1}, false);
    const Found found = nuclear_norms(left, right);
    for (Index i = 0; i < 2; ++i)
      for (Index j = 0; j < 3; ++j) {
        const double off = std::abs(found.value(i, j) - exact_value(left[i], right[j]));
        CHECK(off <= found.error(i, j));
        CHECK(off <= 1e-13);
      }
  }
}

TEST(cores_of_zeros) {
  RowMatrix upper = RowMatrix::Zero(20, 5), lower = RowMatrix::Zero(20, 7);
  upper.topRows(10) = normals(300, 10, 5);
  lower.bottomRows(10) = normals(301, 10, 7);
  const Factors left = {normalized(upper)}, right = {normalized(lower)};
  const auto found =
      compute(left, right, {plain(Kind::nuclear_norm, 1, 1), plain(Kind::sum_of_squares, 1, 1)});
  CHECK(found[0].value(0, 0) == 0 && found[0].gap(0, 0) == 1 && found[1].value(0, 0) == 0);
  CHECK(found[0].error(0, 0) >= 0 && found[0].error(0, 0) < 1e-14);
}

TEST(gaps_of_nearly_identical_factors) {
  for (const Index n : {2, 3, 37, 101})
    for (const double distance : {1e-1, 1e-3, 1e-4, 1e-6, 1e-8, 1e-9, 1e-10}) {
      const RowMatrix x = normalized(normals(400, 140, n));
      const RowMatrix y = normalized(x * rotation(401, n) + distance * normalized(normals(402, 140, n)));
      const Found found = nuclear_norms({x}, {y});
      const Exact expected = exact(x, y);
      const double gap = static_cast<double>(expected.gap);
      // The squared residual where that is small, the norms being 1 to rounding; a difference otherwise.
      const double relative = gap < 1e-6 ? 1e-12 + 100 * kEps / distance : 1e-14 / gap + 1e-9;
      CHECK_NEAR(found.gap(0, 0), gap, relative * gap);
      CHECK_NEAR(found.value(0, 0), static_cast<double>(expected.value), found.error(0, 0));
    }
}

TEST(gaps_of_identical_factors_and_isometries) {
  const RowMatrix x = normalized(normals(500, 60, 13));
  const RowMatrix wider = x * rotation(501, 20).topRows(13);  // the same inner products in more columns
  const Found found = nuclear_norms({x, wider}, {x, wider});
  for (Index k = 0; k < 4; ++k) {
    CHECK(found.gap.data()[k] >= 0 && found.gap.data()[k] < 1e-28);
    CHECK_NEAR(found.value.data()[k], 1.0, found.error.data()[k]);
  }
}

TEST(the_error_estimate_is_not_below_the_error) {
  // Spectra that fall by up to 14 decades, and random ones, which need no singular values.
  Index n_large = 0, n_random = 0;
  for (std::uint64_t key = 0; key < 30; ++key)
    for (const Index n : {2, 5, 16, 33})
      for (const double decades : {0.0, 3.0, 7.0, 14.0}) {
        Factors factors;
        for (std::uint64_t side = 0; side < 2; ++side) {
          const Index rows = decades == 0 ? 4 * n : 40;  // tall random ones are well conditioned
          RowMatrix factor = normals(1000 + 2 * key + side, rows, n + static_cast<Index>(side));
          for (Index j = 0; j < factor.cols(); ++j)
            factor.col(j) *= std::pow(10.0, -decades * static_cast<double>(j) / static_cast<double>(n));
          factors.push_back(normalized(factor));
        }
        const Found found = nuclear_norms({factors[0]}, {factors[1]});
        const double expected = exact_value(factors[0], factors[1]);
        CHECK(std::abs(found.value(0, 0) - expected) <= found.error(0, 0));
        CHECK(found.error(0, 0) <= 1.1 * kTolerance * expected + 1e-14);
        if (decades == 0 && n >= 16) {
          ++n_random;
          n_large += found.error(0, 0) > 64 * static_cast<double>(n) * kEps;
        }
      }
  CHECK(n_random == 60 && n_large == 0);
}

TEST(the_error_estimate_holds_where_all_singular_values_are_equal) {
  // Rounding of sums of equal terms does not cancel.
  for (const Index n : {37, 131, 300})
    for (const double cosine : {0.5, 0.9, 1.0}) {
      const RowMatrix basis = rotation(700, 2 * n);
      const RowMatrix x = basis.leftCols(n) / std::sqrt(static_cast<double>(n));
      const RowMatrix other = basis.rightCols(n) / std::sqrt(static_cast<double>(n));
      const RowMatrix y = cosine * x + std::sqrt(1 - cosine * cosine) * other;
      const Found found = nuclear_norms({x}, {y});
      CHECK_NEAR(found.value(0, 0), cosine, found.error(0, 0));
    }
}

TEST(the_monitor_stops_it) {
  const Factors factors = some_factors(600, 60, std::vector<Index>(12, 30), false);
  const std::vector<CoreQuantity> quantities = {plain(Kind::nuclear_norm, 12, 12)};
  for (const int n_threads : {1, 2, 7}) {
    const Monitor at_once = [](Index, Index) { return true; };
    CHECK_THROWS(compute(factors, factors, quantities, false, n_threads, nullptr, at_once), Cancelled);
    const Monitor amid_pairs = [](Index done, Index total) { return total > 12 && done > 3; };
    CHECK_THROWS(compute(factors, factors, quantities, false, 1, nullptr, amid_pairs), Cancelled);
    const Monitor fail = [](Index, Index) -> bool { throw std::out_of_range("monitor"); };
    CHECK_THROWS(compute(factors, factors, quantities, false, n_threads, nullptr, fail), std::out_of_range);
  }
}
