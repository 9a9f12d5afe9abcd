// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/regular_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kStepBytes = std::size_t{1} << 16;

[[noreturn]] void fail(const std::string& path, const std::string& action) {
  throw IoError(fmt::format("{}: cannot {} file: {}", path, action, std::strerror(errno)));
}

void check_regular(const std::string& path, const struct stat& status) {
  if (S_ISDIR(status.st_mode)) {
    struct stat graph {};
    const bool is_saved_model = ::stat((path + "/saved_model.pb").c_str(), &graph) == 0;
    throw InputError(path + (is_saved_model
                                 ? ": is a directory with a TensorFlow SavedModel: convert it to "
                                   ".tflite, or with tf2onnx to .onnx"
                                 : ": is a directory, expected a file"));
  }
  if (!S_ISREG(status.st_mode)) throw InputError(path + ": is not a regular file");
}

[[noreturn]] void fail_too_large(const std::string& path, std::size_t max_bytes) {
  throw InputError(fmt::format("{}: larger than {} bytes", path, max_bytes));
}

}  // namespace

RegularFile::RegularFile(const std::string& path) : path_(path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) fail(path, "open");
  check_regular(path, status);  // opening a device can change its state
  // O_NONBLOCK: the path may be a pipe meanwhile.
  fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd_ < 0) fail(path, "open");
  try {
    if (::fstat(fd_, &status) != 0) fail(path, "open");
    check_regular(path, status);
  } catch (...) {
    ::close(fd_);
    throw;
  }
  size_ = static_cast<std::size_t>(status.st_size);
}

RegularFile::~RegularFile() {
  if (fd_ >= 0) ::close(fd_);
}

RegularFile::RegularFile(RegularFile&& other) noexcept
    : path_(std::move(other.path_)), size_(other.size_), fd_(std::exchange(other.fd_, -1)) {}

std::size_t RegularFile::read(void* to, std::size_t count) {
  std::size_t num_read = 0;
  while (num_read < count) {
    const ssize_t step = ::read(fd_, static_cast<char*>(to) + num_read, count - num_read);
    if (step < 0 && errno == EINTR) continue;
    if (step < 0) fail(path_, "read");
    if (step == 0) break;
    num_read += static_cast<std::size_t>(step);
  }
  return num_read;
}

void RegularFile::rewind() {
  if (::lseek(fd_, 0, SEEK_SET) < 0) fail(path_, "read");
}

std::string read_text_file(const std::string& path, std::size_t max_bytes) {
  RegularFile file(path);
  if (file.size() > max_bytes) fail_too_large(path, max_bytes);
  std::string text;
  // One more byte, so that a file of the expected size ends in the first round.
  std::size_t step = file.size() + 1;
  while (true) {
    const std::size_t old_size = text.size();
    text.resize(old_size + step);
    const std::size_t count = file.read(text.data() + old_size, step);
    text.resize(old_size + count);
    if (text.size() > max_bytes)
      fail_too_large(path, max_bytes);  // the file has grown, or has no size (/proc)
    if (count < step) return text;
    step = kStepBytes;
  }
}

}  // namespace tilewake
