#include <Eigen/SVD>
#include <vector>

#include "check.hpp"
#include "neurogeom/dense/nuclear_norms.hpp"

using namespace neurogeom;
using check::normals;

namespace {

using Long = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;

double expected(const RowMatrix& matrix) {
  return static_cast<double>(Eigen::JacobiSVD<Long>(matrix.cast<long double>()).singularValues().sum());
}

// Matrices one after the other.
std::vector<double> stacked(const std::vector<RowMatrix>& matrices) {
  std::vector<double> out;
  for (const RowMatrix& matrix : matrices)
    out.insert(out.end(), matrix.data(), matrix.data() + matrix.size());
  return out;
}

}  // namespace

TEST(norms_of_a_stack) {
  const std::vector<std::pair<Index, Index>> shapes = {{1, 1},  {1, 7},  {7, 1},  {5, 5},
                                                       {4, 70}, {70, 4}, {37, 40}};
  for (const auto& [rows, columns] : shapes) {
    std::vector<RowMatrix> matrices;
    for (std::uint64_t k = 0; k < 6; ++k) matrices.push_back(normals(k + 1, rows, columns));
    matrices[1] *= 1e-60;
    matrices[2] *= 1e60;
    matrices[3].setZero();
    matrices[4] = normals(9, rows, 1) * normals(10, 1, columns);  // of rank one
    const std::vector<double> stack = stacked(matrices);
    Vector norms(6), again(6);
    nuclear_norms(stack.data(), 6, rows, columns, 1, {}, norms.data());
    for (std::size_t k = 0; k < matrices.size(); ++k)
      CHECK(std::abs(norms[k] - expected(matrices[k])) <= 1e-11 * expected(matrices[k]));
    nuclear_norms(stack.data(), 6, rows, columns, 3, {}, again.data());
    CHECK(norms == again);
    for (Index k = 0; k < 6; ++k) {  // alone
      double one = 0.0;
      nuclear_norms(stack.data() + k * rows * columns, 1, rows, columns, 1, {}, &one);
      CHECK(one == norms[k]);
    }
  }
}

TEST(no_matrices_have_no_norms) {
  nuclear_norms(nullptr, 0, 3, 4, 2, {}, nullptr);
}
