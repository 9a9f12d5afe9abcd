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

/// One value that TensorBoard draws: a curve is all values of one tag.
struct EventScalar {
  std::string tag;
  double value = 0.0;  // single precision in the file
};

/// A record of a TensorBoard event file: length, payload and both their checksums, the payload a
/// protobuf message `Event`. Sources: tensorflow/core/lib/io/record_writer.h (framing),
/// tensorflow/core/util/event.proto and framework/summary.proto (field numbers).
///   @param wall_time  seconds since 1970
std::string event_record(double wall_time, std::int64_t step,
                         const std::vector<EventScalar>& scalars);

/// The record that every event file begins with: `file_version: "brain.Event:2"`.
std::string event_version_record(double wall_time);

/// Where the records of `file` end, the first of them included: ascending, 0 not among them. A
/// record that is cut off at the end of the file is none. Throws InputError beginning with `name`
/// where a checksum is wrong.
std::vector<std::size_t> event_record_ends(std::string_view file, const std::string& name);

}  // namespace tilewake
