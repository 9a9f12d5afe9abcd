// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/sweep.hpp"

#include <utility>

#include "simulator/cli/interrupt.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/simulation.hpp"
#include "simulator/cli/sweep_figures.hpp"
#include "simulator/common/version.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

constexpr int kMillisecondsBetweenLooks = 200;  // at the progress, while no point is done

/// Reads what the names stand for. That one cannot be read is told at once: a misspelt name should
/// not be news after the work.
template <typename T, typename Read>
std::vector<SweepInput<T>> read_all(const std::vector<std::string>& names, Read read) {
  std::vector<SweepInput<T>> inputs;
  for (const std::string& name : names) {
    SweepInput<T>& input = inputs.emplace_back();
    try {
      input.value = read(name);
    } catch (const InputError& e) {
      input.error = e.what();
      if (names.size() > 1) log().warn("{}; its points fail", input.error);
    }
  }
  return inputs;
}

/// The work of one process: the figures of the point, as JSON.
std::string simulated(const Machine& machine, const Model& model, const MappingOptions& options) {
  const Program program = map_model(model, machine, options);
  Simulator simulator(machine.config);
  const SimulatedLayers layers = simulate_layers(simulator, machine.config, model.network, program);
  return figures_json(summary_of(machine, model, program, layers.rows)).dump();
}

}  // namespace

Sweep::Sweep(const SweepPlan& plan)
    : plan_(plan),
      machines_(read_all<InputFile>(plan.hardware(), read_hardware_file)),
      models_(read_all<Model>(plan.networks(),
                              [](const std::string& name) { return read_model(name); })),
      results_(static_cast<std::size_t>(plan.size())) {}

void Sweep::run(std::size_t num_jobs, SweepJournal* journal, const MappingOptions& options) {
  options_ = options;
  WorkerPool pool(num_jobs);
  progress_.emplace("simulated", "points", plan_.size());
  for (std::int64_t index = 0; index < plan_.size() && !InterruptDelay::is_pending(); ++index) {
    begin(index, pool, journal);
    progress_->update(num_done_);
  }
  while (!pool.is_idle()) wait(pool, journal);
  progress_.reset();
}

void Sweep::begin(std::int64_t index, WorkerPool& pool, SweepJournal* journal) {
  const SweepPoint point = plan_.point(index);
  const SweepInput<InputFile>& file = machines_[point.hardware];
  const SweepInput<Model>& model = models_[point.network];
  const std::string& error = file.value ? model.error : file.error;
  if (!error.empty()) return set(index, {nullptr, ExitCode::kBadInput, error});
  std::optional<Machine> machine;
  try {
    machine = Machine{*file.value,
                      read_hardware_text(file.value->text, file.value->path, point.settings)};
  } catch (const InputError& e) {
    return set(index, {nullptr, ExitCode::kBadInput, e.what()});
  }
  if (journal != nullptr) {
    const Summary* found =
        journal->find(machine_id(machine->config), fnv1a64(model.value->file.text));
    if (found != nullptr) {
      ++num_found_;
      return set(index, {std::make_unique<Summary>(*found), ExitCode::kOk, ""});
    }
  }
  while (!pool.start(index, [&] { return simulated(*machine, *model.value, options_); })) {
    wait(pool, journal);
  }
}

void Sweep::wait(WorkerPool& pool, SweepJournal* journal) {
  for (WorkerPool::Result& result : pool.wait(kMillisecondsBetweenLooks)) {
    // The same Ctrl-C, twice, or whoever sent it: that says nothing of the point.
    if (result.was_killed && InterruptDelay::is_pending()) continue;
    if (result.code != ExitCode::kOk) {
      set(result.id, {nullptr, result.code, std::move(result.text)});
      continue;
    }
    Summary summary = figures_of(nlohmann::ordered_json::parse(result.text));
    const Model& model = *models_[plan_.point(result.id).network].value;
    summary.info.network_hash = fnv1a64(model.file.text);
    if (journal != nullptr) journal->add(summary);
    set(result.id, {std::make_unique<Summary>(std::move(summary)), ExitCode::kOk, ""});
  }
  progress_->update(num_done_);
}

void Sweep::set(std::int64_t index, SweepResult result) {
  ++num_done_;
  if (!result.summary) ++num_failed_;
  results_[static_cast<std::size_t>(index)] = std::move(result);
}

}  // namespace tilewake
