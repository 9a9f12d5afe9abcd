// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/atomic_file.hpp"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& action, int error) {
  throw InputError(fmt::format("{}: cannot {}: {}", path, action, std::strerror(error)));
}

}  // namespace

/// A file that is removed again unless it was renamed to its final name.
class PreparedFile::TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& path) : path_(path) {
    static std::atomic<unsigned> counter{0};
    // O_EXCL never opens what somebody put in our way; a stale name of a killed run is passed over.
    do {
      name_ = fmt::format("{}.tmp-{}-{}", path, ::getpid(), counter++);
      fd_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (fd_ < 0 && errno == EEXIST);
    if (fd_ < 0) fail(path_, "create file", errno);
  }
  ~TemporaryFile() {
    if (fd_ >= 0) ::close(fd_);
    if (!name_.empty()) ::unlink(name_.c_str());
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t count = ::write(fd_, text.data(), text.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail(path_, "write file", errno);
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  void close_synced() {
    // Some file systems cannot sync; the rename is still atomic for every running reader.
    if (::fsync(fd_) != 0 && errno != EINVAL && errno != ENOTSUP) fail(path_, "sync file", errno);
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0) fail(path_, "write file", errno);
  }

  void rename() {
    if (::rename(name_.c_str(), path_.c_str()) != 0) fail(path_, "replace file", errno);
    name_.clear();
  }

 private:
  std::string path_;
  std::string name_;
  int fd_ = -1;
};

PreparedFile::PreparedFile(const std::string& path, std::string_view text) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    throw InputError(path +
                     ": exists and is not a regular file");  // a rename would replace a device
  }
  file_ = std::make_unique<TemporaryFile>(path);
  file_->write(text);
  file_->close_synced();
}

PreparedFile::~PreparedFile() = default;
PreparedFile::PreparedFile(PreparedFile&&) noexcept = default;

void PreparedFile::commit() { file_->rename(); }

void make_directory_of(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!directory.empty()) std::filesystem::create_directories(directory, error);
  if (error) {
    throw InputError(
        fmt::format("{}: cannot create directory: {}", directory.string(), error.message()));
  }
}

void write_file_atomically(const std::string& path, std::string_view text) {
  PreparedFile(path, text).commit();
}

}  // namespace tilewake
