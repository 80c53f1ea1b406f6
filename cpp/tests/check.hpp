// Checks for the C++ tests: TEST(name) { CHECK(...); } and a main of its own, in one file a
// program.
#pragma once

#include <cmath>
#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

#include "neurogeom/base/random.hpp"

namespace check {

struct Case {
  const char* name;
  void (*body)();
};
inline std::vector<Case> cases;
inline int failed_checks = 0;
inline bool add(Case one) {
  return cases.push_back(one), true;
}

inline void report(bool ok, const char* file, int line, const char* text) {
  if (ok) return;
  ++failed_checks;
  std::printf("%s:%d: failed: %s\n", file, line, text);
}

// Data for tests, made by the generator under test.
inline neurogeom::RowMatrix normals(std::uint64_t key, neurogeom::Index rows, neurogeom::Index cols) {
  neurogeom::RowMatrix out(rows, cols);
  neurogeom::standard_normals(key, 0, 0, rows, cols, out.data(), cols);
  return out;
}
inline neurogeom::MatrixView view(const neurogeom::RowMatrix& x) {
  return {x.data(), x.rows(), x.cols()};
}

}  // namespace check

#define TEST(name)                                                             \
  static void name();                                                          \
  [[maybe_unused]] static const bool name##_added = check::add({#name, name}); \
  static void name()
#define CHECK(condition) check::report(static_cast<bool>(condition), __FILE__, __LINE__, #condition)
#define CHECK_NEAR(x, y, tolerance) CHECK(std::abs((x) - (y)) <= (tolerance))
#define CHECK_THROWS(expression, type)                                       \
  do {                                                                       \
    bool caught = false;                                                     \
    try {                                                                    \
      expression;                                                            \
    } catch (const type&) {                                                  \
      caught = true;                                                         \
    }                                                                        \
    check::report(caught, __FILE__, __LINE__, #expression " throws " #type); \
  } while (false)

int main() {
  int failed = 0;
  for (const check::Case& one : check::cases) {
    const int before = check::failed_checks;
    try {
      one.body();
    } catch (const std::exception& error) {
      check::report(false, one.name, 0, error.what());
    }
    if (check::failed_checks != before) ++failed, std::printf("FAILED %s\n", one.name);
  }
  std::printf("%d passed, %d failed\n", static_cast<int>(check::cases.size()) - failed, failed);
  return failed == 0 ? 0 : 1;
}
