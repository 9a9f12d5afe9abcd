// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/shard_directory.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "simulator/cli/units.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/json_document.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "tilewake shards v1";
constexpr const char* kRecord = "shards.json";
constexpr std::string_view kJournalEnd = ".jsonl";

std::optional<std::int64_t> integer_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// The number in an environment variable, if it is set.
std::optional<std::int64_t> variable(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return std::nullopt;
  const std::optional<std::int64_t> value = integer_of(text);
  if (!value) {
    throw UsageError(fmt::format("--shard auto: {} is '{}', not a number", name, printable(text)));
  }
  return value;
}

Shard checked_shard(std::int64_t number, std::int64_t count, const std::string& source) {
  if (count < 1 || count > Shard::kMaxCount || number < 1 || number > count) {
    throw UsageError(fmt::format("--shard: {} is not I/N with I from 1 to N and N at most {}",
                                 source, Shard::kMaxCount));
  }
  return {number - 1, count};
}

/// Rank and number of processes by the variables of one launcher.
struct Launcher {
  const char* rank;
  const char* size;
};
// Slurm's srun, Open MPI's mpirun, torchrun.
constexpr std::array<Launcher, 3> kLaunchers = {{{"SLURM_PROCID", "SLURM_NTASKS"},
                                                 {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"},
                                                 {"RANK", "WORLD_SIZE"}}};

Shard shard_of_environment() {
  if (const auto task = variable("SLURM_ARRAY_TASK_ID")) {
    const auto first = variable("SLURM_ARRAY_TASK_MIN");
    const auto count = variable("SLURM_ARRAY_TASK_COUNT");
    const std::int64_t step = variable("SLURM_ARRAY_TASK_STEP").value_or(1);
    if (!first || !count || step < 1 || *task < *first || (*task - *first) % step != 0) {
      throw UsageError(
          "--shard auto: SLURM_ARRAY_TASK_ID is set, but not MIN and COUNT of the same array; give "
          "I/N");
    }
    return checked_shard((*task - *first) / step + 1, *count, "the array task of Slurm");
  }
  for (const Launcher& launcher : kLaunchers) {
    const auto rank = variable(launcher.rank);
    const auto size = variable(launcher.size);
    if (rank && size && *rank < *size) return checked_shard(*rank + 1, *size, launcher.rank);
  }
  throw UsageError(
      "--shard auto: neither an array task of Slurm nor a rank of srun, mpirun or torchrun; give "
      "I/N");
}

/// Options that say how a run is done and not what it gives, and whether a value follows.
constexpr std::array<std::pair<std::string_view, bool>, 8> kPrivateOptions = {{{"--shard", true},
                                                                               {"--jobs", true},
                                                                               {"--out", true},
                                                                               {"--format", true},
                                                                               {"--verbose", false},
                                                                               {"-v", false},
                                                                               {"--quiet", false},
                                                                               {"-q", false}}};

/// Number of words of the option that begins at `index`, if it is private; otherwise 0.
std::size_t private_words(const Arguments& arguments, std::size_t index) {
  const std::string& word = arguments[index];
  for (const auto& [name, has_value] : kPrivateOptions) {
    if (word == name) return has_value && index + 1 < arguments.size() ? 2 : 1;
    if (has_value && word.starts_with(fmt::format("{}=", name))) return 1;
  }
  return 0;
}

/// The shard of the file name "3-of-8.jsonl".
std::optional<Shard> shard_of_name(const std::string& name) {
  constexpr std::string_view kOf = "-of-";
  const std::size_t of = name.find(kOf);
  if (of == std::string::npos || !name.ends_with(kJournalEnd)) return std::nullopt;
  const std::string_view text = name;
  const std::size_t end = name.size() - kJournalEnd.size();
  const std::size_t begin = of + kOf.size();
  if (end < begin) return std::nullopt;
  const auto number = integer_of(text.substr(0, of));
  const auto count = integer_of(text.substr(begin, end - begin));
  if (!number || !count || *number < 1 || *number > *count || *count > Shard::kMaxCount) {
    return std::nullopt;
  }
  return Shard{*number - 1, *count};
}

std::string text_of(const ShardedRun& run) {
  Json json;
  json["format"] = kFormat;
  json["count"] = run.count;
  json["command"] = run.command;
  json["arguments"] = run.arguments;
  return json_text(json);
}

}  // namespace

Shard parse_shard(const std::string& text) {
  if (text == "auto") return shard_of_environment();
  const std::size_t slash = text.find('/');
  const auto number = integer_of(std::string_view(text).substr(0, slash));
  const auto count = slash == std::string::npos
                         ? std::nullopt
                         : integer_of(std::string_view(text).substr(slash + 1));
  return checked_shard(number.value_or(0), count.value_or(0), fmt::format("'{}'", printable(text)));
}

void check_shard_options(const std::string& shard, const std::string& out, bool replaces) {
  if (shard.empty()) return;
  if (out.empty()) throw UsageError("--shard needs --out DIR, the same for all shards");
  if (replaces) {
    throw UsageError("--shard excludes --resume and --force: a shard continues its own points");
  }
}

std::string shard_is_done(const Shard& shard, std::int64_t num_points, const std::string& out) {
  return fmt::format("shard {} of {} is done, {} points; 'tilewake merge {}' joins the shards",
                     shard.index + 1, shard.count, with_separators(num_points), out);
}

ShardedRun sharded_run(const std::string& command, const Arguments& arguments, const Shard& shard) {
  ShardedRun run = {command, {}, shard.count};
  for (std::size_t i = 0; i < arguments.size();) {
    const std::size_t skipped = private_words(arguments, i);
    if (skipped == 0) run.arguments.push_back(arguments[i]);
    i += std::max<std::size_t>(skipped, 1);
  }
  return run;
}

ShardDirectory::ShardDirectory(const std::string& out)
    : path_((fs::path(out) / "shards").string()) {}

std::string ShardDirectory::record() const { return (fs::path(path_) / kRecord).string(); }

bool ShardDirectory::exists() const {
  std::error_code error;
  return fs::exists(record(), error);
}

void ShardDirectory::claim(const ShardedRun& run) const {
  if (exists()) {
    if (text_of(read()) == text_of(run)) return;
    throw InputError(
        fmt::format("{}: holds shards of another command, or of another number; use another --out, "
                    "or remove it",
                    path_));
  }
  if (const std::vector<std::string> others = journals(); !others.empty()) {
    throw InputError(fmt::format("{}: would be used by a shard, but there is no {} beside it",
                                 others.front(), kRecord));
  }
  make_directory_of(record());
  write_file_atomically(record(), text_of(run));
}

ShardedRun ShardDirectory::read() const {
  if (!exists()) throw InputError(fmt::format("{}: there are no shards (no file)", record()));
  const nlohmann::json json = read_json_file(record());
  const auto fail = [this]() -> InputError {
    return InputError(fmt::format("{}: is not the record of shards of this version", record()));
  };
  ShardedRun run;
  try {
    if (json.at("format") != kFormat) throw fail();
    run.command = json.at("command").get<std::string>();
    run.arguments = json.at("arguments").get<Arguments>();
    run.count = json.at("count").get<std::int64_t>();
  } catch (const Json::exception&) {
    throw fail();
  }
  const bool has_private = [&] {
    for (std::size_t i = 0; i < run.arguments.size(); ++i) {
      if (private_words(run.arguments, i) > 0) return true;
    }
    return false;
  }();
  if (has_private || run.count < 1 || run.count > Shard::kMaxCount ||
      (run.command != "simulate" && run.command != "explore")) {
    throw fail();
  }
  return run;
}

std::string ShardDirectory::journal_of(const Shard& shard) const {
  return (fs::path(path_) / fmt::format("{}-of-{}{}", shard.index + 1, shard.count, kJournalEnd))
      .string();
}

std::vector<std::string> ShardDirectory::journals() const {
  std::vector<std::pair<std::int64_t, std::string>> found;
  std::error_code error;
  fs::directory_iterator it(path_, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    const std::optional<Shard> shard = shard_of_name(it->path().filename().string());
    std::error_code ignored;
    if (shard && fs::is_regular_file(it->symlink_status(ignored)))
      found.emplace_back(shard->index, it->path().string());
  }
  std::sort(found.begin(), found.end());
  std::vector<std::string> paths;
  for (auto& [index, path] : found) paths.push_back(std::move(path));
  return paths;
}

void ShardDirectory::remove() const {
  std::vector<std::string> files = journals();
  files.push_back(record());  // last: without it the rest would be other files
  for (const std::string& file : files) {
    for (const std::string& temporary : stale_temporaries_of(file)) {
      std::error_code ignored;
      fs::remove(temporary, ignored);
    }
    std::error_code error;
    fs::remove(file, error);
    if (error) throw IoError(fmt::format("{}: cannot remove: {}", file, error.message()));
  }
  std::error_code ignored;  // other files may be there
  fs::remove(path_, ignored);
}

}  // namespace tilewake
