#include <Eigen/Eigenvalues>
#include <limits>

#include "check.hpp"
#include "neurogeom/dense/spectrum.hpp"

using namespace neurogeom;
using check::normals;

namespace {

constexpr double kEps = std::numeric_limits<double>::epsilon();
const std::vector<Index> kOrders = {1, 2, 3, 4, 5, 37, 131};
using Long = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
using LongVector = Eigen::Matrix<long double, Eigen::Dynamic, 1>;

struct Tridiagonal {
  Vector diagonal, off_diagonal;
};

LongVector eigenvalues(const Tridiagonal& t) {
  const Index n = t.diagonal.size();
  Long full = Long::Zero(n, n);
  full.diagonal() = t.diagonal.cast<long double>();
  if (n > 1) full.diagonal(-1) = t.off_diagonal.cast<long double>();
  return Eigen::SelfAdjointEigenSolver<Long>(full, Eigen::EigenvaluesOnly).eigenvalues();
}

RootTrace root_trace_of(const Tridiagonal& t) {
  return root_trace(t.diagonal.data(), t.off_diagonal.data(), t.diagonal.size(), 1);
}

RowMatrix gram(std::uint64_t key, Index n, Index rank) {
  const RowMatrix factor = normals(key, n, rank);
  return factor * factor.transpose();
}

// Four matrices at once; one of the results.
std::vector<Tridiagonal> tridiagonal_lanes(const std::vector<RowMatrix>& matrices) {
  const Index n = matrices[0].rows();
  Eigen::ArrayXd lanes(4 * n * n), diagonal(4 * n), off_diagonal(4 * n), scratch(16 * n);
  lanes.setConstant(std::numeric_limits<double>::quiet_NaN());  // what is above the diagonal is not read
  off_diagonal.setConstant(12345.678);
  for (int lane = 0; lane < 4; ++lane) interleave_lower(matrices[lane].data(), n, lane, lanes.data());
  tridiagonalize_lanes(lanes.data(), n, diagonal.data(), off_diagonal.data(), scratch.data());
  CHECK((off_diagonal.tail(4) == 12345.678).all());
  std::vector<Tridiagonal> out;
  for (int lane = 0; lane < 4; ++lane) {
    Tridiagonal t{Vector(n), Vector(n - 1)};
    for (Index i = 0; i < n; ++i) t.diagonal[i] = diagonal[4 * i + lane];
    for (Index i = 0; i + 1 < n; ++i) t.off_diagonal[i] = off_diagonal[4 * i + lane];
    out.push_back(t);
  }
  return out;
}

bool same_eigenvalues(const Tridiagonal& t, const RowMatrix& matrix) {
  const LongVector expected =
      Eigen::SelfAdjointEigenSolver<Long>(matrix.cast<long double>(), Eigen::EigenvaluesOnly).eigenvalues();
  const long double size = expected.cwiseAbs().maxCoeff();
  const long double off = (eigenvalues(t) - expected).cwiseAbs().maxCoeff();
  return off <= 8 * kEps * static_cast<double>(matrix.rows()) * size;
}

}  // namespace

TEST(interleaved_tridiagonal_matrices_keep_eigenvalues) {
  for (const Index n : kOrders) {
    const std::vector<RowMatrix> matrices = {gram(1, n, n), gram(2, n, n + 5), gram(3, n, (n + 1) / 2),
                                             1e-150 * gram(4, n, n)};
    const std::vector<Tridiagonal> found = tridiagonal_lanes(matrices);
    for (int lane = 0; lane < 3; ++lane) CHECK(same_eigenvalues(found[lane], matrices[lane]));
    if (n < 3) CHECK(same_eigenvalues(found[3], matrices[3]));
  }
}

TEST(special_matrices_are_made_tridiagonal) {
  for (const Index n : {1, 2, 3, 37}) {
    RowMatrix rank_one = RowMatrix::Ones(n, n), already = RowMatrix::Zero(n, n);
    already.diagonal().setConstant(2.0);
    for (Index i = 0; i + 1 < n; ++i) already(i + 1, i) = already(i, i + 1) = -1.0;
    const std::vector<RowMatrix> matrices = {RowMatrix::Zero(n, n), RowMatrix::Identity(n, n), rank_one,
                                             already};
    const std::vector<Tridiagonal> found = tridiagonal_lanes(matrices);
    CHECK(found[0].diagonal.isZero(0) && found[0].off_diagonal.isZero(0));
    CHECK((found[1].diagonal.array() == 1).all() && found[1].off_diagonal.isZero(0));
    CHECK(same_eigenvalues(found[2], rank_one));
    CHECK((found[3].diagonal.array() == 2).all());  // nothing is left to do, exactly
    if (n > 1) CHECK((found[3].off_diagonal.array() == -1).all());
  }
}

TEST(lanes_do_not_mix) {
  for (const Index n : kOrders) {
    const std::vector<RowMatrix> matrices = {gram(5, n, n), gram(6, n, 2 * n), gram(7, n, 1), gram(8, n, n)};
    const std::vector<Tridiagonal> together = tridiagonal_lanes(matrices);
    for (int lane = 0; lane < 4; ++lane) {
      std::vector<RowMatrix> others(4, RowMatrix::Zero(n, n));
      others[3 - lane] = matrices[lane];
      const Tridiagonal moved = tridiagonal_lanes(others)[3 - lane];
      CHECK(moved.diagonal == together[lane].diagonal && moved.off_diagonal == together[lane].off_diagonal);
    }
  }
}

TEST(root_traces_of_diagonals) {
  // Eigenvalues are the entries: from 1 down to what rounding of 1 leaves.
  for (const Index n : kOrders)
    for (const double scale : {1e-250, 1e-8, 1.0, 1e8, 1e250})
      for (const double decay : {1.0, 4.0, 10.0}) {
        Tridiagonal t{Vector(n), Vector::Zero(n - 1)};
        long double expected = 0;
        for (Index i = 0; i < n; ++i) {
          t.diagonal[i] = scale * std::pow(10.0, -decay * static_cast<double>(i) / static_cast<double>(n));
          expected += std::sqrt(static_cast<long double>(t.diagonal[i]));
        }
        const RootTrace found = root_trace_of(t);
        const double off = std::abs(found.value - static_cast<double>(expected));
        CHECK(off <= found.error);
        CHECK(off <= (decay == 1 ? 1e-13 : decay == 4 ? 1e-12 : 1e-10) * found.value);
      }
}

TEST(the_error_estimate_is_not_below_the_error) {
  // Also with eigenvalues that are zero but for rounding, of either sign.
  for (const Index n : kOrders)
    for (const Index rank : {Index{1}, (n + 1) / 2, n, 2 * n})
      for (std::uint64_t key = 100; key < (n < 100 ? 120 : 102); key += 4) {
        std::vector<RowMatrix> matrices;
        for (std::uint64_t k = 0; k < 4; ++k) matrices.push_back(gram(key + k, n, rank));
        for (const Tridiagonal& t : tridiagonal_lanes(matrices)) {
          long double expected = 0;
          for (const long double x : eigenvalues(t)) expected += std::sqrt(std::max(x, 0.0L));
          const RootTrace found = root_trace_of(t);
          const double off = std::abs(found.value - static_cast<double>(expected));
          // Zeros, of which an estimate of first order is half of a per cent off, cannot go unnoticed.
          CHECK(off <= (rank < n ? 1.01 : 1.0) * found.error);
          if (rank < n) CHECK(found.error > 1e-9 * found.value);
          if (rank == 2 * n) CHECK(found.error <= 1e-12 * static_cast<double>(n) * found.value);
        }
      }
}

TEST(root_traces_of_strided_entries_and_of_zeros) {
  const std::vector<double> diagonal = {4, 7, 7, 9, 7, 7, 25}, off_diagonal = {0, 7, 7, 0};
  const RootTrace found = root_trace(diagonal.data(), off_diagonal.data(), 3, 3);
  CHECK_NEAR(found.value, 10.0, 1e-13);
  const std::vector<double> zeros(9, 0.0);
  for (const Index n : {1, 2, 5}) {
    const RootTrace none = root_trace(zeros.data(), zeros.data(), n, 1);
    CHECK(none.value == 0 && none.error == 0);
  }
}
