// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "simulator/common/error.hpp"

namespace tilewake {

/// Work in processes, so that it runs in parallel and a crash ends nothing else. Each process is a
/// copy of this one at the moment in which it starts: it sees everything that is in memory and
/// returns a text. A signal that is delayed here is delayed in the workers, too; none outlives this
/// process, however it ends.
class WorkerPool {
 public:
  struct Result {
    std::int64_t id = 0;
    ExitCode code = ExitCode::kOk;  // kBadInput for an InputError, kInternal for all else
    bool was_killed = false;        // it did not end by itself
    std::string text;               // what the work returned, or the error
  };

  explicit WorkerPool(std::size_t num_workers);
  ~WorkerPool();  // ends those that still run
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  bool is_idle() const { return workers_.empty(); }

  /// Returns false if as many are at work as can be; wait() then. Throws InputError if the system
  /// has not even one process for us.
  bool start(std::int64_t id, const std::function<std::string()>& work);

  /// Waits until at least one worker is done; in no particular order. The pool is not idle.
  ///   @param max_milliseconds  no result after as long; negative: no limit
  std::vector<Result> wait(int max_milliseconds = -1);

 private:
  struct Worker {
    std::int64_t id = 0;
    pid_t process = 0;
    int pipe = 0;  // what it writes
    std::string text;
  };

  /// Takes what is there; false at the end.
  static bool read_from(Worker& worker);
  static Result end_of(Worker& worker);

  std::size_t num_workers_;
  std::vector<Worker> workers_;
};

}  // namespace tilewake
