// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/run_directory.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <fcntl.h>
#include <set>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRunYaml = "run.yaml";
constexpr std::string_view kJournal = "points.jsonl";

/// Every file that a run may consist of. To add one: a name here.
constexpr std::string_view kRunFiles[] = {kRunYaml,        "layers.csv",   "summary.json",
                                          "timeline.json", "sweep.csv",    kJournal,
                                          "explore.csv",   "explain.json", "changes.csv"};

/// First line of the run.yaml of a run.
constexpr std::string_view kRunMark = "# A run of tilewake.";
/// Start of each line in the journal of a sweep.
constexpr std::string_view kJournalMark = "{\"build\":";

bool is_run_file(const std::string& name) {
  return std::find(std::begin(kRunFiles), std::end(kRunFiles), name) != std::end(kRunFiles);
}

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw InputError(fmt::format("{}: {}", path.string(), what));
}

[[noreturn]] void fail_as_system(const fs::path& path, const std::string& what) {
  throw IoError(fmt::format("{}: {}", path.string(), what));
}

/// Sorted, so that an error names the same file on every file system.
std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  std::error_code error;
  fs::directory_iterator it(directory, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    names.insert(it->path().filename().string());
  }
  if (error) fail_as_system(directory, error.message());
  return names;
}

/// The first bytes of a regular file; empty where there is none.
std::string begin_of(const fs::path& path, std::size_t max_bytes) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return "";
  std::string text(max_bytes, '\0');
  struct stat status {};
  const bool is_file = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
  const ssize_t count = is_file ? ::read(fd, text.data(), text.size()) : 0;
  ::close(fd);
  text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return text;
}

/// The names in the line "files: [layers.csv, summary.json]" of a run.yaml.
std::set<std::string> files_listed_in(const std::string& run_yaml) {
  constexpr std::string_view kBegin = "\nfiles: [";
  std::set<std::string> names;
  std::size_t begin = run_yaml.find(kBegin);
  if (begin == std::string::npos) return names;
  begin += kBegin.size();
  const std::size_t end = run_yaml.find(']', begin);
  while (begin < end && end != std::string::npos) {
    const std::size_t comma = std::min(run_yaml.find(',', begin), end);
    names.insert(run_yaml.substr(begin, comma - begin));
    begin = run_yaml.find_first_not_of(", ", comma);
  }
  return names;
}

/// The files of a directory that belong to a run.
class OwnFiles {
 public:
  explicit OwnFiles(const fs::path& directory) : directory_(directory) {
    constexpr std::size_t kMaxHeadBytes = 4 << 20;  // it includes the command line
    const std::string run_yaml = begin_of(directory / kRunYaml, kMaxHeadBytes);
    if (run_yaml.starts_with(kRunMark)) {
      listed_ = files_listed_in(run_yaml);
      listed_.insert(std::string(kRunYaml));
    }
    for (const std::string_view name : kRunFiles) {
      for (const std::string& path : stale_temporaries_of((directory / name).string())) {
        temporaries_.insert(fs::path(path).filename().string());
        if (name == kRunYaml) is_interrupted_ = true;
      }
    }
  }

  /// A run was killed while its files were written.
  bool is_interrupted() const { return is_interrupted_; }

  bool contains(const std::string& name) const {
    if (temporaries_.contains(name)) return true;
    std::error_code error;
    const fs::path path = directory_ / name;
    if (!is_run_file(name) || !fs::is_regular_file(fs::symlink_status(path, error))) return false;
    return is_interrupted_ || listed_.contains(name) || is_journal(path);
  }

 private:
  static bool is_journal(const fs::path& path) {
    if (path.filename() != kJournal) return false;
    const std::string begin = begin_of(path, kJournalMark.size());
    return begin == kJournalMark.substr(0, begin.size());  // the first line may be cut off
  }

  fs::path directory_;
  std::set<std::string> listed_;
  std::set<std::string> temporaries_;
  bool is_interrupted_ = false;
};

}  // namespace

RunDirectory::RunDirectory(const std::string& path, Existing existing) : path_(path) {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (status.type() == fs::file_type::not_found) {
    check_writable(path_);
    return;
  }
  if (status.type() == fs::file_type::none) fail_as_system(path_, error.message());
  if (!fs::is_directory(status)) fail(path_, "exists and is not a directory");
  check_writable(path_);
  check_owner_of_run_files();
  const OwnFiles own(path_);
  const std::set<std::string> names = names_in(path_);
  if (existing == Existing::kRefuse && !own.is_interrupted()) {
    for (const std::string_view name : kRunFiles) {
      if (!names.contains(std::string(name))) continue;
      fail(path_, fmt::format("holds a run already ({}); --force replaces it", name));
    }
  }
  for (const std::string& name : names) {
    if (existing == Existing::kReplace && !own.contains(name)) {
      fail(path_ / name, "is not a file of a run; --force replaces a directory of run files only");
    }
  }
}

void RunDirectory::check_other_output(const std::string& directory, const std::string& file) {
  const std::string parent = fs::path(file).parent_path().string();
  const bool is_inside = is_same_place(parent.empty() ? "." : parent, directory);
  if (is_same_place(file, directory) ||
      (is_inside && is_run_file(fs::path(file).filename().string()))) {
    fail(file, "is written by --out already; use another name");
  }
}

void RunDirectory::check_owner_of_run_files() const {
  const OwnFiles own(path_);
  for (const std::string_view name : kRunFiles) {
    std::error_code error;
    const bool is_there =
        fs::symlink_status(path_ / name, error).type() != fs::file_type::not_found;
    if (is_there && !own.contains(std::string(name))) {
      fail(path_ / name, "would be replaced, but is not a file of a run");
    }
  }
}

void RunDirectory::remove_run(const std::vector<RunFile>& but) const {
  for (const std::string_view name : kRunFiles) {
    if (std::any_of(but.begin(), but.end(), [&](const RunFile& f) { return f.name == name; })) {
      continue;  // is replaced in one step
    }
    const fs::path file = path_ / name;
    std::error_code error;
    fs::remove(file, error);
    if (error) fail_as_system(file, "cannot remove: " + error.message());
  }
}

void RunDirectory::write(const std::vector<RunFile>& files, const std::string& run_yaml) const {
  const InterruptDelay delay;
  check_owner_of_run_files();  // the user may have written files meanwhile
  NewDirectories directories(path_);
  // Everything is on disk before the old run is removed.
  std::vector<PreparedFile> prepared;
  for (const RunFile& file : files) {
    assert(std::count(std::begin(kRunFiles), std::end(kRunFiles), file.name) == 1);
    prepared.emplace_back((path_ / file.name).string(), file.text);
  }
  prepared.emplace_back((path_ / kRunYaml).string(),
                        run_yaml);  // last: marks the run as complete
  try {
    remove_run(files);
    for (PreparedFile& file : prepared) file.commit();
  } catch (...) {
    remove_run();
    throw;
  }
  directories.keep();
}

}  // namespace tilewake
