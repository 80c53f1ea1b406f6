#include "arrays.hpp"
#include "bindings.hpp"
#include "neurogeom/base/random.hpp"

namespace neurogeom {

using Words = py::array_t<std::uint64_t, py::array::c_style>;

static Array standard_normals_py(std::uint64_t key, std::uint32_t stream, std::uint64_t first_index,
                                 Index n_rows, Index length) {
  Array out = new_matrix(n_rows, length);
  double* data = out.mutable_data();
  const py::gil_scoped_release release;
  standard_normals(key, stream, first_index, n_rows, length, data, length);
  return out;
}

static py::tuple normals_from_words_py(const Words& a, const Words& b) {
  require(a.ndim() == 1 && b.ndim() == 1 && a.size() == b.size(), "internal: word counts differ");
  Array cosine = new_vector(a.size()), sine = new_vector(a.size());
  normals_from_words(a.data(), b.data(), cosine.mutable_data(), sine.mutable_data(), a.size());
  return py::make_tuple(cosine, sine);
}

static std::array<std::uint32_t, 4> philox4x32_py(std::array<std::uint32_t, 4> counter, std::uint64_t key) {
  const PhiloxCounter out = philox4x32({{counter[0], counter[1], counter[2], counter[3]}}, key);
  return {out.word[0], out.word[1], out.word[2], out.word[3]};
}

void bind_random(py::module_& m) {
  m.def("standard_normals", &standard_normals_py, py::arg("key"), py::arg("stream"), py::arg("first_index"),
        py::arg("n_rows"), py::arg("length"));
  m.def("normals_from_words", &normals_from_words_py, py::arg("a").noconvert(), py::arg("b").noconvert());
  m.def("philox4x32", &philox4x32_py, py::arg("counter"), py::arg("key"));
}

}  // namespace neurogeom
