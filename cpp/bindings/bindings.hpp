// One function for each folder of the core.
#pragma once

#include <pybind11/pybind11.h>

namespace neurogeom {

void bind_base(pybind11::module_& m);
void bind_dense(pybind11::module_& m);
void bind_cone(pybind11::module_& m);
void bind_pairs(pybind11::module_& m);
void bind_capacity(pybind11::module_& m);

}  // namespace neurogeom
