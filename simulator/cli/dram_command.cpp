// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "simulator/cli/command.hpp"
#include "simulator/cli/formats.hpp"
#include "simulator/cli/inputs.hpp"
#include "simulator/cli/log.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/progress.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/stopwatch.hpp"
#include "simulator/engine/memory/measure_stream.hpp"
#include "simulator/engine/memory/memory_controller.hpp"
#include "simulator/hardware/dram_config.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

/// The printed figures; empty where a memory has no such figure.
struct Report {
  std::string hardware;
  std::string stream;
  StreamMeasurement measured;
  std::optional<std::int64_t> dram_clocks;
  double time_us = 0.0;
  std::optional<double> bandwidth_gbs;
  std::optional<double> peak_gbs;
  std::optional<double> sustained_gbs;
  std::optional<double> peak_share;
};

std::optional<double> if_finite(double value) {
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

double clock_of(const LatencyBandwidthDramConfig& c) { return c.clock_mhz; }
double clock_of(const BankedDramConfig& c) { return c.device.clock_mhz; }
double clock_of(const IdealDramConfig& /*config*/) { return 0.0; }

Report report_of(const HardwareConfig& hardware, const std::string& stream,
                 const StreamMeasurement& measured) {
  Report report{hardware.name, stream, measured, {}, {}, {}, {}, {}, {}};
  report.time_us = hardware.cycles_to_ms(measured.cycles) * 1e3;
  const double clock_mhz =
      std::visit([](const auto& model) { return clock_of(model); }, hardware.dram);
  if (clock_mhz > 0) report.dram_clocks = std::llround(report.time_us * clock_mhz);
  const double gigacycles = hardware.clock_mhz * 1e-3;  // a second
  report.bandwidth_gbs = if_finite(static_cast<double>(measured.bytes) / report.time_us * 1e-3);
  report.peak_gbs = if_finite(peak_bytes_per_cycle(hardware.dram) * gigacycles);
  report.sustained_gbs = if_finite(sustained_bytes_per_cycle(hardware.dram) * gigacycles);
  if (report.bandwidth_gbs && report.peak_gbs)
    report.peak_share = *report.bandwidth_gbs / *report.peak_gbs;
  return report;
}

std::string table_cell(std::optional<double> gbs) {
  return gbs ? with_decimals(*gbs) + " GB/s" : "unlimited";
}

std::string table(const Report& r) {
  const StreamMeasurement& m = r.measured;
  std::string text = fmt::format(
      "{} on {}: {} bytes in chunks of {}\n"
      "  cycles           {}\n",
      r.stream, r.hardware, with_separators(m.bytes), with_separators(m.chunk_bytes),
      with_separators(m.cycles));
  if (r.dram_clocks)
    text += fmt::format("  memory clocks    {}\n", with_separators(*r.dram_clocks));
  text += fmt::format(
      "  time             {} us\n"
      "  bandwidth        {}{}\n"
      "  peak             {}\n"
      "  long streams     {}\n"
      "  row hits         {}\n"
      "  row misses       {}\n"
      "  refreshes        {}\n",
      with_decimals(r.time_us), table_cell(r.bandwidth_gbs),
      r.peak_share ? fmt::format(", {} of the peak", percent(*r.peak_share)) : "",
      table_cell(r.peak_gbs), table_cell(r.sustained_gbs), with_separators(m.row_hits),
      with_separators(m.row_misses), with_separators(m.num_refreshes));
  return text;
}

/// A number, or `none`.
template <typename T>
std::string number(const std::optional<T>& value, std::string_view none) {
  return value ? fmt::format("{}", *value) : std::string(none);
}

/// Names and values in the order in which csv and json have them.
std::vector<std::pair<std::string_view, std::string>> numbers(const Report& r,
                                                              std::string_view none) {
  const StreamMeasurement& m = r.measured;
  return {{"bytes", fmt::format("{}", m.bytes)},
          {"chunk_bytes", fmt::format("{}", m.chunk_bytes)},
          {"requests", fmt::format("{}", m.num_requests)},
          {"cycles", fmt::format("{}", m.cycles)},
          {"dram_clocks", number(r.dram_clocks, none)},
          {"time_us", fmt::format("{}", r.time_us)},
          {"bandwidth_gbs", number(r.bandwidth_gbs, none)},
          {"peak_gbs", number(r.peak_gbs, none)},
          {"sustained_gbs", number(r.sustained_gbs, none)},
          {"peak_share", number(r.peak_share, none)},
          {"row_hits", fmt::format("{}", m.row_hits)},
          {"row_misses", fmt::format("{}", m.row_misses)},
          {"refreshes", fmt::format("{}", m.num_refreshes)}};
}

std::string csv(const Report& r) {
  std::string names = "hardware,stream";
  std::string values = fmt::format("{},{}", r.hardware, r.stream);
  for (const auto& [name, value] : numbers(r, "")) {
    names += fmt::format(",{}", name);
    values += "," + value;
  }
  return names + "\n" + values + "\n";
}

std::string json(const Report& r) {
  std::string text = fmt::format("{{\n  \"hardware\": {},\n  \"stream\": {}",
                                 json_string(r.hardware), json_string(r.stream));
  for (const auto& [name, value] : numbers(r, "null"))
    text += fmt::format(",\n  \"{}\": {}", name, value);
  return text + "\n}\n";
}

using DramFormatter = std::string (*)(const Report& report);

// To add a format: one line here.
constexpr std::array<std::pair<std::string_view, DramFormatter>, 3> kDramFormats = {{
    {"table", table},
    {"csv", csv},
    {"json", json},
}};

constexpr std::array<std::pair<std::string_view, StreamKind>, 4> kStreams = {{
    {"read", StreamKind::kRead},
    {"write", StreamKind::kWrite},
    {"alternate", StreamKind::kAlternate},
    {"stride", StreamKind::kStride},
}};

constexpr std::int64_t kMaxStreamBytes = std::int64_t{1} << 40;
constexpr std::int64_t kStrideChunkBytes = 64;  // default with --stream stride

/// Throws InputError if the stream takes more than `max_steps`. A step moves a chunk, or less if
/// the memory model moves less in one step.
void check_steps(const DramConfig& dram, StreamKind kind, std::int64_t bytes, std::int64_t chunk,
                 std::int64_t max_steps) {
  double step_bytes = dram_step_bytes(dram);
  if (chunk == 0 && kind == StreamKind::kStride) chunk = kStrideChunkBytes;
  if (chunk > 0) step_bytes = std::min(step_bytes, static_cast<double>(chunk));
  const double steps = static_cast<double>(bytes) / step_bytes;
  if (steps <= static_cast<double>(max_steps)) return;
  throw InputError(
      fmt::format("--bytes {}: takes about {:.3g} steps, more than {}; raise --max-steps", bytes,
                  steps, max_steps));
}

/// The in-order controller does not batch reads and writes that alternate faster.
void warn_of_short_chunks(const DramConfig& dram, StreamKind kind, std::int64_t chunk) {
  const auto* banked = std::get_if<BankedDramConfig>(&dram);
  if (banked == nullptr || banked->scheduling != DramScheduling::kInOrder ||
      kind != StreamKind::kAlternate || chunk == 0)
    return;
  const std::int64_t shortest = make_memory_controller(dram)->max_request_bytes();
  if (chunk >= shortest) return;
  log().warn(
      "--chunk {}: in_order models alternating reads and writes of {} bytes or more (4 KiB a "
      "channel); use controller: frfcfs",
      chunk, shortest);
}

}  // namespace

ExitCode dram_command(const Arguments& arguments) {
  std::string hardware;
  std::string stream;
  std::int64_t bytes = std::int64_t{16} << 20;
  std::int64_t chunk = 0;
  std::int64_t max_steps = kDefaultMaxSteps;
  std::string format = "table";
  bool verbose = false;
  bool quiet = false;
  Options options(
      "dram",
      "dram --hw FILE --stream read|write|alternate|stride [--bytes N] [--chunk N]\n"
      "                     [--max-steps N] [--format table|csv|json] [-v | -q]",
      "Measures the memory of a machine alone, with a stream of requests as fast as the\n"
      "idle memory accepts them. `read` and `write` access consecutive bytes, `alternate`\n"
      "reads and writes chunks of them in turn, `stride` reads one chunk of each row.\n"
      "`long streams` is the analytical bandwidth, not a measurement.");
  options.required("hw", hardware, "FILE", "machine: a name in hw_configs/, or a path");
  options.required("stream", stream, "NAME", "the stream: " + format_names(kStreams));
  options.integer("bytes", bytes, 1, kMaxStreamBytes, "N", "bytes to move");
  options.integer("chunk", chunk, 0, kMaxStreamBytes, "N",
                  "bytes per chunk; 0: the memory's largest request, or 64 with stride");
  options.integer("max-steps", max_steps, 1, kLargestMaxSteps, "N",
                  "limit on the estimated steps (a few tenths of a microsecond each)");
  options.optional("format", format, "FORMAT", "what is printed: " + format_names(kDramFormats));
  options.flag("verbose,v", verbose, "log what the measurement cost");
  options.flag("quiet,q", quiet, "suppress warnings and progress");
  if (!options.parse(arguments)) return ExitCode::kOk;
  set_log_level(verbose, quiet);
  const DramFormatter formatter = formatter_of(kDramFormats, format);
  const StreamKind kind = value_of_word("--stream", kStreams, stream);

  const Machine machine = load_machine(hardware);
  check_steps(machine.config.dram, kind, bytes, chunk, max_steps);
  warn_of_short_chunks(machine.config.dram, kind, chunk);
  const Stopwatch stopwatch;
  Progress progress("moved", "bytes", bytes);
  const StreamMeasurement measured =
      measure_stream(machine.config.dram, kind, bytes, chunk,
                     [&](std::int64_t done) { progress.update_if_due(done); });
  log().debug("{} requests in {:.3f} ms", measured.num_requests, 1e3 * stopwatch.wall_seconds());
  const std::string text = formatter(report_of(machine.config, stream, measured));
  format == "table" ? write_text(text) : write_result(text);
  return ExitCode::kOk;
}

}  // namespace tilewake
