// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/run_manifest.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHead = "# tilewake-manifest v1: the files that the tool wrote here\n";
constexpr std::size_t kMaxManifestBytes = std::size_t{16} << 20;

[[noreturn]] void refuse(const fs::path& path, const std::string& what) {
  throw InputError(fmt::format("{}: {}", path.string(), what));
}

[[noreturn]] void fail_io(const fs::path& path, const std::string& what) {
  throw IoError(fmt::format("{}: {}", path.string(), what));
}

/// Does not follow a symbolic link.
fs::file_type type_of(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::none) fail_io(path, error.message());
  return status.type();
}

void remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    fail_io(path, std::string("cannot remove file: ") + std::strerror(errno));
  }
}

}  // namespace

RunManifest::RunManifest(const fs::path& directory, Names names)
    : directory_(directory), names_(names) {
  const fs::path path = path_of(std::string(kFileName));
  std::error_code error;
  if (!fs::is_directory(directory_, error)) return;
  const fs::file_type type = type_of(path);
  if (type == fs::file_type::not_found) return;
  if (type != fs::file_type::regular) refuse(path, "is not a regular file");
  exists_ = read();
}

bool RunManifest::read() {
  const std::string path = path_of(std::string(kFileName)).string();
  const std::string text = read_text_file(path, kMaxManifestBytes);
  // A process that was killed while writing leaves an incomplete last line; its file does not
  // exist.
  if (text.size() < kHead.size() && kHead.substr(0, text.size()) == text) return false;
  if (text.compare(0, kHead.size(), kHead) != 0) {
    throw InputError(path + ":1: is not a manifest of a run");
  }
  int line = 2;
  for (std::size_t begin = kHead.size(); begin < text.size(); ++line) {
    const std::size_t end = text.find('\n', begin);
    is_cut_off_ = end == std::string::npos;
    if (is_cut_off_) break;
    const std::string name = text.substr(begin, end - begin);
    if (!names_.is_file(name)) {
      throw InputError(
          fmt::format("{}:{}: '{}' is not a file name of such a run", path, line, printable(name)));
    }
    listed_.insert(name);
    begin = end + 1;
  }
  return true;
}

bool RunManifest::is_stale_temporary(const std::string& name) const {
  const std::size_t begin = name.rfind(".tmp-");
  if (begin == std::string::npos) return false;
  const std::string target = name.substr(0, begin);
  if (!lists(target) && target != kFileName) return false;
  const std::vector<std::string> stale = stale_temporaries_of(path_of(target).string());
  return std::any_of(stale.begin(), stale.end(), [&](const std::string& path) {
    return fs::path(path).filename() == path_of(name).filename();
  });
}

void RunManifest::examine(const std::string& parent, Others others, Paths& temporaries) const {
  std::error_code error;
  for (fs::directory_iterator it(path_of(parent), error), end; !error && it != end;
       it.increment(error)) {
    const std::string leaf = it->path().filename().string();
    const std::string name = (fs::path(parent) / leaf).string();
    if (name == kFileName) continue;
    const fs::file_type type = type_of(it->path());
    if (names_.is_directory(name)) {
      if (type != fs::file_type::directory) refuse(it->path(), "is not a directory");
      examine(name, others, temporaries);
    } else if (names_.is_file(name)) {
      if (type != fs::file_type::regular) refuse(it->path(), "is not a regular file");
      if (!lists(name)) refuse(it->path(), "was not written by this run; it would be replaced");
    } else {
      if (is_stale_temporary(name)) {
        temporaries.push_back(it->path());
      } else if (others == Others::kRefused) {
        refuse(it->path(), "was not written by this run; move it elsewhere");
      }
    }
  }
  if (error) fail_io(path_of(parent), "cannot read directory: " + error.message());
}

RunManifest::Paths RunManifest::examine(Others others) const {
  Paths temporaries;
  std::error_code error;
  if (fs::is_directory(directory_, error)) examine("", others, temporaries);
  return temporaries;
}

void RunManifest::check(Others others) const { static_cast<void>(examine(others)); }

void RunManifest::remove_temporary_files() const {
  for (const fs::path& path : examine(Others::kKept)) remove_file(path);
}

void RunManifest::remove(const std::string& name) const {
  if (lists(name)) remove_file(path_of(name));
}

void RunManifest::remove_run(const std::string& last) {
  remove_temporary_files();
  std::set<std::string> directories;
  for (const std::string& name : listed_) {
    for (std::size_t slash = name.find('/'); slash != std::string::npos;
         slash = name.find('/', slash + 1)) {
      directories.insert(name.substr(0, slash));
    }
    if (name != last) remove_file(path_of(name));
  }
  // Subdirectories first: their names sort after those of their parents.
  for (auto it = directories.rbegin(); it != directories.rend(); ++it) {
    ::rmdir(path_of(*it).c_str());  // fails, as intended, if it is not empty
  }
  if (lists(last)) remove_file(path_of(last));
  remove_file(path_of(std::string(kFileName)));
  listed_.clear();
  exists_ = false;
}

void RunManifest::append(const std::string& line, int flags) const {
  const fs::path path = path_of(std::string(kFileName));
  const int fd = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
  if (fd < 0) fail_io(path, std::string("cannot write file: ") + std::strerror(errno));
  const int error = write_all(fd, line);
  ::close(fd);
  if (error != 0) fail_io(path, std::string("cannot write file: ") + std::strerror(error));
}

void RunManifest::add(const std::string& path) {
  const std::string name = fs::path(path)
                               .lexically_normal()
                               .lexically_relative(directory_.lexically_normal() / "")
                               .string();
  if (name.empty() || name == kFileName || name.compare(0, 2, "..") == 0 || lists(name)) return;
  const std::size_t slash = name.rfind('/');
  if (slash != std::string::npos && !names_.is_directory(name.substr(0, slash))) return;
  if (!names_.is_file(name)) throw std::logic_error(path + ": no manifest may list this file");
  const fs::path file = path_of(name);
  if (type_of(file) != fs::file_type::not_found) {
    refuse(file, "was not written by this run; it would be replaced");
  }
  if (!exists_) {
    make_directory_of(path_of(std::string(kFileName)).string());
    append(std::string(kHead), O_CREAT | O_TRUNC);  // an existing one has an incomplete head
    exists_ = true;
  }
  append(name + "\n", 0);
  listed_.insert(name);
}

void RunManifest::repair() {
  if (is_cut_off_) tidy();
}

void RunManifest::tidy() {
  std::string text(kHead);
  for (auto it = listed_.begin(); it != listed_.end();) {
    const bool is_there = type_of(path_of(*it)) != fs::file_type::not_found;
    if (is_there) text += *it + "\n";
    it = is_there ? std::next(it) : listed_.erase(it);
  }
  write_file_atomically(path_of(std::string(kFileName)).string(), text);
  is_cut_off_ = false;
}

}  // namespace tilewake
