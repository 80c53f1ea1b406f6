#include "neurogeom/base/random.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace neurogeom {
namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53U, kMultiplier1 = 0xCD9E8D57U;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9U, kWeyl1 = 0xBB67AE85U;
constexpr int kRounds = 10;

// Several 64-bit lanes, each with a 32-bit word in its lower half. The upper halves may hold
// anything: the product reads the lower ones only.
#if defined(__AVX2__)
struct Pack {
  static constexpr int lanes = 4;
  __m256i v;
  static Pack load(const std::uint64_t* p) {
    return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))};
  }
  static Pack all(std::uint32_t x) { return {_mm256_set1_epi64x(static_cast<long long>(x))}; }
  void store(std::uint64_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  Pack product(Pack o) const { return {_mm256_mul_epu32(v, o.v)}; }
  Pack upper() const { return {_mm256_srli_epi64(v, 32)}; }
  Pack operator^(Pack o) const { return {_mm256_xor_si256(v, o.v)}; }
  // (low word of this) | (low word of o) << 32
  Pack join(Pack o) const { return {_mm256_blend_epi32(v, _mm256_slli_epi64(o.v, 32), 0xAA)}; }
};
#elif defined(__SSE2__)
struct Pack {
  static constexpr int lanes = 2;
  __m128i v;
  static Pack load(const std::uint64_t* p) { return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))}; }
  static Pack all(std::uint32_t x) { return {_mm_set1_epi64x(static_cast<long long>(x))}; }
  void store(std::uint64_t* p) const { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), v); }
  Pack product(Pack o) const { return {_mm_mul_epu32(v, o.v)}; }
  Pack upper() const { return {_mm_srli_epi64(v, 32)}; }
  Pack operator^(Pack o) const { return {_mm_xor_si128(v, o.v)}; }
  Pack join(Pack o) const {
    const __m128i low = _mm_srli_epi64(_mm_slli_epi64(v, 32), 32);
    return {_mm_or_si128(low, _mm_slli_epi64(o.v, 32))};
  }
};
#else
struct Pack {
  static constexpr int lanes = 1;
  std::uint64_t v;
  static Pack load(const std::uint64_t* p) { return {*p}; }
  static Pack all(std::uint32_t x) { return {x}; }
  void store(std::uint64_t* p) const { *p = v; }
  Pack product(Pack o) const { return {(v & 0xFFFFFFFFU) * (o.v & 0xFFFFFFFFU)}; }
  Pack upper() const { return {v >> 32}; }
  Pack operator^(Pack o) const { return {v ^ o.v}; }
  Pack join(Pack o) const { return {(v & 0xFFFFFFFFU) | (o.v << 32)}; }
};
#endif

// Blocks handled at once: several packs in flight hide the latency of the products.
constexpr int kPacks = 2;
constexpr int kGroup = 64;
static_assert(kGroup % (kPacks * Pack::lanes) == 0, "a group is a whole number of steps");

// Words of kGroup counters that share the stream; a = w0 | w1 << 32, b = w2 | w3 << 32.
void philox_group(const std::uint64_t* block, const std::uint64_t* index, std::uint32_t stream,
                  std::uint64_t key, std::uint64_t* a, std::uint64_t* b) {
  const Pack m0 = Pack::all(kMultiplier0), m1 = Pack::all(kMultiplier1);
  for (int start = 0; start < kGroup; start += kPacks * Pack::lanes) {
    Pack c0[kPacks], c1[kPacks], c2[kPacks], c3[kPacks];
    for (int p = 0; p < kPacks; ++p) {
      const int at = start + p * Pack::lanes;
      c0[p] = Pack::load(block + at);
      c1[p] = Pack::all(stream);
      c2[p] = Pack::load(index + at);
      c3[p] = c2[p].upper();
    }
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < kRounds; ++round) {
      const Pack key0 = Pack::all(k0), key1 = Pack::all(k1);
      for (int p = 0; p < kPacks; ++p) {
        const Pack first = c0[p].product(m0), second = c2[p].product(m1);
        c0[p] = second.upper() ^ c1[p] ^ key0;
        c2[p] = first.upper() ^ c3[p] ^ key1;
        c1[p] = second;
        c3[p] = first;
      }
      k0 += kWeyl0;
      k1 += kWeyl1;
    }
    for (int p = 0; p < kPacks; ++p) {
      const int at = start + p * Pack::lanes;
      c0[p].join(c1[p]).store(a + at);
      c2[p].join(c3[p]).store(b + at);
    }
  }
}

inline double from_bits(std::uint64_t bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
inline std::uint64_t to_bits(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

constexpr std::uint64_t kOneBits = 0x3FF0000000000000ULL;
constexpr std::uint64_t kMantissaMask = 0x000FFFFFFFFFFFFFULL;
constexpr double kTwo52 = 4503599627370496.0;
constexpr std::uint64_t kTwo52Bits = 0x4330000000000000ULL;

constexpr std::uint64_t kSqrtHalfBits = 0x3FE6A09E667F3BCDULL;

// -2 log(x) for x in [2^-52, 1], within a few ulp: x = 2^e m with m in [sqrt(1/2), sqrt(2)), then
// the odd series of log(m) in s = (m - 1)/(m + 1), with the minimax coefficients of FreeBSD's
// e_log.c.
inline double minus_two_log(double x) {
  const std::uint64_t shifted = to_bits(x) + (kOneBits - kSqrtHalfBits);
  const double e = from_bits((shifted >> 52) | kTwo52Bits) - (kTwo52 + 1023.0);
  const double f = from_bits((shifted & kMantissaMask) + kSqrtHalfBits) - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  const double w = z * z;
  const double even =
      w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double odd =
      z * (6.666666666666735130e-01 +
           w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  const double half_square = 0.5 * f * f;
  const double log_m = f - (half_square - s * (half_square + (even + odd)));
  return -2.0 * (e * 0.6931471805599453 + log_m);
}

}  // namespace

PhiloxCounter philox4x32(PhiloxCounter counter, std::uint64_t key) {
  std::uint32_t* c = counter.word;
  auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t first = static_cast<std::uint64_t>(kMultiplier0) * c[0];
    const std::uint64_t second = static_cast<std::uint64_t>(kMultiplier1) * c[2];
    c[0] = static_cast<std::uint32_t>(second >> 32) ^ c[1] ^ k0;
    c[2] = static_cast<std::uint32_t>(first >> 32) ^ c[3] ^ k1;
    c[1] = static_cast<std::uint32_t>(second);
    c[3] = static_cast<std::uint32_t>(first);
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return counter;
}

void normals_from_words(const std::uint64_t* a, const std::uint64_t* b, double* cosine, double* sine,
                        Index n) {
  for (Index i = 0; i < n; ++i) {
    const double u = 2.0 - from_bits((a[i] >> 12) | kOneBits);  // in (0, 1]
    const double radius = std::sqrt(minus_two_log(u));

    const double x =  // in [-pi/4, pi/4)
        (from_bits(((b[i] << 2) >> 12) | kOneBits) - 1.5) * 1.5707963267948966;
    // Minimax polynomials as in FreeBSD's k_sin.c and k_cos.c.
    const double z = x * x;
    const double sin_x =
        x + x * z *
                (-1.66666666666666324348e-01 +
                 z * (8.33333333332248946124e-03 +
                      z * (-1.98412698298579493134e-04 +
                           z * (2.75573137070700676789e-06 +
                                z * (-2.50507602534068634195e-08 + z * 1.58969099521155010221e-10)))));
    const double cos_x =
        1.0 - (0.5 * z -
               z * z *
                   (4.16666666666666019037e-02 +
                    z * (-1.38888888888741095749e-03 +
                         z * (2.48015872894767294178e-05 +
                              z * (-2.75573143513906633035e-07 +
                                   z * (2.08757232129817482790e-09 + z * -1.13596475577881948265e-11))))));
    // A quarter turn for each quadrant: odd ones swap sine and cosine, the signs follow.
    const std::uint64_t quadrant = b[i] >> 62;
    const std::uint64_t swap = (to_bits(cos_x) ^ to_bits(sin_x)) & (0 - (quadrant & 1));
    const std::uint64_t cos_sign = ((quadrant + 1) & 2) << 62, sin_sign = (quadrant & 2) << 62;
    cosine[i] = radius * from_bits(to_bits(cos_x) ^ swap ^ cos_sign);
    sine[i] = radius * from_bits(to_bits(sin_x) ^ swap ^ sin_sign);
  }
}

void standard_normals(std::uint64_t key, std::uint32_t stream, std::uint64_t first_index, Index n_rows,
                      Index length, double* out, Index stride) {
  if (n_rows <= 0 || length <= 0) return;
  const Index n_blocks = (length + 1) / 2;
  std::uint64_t block[kGroup], index[kGroup], a[kGroup], b[kGroup];
  double cosine[kGroup], sine[kGroup], pairs[2 * kGroup];

  // All blocks of all rows form one sequence, so that short vectors fill the lanes too. The last
  // group may run past the last row: those draws are made and dropped.
  Index next_row = 0, next_block = 0;
  Index row = 0, column = 0;  // where the next normal is written
  while (row < n_rows) {
    for (int lane = 0; lane < kGroup; ++lane) {
      block[lane] = static_cast<std::uint64_t>(next_block);
      index[lane] = first_index + static_cast<std::uint64_t>(next_row);
      if (++next_block == n_blocks) {
        next_block = 0;
        ++next_row;
      }
    }
    philox_group(block, index, stream, key, a, b);
    normals_from_words(a, b, cosine, sine, kGroup);
    for (int lane = 0; lane < kGroup; ++lane) {
      pairs[2 * lane] = cosine[lane];
      pairs[2 * lane + 1] = sine[lane];
    }
    for (Index used = 0; used < 2 * kGroup && row < n_rows;) {
      const Index count = std::min<Index>(2 * kGroup - used, length - column);
      std::copy_n(pairs + used, count, out + row * stride + column);
      used += count + (count & 1);  // an odd vector ends with half a block
      column += count;
      if (column == length) {
        column = 0;
        ++row;
      }
    }
  }
}

}  // namespace neurogeom
