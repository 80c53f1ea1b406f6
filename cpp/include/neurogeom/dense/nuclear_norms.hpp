// Nuclear norms (sums of singular values) of many small and medium matrices.
#pragma once

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"
#include "neurogeom/dense/panels.hpp"
#include "neurogeom/dense/spectrum.hpp"

namespace neurogeom {

// Relative error of a nuclear norm above which singular values are computed instead.
constexpr double kTolerance = 1e-10;

// A finite matrix of a row and a column at least; its rows are `stride` apart.
struct StridedMatrix {
  const double* entries;
  Index rows, columns, stride;

  Index order() const { return rows < columns ? rows : columns; }
};

// Computes the norms of a few matrices at a time; has the scratch of one worker.
class NuclearNorms {
 public:
  // At most kLaneMatrices matrices of one order; of an order above kLargestInterleaved, one is as well. Bits
  // of a norm do not depend on the other matrices.
  void compute(const StridedMatrix* matrices, Index count, RootTrace* found);

 private:
  RootTrace by_singular_values(const StridedMatrix& matrix);

  std::vector<const double*> rows_;
  Buffer gram_, lanes_, tridiagonal_, scratch_, dense_;
};

// Of `count` matrices, rows x columns, that lie one after the other.
void nuclear_norms(const double* stack, Index count, Index rows, Index columns, int n_threads,
                   const Monitor& monitor, double* norms);

}  // namespace neurogeom
