// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/progress_line.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/cli/standard_streams.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kTenths = 10;

}  // namespace

void ProgressLine::update(const PhaseProgress& progress) {
  if (progress.phase != phase_) {
    line_.end();
    phase_ = progress.phase;
    shown_tenths_ = 0;
  }
  if (line_.is_terminal()) {
    if (!line_.is_due() && progress.step < progress.num_steps) return;
    constexpr std::size_t kBesides = sizeof("tilewake: ");  // and the last column
    const std::size_t columns = error_columns();
    return line_.show(progress_text(progress, columns - std::min(columns, kBesides)));
  }
  const std::int64_t tenths =
      kTenths * progress.step / std::max<std::int64_t>(progress.num_steps, 1);
  if (tenths == shown_tenths_) return;
  shown_tenths_ = tenths;
  line_.show(progress_text(progress));
}

std::string progress_text(const PhaseProgress& progress, std::size_t max_columns) {
  const std::int64_t percent = 100 * progress.step / std::max<std::int64_t>(progress.num_steps, 1);
  // "rank-3db59ac718b61856": the name of a candidate's files says nothing to a reader.
  const bool is_candidate = progress.phase.starts_with("rank-");
  std::vector<std::string> parts = {
      fmt::format("{} {} of {}", is_candidate ? "candidate" : progress.phase, progress.step,
                  progress.num_steps),
      fmt::format("{} %", percent), fmt::format("loss {:.3f}", progress.loss),
      fmt::format("accuracy {:.1f} %", 100.0 * progress.accuracy)};
  if (progress.latency_ms) {
    parts.push_back(fmt::format("{:.4f} ms", *progress.latency_ms));
    if (progress.target_ms) {
      parts.back() += fmt::format(" ({:+.1f} % of T)",
                                  100.0 * (*progress.latency_ms / *progress.target_ms - 1.0));
    }
  }
  parts.push_back(fmt::format("{:.0f} images/s", progress.images_per_second));
  const std::string left = clock_text(progress.eta_seconds) + " left";
  const auto joined = [&] { return fmt::format("{}, {}", fmt::join(parts, ", "), left); };
  while (max_columns > 0 && parts.size() > 1 && joined().size() > max_columns) parts.pop_back();
  return joined();
}

}  // namespace tilewake
