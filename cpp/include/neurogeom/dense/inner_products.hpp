// Inner products of long vectors with each other.
#pragma once

#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"

namespace neurogeom {

// out(i, j) = rows[i] . columns[j] for vectors of `length` entries. The bits of an entry depend on its two
// vectors only: not on the others, nor on the number of threads.
// There is a row and a column at least; all values are finite.
void inner_products(const std::vector<const double*>& rows, const std::vector<const double*>& columns,
                    Index length, int n_threads, const Monitor& monitor, MatrixOut out);

// Inner products of the rows of a matrix with each other: the strict lower triangle row by row, then the
// diagonal. One thread.
void packed_gram(const MatrixView& matrix, const Monitor& monitor, double* out);

}  // namespace neurogeom
