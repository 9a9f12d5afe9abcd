// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/dram_trace.hpp"

#include <cstddef>
#include <iterator>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16;

}  // namespace

DramTraceWriter::DramTraceWriter(const std::string& path, DramTraceFormat format,
                                 std::int64_t access_bytes, std::int64_t capacity_bytes,
                                 std::int64_t max_accesses)
    : path_(path),
      format_(format),
      access_bytes_(access_bytes),
      capacity_bytes_(capacity_bytes),
      max_accesses_(max_accesses),
      file_(path) {}

void DramTraceWriter::on_dram_request(const DramRequest& request) {
  const std::int64_t begin = request.address / access_bytes_;
  const std::int64_t end = ceil_div(request.address + request.bytes, access_bytes_);
  if (end - begin > max_accesses_ - num_accesses_) {
    throw InputError(
        fmt::format("{}: the trace would have more than {} accesses", path_, max_accesses_));
  }
  num_accesses_ += end - begin;
  for (std::int64_t i = begin; i < end; ++i) {
    std::int64_t address = i * access_bytes_;
    if (capacity_bytes_ > 0) address %= capacity_bytes_;
    const auto out = std::back_inserter(buffer_);
    if (format_ == DramTraceFormat::kRamulator) {
      fmt::format_to(out, "{} 0x{:x}\n", request.write ? "ST" : "LD", address);
    } else {
      fmt::format_to(out, "{}: {} 0x{:x}\n", request.cycle, request.write ? "write" : "read",
                     address);
    }
    if (buffer_.size() < kBufferBytes) continue;
    file_.write(buffer_);
    buffer_.clear();
  }
}

void DramTraceWriter::commit() {
  file_.write(buffer_);
  buffer_.clear();
  file_.commit();
}

}  // namespace tilewake
