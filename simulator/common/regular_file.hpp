// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

namespace tilewake {

/// A regular file that is open for reading. Directories, devices, pipes and sockets are refused
/// before they are opened, so that none of them can block the program.
///
/// Every function throws InputError that begins with the path.
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
  std::size_t size() const { return size_; }  // bytes, when it was opened

  /// Reads the next `count` bytes. Returns fewer only at the end of the file.
  std::size_t read(void* to, std::size_t count);

  /// Continues from the first byte.
  void rewind();

 private:
  std::string path_;
  std::size_t size_ = 0;
  int fd_ = -1;
};

/// No configuration file comes near.
inline constexpr std::size_t kMaxTextFileBytes = std::size_t{4} << 20;

/// Reads a whole regular file. A file of more than `max_bytes` bytes is refused by its size, before
/// anything is read. Throws InputError that begins with the path.
std::string read_text_file(const std::string& path, std::size_t max_bytes = kMaxTextFileBytes);

}  // namespace tilewake
