// Counter-based standard normals: a draw belongs to (key, stream, index), not to a moment or a
// thread.
//
// Generator: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011). Layout of the 128-bit counter,
// in 32-bit words:
//
//   word 0   block: elements 2*block and 2*block + 1 of the vector
//   word 1   stream (one manifold, one purpose)
//   word 2   low half of the index (one sample)
//   word 3   high half of the index
//
// The 64-bit key has its low half in key word 0. One block gives four words, and these two normals
// by Box-Muller: with a = w0 | w1 << 32 and b = w2 | w3 << 32, a52 the upper 52 bits of a, q the
// upper 2 bits of b and f52 the next 52,
//
//   radius = sqrt(-2 log(1 - a52 2^-52)),  angle = pi/2 (q + f52 2^-52 - 1/2),
//   z = (radius cos(angle), radius sin(angle)).
//
// So |z| <= 8.49, and a vector's elements do not depend on its length. Logarithm, sine and cosine
// are polynomials of ours, without fused multiply-add, so that every instruction set gives the same
// bits.
#pragma once

#include "neurogeom/base/types.hpp"

namespace neurogeom {

struct PhiloxCounter {
  std::uint32_t word[4];
};

PhiloxCounter philox4x32(PhiloxCounter counter, std::uint64_t key);

// Outputs do not overlap with inputs. Box-Muller of n pairs of 64-bit words; exposed so that the map can be
// tested at extreme words.
void normals_from_words(const std::uint64_t* a, const std::uint64_t* b, double* cosine, double* sine,
                        Index n);

// Row i of `out` (stride elements apart) is the vector of `length` normals at index first_index +
// i. Length is at most 2^33.
void standard_normals(std::uint64_t key, std::uint32_t stream, std::uint64_t first_index, Index n_rows,
                      Index length, double* out, Index stride);

}  // namespace neurogeom
