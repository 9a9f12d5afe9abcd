// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/progress_line.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/cli/log.hpp"

namespace tilewake {
namespace {

constexpr double kSecondsBetween = 0.2;  // minimum, on a terminal
constexpr std::int64_t kTenths = 10;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void write(const std::string& text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr));
}

std::string time_left(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::ceil(std::max(seconds, 0.0)));
  if (whole >= 3600)
    return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

ProgressLine::ProgressLine()
    : is_silent_(!log().should_log(spdlog::level::info)),
      is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void ProgressLine::update(const PhaseProgress& progress) {
  if (is_silent_) return;
  if (progress.phase != phase_) {
    end();
    phase_ = progress.phase;
    shown_tenths_ = -1;
  }
  const std::int64_t tenths =
      kTenths * progress.step / std::max<std::int64_t>(progress.num_steps, 1);
  if (!is_terminal_) {
    if (tenths == std::max<std::int64_t>(shown_tenths_, 0)) return;
    shown_tenths_ = tenths;
    return write("tilewake: " + progress_text(progress) + "\n");
  }
  const double time = now();
  if (time - shown_at_ < kSecondsBetween && progress.step < progress.num_steps) return;
  shown_at_ = time;
  std::string line = progress_text(progress);
  const std::size_t length = line.size();
  line.resize(std::max(length, shown_length_), ' ');  // overwrites the rest of the previous line
  shown_length_ = length;
  write("\r" + line);
}

void ProgressLine::end() {
  if (shown_length_ > 0) write("\n");
  shown_length_ = 0;
}

std::string progress_text(const PhaseProgress& progress) {
  std::string text = fmt::format(
      "{} {} of {}, {} %, loss {:.3f}, accuracy {:.1f} %", progress.phase, progress.step,
      progress.num_steps, 100 * progress.step / std::max<std::int64_t>(progress.num_steps, 1),
      progress.loss, 100.0 * progress.accuracy);
  if (progress.latency_ms) text += fmt::format(", {:.4f} ms", *progress.latency_ms);
  if (progress.latency_ms && progress.target_ms) {
    text += fmt::format(" ({:+.1f} % of T)",
                        100.0 * (*progress.latency_ms / *progress.target_ms - 1.0));
  }
  return text + fmt::format(", {:.0f} images/s, {} left", progress.images_per_second,
                            time_left(progress.eta_seconds));
}

}  // namespace tilewake
