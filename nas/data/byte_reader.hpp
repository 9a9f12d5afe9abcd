// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tilewake {

/// The bytes of a regular file from its start, unpacked where it is gzip'ed (told by its first two
/// bytes, not by its name). Memory grows with what was read, never with what a header claims.
///
/// Every function throws InputError naming the file.
class ByteReader {
 public:
  explicit ByteReader(const std::string& path);
  ~ByteReader();
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;

  const std::string& path() const;

  /// The next bytes, exactly `count` of them.
  std::vector<std::uint8_t> read(std::size_t count);

  /// Checks that there are no further bytes: neither data nor something behind a gzip stream.
  void finish();

 private:
  class Stream;
  class PlainStream;
  class GzipStream;
  std::unique_ptr<Stream> stream_;
  std::size_t num_read_ = 0;
};

/// A whole regular file of 1 to `max_bytes` bytes, as it is.
std::vector<std::uint8_t> read_file(const std::string& path, std::size_t max_bytes);

}  // namespace tilewake
