#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "check.hpp"
#include "neurogeom/pairs/sorting.hpp"

using namespace neurogeom;
using check::normals;

namespace {

bool is_the_stable_order(const std::vector<double>& values) {
  std::vector<std::int32_t> expected(values.size()), found(values.size(), -1);
  std::iota(expected.begin(), expected.end(), 0);
  std::stable_sort(expected.begin(), expected.end(), [&](auto i, auto j) {
    if (values[i] == 0 && values[j] == 0) return std::signbit(values[i]) && !std::signbit(values[j]);
    return values[i] < values[j];
  });
  rising_order(values.data(), static_cast<Index>(values.size()), found.data());
  return found == expected;
}

}  // namespace

TEST(any_numbers_are_sorted_stably) {
  std::uint64_t key = 0;
  for (const Index n : {0, 1, 2, 3, 100, 5000})
    for (const double scale : {0.0, 1e-320, 1e-300, 1.0, 1e300})
      for (const double step : {0.0, 0.5}) {
        const RowMatrix draws = normals(key++, 1, n);
        std::vector<double> values(static_cast<std::size_t>(n));
        for (Index i = 0; i < n; ++i) {
          const double value = step > 0 ? step * std::round(draws(0, i) / step) : draws(0, i);
          values[i] = scale * value;
        }
        CHECK(is_the_stable_order(values));
      }
}

TEST(neighbours_and_extremes_are_told_apart) {
  const double infinity = std::numeric_limits<double>::infinity();
  std::vector<double> values = {infinity,
                                -infinity,
                                0.0,
                                -0.0,
                                std::numeric_limits<double>::denorm_min(),
                                -std::numeric_limits<double>::denorm_min(),
                                std::numeric_limits<double>::max(),
                                std::numeric_limits<double>::lowest()};
  for (double value = 1.0; values.size() < 60; value = std::nextafter(value, 2.0)) {
    values.push_back(value);
    values.push_back(-value);
    values.push_back(value);
  }
  CHECK(is_the_stable_order(values));
  std::reverse(values.begin(), values.end());
  CHECK(is_the_stable_order(values));
}
