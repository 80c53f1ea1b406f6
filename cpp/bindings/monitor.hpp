// Signals and progress during long work: the Monitor that the core calls on the caller's thread.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <exception>

#include "neurogeom/base/parallel.hpp"

namespace neurogeom {

// Runs `work(monitor)` without the GIL. At most every 50 ms the GIL is taken to look for Ctrl-C and
// to call progress(done, total); a Python exception from either stops the work and is rethrown
// here.
template <class Work>
void run_interruptible(const pybind11::object& progress, Work&& work) {
  using Clock = std::chrono::steady_clock;
  auto last = Clock::now();
  std::exception_ptr python_error;
  const Monitor monitor = [&](Index done, Index total) {
    const auto now = Clock::now();
    if (now - last < std::chrono::milliseconds(50)) return false;
    last = now;
    const pybind11::gil_scoped_acquire gil;
    try {
      if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
      if (!progress.is_none()) progress(done, total);
    } catch (pybind11::error_already_set&) {
      python_error = std::current_exception();
      return true;
    }
    return false;
  };
  try {
    const pybind11::gil_scoped_release release;
    work(monitor);
  } catch (const Cancelled&) {
    if (python_error) std::rethrow_exception(python_error);
    throw;
  }
}

}  // namespace neurogeom
