// Mean-field capacity: reading the points, removing centre correlations, anchor statistics.
#include "arrays.hpp"
#include "bindings.hpp"
#include "monitor.hpp"
#include "neurogeom/capacity/anchors.hpp"
#include "neurogeom/capacity/center_correlations.hpp"
#include "neurogeom/capacity/reduction.hpp"

namespace neurogeom {

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

static py::tuple correlation_cost_py(const Array& centers, const Array& basis, double least_share) {
  RowMatrix gradient;
  const double cost = correlation_cost(as_matrix(centers), as_matrix(basis), least_share, &gradient);
  Array out = new_matrix(gradient.rows(), gradient.cols());
  out_matrix(out) = gradient;
  return py::make_tuple(cost, out);
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
  m.def("correlation_cost", &correlation_cost_py, py::arg("centers").noconvert(),
        py::arg("basis").noconvert(), py::arg("least_share"));
}

}  // namespace neurogeom
