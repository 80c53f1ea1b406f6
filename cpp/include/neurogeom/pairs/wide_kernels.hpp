// Kernels of infinitely wide, fully connected networks with random weights.
#pragma once

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"

namespace neurogeom {

struct WideNetwork {
  enum class Activation { relu, erf };
  Activation activation;
  Index depth;      // hidden layers; 0 leaves the inner products of the inputs
  double weights;   // variance of a weight times the number of units below; positive
  double biases;    // variance of a bias; not negative
  bool is_tangent;  // inner products of gradients instead of covariances of outputs
};

// What is wanted of the rows of x and z, which have one width and are finite. Entry (i, j) depends on rows i
// and j alone, to the bit, and is the same if they are exchanged. Errors are a few units of rounding for each
// layer, relative to the root of the product of the two diagonal entries: for nearly parallel rows too.
void wide_cross(const MatrixView& x, const MatrixView& z, const WideNetwork& network, int n_threads,
                const Monitor& monitor, MatrixOut out);
// wide_cross(x, x).
void wide_gram(const MatrixView& x, const WideNetwork& network, int n_threads, const Monitor& monitor,
               MatrixOut out);
// The diagonal of wide_gram.
void wide_diagonal(const MatrixView& x, const WideNetwork& network, const Monitor& monitor, VectorOut out);

}  // namespace neurogeom
