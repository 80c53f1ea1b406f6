// Capacity: reading the points, removing centre correlations, anchor statistics; joint cones; separability.
#include "arrays.hpp"
#include "bindings.hpp"
#include "monitor.hpp"
#include "neurogeom/capacity/anchors.hpp"
#include "neurogeom/capacity/center_correlations.hpp"
#include "neurogeom/capacity/joint.hpp"
#include "neurogeom/capacity/joint_anchors.hpp"
#include "neurogeom/capacity/reduction.hpp"
#include "neurogeom/capacity/separability.hpp"

namespace neurogeom {

using Labels = py::array_t<std::int8_t, py::array::c_style>;

static Scalar scalar_of(const py::array& array) {
  const char kind = array.dtype().kind();
  const auto size = array.itemsize();
  if (kind == 'f') return size == 2 ? Scalar::f16 : size == 4 ? Scalar::f32 : Scalar::f64;
  if (kind == 'i')
    return size == 1 ? Scalar::i8 : size == 2 ? Scalar::i16 : size == 4 ? Scalar::i32 : Scalar::i64;
  return size == 1 ? Scalar::u8 : size == 2 ? Scalar::u16 : size == 4 ? Scalar::u32 : Scalar::u64;
}

// Any layout; native byte order and a dtype of kind f, i, u or b are the caller's duty.
static std::vector<PointsView> views_of(const std::vector<py::array>& arrays) {
  std::vector<PointsView> views;
  views.reserve(arrays.size());
  for (const py::array& a : arrays) {
    require(a.ndim() == 2, "internal: expected a matrix");
    views.push_back({a.data(), scalar_of(a), a.shape(0), a.shape(1), a.strides(0), a.strides(1)});
  }
  return views;
}

static py::tuple mean_points_py(const std::vector<py::array>& manifolds, int n_threads) {
  const std::vector<PointsView> views = views_of(manifolds);
  Array centers = new_matrix(static_cast<Index>(views.size()), views.at(0).n_features);
  Array largest = new_vector(static_cast<Index>(views.size()));
  const MatrixOut out = out_matrix(centers);
  const VectorOut most = out_vector(largest);
  run_interruptible(py::none(),
                    [&](const Monitor& monitor) { mean_points(views, n_threads, monitor, out, most); });
  return py::make_tuple(centers, largest);
}

static std::vector<Array> reduced_coordinates_py(const std::vector<py::array>& manifolds,
                                                 const Array& centers, const Array& removed,
                                                 const Array& scale, int n_threads) {
  const std::vector<PointsView> views = views_of(manifolds);
  const MatrixView center_rows = as_matrix(centers), removed_rows = as_matrix(removed);
  const VectorView scales(scale.data(), scale.size());
  std::vector<RowMatrix> coordinates;
  run_interruptible(py::none(), [&](const Monitor& monitor) {
    coordinates = reduced_coordinates(views, center_rows, removed_rows, scales, n_threads, monitor);
  });
  std::vector<Array> arrays;
  for (const RowMatrix& matrix : coordinates) {
    arrays.push_back(new_matrix(matrix.rows(), matrix.cols()));
    out_matrix(arrays.back()) = matrix;
  }
  return arrays;
}

// -> (summaries (n_manifolds, fields), squared projections or None, [weights] or None)
static py::tuple anchor_statistics_py(const std::vector<Array>& points,
                                      const std::vector<std::uint32_t>& streams,
                                      const std::optional<std::vector<Array>>& draws, double margin,
                                      Index n_samples, std::uint64_t key, bool keep, int n_threads,
                                      const py::object& progress) {
  const auto n = static_cast<Index>(points.size());
  Array summaries = new_matrix(n, kSummaryFields);
  std::vector<Array> weights;
  Array squared = new_matrix(keep ? n : 0, n_samples);
  std::vector<AnchorJob> jobs;
  for (Index m = 0; m < n; ++m) {
    const double* own_draws = nullptr;
    if (draws) {
      const MatrixView view = as_matrix(draws->at(m));
      require(view.rows() == n_samples && view.cols() == as_matrix(points[m]).cols() + 1,
              "internal: draws do not fit");
      own_draws = view.data();
    }
    double* weight_rows = nullptr;
    if (keep) {
      weights.push_back(new_matrix(n_samples, points[m].shape(0)));
      weight_rows = weights.back().mutable_data();
    }
    double* squares = keep ? squared.mutable_data() + m * n_samples : nullptr;
    jobs.push_back({as_matrix(points[m]), own_draws, streams.at(m), squares, weight_rows});
  }
  auto* out = reinterpret_cast<AnchorSummary*>(summaries.mutable_data());
  run_interruptible(progress, [&](const Monitor& monitor) {
    anchor_statistics(jobs, margin, n_samples, key, n_threads, monitor, out);
  });
  return py::make_tuple(summaries, squared, weights);
}

// -> list of (basis, cost, gradient norm, iterations), one for each start
static py::list minimize_correlation_py(const Array& centers, const std::vector<Array>& starts,
                                        Index max_iterations, double gradient_norm, double decrease,
                                        double least_share, int n_threads) {
  const MatrixView rows = as_matrix(centers);
  const std::vector<MatrixView> views = as_matrices(starts);
  std::vector<DescentResult> results;
  run_interruptible(py::none(), [&](const Monitor& monitor) {
    results = minimize_correlation(rows, views, {max_iterations, gradient_norm, decrease, least_share},
                                   n_threads, monitor);
  });
  py::list out;
  for (const DescentResult& r : results) {
    Array basis = new_matrix(r.basis.rows(), r.basis.cols());
    out_matrix(basis) = r.basis;
    out.append(py::make_tuple(basis, r.cost, r.gradient_norm, r.n_iterations));
  }
  return out;
}

template <class T>
static py::array_t<T> to_array(const std::vector<T>& values) {
  return py::array_t<T>(static_cast<py::ssize_t>(values.size()), values.data());
}
static Array to_array(const Vector& values) {
  return Array(values.size(), values.data());
}
static Array to_array(const RowMatrix& values) {
  Array array = new_matrix(values.rows(), values.cols());
  out_matrix(array) = values;
  return array;
}
template <class T>
static py::list to_list(const std::array<T, kForms>& forms) {
  py::list list;
  for (const T& form : forms) list.append(to_array(form));
  return list;
}

// The cones of project_joint, what was found of them, and the arrays that both view.
struct JointProjectionsPy {
  Array points, draws;
  Labels labels;
  JointCones cones;
  std::vector<JointProjection> found;

  template <class T, class Member>
  py::array_t<T> per_sample(Member member) const {
    py::array_t<T> out(static_cast<py::ssize_t>(found.size()));
    for (std::size_t s = 0; s < found.size(); ++s) out.mutable_data()[s] = static_cast<T>(found[s].*member);
    return out;
  }

  // The three arrays of a CSR matrix.
  py::tuple weights() const {
    std::vector<double> weight;
    std::vector<std::int64_t> point, first{0};
    for (const JointProjection& p : found) {
      weight.insert(weight.end(), p.weights.weight.begin(), p.weights.weight.end());
      point.insert(point.end(), p.weights.point.begin(), p.weights.point.end());
      first.push_back(static_cast<std::int64_t>(point.size()));
    }
    return py::make_tuple(to_array(weight), to_array(point), to_array(first));
  }

  py::dict anchors(int inactive, int n_threads, const py::object& progress) const {
    JointAnchors a;
    run_interruptible(progress, [&](const Monitor& monitor) {
      a = joint_anchors(cones, found, static_cast<Inactive>(inactive), n_threads, monitor);
    });
    py::dict out;
    out["values"] = to_array(a.values);
    out["shifts"] = to_array(a.shifts);
    out["centers"] = to_array(a.centers);
    out["mean_weights"] = to_array(a.mean_weights);
    out["center_matrix"] = to_list(a.center_matrix);
    out["center_corrected"] = to_list(a.center_corrected);
    out["axis_matrix"] = to_list(a.axis_matrix);
    out["center_axis_matrix"] = to_list(a.center_axis_matrix);
    out["active_fraction"] = to_array(a.active_fraction);
    out["squared_axis"] = to_array(a.squared_axis);
    return out;
  }

  Array parts(int n_threads, const py::object& progress) const {
    RowMatrix parts;
    run_interruptible(progress,
                      [&](const Monitor& monitor) { parts = joint_parts(cones, found, n_threads, monitor); });
    return to_array(parts);
  }
};

static JointProjectionsPy project_joint_py(const Array& points, const std::vector<Index>& starts,
                                           const Array& draws, const Labels& labels, bool dead, double margin,
                                           int n_threads, const py::object& progress) {
  JointProjectionsPy out{points,
                         draws,
                         labels,
                         JointCones{as_matrix(points), starts, as_matrix(draws), labels.data(), dead},
                         {}};
  const JointCones& cones = out.cones;
  require(cones.points.cols() == cones.draws.cols(), "internal: draws do not fit");
  require(
      labels.ndim() == 2 && labels.shape(0) == cones.n_samples() && labels.shape(1) == cones.n_manifolds(),
      "internal: labels do not fit");
  require(starts.front() == 0 && starts.back() == cones.points.rows(), "internal: starts do not fit");
  run_interruptible(progress, [&](const Monitor& monitor) {
    out.found = project_joint(cones, margin, n_threads, monitor);
  });
  return out;
}

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

void bind_capacity(py::module_& m) {
  m.def("mean_points", &mean_points_py, py::arg("manifolds"), py::arg("n_threads"));
  m.def("reduced_coordinates", &reduced_coordinates_py, py::arg("manifolds"), py::arg("centers").noconvert(),
        py::arg("removed").noconvert(), py::arg("scale").noconvert(), py::arg("n_threads"));
  m.def("anchor_statistics", &anchor_statistics_py, py::arg("points").noconvert(), py::arg("streams"),
        py::arg("draws"), py::arg("margin"), py::arg("n_samples"), py::arg("key"), py::arg("keep"),
        py::arg("n_threads"), py::arg("progress"));
  m.def("minimize_correlation", &minimize_correlation_py, py::arg("centers").noconvert(), py::arg("starts"),
        py::arg("max_iterations"), py::arg("gradient_norm"), py::arg("decrease"), py::arg("least_share"),
        py::arg("n_threads"));
  m.def("project_joint", &project_joint_py, py::arg("points").noconvert(), py::arg("starts"),
        py::arg("draws").noconvert(), py::arg("labels").noconvert(), py::arg("dead"), py::arg("margin"),
        py::arg("n_threads"), py::arg("progress"));
  using Found = JointProjectionsPy;
  const auto flags = [](bool JointProjection::* member) {
    return [member](const Found& self) { return self.per_sample<bool>(member); };
  };
  // Both modules have this class, in one process.
  py::class_<Found>(m, "JointProjections", py::module_local())
      .def_property_readonly(
          "squared", [](const Found& self) { return self.per_sample<double>(&JointProjection::squared); })
      .def_property_readonly(
          "residual", [](const Found& self) { return self.per_sample<double>(&JointProjection::residual); })
      .def_property_readonly(
          "status", [](const Found& self) { return self.per_sample<std::int8_t>(&JointProjection::status); })
      .def_property_readonly("inseparable", flags(&JointProjection::inseparable))
      .def_property_readonly("undetermined", flags(&JointProjection::undetermined))
      .def("weights", &Found::weights)
      .def("anchors", &Found::anchors, py::arg("inactive"), py::arg("n_threads"), py::arg("progress"))
      .def("parts", &Found::parts, py::arg("n_threads"), py::arg("progress"));
  m.def("decide_separability", &decide_separability_py, py::arg("vectors").noconvert(), py::arg("first"),
        py::arg("n_axes"), py::arg("intercept"), py::arg("labels").noconvert(), py::arg("n_threads"));
  m.def("separability_thresholds", &separability_thresholds_py, py::arg("vectors").noconvert(),
        py::arg("first"), py::arg("n_axes"), py::arg("intercept"), py::arg("labels").noconvert(),
        py::arg("key"), py::arg("n_threads"), py::arg("progress"));
}

}  // namespace neurogeom
