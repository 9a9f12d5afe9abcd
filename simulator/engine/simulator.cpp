// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/simulator.hpp"

#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#if defined(__has_feature)  // clang
#if __has_feature(address_sanitizer)
#define TILEWAKE_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)  // GCC
#define TILEWAKE_ADDRESS_SANITIZER
#endif

#if defined(TILEWAKE_ADDRESS_SANITIZER)
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#endif

#include <systemc>

#include "simulator/common/error.hpp"
#include "simulator/engine/clock.hpp"
#include "simulator/engine/core.hpp"

// libsystemc references this function from its main(), which our programs do not use.
extern "C" int sc_main(int, char**) { return 0; }

namespace tilewake {
namespace {

/// Forwards events with cycles relative to the start of the run. Ends the run, by pausing the
/// kernel, if the sink throws or the caller stops it: no exception may leave a SystemC process.
class RunSink final : public EventSink {
 public:
  RunSink(EventSink& sink, const std::function<bool()>& keep_going, std::int64_t origin)
      : sink_(sink), keep_going_(keep_going), origin_(origin) {}

  void on_event(const Event& event) override {
    if (error_) return;
    Event shifted = event;
    shifted.begin_cycle -= origin_;
    shifted.end_cycle -= origin_;
    const bool is_layer = event.kind == EventKind::kLayer;
    if (is_layer && shifted.end_cycle > total_cycles_) total_cycles_ = shifted.end_cycle;
    try {
      sink_.on_event(shifted);
      if (is_layer && keep_going_ && !keep_going_()) throw Interrupted();
    } catch (...) {
      error_ = std::current_exception();
      sc_core::sc_pause();
    }
  }
  std::int64_t total_cycles() const { return total_cycles_; }
  const std::exception_ptr& error() const { return error_; }

 private:
  EventSink& sink_;
  const std::function<bool()>& keep_going_;
  const std::int64_t origin_;
  std::int64_t total_cycles_ = 0;
  std::exception_ptr error_;
};

/// In its scope, `kernel` is SystemC's current kernel, exclusively for this thread.
class KernelUse {
 public:
  explicit KernelUse(sc_core::sc_simcontext* kernel) : lock_(mutex(), std::defer_lock) {
    if (is_in_use) throw std::logic_error("a simulator was used from a sink of another");
    lock_.lock();
    is_in_use = true;
    current_ = sc_core::sc_curr_simcontext;
    default_ = sc_core::sc_default_global_context;
    sc_core::sc_curr_simcontext = kernel;
    sc_core::sc_default_global_context = kernel;
  }
  ~KernelUse() {
    sc_core::sc_curr_simcontext = current_;
    sc_core::sc_default_global_context = default_;
    is_in_use = false;
  }
  KernelUse(const KernelUse&) = delete;
  KernelUse& operator=(const KernelUse&) = delete;

 private:
  static std::mutex& mutex() {
    static std::mutex the_mutex;
    return the_mutex;
  }
  static thread_local bool is_in_use;

  std::unique_lock<std::mutex> lock_;
  sc_core::sc_simcontext* current_ = nullptr;
  sc_core::sc_simcontext* default_ = nullptr;
};

thread_local bool KernelUse::is_in_use = false;

/// SystemC announces stack switches to AddressSanitizer, but with null bounds for main(): later
/// exceptions then leave stale stack marks, which look like errors. This announces the stack of
/// main(). No effect without the sanitizer.
void tell_sanitizer_of_main_stack() {
#if defined(TILEWAKE_ADDRESS_SANITIZER)
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

/// A kernel and the modules in it.
class Simulator::Top {
 public:
  explicit Top(const HardwareConfig& hardware)
      : kernel_(std::make_unique<sc_core::sc_simcontext>()) {
    const KernelUse use(kernel_.get());
    core_ = make_core(hardware);
  }
  ~Top() {
    const KernelUse use(kernel_.get());
    core_.reset();
    kernel_.reset();  // after its modules
  }
  Top(const Top&) = delete;
  Top& operator=(const Top&) = delete;

  /// The result; none if the program did not finish. Rethrows the exception that ended the run.
  std::optional<RunResult> run(const Program& program, EventSink& sink,
                               const std::function<bool()>& keep_going) {
    const KernelUse use(kernel_.get());
    RunSink run_sink(sink, keep_going, now_cycles());
    const std::uint64_t steps_before = sc_core::sc_delta_count();
    core_->start(program, run_sink);
    sc_core::sc_start();
    tell_sanitizer_of_main_stack();
    if (run_sink.error()) std::rethrow_exception(run_sink.error());
    if (!core_->done()) return std::nullopt;
    core_->finish();
    // Called on this stack, not in a process.
    if (run_sink.error()) std::rethrow_exception(run_sink.error());
    return RunResult{run_sink.total_cycles(), sc_core::sc_delta_count() - steps_before};
  }

 private:
  std::unique_ptr<sc_core::sc_simcontext> kernel_;
  std::unique_ptr<Core> core_;
};

Simulator::Simulator(const HardwareConfig& hardware)
    : hardware_(hardware), top_(std::make_unique<Top>(hardware_)) {}
Simulator::~Simulator() = default;

RunResult Simulator::run(const Program& program, EventSink& sink,
                         const std::function<bool()>& keep_going) {
  // Reused only after a complete run: a stopped run leaves processes in the middle of a program.
  std::unique_ptr<Top> top = top_ ? std::move(top_) : std::make_unique<Top>(hardware_);
  const std::optional<RunResult> result = top->run(program, sink, keep_going);
  if (!result)
    throw SimulationError("deadlock: no event is pending and the program is not finished");
  top_ = std::move(top);
  return *result;
}

}  // namespace tilewake
