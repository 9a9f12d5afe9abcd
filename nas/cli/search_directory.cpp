// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/search_directory.hpp"

#include <filesystem>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "simulator/cli/output_place.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

/// Every file and directory that a search may leave.
constexpr std::string_view kSearchFiles[] = {
    "run.yaml",     "space.yaml",    "model.yaml",        "supergraph.ckpt", "search.ckpt",
    "train.ckpt",   "weights.ckpt",  "architecture.yaml", "model.onnx",      "layers.csv",
    "summary.json", "decisions.log", "metrics.csv",       "steps.csv",       "front.csv",
    "fastest.yaml", "steps",         "timeline.json"};
constexpr std::string_view kPrefixes[] = {"target-", "events.out.tfevents.", "random-"};

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

void claim_search_directory(const std::string& path, bool resume, bool force) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_directory(status)) {
    throw InputError(path + ": exists and is not a directory");
  }
  check_writable(path);
  const bool is_run = fs::exists(fs::path(path) / "run.yaml", error);
  if (resume && !is_run) throw InputError(path + ": holds no run to resume (no run.yaml)");
  if (is_run && !resume && !force) {
    throw InputError(fmt::format(
        "{}: holds a run already (run.yaml); --resume goes on with it, --force replaces it", path));
  }
  if (!force || !fs::exists(status)) return;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (is_of_a_search(entry.path())) fs::remove_all(entry.path());
  }
}

}  // namespace tilewake
