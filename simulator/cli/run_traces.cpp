// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/run_traces.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "simulator/cli/formats.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/cli/run_directory.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/error.hpp"
#include "simulator/engine/core.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, DramTraceFormat>, 2> kDramTraceFormats = {{
    {"ramulator", DramTraceFormat::kRamulator},
    {"dramsys", DramTraceFormat::kDramsys},
}};

constexpr std::string_view kTraceOptions[] = {"--timeline", "--vcd", "--window", "--dram-trace",
                                              "--dram-trace-format"};

/// "100:200"; the whole run if empty.
Waveform::Window window_of(const std::string& text) {
  Waveform::Window window;
  if (text.empty()) return window;
  const auto take = [](const char* from, const char* to, std::int64_t& value) {
    const auto [end, error] = std::from_chars(from, to, value);
    return error == std::errc{} && value >= 0 ? end : nullptr;
  };
  const char* const end = text.data() + text.size();
  const char* const colon = take(text.data(), end, window.begin);
  const bool is_window = colon != nullptr && colon != end && *colon == ':' &&
                         take(colon + 1, end, window.end) == end && window.begin < window.end;
  if (!is_window) {
    throw UsageError(fmt::format(
        "--window must be BEGIN:END in cycles, with BEGIN less than END, not '{}'", text));
  }
  return window;
}

}  // namespace

void TraceOptions::add_to(Options& options) {
  options.flag("timeline", timeline, "also write DIR/timeline.json, for https://ui.perfetto.dev");
  options.optional("vcd", vcd, "FILE", "also write the signals of the units, for waveform viewers");
  options.optional("window", window, "A:B", "the cycles that --vcd shows, from A to before B");
  options.optional("dram-trace", dram_trace, "FILE",
                   "also write a line per DRAM access, for DRAM simulators");
  options.optional("dram-trace-format", dram_trace_format, "FORMAT",
                   "format of the DRAM trace: " + format_names(kDramTraceFormats));
}

void TraceOptions::check(const Options& options) const {
  value_of_word("--dram-trace-format", kDramTraceFormats, dram_trace_format);
  window_of(window);
  if (vcd.empty() && options.is_given("window")) throw UsageError("--window needs --vcd FILE");
  if (dram_trace.empty() && options.is_given("dram-trace-format")) {
    throw UsageError("--dram-trace-format needs --dram-trace FILE");
  }
  if (!vcd.empty() && !dram_trace.empty() && is_same_place(vcd, dram_trace)) {
    throw UsageError("--vcd and --dram-trace need different files");
  }
}

void TraceOptions::refuse(const Arguments& arguments) {
  for (const std::string& argument : arguments) {
    const std::string name = argument.substr(0, argument.find('='));
    if (std::find(std::begin(kTraceOptions), std::end(kTraceOptions), name) ==
        std::end(kTraceOptions)) {
      continue;
    }
    throw UsageError(fmt::format("{} records one simulation, not a sweep", name));
  }
}

void RunTraces::InterruptCheck::on_event(const Event& /*event*/) {
  if (InterruptDelay::is_pending()) throw Interrupted();
}

void TraceOptions::check_places(const std::string& run, bool force) const {
  for (const std::string& file : {vcd, dram_trace}) {
    if (file.empty()) continue;
    check_output_file(file, force);
    if (!run.empty()) RunDirectory::check_other_output(run, file);
  }
}

RunTraces::RunTraces(const TraceOptions& options, const Machine& machine, const Workload& workload)
    : options_(options), machine_(machine) {
  if (options.timeline) timeline_.emplace();
  if (!options.vcd.empty()) waveform_.emplace(machine.config, window_of(options.window));
  const bool is_any = timeline_ || waveform_ || !options.dram_trace.empty();
  if (is_any && workload.networks.size() > 1) {
    throw InputError(workload.file.path +
                     ": --timeline, --vcd and --dram-trace show one network, not the layers of a "
                     "topology");
  }
  if (waveform_ || !options.dram_trace.empty()) delay_.emplace();
  if (options.dram_trace.empty()) return;
  if (!has_dram_addresses(machine.config)) {
    throw InputError(machine.file.path +
                     ": --dram-trace: the requests of this machine have no DRAM addresses; with "
                     "'dram.model: banked' they have");
  }
  dram_trace_directories_.emplace(std::filesystem::path(options.dram_trace).parent_path());
  dram_trace_.emplace(
      options.dram_trace,
      value_of_word("--dram-trace-format", kDramTraceFormats, options.dram_trace_format),
      access_bytes(machine.config.dram), capacity_bytes(machine.config.dram));
}

std::vector<EventSink*> RunTraces::sinks() {
  std::vector<EventSink*> sinks;
  if (delay_) sinks.push_back(&interrupt_check_);
  if (timeline_) sinks.push_back(&*timeline_);
  if (waveform_) sinks.push_back(&*waveform_);
  if (dram_trace_) sinks.push_back(&*dram_trace_);
  return sinks;
}

std::string RunTraces::finish(const std::vector<TraceRow>& rows) {
  if (waveform_) vcd_ = waveform_->to_vcd();
  if (!timeline_) return "";
  TimelineMachine facts{machine_.config.name, machine_.config.clock_mhz, {}};
  for (const OnChipBufferInfo& buffer : on_chip_buffers(machine_.config)) {
    facts.buffers.push_back({buffer.name, buffer.bytes});
  }
  return timeline_->to_json(facts, rows);
}

void RunTraces::write() {
  if (waveform_) {
    write_output_file(options_.vcd, vcd_);
    log().info("wrote the waveform to {}", options_.vcd);
  }
  if (!dram_trace_) return;
  dram_trace_->commit();
  dram_trace_directories_->keep();
  log().info("wrote {} DRAM accesses of {} bytes to {}",
             with_separators(dram_trace_->num_accesses()), access_bytes(machine_.config.dram),
             options_.dram_trace);
}

}  // namespace tilewake
