// The one seam for threads. No other file names OpenMP or std::thread.
//
// Work is a range of item numbers, handed out in contiguous pieces of `grain` items. A worker
// builds its scratch once (the factory) and then gets pieces. Each item writes to a place of its
// own, so results do not depend on the number of threads or on who did what; sums over items are
// done by the caller, in order, afterwards.
//
// The first exception of any worker stops the hand-out and is rethrown on the calling thread. The
// calling thread is worker 0 and the only one that calls the monitor, at least once, which can stop the
// work (Ctrl-C) and which is where progress is reported.
#pragma once

#include <atomic>
#include <functional>
#include <stdexcept>

#include "neurogeom/base/types.hpp"

namespace neurogeom {

// Called on the calling thread now and then; returning true stops the work.
using Monitor = std::function<bool(Index done, Index total)>;

// Thrown by a parallel region that its monitor stopped.
struct Cancelled : std::runtime_error {
  Cancelled() : std::runtime_error("cancelled") {}
};

// What a worker sees of the region it works in.
class Region {
 public:
  Region(Index total, const Monitor& monitor) : total_(total), monitor_(monitor) {}

  // To be called from within a long item too: throws Cancelled when the work is to stop.
  void check(bool is_caller);
  void stop() { stopped_.store(true, std::memory_order_relaxed); }
  bool stopped() const { return stopped_.load(std::memory_order_relaxed); }
  void finish(Index items) { done_.fetch_add(items, std::memory_order_relaxed); }
  bool finished() const { return done_.load(std::memory_order_relaxed) >= total_; }

 private:
  const Index total_;
  const Monitor& monitor_;
  std::atomic<Index> done_{0};
  std::atomic<bool> stopped_{false};
};

// Lets a long item answer to cancellation; calls are cheap.
using Checkpoint = std::function<void()>;
using RangeBody = std::function<void(Index begin, Index end)>;
using WorkerFactory = std::function<RangeBody(const Checkpoint& checkpoint)>;

// n_items is not negative, grain and n_threads are 1 or more; the monitor may be empty.
void parallel_ranges(Index n_items, Index grain, int n_threads, const Monitor& monitor,
                     const WorkerFactory& make_worker);

// For items that need no scratch.
void parallel_for(Index n_items, int n_threads, const Monitor& monitor,
                  const std::function<void(Index item)>& body);

// "OpenMP" or "std::thread".
const char* parallel_backend();

}  // namespace neurogeom
