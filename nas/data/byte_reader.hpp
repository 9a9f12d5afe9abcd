// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace tilewake {

/// Reads the bytes of a regular file, decompressed if it is gzip'ed (detected by its first two
/// bytes, not by its name). Memory grows with the bytes read, not with sizes claimed by a header.
///
/// Every function throws InputError naming the file.
class ByteReader {
 public:
  explicit ByteReader(const std::string& path);
  ~ByteReader();
  ByteReader(const ByteReader&) = delete;
  ByteReader& operator=(const ByteReader&) = delete;

  const std::string& path() const;

  /// The next `count` bytes, exactly.
  std::vector<std::uint8_t> read(std::size_t count);

  /// Checks that no bytes follow: neither data nor anything after a gzip stream.
  void finish();

 private:
  class Stream;
  class PlainStream;
  class GzipStream;
  std::unique_ptr<Stream> stream_;
  std::size_t num_read_ = 0;
};

/// The whole content of a regular file of 1 to `max_bytes` bytes.
std::vector<std::uint8_t> read_file(const std::string& path, std::size_t max_bytes);

}  // namespace tilewake
