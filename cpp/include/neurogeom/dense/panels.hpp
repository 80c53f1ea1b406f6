// Products A' B of matrices with many more rows than columns, out of a layout that is made once for each
// matrix. Each entry is a sum over rows in one fixed order, whatever other columns are there: so its bits do
// not depend on what is computed beside it.
#pragma once

#include "neurogeom/base/types.hpp"

namespace neurogeom {

// Columns of the two operands that a kernel works on at a time.
constexpr Index kLeftPanel = 4;
constexpr Index kRightPanel = 12;

constexpr Index padded(Index n, Index panel) {
  return (n + panel - 1) / panel * panel;
}

using Buffer = Eigen::ArrayXd;  // aligned

// Makes room for so many numbers.
inline void grow(Buffer& buffer, Index size) {
  if (buffer.size() < size) buffer.resize(size);
}

// The columns of a matrix in panels: all rows of the first few columns, then those of the next, zeros at the
// end.
struct Panels {
  Buffer data;
  Index rows = 0, columns = 0;
  Index width = 0;           // columns of a panel
  bool trapezoidal = false;  // entries right of the diagonal are zero
};

// With `trapezoidal` entries right of the diagonal are taken to be zero and not read.
Panels left_panels(const MatrixView& matrix, bool trapezoidal);
Panels right_panels(const MatrixView& matrix, bool trapezoidal);

// The same of vectors as columns, each given by the address of its first entry.
void pack_panels(const double* const* vectors, Index count, Index length, Index width, Panels& panels);

// Both have the same number of rows. out = left' right: rows padded to kLeftPanel and columns to kRightPanel,
// which is also its stride.
void multiply_panels(const Panels& left, const Panels& right, double* out);

// Columns l_begin (a multiple of kLeftPanel) to l_end of the left and the first r_end of the right. The left
// may have panels of kRightPanel columns too, so that one layout serves as both.
void multiply_some_panels(const Panels& left, Index l_begin, Index l_end, const Panels& right, Index r_end,
                          double* out, Index stride);

}  // namespace neurogeom
