// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/simulator.hpp"

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include <systemc>

#include "simulator/common/error.hpp"
#include "simulator/engine/clock.hpp"
#include "simulator/engine/core.hpp"
#include "simulator/engine/kernel_use.hpp"

namespace tilewake {
namespace {

/// Forwards events with cycles relative to the start of the run. Ends the run, by pausing the
/// kernel, if the sink throws or the caller stops it: no exception may leave a SystemC process.
class RunSink final : public EventSink {
 public:
  RunSink(EventSink& sink, const std::function<bool()>& keep_going, std::int64_t origin)
      : sink_(sink), keep_going_(keep_going), origin_(origin) {}

  void on_event(const Event& event) override {
    Event shifted = event;
    shifted.begin_cycle -= origin_;
    shifted.end_cycle -= origin_;
    const bool is_layer = event.kind == EventKind::kLayer;
    if (is_layer && shifted.end_cycle > total_cycles_) total_cycles_ = shifted.end_cycle;
    guard([&] {
      sink_.on_event(shifted);
      if (is_layer && keep_going_ && !keep_going_()) throw Interrupted();
    });
  }
  bool wants_details() const override { return sink_.wants_details(); }
  void on_dram_request(const DramRequest& request) override {
    DramRequest shifted = request;
    shifted.cycle -= origin_;
    guard([&] { sink_.on_dram_request(shifted); });
  }
  std::int64_t total_cycles() const { return total_cycles_; }
  const std::exception_ptr& error() const { return error_; }

 private:
  template <typename Call>
  void guard(Call call) {
    if (error_) return;
    try {
      call();
    } catch (...) {
      error_ = std::current_exception();
      sc_core::sc_pause();
    }
  }

  EventSink& sink_;
  const std::function<bool()>& keep_going_;
  const std::int64_t origin_;
  std::int64_t total_cycles_ = 0;
  std::exception_ptr error_;
};

}  // namespace

/// A kernel and the modules in it.
class Simulator::Top {
 public:
  explicit Top(const HardwareConfig& hardware) : kernel_(new sc_core::sc_simcontext) {
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
    use.start();
    if (run_sink.error()) std::rethrow_exception(run_sink.error());
    if (!core_->done()) return std::nullopt;
    core_->finish();
    // Called on this stack, not in a process.
    if (run_sink.error()) std::rethrow_exception(run_sink.error());
    return RunResult{run_sink.total_cycles(), sc_core::sc_delta_count() - steps_before};
  }

 private:
  KernelPtr kernel_;
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
