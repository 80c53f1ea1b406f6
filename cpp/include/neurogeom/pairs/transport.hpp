// Optimal transport between two sets of points with whole masses, exact, by shortest augmenting paths.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "neurogeom/base/parallel.hpp"
#include "neurogeom/base/types.hpp"

namespace neurogeom {

using Mass = std::int64_t;

// What goes from row to column, in their order; and the certificate.
struct TransportPlan {
  std::vector<Index> rows, columns;
  std::vector<Mass> masses;  // all above 0
  double cost = 0.0;         // sum of mass * cost
  double bound = 0.0;        // of a feasible dual: no plan costs less, up to the rounding of this sum
};

// Solves one problem after another, in its own memory. The choice among plans of equal cost depends on the
// costs alone.
class TransportSolver {
 public:
  explicit TransportSolver(Checkpoint checkpoint = {}) : checkpoint_(std::move(checkpoint)) {}

  // Masses are positive and have the same sum, below 2^62; costs are finite, of any sign.
  TransportPlan solve(const MatrixView& costs, const std::vector<Mass>& supply,
                      const std::vector<Mass>& demand);

 private:
  void start(const MatrixView& costs);
  void push(Index row, Index column, Mass mass);
  // Sends mass from a row to the nearest columns that want at least so much, along a tree of shortest paths,
  // until the row has less, or a branch has nothing left to redirect. Potentials follow.
  void send(const MatrixView& costs, Index source, Mass least);
  void scan(const double* costs, Index row, double distance);
  bool augment(Index source, Index sink);  // whether all branches are left

  struct Flow {
    Index row;
    Mass mass;
  };
  const Checkpoint checkpoint_;
  std::vector<Mass> supply_, demand_;     // left
  Index n_wanting_ = 0;                   // columns that want as much as is being sent
  std::vector<std::vector<Flow>> flows_;  // into each column
  std::vector<double> u_, v_;             // potentials: cost - u - v is not negative, and 0 where mass goes
  std::vector<double> key_, open_;        // distance of columns not yet reached, and their potential
  std::vector<double> reached_;           // distance of those that are
  std::vector<double> row_distance_;
  std::vector<std::int64_t> from_;  // row before a column on its path
  std::vector<Index> row_from_;     // column before a row; -1 for the source
  std::vector<std::uint8_t> seen_;  // rows
  std::vector<Index> seen_rows_, seen_columns_;
};

// Whole masses of n_rows rows and n_columns columns that all weigh the same on either side.
std::pair<Mass, Mass> equal_masses(Index n_rows, Index n_columns);

}  // namespace neurogeom
