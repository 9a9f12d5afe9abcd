// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/run_directory.hpp"

#include <algorithm>
#include <cassert>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kRunYaml = "run.yaml";

/// Every file that a run may consist of. A command that adds one to a run adds it here.
constexpr std::string_view kRunFiles[] = {kRunYaml,        "layers.csv", "summary.json",
                                          "timeline.json", "sweep.csv",  "points.jsonl"};

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw InputError(fmt::format("{}: {}", path.string(), what));
}

/// Makes a directory and those above it that are missing; removes what it made unless that is kept.
class NewDirectories {
 public:
  explicit NewDirectories(fs::path path) {
    std::error_code error;
    std::vector<fs::path> missing;
    for (; !path.empty() && !fs::exists(path, error); path = path.parent_path()) {
      missing.push_back(path);
    }
    for (auto it = missing.rbegin(); it != missing.rend(); ++it) {
      if (fs::create_directory(*it, error)) {
        made_.push_back(*it);
      } else if (error) {  // else it exists by now: "a/" is "a" again
        remove();
        fail(*it, "cannot create directory: " + error.message());
      }
    }
  }
  ~NewDirectories() {
    if (!is_kept_) remove();
  }
  NewDirectories(const NewDirectories&) = delete;
  NewDirectories& operator=(const NewDirectories&) = delete;

  void keep() { is_kept_ = true; }

 private:
  void remove() {
    std::error_code error;
    for (; !made_.empty(); made_.pop_back()) fs::remove(made_.back(), error);  // if empty
  }

  std::vector<fs::path> made_;
  bool is_kept_ = false;
};

}  // namespace

RunDirectory::RunDirectory(const std::string& path, bool force) : path_(path) {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (status.type() == fs::file_type::not_found) {
    check_writable(path_);
    return;
  }
  if (status.type() == fs::file_type::none) fail(path_, error.message());
  if (!fs::is_directory(status)) fail(path_, "exists and is not a directory");
  check_writable(path_);
  for (const std::string_view name : kRunFiles) {
    const fs::path file = path_ / name;
    const fs::file_status found = fs::symlink_status(file, error);
    if (found.type() == fs::file_type::not_found) continue;
    if (found.type() == fs::file_type::none) fail(file, error.message());
    if (!fs::is_regular_file(found) && !fs::is_symlink(found)) fail(file, "is in the way");
    if (!force) fail(path_, fmt::format("holds a run already ({}); --force replaces it", name));
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
    if (error) fail(file, "cannot remove: " + error.message());
  }
}

void RunDirectory::write(const std::vector<RunFile>& files, const std::string& run_yaml) const {
  const InterruptDelay delay;
  NewDirectories directories(path_);
  // Everything is on disk before the run that is there goes.
  std::vector<PreparedFile> prepared;
  for (const RunFile& file : files) {
    assert(std::count(std::begin(kRunFiles), std::end(kRunFiles), file.name) == 1);
    prepared.emplace_back((path_ / file.name).string(), file.text);
  }
  prepared.emplace_back((path_ / kRunYaml).string(),
                        run_yaml);  // last: with it the run is complete
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
