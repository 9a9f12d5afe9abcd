// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/interrupt.hpp"

#include <csignal>
#include <string_view>
#include <unistd.h>

namespace tilewake {
namespace {

constexpr int kSignalBase = 128;  // exit code of a signal: this plus its number

volatile std::sig_atomic_t num_delays = 0;
volatile std::sig_atomic_t pending_signal = 0;
volatile std::sig_atomic_t max_seconds = 0;  // of the outermost delay; 0: no limit

/// Async-signal-safe: runs no destructors and flushes no buffers.
[[noreturn]] void end_now(int signal) {
  constexpr std::string_view kText = "tilewake: interrupted\n";
  if (::write(STDERR_FILENO, kText.data(), kText.size()) < 0) ::_exit(kSignalBase + signal);
  ::_exit(kSignalBase + signal);
}

extern "C" void on_signal(int signal) {
  if (num_delays == 0 || pending_signal != 0) end_now(signal);
  pending_signal = signal;
  if (max_seconds > 0) ::alarm(static_cast<unsigned>(max_seconds));
}

extern "C" void on_alarm(int /*signal*/) {
  if (pending_signal != 0) end_now(pending_signal);
}

}  // namespace

void end_on_interrupt() {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) != 0 || action.sa_handler == SIG_IGN) continue;
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, nullptr);
  }
  struct sigaction alarm {};
  alarm.sa_handler = on_alarm;
  alarm.sa_flags = SA_RESTART;
  ::sigaction(SIGALRM, &alarm, nullptr);
}

InterruptDelay::InterruptDelay(unsigned seconds) {
  if (num_delays == 0) max_seconds = static_cast<std::sig_atomic_t>(seconds);
  num_delays = num_delays + 1;
}

InterruptDelay::~InterruptDelay() {
  num_delays = num_delays - 1;
  if (num_delays == 0 && pending_signal != 0) end_now(pending_signal);
}

bool InterruptDelay::is_pending() { return pending_signal != 0; }

}  // namespace tilewake
