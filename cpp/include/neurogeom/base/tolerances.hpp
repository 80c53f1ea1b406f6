// Sizes of rounding that more than one file uses. Those that only one file uses are there.
#pragma once

#include <limits>

namespace neurogeom {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

// A constraint counts as violated beyond this, relative to the target: a product of some hundred terms rounds
// to about 1e-15, and points violated by less would enter only to leave again.
constexpr double kViolation = 1e-14;
// Optimality residual (cone/cone.hpp) above which the final iterate of a solver is not called a solution.
// Solutions have about 1e-15; failures have 1e-6 or more.
constexpr double kAcceptedResidual = 1e-10;

// Squared pivot, of points of lengths about 1, below which products of points have lost half of their digits,
// since a pivot is what is left of 1: what comes of it is to be found from the points themselves.
constexpr double kSmallPivot = 1e-8;
// Length of what is left of a point, after two orthogonalisations, that is rounding alone; per unit of the
// combination that was taken away.
constexpr double kDependent = 2e-14;
// Largest |sum a_i s_i| / sum a_i |s_i| of weights a that certify that the origin is in the convex hull of
// points s_i: rounding of sums of some thousand terms.
constexpr double kVanishing = 1e-12;
// Constraint value, relative to the target, of a point that lies on the boundary of what is allowed: the
// residual of a solution, with room for points that depend on others with coefficients of some hundreds.
constexpr double kOnBoundary = 1e-8;

}  // namespace neurogeom
