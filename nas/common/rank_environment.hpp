// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace tilewake {

/// The place of a process among those that train together, as its launcher gives it in environment
/// variables.
struct RankEnvironment {
  static constexpr int kMaxRanks = 1024;
  static constexpr int kDefaultPort = 29500;  // that of torchrun
  static constexpr int kDefaultJoinSeconds = 60;

  int rank = 0;        // below world_size
  int world_size = 2;  // at least 2
  int local_rank = 0;  // among the ranks of the machine: selects the GPU
  int local_size = 0;  // ranks of the machine; 0: unknown
  std::string host;    // of rank 0, or of the agent of torchrun
  int port = kDefaultPort;
  int join_seconds = kDefaultJoinSeconds;  // all ranks have to start within this time
  // torchrun itself serves at host:port; otherwise rank 0 does. Its key-value store outlives a
  // restart of the ranks, so that each attempt has a prefix.
  bool has_agent_store = false;
  std::string store_prefix;
};

/// The value of an environment variable, or null: std::getenv().
using EnvironmentVariable = std::function<const char*(const char* name)>;

/// Recognises, in this order:
/// - torchrun, or by hand: RANK, WORLD_SIZE, LOCAL_RANK; rank 0 is at MASTER_ADDR, MASTER_PORT;
/// - Open MPI's mpirun: OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK; the same address, or 127.0.0.1 if
///   all ranks are on one machine;
/// - Slurm's srun: SLURM_PROCID, SLURM_NTASKS, SLURM_LOCALID; the same address, or the first node
/// of
///   the step.
///
/// The variables of Slurm count in a step only (SLURM_STEP_ID): a batch script has SLURM_PROCID=0
/// as well. The default port is 29500. TILEWAKE_JOIN_SECONDS sets the time to join.
///
/// None for a single process. Throws InputError naming the variable that is missing or invalid.
std::optional<RankEnvironment> rank_environment(const EnvironmentVariable& variable);

/// "node01" of "node[01-04,07],login"; the first host of a list of Slurm.
std::string first_host(const std::string& list);

}  // namespace tilewake
