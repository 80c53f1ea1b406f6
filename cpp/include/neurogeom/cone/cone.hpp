// Projection on a polyhedral cone given by its generators, for many targets: the one solver of
// neurogeom.
//
// For generators s_i and a target t: v = argmin |v - t|^2 subject to s_i.v <= -margin for all i,
// and q = t - v = sum a_i s_i with a >= 0 is the projection (on the cone of the s_i when margin =
// 0). Every solve ends with a status and a residual, the largest of
//   max(0, s_i.v + margin) / (|s_i| |t|),   |q.v + margin sum(a)| / |t|^2,   max(0, -a_i)  (never,
//   here),
// where, with a margin, |t| stands for the size of problem.hpp.
#pragma once

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"
#include "neurogeom/cone/problem.hpp"

namespace neurogeom {

struct ConeProjections {
  MatrixOut projection;  // n_targets x n_dims
  MatrixOut weights;     // n_targets x n_points
  std::int8_t* status;   // n_targets
  VectorOut residual;    // n_targets
};

// Points and targets have the same number of columns, there is at least one point, and all are finite. Rows
// of a target that could not be solved are NaN; status is a Status (problem.hpp).
void project_cone(const MatrixView& points, const MatrixView& targets, double margin, int n_threads,
                  const Monitor& monitor, ConeProjections out);

}  // namespace neurogeom
