// SPDX-License-Identifier: Apache-2.0
#include "latency_model/fit/machine_evaluation.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "latency_model/robust_fit.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/api/worker_pool.hpp"
#include "simulator/common/error.hpp"
#include "simulator/mapping/mapper.hpp"

namespace tilewake {
namespace {

constexpr int kEvaluationLookMilliseconds = 200;
constexpr double kFactorWeight = 0.1;  // of the expectation that a factor is 1, in rows

/// Cycles of a row: of the whole, and of the layers of each operator.
struct RowCycles {
  std::int64_t total = 0;
  std::map<std::string, std::int64_t> by_op;
};

RowCycles cycles_of(const HardwareConfig& machine, const MeasuredRow& row) {
  NetworkSimulator simulator(machine);
  const NetworkMapper mapper(machine);
  RowCycles cycles;
  for (const Network& network : row.workload.networks) {
    const SimulatedNetwork result = simulator.run(network, mapper.map(network, {}));
    cycles.total += result.total_cycles;
    for (const TraceRow& layer : result.rows) {
      cycles.by_op[std::string(to_string(layer.op))] += layer.total_cycles;
    }
  }
  return cycles;
}

std::vector<RowCycles> simulate_rows(const HardwareConfig& machine, const MeasuredTable& table,
                                     std::size_t num_jobs,
                                     const std::function<bool(int, int)>& keep_going) {
  const auto total = static_cast<int>(table.rows.size());
  std::vector<RowCycles> cycles(table.rows.size());
  int num_done = 0;
  WorkerPool pool(num_jobs > 0 ? num_jobs : std::max(1U, std::thread::hardware_concurrency()));
  const auto wait = [&] {
    for (const WorkerPool::Result& result : pool.wait(kEvaluationLookMilliseconds)) {
      if (result.was_killed && keep_going && !keep_going(num_done, total)) throw Interrupted();
      const auto row = static_cast<std::size_t>(result.id);
      if (result.code == ExitCode::kBadInput) {
        throw InputError(fmt::format("{}:{}: network: {}: on {}: {}", table.file.path,
                                     table.rows[row].line, table.rows[row].network, machine.name,
                                     result.text));
      }
      if (result.code != ExitCode::kOk) throw SimulationError(result.text);
      const nlohmann::json json = nlohmann::json::parse(result.text);
      json.at("total").get_to(cycles[row].total);
      json.at("by_op").get_to(cycles[row].by_op);
      ++num_done;
    }
    if (keep_going && !keep_going(num_done, total)) throw Interrupted();
  };
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const auto work = [&, i] {
      const RowCycles of_row = cycles_of(machine, table.rows[i]);
      return nlohmann::json{{"total", of_row.total}, {"by_op", of_row.by_op}}.dump();
    };
    while (!pool.start(static_cast<std::int64_t>(i), work)) wait();
  }
  while (!pool.is_idle()) wait();
  return cycles;
}

std::vector<OperatorShare> operator_shares(const HardwareConfig& machine,
                                           const std::vector<RowCycles>& rows,
                                           const std::vector<double>& measured) {
  std::map<std::string, OperatorShare> by_op;
  for (const RowCycles& row : rows) {
    for (const auto& [op, cycles] : row.by_op) {
      if (cycles == 0) continue;
      OperatorShare& share = by_op[op];
      share.op = op;
      share.share += static_cast<double>(cycles) / static_cast<double>(row.total) /
                     static_cast<double>(rows.size());
    }
  }
  std::vector<OperatorShare> shares;
  for (auto& [op, share] : by_op) shares.push_back(std::move(share));
  if (shares.empty()) return shares;
  RobustFit fit(std::vector<double>(shares.size(), 1.0), kFactorWeight);
  std::vector<double> parts(shares.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::int64_t rest = rows[i].total;
    for (std::size_t k = 0; k < shares.size(); ++k) {
      const auto found = rows[i].by_op.find(shares[k].op);
      const std::int64_t cycles = found == rows[i].by_op.end() ? 0 : found->second;
      parts[k] = machine.cycles_to_ms(cycles) / measured[i];
      rest -= cycles;
    }
    // What belongs to no layer, such as a constant of the inference, has no factor.
    fit.add_row(parts, 1.0 - machine.cycles_to_ms(rest) / measured[i]);
  }
  const std::vector<double> factors = fit.solve();
  for (std::size_t k = 0; k < shares.size(); ++k) shares[k].factor = factors[k];
  std::stable_sort(
      shares.begin(), shares.end(),
      [](const OperatorShare& a, const OperatorShare& b) { return a.share > b.share; });
  return shares;
}

}  // namespace

MachineEvaluation evaluate_machine(const Machine& machine, const MeasuredTable& table,
                                   std::size_t num_jobs,
                                   const std::function<bool(int done, int total)>& keep_going) {
  const std::vector<RowCycles> cycles = simulate_rows(machine.config, table, num_jobs, keep_going);
  const std::vector<double> measured = measured_latencies(table);
  const std::vector<std::size_t> rows = all_rows(table);
  MachineEvaluation evaluation;
  evaluation.machine = machine;
  for (const RowCycles& row : cycles) {
    evaluation.simulated_ms.push_back(machine.config.cycles_to_ms(row.total));
  }
  evaluation.errors = measured_errors(evaluation.simulated_ms, measured, rows);
  evaluation.operators = operator_shares(machine.config, cycles, measured);
  for (const Baseline& baseline : baselines(table, machine.config)) {
    evaluation.baselines.push_back(
        {baseline.name(), measured_errors(baseline.estimates(measured, rows), measured, rows)});
  }
  evaluation.no_better_than = no_better_than(evaluation.errors.mape, evaluation.baselines);
  evaluation.verdict = verdict_text(evaluation.errors.mape, evaluation.baselines, "on these rows,");
  return evaluation;
}

}  // namespace tilewake
