#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <numeric>
#include <string>
#include <thread>

#include "check.hpp"
#include "neurogeom/base/parallel.hpp"

using namespace neurogeom;

namespace {

// How often each item was worked on; pieces must be runs of `grain` items, cut at multiples of it.
std::vector<int> visits(Index n_items, Index grain, int n_threads, const Monitor& monitor = {}) {
  std::vector<int> count(static_cast<std::size_t>(n_items), 0);
  std::atomic<int> n_workers{0}, n_odd_pieces{0};
  parallel_ranges(n_items, grain, n_threads, monitor, [&](const Checkpoint&) -> RangeBody {
    ++n_workers;
    return [&](Index begin, Index end) {
      const Index size = std::max<Index>(1, grain);
      if (begin % size != 0 || end != std::min(n_items, begin + size)) ++n_odd_pieces;
      for (Index i = begin; i < end; ++i) ++count[i];
    };
  });
  CHECK(n_odd_pieces == 0);
  CHECK(n_workers <= std::max(1, n_threads));
  return count;
}

bool all_once(const std::vector<int>& count) {
  for (const int n : count)
    if (n != 1) return false;
  return true;
}

// Runs body in a forked child and returns its result; a child that hangs is killed by the alarm.
int in_forked_child(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);
    _exit(body());
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

}  // namespace

TEST(every_item_once) {
  for (const Index n_items : {0, 1, 2, 7, 64, 65, 1000})
    for (const Index grain : {0, 1, 3, 64, 5000})
      for (const int n_threads : {-1, 0, 1, 2, 3, 7}) CHECK(all_once(visits(n_items, grain, n_threads)));
}

TEST(single_items) {
  std::vector<Index> squares(100);
  parallel_for(100, 3, {}, [&](Index i) { squares[i] = i * i; });
  for (Index i = 0; i < 100; ++i) CHECK(squares[i] == i * i);
}

TEST(first_exception_comes_out) {
  for (const int n_threads : {1, 2, 5}) {
    std::atomic<Index> started{0};
    std::string text;
    try {
      parallel_for(100000, n_threads, {}, [&](Index i) {
        ++started;
        if (i >= 20) throw std::out_of_range("item");
      });
    } catch (const std::out_of_range& error) {
      text = error.what();
    }
    CHECK(text == "item");
    CHECK(started < 100000);  // the hand-out has stopped
  }
  CHECK_THROWS(parallel_ranges(5, 1, 2, {}, [](const Checkpoint&) -> RangeBody { throw std::bad_alloc(); }),
               std::bad_alloc);
  CHECK_THROWS(parallel_for(
                   5, 1, [](Index, Index) -> bool { throw std::domain_error("monitor"); }, [](Index) {}),
               std::domain_error);
  CHECK(all_once(visits(1000, 1, 3)));
}

TEST(monitor_cancels) {
  const std::thread::id caller = std::this_thread::get_id();
  for (const int n_threads : {1, 2, 3}) {
    std::atomic<Index> started{0};
    std::atomic<bool> cancelled{false};
    const Monitor stop = [&](Index done, Index) {
      cancelled = done >= 10;
      return cancelled.load();
    };
    const auto run = [&] {
      parallel_for(1000000, n_threads, stop, [&](Index) {
        // Others wait for the caller, who may get no processor for long.
        if (++started > 100 && std::this_thread::get_id() != caller)
          while (!cancelled) std::this_thread::yield();
      });
    };
    CHECK_THROWS(run(), Cancelled);
    CHECK(started >= 10);
    CHECK(started < 1000000);
  }
}

TEST(monitor_is_called_by_the_caller_and_counts_up) {
  const std::thread::id caller = std::this_thread::get_id();
  Index last = -1;
  bool fine = true;
  const Monitor monitor = [&](Index done, Index total) {
    fine = fine && std::this_thread::get_id() == caller && total == 500 && done >= last && done <= total;
    last = done;
    return false;
  };
  CHECK(all_once(visits(500, 1, 3, monitor)));
  CHECK(fine);
}

TEST(checkpoint_cancels_within_an_item) {
  for (const int n_threads : {1, 2}) {
    int calls = 0;
    // Items that never end by themselves, on the caller's thread and on the other one.
    const auto run = [&] {
      parallel_ranges(
          n_threads, 1, n_threads, [&](Index, Index) { return ++calls == 5; },
          [](const Checkpoint& checkpoint) -> RangeBody {
            return [checkpoint](Index, Index) {
              for (;;) checkpoint();
            };
          });
    };
    CHECK_THROWS(run(), Cancelled);
    CHECK(calls == 5);
  }
  CHECK(all_once(visits(100, 3, 2)));
}

// The caller has run out of items: it must go on looking for Ctrl-C while others work.
TEST(monitor_is_asked_while_the_caller_waits) {
  const std::thread::id caller = std::this_thread::get_id();
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  std::atomic<bool> other_works{false};
  const auto run = [&] {
    parallel_ranges(
        2, 1, 2, [&](Index, Index) { return seconds() > 0.1; },
        [&](const Checkpoint& checkpoint) -> RangeBody {
          return [&, checkpoint](Index, Index) {
            if (std::this_thread::get_id() == caller) {
              while (!other_works && seconds() < 2) std::this_thread::yield();
              return;
            }
            other_works = true;
            while (seconds() < 2) checkpoint();
          };
        });
  };
  CHECK_THROWS(run(), Cancelled);
  CHECK(seconds() < 1);
}

TEST(regions_of_several_callers_at_once) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int k = 0; k < 3; ++k)
    callers.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        std::vector<Index> out(50);
        parallel_for(50, 2, {}, [&](Index i) { out[i] = i; });
        if (std::accumulate(out.begin(), out.end(), Index{0}) != 49 * 25) ++wrong;
      }
    });
  for (std::thread& thread : callers) thread.join();
  CHECK(wrong == 0);
}

// An OpenMP pool does not survive fork(): without precautions the child would wait for ever.
TEST(forked_children_work) {
  CHECK(all_once(visits(100, 1, 3)));
  const auto child = [] { return all_once(visits(100, 1, 3)) ? 0 : 1; };
  CHECK(in_forked_child(child) == 0);
  CHECK(in_forked_child([&] { return child() + in_forked_child(child); }) == 0);
  CHECK(all_once(visits(100, 1, 3)));
}

// CMakeLists.txt says which one this program is linked with, where it could be either.
TEST(backend_has_a_name) {
  const std::string backend = parallel_backend();
  CHECK(backend == "OpenMP" || backend == "std::thread");
  if (const char* const expected = std::getenv("NEUROGEOM_BACKEND")) CHECK(backend == expected);
}
