// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/search_directory.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <iterator>
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

/// The files of a run, and of each of its targets. To add one: a name here.
constexpr std::string_view kFiles[] = {"run.yaml",
                                       "space.yaml",
                                       "model.yaml",
                                       "supergraph.ckpt",
                                       "search.ckpt",
                                       "train.ckpt",
                                       "train-qat.ckpt",
                                       "weights.ckpt",
                                       "teacher.ckpt",
                                       "teacher-weights.ckpt",
                                       "supernet.ckpt",
                                       "supernet-later.ckpt",
                                       "supernet-earlier.ckpt",
                                       "evolution-supernet.json",
                                       "evolution-supernet-later.json",
                                       "evolution-supernet-earlier.json",
                                       "architecture.yaml",
                                       "network.yaml",
                                       "model.onnx",
                                       "layers.csv",
                                       "summary.json",
                                       "decisions.log",
                                       "decisions.csv",
                                       "metrics.csv",
                                       "events.out.tfevents.0000000000.tilewake",
                                       "steps.csv",
                                       "front.csv",
                                       "fastest.yaml",
                                       "costs.csv",
                                       "operators.csv"};
/// In "steps/", without ".json".
constexpr std::string_view kSteps[] = {"design",  "search", "scale",    "fill",       "postprocess",
                                       "teacher", "train",  "evaluate", "correlation"};

/// In "deploy/".
constexpr std::string_view kDeployFiles[] = {"model.onnx",          "model_int8.onnx", "model.pt",
                                             "weights.safetensors", "labels.txt",      "README.md"};

constexpr const char* kRunYaml = "run.yaml";

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
  if (text.size() < suffix.size() || text.substr(text.size() - suffix.size()) != suffix)
    return false;
  text.remove_suffix(suffix.size());
  return true;
}

bool consists_of(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

bool is_one_of(std::string_view text, const std::string_view* first, const std::string_view* last) {
  return std::find(first, last, text) != last;
}

/// "random-3", a network that is trained for comparison.
bool is_random(std::string_view name) {
  return take_prefix(name, "random-") && name.size() < 8 && consists_of(name, "0123456789");
}

/// "train-2", "weights-1": of a winner that is trained several times.
bool is_training(std::string_view name) {
  return (take_prefix(name, "train-") || take_prefix(name, "weights-")) && name.size() < 4 &&
         consists_of(name, "0123456789");
}

/// "target-0.15ms", "target-0.02mJ": see targets_of().
bool is_target(std::string_view name) {
  return take_prefix(name, "target-") && (take_suffix(name, "ms") || take_suffix(name, "mJ")) &&
         name.size() < 32 && consists_of(name, "0123456789.e+-");
}

/// Below "steps/".
bool is_step_file(std::string_view name) {
  const bool is_checkpoint = take_suffix(name, ".ckpt");  // while a network is trained to rank it
  if (!take_suffix(name, ".json")) return false;
  std::string_view hash = name;
  const bool is_rank =
      take_prefix(hash, "rank-") && hash.size() == 16 && consists_of(hash, "0123456789abcdef");
  if (is_checkpoint) return is_rank;
  return is_rank || is_random(name) || is_one_of(name, std::begin(kSteps), std::end(kSteps));
}

bool is_directory(std::string_view name) {
  const std::size_t slash = name.find('/');
  const auto is_inner = [](std::string_view inner) {
    return inner == "steps" || inner == "deploy";
  };
  if (slash == std::string_view::npos) return is_inner(name) || is_target(name);
  return is_target(name.substr(0, slash)) && is_inner(name.substr(slash + 1));
}

bool is_search_file(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash != std::string_view::npos && is_target(name.substr(0, slash)))
    name.remove_prefix(slash + 1);
  if (take_prefix(name, "steps/")) return is_step_file(name);
  if (take_prefix(name, "deploy/"))
    return is_one_of(name, std::begin(kDeployFiles), std::end(kDeployFiles));
  if (is_one_of(name, std::begin(kFiles), std::end(kFiles))) return true;
  return take_suffix(name, ".ckpt") && (is_random(name) || is_training(name));
}

/// The record that replaces a checkpoint once its network is trained; empty if it has none.
std::string record_of(const std::string& checkpoint) {
  std::string_view name = checkpoint;
  if (!take_suffix(name, ".ckpt")) return "";
  if (take_suffix(name, ".json")) return std::string(name) + ".json";
  const std::size_t slash = name.rfind('/');
  const std::size_t begin = slash == std::string_view::npos ? 0 : slash + 1;
  if (!is_random(name.substr(begin))) return "";
  return fmt::format("{}steps/{}.json", name.substr(0, begin), name.substr(begin));
}

}  // namespace

RunManifest flat_manifest(const std::string& directory, bool (*is_file)(std::string_view name)) {
  return RunManifest(directory, {is_file, [](std::string_view) { return false; }});
}

void check_run_mark(const std::string& directory, std::string_view mark) {
  const std::string text = read_text_file(directory + "/" + kRunYaml);
  if (text.compare(0, mark.size(), mark) != 0)
    throw InputError(directory + ": holds a run of another command");
}

RunManifest search_manifest(const std::string& directory) {
  return RunManifest(directory, {is_search_file, is_directory});
}

void check_search_directory(const std::string& path, bool resume, bool force,
                            std::string_view mark) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_directory(status)) {
    throw InputError(path + ": exists and is not a directory");
  }
  check_writable(path);
  const bool is_run = fs::exists(fs::symlink_status(path + "/" + kRunYaml, error));
  if (resume && !is_run) throw InputError(path + ": holds no run to resume (no run.yaml)");
  if (is_run) check_run_mark(path, mark);
  if (is_run && !resume && !force) {
    throw InputError(fmt::format(
        "{}: holds a run already (run.yaml); --resume continues it, --force replaces it", path));
  }
  const RunManifest manifest = search_manifest(path);
  if (is_run && !manifest.exists()) {
    throw InputError(fmt::format(
        "{}: holds a run of an earlier version (no {}); use another --out, or remove it by hand",
        path, RunManifest::kFileName));
  }
  manifest.check(force ? RunManifest::Others::kRefused : RunManifest::Others::kKept);
}

RunManifest claim_search_directory(const std::string& path, bool force) {
  RunManifest manifest = search_manifest(path);
  if (!manifest.exists()) return manifest;
  if (force) {
    manifest.remove_run(kRunYaml);
    return manifest;
  }
  manifest.remove_temporary_files();
  for (const std::string& name : manifest.listed()) {
    const std::string record = record_of(name);
    if (!record.empty() && fs::exists(path + "/" + record)) manifest.remove(name);
  }
  manifest.repair();
  return manifest;
}

RunManifest claim_runs_directory(const std::string& directory, bool resume, std::string_view mark,
                                 std::string_view noun, bool (*is_file)(std::string_view name)) {
  check_writable(directory);
  const bool is_there = fs::exists(directory + "/" + kRunYaml);
  if (is_there) check_run_mark(directory, mark);
  if (is_there && !resume) {
    throw InputError(
        fmt::format("{}: holds a {} already (run.yaml); --resume continues it", directory, noun));
  }
  if (!is_there && resume)
    throw InputError(fmt::format("{}: holds no {} to resume (no run.yaml)", directory, noun));
  RunManifest manifest = flat_manifest(directory, is_file);
  if (is_there && !manifest.exists()) {
    throw InputError(fmt::format("{}: holds a {} of an earlier version (no {}); use another --out",
                                 directory, noun, RunManifest::kFileName));
  }
  manifest.check(RunManifest::Others::kKept);
  manifest.remove_temporary_files();
  manifest.repair();
  return manifest;
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
