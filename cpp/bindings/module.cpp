// The extension module; compiled once for each instruction set (NEUROGEOM_MODULE).
#include <pybind11/pybind11.h>

#include <Eigen/Core>

#include "neurogeom/parallel.hpp"

namespace py = pybind11;

namespace neurogeom {

static py::dict build_info() {
  py::dict info;
  info["compiler"] = __VERSION__;
  info["eigen"] = std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) +
                  "." + std::to_string(EIGEN_MINOR_VERSION);
  info["simd"] = Eigen::SimdInstructionSetsInUse();
  info["threads"] = parallel_backend();
  return info;
}

}  // namespace neurogeom

PYBIND11_MODULE(NEUROGEOM_MODULE, m, py::mod_gil_not_used()) {
  m.def("build_info", &neurogeom::build_info);
}
