// The projection of a target on a polyhedral cone, set up for the solvers: every projection goes through
// here, whatever its points and targets are.
//
// With points s_i, a margin and a target t: v = argmin |v - t|^2 subject to s_i.v <= -margin for all i, and
// q = t - v = sum a_i s_i, a >= 0. Solvers see the points divided by powers of two (generators.hpp), so that
// the margin of point i is shift_i = margin / scale_i, and take for each target
//
//   values  b_i = s_i.t + shift_i, minus infinity where there is no constraint: padding, and points at the
//           origin, which ask for 0 <= -margin: nothing, or with a margin the impossible (contradictory());
//   size    |t| + 2 max shift_i, or 1 where that is 0: what all tolerances are relative to.
#pragma once

#include "neurogeom/cone/generators.hpp"

namespace neurogeom {

// How a solver ended. Values are part of the Python interface (neurogeom.project_cone).
enum class Status : std::int8_t {
  converged = 0,        // a projection whose residual is at most kAcceptedResidual
  iteration_limit = 1,  // none was found
  infeasible = 2,       // there is none: no v has the margin
  dead = 3              // there is nothing to project on: the caller said so
};

// Targets are handled in blocks of this many, anchored at the target's index and padded with zeros,
// so that a target's constraint values come out of the same kernel calls however the work is cut.
constexpr Index kTargetBlock = 64;

struct ConeProblem {
  // A negative margin lets points lie on the wrong side. The Gram matrix, where there is to be one, is yet to
  // be formed.
  ConeProblem(const MatrixView& points, double margin, bool with_gram = true);

  // Null without a margin.
  const double* shifts() const { return shift.size() > 0 ? shift.data() : nullptr; }
  bool contradictory() const;

  // In what follows `unit` is a power of two that the target and the margin have been divided by.

  // The size of a target of n_dims entries.
  double size(const double* target, double unit = 1.0) const;
  // From the products s_i.t (stride entries) to the values, with signs (+1 or -1, stride entries) for points
  // that are to be multiplied by them, or null.
  void constrain(double* products, double unit = 1.0, const double* signs = nullptr) const;
  // The products of a block of targets: `targets` is kTargetBlock x n_dims, `products` kTargetBlock x stride.
  void multiply(const RowMatrix& targets, RowMatrix& products) const;

  Generators generators;
  Vector shift;  // stride entries, 0 where there is no constraint; empty without a margin
  double margin;
  double largest_shift = 0.0;  // or 0 where all are negative
};

}  // namespace neurogeom
