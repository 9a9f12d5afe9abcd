// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/waveform.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <sysc/tracing/sc_tracing_ids.h>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <systemc>

#include "simulator/common/error.hpp"
#include "simulator/engine/clock.hpp"
#include "simulator/engine/kernel_use.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

/// Signals of every machine; those of the buffers follow.
enum Fixed : std::size_t {
  kRow,
  kCompute,
  kSetup,
  kDispatch,
  kStallFeatures,
  kStallWeights,
  kStallBias,
  kStallWrite,
  kVectorUnitBusy,
  kDramRead,
  kDramWrite,
  kOutstandingReads,
  kOutstandingWrites,
  kNumFixed
};

std::size_t stall_of(Cause cause) {
  switch (cause) {
    case Cause::kFeatures:
      return kStallFeatures;
    case Cause::kWeights:
      return kStallWeights;
    case Cause::kBias:
      return kStallBias;
    case Cause::kWrite:
    case Cause::kNone:
      break;
  }
  return kStallWrite;
}

/// "input buffer" as "input_buffer": names in VCD have no spaces, and `$` begins a keyword.
std::string identifier(std::string name) {
  const auto is_plain = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  };
  std::replace_if(name.begin(), name.end(), std::not_fn(is_plain), '_');
  return name;
}

/// A directory for one file, removed with its content.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "tilewake-XXXXXX").string();
    if (error || ::mkdtemp(name.data()) == nullptr) {
      throw IoError(fmt::format("{}: cannot create a temporary directory: {}", name,
                                error ? error.message() : std::strerror(errno)));
    }
    path_ = name;
  }
  ~ScratchDirectory() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Replaces SystemC's header, which has the date, a time unit of 1 ps, and no time of the initial
/// values. Empty if the text is not what SystemC writes.
std::string with_header(std::string text, const std::string& machine, std::int64_t begin) {
  const std::size_t variables = text.find("$scope");
  if (variables == std::string::npos) return "";
  text.replace(0, variables,
               fmt::format("$comment {}: a time unit is an NPU cycle $end\n"
                           "$version {} $end\n$timescale 1 ns $end\n\n",
                           identifier(machine), sc_core::sc_version()));
  const std::size_t comment = text.find("$comment", text.find("$enddefinitions"));
  const std::size_t values = text.find("$dumpvars");
  if (comment == std::string::npos || values == std::string::npos) return "";
  return text.replace(comment, values - comment, fmt::format("#{}\n", begin));
}

}  // namespace

/// A kernel with one process, which sets the variables of the signals.
class Waveform::Player : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(Player);
  Player(const sc_core::sc_module_name& name, const std::vector<Signal>& signals,
         std::vector<Change> changes, Window window)
      : sc_module(name), changes_(std::move(changes)), window_(window), values_(signals.size()) {
    for (std::size_t i = 0; i < signals.size(); ++i) values_[i].kind = signals[i].kind;
    while (next_ < changes_.size() && changes_[next_].cycle <= window_.begin) apply();
    SC_THREAD(play);
  }

  void trace_to(sc_core::sc_trace_file* file, const std::vector<Signal>& signals) const {
    constexpr int kByteBits = 48;
    for (std::size_t i = 0; i < signals.size(); ++i) {
      if (signals[i].kind == Signal::Kind::kFlag) {
        sc_core::sc_trace(file, values_[i].flag, signals[i].name);
      } else {
        sc_core::sc_trace(file, values_[i].number, signals[i].name, kByteBits);
      }
    }
  }

 private:
  struct Value {
    Signal::Kind kind = Signal::Kind::kFlag;
    bool flag = false;
    sc_dt::uint64 number = 0;
  };

  void apply() {
    const Change& change = changes_[next_++];
    Value& value = values_[change.signal];
    const auto number = static_cast<sc_dt::uint64>(change.value);
    value.number = value.kind == Signal::Kind::kValue ? number : value.number + number;
    value.flag = value.number != 0;
  }

  void play() {
    wait_until(window_.begin);
    while (next_ < changes_.size()) {
      wait_until(changes_[next_].cycle);
      apply();
    }
    wait_until(window_.end);
  }

  void wait_until(std::int64_t cycle) {
    if (cycle > now_cycles()) wait(cycles(cycle - now_cycles()));
  }

  const std::vector<Change> changes_;
  const Window window_;
  std::size_t next_ = 0;
  std::vector<Value> values_;
};

Waveform::Waveform(const HardwareConfig& hardware, Window window)
    : machine_(hardware.name), window_(window) {
  using Kind = Signal::Kind;
  signals_ = {{"row", Kind::kCount},
              {"pe_array.compute", Kind::kFlag},
              {"pe_array.setup", Kind::kFlag},
              {"pe_array.dispatch", Kind::kFlag},
              {"pe_array.stall_features", Kind::kFlag},
              {"pe_array.stall_weights", Kind::kFlag},
              {"pe_array.stall_bias", Kind::kFlag},
              {"pe_array.stall_write", Kind::kFlag},
              {"vector_unit.busy", Kind::kFlag},
              {"dram.read", Kind::kFlag},
              {"dram.write", Kind::kFlag},
              {"dma.outstanding_reads", Kind::kCount},
              {"dma.outstanding_writes", Kind::kCount}};
  for (const OnChipBufferInfo& buffer : on_chip_buffers(hardware)) {
    signals_.push_back({identifier(buffer.name) + ".bytes", Kind::kValue});
    before_.push_back({window_.begin, signals_.size() - 1, 0});
  }
}

void Waveform::add(const Change& change) {
  if (changes_.size() == kMaxChanges) {
    throw InputError(
        fmt::format("--vcd: the dump would have more than {} changes; choose a narrower --window",
                    kMaxChanges));
  }
  changes_.push_back(change);
}

void Waveform::add_interval(std::size_t signal, std::int64_t begin, std::int64_t end,
                            std::int64_t value) {
  begin = std::max(begin, window_.begin);
  end = std::min(end, window_.end);
  if (begin >= end) return;
  add({begin, signal, value});
  add({end, signal, -value});
}

void Waveform::on_event(const Event& event) {
  const std::int64_t begin = event.begin_cycle;
  const std::int64_t end = event.end_cycle;
  total_cycles_ = std::max(total_cycles_, end);
  switch (event.kind) {
    case EventKind::kLayer:
      return add_interval(kRow, begin, end, event.layer + 1);
    case EventKind::kCompute:
      return add_interval(kCompute, begin, end);
    case EventKind::kSetup:
      return add_interval(kSetup, begin, end);
    case EventKind::kDispatch:
      return add_interval(kDispatch, begin, end);
    case EventKind::kStall:
      return add_interval(stall_of(event.cause), begin, end);
    case EventKind::kVector:
      return add_interval(kVectorUnitBusy, begin, end);
    case EventKind::kRequest:
      return add_interval(kOutstandingReads, begin, end);
    case EventKind::kStore:
      return add_interval(kOutstandingWrites, begin, end);
    case EventKind::kTransfer:
      if (event.unit != Unit::kDram) return;
      return add_interval(event.cause == Cause::kWrite ? kDramWrite : kDramRead, begin, end);
    case EventKind::kOccupancy: {
      const auto buffer = static_cast<std::size_t>(event.index);
      if (begin <= window_.begin) {
        before_.at(buffer).value = event.amount;
      } else if (begin < window_.end) {
        add({begin, kNumFixed + buffer, event.amount});
      }
      return;
    }
  }
}

/// By cycle; of one signal in one cycle, in order of their events.
std::vector<Waveform::Change> Waveform::changes_in_order() const {
  std::vector<Change> changes = before_;
  changes.insert(changes.end(), changes_.begin(), changes_.end());
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Change& a, const Change& b) { return a.cycle < b.cycle; });
  return changes;
}

std::string Waveform::to_vcd() const {
  if (window_.begin >= total_cycles_) {
    throw InputError(
        fmt::format("--window {}: the run has {} cycles", window_.begin, total_cycles_));
  }
  const Window window{window_.begin, std::min(window_.end, total_cycles_)};
  const ScratchDirectory scratch;
  const std::filesystem::path file = scratch.path() / "run";
  {
    // It would announce the time unit on standard output.
    sc_core::sc_report_handler::set_actions(sc_core::SC_ID_TRACING_TIMESCALE_DEFAULT_,
                                            sc_core::SC_INFO, sc_core::SC_DO_NOTHING);
    KernelPtr kernel(new sc_core::sc_simcontext);
    const KernelUse use(kernel.get());
    auto player = std::make_unique<Player>("player", signals_, changes_in_order(), window);
    sc_core::sc_trace_file* trace = sc_core::sc_create_vcd_trace_file(file.c_str());
    player->trace_to(trace, signals_);
    use.start();
    sc_core::sc_close_vcd_trace_file(trace);
    player.reset();
    kernel.reset();
  }
  std::ifstream written(file.string() + ".vcd", std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(written), {});
  // SystemC ignores errors of the file; the last line is missing if the disk is full.
  std::string dump = with_header(text, machine_, window.begin);
  if (dump.empty() || !dump.ends_with(fmt::format("\n#{}\n", window.end))) {
    throw IoError(fmt::format("{}: cannot write a temporary file", scratch.path().string()));
  }
  return dump;
}

}  // namespace tilewake
