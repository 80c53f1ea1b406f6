// Separability of labelled manifolds and the dimensions from which on it holds.
#include "arrays.hpp"
#include "bindings.hpp"
#include "monitor.hpp"
#include "neurogeom/capacity/separability.hpp"

namespace neurogeom {

using Labels = py::array_t<std::int8_t, py::array::c_style>;

static Bodies bodies_of(const Array& vectors, const std::vector<Index>& first, Index n_axes, bool intercept,
                        const Labels& labels) {
  require(first.size() > 1 && first.front() == 0, "internal: no manifolds");
  for (std::size_t g = 1; g < first.size(); ++g)
    require(first[g] > first[g - 1], "internal: a manifold is empty");
  const Bodies bodies{as_matrix(vectors), n_axes, first, intercept};
  require(n_axes >= 0 && vectors.shape(0) == bodies.n_bodies() * (1 + n_axes), "internal: vectors missing");
  require(labels.ndim() == 2 && labels.shape(1) == bodies.n_manifolds(), "internal: labels missing");
  return bodies;
}

static py::array_t<std::int8_t> decide_separability_py(const Array& vectors, const std::vector<Index>& first,
                                                       Index n_axes, bool intercept, const Labels& labels,
                                                       int n_threads) {
  const Bodies bodies = bodies_of(vectors, first, n_axes, intercept, labels);
  py::array_t<std::int8_t> status(labels.shape(0));
  std::int8_t* const out = status.mutable_data();
  run_interruptible(py::none(), [&](const Monitor& monitor) {
    decide_separability(bodies, labels.data(), labels.shape(0), n_threads, monitor, out);
  });
  return status;
}

// -> (thresholds, undecided)
static py::tuple separability_thresholds_py(const Array& vectors, const std::vector<Index>& first,
                                            Index n_axes, bool intercept, const Labels& labels,
                                            std::uint64_t key, int n_threads, const py::object& progress) {
  const Bodies bodies = bodies_of(vectors, first, n_axes, intercept, labels);
  Array thresholds = new_vector(labels.shape(0));
  py::array_t<bool> undecided(labels.shape(0));
  double* const out = thresholds.mutable_data();
  bool* const failed = undecided.mutable_data();
  run_interruptible(progress, [&](const Monitor& monitor) {
    separability_thresholds(bodies, labels.data(), labels.shape(0), key, n_threads, monitor, out, failed);
  });
  return py::make_tuple(thresholds, undecided);
}

void bind_separability(py::module_& m) {
  m.def("decide_separability", &decide_separability_py, py::arg("vectors").noconvert(), py::arg("first"),
        py::arg("n_axes"), py::arg("intercept"), py::arg("labels").noconvert(), py::arg("n_threads"));
  m.def("separability_thresholds", &separability_thresholds_py, py::arg("vectors").noconvert(),
        py::arg("first"), py::arg("n_axes"), py::arg("intercept"), py::arg("labels").noconvert(),
        py::arg("key"), py::arg("n_threads"), py::arg("progress"));
}

}  // namespace neurogeom
