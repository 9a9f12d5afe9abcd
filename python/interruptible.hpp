// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Long work that Python can watch and end: Ctrl-C raises KeyboardInterrupt, a progress callback
/// that returns False raises Interrupted. The GIL is released while the work runs.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <future>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>

#include <pybind11/pybind11.h>

#include "simulator/common/error.hpp"

namespace tilewake::python {

/// Between looks at signals and at the progress.
inline constexpr std::chrono::milliseconds kLookInterval{50};

/// Simulations of a process take turns, and no process is forked while another thread simulates.
std::timed_mutex& simulation_mutex();

/// What the thread that works and the thread that waits for it share.
class WorkMonitor {
 public:
  void cancel() { is_cancelled_.store(true, std::memory_order_relaxed); }
  bool is_cancelled() const { return is_cancelled_.load(std::memory_order_relaxed); }
  /// Throws Interrupted after cancel().
  void check() const {
    if (is_cancelled()) throw Interrupted();
  }
  void set_progress(std::int64_t done, std::int64_t total) {
    total_.store(total, std::memory_order_relaxed);
    done_.store(done, std::memory_order_release);
  }
  std::int64_t done() const { return done_.load(std::memory_order_acquire); }
  std::int64_t total() const { return total_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> is_cancelled_ = false;
  std::atomic<std::int64_t> done_ = -1;  // not begun
  std::atomic<std::int64_t> total_ = 0;
};

/// Calls `callback(done, total)` when `done` has changed. The caller holds the GIL.
class ProgressReporter {
 public:
  explicit ProgressReporter(pybind11::object callback) : callback_(std::move(callback)) {}

  /// Throws KeyboardInterrupt (in Python's main thread), what the callback raises, or Interrupted
  /// if it returned False.
  void report(std::int64_t done, std::int64_t total) {
    if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
    if (callback_.is_none() || done < 0 || done == last_done_) return;
    last_done_ = done;
    if (callback_(done, total).ptr() == Py_False) throw Interrupted();
  }

 private:
  pybind11::object callback_;
  std::int64_t last_done_ = -1;
};

/// Runs `work(monitor)` in another thread. Callbacks of a simulation are called on the small stacks
/// of SystemC's processes; Python code runs in the calling thread instead, and a signal is noticed
/// within kLookInterval. The work must call monitor.check() often.
template <typename Work>
auto run_interruptible(const pybind11::object& callback, Work work) {
  using Result = std::invoke_result_t<Work, WorkMonitor&>;
  WorkMonitor monitor;
  ProgressReporter progress(callback);
  std::packaged_task<Result()> task([&] {
    std::unique_lock lock(simulation_mutex(), std::defer_lock);
    while (!lock.try_lock_for(kLookInterval)) monitor.check();
    return work(monitor);
  });
  std::future<Result> future = task.get_future();
  std::thread worker(std::move(task));
  try {
    for (bool is_ready = false; !is_ready;) {
      {
        const pybind11::gil_scoped_release no_gil;
        is_ready = future.wait_for(kLookInterval) == std::future_status::ready;
      }
      if (!is_ready) progress.report(monitor.done(), monitor.total());
    }
  } catch (...) {
    monitor.cancel();
    const pybind11::gil_scoped_release no_gil;
    worker.join();
    throw;
  }
  worker.join();
  Result result = future.get();
  progress.report(monitor.done(), monitor.total());
  return result;
}

}  // namespace tilewake::python
