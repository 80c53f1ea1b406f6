// The extension modules: one for each instruction set of the core that they are linked with.
#include <pybind11/pybind11.h>

#include <Eigen/Core>

#include "bindings.hpp"
#include "neurogeom/base/lapack.hpp"
#include "neurogeom/base/parallel.hpp"

namespace py = pybind11;

namespace neurogeom {

static py::dict build_info() {
  py::dict info;
  info["compiler"] = __VERSION__;
  info["eigen"] = std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
                  std::to_string(EIGEN_MINOR_VERSION);
  info["simd"] = simd_in_use();
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

static void bind_all(py::module_& m) {
  m.def("build_info", &build_info);
  m.def("supports_v3", &supports_v3);
  bind_capacity(m);
  bind_cone(m);
  bind_joint(m);
  bind_pairs(m);
  bind_random(m);
  bind_rdm(m);
  bind_separability(m);
}

}  // namespace neurogeom

PYBIND11_MODULE(_core, m, py::mod_gil_not_used()) {
  neurogeom::bind_all(m);
}

PYBIND11_MODULE(_core_v3, m, py::mod_gil_not_used()) {
  neurogeom::bind_all(m);
}
