// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/waveform.hpp"

#include <cstdint>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kEnd = 1000;

/// A dump, read back: for each signal, its value from each time on.
struct Dump {
  explicit Dump(const std::string& text) {
    std::istringstream words(text);
    std::map<std::string, std::string> names;
    std::vector<std::string> scopes;
    std::int64_t time = -1;
    for (std::string word; words >> word;) {
      if (word == "$scope") {
        std::string kind;
        words >> kind >> word;
        scopes.push_back(word);
      } else if (word == "$upscope") {
        scopes.pop_back();
      } else if (word == "$var") {
        std::string kind, width, id, name;
        words >> kind >> width >> id >> name;
        names[id] = (scopes.size() > 1 ? scopes.back() + "." : "") + name;
      } else if (word[0] == '#') {
        const std::int64_t next = std::stoll(word.substr(1));
        EXPECT_GE(next, time);
        if (times.empty()) begin = next;
        time = next;
        times.push_back(time);
      } else if (time >= 0 && word[0] == 'b') {
        std::string id;
        words >> id;
        values[names.at(id)][time] = std::stoll(word.substr(1), nullptr, 2);
      } else if (time >= 0 && (word[0] == '0' || word[0] == '1')) {
        values[names.at(word.substr(1))][time] = word[0] - '0';
      }
    }
  }

  /// The sum of the value over the dump.
  std::int64_t integral(const std::string& signal) const {
    std::int64_t sum = 0;
    const auto& changes = values.at(signal);
    for (auto it = changes.begin(); it != changes.end(); ++it) {
      const auto next = std::next(it);
      sum += it->second * ((next == changes.end() ? times.back() : next->first) - it->first);
    }
    return sum;
  }

  std::int64_t begin = -1;
  std::vector<std::int64_t> times;
  std::map<std::string, std::map<std::int64_t, std::int64_t>> values;
};

Event event_of(Unit unit, EventKind kind, std::int64_t begin, std::int64_t end,
               std::int64_t amount = 0) {
  return {unit, kind, Cause::kFeatures, 0, 0, begin, end, amount};
}

const std::vector<Event>& run_events() {
  static const std::vector<Event> events = {
      event_of(Unit::kBuffer, EventKind::kOccupancy, 0, 0, 64),
      event_of(Unit::kPeArray, EventKind::kStall, 0, 100),
      event_of(Unit::kDma, EventKind::kRequest, 0, 100),
      event_of(Unit::kDram, EventKind::kTransfer, 40, 100),
      event_of(Unit::kDma, EventKind::kRequest, 50, 400),
      event_of(Unit::kPeArray, EventKind::kCompute, 100, 400),
      event_of(Unit::kBuffer, EventKind::kOccupancy, 300, 300, 16),
      event_of(Unit::kPeArray, EventKind::kCompute, 400, 900),
      event_of(Unit::kVectorUnit, EventKind::kVector, 850, 900),
      event_of(Unit::kPeArray, EventKind::kSetup, 900, kEnd),
      event_of(Unit::kSequencer, EventKind::kLayer, 0, kEnd),
  };
  return events;
}

std::string vcd_of(Waveform::Window window) {
  Waveform waveform(shipped_machine("midap"), window);
  for (const Event& event : run_events()) waveform.on_event(event);
  return waveform.to_vcd();
}

TEST(WaveformTest, SignalsAreHighAsLongAsTheirUnitsWork) {
  const Dump dump(vcd_of({}));
  EXPECT_EQ(dump.begin, 0);
  EXPECT_EQ(dump.times.back(), kEnd);
  EXPECT_EQ(dump.integral("pe_array.compute"), 800);
  EXPECT_EQ(dump.integral("pe_array.setup"), 100);
  EXPECT_EQ(dump.integral("pe_array.stall_features"), 100);
  EXPECT_EQ(dump.integral("pe_array.dispatch"), 0);
  EXPECT_EQ(dump.integral("pe_array.stall_write"), 0);
  EXPECT_EQ(dump.integral("vector_unit.busy"), 50);
  EXPECT_EQ(dump.integral("dram.read"), 60);
  EXPECT_EQ(dump.integral("dma.outstanding_reads"), 100 + 350);
  EXPECT_EQ(dump.integral("row"), kEnd);
  EXPECT_EQ(dump.integral("FMEM.bytes"), 300 * 64 + 700 * 16);
}

TEST(WaveformTest, AWindowIsTheSamePartOfTheWholeRun) {
  for (const auto& [begin, end] :
       {std::pair(0, 1), {0, 100}, {70, 350}, {100, 1000}, {999, 2000}}) {
    const Dump part(vcd_of({begin, end}));
    EXPECT_EQ(part.begin, begin);
    EXPECT_EQ(part.times.back(), std::min<std::int64_t>(end, kEnd));
    std::int64_t busy = 0;
    for (const std::string unit : {"compute", "setup", "stall_features"}) {
      busy += part.integral("pe_array." + unit);
    }
    EXPECT_EQ(busy, std::min<std::int64_t>(end, kEnd) - begin);
    EXPECT_EQ(part.values.at("FMEM.bytes").at(begin), begin < 300 ? 64 : 16);
  }
}

TEST(WaveformTest, EqualRunsGiveEqualBytes) { EXPECT_EQ(vcd_of({}), vcd_of({})); }

TEST(WaveformTest, AWindowAfterTheRunIsRefused) {
  EXPECT_THROW(vcd_of({kEnd, kEnd + 1}), InputError);
  EXPECT_NO_THROW(vcd_of({kEnd - 1, kEnd}));
}

TEST(WaveformTest, MoreChangesThanTheLimitAreRefused) {
  Waveform waveform(shipped_machine("midap"), {});
  const auto record = [&](std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      waveform.on_event(event_of(Unit::kPeArray, EventKind::kSetup, 0, 1));
    }
  };
  record(Waveform::kMaxChanges / 2);
  EXPECT_THROW(record(1), InputError);
}

}  // namespace
}  // namespace tilewake
