#include "neurogeom/blas.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/SVD>
#include <algorithm>
#include <stdexcept>

namespace neurogeom {
namespace {

// Fortran sees the transpose of a row-major matrix; the comments below speak of row-major ones.
using Syrk = void (*)(char*, char*, int*, int*, double*, double*, int*, double*, double*, int*);
using Sytrd = void (*)(char*, int*, double*, int*, double*, double*, double*, double*, int*, int*);
using Gesdd = void (*)(char*, int*, int*, double*, int*, double*, double*, int*, double*, int*, double*, int*,
                       int*, int*);

Syrk syrk = nullptr;
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

}  // namespace

const std::vector<LapackRoutine>& lapack_routines() {
  static const std::vector<LapackRoutine> routines{
      {"dsyrk", "char*,char*,int*,int*,double*,double*,int*,double*,double*,int*"},
      {"dsytrd", "char*,int*,double*,int*,double*,double*,double*,double*,int*,int*"},
      {"dgesdd", "char*,int*,int*,double*,int*,double*,double*,int*,double*,int*,double*,int*,int*,int*"},
  };
  return routines;
}

void use_lapack(const std::vector<void*>& routines) {
  if (routines.size() != lapack_routines().size()) throw std::invalid_argument("internal: LAPACK incomplete");
  syrk = reinterpret_cast<Syrk>(routines[0]);
  sytrd = reinterpret_cast<Sytrd>(routines[1]);
  gesdd = reinterpret_cast<Gesdd>(routines[2]);
}

const char* dense_backend() {
  return gesdd != nullptr ? "LAPACK" : "Eigen";
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
  const Index k = std::min(rows, columns);
  const ColumnMatrix matrix = MatrixOut(a, rows, columns);
  // BDCSVD binds a null reference for a single row or column.
  if (k == 1)
    values[0] = matrix.norm();
  else
    VectorOut(values, k) = Eigen::BDCSVD<ColumnMatrix>(matrix).singularValues();
}

void singular_vectors(double* a, Index rows, Index columns, double* u, double* values, double* vt) {
  if (gesdd != nullptr) return fortran_svd('S', a, rows, columns, u, values, vt);
  const Index k = std::min(rows, columns);
  const ColumnMatrix matrix = MatrixOut(a, rows, columns);
  const auto write = [&](const auto& found) {
    MatrixOut(u, rows, k) = found.matrixU();
    VectorOut(values, k) = found.singularValues();
    MatrixOut(vt, k, columns) = found.matrixV().transpose();
  };
  constexpr int kThin = Eigen::ComputeThinU | Eigen::ComputeThinV;
  if (k == 1)
    write(Eigen::JacobiSVD<ColumnMatrix>(matrix, kThin));
  else
    write(Eigen::BDCSVD<ColumnMatrix>(matrix, kThin));
}

}  // namespace neurogeom
