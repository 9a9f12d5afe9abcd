// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/simulator.hpp"

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#endif

#include <systemc>

#include "simulator/common/error.hpp"
#include "simulator/engine/clock.hpp"
#include "simulator/engine/core.hpp"

// libsystemc refers to this function from a main() of its own, which no program of ours uses.
extern "C" int sc_main(int, char**) { return 0; }

namespace tilewake {
namespace {

/// Hands events on in cycles since the start of the run.
class RunSink final : public EventSink {
 public:
  RunSink(EventSink& sink, std::int64_t origin) : sink_(sink), origin_(origin) {}

  void on_event(const Event& event) override {
    Event shifted = event;
    shifted.begin_cycle -= origin_;
    shifted.end_cycle -= origin_;
    if (event.kind == EventKind::kLayer && shifted.end_cycle > total_cycles_)
      total_cycles_ = shifted.end_cycle;
    sink_.on_event(shifted);
  }
  std::int64_t total_cycles() const { return total_cycles_; }

 private:
  EventSink& sink_;
  const std::int64_t origin_;
  std::int64_t total_cycles_ = 0;
};

/// SystemC tells AddressSanitizer of each switch of stacks, but back to main() with the bounds null
/// and 0: from then on an exception leaves stale marks on the stack that look like errors. This
/// says where the stack of main() is. Nothing without the sanitizer.
void tell_sanitizer_of_main_stack() {
#if defined(__SANITIZE_ADDRESS__)
  pthread_attr_t attributes;
  void* bottom = nullptr;
  std::size_t size = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &bottom, &size);
  pthread_attr_destroy(&attributes);
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, bottom, size);
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

}  // namespace

class Simulator::Top {
 public:
  explicit Top(const HardwareConfig& hardware) : core(make_core(hardware)) {}

  std::unique_ptr<Core> core;
};

Simulator::Simulator(const HardwareConfig& hardware) : top_(std::make_unique<Top>(hardware)) {}
Simulator::~Simulator() = default;

RunResult Simulator::run(const Program& program, EventSink& sink) {
  RunSink run_sink(sink, now_cycles());
  const std::uint64_t steps_before = sc_core::sc_delta_count();
  top_->core->start(program, run_sink);
  sc_core::sc_start();
  tell_sanitizer_of_main_stack();
  if (!top_->core->done())
    throw SimulationError("the machine waits for something that never comes");
  top_->core->finish();
  return {run_sink.total_cycles(), sc_core::sc_delta_count() - steps_before};
}

}  // namespace tilewake
