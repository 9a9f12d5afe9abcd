// SPDX-License-Identifier: Apache-2.0
#include "nas/common/rank_environment.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

constexpr const char* kOff = "or train with this process alone: --distributed off";

/// The names of one launcher's variables.
struct RankVariables {
  const char* rank;
  const char* size;
  const char* local_rank;
  const char* local_size;
};
constexpr RankVariables kTorchrun = {"RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"};
constexpr RankVariables kMpirun = {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE",
                                   "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"};
constexpr RankVariables kSrun = {"SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", nullptr};

/// The environment, with checks.
class RankEnvironmentReader {
 public:
  explicit RankEnvironmentReader(const EnvironmentVariable& variable) : variable_(variable) {}

  bool has(const char* name) const { return name != nullptr && variable_(name) != nullptr; }

  std::string text(const char* name) const {
    const char* text = variable_(name);
    return text == nullptr ? "" : text;
  }

  /// Throws InputError unless the variable is a number from `least` to `most`.
  int number(const char* name, int least, int most) const {
    const char* text = variable_(name);
    if (text == nullptr)
      throw InputError(fmt::format("environment variable {}: is not set; set it, {}", name, kOff));
    const std::string_view word = text;
    int value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (word.empty() || error != std::errc() || end != word.data() + word.size() || value < least ||
        value > most) {
      throw InputError(
          fmt::format("environment variable {}: must be a number from {} to {}, not "
                      "'{}'; correct it, {}",
                      name, least, most, printable(std::string(word)), kOff));
    }
    return value;
  }

  int number_or(const char* name, int least, int most, int other) const {
    return has(name) ? number(name, least, most) : other;
  }

 private:
  const EnvironmentVariable& variable_;
};

constexpr int kMaxPort = 65535;
constexpr int kMaxJoinSeconds = 24 * 3600;

/// Where rank 0 is, if MASTER_ADDR does not give it.
std::string host_without_address(const RankEnvironmentReader& reader,
                                 const RankVariables& variables, int world_size) {
  if (&variables == &kSrun) {
    for (const char* name : {"SLURM_STEP_NODELIST", "SLURM_JOB_NODELIST"}) {
      if (reader.has(name)) return first_host(reader.text(name));
    }
  }
  const bool is_one_machine =
      &variables == &kMpirun &&
      reader.number_or(variables.local_size, 1, world_size, 0) == world_size;
  return is_one_machine ? "127.0.0.1" : "";
}

}  // namespace

std::string first_host(const std::string& list) {
  const std::size_t bracket = list.find_first_of("[,");
  if (bracket == std::string::npos || list[bracket] == ',') return list.substr(0, bracket);
  const std::size_t close = list.find(']', bracket);
  if (close == std::string::npos) return list.substr(0, bracket);
  const std::size_t number_end = list.find_first_of(",-]", bracket + 1);
  const std::size_t suffix_end = std::min(list.find(',', close), list.size());
  return list.substr(0, bracket) + list.substr(bracket + 1, number_end - bracket - 1) +
         list.substr(close + 1, suffix_end - close - 1);
}

std::optional<RankEnvironment> rank_environment(const EnvironmentVariable& variable) {
  const RankEnvironmentReader reader(variable);
  const RankVariables* variables = nullptr;
  if (reader.has(kTorchrun.rank) || reader.has(kTorchrun.size)) {
    variables = &kTorchrun;
  } else if (reader.has(kMpirun.rank) || reader.has(kMpirun.size)) {
    variables = &kMpirun;
  } else if (reader.has("SLURM_STEP_ID") && reader.has(kSrun.rank)) {
    variables = &kSrun;
  }
  if (variables == nullptr) return {};

  RankEnvironment environment;
  environment.world_size = reader.number(variables->size, 1, RankEnvironment::kMaxRanks);
  environment.rank = reader.number(variables->rank, 0, environment.world_size - 1);
  if (environment.world_size == 1) return {};
  environment.local_rank =
      reader.number_or(variables->local_rank, 0, environment.world_size - 1, 0);
  environment.local_size = reader.number_or(variables->local_size, 1, environment.world_size, 0);
  environment.host = reader.text("MASTER_ADDR");
  if (environment.host.empty())
    environment.host = host_without_address(reader, *variables, environment.world_size);
  if (environment.host.empty()) {
    throw InputError(fmt::format(
        "environment variable MASTER_ADDR: is not set; it is the host of rank 0; set it, {}",
        kOff));
  }
  environment.port = variables == &kTorchrun
                         ? reader.number("MASTER_PORT", 1, kMaxPort)
                         : reader.number_or("MASTER_PORT", 1, kMaxPort, environment.port);
  environment.join_seconds =
      reader.number_or("TILEWAKE_JOIN_SECONDS", 1, kMaxJoinSeconds, environment.join_seconds);
  if (variables == &kTorchrun && reader.text("TORCHELASTIC_USE_AGENT_STORE") == "True") {
    environment.has_agent_store = true;
    environment.store_prefix = "attempt_" + reader.text("TORCHELASTIC_RESTART_COUNT");
  }
  return environment;
}

}  // namespace tilewake
