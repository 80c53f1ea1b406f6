// Tiles of pairs of representations, each reduced to a factor F (stimuli x columns): all measures of linear
// alignment follow from the core F_i' F_j, with weights on its rows and columns.
#pragma once

#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"

namespace neurogeom {

// What to compute of each core. Weights are one vector for each factor, empty for ones.
struct CoreQuantity {
  enum class Kind { nuclear_norm, sum_of_squares };
  Kind kind;
  std::vector<std::vector<double>> row_weights, column_weights;
};

// The factors of a tile, finite and all with as many rows. For a nuclear norm the weighted factors have
// Frobenius norm 1: it is then a similarity, 1 for factors that are rotations of each other.
struct FactorTile {
  std::vector<MatrixView> rows, columns;
  bool rows_trapezoidal, columns_trapezoidal;  // entries right of the diagonal of all of them are zero
  const bool* wanted;                          // rows x columns
};

// Of each wanted pair, rows x columns each; others are left alone.
struct CoreValues {
  double* value;  // nuclear norm or sum of squares
  double* gap;    // one minus the nuclear norm, accurate where that is small; null for squares
  double* error;  // estimate of the error of the nuclear norm; null for squares
};

// Bits of a pair do not depend on the others, nor on the number of threads.
void core_quantities(const FactorTile& tile, const std::vector<CoreQuantity>& quantities, int n_threads,
                     const Monitor& monitor, const std::vector<CoreValues>& values);

}  // namespace neurogeom
