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
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
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

/// Bytes moved by a layer, attached to its slice because a store takes no time.
struct Traffic {
  std::int64_t read_bytes = 0;
  std::int64_t write_bytes = 0;
};

/// Writes the file sequentially, one track at a time.
class Writer {
 public:
  Writer(const std::string& machine, double clock_mhz, const std::vector<std::string>& layers,
         std::vector<Traffic> traffic)
      : clock_mhz_(clock_mhz), traffic_(std::move(traffic)) {
    for (const std::string& layer : layers) layers_.push_back(json_string(layer));
    append(
        "{{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n"
        "{{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":{},\"args\":{{\"name\":{}}}}}",
        kProcess, json_string(machine));
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
    append(",\n{{\"ph\":\"X\",\"pid\":{},\"tid\":{},\"ts\":", kProcess, track_);
    const std::int64_t begin = picoseconds(slice.begin);
    append_microseconds(begin);
    append(",\"dur\":");
    append_microseconds(picoseconds(slice.end) - begin);
    append(",\"name\":");
    append_name(event);
    append(",\"args\":{{\"cycles\":{}", slice.end - slice.begin);
    const bool moves_data = event.kind == EventKind::kTransfer ||
                            event.kind == EventKind::kRequest || event.kind == EventKind::kStore;
    if (moves_data && slice.is_first) append(",\"bytes\":{}", event.amount);
    if (event.kind == EventKind::kLayer) {
      const Traffic& traffic = traffic_of(event);
      append(",\"dram_read_bytes\":{},\"dram_write_bytes\":{}", traffic.read_bytes,
             traffic.write_bytes);
    }
    append(",\"layer\":{}}}}}", layer_name(event));
  }

  std::string finish() {
    append("\n]}}\n");
    return fmt::to_string(text_);
  }

 private:
  template <typename... Args>
  void append(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  // Valid: to_json rejects events of unknown layers.
  const std::string& layer_name(const Event& event) const {
    return layers_[static_cast<std::size_t>(event.layer)];
  }
  const Traffic& traffic_of(const Event& event) const {
    return traffic_[static_cast<std::size_t>(event.layer)];
  }

  void append_name(const Event& event) {
    switch (event.kind) {
      case EventKind::kLayer:
      case EventKind::kCompute:
        return append("{}", layer_name(event));
      case EventKind::kSetup:
        return append("\"setup\"");
      case EventKind::kStall:
        return append("\"stall: {}\"", cause_name(event.cause));
      case EventKind::kRequest:
      case EventKind::kTransfer:
        return append("\"{}\"", cause_name(event.cause));
      case EventKind::kStore:
        return append("\"store\"");
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
  const std::vector<Traffic> traffic_;  // by layer
  std::vector<std::string> layers_;     // as JSON strings
  int track_ = 0;
  fmt::memory_buffer text_;
};

/// Units with a track (or one track per index), in display order.
constexpr std::pair<Unit, std::string_view> kTracks[] = {
    {Unit::kSequencer, "layers"},  {Unit::kPeArray, "PE array"},  {Unit::kDram, "DRAM data bus"},
    {Unit::kFmem, "FMEM bank {}"}, {Unit::kWmem, "WMEM slot {}"}, {Unit::kBmmem, "BMMEM slot {}"},
};

/// A DRAM event has the index of the slot that it fills, but there is one data bus.
int track_index(const Event& event) {
  const bool is_banked =
      event.unit == Unit::kFmem || event.unit == Unit::kWmem || event.unit == Unit::kBmmem;
  return is_banked ? event.index : 0;
}

}  // namespace

std::string TimelineRecorder::to_json(const std::string& machine, double clock_mhz,
                                      const std::vector<std::string>& layers) const {
  std::map<std::pair<Unit, int>, std::vector<const Event*>> tracks;
  std::vector<Traffic> traffic(layers.size());
  for (const Event& event : events_) {
    const auto layer = static_cast<std::size_t>(event.layer);
    if (event.layer < 0 || layer >= layers.size()) {
      throw SimulationError(fmt::format("timeline: event of unknown layer {}", event.layer));
    }
    if (event.kind == EventKind::kRequest) traffic[layer].read_bytes += event.amount;
    if (event.kind == EventKind::kStore) traffic[layer].write_bytes += event.amount;
    if (event.end_cycle > event.begin_cycle) {
      tracks[{event.unit, track_index(event)}].push_back(&event);
    }
  }
  Writer writer(machine, clock_mhz, layers, std::move(traffic));
  const auto add_track = [&writer](const std::string& name, std::vector<const Event*> events) {
    writer.begin_track(name);
    for (const Slice& slice : without_overlap(std::move(events))) writer.add_slice(slice);
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
  return writer.finish();
}

}  // namespace tilewake
