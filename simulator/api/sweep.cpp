// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/sweep.hpp"

#include <algorithm>
#include <cassert>
#include <thread>
#include <utility>

#include "simulator/api/data_files.hpp"
#include "simulator/api/simulation.hpp"
#include "simulator/api/sweep_figures.hpp"
#include "simulator/api/worker_pool.hpp"
#include "simulator/common/file_format.hpp"
#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

constexpr int kMillisecondsBetweenLooks = 200;  // at the progress, while no point is done

template <typename T, typename Read>
std::vector<SweepInput<T>> read_all(const std::vector<std::string>& names, Read read) {
  std::vector<SweepInput<T>> inputs;
  for (const std::string& name : names) {
    SweepInput<T>& input = inputs.emplace_back();
    try {
      input.value = read(name);
    } catch (const InputError& e) {
      input.error = e.what();
    }
  }
  return inputs;
}

Workload read_one_network(const std::string& name, std::optional<std::int64_t> batch,
                          const ModelOptions& model) {
  const bool is_model = network_format(name) != FileFormat::kText;
  Workload workload = read_workload(name, is_model ? model : ModelOptions{});
  static_cast<void>(workload.network());  // throws for a topology
  return batch ? with_batch(std::move(workload), *batch) : workload;
}

}  // namespace

Sweep::Sweep(const SweepPlan& plan, std::optional<std::int64_t> batch, const ModelOptions& model)
    : Sweep(plan, read_all<InputFile>(plan.hardware(), read_hardware_file),
            read_all<Workload>(plan.networks(), [&](const std::string& name) {
              return read_one_network(name, batch, model);
            })) {}

Sweep::Sweep(SweepPlan plan, std::vector<SweepInput<InputFile>> machines,
             std::vector<SweepInput<Workload>> workloads)
    : plan_(std::move(plan)),
      machines_(std::move(machines)),
      workloads_(std::move(workloads)),
      results_(static_cast<std::size_t>(plan_.size())) {
  assert(machines_.size() == plan_.hardware().size());
  assert(workloads_.size() == plan_.networks().size());
}

void Sweep::run(const SweepOptions& options) {
  WorkerPool pool(options.num_jobs > 0 ? options.num_jobs
                                       : std::max(1U, std::thread::hardware_concurrency()));
  bool is_going = keep_going(options);
  for (std::int64_t index = options.shard.index; index < plan_.size() && is_going;
       index += options.shard.count) {
    begin(index, pool, options);
    is_going = keep_going(options);
  }
  while (!pool.is_idle()) wait(pool, options);
}

bool Sweep::keep_going(const SweepOptions& options) const {
  return !options.keep_going || options.keep_going(num_done_);
}

void Sweep::begin(std::int64_t index, WorkerPool& pool, const SweepOptions& options) {
  const SweepPoint point = plan_.point(index);
  const SweepInput<InputFile>& file = machines_[point.hardware];
  const SweepInput<Workload>& workload = workloads_[point.network];
  const std::string& error = file.value ? workload.error : file.error;
  if (!error.empty()) return set(index, {nullptr, ExitCode::kBadInput, error});
  std::optional<Machine> machine;
  try {
    machine = Machine{*file.value,
                      read_hardware_text(file.value->text, file.value->path, point.settings)};
  } catch (const InputError& e) {
    return set(index, {nullptr, ExitCode::kBadInput, e.what()});
  }
  if (options.find) {
    const Summary* found = options.find(machine_id(machine->config), workload.value->hash());
    if (found != nullptr) {
      ++num_found_;
      return set(index, {std::make_unique<Summary>(*found), ExitCode::kOk, ""});
    }
  }
  // The work of one process: the figures of the point, as JSON.
  SimulateOptions limits;
  limits.mapping = options.mapping;
  const auto work = [&] {
    return figures_json(simulate(*machine, *workload.value, limits).summary).dump();
  };
  while (!pool.start(index, work)) wait(pool, options);
}

void Sweep::wait(WorkerPool& pool, const SweepOptions& options) {
  for (WorkerPool::Result& result : pool.wait(kMillisecondsBetweenLooks)) {
    // A signal that ended this sweep and its processes says nothing about the point.
    if (result.was_killed && !keep_going(options)) continue;
    if (result.code != ExitCode::kOk) {
      set(result.id, {nullptr, result.code, std::move(result.text)});
      continue;
    }
    Summary summary = figures_of(nlohmann::ordered_json::parse(result.text));
    const Workload& workload = *workloads_[plan_.point(result.id).network].value;
    summary.info.network_hash = workload.hash();
    if (options.on_simulated) options.on_simulated(summary);
    set(result.id, {std::make_unique<Summary>(std::move(summary)), ExitCode::kOk, ""});
  }
  static_cast<void>(keep_going(options));
}

void Sweep::set(std::int64_t index, SweepResult result) {
  ++num_done_;
  if (!result.summary) ++num_failed_;
  results_[static_cast<std::size_t>(index)] = std::move(result);
}

}  // namespace tilewake
