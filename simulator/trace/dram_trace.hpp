// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "simulator/common/atomic_file.hpp"
#include "simulator/engine/events.hpp"

namespace tilewake {

/// Text formats of DRAM simulators, one line per access.
enum class DramTraceFormat {
  kRamulator,  // "LD 0x1c40", "ST 0x1c40": LoadStoreTrace of Ramulator 2, without times
  kDramsys     // "120: read 0x1c40": a trace of DRAMSys (.stl), cycles of the NPU's clock
};

/// Writes the DRAM accesses of a run to a file, as they occur: every access that holds bytes of a
/// request, in order of addresses, at the time at which the DRAM accepts the request.
class DramTraceWriter : public EventSink {
 public:
  static constexpr std::int64_t kMaxAccesses = 100'000'000;  // 1.4 to 2.7 GB

  /// @param access_bytes    of one line: a burst
  /// @param capacity_bytes  addresses wrap around there; 0: never
  DramTraceWriter(const std::string& path, DramTraceFormat format, std::int64_t access_bytes,
                  std::int64_t capacity_bytes, std::int64_t max_accesses = kMaxAccesses);

  void on_event(const Event& /*event*/) override {}
  bool wants_details() const override { return true; }
  /// Throws IoError, and InputError for the first access beyond the limit.
  void on_dram_request(const DramRequest& request) override;

  /// Completes the file. Without this call none remains.
  void commit();
  std::int64_t num_accesses() const { return num_accesses_; }

 private:
  std::string path_;
  DramTraceFormat format_;
  std::int64_t access_bytes_;
  std::int64_t capacity_bytes_;
  std::int64_t max_accesses_;
  std::int64_t num_accesses_ = 0;
  StreamedFile file_;
  std::string buffer_;
};

}  // namespace tilewake
