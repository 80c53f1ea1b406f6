// Products A' B of matrices with many more rows than columns, out of a layout that is made once for each
// matrix. Each entry is a sum over rows in one fixed order, whatever other columns are there: so its bits do
// not depend on what is computed beside it.
#pragma once

#include "neurogeom/types.hpp"

namespace neurogeom {

// Columns of the two operands that a kernel works on at a time.
constexpr Index kLeftPanel = 4;
constexpr Index kRightPanel = 12;

constexpr Index padded(Index n, Index panel) {
  return (n + panel - 1) / panel * panel;
}

using Buffer = Eigen::ArrayXd;  // aligned

// The columns of a matrix in panels: all rows of the first few columns, then those of the next, zeros at the
// end.
struct Panels {
  Buffer data;
  Index rows = 0, columns = 0;
  bool trapezoidal = false;  // entries right of the diagonal are zero
};

Panels left_panels(const MatrixView& matrix, bool trapezoidal);
Panels right_panels(const MatrixView& matrix, bool trapezoidal);

// out = left' right: rows padded to kLeftPanel and columns to kRightPanel, which is also its stride.
void multiply_panels(const Panels& left, const Panels& right, double* out);

}  // namespace neurogeom
