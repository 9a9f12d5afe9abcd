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
  std::string targets;  // "0.1,0.15"
  std::string data = "fashion-mnist";
  std::string space;  // empty: the one made for the data
  std::string recipe = "auto";
  std::vector<std::string> overrides;
  std::string model;  // latency model; empty: calibrated
  std::string out;
  std::string device = "auto";
  std::string precision = "auto";
  std::string format = "table";
  std::string deploy_layout = "nhwc";
  std::int64_t seed = 1;
  std::int64_t num_threads = 0;  // 0: one per core
  std::int64_t num_random = 0;
  std::int64_t num_correlated = 0;
  bool resume = false;
  bool force = false;
  bool verbose = false;
  bool quiet = false;

  std::string method_name = "s3nas";

  std::vector<double> targets_ms;  // of `targets`, ascending
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

/// Fills `options` from the arguments of `tilewake nas COMMAND`. Returns false if --help is given;
/// throws UsageError.
bool parse_nas_options(const std::string& command, const std::string& description,
                       const Arguments& arguments, NasOptions& options);

}  // namespace tilewake
