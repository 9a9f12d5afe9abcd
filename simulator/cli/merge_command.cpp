// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/api/own_files.hpp"
#include "simulator/cli/command.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/shard_directory.hpp"
#include "simulator/cli/sweep_journal.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxNamed = 5;

/// Throws InputError if a shard has not ended.
void check_finished(const ShardDirectory& directory, const std::string& out,
                    const ShardedRun& run) {
  std::vector<std::string> missing;
  std::size_t num_missing = 0;
  for (std::int64_t i = 0; i < run.count; ++i) {
    const Shard shard = {i, run.count};
    const std::string path = directory.journal_of(shard);
    if (std::filesystem::is_regular_file(path) &&
        SweepJournal(path, build_id(), /*resume=*/true).is_finished()) {
      continue;
    }
    if (++num_missing <= kMaxNamed) missing.push_back(fmt::format("{}/{}", i + 1, run.count));
  }
  if (num_missing == 0) return;
  throw InputError(
      fmt::format("{}: {} of {} shards have not ended, or are of another build of the tool: {}{}; "
                  "run 'tilewake "
                  "{} ... --shard {}' again",
                  out, num_missing, run.count, fmt::join(missing, ", "),
                  num_missing > kMaxNamed ? ", ..." : "", run.command, missing.front()));
}

}  // namespace

ExitCode merge_command(const Arguments& arguments) {
  std::vector<std::string> directories;
  std::string format = "table";
  bool verbose = false;
  bool quiet = false;
  Options options(
      "merge", "merge DIR [--format table|csv|json] [-v | -q]",
      "Joins the shards in DIR ('tilewake simulate --sweep' or 'tilewake explore' with\n"
      "--shard) to the same files as of one process, and prints the result. To be called\n"
      "where the shards were: paths of inputs are those of their command. Points that\n"
      "failed are tried again.");
  options.words(directories);
  options.optional("format", format, "FORMAT", "what is printed: table, csv, json");
  options.flag("verbose,v", verbose, "log what it cost");
  options.flag("quiet,q", quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return ExitCode::kOk;
  if (directories.size() != 1) throw UsageError("merge: needs one DIR, the --out of the shards");
  const std::string& out = directories.front();
  const ShardDirectory directory(out);
  const ShardedRun run = directory.read();
  check_finished(directory, out, run);
  Arguments words = run.arguments;
  words.insert(words.end(), {"--out", out, "--resume", "--format", format});
  if (verbose) words.emplace_back("--verbose");
  if (quiet) words.emplace_back("--quiet");
  return run.command == "explore" ? explore_command(words) : sweep_command(words);
}

}  // namespace tilewake
