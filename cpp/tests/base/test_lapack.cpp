#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <algorithm>
#include <string>

#include "check.hpp"
#include "neurogeom/base/lapack.hpp"

using namespace neurogeom;
using check::normals;

namespace {

constexpr double kUntouched = 12345.678;
const std::vector<Index> kSizes = {1, 2, 3, 37, 131};
using Column = Eigen::MatrixXd;

// A matrix in the middle of a wider one.
struct Strided {
  Strided(std::uint64_t key, Index rows, Index columns)
      : all(normals(key, rows, columns + 3)), matrix(all.leftCols(columns)) {}
  RowMatrix all, matrix;
};

double largest_below(const RowMatrix& found, const RowMatrix& expected) {
  return RowMatrix((found - expected).triangularView<Eigen::Lower>()).cwiseAbs().maxCoeff();
}

Vector eigenvalues(const Column& matrix) {
  return Eigen::SelfAdjointEigenSolver<Column>(matrix, Eigen::EigenvaluesOnly).eigenvalues();
}

void check_grams() {
  for (const Index rows : kSizes)
    for (const Index columns : kSizes) {
      const Strided a(1, rows, columns);
      const double tolerance = 1e-13 * static_cast<double>(rows + columns);
      RowMatrix out = RowMatrix::Constant(rows + 1, rows, kUntouched);
      gram_of_rows(a.all.data(), rows, columns, a.all.cols(), out.data());
      CHECK(largest_below(out.topRows(rows), a.matrix * a.matrix.transpose()) <= tolerance);
      CHECK((out.row(rows).array() == kUntouched).all());
      out = RowMatrix::Constant(columns + 1, columns, kUntouched);
      gram_of_columns(a.all.data(), rows, columns, a.all.cols(), out.data());
      CHECK(largest_below(out.topRows(columns), a.matrix.transpose() * a.matrix) <= tolerance);
      CHECK((out.row(columns).array() == kUntouched).all());
    }
}

template <class Real>
void check_products(double rounding) {
  using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  for (const Index n_a : kSizes)
    for (const Index n_b : kSizes)
      for (const Index depth : kSizes) {
        const Matrix a = normals(3, n_a, depth).cast<Real>(), b = normals(4, n_b, depth).cast<Real>();
        Matrix out = Matrix::Constant(n_a, n_b + 2, static_cast<Real>(kUntouched));
        row_by_row_products(a.data(), n_a, b.data(), n_b, depth, out.data(), n_b + 2);
        const RowMatrix expected = a.template cast<double>() * b.template cast<double>().transpose();
        const RowMatrix found = out.leftCols(n_b).template cast<double>();
        CHECK((found - expected).cwiseAbs().maxCoeff() <= rounding * static_cast<double>(depth + 10));
        CHECK((out.rightCols(2).array() == static_cast<Real>(kUntouched)).all());
      }
}

void check_tridiagonal() {
  for (const Index n : kSizes) {
    const RowMatrix half = normals(2, n, n), symmetric = half + half.transpose();
    RowMatrix a = symmetric;
    for (Index i = 0; i < n; ++i)
      for (Index j = i + 1; j < n; ++j) a(i, j) = kUntouched;  // not read
    Vector diagonal(n), off_diagonal = Vector::Constant(n, kUntouched);
    tridiagonalize(a.data(), n, diagonal.data(), off_diagonal.data());
    Column t = Column::Zero(n, n);
    t.diagonal() = diagonal;
    if (n > 1) t.diagonal(-1) = off_diagonal.head(n - 1);
    CHECK(off_diagonal[n - 1] == kUntouched);
    const Vector expected = eigenvalues(symmetric);
    CHECK_NEAR((eigenvalues(t) - expected).cwiseAbs().maxCoeff(), 0.0,
               1e-14 * static_cast<double>(n) * expected.cwiseAbs().maxCoeff());
  }
}

void check_svd(const RowMatrix& matrix) {
  const Index rows = matrix.rows(), columns = matrix.cols(), k = std::min(rows, columns);
  const Vector expected = Eigen::JacobiSVD<Column>(matrix).singularValues();
  const double tolerance = 1e-14 * static_cast<double>(k + 1) * expected[0];
  RowMatrix a = matrix;
  Vector values = Vector::Constant(k + 1, kUntouched);
  singular_values(a.data(), rows, columns, values.data());
  CHECK_NEAR((values.head(k) - expected).cwiseAbs().maxCoeff(), 0.0, tolerance);
  CHECK(values[k] == kUntouched);
  a = matrix;
  values.setConstant(kUntouched);
  RowMatrix u = RowMatrix::Constant(rows + 1, k, kUntouched), vt = RowMatrix::Constant(k + 1, columns, 7.0);
  singular_vectors(a.data(), rows, columns, u.data(), values.data(), vt.data());
  CHECK((u.row(rows).array() == kUntouched).all() && (vt.row(k).array() == 7.0).all());
  const RowMatrix left = u.topRows(rows), right = vt.topRows(k);
  CHECK_NEAR((values.head(k) - expected).cwiseAbs().maxCoeff(), 0.0, tolerance);
  CHECK_NEAR((left * values.head(k).asDiagonal() * right - matrix).cwiseAbs().maxCoeff(), 0.0, tolerance);
  const RowMatrix identity = RowMatrix::Identity(k, k);
  CHECK_NEAR((left.transpose() * left - identity).cwiseAbs().maxCoeff(), 0.0, 1e-13);
  CHECK_NEAR((right * right.transpose() - identity).cwiseAbs().maxCoeff(), 0.0, 1e-13);
}

void check_svds() {
  for (const Index rows : kSizes)
    for (const Index columns : kSizes) check_svd(normals(3, rows, columns));
  for (const double scale : {1e-150, 1e150}) check_svd(scale * normals(4, 13, 8));
  const RowMatrix thin = normals(5, 37, 3);
  check_svd(thin * normals(6, 3, 20));  // rank 3
  RowMatrix repeated = normals(7, 20, 6);
  repeated.col(5) = repeated.col(0);
  check_svd(repeated);
}

// ---- what BLAS and LAPACK do, by their documentation, on column-major matrices

using Map = Eigen::Map<Column, 0, Eigen::OuterStride<>>;
int info_of_fakes = 0;

void fake_syrk(char* uplo, char* trans, int* n, int* k, double* alpha, double* a, int* lda, double* beta,
               double* c, int* ldc) {
  const bool transposed = *trans == 'T';
  const Map x(a, transposed ? *k : *n, transposed ? *n : *k, Eigen::OuterStride<>(*lda));
  const Column product = transposed ? Column(x.transpose() * x) : Column(x * x.transpose());
  for (int j = 0; j < *n; ++j)
    for (int i = 0; i < *n; ++i)
      if (*uplo == 'U' ? i <= j : i >= j) {
        double& to = c[i + j * *ldc];
        to = *alpha * product(i, j) + (*beta == 0 ? 0.0 : *beta * to);
      }
}

template <class Real>
void fake_gemm(char* operation_a, char* operation_b, int* rows, int* columns, int* depth, Real* alpha,
               Real* a, int* leading_a, Real* b, int* leading_b, Real* beta, Real* c, int* leading_c) {
  using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic>;
  using Stride = Eigen::OuterStride<>;
  CHECK(*operation_a == 'T' && *operation_b == 'N' && *alpha == 1 && *beta == 0);
  const Eigen::Map<Matrix, 0, Stride> first(a, *depth, *rows, Stride(*leading_a));
  const Eigen::Map<Matrix, 0, Stride> second(b, *depth, *columns, Stride(*leading_b));
  Eigen::Map<Matrix, 0, Stride>(c, *rows, *columns, Stride(*leading_c)) = first.transpose() * second;
}

void fake_sytrd(char* uplo, int* n, double* a, int* lda, double* d, double* e, double* tau, double* work,
                int* lwork, int* info) {
  *info = info_of_fakes;
  if (*lwork == -1) {
    work[0] = 5.0;
    return;
  }
  const Map x(a, *n, *n, Eigen::OuterStride<>(*lda));
  const Column full =
      *uplo == 'U' ? Column(x.selfadjointView<Eigen::Upper>()) : Column(x.selfadjointView<Eigen::Lower>());
  std::fill_n(work, *lwork, kUntouched);
  if (*n == 1) {
    d[0] = full(0, 0);
    return;
  }
  std::fill_n(tau, *n - 1, kUntouched);
  const Eigen::Tridiagonalization<Column> found(full);
  Eigen::Map<Vector>(d, *n) = found.diagonal();
  Eigen::Map<Vector>(e, *n - 1) = found.subDiagonal();
}

void fake_gesdd(char* job, int* m, int* n, double* a, int* lda, double* s, double* u, int* ldu, double* vt,
                int* ldvt, double* work, int* lwork, int* iwork, int* info) {
  *info = info_of_fakes;
  const int k = std::min(*m, *n);
  if (*lwork == -1) {
    work[0] = 11.0;
    return;
  }
  std::fill_n(work, *lwork, kUntouched);
  std::fill_n(iwork, 8 * k, 7);
  const Eigen::JacobiSVD<Column> found(Map(a, *m, *n, Eigen::OuterStride<>(*lda)),
                                       Eigen::ComputeThinU | Eigen::ComputeThinV);
  Eigen::Map<Vector>(s, k) = found.singularValues();
  if (*job == 'S') {
    Map(u, *m, k, Eigen::OuterStride<>(*ldu)) = found.matrixU();
    Map(vt, k, *n, Eigen::OuterStride<>(*ldvt)) = found.matrixV().transpose();
  }
}

template <typename Function>
void* pointer(Function* function) {
  return reinterpret_cast<void*>(function);
}

}  // namespace

TEST(grams_by_eigen) {
  check_grams();
}

TEST(products_by_eigen) {
  check_products<double>(1e-14);
  check_products<float>(1e-5);
}

TEST(tridiagonal_by_eigen) {
  check_tridiagonal();
}

TEST(singular_values_by_eigen) {
  check_svds();
}

TEST(pointers_must_be_complete) {
  CHECK_THROWS(use_lapack({}), std::invalid_argument);
  CHECK_THROWS(use_lapack({pointer(fake_syrk), pointer(fake_sytrd)}), std::invalid_argument);
  CHECK(std::string(dense_backend()) == "Eigen");
  CHECK(lapack_routines().size() == 5);
}

// The following stays for the rest of the program.
TEST(pointers_are_called_as_fortran_expects) {
  use_lapack({pointer(fake_syrk), pointer(fake_gemm<double>), pointer(fake_gemm<float>), pointer(fake_sytrd),
              pointer(fake_gesdd)});
  CHECK(std::string(dense_backend()) == "LAPACK");
  check_grams();
  check_products<double>(1e-14);
  check_products<float>(1e-5);
  check_tridiagonal();
  check_svds();
}

TEST(a_failure_of_lapack_is_an_exception) {
  info_of_fakes = 3;
  std::string text;
  RowMatrix a = normals(8, 5, 5), u(5, 5), vt(5, 5);
  Vector values(5), off_diagonal(4);
  try {
    singular_values(a.data(), 5, 5, values.data());
  } catch (const std::runtime_error& error) {
    text = error.what();
  }
  CHECK(text == "LAPACK failed with info 3");
  CHECK_THROWS(singular_vectors(a.data(), 5, 5, u.data(), values.data(), vt.data()), std::runtime_error);
  CHECK_THROWS(tridiagonalize(a.data(), 5, values.data(), off_diagonal.data()), std::runtime_error);
}
