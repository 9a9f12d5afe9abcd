// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace tilewake {

/// A regular file opened for reading. Directories, devices, pipes and sockets are rejected before
/// they are opened, so they cannot block the program.
///
/// All functions throw InputError starting with the path.
class RegularFile {
 public:
  /// Follows symbolic links.
  explicit RegularFile(const std::string& path);
  ~RegularFile();
  RegularFile(RegularFile&& other) noexcept;
  RegularFile(const RegularFile&) = delete;
  RegularFile& operator=(const RegularFile&) = delete;
  RegularFile& operator=(RegularFile&&) = delete;

  const std::string& path() const { return path_; }
  std::size_t size() const { return size_; }  // bytes, at the time of opening

  /// Reads the next `count` bytes. Returns fewer only at the end of the file.
  std::size_t read(void* to, std::size_t count);

  /// Continues at the first byte.
  void rewind();

 private:
  std::string path_;
  std::size_t size_ = 0;
  int fd_ = -1;
};

/// Far above all configuration files.
inline constexpr std::size_t kMaxTextFileBytes = std::size_t{4} << 20;

/// Reads a whole regular file. Files of more than `max_bytes` bytes are rejected by their size,
/// before reading. Throws InputError starting with the path.
std::string read_text_file(const std::string& path, std::size_t max_bytes = kMaxTextFileBytes);

}  // namespace tilewake
