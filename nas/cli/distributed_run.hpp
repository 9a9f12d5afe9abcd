// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include <torch/torch.h>

#include "nas/training/ranks.hpp"
#include "simulator/cli/command.hpp"

namespace tilewake {

/// This process among those that do a run together (docs/cluster.md), or alone.
///
/// Every rank does the whole run; only steps of training and evaluations are shared. Rank 0 has the
/// run's directory. Each other rank has a private temporary directory with the same files, which it
/// reads as rank 0 reads its own, so that no shared file system is needed; it is removed at the
/// end, unless the process is killed.
class DistributedRun {
 public:
  static constexpr const char* kDefault = "auto";

  /// Joins the other processes, if --distributed and the environment ask for it. Throws UsageError,
  /// InputError, and RankLost where the ranks have different command lines.
  DistributedRun(const std::string& mode, const Arguments& arguments);
  ~DistributedRun();
  DistributedRun(const DistributedRun&) = delete;
  DistributedRun& operator=(const DistributedRun&) = delete;

  /// Null for a single process.
  Ranks* ranks() const { return ranks_.get(); }
  /// Whether this process writes and prints.
  bool is_first() const { return ranks_ == nullptr || ranks_->is_first(); }
  /// Ranks of this machine; 1 if unknown.
  int local_size() const { return local_size_; }
  /// Of --out: a private one with the same name for all ranks but the first.
  std::string directory(const std::string& out) const;
  /// A GPU for this rank.
  torch::Device device(torch::Device chosen) const;

  /// Gives the ranks copies of the files of rank 0's run, which is resumed. Rank 0 calls it after
  /// it has checked and claimed the directory, the others before that.
  void share_files(const std::string& directory) const;
  /// Gives all ranks the text of rank 0.
  void share(std::string& text) const;
  /// Whether `value` is true on any rank.
  bool any(bool value) const { return ranks_ == nullptr ? value : ranks_->any(value); }
  /// Waits for the others. To be called at the end of a run.
  void finish() const { any(false); }
  /// Removes the private directory, before an interrupt ends the process without destructors.
  void remove_private_files();

 private:
  std::unique_ptr<Ranks> ranks_;
  std::string private_directory_;  // of ranks other than 0
  int local_rank_ = 0;
  int local_size_ = 1;
};

}  // namespace tilewake
