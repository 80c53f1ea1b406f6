// Projection on a polyhedral cone given by its generators, for many targets: the one solver of
// neurogeom.
//
// For generators s_i and a target t: v = argmin |v - t|^2 subject to s_i.v <= -margin for all i,
// and q = t - v = sum a_i s_i with a >= 0 is the projection (on the cone of the s_i when margin =
// 0). Every solve ends with a status and a residual, the largest of
//   max(0, s_i.v + margin) / (|s_i| |t|),   |q.v + margin sum(a)| / |t|^2,   max(0, -a_i)  (never,
//   here),
// where, with a margin, |t| stands for |t| + max_i margin/|s_i|.
#pragma once

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"
#include "neurogeom/cone/active_set.hpp"

namespace neurogeom {

// Targets are handled in blocks of this many, anchored at the target's index and padded with zeros,
// so that a target's constraint values come out of the same kernel calls however the work is cut.
constexpr Index kTargetBlock = 64;

// Right-hand sides of a block: B(k, i) = unit_i.t_k + shift_i, minus infinity where point i is no
// constraint. `targets` has kTargetBlock rows, `values` kTargetBlock x stride. shift may be null.
void constraint_values(const Generators& generators, const RowMatrix& targets, const double* shift,
                       RowMatrix& values);

struct ConeProjections {
  MatrixOut projection;  // n_targets x n_dims
  MatrixOut weights;     // n_targets x n_points
  std::int8_t* status;   // n_targets
  VectorOut residual;    // n_targets
};

// Rows of a target that could not be solved are NaN.
void project_cone(const MatrixView& points, const MatrixView& targets, double margin, int n_threads,
                  const Monitor& monitor, ConeProjections out);

}  // namespace neurogeom
