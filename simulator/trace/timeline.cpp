// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/timeline.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <queue>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

constexpr int kProcess = 1;

std::string_view cause_name(Cause cause) {
  switch (cause) {
    case Cause::kFeatures:
      return "features";
    case Cause::kWeights:
      return "weights";
    case Cause::kBias:
      return "bias";
    case Cause::kWrite:
      return "write";
    case Cause::kNone:
      break;
  }
  return "none";
}

/// An uninterrupted part of an event.
struct Slice {
  const Event* event = nullptr;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  bool is_first = true;  // of the event
};

/// Splits events where a later one begins inside. The latest event owns the track; of two that
/// begin together the shorter one, and a stall before the event that it delays.
std::vector<Slice> without_overlap(std::vector<const Event*> events) {
  std::stable_sort(events.begin(), events.end(), [](const Event* a, const Event* b) {
    return std::tuple(a->begin_cycle, b->end_cycle, a->kind) <
           std::tuple(b->begin_cycle, a->end_cycle, b->kind);
  });
  std::vector<Slice> slices;
  std::vector<Slice> open;  // interrupted slices, innermost last
  std::int64_t now = std::numeric_limits<std::int64_t>::min();
  const auto advance = [&](std::int64_t to) {  // draws the innermost one up to `to`
    Slice& top = open.back();
    if (to > now) {
      slices.push_back({top.event, now, to, top.is_first});
      top.is_first = false;
      now = to;
    }
  };
  const auto close_until = [&](std::int64_t time) {
    while (!open.empty() && open.back().end <= time) {
      advance(open.back().end);
      open.pop_back();
    }
  };
  for (const Event* event : events) {
    close_until(event->begin_cycle);
    if (!open.empty()) advance(event->begin_cycle);
    now = std::max(now, event->begin_cycle);
    open.push_back({event, event->begin_cycle, event->end_cycle});
  }
  close_until(std::numeric_limits<std::int64_t>::max());
  return slices;
}

/// Distributes events over the minimum number of lanes; each event takes the first free one.
std::vector<std::vector<const Event*>> into_lanes(std::vector<const Event*> events) {
  std::stable_sort(events.begin(), events.end(),
                   [](const Event* a, const Event* b) { return a->begin_cycle < b->begin_cycle; });
  using Busy = std::pair<std::int64_t, std::size_t>;  // end time, lane
  std::priority_queue<Busy, std::vector<Busy>, std::greater<>> busy;
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> free;
  std::vector<std::vector<const Event*>> lanes;
  for (const Event* event : events) {
    while (!busy.empty() && busy.top().first <= event->begin_cycle) {
      free.push(busy.top().second);
      busy.pop();
    }
    if (free.empty()) {
      free.push(lanes.size());
      lanes.emplace_back();
    }
    lanes[free.top()].push_back(event);
    busy.emplace(event->end_cycle, free.top());
    free.pop();
  }
  return lanes;
}

/// Bytes per direction in windows of equal length; the last one may be shorter.
class BandwidthWindows {
 public:
  struct Bytes {
    std::int64_t read = 0;
    std::int64_t write = 0;
    friend bool operator==(const Bytes&, const Bytes&) = default;
  };

  explicit BandwidthWindows(std::int64_t total_cycles) : total_cycles_(total_cycles) {
    while (ceil_div(total_cycles, window_cycles_) > TimelineRecorder::kMaxWindows) {
      window_cycles_ *= 2;
    }
    windows_.resize(static_cast<std::size_t>(
        std::max<std::int64_t>(1, ceil_div(total_cycles, window_cycles_))));
  }

  std::int64_t window_cycles() const { return window_cycles_; }
  const std::vector<Bytes>& windows() const { return windows_; }
  std::int64_t begin_of(std::size_t window) const {
    return std::min(static_cast<std::int64_t>(window) * window_cycles_, total_cycles_);
  }

  /// Distributes the bytes of a transfer evenly over its slices. Without any, they count for the
  /// cycle in which it begins.
  void add(const Event& transfer, const std::vector<Slice>& slices) {
    std::int64_t cycles = 0;
    for (const Slice& slice : slices) cycles += slice.end - slice.begin;
    const auto bytes_until = [&](std::int64_t cycle) {
      return static_cast<std::int64_t>(Wide{transfer.amount} * cycle / cycles);
    };
    if (cycles == 0) {
      const auto last = static_cast<std::int64_t>(windows_.size()) - 1;
      const std::int64_t window = std::min(transfer.begin_cycle / window_cycles_, last);
      return add(window, transfer.cause, transfer.amount);
    }
    std::int64_t done = 0;
    for (const Slice& slice : slices) {
      for (std::int64_t cycle = slice.begin; cycle < slice.end;) {
        const std::int64_t window = cycle / window_cycles_;
        const std::int64_t end = std::min((window + 1) * window_cycles_, slice.end);
        add(window, transfer.cause, bytes_until(done + end - cycle) - bytes_until(done));
        done += end - cycle;
        cycle = end;
      }
    }
  }

 private:
  __extension__ using Wide = __int128;

  void add(std::int64_t window, Cause cause, std::int64_t bytes) {
    Bytes& sum = windows_[static_cast<std::size_t>(window)];
    (cause == Cause::kWrite ? sum.write : sum.read) += bytes;
  }

  std::int64_t total_cycles_;
  std::int64_t window_cycles_ = 1;
  std::vector<Bytes> windows_;
};

/// A load, the computation that needs it, and the store of the result.
struct Flow {
  const Event* load = nullptr;
  const Event* compute = nullptr;
  const Event* store = nullptr;
};

/// One flow per store: from the computation that ends last before it, back to the last load that
/// this step or an earlier one waited for.
std::vector<Flow> flows_of(const std::vector<Event>& events) {
  std::vector<const Event*> loads;
  std::vector<const Event*> computations;
  std::vector<const Event*> stores;
  for (const Event& event : events) {
    if (event.step < 0) continue;
    if (event.kind == EventKind::kRequest) loads.push_back(&event);
    if (event.kind == EventKind::kCompute) computations.push_back(&event);
    if (event.kind == EventKind::kStore) stores.push_back(&event);
  }
  std::stable_sort(loads.begin(), loads.end(),
                   [](const Event* a, const Event* b) { return a->step < b->step; });
  std::stable_sort(stores.begin(), stores.end(), [](const Event* a, const Event* b) {
    return std::tuple(a->step, a->begin_cycle) < std::tuple(b->step, b->begin_cycle);
  });
  std::vector<Flow> flows;
  std::vector<const Event*> pending;  // loads of these steps that end after the computation
  const Event* last_load = nullptr;
  std::size_t num_loads = 0;
  for (const Event* store : stores) {
    const auto after = std::partition_point(
        computations.begin(), computations.end(),
        [&](const Event* compute) { return compute->end_cycle <= store->begin_cycle; });
    if (after == computations.begin() || (*(after - 1))->step != store->step) continue;
    const Event* compute = *(after - 1);
    for (; num_loads < loads.size() && loads[num_loads]->step <= store->step; ++num_loads) {
      pending.push_back(loads[num_loads]);
    }
    std::erase_if(pending, [&](const Event* load) {
      if (load->end_cycle > compute->begin_cycle) return false;
      if (last_load == nullptr || load->end_cycle >= last_load->end_cycle) last_load = load;
      return true;
    });
    if (last_load != nullptr) flows.push_back({last_load, compute, store});
  }
  return flows;
}

/// Writes the file sequentially, one track at a time.
class Writer {
 public:
  Writer(const TimelineMachine& machine, const std::vector<TraceRow>& rows)
      : clock_mhz_(machine.clock_mhz), rows_(rows) {
    for (const TraceRow& row : rows) layers_.push_back(json_string(row.layer));
    append(
        "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
        "{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{},\"args\":{{\"name\":{}}}}}",
        kProcess, json_string(machine.name));
  }

  /// Starts a track; the following slices belong to it.
  void begin_track(const std::string& name) {
    ++track_;
    append(
        ",\n{{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":{0},\"tid\":{1},"
        "\"args\":{{\"name\":\"{2}\"}}}},\n{{\"ph\":\"M\",\"name\":\"thread_sort_index\","
        "\"pid\":{0},\"tid\":{1},\"args\":{{\"sort_index\":{1}}}}}",
        kProcess, track_, name);
  }

  void add_slice(const Slice& slice) {
    const Event& event = *slice.event;
    begin_event("X", slice.begin);
    append(",\"dur\":");
    append_microseconds(picoseconds(slice.end) - picoseconds(slice.begin));
    append(",\"name\":");
    append_name(event);
    append(",\"args\":{{\"cycles\":{}", slice.end - slice.begin);
    if (moves_data(event) && slice.is_first) append(",\"bytes\":{}", event.amount);
    if (event.kind == EventKind::kLayer) append_layer(row_of(event));
    append(",\"layer\":{}}}}}", layer_name(event));
    if (slice.is_first) places_.try_emplace(&event, Place{track_, slice.begin});
  }

  /// An event that takes no time.
  void add_instant(const Event& event) {
    begin_event("i", event.begin_cycle);
    append(",\"s\":\"t\",\"name\":");
    append_name(event);
    append(",\"args\":{{\"bytes\":{},\"layer\":{}}}}}", event.amount, layer_name(event));
    places_.try_emplace(&event, Place{track_, event.begin_cycle});
  }

  /// An arrow through three drawn events; without them none.
  void add_flow(const Flow& flow) {
    std::pair<std::string_view, const Event*> points[] = {
        {"s", flow.load}, {"t", flow.compute}, {"f", flow.store}};
    for (const auto& [phase, event] : points) {
      if (!places_.contains(event)) return;
    }
    ++num_flows_;
    for (const auto& [phase, event] : points) {
      const Place& place = places_.at(event);
      begin_event(phase, place.begin, place.track);
      append(",\"id\":{},\"cat\":\"data\",\"name\":\"data\"{}}}", num_flows_,
             phase == "s" ? "" : ",\"bp\":\"e\"");
    }
  }

  /// Samples where the bandwidth changes, and zero at the end.
  void add_bandwidth(const BandwidthWindows& bandwidth) {
    const auto& windows = bandwidth.windows();
    const auto sample = [&](std::int64_t cycle, double read_gbs, double write_gbs) {
      begin_event("C", cycle);
      append(",\"name\":\"DRAM bandwidth\",\"args\":{{\"read_gbs\":{},\"write_gbs\":{}}}}}",
             read_gbs, write_gbs);
    };
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const std::int64_t begin = bandwidth.begin_of(i);
      const std::int64_t cycles = bandwidth.begin_of(i + 1) - begin;
      const bool is_last = i + 1 == windows.size();  // may have another length
      if (i > 0 && !is_last && windows[i] == windows[i - 1]) continue;
      const double nanoseconds =
          static_cast<double>(cycles) * 1e3 / static_cast<double>(clock_mhz_);
      sample(begin, static_cast<double>(windows[i].read) / nanoseconds,
             static_cast<double>(windows[i].write) / nanoseconds);
    }
    sample(bandwidth.begin_of(windows.size()), 0, 0);
  }

  void add_occupancy(const std::string& buffer, std::int64_t cycle, std::int64_t bytes) {
    begin_event("C", cycle);
    append(",\"name\":\"{} occupancy\",\"args\":{{\"bytes\":{}}}}}", buffer, bytes);
  }

  /// The mean power of each layer.
  void add_power(const std::vector<Event>& events) {
    const auto sample = [&](std::int64_t cycle, double chip_mw, double dram_mw) {
      begin_event("C", cycle);
      append(",\"name\":\"power\",\"args\":{{\"chip_mw\":{},\"dram_mw\":{}}}}}", chip_mw, dram_mw);
    };
    const bool has_energies = std::any_of(rows_.begin(), rows_.end(),
                                          [](const TraceRow& row) { return row.energy_uj > 0.0; });
    if (!has_energies) return;
    std::int64_t end = 0;
    for (const Event& event : events) {
      if (event.kind != EventKind::kLayer || event.end_cycle == event.begin_cycle) continue;
      const TraceRow& row = row_of(event);
      const double microseconds = static_cast<double>(event.end_cycle - event.begin_cycle) /
                                  static_cast<double>(clock_mhz_);
      sample(event.begin_cycle, 1e3 * (row.energy_uj - row.energy_dram_uj) / microseconds,
             1e3 * row.energy_dram_uj / microseconds);
      end = std::max(end, event.end_cycle);
    }
    sample(end, 0, 0);
  }

  std::string finish(const TimelineMachine& machine, const BandwidthWindows& bandwidth) {
    append("\n],\"otherData\":{{\"clock_mhz\":{},\"dram_window_cycles\":{},\"buffer_bytes\":{{",
           machine.clock_mhz, bandwidth.window_cycles());
    for (std::size_t i = 0; i < machine.buffers.size(); ++i) {
      append("{}\"{}\":{}", i == 0 ? "" : ",", machine.buffers[i].name, machine.buffers[i].bytes);
    }
    append("}}}}}}\n");
    return fmt::to_string(text_);
  }

 private:
  /// Where the first slice of an event is drawn.
  struct Place {
    int track = 0;
    std::int64_t begin = 0;
  };

  template <typename... Args>
  void append(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  /// The object is left open.
  void begin_event(std::string_view phase, std::int64_t cycle, int track) {
    append(",\n{{\"ph\":\"{}\",\"pid\":{},\"tid\":{},\"ts\":", phase, kProcess, track);
    append_microseconds(picoseconds(cycle));
  }
  void begin_event(std::string_view phase, std::int64_t cycle) {
    begin_event(phase, cycle, phase == "C" ? 0 : track_);
  }

  static bool moves_data(const Event& event) {
    return event.kind == EventKind::kTransfer || event.kind == EventKind::kRequest ||
           event.kind == EventKind::kStore;
  }

  static std::string stride_json(const Steps& stride) {
    return stride.are_equal() ? to_string(stride) : fmt::format("\"{}\"", to_string(stride));
  }

  void append_layer(const TraceRow& row) {
    append(
        ",\"dram_read_bytes\":{},\"dram_write_bytes\":{},\"op\":\"{}\",\"input\":\"{}x{}x{}\","
        "\"kernel\":\"{}\",\"stride\":{},\"groups\":{},\"output\":\"{}x{}x{}\",\"macs\":{}",
        row.dram_read_bytes, row.dram_write_bytes, to_string(row.op), row.ic, row.ih, row.iw,
        to_string(row.kernel), stride_json(row.stride), row.groups, row.oc, row.oh, row.ow,
        row.macs);
  }

  // Valid: to_json rejects events of unknown layers.
  const std::string& layer_name(const Event& event) const {
    return layers_[static_cast<std::size_t>(event.layer)];
  }
  const TraceRow& row_of(const Event& event) const {
    return rows_[static_cast<std::size_t>(event.layer)];
  }

  void append_name(const Event& event) {
    switch (event.kind) {
      case EventKind::kLayer:
      case EventKind::kCompute:
      case EventKind::kVector:
        return append("{}", layer_name(event));
      case EventKind::kSetup:
        return append("\"setup\"");
      case EventKind::kDispatch:
        return append("\"dispatch\"");
      case EventKind::kStall:
        return append("\"stall: {}\"", cause_name(event.cause));
      case EventKind::kRequest:
      case EventKind::kTransfer:
        return append("\"{}\"", cause_name(event.cause));
      case EventKind::kStore:
        return append("\"store\"");
      case EventKind::kOccupancy:
        break;  // not a slice
    }
  }

  /// Integers, so that adjacent slices stay adjacent after rounding. Saturates after 106 days.
  std::int64_t picoseconds(std::int64_t cycles) const {
    const long double value = static_cast<long double>(cycles) * 1e6L / clock_mhz_;
    constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
    return value < static_cast<long double>(kMax) ? std::llround(value) : kMax;
  }

  void append_microseconds(std::int64_t picoseconds) {
    append("{}", picoseconds / 1'000'000);
    std::int64_t fraction = picoseconds % 1'000'000;
    if (fraction == 0) return;
    int digits = 6;
    for (; fraction % 10 == 0; fraction /= 10) --digits;
    append(".{:0{}}", fraction, digits);
  }

  const long double clock_mhz_;
  const std::vector<TraceRow>& rows_;
  std::vector<std::string> layers_;  // as JSON strings
  int track_ = 0;
  int num_flows_ = 0;
  std::unordered_map<const Event*, Place> places_;
  fmt::memory_buffer text_;
};

/// Units with a track (or one track per index), in display order.
constexpr std::pair<Unit, std::string_view> kTracks[] = {
    {Unit::kSequencer, "layers"},
    {Unit::kPeArray, "PE array"},
    {Unit::kVectorUnit, "vector unit"},
    {Unit::kDram, "DRAM data bus"},
    {Unit::kFeatureMemory, "feature memory"},
    {Unit::kFmem, "FMEM bank {}"},
    {Unit::kWmem, "WMEM slot {}"},
    {Unit::kBmmem, "BMMEM slot {}"},
};

/// Of the samples of one cycle, the last one.
void add_occupancies(const TimelineMachine& machine, const std::vector<Event>& events,
                     Writer& writer) {
  std::vector<const Event*> last(machine.buffers.size());
  const auto flush = [&](std::size_t buffer) {
    if (last[buffer] == nullptr) return;
    writer.add_occupancy(machine.buffers[buffer].name, last[buffer]->begin_cycle,
                         last[buffer]->amount);
  };
  for (const Event& event : events) {
    if (event.kind != EventKind::kOccupancy) continue;
    const auto buffer = static_cast<std::size_t>(event.index);
    const Event*& before = last.at(buffer);
    if (before != nullptr && before->begin_cycle != event.begin_cycle) flush(buffer);
    before = &event;
  }
  for (std::size_t i = 0; i < last.size(); ++i) flush(i);
}

/// A DRAM event has the index of the slot that it fills, but there is one data bus.
int track_index(const Event& event) {
  const bool is_banked =
      event.unit == Unit::kFmem || event.unit == Unit::kWmem || event.unit == Unit::kBmmem;
  return is_banked ? event.index : 0;
}

}  // namespace

void TimelineRecorder::on_event(const Event& event) {
  if (events_.size() == max_events_) {
    throw InputError(fmt::format(
        "the timeline would have more than {} events; --vcd shows a part of a run", max_events_));
  }
  events_.push_back(event);
}

std::string TimelineRecorder::to_json(const TimelineMachine& machine,
                                      const std::vector<TraceRow>& rows) const {
  std::map<std::pair<Unit, int>, std::vector<const Event*>> tracks;
  std::vector<const Event*> stores;  // that take no time
  std::int64_t total_cycles = 0;
  for (const Event& event : events_) {
    total_cycles = std::max(total_cycles, event.end_cycle);
    if (event.kind == EventKind::kOccupancy) continue;
    if (event.layer < 0 || static_cast<std::size_t>(event.layer) >= rows.size()) {
      throw SimulationError(fmt::format("timeline: event of unknown layer {}", event.layer));
    }
    if (event.end_cycle > event.begin_cycle) {
      tracks[{event.unit, track_index(event)}].push_back(&event);
    } else if (event.kind == EventKind::kStore) {
      stores.push_back(&event);
    }
  }
  Writer writer(machine, rows);
  std::unordered_map<const Event*, std::vector<Slice>> on_bus;
  const auto add_track = [&](const std::string& name, std::vector<const Event*> events) {
    writer.begin_track(name);
    for (const Slice& slice : without_overlap(std::move(events))) {
      writer.add_slice(slice);
      if (slice.event->unit == Unit::kDram) on_bus[slice.event].push_back(slice);
    }
  };
  for (const auto& [unit, name] : kTracks) {
    for (const auto& [key, events] : tracks) {
      if (key.first == unit) add_track(fmt::format(fmt::runtime(name), key.second), events);
    }
  }
  int num_lanes = 0;
  for (auto& lane : into_lanes(tracks[{Unit::kDma, 0}])) {
    add_track(fmt::format("DMA requests {}", num_lanes++), std::move(lane));
  }
  if (!stores.empty()) writer.begin_track("stores");
  for (const Event* store : stores) writer.add_instant(*store);
  for (const Flow& flow : flows_of(events_)) writer.add_flow(flow);

  BandwidthWindows bandwidth(total_cycles);
  for (const Event& event : events_) {
    if (event.unit == Unit::kDram && event.kind == EventKind::kTransfer && event.counted) {
      bandwidth.add(event, on_bus[&event]);
    }
  }
  if (total_cycles > 0) {
    writer.add_bandwidth(bandwidth);
    writer.add_power(events_);
  }
  add_occupancies(machine, events_, writer);
  return writer.finish(machine, bandwidth);
}

}  // namespace tilewake
