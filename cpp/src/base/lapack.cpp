#include "neurogeom/base/lapack.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>

#include "neurogeom/base/lanes.hpp"

namespace neurogeom {
namespace {

// Fortran sees the transpose of a row-major matrix; the comments below speak of row-major ones.
using Syrk = void (*)(char*, char*, int*, int*, double*, double*, int*, double*, double*, int*);
using Gemm = void (*)(char*, char*, int*, int*, int*, double*, double*, int*, double*, int*, double*, double*,
                      int*);
using SingleGemm = void (*)(char*, char*, int*, int*, int*, float*, float*, int*, float*, int*, float*,
                            float*, int*);
using Sytrd = void (*)(char*, int*, double*, int*, double*, double*, double*, double*, int*, int*);
using Gesdd = void (*)(char*, int*, int*, double*, int*, double*, double*, int*, double*, int*, double*, int*,
                       int*, int*);

Syrk syrk = nullptr;
Gemm gemm = nullptr;
SingleGemm single_gemm = nullptr;
Sytrd sytrd = nullptr;
Gesdd gesdd = nullptr;

void require_success(int info) {
  if (info != 0) throw std::runtime_error("LAPACK failed with info " + std::to_string(info));
}

using ColumnMatrix = Eigen::MatrixXd;

// Lower triangle of M' M or M M' for the column-major M (depth x n or n x depth).
void fortran_gram(const double* m, Index n, Index depth, Index stride, bool transposed, double* out) {
  // The upper triangle of a column-major result is the lower one of a row-major one.
  char upper = 'U', operation = transposed ? 'T' : 'N';
  int order = static_cast<int>(n), inner = static_cast<int>(depth), leading = static_cast<int>(stride);
  double one = 1.0, zero = 0.0;
  syrk(&upper, &operation, &order, &inner, &one, const_cast<double*>(m), &leading, &zero, out, &order);
}

// A B' of row-major matrices is, column-major, B' A of the transposes that Fortran sees.
template <class Real>
void fortran_product(void (*multiply)(char*, char*, int*, int*, int*, Real*, Real*, int*, Real*, int*, Real*,
                                      Real*, int*),
                     const Real* a, Index n_a, const Real* b, Index n_b, Index depth, Real* out,
                     Index stride) {
  char transposed = 'T', plain = 'N';
  int rows = static_cast<int>(n_b), columns = static_cast<int>(n_a), inner = static_cast<int>(depth),
      leading = static_cast<int>(stride);
  Real one = 1, zero = 0;
  multiply(&transposed, &plain, &rows, &columns, &inner, &one, const_cast<Real*>(b), &inner,
           const_cast<Real*>(a), &inner, &zero, out, &leading);
}

template <class Real>
void eigen_product(const Real* a, Index n_a, const Real* b, Index n_b, Index depth, Real* out, Index stride) {
  using Matrix = Eigen::Matrix<Real, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Eigen::Map<Matrix, 0, Eigen::OuterStride<>>(out, n_a, n_b, Eigen::OuterStride<>(stride)).noalias() =
      Eigen::Map<const Matrix>(a, n_a, depth) * Eigen::Map<const Matrix>(b, n_b, depth).transpose();
}

using Strided = Eigen::Map<const RowMatrix, 0, Eigen::OuterStride<>>;

void fortran_svd(char job, double* a, Index rows, Index columns, double* u, double* values, double* vt) {
  // Of the transpose: its left singular vectors are V, stored by columns, which is V' by rows.
  int m = static_cast<int>(columns), n = static_cast<int>(rows), k = std::min(m, n), info = 0, query = -1;
  int one = 1;
  int* const leading_vt = job == 'N' ? &one : &m;
  int* const leading_u = job == 'N' ? &one : &k;
  std::vector<int> integers(static_cast<std::size_t>(8 * k));
  double size = 0.0;
  gesdd(&job, &m, &n, a, &m, values, vt, leading_vt, u, leading_u, &size, &query, integers.data(), &info);
  require_success(info);
  std::vector<double> work(static_cast<std::size_t>(size));
  int length = static_cast<int>(work.size());
  gesdd(&job, &m, &n, a, &m, values, vt, leading_vt, u, leading_u, work.data(), &length, integers.data(),
        &info);
  require_success(info);
}

// Singular values and vectors without LAPACK, by rotations of pairs of rows until all are orthogonal: Eigen's
// two methods cost the compiler more than the rest of the core together.
struct JacobiSvd {
  explicit JacobiSvd(const RowMatrix& matrix)  // no more rows than columns
      : rows(matrix), turns(RowMatrix::Identity(matrix.rows(), matrix.rows())), order(matrix.rows()) {
    const double scale = power_of_two_above(rows.data(), rows.size());
    if (scale > 0) rows /= scale;
    for (int sweep = 0; sweep < kSweeps && turn_all(); ++sweep) {
    }
    values = rows.rowwise().norm();
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) { return values[i] > values[j]; });
    for (Index i = 0; i < rows.rows(); ++i) make_unit(i);
    values *= scale;
  }

  RowMatrix rows;   // orthonormal
  RowMatrix turns;  // matrix = turns' diag(values) rows
  Vector values;
  std::vector<Index> order;  // of descending values

 private:
  static constexpr int kSweeps = 60;
  static constexpr double kOrthogonal = 1e-15;  // cosine
  static constexpr double kZero = 1e-100;       // length of a row of zeros, in units of the whole matrix

  bool turn_all() {
    bool turned = false;
    const Index n = rows.cols(), k = rows.rows();
    for (Index i = 0; i < k; ++i)
      for (Index j = i + 1; j < k; ++j) {
        double* const x = rows.row(i).data();
        double* const y = rows.row(j).data();
        const double xx = squared_norm(x, n), yy = squared_norm(y, n), xy = dot(x, y, n);
        if (!(std::abs(xy) > kOrthogonal * std::sqrt(xx) * std::sqrt(yy) && std::min(xx, yy) > kZero * kZero))
          continue;
        turned = true;
        const double half = 0.5 * (yy - xx) / xy;
        const double tangent = (half < 0 ? -1.0 : 1.0) / (std::abs(half) + std::hypot(1.0, half));
        const double cosine = 1.0 / std::hypot(1.0, tangent), sine = tangent * cosine;
        turn(x, y, n, cosine, sine);
        turn(turns.row(i).data(), turns.row(j).data(), k, cosine, sine);
      }
    return turned;
  }

  static void turn(double* x, double* y, Index n, double cosine, double sine) {
    for (Index i = 0; i < n; ++i) {
      const double old = x[i];
      x[i] = cosine * old - sine * y[i];
      y[i] = sine * old + cosine * y[i];
    }
  }

  // A row of zeros becomes the unit vector that is least in the span of the others, made orthogonal to them.
  void make_unit(Index i) {
    if (values[i] > kZero) {
      rows.row(i) /= values[i];
      return;
    }
    values[i] = 0.0;
    rows.row(i).setZero();
    Index axis = 0;
    Vector(rows.colwise().squaredNorm()).minCoeff(&axis);
    rows(i, axis) = 1.0;
    for (int twice = 0; twice < 2; ++twice)
      for (Index j = 0; j < rows.rows(); ++j)
        if (j != i)
          axpy(-dot(rows.row(i).data(), rows.row(j).data(), rows.cols()) /
                   std::max(squared_norm(rows.row(j).data(), rows.cols()), kZero),
               rows.row(j).data(), rows.row(i).data(), rows.cols());
    rows.row(i).normalize();
  }
};

// The matrix, or its transpose if that has fewer rows.
RowMatrix wide(const double* a, Index rows, Index columns) {
  const MatrixView matrix(a, rows, columns);
  return rows > columns ? RowMatrix(matrix.transpose()) : RowMatrix(matrix);
}

}  // namespace

const std::vector<LapackRoutine>& lapack_routines() {
  static const std::vector<LapackRoutine> routines{
      {"dsyrk", "char*,char*,int*,int*,double*,double*,int*,double*,double*,int*"},
      {"dgemm", "char*,char*,int*,int*,int*,double*,double*,int*,double*,int*,double*,double*,int*"},
      {"sgemm", "char*,char*,int*,int*,int*,float*,float*,int*,float*,int*,float*,float*,int*"},
      {"dsytrd", "char*,int*,double*,int*,double*,double*,double*,double*,int*,int*"},
      {"dgesdd", "char*,int*,int*,double*,int*,double*,double*,int*,double*,int*,double*,int*,int*,int*"},
  };
  return routines;
}

void use_lapack(const std::vector<void*>& routines) {
  if (routines.size() != lapack_routines().size()) throw std::invalid_argument("internal: LAPACK incomplete");
  syrk = reinterpret_cast<Syrk>(routines[0]);
  gemm = reinterpret_cast<Gemm>(routines[1]);
  single_gemm = reinterpret_cast<SingleGemm>(routines[2]);
  sytrd = reinterpret_cast<Sytrd>(routines[3]);
  gesdd = reinterpret_cast<Gesdd>(routines[4]);
}

const char* dense_backend() {
  return gesdd != nullptr ? "LAPACK" : "Eigen";
}

const char* simd_in_use() {
  return Eigen::SimdInstructionSetsInUse();
}

void gram_of_rows(const double* a, Index rows, Index columns, Index stride, double* out) {
  if (syrk != nullptr) return fortran_gram(a, rows, columns, stride, true, out);
  const Strided matrix(a, rows, columns, Eigen::OuterStride<>(stride));
  MatrixOut(out, rows, rows).setZero();
  MatrixOut(out, rows, rows).selfadjointView<Eigen::Lower>().rankUpdate(matrix);
}

void gram_of_columns(const double* a, Index rows, Index columns, Index stride, double* out) {
  if (syrk != nullptr) return fortran_gram(a, columns, rows, stride, false, out);
  const Strided matrix(a, rows, columns, Eigen::OuterStride<>(stride));
  MatrixOut(out, columns, columns).setZero();
  MatrixOut(out, columns, columns).selfadjointView<Eigen::Lower>().rankUpdate(matrix.transpose());
}

void row_by_row_products(const double* a, Index n_a, const double* b, Index n_b, Index depth, double* out,
                         Index stride) {
  if (gemm != nullptr) return fortran_product(gemm, a, n_a, b, n_b, depth, out, stride);
  eigen_product(a, n_a, b, n_b, depth, out, stride);
}

void row_by_row_products(const float* a, Index n_a, const float* b, Index n_b, Index depth, float* out,
                         Index stride) {
  if (single_gemm != nullptr) return fortran_product(single_gemm, a, n_a, b, n_b, depth, out, stride);
  eigen_product(a, n_a, b, n_b, depth, out, stride);
}

void tridiagonalize(double* a, Index n, double* diagonal, double* off_diagonal) {
  if (sytrd != nullptr) {
    char upper = 'U';  // of the column-major matrix
    int order = static_cast<int>(n), info = 0, query = -1;
    double size = 0.0;
    std::vector<double> tau(static_cast<std::size_t>(std::max<Index>(1, n - 1)));
    sytrd(&upper, &order, a, &order, diagonal, off_diagonal, tau.data(), &size, &query, &info);
    std::vector<double> work(static_cast<std::size_t>(size));
    int length = static_cast<int>(work.size());
    sytrd(&upper, &order, a, &order, diagonal, off_diagonal, tau.data(), work.data(), &length, &info);
    return require_success(info);
  }
  ColumnMatrix lower = MatrixOut(a, n, n);
  if (n == 1) {
    diagonal[0] = lower(0, 0);
    return;
  }
  const Eigen::Tridiagonalization<ColumnMatrix> found(lower);  // reads the lower triangle
  VectorOut(diagonal, n) = found.diagonal();
  VectorOut(off_diagonal, n - 1) = found.subDiagonal();
}

void singular_values(double* a, Index rows, Index columns, double* values) {
  double unused = 0.0;
  if (gesdd != nullptr) return fortran_svd('N', a, rows, columns, &unused, values, &unused);
  const JacobiSvd found(wide(a, rows, columns));
  for (std::size_t i = 0; i < found.order.size(); ++i) values[i] = found.values[found.order[i]];
}

void singular_vectors(double* a, Index rows, Index columns, double* u, double* values, double* vt) {
  if (gesdd != nullptr) return fortran_svd('S', a, rows, columns, u, values, vt);
  const JacobiSvd found(wide(a, rows, columns));
  const auto k = static_cast<Index>(found.order.size());
  MatrixOut left(u, rows, k), right(vt, k, columns);
  for (Index i = 0; i < k; ++i) {
    const Index from = found.order[static_cast<std::size_t>(i)];
    values[i] = found.values[from];
    const bool turned = rows > columns;
    for (Index r = 0; r < rows; ++r) left(r, i) = turned ? found.rows(from, r) : found.turns(from, r);
    for (Index c = 0; c < columns; ++c) right(i, c) = turned ? found.turns(from, c) : found.rows(from, c);
  }
}

}  // namespace neurogeom
