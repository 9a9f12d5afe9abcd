// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/journal_directory.hpp"

#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/api/own_files.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

bool is_there(const std::string& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

std::string journal_path(const std::string& out, bool resume, bool force) {
  std::string journal = (std::filesystem::path(out) / SweepJournal::kFileName).string();
  const bool has_shards = ShardDirectory(out).exists();
  if (has_shards && !resume) {
    throw InputError(
        fmt::format("{}: holds shards of a run; 'tilewake merge {}' joins them", out, out));
  }
  if (resume && !is_there(journal) && !has_shards) {
    throw InputError(
        fmt::format("{}: holds no sweep to resume (no {})", out, SweepJournal::kFileName));
  }
  if (is_there(journal) && !resume && !force) {
    throw InputError(
        fmt::format("{}: holds a sweep already ({}); --resume continues it, --force replaces it",
                    out, SweepJournal::kFileName));
  }
  return journal;
}

}  // namespace

DirectoryLock::DirectoryLock(const std::string& path) {
  made_.emplace(path);
  descriptor_ = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0 || flock(descriptor_, LOCK_EX | LOCK_NB) == 0) return;
  const bool is_taken = errno == EWOULDBLOCK;
  close(descriptor_);
  descriptor_ = -1;
  if (is_taken) {
    throw InputError(fmt::format(
        "{}: another process is writing to it; wait for its end, or use another --out", path));
  }
}

DirectoryLock::~DirectoryLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

JournalDirectory::JournalDirectory(const std::string& out, bool resume, bool force)
    : path(journal_path(out, resume, force)),
      directory(out, resume  ? RunDirectory::Existing::kResume
                     : force ? RunDirectory::Existing::kReplace
                             : RunDirectory::Existing::kRefuse),
      lock(out),
      shards(out),
      journal(path, build_id(), resume && is_there(path)) {
  if (!resume) return;
  for (const std::string& shard : shards.journals()) journal.read_also(shard);
}

void JournalDirectory::write(const std::vector<RunFile>& files, const std::string& run_yaml) const {
  directory.write(files, run_yaml);
  if (shards.exists()) shards.remove();
}

std::unique_ptr<SweepJournal> claim_shard(const std::string& out, const ShardedRun& run,
                                          const Shard& shard) {
  static_cast<void>(RunDirectory(out, RunDirectory::Existing::kRefuse));
  const ShardDirectory directory(out);
  directory.claim(run);
  const std::string path = directory.journal_of(shard);
  return std::make_unique<SweepJournal>(path, build_id(), is_there(path));
}

}  // namespace tilewake
