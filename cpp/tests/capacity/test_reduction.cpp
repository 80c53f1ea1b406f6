#include <Eigen/QR>

#include "check.hpp"
#include "neurogeom/capacity/reduction.hpp"

using namespace neurogeom;
using check::normals;
using check::view;

namespace {

constexpr Index kPoints = 9, kFeatures = 600;  // more than two blocks of features

PointsView view_of(const RowMatrix& x) {
  const auto size = static_cast<Index>(sizeof(double));
  return {x.data(), Scalar::f64, x.rows(), x.cols(), x.cols() * size, size};
}

RowMatrix center_of(const PointsView& points) {
  RowMatrix center(1, points.n_features);
  Vector size(1);
  mean_points({points}, 1, {}, MatrixOut(center.data(), 1, points.n_features), VectorOut(size.data(), 1));
  return center;
}

RowMatrix coordinates(const PointsView& points, const RowMatrix& removed, double scale = 1.0) {
  const RowMatrix center = center_of(points);
  return reduced_coordinates({points}, view(center), view(removed), VectorView(&scale, 1), 1, {})[0];
}

RowMatrix centred(const RowMatrix& x) {
  return x.rowwise() - x.colwise().mean();
}

RowMatrix gram(const RowMatrix& x) {
  return x * x.transpose();
}

double largest(const RowMatrix& x) {
  return x.size() == 0 ? 0.0 : x.cwiseAbs().maxCoeff();
}

const RowMatrix kNothing(0, kFeatures);

// Whole numbers from 0 to 100, which every scalar type holds exactly.
RowMatrix whole_numbers() {
  return (30 * normals(1, kPoints, kFeatures).array()).abs().min(100.0).floor();
}

template <class T>
void check_scalar(Scalar scalar, bool negative) {
  RowMatrix values = whole_numbers();
  if (negative) values.array() -= 20.0;
  const RowMatrix expected = coordinates(view_of(values), kNothing);
  const auto size = static_cast<Index>(sizeof(T));
  // Points first, features first, every other feature of a wider array, and backwards: the same
  // numbers.
  std::vector<T> rows, columns, wide, backwards;
  for (Index p = 0; p < kPoints; ++p)
    for (Index f = 0; f < kFeatures; ++f) {
      rows.push_back(static_cast<T>(values(p, f)));
      wide.push_back(static_cast<T>(values(p, f)));
      wide.push_back(static_cast<T>(99));
    }
  for (Index f = 0; f < kFeatures; ++f)
    for (Index p = 0; p < kPoints; ++p) columns.push_back(static_cast<T>(values(p, f)));
  backwards.assign(rows.rbegin(), rows.rend());
  const PointsView views[] = {
      {rows.data(), scalar, kPoints, kFeatures, kFeatures * size, size},
      {columns.data(), scalar, kPoints, kFeatures, size, kPoints * size},
      {wide.data(), scalar, kPoints, kFeatures, 2 * kFeatures * size, 2 * size},
      {backwards.data() + backwards.size() - 1, scalar, kPoints, kFeatures, -kFeatures * size, -size},
  };
  for (const PointsView& points : views) {
    CHECK(center_of(points) == center_of(view_of(values)));
    CHECK(coordinates(points, kNothing) == expected);
  }
}

}  // namespace

TEST(every_scalar_type_and_layout) {
  check_scalar<Eigen::half>(Scalar::f16, true);
  check_scalar<float>(Scalar::f32, true);
  check_scalar<double>(Scalar::f64, true);
  check_scalar<std::int8_t>(Scalar::i8, true);
  check_scalar<std::int16_t>(Scalar::i16, true);
  check_scalar<std::int32_t>(Scalar::i32, true);
  check_scalar<std::int64_t>(Scalar::i64, true);
  check_scalar<std::uint8_t>(Scalar::u8, false);
  check_scalar<std::uint16_t>(Scalar::u16, false);
  check_scalar<std::uint32_t>(Scalar::u32, false);
  check_scalar<std::uint64_t>(Scalar::u64, false);
}

TEST(means) {
  const RowMatrix x = normals(2, 50, 700), y = normals(3, 4, 700);
  RowMatrix centers(2, 700);
  Vector sizes(2);
  mean_points({view_of(x), view_of(y)}, 2, {}, MatrixOut(centers.data(), 2, 700), VectorOut(sizes.data(), 2));
  CHECK(sizes[0] == x.cwiseAbs().maxCoeff() && sizes[1] == y.cwiseAbs().maxCoeff());
  CHECK(largest(centers.row(0) - x.colwise().mean()) < 1e-14);
  CHECK(largest(centers.row(1) - y.colwise().mean()) < 1e-14);
}

TEST(coordinates_reproduce_the_inner_products) {
  const Index sizes[][2] = {{2, 1}, {5, 3}, {10, 300}, {40, 20}, {100, 100}, {1, 4}};
  for (const auto& size : sizes) {
    const RowMatrix x = normals(4, size[0], size[1]).array() + 3.0;
    const RowMatrix a = coordinates(view_of(x), RowMatrix(0, size[1]), 2.5);
    const RowMatrix expected = gram(centred(x)) / 6.25;
    CHECK(largest(gram(a) - expected) <= 1e-12 * (1 + largest(expected)));
    CHECK(a.rows() == size[0] && a.cols() == std::min(size[0] - 1, size[1]));
  }
}

TEST(an_orthogonal_map_changes_nothing) {
  const RowMatrix x = normals(5, 30, 50);
  const Eigen::MatrixXd square = normals(6, 50, 50);
  const Eigen::MatrixXd q = Eigen::HouseholderQR<Eigen::MatrixXd>(square).householderQ();
  const RowMatrix turned = (x * q).array() + 0.5;
  const RowMatrix none(0, 50);
  CHECK(largest(coordinates(view_of(x), none) - coordinates(view_of(turned), none)) < 1e-11);
}

TEST(removed_directions) {
  const Eigen::MatrixXd columns = normals(7, kFeatures, 3);
  const Eigen::MatrixXd q =
      Eigen::HouseholderQR<Eigen::MatrixXd>(columns).householderQ() * Eigen::MatrixXd::Identity(kFeatures, 3);
  const RowMatrix removed = q.transpose();
  const RowMatrix x = normals(8, 12, kFeatures) + 5 * normals(9, 12, 3) * removed;
  const RowMatrix left = centred(x) - centred(x) * removed.transpose() * removed;
  const RowMatrix a = coordinates(view_of(x), removed);
  CHECK(a.cols() == 11);
  CHECK(largest(gram(a) - gram(left)) < 1e-11 * largest(gram(left)));
  // Points that differ along removed directions only have no extent.
  const RowMatrix flat = normals(10, 6, 3) * removed;
  CHECK(largest(coordinates(view_of(flat), removed)) < 1e-6);
}

TEST(rank_of_degenerate_clouds) {
  const RowMatrix none(0, 40);
  RowMatrix doubled(20, 40);
  doubled << normals(11, 10, 40), normals(11, 10, 40);
  CHECK(coordinates(view_of(doubled), none).cols() == 9);
  const RowMatrix plane = normals(12, 30, 2) * normals(13, 2, 40);
  CHECK(coordinates(view_of(plane), none).cols() == 2);
  const RowMatrix point = RowMatrix::Ones(7, 40);
  const RowMatrix a = coordinates(view_of(point), none);
  CHECK(a.rows() == 7 && a.cols() == 0);
  CHECK(gram_coordinates(RowMatrix::Zero(3, 3)).cols() == 0);
}

// Rounding of a large Gram matrix is no direction: the rank is a factor of the reported dimension.
TEST(rank_of_large_clouds) {
  for (std::uint64_t key = 40; key < 43; ++key) {
    const RowMatrix wide = normals(key, 500, 200).array() + 100.0;
    CHECK(coordinates(view_of(wide), RowMatrix(0, 200)).cols() == 200);
    const RowMatrix deficient = normals(key, 400, 150) * normals(key + 10, 150, 300);
    CHECK(coordinates(view_of(deficient), RowMatrix(0, 300)).cols() == 150);
  }
}

TEST(same_bits_for_any_threads) {
  std::vector<RowMatrix> clouds;
  std::vector<PointsView> views;
  for (std::uint64_t m = 0; m < 8; ++m) clouds.push_back(normals(20 + m, 10 + static_cast<Index>(m), 300));
  for (const RowMatrix& cloud : clouds) views.push_back(view_of(cloud));
  RowMatrix centers(8, 300);
  Vector sizes(8);
  mean_points(views, 3, {}, MatrixOut(centers.data(), 8, 300), VectorOut(sizes.data(), 8));
  const RowMatrix none(0, 300);
  const Vector scale = Vector::LinSpaced(8, 1.0, 2.0);
  const auto run = [&](int n_threads) {
    return reduced_coordinates(views, view(centers), view(none), VectorView(scale.data(), 8), n_threads, {});
  };
  const auto one = run(1), three = run(3);
  for (std::size_t m = 0; m < 8; ++m) {
    CHECK(one[m] == three[m]);
    CHECK(one[m] == coordinates(views[m], none, scale[static_cast<Index>(m)]));
  }
}
