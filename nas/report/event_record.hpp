// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

/// CRC-32C (Castagnoli). Source: RFC 3720, section 12.1 and appendix B.4.
std::uint32_t crc32c(std::string_view bytes);

/// One value of a TensorBoard curve: a curve has all values of one tag.
struct EventScalar {
  std::string tag;
  double value = 0.0;  // single precision in the file
};

/// A record of a TensorBoard event file: length, payload and both checksums; the payload is a
/// protobuf message `Event`. Sources: tensorflow/core/lib/io/record_writer.h (framing),
/// tensorflow/core/util/event.proto and framework/summary.proto (field numbers).
///   @param wall_time  seconds since 1970
std::string event_record(double wall_time, std::int64_t step,
                         const std::vector<EventScalar>& scalars);

/// The first record of every event file: `file_version: "brain.Event:2"`.
std::string event_version_record(double wall_time);

/// End positions of the records of `file`, ascending, without 0. A truncated last record is
/// ignored. Throws InputError starting with `name` if a checksum is wrong.
std::vector<std::size_t> event_record_ends(std::string_view file, const std::string& name);

}  // namespace tilewake
