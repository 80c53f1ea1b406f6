// The state of a pair between two layers is the angle of its two inputs there, as one minus |cosine| and the
// cosine's sign, and the ratio of the tangent kernel to the size of the covariance. One minus the cosine is
// carried, not the cosine, which would lose half of the digits of a small angle. Lengths belong to a row
// alone and are tabulated. With t^2 and b^2 the shares of weights and biases in a row's variance after a
// layer, (t, b) has length 1, and so
//   1 - cosine after biases = t t' (1 - cosine) + |(t, b) - (t', b')|^2 / 2   (all terms positive).
//
// Nothing here depends on which of the two rows is called the first: products and squares of differences are
// the same bits if the rows are exchanged, also where the compiler fuses multiplications and additions.
#include "neurogeom/pairs/wide_kernels.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "neurogeom/base/lanes.hpp"
#include "neurogeom/dense/panels.hpp"

namespace neurogeom {
namespace {

using Activation = WideNetwork::Activation;

constexpr double kPi = 3.14159265358979323846;

// Interpolation in Chebyshev points, in 60 digits; relative errors are below 1e-16.
// arccos(1 - x) / (pi sqrt(x)) on [0, 1].
constexpr double kAngle[] = {
    0.45015815807855303,    0.03751317983987564,     0.00844046546442507,    0.0025120432714529307,
    0.0008547930425932389,  0.00031471098117365757,  0.00012213551482788204, 4.8544795153372625e-05,
    2.3195458675430442e-05, -2.2873114960199797e-06, 3.460419989822555e-05,  -6.525326994907856e-05,
    0.00011080327258598078, -0.00013687625959514212, 0.00012754304139369471, -8.557648187341667e-05,
    3.955053770370357e-05,  -1.1261280138402475e-05, 1.527104740182858e-06};
// (sin a - a cos a) / (pi x sqrt(x)) with cos a = 1 - x on [0, 1].
constexpr double kLift[] = {
    0.30010543871903533,    0.01500527193595163,     0.0024115615611516915,  0.0005582318420704078,
    0.00015541683945398936, 4.841802034938483e-05,   1.6276910061119543e-05, 5.757065278076514e-06,
    2.2442593729592274e-06, 4.170775507025597e-07,   1.4606615789851387e-06, -2.340292562949999e-06,
    4.124969186439581e-06,  -5.063947691355166e-06,  4.744442019527963e-06,  -3.1899386332346103e-06,
    1.4820626924734547e-06, -4.2422567144499744e-07, 5.822259691269422e-08};
// arcsin(sqrt(x)) / sqrt(x) on [0, 1/4].
constexpr double kArcsine[] = {1.0,
                               0.16666666666664942,
                               0.07500000000385201,
                               0.044642856805998936,
                               0.03038195969768514,
                               0.022371749733164054,
                               0.01735977964134998,
                               0.01388484282640208,
                               0.012170138592391726,
                               0.0065293020047365695,
                               0.019513468251252167,
                               -0.016187392271599134,
                               0.03187962140081284};
// arctan(sqrt(x)) / sqrt(x) on [0, 3/16].
constexpr double kArctangent[] = {1.0,
                                  -0.3333333333333281,
                                  0.19999999999867177,
                                  -0.142857142724165,
                                  0.11111110421269088,
                                  -0.09090887896816842,
                                  0.07691892778521249,
                                  -0.066612790499099,
                                  0.05835121311388441,
                                  -0.049838894782612386,
                                  0.036706681509664746,
                                  -0.01647169015741764};

// Pairs that go through the layers side by side: one row with kWide others, some registers at a time.
constexpr int kParts = 4;
constexpr Index kWide = 4 * kParts;
struct Wide {
  Lanes part[kParts];
  Lanes& operator[](int p) { return part[p]; }
  const Lanes& operator[](int p) const { return part[p]; }
};

inline Lanes square_root(Lanes x) {
  Lanes root;
  for (int k = 0; k < 4; ++k) root[k] = std::sqrt(x[k]);
  return root;
}

template <int N>
inline Wide polynomial(const double (&coefficients)[N], const Wide& x) {
  Wide y;
  for (int p = 0; p < kParts; ++p) y[p] = Lanes{} + coefficients[N - 1];
  for (int k = N - 2; k >= 0; --k)
    for (int p = 0; p < kParts; ++p) y[p] = y[p] * x[p] + coefficients[k];
  return y;
}

// What is tabulated of a row and a layer. Biases of the first layer's input come at layer 0.
enum Field {
  kWeightShare,  // t
  kBiasShare,    // b
  kReluFields,
  // For erf, with q the variance before it and sin a = 2 q / (1 + 2 q):
  kSaturation = kReluFields,  // sqrt(sin a)
  kUnsaturated,               // 1 - sin a
  kCosine,                    // cos a
  kRoot,                      // sqrt(a)
  kInverseRoot,               // 1 / sqrt(a), or 0
  kSlope,                     // sqrt of the derivative's part of this row, times lengths before / after
  kErfFields
};

// Rows with their lengths after each layer.
class Inputs {
 public:
  Inputs(const MatrixView& x, const WideNetwork& network)
      : count(x.rows()),
        n_fields(network.activation == Activation::relu ? kReluFields : kErfFields),
        directions(x.rows(), x.cols()),
        size(padded(count, kWide)),
        row_length_((network.depth + 1) * n_fields),
        by_row_(count * row_length_),
        stride_(padded(count, kWide)),
        by_field_(row_length_ * stride_) {
    size.setZero();
    by_field_.setZero();
    std::vector<const double*> rows(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) {
      rows[i] = directions.data() + i * x.cols();
      fill(i, x, network);
    }
    pack_panels(rows.data(), count, x.cols(), kRightPanel, panels);
  }

  // The fields of one row, layer by layer; and a field of all rows from `row` on.
  const double* of_row(Index row) const { return by_row_.data() + row * row_length_; }
  const double* of_field(Index layer, int field, Index row) const {
    return by_field_.data() + (layer * n_fields + field) * stride_ + row;
  }
  const double* direction(Index row) const { return directions.data() + row * directions.cols(); }

  const Index count;
  const int n_fields;
  RowMatrix directions;  // of length 1, or zero
  Panels panels;         // the directions
  Buffer size;           // roots of the variances after the last layer

 private:
  void fill(Index row, const MatrixView& x, const WideNetwork& network) {
    const Index width = x.cols();
    const double* const from = x.data() + row * width;
    double* const direction = directions.data() + row * width;
    double most = 0.0, length = 0.0;
    for (Index i = 0; i < width; ++i) most = std::max(most, std::abs(from[i]));
    std::fill_n(direction, width, 0.0);
    if (most > 0) {
      // In units of a power of two above the largest, in two steps: one may be out of range.
      int exponent = 0;
      std::frexp(most, &exponent);
      const double half = std::ldexp(1.0, -exponent / 2), rest = std::ldexp(1.0, -exponent - -exponent / 2);
      for (Index i = 0; i < width; ++i) direction[i] = from[i] * half * rest;
      const double scaled = std::sqrt(squared_norm(direction, width));
      for (Index i = 0; i < width; ++i) direction[i] /= scaled;
      length = std::ldexp(scaled, exponent);
    }
    double* fields = by_row_.data() + row * row_length_;
    double root =
        add_biases(std::sqrt(network.weights / static_cast<double>(width)) * length, network, fields);
    for (Index layer = 1; layer <= network.depth; ++layer) {
      fields += n_fields;
      root = network.activation == Activation::relu
                 ? add_biases(std::sqrt(network.weights / 2) * root, network, fields)
                 : through_erf(root, network, fields);
    }
    size[row] = root;
    for (Index k = 0; k < row_length_; ++k) by_field_[k * stride_ + row] = by_row_[row * row_length_ + k];
  }

  // The root of the variance with biases, from that without.
  static double add_biases(double root, const WideNetwork& network, double* fields) {
    const double total = std::sqrt(root * root + network.biases);
    fields[kWeightShare] = network.biases > 0 ? root / total : 1.0;
    fields[kBiasShare] = network.biases > 0 ? std::sqrt(network.biases) / total : 0.0;
    return network.biases > 0 ? total : root;
  }

  static double through_erf(double root, const WideNetwork& network, double* fields) {
    const double twice = 2 * root * root, sine = twice / (1 + twice);
    fields[kSaturation] = std::sqrt(sine);
    fields[kUnsaturated] = 1 / (1 + twice);
    fields[kCosine] = std::sqrt((1 + sine) / (1 + twice));
    const double angle = std::atan2(sine, fields[kCosine]);
    fields[kRoot] = std::sqrt(angle);
    fields[kInverseRoot] = angle > 0 ? 1 / fields[kRoot] : 0.0;
    const double after = add_biases(std::sqrt(2 * network.weights / kPi) * fields[kRoot], network, fields);
    fields[kSlope] = after > 0 ? std::sqrt(4 * network.weights / (kPi * (1 + twice))) * root / after : 0.0;
    return after;
  }

  const Index row_length_;
  Buffer by_row_;
  const Index stride_;
  Buffer by_field_;
};

// kWide pairs of a row with others.
struct State {
  Wide gap;      // 1 - |cosine|
  Wide sign;     // of the cosine: 1 or -1
  Wide tangent;  // tangent kernel / (length * length)
};

// Below this gap, a cosine of rounded directions says too little about the angle: their difference does.
constexpr double kNearlyParallel = 1.0 / 64;

// From inner products of directions. `pairs` of them are wanted.
State enter(const double* products, const Inputs& ones, Index i, const Inputs& others, Index j, Index pairs) {
  State state;
  for (int p = 0; p < kParts; ++p) {
    const Lanes cosine = load_lanes(products + 4 * p), one = Lanes{} + 1.0;
    state.sign[p] = cosine < 0.0 ? -one : one;
    state.gap[p] = 1.0 - state.sign[p] * cosine;
  }
  const Index width = ones.directions.cols();
  for (Index k = 0; k < pairs; ++k) {
    double gap = state.gap[k / 4][k % 4];
    if (gap >= kNearlyParallel) continue;
    const double* const x = ones.direction(i);
    const double* const y = others.direction(j + k);
    const double sign = state.sign[k / 4][k % 4];
    Lanes sum{};
    Index l = 0;
    for (; l + 4 <= width; l += 4) {
      const Lanes difference = load_lanes(x + l) - sign * load_lanes(y + l);
      sum += difference * difference;
    }
    gap = sum_lanes(sum);
    for (; l < width; ++l) gap += (x[l] - sign * y[l]) * (x[l] - sign * y[l]);
    state.gap[k / 4][k % 4] = gap / 2;
  }
  return state;
}

inline void add_biases(State& state, const double* one, const Inputs& others, Index layer, Index j) {
  const double* const weight = others.of_field(layer, kWeightShare, j);
  const double* const bias = others.of_field(layer, kBiasShare, j);
  for (int p = 0; p < kParts; ++p) {
    const Lanes t = load_lanes(weight + 4 * p), b = load_lanes(bias + 4 * p);
    const Lanes across = one[kWeightShare] - t, along = one[kBiasShare] - state.sign[p] * b;
    const Lanes gap = (one[kWeightShare] * t) * state.gap[p] + 0.5 * (across * across + along * along);
    // Biases may turn an obtuse angle into an acute one.
    state.sign[p] = gap > 1.0 ? -state.sign[p] : state.sign[p];
    state.gap[p] = gap > 1.0 ? 2.0 - gap : gap;
  }
}

inline Lanes cosine_of(const State& state, int p) {
  return state.sign[p] * (1.0 - state.gap[p]);
}

// The expected product of two rectified Gaussian numbers, relative to half of its value at angle 0, is the
// cosine plus (sin a - a cos a) / pi; that of their derivatives is 1 - a / pi.
template <bool Biased, bool Tangent>
inline void through_relu(State& state, const double* one, const Inputs& others, Index layer, Index j) {
  Wide root;
  for (int p = 0; p < kParts; ++p) root[p] = square_root(state.gap[p]);
  if (Tangent) {
    const Wide angle = polynomial(kAngle, state.gap);
    for (int p = 0; p < kParts; ++p) {
      const Lanes acute = angle[p] * root[p];
      state.tangent[p] *= state.sign[p] > 0.0 ? 1.0 - acute : acute;
    }
  }
  const Wide lift = polynomial(kLift, state.gap);
  for (int p = 0; p < kParts; ++p) {
    const Lanes before = state.gap[p], one_lane = Lanes{} + 1.0;
    state.gap[p] = (state.sign[p] > 0.0 ? before : one_lane) - before * root[p] * lift[p];
    state.sign[p] = one_lane;
  }
  if (Biased) {
    if (Tangent)
      for (int p = 0; p < kParts; ++p)
        state.tangent[p] *= one[kWeightShare] * load_lanes(others.of_field(layer, kWeightShare, j) + 4 * p);
    add_biases(state, one, others, layer, j);
  }
  if (Tangent)
    for (int p = 0; p < kParts; ++p) state.tangent[p] += cosine_of(state, p);
}

// Inputs this close to parallel, and of lengths this alike, take the way that is free of cancellation.
constexpr double kClose = 1.0 / 20, kAlike = 1.0 / 16;

// The expected product of the error functions of two Gaussian numbers is 2 / pi arcsin(r), that of their
// derivatives 4 / pi / sqrt((1 + 2 q) (1 + 2 q')) / sqrt(1 - r^2).
template <bool Biased, bool Tangent>
inline void through_erf(State& state, const double* one, const Inputs& others, Index layer, Index j) {
  const auto field = [&](int f, int p) { return load_lanes(others.of_field(layer, f, j) + 4 * p); };
  Wide r_gap, is_close, inverse, square_apart, after{};
  Lanes n_close{};
  for (int p = 0; p < kParts; ++p) {
    const Lanes other = field(kSaturation, p), apart = one[kSaturation] - other;
    r_gap[p] = (one[kSaturation] * other) * state.gap[p] +
               0.5 * (apart * apart + (one[kUnsaturated] + field(kUnsaturated, p)));
    inverse[p] = one[kInverseRoot] * field(kInverseRoot, p);
    const Lanes roots_apart = one[kRoot] - field(kRoot, p);
    square_apart[p] = roots_apart * roots_apart;
    const Lanes is_alike = square_apart[p] * inverse[p] < kAlike ? Lanes{} + 1.0 : Lanes{};
    is_close[p] = state.gap[p] < kClose ? is_alike : Lanes{};
    n_close += is_close[p];
  }
  // Each pair goes one way, whatever its neighbours do.
  const double count = sum_lanes(n_close);
  if (count < kWide) {
    Wide is_small, at, square;
    for (int p = 0; p < kParts; ++p) {
      const Lanes r = (one[kSaturation] * field(kSaturation, p)) * (1.0 - state.gap[p]);
      const Lanes half = 0.5 * r_gap[p], root = square_root(half);
      is_small[p] = r <= 0.5 ? Lanes{} + 1.0 : Lanes{};
      square[p] = r <= 0.5 ? r * r : half;
      at[p] = r <= 0.5 ? r : root;
    }
    const Wide arcsine = polynomial(kArcsine, square);
    for (int p = 0; p < kParts; ++p) {
      const Lanes y = at[p] * arcsine[p];
      after[p] = 1.0 - (is_small[p] > 0.0 ? y : kPi / 2 - 2.0 * y) * inverse[p];
    }
  }
  Wide cosine{};
  if (Tangent || count > 0)
    for (int p = 0; p < kParts; ++p) cosine[p] = square_root(r_gap[p] * (2.0 - r_gap[p]));
  if (count > 0) {
    // The angle (a + a') / 2 - arcsin(r) by its tangent, less what it is for parallel inputs.
    Wide tangent, argument;
    for (int p = 0; p < kParts; ++p) {
      const Lanes other = field(kSaturation, p), apart = one[kSaturation] - other;
      const Lanes own = one[kCosine] + Lanes{}, its = field(kCosine, p);
      const Lanes x = (one[kSaturation] * other) * state.gap[p];
      const Lanes mine = x + apart * one[kSaturation], yours = x - apart * other;
      const Lanes numerator = 0.5 * ((2.0 * x + apart * apart) * ((own + its) + 2.0 * cosine[p]) -
                                     (apart * (one[kSaturation] + other)) * (own - its));
      tangent[p] = numerator / ((own + cosine[p]) * (its + cosine[p]) - mine * yours);
      argument[p] = tangent[p] * tangent[p];
    }
    const Wide arctangent = polynomial(kArctangent, argument);
    for (int p = 0; p < kParts; ++p) {
      const Lanes fine = (tangent[p] * arctangent[p] - 0.5 * square_apart[p]) * inverse[p];
      after[p] = is_close[p] > 0.0 ? fine : after[p];
    }
  }
  for (int p = 0; p < kParts; ++p) {
    state.gap[p] = after[p] > 0.0 ? after[p] : Lanes{};
    if (Tangent) state.tangent[p] *= one[kSlope] * field(kSlope, p) / cosine[p];
  }
  if (Biased) add_biases(state, one, others, layer, j);
  if (Tangent)
    for (int p = 0; p < kParts; ++p) state.tangent[p] += cosine_of(state, p);
}

// Row i of one with rows j to j + pairs of others: inner products of directions become kernels.
template <Activation A, bool Biased, bool Tangent>
void through_layers(const Inputs& ones, Index i, const Inputs& others, Index j, Index pairs, Index depth,
                    double* values) {
  State state = enter(values, ones, i, others, j, pairs);
  const double* one = ones.of_row(i);
  if (Biased) add_biases(state, one, others, 0, j);
  if (Tangent)
    for (int p = 0; p < kParts; ++p) state.tangent[p] = cosine_of(state, p);
  for (Index layer = 1; layer <= depth; ++layer) {
    one += ones.n_fields;
    if (A == Activation::relu)
      through_relu<Biased, Tangent>(state, one, others, layer, j);
    else
      through_erf<Biased, Tangent>(state, one, others, layer, j);
  }
  for (int p = 0; p < kParts; ++p) {
    const Lanes size = ones.size[i] * load_lanes(others.size.data() + j + 4 * p);
    store_lanes(size * (Tangent ? state.tangent[p] : cosine_of(state, p)), values + 4 * p);
  }
}

using Through = void (*)(const Inputs&, Index, const Inputs&, Index, Index, Index, double*);

template <Activation A>
Through through_of(const WideNetwork& network) {
  if (network.biases > 0)
    return network.is_tangent ? through_layers<A, true, true> : through_layers<A, true, false>;
  return network.is_tangent ? through_layers<A, false, true> : through_layers<A, false, false>;
}
Through through_of(const WideNetwork& network) {
  return network.activation == Activation::relu ? through_of<Activation::relu>(network)
                                                : through_of<Activation::erf>(network);
}

// Rows that a thread takes at a time.
constexpr Index kRows = 4 * kRightPanel;

// Entries right of the diagonal are taken from the left if there is symmetry.
void kernel_of(const Inputs& ones, const Inputs& others, bool symmetric, const WideNetwork& network,
               int n_threads, const Monitor& monitor, MatrixOut out) {
  const Through through = through_of(network);
  const Index stride = padded(others.count, 4 * kRightPanel);
  const Index n_blocks = (ones.count + kRows - 1) / kRows;
  parallel_ranges(n_blocks, 1, n_threads, monitor, [&](const Checkpoint& checkpoint) {
    Buffer block = Buffer::Zero(kRows * stride);
    return [&, checkpoint, block = std::move(block)](Index first, Index last) mutable {
      for (Index b = first; b < last; ++b) {
        // Long ones first.
        const Index begin = (n_blocks - 1 - b) * kRows, end = std::min(ones.count, begin + kRows);
        const Index width = symmetric ? end : others.count;
        multiply_some_panels(ones.panels, begin, end, others.panels, width, block.data(), stride);
        for (Index j = 0; j < width; j += kWide) {
          checkpoint();
          for (Index i = symmetric ? std::max(begin, j) : begin; i < end; ++i) {
            const Index pairs = std::min(kWide, symmetric ? i + 1 - j : width - j);
            double* const values = block.data() + (i - begin) * stride + j;
            through(ones, i, others, j, pairs, network.depth, values);
            std::copy_n(values, pairs, out.data() + i * others.count + j);
          }
          if (!symmetric) continue;
          for (Index k = j; k < std::min(j + kWide, width); ++k)
            for (Index i = std::max(begin, k); i < end; ++i) out(k, i) = block[(i - begin) * stride + k];
        }
      }
    };
  });
}

}  // namespace

void wide_cross(const MatrixView& x, const MatrixView& z, const WideNetwork& network, int n_threads,
                const Monitor& monitor, MatrixOut out) {
  const Inputs ones(x, network), others(z, network);
  kernel_of(ones, others, false, network, n_threads, monitor, out);
}

void wide_gram(const MatrixView& x, const WideNetwork& network, int n_threads, const Monitor& monitor,
               MatrixOut out) {
  const Inputs inputs(x, network);
  kernel_of(inputs, inputs, true, network, n_threads, monitor, out);
}

void wide_diagonal(const MatrixView& x, const WideNetwork& network, const Monitor& monitor, VectorOut out) {
  const Inputs inputs(x, network);
  const Through through = through_of(network);
  parallel_for(inputs.count, 1, monitor, [&](Index i) {
    // A row with itself is exactly parallel, whatever its product; a zero row has none.
    double values[kWide] = {};
    const Index first = i / kWide * kWide;
    values[i - first] = squared_norm(inputs.direction(i), x.cols());
    through(inputs, i, inputs, first, kWide, network.depth, values);
    out[i] = values[i - first];
  });
}

}  // namespace neurogeom
