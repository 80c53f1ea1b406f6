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

// Word by word as in the paper.
PhiloxCounter plain_philox(PhiloxCounter c, std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c.word[0],
                        p1 = std::uint64_t{0xCD9E8D57} * c.word[2];
    c = {{static_cast<std::uint32_t>(p1 >> 32) ^ c.word[1] ^ k0, static_cast<std::uint32_t>(p1),
          static_cast<std::uint32_t>(p0 >> 32) ^ c.word[3] ^ k1, static_cast<std::uint32_t>(p0)}};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

// Any words, for tests.
std::uint64_t word(std::uint64_t place) {
  const PhiloxCounter w = plain_philox({{static_cast<std::uint32_t>(place), 0, 0, 1}}, kKey);
  return w.word[0] | static_cast<std::uint64_t>(w.word[1]) << 32;
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

TEST(philox_equals_the_plain_implementation) {
  for (std::uint64_t i = 0; i < 500; ++i) {
    const std::uint64_t a = word(3 * i), b = word(3 * i + 1), key = word(3 * i + 2);
    const PhiloxCounter counter{{static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(a >> 32),
                                 static_cast<std::uint32_t>(b), static_cast<std::uint32_t>(b >> 32)}};
    CHECK(philox_gives(counter, key, plain_philox(counter, key)));
  }
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

// Box-Muller in long double, by the formula in random.hpp, without its tricks. The quarter turns are exact,
// so that a small sine or cosine keeps its digits.
static void check_map(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  using Long = long double;
  const auto n = static_cast<Index>(a.size());
  std::vector<double> cosine(a.size()), sine(a.size());
  normals_from_words(a.data(), b.data(), cosine.data(), sine.data(), n);
  const Long half_pi = (static_cast<Long>(kPi) + 1.2246467991473532e-16L) / 2;
  bool right = true;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const Long radius = std::sqrt(-2 * std::log1p(-std::ldexp(static_cast<Long>(a[i] >> 12), -52)));
    const Long part = std::ldexp(static_cast<Long>((b[i] << 2) >> 12), -52) - 0.5L;
    const Long s = radius * std::sin(half_pi * part), c = radius * std::cos(half_pi * part);
    const Long turned[4][2] = {{c, s}, {-s, c}, {-c, -s}, {s, -c}};
    const Long* const expected = turned[b[i] >> 62];
    right = right && std::abs(cosine[i] - expected[0]) <= 1e-14L * std::abs(expected[0]) &&
            std::abs(sine[i] - expected[1]) <= 1e-14L * std::abs(expected[1]);
  }
  CHECK(right);
}

TEST(extreme_words) {
  const auto power = [](int exponent) { return std::uint64_t{1} << exponent; };
  const std::uint64_t ones = ~std::uint64_t{0};
  const std::vector<std::uint64_t> edges = {0,
                                            1,
                                            power(63),
                                            ones,
                                            power(62),
                                            3 * power(62),
                                            power(11),
                                            power(12),
                                            power(12) - 1,
                                            power(52),
                                            ones - power(12) + 1,
                                            0x5555555555555555,
                                            0xAAAAAAAAAAAAAAAA,
                                            power(61),
                                            power(62) - 1,
                                            power(61) + power(10),
                                            power(61) - power(10)};
  std::vector<std::uint64_t> a, b;
  for (const std::uint64_t first : edges)
    for (const std::uint64_t second : edges) {
      a.push_back(first);
      b.push_back(second);
    }
  check_map(a, b);
}

TEST(random_words) {
  std::vector<std::uint64_t> a, b, near_one, near_zero, low, near_turn;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    a.push_back(word(2 * i));
    b.push_back(word(2 * i + 1));
    if (i >= 2000) continue;
    // Long radii and short ones, angles near a turn of the quadrant.
    near_one.push_back(~std::uint64_t{0} - ((a.back() >> 34) << 12));
    near_zero.push_back((a.back() >> 34) << 12);
    low.push_back(b.back() >> 34);
    near_turn.push_back((std::uint64_t{1} << 61) + low.back());
  }
  check_map(a, b);
  check_map(near_one, low);
  check_map(near_zero, near_turn);
}

TEST(range_of_the_normals) {
  const std::uint64_t a[2] = {~std::uint64_t{0}, 0}, b[2] = {std::uint64_t{1} << 61, std::uint64_t{1} << 61};
  double cosine[2], sine[2];
  normals_from_words(a, b, cosine, sine, 2);  // at the angle 0
  CHECK_NEAR(cosine[0], std::sqrt(104 * std::log(2.0)), 1e-14);
  CHECK(cosine[1] == 0.0 && sine[0] == 0.0 && sine[1] == 0.0);
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
