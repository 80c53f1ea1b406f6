// One function for each header of the core that Python sees.
#pragma once

#include <pybind11/pybind11.h>

namespace neurogeom {

void bind_capacity(pybind11::module_& m);
void bind_cone(pybind11::module_& m);
void bind_joint(pybind11::module_& m);
void bind_pairs(pybind11::module_& m);
void bind_random(pybind11::module_& m);
void bind_rdm(pybind11::module_& m);
void bind_separability(pybind11::module_& m);

}  // namespace neurogeom
