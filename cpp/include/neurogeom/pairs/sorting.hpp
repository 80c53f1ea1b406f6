// Order of many real numbers, in time linear in their number.
#pragma once

#include <cstdint>

#include "neurogeom/base/types.hpp"

namespace neurogeom {

// order[k] is the place of the k-th smallest value; equal values keep their order (0 and -0 are not equal
// here: -0 comes first). There must be no NaN.
void rising_order(const double* values, Index n, std::int32_t* order);

}  // namespace neurogeom
