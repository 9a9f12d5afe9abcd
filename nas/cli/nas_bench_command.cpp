// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/bench/benchmark.hpp"
#include "nas/cli/nas_command.hpp"
#include "nas/cli/nas_options.hpp"
#include "simulator/api/data_files.hpp"
#include "simulator/api/inputs.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/api/worker_pool.hpp"
#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxBenchMachines = 32;
constexpr std::size_t kMaxBenchValues = 16;  // of --trainings, of --limits
constexpr std::int64_t kMaxBenchSeeds = 1000;
constexpr double kMaxBenchTrainings = 256.0;

/// The command line of `tilewake nas bench`.
struct BenchCommand {
  std::string hardware =
      "midap,midap_lpddr4,tpu_like_128,edge_systolic_32,eyeriss_like,ethos_u_like,dsp_like,"
      "vpu_like,cpu_like";
  std::string table;
  std::string methods = "random,random_near,evolution,guided,proxy,capacity,depth";
  std::string trainings = "1,4,8,16,32,64";
  std::string limits = "0.2,0.4,0.6,0.8";
  std::int64_t num_seeds = 100;
  std::string format = "table";
  bool verbose = false;
  bool quiet = false;

  std::vector<std::string> machines;  // of `hardware`
  BenchOptions options;
};

std::vector<BenchMethod> bench_methods_of(const std::string& text) {
  std::vector<BenchMethod> methods;
  for (const std::string& word : words_of("--methods", text)) {
    std::vector<std::string> names;
    std::optional<BenchMethod> method;
    for (const auto& [name, value] : kBenchMethodNames) {
      names.emplace_back(name);
      if (word == name) method = value;
    }
    if (!method) {
      throw UsageError(fmt::format("option '--methods': unknown method '{}'; known: {}{}",
                                   printable(word), fmt::join(names, ", "),
                                   suggestion(word, names)));
    }
    if (std::find(methods.begin(), methods.end(), *method) != methods.end())
      throw UsageError(fmt::format("option '--methods' names {} twice", word));
    methods.push_back(*method);
  }
  return methods;
}

/// Ascending positive numbers, none above `max`.
std::vector<double> ascending_numbers(const std::string& option, const std::string& text,
                                      double max) {
  std::vector<double> numbers = numbers_of(option, text);
  if (numbers.size() > kMaxBenchValues)
    throw UsageError(fmt::format("option '{}': at most {} values", option, kMaxBenchValues));
  std::sort(numbers.begin(), numbers.end());
  if (std::adjacent_find(numbers.begin(), numbers.end()) != numbers.end())
    throw UsageError(fmt::format("option '{}' has a value twice", option));
  if (numbers.back() > max) throw UsageError(fmt::format("option '{}': at most {:g}", option, max));
  return numbers;
}

/// Fills `command`. Returns false if --help is given; throws UsageError.
bool parse_bench_options(const Arguments& arguments, BenchCommand& command) {
  Options options(
      "nas bench",
      "nas bench [--hw FILE[,FILE...]] [--table FILE] [--methods NAME,...] [--seeds N]\n"
      "                          [--trainings N[,N...]] [--limits SHARE[,SHARE...]] ...",
      "Compares search methods on networks whose accuracies are known: NAS-Bench-Macro, 3,969\n"
      "distinct networks, each trained three times by its authors. Latencies are simulated on "
      "each\n"
      "machine. Prints how far the network that a search finds is from the best one within the\n"
      "limit, depending on how many networks it trains.");
  options.optional("hw", command.hardware, "FILE[,FILE...]",
                   "machines: names in hw_configs/, or paths");
  options.optional("table", command.table, "FILE",
                   "table of networks and accuracies, as the one of NAS-Bench-Macro; none: that");
  options.optional("methods", command.methods, "NAME,...", "search methods");
  options.optional("trainings", command.trainings, "N[,N...]",
                   "numbers of trained networks after which a search is judged");
  options.optional("limits", command.limits, "SHARE[,SHARE...]",
                   "latency limits, each by the share of all networks that keep to it, up to 1");
  options.integer("seeds", command.num_seeds, 1, kMaxBenchSeeds, "N", "seeds 1 to N");
  std::optional<double> tau = command.options.proxy_tau;
  options.number("proxy-tau", tau, "TAU",
                 "Kendall's tau of the estimate of method proxy and the accuracy, up to 1");
  options.optional("format", command.format, "table|csv|json", "what is printed");
  options.flag("verbose,v", command.verbose, "log more on standard error");
  options.flag("quiet,q", command.quiet, "suppress warnings");
  if (!options.parse(arguments)) return false;
  check_word("--format", command.format, {"table", "csv", "json"});
  command.machines = words_of("--hw", command.hardware);
  if (command.machines.size() > kMaxBenchMachines)
    throw UsageError(fmt::format("option '--hw': at most {} machines", kMaxBenchMachines));
  command.options.methods = bench_methods_of(command.methods);
  for (const double number :
       ascending_numbers("--trainings", command.trainings, kMaxBenchTrainings)) {
    command.options.trainings.push_back(static_cast<int>(number));
    if (command.options.trainings.back() != number)
      throw UsageError("option '--trainings': must be integers");
  }
  command.options.limits = ascending_numbers("--limits", command.limits, 1.0);
  command.options.num_seeds = static_cast<int>(command.num_seeds);
  command.options.proxy_tau = tau.value_or(command.options.proxy_tau);
  if (command.options.proxy_tau > 1.0) throw UsageError("option '--proxy-tau': at most 1");
  return true;
}

/// Simulated latency of every network of the table.
std::vector<double> simulated_latencies(const MacroTable& table, const HardwareConfig& hardware) {
  NetworkSimulator simulator(hardware);
  std::vector<double> latency_ms;
  for (const MacroRow& row : table.rows()) {
    try {
      const auto cycles = simulator.run(macro_network(row.path)).total_cycles;
      latency_ms.push_back(static_cast<double>(cycles) / (hardware.clock_mhz * 1e3));
    } catch (const InputError&) {  // does not fit the machine
      latency_ms.push_back(std::numeric_limits<double>::infinity());
    }
  }
  return latency_ms;
}

/// Runs each machine in a separate process, in parallel.
std::vector<BenchMachine> run_all_machines(const BenchCommand& command, const MacroTable& table,
                                           const std::vector<Machine>& machines) {
  WorkerPool pool(std::max(1U, std::thread::hardware_concurrency()));
  std::vector<BenchMachine> results(machines.size());
  std::size_t next = 0;
  while (next < machines.size() || !pool.is_idle()) {
    if (next < machines.size() && pool.start(static_cast<std::int64_t>(next), [&, next] {
          const HardwareConfig& hardware = machines[next].config;
          return bench_machine_text(run_benchmark(
              table, hardware.name, simulated_latencies(table, hardware), command.options));
        })) {
      ++next;
      continue;
    }
    for (const WorkerPool::Result& result : pool.wait()) {
      if (InterruptDelay::is_pending()) return {};
      if (result.code == ExitCode::kBadInput) throw InputError(result.text);
      if (result.code != ExitCode::kOk || result.was_killed)
        throw std::runtime_error(result.was_killed ? "a process was killed" : result.text);
      BenchMachine& machine = results[static_cast<std::size_t>(result.id)];
      machine = bench_machine_of(result.text);
      log().info("{}: {} networks", machine.name, machine.num_networks);
    }
  }
  return results;
}

}  // namespace

ExitCode nas_bench_command(const Arguments& arguments) {
  const Stopwatch stopwatch;
  BenchCommand command;
  if (!parse_bench_options(arguments, command)) return ExitCode::kOk;
  set_log_level(command.verbose, command.quiet);
  std::vector<Machine> machines;
  std::set<std::string> names;
  for (const std::string& hardware : command.machines) {
    machines.push_back(read_machine(hardware));
    if (!names.insert(machines.back().config.name).second)
      throw InputError(fmt::format("--hw {}: a machine of this name is given twice", hardware));
  }
  const InputFile file = command.table.empty()
                             ? read_shipped_file("nas/bench/nas_bench_macro.csv")
                             : InputFile{command.table, read_text_file(command.table)};
  const MacroTable table = MacroTable::parse(file.text, file.path);
  const InterruptDelay delay;
  const std::vector<BenchMachine> results = run_all_machines(command, table, machines);
  if (InterruptDelay::is_pending()) return ExitCode::kInterrupted;
  if (command.format == "csv") {
    write_result(bench_csv(command.options, results));
  } else if (command.format == "json") {
    write_result(bench_json(command.options, results));
  } else {
    write_result(bench_table(command.options, results, output_columns()));
  }
  log().info("bench finished after {:.1f} s", stopwatch.wall_seconds());
  return ExitCode::kOk;
}

}  // namespace tilewake
