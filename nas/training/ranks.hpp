// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <torch/torch.h>

#include "nas/common/rank_environment.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {

/// Another process of the job ended, or does not answer.
class RankLost : public IoError {
 public:
  using IoError::IoError;
};

/// The processes that train together, one rank each, over LibTorch's c10d with Gloo (TCP). The
/// functions are collective: all ranks call them in the same order. A null pointer to Ranks is a
/// single process everywhere.
///
/// A rank whose process ends is noticed by its closed connections, at the next collective. One that
/// is frozen or unreachable is noticed by its heartbeat, within kMaxSilenceSeconds: ranks may
/// otherwise wait for each other for an hour, as for a calibration of rank 0. Both throw RankLost.
class Ranks {
 public:
  static constexpr int kMaxSilenceSeconds = 25;

  /// Joins. Throws InputError where this is not possible within environment.join_seconds, or
  /// without Gloo in this build.
  explicit Ranks(const RankEnvironment& environment);
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int rank() const { return environment_.rank; }
  int size() const { return environment_.world_size; }
  /// Rank 0 writes the files and prints.
  bool is_first() const { return environment_.rank == 0; }

  /// Replaces each tensor (on the CPU, contiguous, of the same shape on all ranks) by its sum over
  /// the ranks. The order of the additions depends on the shape and the number of ranks only, and
  /// all ranks have the same bytes.
  void sum(const std::vector<torch::Tensor>& tensors);

  /// Whether `value` is true on any rank.
  bool any(bool value);

  /// Gives all ranks the text of rank 0.
  void broadcast(std::string& text);

  /// Throws RankLost naming the ranks whose `hash` differs from that of rank 0.
  ///   @param what  is compared, for the message: "the weights after step 3"
  void check_same(const std::string& what, std::uint64_t hash);

 private:
  class Group;
  RankEnvironment environment_;
  std::unique_ptr<Group> group_;
};

/// Hash of the bytes of tensors, in order.
std::uint64_t hash_of(const std::vector<torch::Tensor>& tensors);

}  // namespace tilewake
