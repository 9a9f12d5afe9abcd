// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/search_directory.hpp"

#include <filesystem>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "simulator/cli/output_place.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

/// Every file and directory that a search may leave.
constexpr std::string_view kSearchFiles[] = {
    "run.yaml",     "space.yaml",    "model.yaml",        "supergraph.ckpt", "search.ckpt",
    "train.ckpt",   "weights.ckpt",  "architecture.yaml", "model.onnx",      "layers.csv",
    "summary.json", "decisions.log", "metrics.csv",       "steps.csv",       "front.csv",
    "fastest.yaml", "steps",         "timeline.json",     "costs.csv",       "operators.csv"};
constexpr std::string_view kPrefixes[] = {"target-", "events.out.tfevents.", "random-", "supernet",
                                          "evolution-"};

/// How a search's run.yaml begins.
constexpr std::string_view kMark = "# A search of tilewake.";

/// What PreparedFile writes to before it renames: "NAME.tmp-PID-NUMBER".
constexpr std::string_view kTemporary = ".tmp-";

std::string run_yaml_of(const std::string& path) { return path + "/run.yaml"; }

fs::path without_suffix(const fs::path& path) {
  const std::string name = path.filename().string();
  const std::size_t begin = name.rfind(kTemporary);
  if (begin == std::string::npos) return path;
  const std::string_view number = std::string_view(name).substr(begin + kTemporary.size());
  const bool is_ours = number.find_first_not_of("0123456789-") == std::string_view::npos;
  return is_ours ? path.parent_path() / name.substr(0, begin) : path;
}

bool is_left_over(const fs::path& path) { return without_suffix(path) != path; }

/// At once, not while some are removed.
std::vector<fs::path> entries_of(const fs::path& directory) {
  std::vector<fs::path> entries;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    entries.push_back(entry.path());
  }
  return entries;
}

/// "steps", "target-..." and what is below hold nothing but a search's files.
void remove_left_overs(const fs::path& directory) {
  for (const fs::path& entry : entries_of(directory)) {
    if (fs::is_directory(entry)) remove_left_overs(entry);
    if (is_left_over(entry)) fs::remove(entry);
  }
}

bool is_of_a_search(const fs::path& path) {
  const std::string name = path.filename().string();
  for (const std::string_view file : kSearchFiles) {
    if (name == file) return true;
  }
  for (const std::string_view prefix : kPrefixes) {
    if (name.compare(0, prefix.size(), prefix) == 0) return true;
  }
  return false;
}

}  // namespace

void check_search_directory(const std::string& path, bool resume, bool force) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_directory(status)) {
    throw InputError(path + ": exists and is not a directory");
  }
  check_writable(path);
  const bool is_run = fs::exists(run_yaml_of(path), error);
  if (resume && !is_run) throw InputError(path + ": holds no run to resume (no run.yaml)");
  if (resume && read_text_file(run_yaml_of(path)).compare(0, kMark.size(), kMark) != 0) {
    throw InputError(path + ": holds a run of another command, no search to resume");
  }
  if (is_run && !resume && !force) {
    throw InputError(fmt::format(
        "{}: holds a run already (run.yaml); --resume goes on with it, --force replaces it", path));
  }
}

void claim_search_directory(const std::string& path, bool force) {
  const std::string run_yaml = run_yaml_of(path);
  make_directory_of(run_yaml);
  if (!fs::exists(run_yaml)) return;
  try {
    for (const fs::path& entry : entries_of(path)) {
      if (!is_of_a_search(without_suffix(entry))) continue;
      if (is_left_over(entry)) {
        fs::remove(entry);
      } else if (force && entry != run_yaml) {
        fs::remove_all(entry);
      } else if (fs::is_directory(entry)) {
        remove_left_overs(entry);
      }
    }
    // Last, for without it the rest could not be told from files of somebody else.
    if (force) fs::remove(run_yaml);
  } catch (const fs::filesystem_error& e) {
    throw InputError(fmt::format("{}: cannot remove the run that is there: {}: {}", path,
                                 e.path1().string(), e.code().message()));
  }
}

FileBackup::FileBackup(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    if (fs::exists(path)) texts_.emplace_back(path, read_text_file(path));
  }
}

void FileBackup::restore() const {
  for (const auto& [path, text] : texts_) write_file_atomically(path, text);
}

}  // namespace tilewake
