// The generators of a cone, prepared for many targets.
#pragma once

#include "neurogeom/base/types.hpp"

namespace neurogeom {

// Generators of a cone with everything that many targets share.
struct Generators {
  Index n_points = 0;
  Index n_dims = 0;
  Index stride = 0;  // n_points rounded up to a multiple of 8; padding is zero rows
  RowMatrix rows;    // stride x n_dims, point i divided by scale[i]; length in [1/2, 1), or 0
  Vector scale;      // n_points, powers of two, so that the division is exact; 0 for a zero point
  RowMatrix gram;    // n_points x stride, or empty (on request, or where it would be too large to keep): rows
                     // are then formed when they are needed

  // One point or more, finite.
  explicit Generators(const MatrixView& points, bool with_gram = true);

  // Forms rows [begin, end) of the Gram matrix, `begin` being a multiple of gram_block; there are gram_rows
  // of them (none where the matrix would be too large to keep).
  static constexpr Index gram_block = 64;
  Index gram_rows() const { return gram.rows(); }
  void form_gram(Index begin, Index end);
};

}  // namespace neurogeom
