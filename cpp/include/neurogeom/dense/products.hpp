// Dense products of gathered rows, for many small problems that share their points. Each entry is a sum in
// one fixed order, whatever else is computed beside it.
#pragma once

#include <vector>

#include "neurogeom/base/types.hpp"

namespace neurogeom {

// What is written does not overlap with what is read; all sizes may be 0.

// out(q, f) = x_q . y_f for rows of n entries given by their addresses; row q of `out` starts at q * stride.
void row_products(const double* const* x, Index n_x, const double* const* y, Index n_y, Index n, double* out,
                  Index stride);

// The entries f <= q of the square matrix x_q . y_f, rows `count` apart; others are not to be used.
void lower_products(const double* const* x, const double* const* y, Index count, Index n, double* out);

// out(q, :) = sum over i < depth of c(q, i) h(i, :), rows of `width` entries, a multiple of kRun; rows of h
// and out are `stride` apart.
void multiply_rows(const double* c, Index n_rows, Index c_stride, const double* h, Index depth, Index width,
                   Index stride, double* out);

// h(i, :) += sign * sum over q of e(q, i) e(q, :) for i < n_rows; width and stride as above.
void add_self_product(const double* e, Index n_e, double sign, double* h, Index n_rows, Index width,
                      Index stride);

// The rows of a matrix laid out for products of all of them with many vectors.
class PackedRows {
 public:
  // The number of rows is a multiple of kRun.
  explicit PackedRows(const RowMatrix& rows);

  // out[s][i] = row i . vectors[s], for s < count.
  void multiply(const double* const* vectors, Index count, double* const* out) const;
  // The same in single precision, in half of the time.
  void multiply_roughly(const double* const* vectors, Index count, double* const* out) const;

 private:
  Index n_rows_, n_dims_;
  std::vector<double> panels_;  // kRun rows side by side, one dimension after the other
  std::vector<float> rough_;    // the same
};

}  // namespace neurogeom
