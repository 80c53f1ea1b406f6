#include "neurogeom/pairs/sorting.hpp"

#include <array>
#include <cstring>
#include <numeric>
#include <utility>
#include <vector>

namespace neurogeom {
namespace {

// Six passes of eleven bits; tables of a pass fit into the first cache.
constexpr int kBits = 11, kPasses = 6;
constexpr std::uint64_t kMask = (1U << kBits) - 1;

// Unsigned integers in the order of the numbers.
std::uint64_t key_of(double value) {
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const std::uint64_t sign = bits >> 63;
  return bits ^ ((0 - sign) | (std::uint64_t{1} << 63));
}

struct Entry {
  std::uint64_t key;
  std::int32_t place;
};

}  // namespace

void rising_order(const double* values, Index n, std::int32_t* order) {
  std::vector<Entry> entries(static_cast<std::size_t>(n)), buffer(entries.size());
  std::array<std::array<Index, kMask + 1>, kPasses> counts{};
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t key = key_of(values[i]);
    entries[i] = {key, static_cast<std::int32_t>(i)};
    for (int pass = 0; pass < kPasses; ++pass) ++counts[pass][(key >> (kBits * pass)) & kMask];
  }
  for (int pass = 0; pass < kPasses && n > 0; ++pass) {
    auto& next = counts[pass];
    const int shift = kBits * pass;
    if (next[(entries[0].key >> shift) & kMask] == n) continue;  // all have the same digit
    std::exclusive_scan(next.begin(), next.end(), next.begin(), Index{0});
    for (const Entry& entry : entries) buffer[next[(entry.key >> shift) & kMask]++] = entry;
    entries.swap(buffer);
  }
  for (Index i = 0; i < n; ++i) order[i] = entries[i].place;
}

}  // namespace neurogeom
