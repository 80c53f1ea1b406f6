// Joint cones: projections, and the geometry of their anchor points.
#include "arrays.hpp"
#include "bindings.hpp"
#include "monitor.hpp"
#include "neurogeom/capacity/joint.hpp"
#include "neurogeom/capacity/joint_anchors.hpp"

namespace neurogeom {

using Indices = py::array_t<std::int64_t, py::array::c_style>;
using Labels = py::array_t<std::int8_t, py::array::c_style>;

static JointCones cones_of(const Array& points, const std::vector<Index>& starts, const Array& draws,
                           const Labels& labels) {
  JointCones cones{as_matrix(points), starts, as_matrix(draws), labels.data()};
  require(cones.points.cols() == cones.draws.cols(), "internal: draws do not fit");
  require(
      labels.ndim() == 2 && labels.shape(0) == cones.n_samples() && labels.shape(1) == cones.n_manifolds(),
      "internal: labels do not fit");
  require(starts.front() == 0 && starts.back() == cones.points.rows(), "internal: starts do not fit");
  return cones;
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

// -> (|q|^2, residual, status, inseparable, weights as the three arrays of a CSR matrix)
static py::tuple project_joint_py(const Array& points, const std::vector<Index>& starts, const Array& draws,
                                  const Labels& labels, double margin, int n_threads,
                                  const py::object& progress) {
  const JointCones cones = cones_of(points, starts, draws, labels);
  std::vector<JointProjection> found;
  run_interruptible(
      progress, [&](const Monitor& monitor) { found = project_joint(cones, margin, n_threads, monitor); });
  std::vector<double> squared, residual, weights;
  std::vector<std::int8_t> status;
  std::vector<std::int64_t> first{0}, point;
  py::array_t<bool> inseparable(static_cast<py::ssize_t>(found.size()));
  for (std::size_t s = 0; s < found.size(); ++s) {
    squared.push_back(found[s].squared);
    residual.push_back(found[s].residual);
    status.push_back(static_cast<std::int8_t>(found[s].status));
    inseparable.mutable_data()[s] = found[s].inseparable;
    const SparseWeights& own = found[s].weights;
    weights.insert(weights.end(), own.weight.begin(), own.weight.end());
    point.insert(point.end(), own.point.begin(), own.point.end());
    first.push_back(static_cast<std::int64_t>(point.size()));
  }
  return py::make_tuple(to_array(squared), to_array(residual), to_array(status), inseparable,
                        py::make_tuple(to_array(weights), to_array(point), to_array(first)));
}

// Weights as project_joint gave them, of samples that are to be used; others have `used` false.
static py::dict joint_anchors_py(const Array& points, const std::vector<Index>& starts, const Array& draws,
                                 const Labels& labels, const Array& weights, const Indices& point,
                                 const Indices& first, const py::array_t<bool>& used, int inactive,
                                 int n_threads, const py::object& progress) {
  const JointCones cones = cones_of(points, starts, draws, labels);
  require(first.size() == used.size() + 1 && used.size() == cones.n_samples(),
          "internal: weights do not fit");
  std::vector<JointProjection> projections(static_cast<std::size_t>(used.size()));
  for (py::ssize_t s = 0; s < used.size(); ++s) {
    projections[s].inseparable = !used.at(s);
    const std::int64_t begin = first.at(s), end = first.at(s + 1);
    SparseWeights& own = projections[s].weights;
    own.point.assign(point.data() + begin, point.data() + end);
    own.weight.assign(weights.data() + begin, weights.data() + end);
  }
  JointAnchors found;
  run_interruptible(progress, [&](const Monitor& monitor) {
    found = joint_anchors(cones, projections, static_cast<Inactive>(inactive), n_threads, monitor);
  });
  py::dict out;
  out["values"] = to_array(found.values);
  out["shifts"] = to_array(found.shifts);
  out["centers"] = to_array(found.centers);
  out["mean_weights"] = to_array(found.mean_weights);
  out["center_matrix"] = to_list(found.center_matrix);
  out["center_corrected"] = to_list(found.center_corrected);
  out["axis_matrix"] = to_list(found.axis_matrix);
  out["center_axis_matrix"] = to_list(found.center_axis_matrix);
  out["active_fraction"] = to_array(found.active_fraction);
  out["squared_axis"] = to_array(found.squared_axis);
  return out;
}

void bind_joint(py::module_& m) {
  m.def("project_joint", &project_joint_py, py::arg("points").noconvert(), py::arg("starts"),
        py::arg("draws").noconvert(), py::arg("labels").noconvert(), py::arg("margin"), py::arg("n_threads"),
        py::arg("progress"));
  m.def("joint_anchors", &joint_anchors_py, py::arg("points").noconvert(), py::arg("starts"),
        py::arg("draws").noconvert(), py::arg("labels").noconvert(), py::arg("weights"), py::arg("point"),
        py::arg("first"), py::arg("used"), py::arg("inactive"), py::arg("n_threads"), py::arg("progress"));
}

}  // namespace neurogeom
