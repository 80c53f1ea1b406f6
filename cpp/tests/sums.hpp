// Sums in long double, which the tests of products compare with.
#pragma once

#include <cmath>
#include <limits>

#include "neurogeom/base/types.hpp"

namespace check {

// A sum of products, and what rounding may do to it in any order.
struct Sum {
  long double value = 0, size = 0;
  void add(double x, double y) {
    value += static_cast<long double>(x) * y;
    size += std::abs(static_cast<long double>(x) * y);
  }
  bool holds(double found, neurogeom::Index n) const {
    const double rounding = std::numeric_limits<double>::epsilon() * static_cast<double>(n + 4);
    return std::abs(found - static_cast<double>(value)) <= rounding * static_cast<double>(size);
  }
};

// Whether found(i, j) is the inner product of columns i and j of two matrices.
inline bool is_core(const neurogeom::RowMatrix& left, const neurogeom::RowMatrix& right, const double* found,
                    neurogeom::Index stride) {
  using neurogeom::Index;
  for (Index i = 0; i < left.cols(); ++i)
    for (Index j = 0; j < right.cols(); ++j) {
      Sum sum;
      for (Index row = 0; row < left.rows(); ++row) sum.add(left(row, i), right(row, j));
      if (!sum.holds(found[i * stride + j], left.rows())) return false;
    }
  return true;
}

}  // namespace check
