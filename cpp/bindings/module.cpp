// The extension module; compiled once for each instruction set (NEUROGEOM_MODULE).
#include <pybind11/pybind11.h>

#include <Eigen/Core>

#include "bindings.hpp"
#include "neurogeom/blas.hpp"
#include "neurogeom/parallel.hpp"

namespace py = pybind11;

namespace neurogeom {

static py::dict build_info() {
  py::dict info;
  info["compiler"] = __VERSION__;
  info["eigen"] = std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
                  std::to_string(EIGEN_MINOR_VERSION);
  info["simd"] = Eigen::SimdInstructionSetsInUse();
  info["dense"] = dense_backend();
  info["threads"] = parallel_backend();
  return info;
}

// Whether this CPU and system run the x86-64-v3 module.
static bool supports_v3() {
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
         __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

}  // namespace neurogeom

PYBIND11_MODULE(NEUROGEOM_MODULE, m, py::mod_gil_not_used()) {
  m.def("build_info", &neurogeom::build_info);
  m.def("supports_v3", &neurogeom::supports_v3);
  neurogeom::bind_capacity(m);
  neurogeom::bind_cone(m);
  neurogeom::bind_joint(m);
  neurogeom::bind_pairs(m);
  neurogeom::bind_random(m);
  neurogeom::bind_rdm(m);
  neurogeom::bind_separability(m);
}
