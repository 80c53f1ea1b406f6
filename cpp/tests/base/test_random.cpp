#include <algorithm>
#include <cstring>

#include "check.hpp"
#include "neurogeom/base/random.hpp"

using namespace neurogeom;

namespace {

constexpr std::uint64_t kKey = 0x299f31d0a4093822ULL;
constexpr double kPi = 3.14159265358979323846;

bool philox_gives(PhiloxCounter counter, std::uint64_t key, PhiloxCounter expected) {
  const PhiloxCounter words = philox4x32(counter, key);
  return std::equal(words.word, words.word + 4, expected.word);
}

std::vector<double> draw(std::uint64_t key, std::uint32_t stream, std::uint64_t index, Index length) {
  std::vector<double> out(static_cast<std::size_t>(length));
  standard_normals(key, stream, index, 1, length, out.data(), length);
  return out;
}

// The pair of normals of one block, straight from the layout in random.hpp.
void block_by_definition(std::uint64_t key, std::uint32_t stream, std::uint64_t index, std::uint32_t block,
                         double pair[2]) {
  const auto low = static_cast<std::uint32_t>(index), high = static_cast<std::uint32_t>(index >> 32);
  const PhiloxCounter w = philox4x32({{block, stream, low, high}}, key);
  const std::uint64_t a = w.word[0] | static_cast<std::uint64_t>(w.word[1]) << 32;
  const std::uint64_t b = w.word[2] | static_cast<std::uint64_t>(w.word[3]) << 32;
  const double radius = std::sqrt(-2 * std::log1p(-std::ldexp(static_cast<double>(a >> 12), -52)));
  const double fraction = std::ldexp(static_cast<double>((b << 2) >> 12), -52);
  const double angle = kPi / 2 * (static_cast<double>(b >> 62) + fraction - 0.5);
  pair[0] = radius * std::cos(angle);
  pair[1] = radius * std::sin(angle);
}

}  // namespace

TEST(known_answers_of_philox) {
  CHECK(philox_gives({{0, 0, 0, 0}}, 0, {{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}}));
  constexpr std::uint32_t ones = 0xffffffff;
  CHECK(philox_gives({{ones, ones, ones, ones}}, ~std::uint64_t{0},
                     {{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}}));
  CHECK(philox_gives({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, kKey,
                     {{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}));
}

TEST(layout_of_the_counter) {
  const std::uint64_t index = 0x0000000700000005ULL;
  for (const std::uint32_t stream : {0U, 3U, 0xffffffffU}) {
    const std::vector<double> normals = draw(kKey, stream, index, 41);
    for (std::uint32_t block = 0; block < 20; ++block) {
      double pair[2];
      block_by_definition(kKey, stream, index, block, pair);
      CHECK_NEAR(normals[2 * block], pair[0], 1e-14);
      CHECK_NEAR(normals[2 * block + 1], pair[1], 1e-14);
    }
  }
}

TEST(rows_lengths_and_cuts_do_not_matter) {
  // Index runs over the carry into the high word.
  const std::uint64_t first = 0xfffffffeULL;
  for (const Index length : {1, 2, 3, 5, 31, 32, 33, 100}) {
    const Index rows = 6, stride = length + 3;
    std::vector<double> block(static_cast<std::size_t>(rows * stride), -77.0);
    standard_normals(kKey, 9, first, rows, length, block.data(), stride);
    for (Index r = 0; r < rows; ++r) {
      const std::vector<double> alone = draw(kKey, 9, first + static_cast<std::uint64_t>(r), length);
      const std::vector<double> longer = draw(kKey, 9, first + static_cast<std::uint64_t>(r), length + 7);
      const double* row = block.data() + r * stride;
      CHECK(std::memcmp(row, alone.data(), sizeof(double) * alone.size()) == 0);
      CHECK(std::memcmp(row, longer.data(), sizeof(double) * alone.size()) == 0);
      CHECK(row[length] == -77.0 && row[stride - 1] == -77.0);  // what lies between rows is left alone
    }
  }
  double untouched = -77.0;
  standard_normals(kKey, 0, 0, 0, 5, &untouched, 5);
  standard_normals(kKey, 0, 0, 5, 0, &untouched, 1);
  CHECK(untouched == -77.0);
}

TEST(keys_streams_and_indices_differ) {
  const std::vector<double> base = draw(kKey, 1, 2, 8);
  CHECK(draw(kKey + 1, 1, 2, 8) != base);
  CHECK(draw(kKey ^ (std::uint64_t{1} << 63), 1, 2, 8) != base);
  CHECK(draw(kKey, 2, 2, 8) != base);
  CHECK(draw(kKey, 1, 3, 8) != base);
  CHECK(draw(kKey, 1, 2 + (std::uint64_t{1} << 32), 8) != base);
  CHECK(draw(kKey, 1, 2, 8) == base);
}

TEST(extreme_words) {
  const std::uint64_t ones = ~std::uint64_t{0}, quarter = std::uint64_t{1} << 62;
  const std::vector<std::uint64_t> a = {0, 0xfff, 0x1000, std::uint64_t{1} << 63, ones - 0x1000, ones};
  const std::vector<std::uint64_t> b = {0,           1,           quarter - 1, quarter,          quarter / 2,
                                        2 * quarter, 3 * quarter, ones,        5 * (quarter / 2)};
  for (const std::uint64_t word_a : a)
    for (const std::uint64_t word_b : b) {
      double cosine = NAN, sine = NAN;
      normals_from_words(&word_a, &word_b, &cosine, &sine, 1);
      const double u = std::ldexp(static_cast<double>(word_a >> 12), -52);
      const double radius = std::sqrt(-2 * std::log1p(-u));
      const double fraction = std::ldexp(static_cast<double>((word_b << 2) >> 12), -52);
      const double angle = kPi / 2 * (static_cast<double>(word_b >> 62) + fraction - 0.5);
      CHECK_NEAR(cosine, radius * std::cos(angle), 4e-15 * radius);
      CHECK_NEAR(sine, radius * std::sin(angle), 4e-15 * radius);
      CHECK(std::hypot(cosine, sine) <= 8.4905);
    }
}

TEST(moments) {
  constexpr Index n = 200000;
  const RowMatrix x = check::normals(12345, n / 100, 100);
  double moment[5] = {};
  for (Index i = 0; i < n; ++i)
    for (int k = 1; k <= 4; ++k) moment[k] += std::pow(x.data()[i], k) / static_cast<double>(n);
  // Five standard errors: variances of x^k are 1, 2, 15, 96.
  const double root = 5 / std::sqrt(static_cast<double>(n));
  CHECK_NEAR(moment[1], 0.0, root);
  CHECK_NEAR(moment[2], 1.0, root * std::sqrt(2.0));
  CHECK_NEAR(moment[3], 0.0, root * std::sqrt(15.0));
  CHECK_NEAR(moment[4], 3.0, root * std::sqrt(96.0));
  // Neighbours are uncorrelated: within a pair, across pairs, across indices.
  for (const Index lag : {1, 2, 3, 100}) {
    double product = 0.0;
    for (Index i = lag; i < n; ++i) product += x.data()[i] * x.data()[i - lag] / static_cast<double>(n);
    CHECK_NEAR(product, 0.0, root);
  }
  // Kolmogorov-Smirnov distance from the normal distribution, 0.1 % point.
  std::vector<double> sorted(x.data(), x.data() + n);
  std::sort(sorted.begin(), sorted.end());
  double distance = 0.0;
  for (Index i = 0; i < n; ++i) {
    const double cdf = 0.5 * std::erfc(-sorted[i] / std::sqrt(2.0));
    distance = std::max({distance, cdf - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - cdf});
  }
  CHECK(distance < 1.95 / std::sqrt(static_cast<double>(n)));
}
