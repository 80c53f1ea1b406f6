// The extension modules: one for each instruction set of the core that they are linked with.
#include <pybind11/pybind11.h>

#include "bindings.hpp"

namespace py = pybind11;

namespace neurogeom {

static void bind_all(py::module_& m) {
  bind_base(m);
  bind_dense(m);
  bind_cone(m);
  bind_pairs(m);
  bind_capacity(m);
}

}  // namespace neurogeom

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  neurogeom::bind_all(m);
}

PYBIND11_MODULE(_core_v3, m, py::mod_gil_not_used()) {
  neurogeom::bind_all(m);
}
