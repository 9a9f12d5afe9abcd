// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>

#include <systemc>

namespace tilewake {

/// A kernel of SystemC. It has to be in use when it is deleted.
struct KernelDeleter {
  void operator()(sc_core::sc_simcontext* kernel) const;
};
using KernelPtr = std::unique_ptr<sc_core::sc_simcontext, KernelDeleter>;

/// In its scope, `kernel` is SystemC's current kernel, exclusively for this thread.
class KernelUse {
 public:
  explicit KernelUse(sc_core::sc_simcontext* kernel);
  ~KernelUse();
  KernelUse(const KernelUse&) = delete;
  KernelUse& operator=(const KernelUse&) = delete;

  /// sc_start() until no event is pending or the kernel is paused.
  void start() const;

 private:
  std::unique_lock<std::mutex> lock_;
  sc_core::sc_simcontext* current_ = nullptr;
  sc_core::sc_simcontext* default_ = nullptr;
};

}  // namespace tilewake
