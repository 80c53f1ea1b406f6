#include "neurogeom/base/parallel.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace neurogeom {
namespace {

// After fork() the child has none of libgomp's worker threads but does have its pool, and the next
// region of more than one thread waits for ever. Children use threads of their own instead.
std::atomic<bool> forked_child{false};

[[maybe_unused]] const bool fork_handler_registered = [] {
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, [] { forked_child.store(true); });
#endif
  return true;
}();

void run_workers(int n_threads, const std::function<void(int worker)>& work) {
  if (n_threads == 1) {
    work(0);
    return;
  }
#ifdef _OPENMP
  if (!forked_child.load()) {
#pragma omp parallel num_threads(n_threads)
    work(omp_get_thread_num());
    return;
  }
#endif
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(n_threads - 1));
  try {
    for (int worker = 1; worker < n_threads; ++worker) threads.emplace_back(work, worker);
  } catch (const std::system_error&) {
    // No more threads to be had: those that started, and this one, do the work.
  }
  work(0);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

void Region::check(bool is_caller) {
  if (is_caller && monitor_ && monitor_(done_.load(std::memory_order_relaxed), total_)) stop();
  if (stopped()) throw Cancelled();
}

void parallel_ranges(Index n_items, Index grain, int n_threads, const Monitor& monitor,
                     const WorkerFactory& make_worker) {
  if (n_items <= 0) return;
  grain = std::max<Index>(1, grain);
  const Index n_pieces = (n_items + grain - 1) / grain;
  n_threads = static_cast<int>(std::clamp<Index>(n_threads, 1, n_pieces));

  Region region(n_items, monitor);
  std::atomic<Index> next_piece{0};
  std::exception_ptr first_error;
  std::mutex error_mutex;

  // Exceptions must not leave an OpenMP region or a thread; the first one is kept and rethrown below.
  run_workers(n_threads, [&](int worker) {
    try {
      const bool is_caller = worker == 0;
      const Checkpoint checkpoint = [&region, is_caller] { region.check(is_caller); };
      const RangeBody body = make_worker(checkpoint);
      bool has_looked = false;
      while (!region.stopped()) {
        const Index piece = next_piece.fetch_add(1);
        if (piece >= n_pieces) break;
        const Index begin = piece * grain;
        const Index end = std::min(n_items, begin + grain);
        body(begin, end);
        region.finish(end - begin);
        region.check(is_caller);
        has_looked = true;
      }
      // The caller goes on looking for Ctrl-C while others finish their last pieces; at least once, also if
      // they have left it none.
      if (is_caller && monitor) {
        if (!has_looked) region.check(true);
        auto pause = std::chrono::microseconds(20);
        while (!region.stopped() && !region.finished()) {
          region.check(true);
          std::this_thread::sleep_for(pause);
          pause = std::min(2 * pause, std::chrono::microseconds(2000));
        }
      }
    } catch (...) {
      region.stop();
      const std::lock_guard<std::mutex> lock(error_mutex);
      if (!first_error) first_error = std::current_exception();
    }
  });
  if (first_error) std::rethrow_exception(first_error);
}

void parallel_for(Index n_items, int n_threads, const Monitor& monitor,
                  const std::function<void(Index item)>& body) {
  parallel_ranges(n_items, 1, n_threads, monitor, [&](const Checkpoint&) -> RangeBody {
    return [&](Index begin, Index end) {
      for (Index item = begin; item < end; ++item) body(item);
    };
  });
}

const char* parallel_backend() {
#ifdef _OPENMP
  return "OpenMP";
#else
  return "std::thread";
#endif
}

}  // namespace neurogeom
