// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/atomic_file.hpp"

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <sstream>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/output_ledger.hpp"

namespace tilewake {
namespace {

constexpr std::string_view kInfix = ".tmp-";

[[noreturn]] void fail(const std::string& path, const std::string& action, int error) {
  throw IoError(fmt::format("{}: cannot {}: {}", path, action, std::strerror(error)));
}

/// Parses and removes a decimal number, as formatted by fmt, from the start of `text`.
std::optional<std::int64_t> take_number(std::string_view& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const auto length = static_cast<std::size_t>(end - text.data());
  const bool has_leading_zero = length > 1 && text[0] == '0';
  if (error != std::errc{} || value < 0 || has_leading_zero) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

/// The process that wrote a temporary file of `target` with this name; none for other files.
std::optional<pid_t> writer_of(std::string_view name, std::string_view target) {
  if (!name.starts_with(target)) return std::nullopt;
  name.remove_prefix(target.size());
  if (!name.starts_with(kInfix)) return std::nullopt;
  name.remove_prefix(kInfix.size());
  const std::optional<std::int64_t> process = take_number(name);
  if (!process || *process < 1 || *process > std::numeric_limits<pid_t>::max()) return std::nullopt;
  if (!name.starts_with('-')) return std::nullopt;
  name.remove_prefix(1);
  if (!take_number(name) || !name.empty()) return std::nullopt;
  return static_cast<pid_t>(*process);
}

/// Seconds since 1970 at which a process began; none if it does not run, or cannot be told.
std::optional<double> start_of(pid_t process) {
  constexpr int kStartField = 19;  // after the name, see proc(5)
  std::ifstream file(fmt::format("/proc/{}/stat", process));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  for (int i = 0; i <= kStartField; ++i) fields >> field;
  std::string_view digits = field;
  const std::optional<std::int64_t> ticks = take_number(digits);
  timespec since_boot{};
  if (!ticks || ::clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return std::nullopt;
  const double age = static_cast<double>(since_boot.tv_sec) -
                     static_cast<double>(*ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return static_cast<double>(std::time(nullptr)) - age;
}

/// Whether `process` is running and has been since the last write to a file: process numbers are
/// reused.
bool can_be_writer(pid_t process, const struct stat& file) {
  constexpr double kClockSlack = 5.0;  // seconds
  if (::kill(process, 0) != 0 && errno == ESRCH) return false;
  const std::optional<double> start = start_of(process);
  return !start || static_cast<double>(file.st_mtime) + kClockSlack >= *start;
}

/// Whether it is a regular file of this user, not locked, and `writer` no longer writes it.
bool is_abandoned(const std::string& path, pid_t writer) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat status {};
  const bool is_abandoned = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                            status.st_uid == ::geteuid() && !can_be_writer(writer, status) &&
                            ::flock(fd, LOCK_EX | LOCK_NB) == 0;
  ::close(fd);
  return is_abandoned;
}

void sync_directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path().string();
  const int fd =
      ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;  // a directory that is writable but not readable
  const int error = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (error != 0 && error != EINVAL && error != ENOTSUP) fail(path, "sync directory", error);
}

}  // namespace

/// A temporary file, removed unless it was renamed to its final name.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& path) : path_(path) {
    static std::atomic<unsigned> counter{0};
    // O_EXCL never opens an existing file.
    do {
      name_ = fmt::format("{}{}{}-{}", path, kInfix, ::getpid(), counter++);
      fd_ = ::open(name_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (fd_ < 0 && errno == EEXIST);
    if (fd_ < 0) fail(path_, "create file", errno);
    static_cast<void>(::flock(fd_, LOCK_EX | LOCK_NB));  // see stale_temporaries_of()
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
    // Some file systems cannot sync; the rename is still atomic for running readers.
    if (::fsync(fd_) != 0 && errno != EINVAL && errno != ENOTSUP) fail(path_, "sync file", errno);
    const int fd = fd_;
    fd_ = -1;
    if (::close(fd) != 0) fail(path_, "write file", errno);
  }

  void rename() {
    if (::rename(name_.c_str(), path_.c_str()) != 0) fail(path_, "replace file", errno);
    name_.clear();
    sync_directory_of(path_);
  }

 private:
  std::string path_;
  std::string name_;
  int fd_ = -1;
};

namespace {

std::unique_ptr<TemporaryFile> open_temporary(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    throw IoError(path + ": exists and is not a regular file");  // a rename would replace a device
  }
  OutputLedger::note(path);
  auto file = std::make_unique<TemporaryFile>(path);
  for (const std::string& stale : stale_temporaries_of(path)) ::unlink(stale.c_str());
  return file;
}

}  // namespace

PreparedFile::PreparedFile(const std::string& path, std::string_view text)
    : file_(open_temporary(path)) {
  file_->write(text);
  file_->close_synced();
}

PreparedFile::~PreparedFile() = default;
PreparedFile::PreparedFile(PreparedFile&&) noexcept = default;

void PreparedFile::commit() { file_->rename(); }

StreamedFile::StreamedFile(const std::string& path) : file_(open_temporary(path)) {}
StreamedFile::~StreamedFile() = default;
StreamedFile::StreamedFile(StreamedFile&&) noexcept = default;

void StreamedFile::write(std::string_view part) { file_->write(part); }

void StreamedFile::commit() {
  file_->close_synced();
  file_->rename();
}

void make_directory_of(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!directory.empty()) std::filesystem::create_directories(directory, error);
  if (error) {
    throw IoError(
        fmt::format("{}: cannot create directory: {}", directory.string(), error.message()));
  }
}

std::vector<std::string> stale_temporaries_of(const std::string& path) {
  const std::filesystem::path target(path);
  const std::string name = target.filename().string();
  const std::filesystem::path directory = target.parent_path();
  std::vector<std::string> stale;
  std::error_code error;
  std::filesystem::directory_iterator it(directory.empty() ? "." : directory, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::optional<pid_t> writer = writer_of(it->path().filename().string(), name);
    if (!writer) continue;
    const std::string file = (directory / it->path().filename()).string();
    if (is_abandoned(file, *writer)) stale.push_back(file);
  }
  return stale;
}

void write_file_atomically(const std::string& path, std::string_view text) {
  PreparedFile(path, text).commit();
}

}  // namespace tilewake
