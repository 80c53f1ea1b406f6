// Draws, LAPACK from SciPy, and what the core was built with.
#include <Eigen/Core>
#include <string>
#include <utility>

#include "arrays.hpp"
#include "bindings.hpp"
#include "neurogeom/base/lapack.hpp"
#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/random.hpp"

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

static Array standard_normals_py(std::uint64_t key, std::uint32_t stream, std::uint64_t first_index,
                                 Index n_rows, Index length) {
  Array out = new_matrix(n_rows, length);
  double* data = out.mutable_data();
  const py::gil_scoped_release release;
  standard_normals(key, stream, first_index, n_rows, length, data, length);
  return out;
}

static std::vector<std::pair<std::string, std::string>> lapack_signatures() {
  std::vector<std::pair<std::string, std::string>> found;
  for (const LapackRoutine& routine : lapack_routines()) found.emplace_back(routine.name, routine.signature);
  return found;
}

static void use_lapack_py(const std::vector<py::capsule>& capsules) {
  std::vector<void*> pointers;
  for (const py::capsule& capsule : capsules) pointers.push_back(capsule.get_pointer());
  use_lapack(pointers);
}

void bind_base(py::module_& m) {
  m.def("build_info", &build_info);
  m.def("supports_v3", &supports_v3);
  m.def("standard_normals", &standard_normals_py, py::arg("key"), py::arg("stream"), py::arg("first_index"),
        py::arg("n_rows"), py::arg("length"));
  m.def("lapack_signatures", &lapack_signatures);
  m.def("use_lapack", &use_lapack_py, py::arg("capsules"));
}

}  // namespace neurogeom
