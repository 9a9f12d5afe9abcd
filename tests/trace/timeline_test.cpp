// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/timeline.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "simulator/common/error.hpp"
#include "tests/support/random.hpp"
#include "tests/trace/trace_fixture.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;

const std::vector<std::string> kNames = {"conv", "point", "pool"};

struct Slice {
  std::string name;
  double begin = 0.0;  // in cycles, from `ts`
  double cycles = 0.0;
  Json args;
};

std::string timeline_text(const std::vector<Event>& events, double clock_mhz = 1000.0,
                          const std::vector<std::string>& names = kNames) {
  TimelineRecorder recorder;
  for (const Event& event : events) recorder.on_event(event);
  std::vector<TraceRow> rows = small_rows();
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i].layer = names[i];
  return recorder.to_json({"toy", clock_mhz, {{"FMEM", 1000}, {"WMEM", 400}}}, rows);
}

/// Events of phase `phase`, in the order of the file.
std::vector<Json> events_of(const std::string& text, const std::string& phase) {
  std::vector<Json> found;
  const Json json = Json::parse(text);
  for (const Json& event : json["traceEvents"]) {
    if (event["ph"] == phase) found.push_back(event);
  }
  return found;
}

/// Bytes that the bandwidth counter adds up to, read and written.
std::pair<double, double> bytes_on_bus(const std::string& text, double clock_mhz) {
  std::pair<double, double> bytes;
  Json before;
  for (const Json& sample : events_of(text, "C")) {
    if (sample["name"] != "DRAM bandwidth") continue;
    if (!before.is_null()) {
      const double us = sample["ts"].get<double>() - before["ts"].get<double>();
      const double ns = std::round(us * clock_mhz) * 1e3 / clock_mhz;
      bytes.first += ns * before["args"]["read_gbs"].get<double>();
      bytes.second += ns * before["args"]["write_gbs"].get<double>();
    }
    before = sample;
  }
  EXPECT_EQ(before["args"], Json::parse(R"({"read_gbs": 0.0, "write_gbs": 0.0})"));
  return bytes;
}

Event transfer(Cause cause, std::int64_t begin, std::int64_t end, std::int64_t bytes) {
  return {Unit::kDram, EventKind::kTransfer, cause, 0, 0, begin, end, bytes};
}

/// The slices of every track, by its name, ordered by time.
std::map<std::string, std::vector<Slice>> tracks_of(const std::vector<Event>& events,
                                                    double clock_mhz = 1000.0) {
  std::map<int, std::string> names;
  std::map<std::string, std::vector<Slice>> tracks;
  const Json json = Json::parse(timeline_text(events, clock_mhz));
  for (const Json& event : json["traceEvents"]) {
    if (event["name"] == "thread_name") names[event["tid"]] = event["args"]["name"];
    if (event["ph"] != "X") continue;
    tracks[names.at(event["tid"])].push_back({event["name"], event["ts"].get<double>() * clock_mhz,
                                              event["dur"].get<double>() * clock_mhz,
                                              event["args"]});
  }
  for (auto& [name, slices] : tracks) {
    std::sort(slices.begin(), slices.end(),
              [](const Slice& a, const Slice& b) { return a.begin < b.begin; });
  }
  return tracks;
}

std::vector<Slice> track_of(const std::vector<Event>& events, const std::string& name) {
  return tracks_of(events)[name];
}

std::vector<std::string> text_of(const std::vector<Slice>& slices) {
  std::vector<std::string> texts;
  for (const Slice& slice : slices) {
    texts.push_back(slice.name + " " + std::to_string(std::lround(slice.begin)) + "+" +
                    std::to_string(std::lround(slice.cycles)));
  }
  return texts;
}

TEST(TimelineTest, EveryUnitHasATrackAndTheMachineItsName) {
  std::vector<std::string> tracks;
  for (const auto& [name, slices] : tracks_of(small_run())) tracks.push_back(name);
  EXPECT_THAT(tracks, ElementsAre("BMMEM slot 1", "DMA requests 0", "DMA requests 1",
                                  "DMA requests 2", "DRAM data bus", "FMEM bank 2", "PE array",
                                  "WMEM slot 0", "WMEM slot 1", "layers"));
  const Json json = Json::parse(timeline_text(small_run()));
  EXPECT_EQ(json["traceEvents"][0]["name"], "process_name");
  EXPECT_EQ(json["traceEvents"][0]["args"]["name"], "toy");
}

TEST(TimelineTest, TheArrayComputesForALayerAndStallsForACause) {
  EXPECT_THAT(text_of(track_of(small_run(), "PE array")),
              ElementsAre("setup 0+1", "conv 1+1", "stall: features 2+36", "conv 38+2",
                          "stall: write 40+2", "conv 42+8", "stall: bias 50+3", "conv 53+39",
                          "setup 92+8", "stall: weights 100+20", "point 120+22", "setup 142+8"));
}

TEST(TimelineTest, SlicesOfTheArrayAddUpToTheRows) {
  std::map<std::string, std::int64_t> cycles;
  for (const Slice& slice : track_of(small_run(), "PE array")) {
    cycles[slice.args["layer"]] += slice.args["cycles"].get<std::int64_t>();
  }
  for (const TraceRow& row : small_rows()) EXPECT_EQ(cycles[row.layer], row.total_cycles);
}

TEST(TimelineTest, APriorityTransferSplitsTheInterruptedSlice) {
  EXPECT_THAT(text_of(track_of(small_run(), "DRAM data bus")),
              ElementsAre("features 10+2", "weights 12+8", "features 20+18", "bias 40+2",
                          "weights 110+10"));
}

TEST(TimelineTest, OnlyTheFirstSliceOfATransferHasBytes) {
  std::int64_t bytes = 0;
  for (const Slice& slice : track_of(small_run(), "DRAM data bus")) {
    bytes += slice.args.value("bytes", std::int64_t{0});
  }
  EXPECT_EQ(bytes, 500 + 200 + 32 + 64);
}

TEST(TimelineTest, RequestsThatAreOutstandingTogetherHaveALaneEach) {
  auto tracks = tracks_of(small_run());
  EXPECT_THAT(text_of(tracks["DMA requests 0"]), ElementsAre("features 0+30", "weights 100+20"));
  EXPECT_THAT(text_of(tracks["DMA requests 1"]), ElementsAre("weights 4+16"));
  EXPECT_THAT(text_of(tracks["DMA requests 2"]), ElementsAre("bias 5+37"));
}

TEST(TimelineTest, ALayerSliceHasItsTraffic) {
  const auto layers = track_of(small_run(), "layers");
  EXPECT_THAT(text_of(layers), ElementsAre("conv 0+100", "point 100+50"));
  EXPECT_EQ(layers[0].args["dram_read_bytes"], 732);
  EXPECT_EQ(layers[0].args["dram_write_bytes"], 512);
}

TEST(TimelineTest, ALayerSliceHasItsShape) {
  const Json args = track_of(small_run(), "layers")[0].args;
  const TraceRow row = small_rows()[0];
  EXPECT_EQ(args["op"], "conv2d");
  EXPECT_EQ(args["input"], "16x8x8");
  EXPECT_EQ(args["kernel"], "3x5");
  EXPECT_EQ(args["stride"], 2);
  EXPECT_EQ(args["groups"], 1);
  EXPECT_EQ(args["output"], "32x4x4");
  EXPECT_EQ(args["macs"], row.macs);
}

TEST(TimelineTest, BandwidthAddsUpToTheCountedBytesForAnyTransfers) {
  Random random(11);
  for (int run = 0; run < 10; ++run) {
    std::vector<Event> events;
    std::int64_t read = 0;
    std::int64_t written = 0;
    const std::int64_t longest = run % 2 == 0 ? 100 : 100'000;  // with and without long windows
    for (int i = 0; i < 40; ++i) {
      const std::int64_t begin = random.between(0, longest);
      const bool write = random.one_in(3);
      events.push_back(transfer(write ? Cause::kWrite : Cause::kWeights, begin,
                                begin + random.between(0, longest / 4), random.between(0, 5000)));
      events.back().counted = !random.one_in(5);
      if (events.back().counted) (write ? written : read) += events.back().amount;
    }
    const auto [read_sum, written_sum] = bytes_on_bus(timeline_text(events, 933.0), 933.0);
    EXPECT_EQ(std::llround(read_sum), read);
    EXPECT_EQ(std::llround(written_sum), written);
  }
}

TEST(TimelineTest, BandwidthIsThatOfTheBusWhileNothingInterruptsIt) {
  // The weights own the bus from 100 to 200: the features move before and after.
  const std::string text = timeline_text(
      {transfer(Cause::kFeatures, 0, 300, 2000), transfer(Cause::kWeights, 100, 200, 1000)});
  for (const Json& sample : events_of(text, "C")) {
    const double expected = sample["ts"].get<double>() < 0.3 ? 10.0 : 0.0;
    EXPECT_EQ(sample["args"]["read_gbs"], expected) << sample;
  }
}

TEST(TimelineTest, AnEventInWindowsOfBoundedNumberCoversTheRun) {
  for (const std::int64_t cycles : {1L, 2047L, 2048L, 2049L, 5'000'000L}) {
    // Every window differs from the one before.
    std::vector<Event> events;
    for (std::int64_t i = 0; i < 4096; ++i) {
      const std::int64_t begin = i * cycles / 4096;
      events.push_back(transfer(Cause::kWeights, begin, begin, i * i));
    }
    events.push_back({Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, 0, 0, cycles, 0});
    const std::string text = timeline_text(events);
    const std::vector<Json> samples = events_of(text, "C");
    EXPECT_LE(static_cast<std::int64_t>(samples.size()), TimelineRecorder::kMaxWindows + 1);
    EXPECT_EQ(std::llround(1000.0 * samples.back()["ts"].get<double>()), cycles);
    const std::int64_t window = Json::parse(text)["otherData"]["dram_window_cycles"];
    EXPECT_EQ(window & (window - 1), 0);
    EXPECT_LE(cycles, window * TimelineRecorder::kMaxWindows);
  }
}

TEST(TimelineTest, OccupancyIsTheLastOneOfEachCycle) {
  std::vector<Event> events = small_run();
  for (const auto& [cycle, bytes] : {std::pair(3, 500), {10, 900}, {10, 700}, {40, 0}}) {
    events.push_back(
        {Unit::kBuffer, EventKind::kOccupancy, Cause::kNone, 0, -1, cycle, cycle, bytes});
  }
  std::vector<std::pair<std::int64_t, std::int64_t>> samples;
  const std::string text = timeline_text(events);
  for (const Json& sample : events_of(text, "C")) {
    if (sample["name"] != "FMEM occupancy") continue;
    samples.emplace_back(std::lround(1000.0 * sample["ts"].get<double>()),
                         sample["args"]["bytes"].get<std::int64_t>());
  }
  using Sample = std::pair<std::int64_t, std::int64_t>;
  EXPECT_THAT(samples, ElementsAre(Sample{3, 500}, Sample{10, 700}, Sample{40, 0}));
  EXPECT_EQ(Json::parse(text)["otherData"]["buffer_bytes"]["FMEM"], 1000);
}

TEST(TimelineTest, AFlowLeadsFromTheLastNeededLoadThroughTheComputationToTheStore) {
  const auto event = [](Unit unit, EventKind kind, Cause cause, std::int64_t begin,
                        std::int64_t end, std::int64_t step) {
    Event e{unit, kind, cause, 0, 0, begin, end, 8};
    e.step = step;
    return e;
  };
  const std::vector<Event> events = {
      event(Unit::kDma, EventKind::kRequest, Cause::kWeights, 0, 30, 0),
      event(Unit::kDma, EventKind::kRequest, Cause::kFeatures, 5, 20, 0),
      event(Unit::kDma, EventKind::kRequest, Cause::kFeatures, 6, 35, 1),  // for the next step
      event(Unit::kPeArray, EventKind::kCompute, Cause::kNone, 40, 60, 0),
      event(Unit::kPeArray, EventKind::kCompute, Cause::kNone, 60, 80, 1),
      event(Unit::kDma, EventKind::kStore, Cause::kWrite, 60, 90, 0),
      event(Unit::kDma, EventKind::kStore, Cause::kWrite, 80, 80, 1),  // takes no time
  };
  const std::string text = timeline_text(events);
  std::vector<std::int64_t> begins;
  for (const std::string phase : {"s", "t", "f"}) {
    for (const Json& point : events_of(text, phase)) {
      begins.push_back(std::lround(1000.0 * point["ts"].get<double>()));
    }
  }
  EXPECT_THAT(begins, ElementsAre(0, 6, 40, 60, 60, 80));
  EXPECT_EQ(events_of(text, "i").size(), 1U);
}

TEST(TimelineTest, MoreEventsThanTheLimitAreRefused) {
  TimelineRecorder recorder(2);
  recorder.on_event(transfer(Cause::kWeights, 0, 1, 1));
  recorder.on_event(transfer(Cause::kWeights, 1, 2, 1));
  EXPECT_THROW(recorder.on_event(transfer(Cause::kWeights, 2, 3, 1)), InputError);
}

TEST(TimelineTest, SlicesOfOneTrackNeverOverlap) {
  Random random(7);
  for (int run = 0; run < 50; ++run) {
    std::vector<Event> events;
    for (int i = 0; i < 60; ++i) {
      Event event;
      event.unit = static_cast<Unit>(random.below(7));
      event.kind = static_cast<EventKind>(random.below(7));
      event.index = static_cast<int>(random.below(3));
      event.layer = static_cast<int>(random.below(3));
      event.begin_cycle = random.between(0, 200);
      event.end_cycle = event.begin_cycle + random.between(0, 40);
      event.amount = random.between(0, 100);
      events.push_back(event);
    }
    for (const double clock_mhz : {1000.0, 933.0, 1.5, 1700.0}) {
      for (const auto& [name, slices] : tracks_of(events, clock_mhz)) {
        for (std::size_t i = 1; i < slices.size(); ++i) {
          const Slice& before = slices[i - 1];
          EXPECT_LE(before.begin + before.cycles, slices[i].begin + 1e-6) << name;
          EXPECT_GT(slices[i].cycles, 0.0) << name;
        }
      }
    }
  }
}

TEST(TimelineTest, EveryBusyCycleOfATrackIsDrawn) {
  Random random(9);
  std::vector<Event> events;
  std::vector<bool> busy(400);
  for (int i = 0; i < 40; ++i) {
    Event event;
    event.unit = Unit::kPeArray;
    event.kind = EventKind::kCompute;
    event.layer = 0;
    event.begin_cycle = random.between(0, 300);
    event.end_cycle = event.begin_cycle + random.between(1, 20);
    for (auto c = event.begin_cycle; c < event.end_cycle; ++c) {
      busy[static_cast<std::size_t>(c)] = true;
    }
    events.push_back(event);
  }
  std::int64_t drawn = 0;
  for (const Slice& slice : track_of(events, "PE array")) {
    drawn += slice.args["cycles"].get<std::int64_t>();
  }
  EXPECT_EQ(drawn, std::count(busy.begin(), busy.end(), true));
}

TEST(TimelineTest, TimesAreExactInMicroseconds) {
  std::vector<Event> events = {
      {Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, 0, 1, 1234567890123, 0}};
  const std::string text = timeline_text(events);
  EXPECT_NE(text.find("\"ts\":0.001,\"dur\":1234567890.122,"), std::string::npos) << text;
  // A third of a cycle is rounded to the picosecond, and slices that touch still do.
  events = {{Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, 0, 0, 1, 0},
            {Unit::kSequencer, EventKind::kLayer, Cause::kNone, 0, 1, 1, 3, 0}};
  const std::string thirds = timeline_text(events, 3.0);
  EXPECT_NE(thirds.find("\"ts\":0,\"dur\":0.333333,"), std::string::npos) << thirds;
  EXPECT_NE(thirds.find("\"ts\":0.333333,\"dur\":0.666667,"), std::string::npos) << thirds;
}

TEST(TimelineTest, IsValidJsonForAnyLayerName) {
  const std::vector<std::string> strange = {"quote \" back \\ slash", "line\nbreak\ttab",
                                            "\xff\xfe not utf-8 \x01 \x7f"};
  const Json json = Json::parse(timeline_text(small_run(), 1000.0, strange));
  std::vector<std::string> names;
  for (const Json& event : json["traceEvents"]) names.push_back(event["name"]);
  EXPECT_THAT(names, Contains(strange[0]));
  EXPECT_THAT(names, Contains(strange[1]));
}

TEST(TimelineTest, ARunWithoutEventsIsStillValidJson) {
  EXPECT_EQ(Json::parse(timeline_text({}))["traceEvents"].size(), 1U);
}

TEST(TimelineTest, EqualEventsGiveEqualBytes) {
  EXPECT_EQ(timeline_text(small_run()), timeline_text(small_run()));
}

TEST(TimelineTest, AnEventOfAnUnknownLayerIsAnInternalError) {
  const Event event{Unit::kPeArray, EventKind::kCompute, Cause::kNone, 0, 3, 0, 1, 1};
  EXPECT_THROW(timeline_text({event}), SimulationError);
}

}  // namespace
}  // namespace tilewake
