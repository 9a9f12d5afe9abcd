// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "nas/search/run_context.hpp"
#include "simulator/cli/command.hpp"
#include "simulator/cli/options.hpp"

namespace tilewake {

inline constexpr std::int64_t kMaxThreads = 256;

/// The command line of `tilewake nas run` and of its steps.
struct NasOptions {
  std::string hardware;
  std::string targets;         // latency: "0.1,0.15"; empty: not limited
  std::string energy_targets;  // the same of energy
  std::string data = "fashion-mnist";
  std::string space;  // empty: the one made for the data
  std::string recipe = "auto";
  std::vector<std::string> overrides;
  std::string model;     // latency model; empty: calibrated
  std::string hw_space;  // machines of a joint search; empty: only `hardware`
  std::string out;
  std::string device = "auto";
  std::string precision = "auto";
  std::string format = "table";
  std::string deploy_layout = "nhwc";
  std::string distributed = "auto";
  std::int64_t seed = 1;
  std::int64_t num_threads = 0;  // 0: one per core
  std::int64_t num_random = 0;
  std::int64_t num_correlated = 0;
  std::int64_t num_hw_rounds = 2;  // of a joint search
  bool resume = false;
  bool force = false;
  bool verbose = false;
  bool quiet = false;

  std::int64_t max_params = 0;     // 0: not limited
  std::int64_t max_memory_kb = 0;  // of 1024 bytes; peak on chip; 0: not limited
  std::int64_t max_dram_kb = 0;

  std::string method_name = "s3nas";

  std::vector<double> targets_ms;  // of `targets`, ascending
  std::vector<double> targets_mj;  // of `energy_targets`, ascending
  Method method = Method::kS3nas;  // of `method_name`
};

/// Parsers that several commands share: the words of "a,b,c", positive numbers, and a check
/// for one of several words. All throw UsageError naming the option.
std::vector<std::string> words_of(const std::string& option, const std::string& text);
std::vector<double> numbers_of(const std::string& option, const std::string& text);
void check_word(const std::string& option, const std::string& value,
                std::initializer_list<const char*> words);

/// The method of that name. Throws UsageError naming the option.
Method parse_method(const std::string& option, const std::string& name);

/// The options of all commands that search, and their checks, which fill in targets_ms.
void add_search_options(Options& options, NasOptions& values);
void check_search_options(NasOptions& values);

/// The limits of a search: --target-ms, --target-mj, --max-params, --max-memory-kb, --max-dram-kb.
void add_limit_options(Options& options, NasOptions& values, const char* several);
/// "0.1ms", "0.1-0.2mJ", "0.1ms-0.02mJ", "0.1ms-64kb": for names of directories.
std::string limits_name(const NasOptions& values);

/// Throws UsageError where the method has no form for one of the limits.
void check_method_limits(const NasOptions& values, Method method, const std::string& name);

/// The text of option --distributed.
inline constexpr const char* kDistributedText =
    "auto: train together with the other processes that torchrun, mpirun or srun started "
    "(docs/cluster.md); off: alone";

/// Fills `options` from the arguments of `tilewake nas COMMAND`. Returns false if --help is given;
/// throws UsageError.
bool parse_nas_options(const std::string& command, const std::string& description,
                       const Arguments& arguments, NasOptions& options);

}  // namespace tilewake
