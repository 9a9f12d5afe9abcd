// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/midap/slot_schedule.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/engine/slow_slots.hpp"
#include "tests/support/random.hpp"

namespace tilewake::midap {
namespace {

using slow::Slot;

constexpr std::int64_t kRow = 64;

/// A layer with everything that slots depend on, cut into fragments, and all of it in one PROCESS.
struct Case {
  MidapLayer layer;
  MidapBehaviour process;
  std::int64_t lanes = 16;

  SlotSchedule schedule() const { return {layer, kRow, lanes, 0, process.x_begin, process.x_last}; }
  std::vector<Slot> slots(std::int64_t pass, const Slot& before) const {
    return slow::SlotLister(layer, kRow, 0).list(process, pass, before);
  }
  std::string text() const {
    const MidapLayer& l = layer;
    return fmt::format("kind {} {}x{}x{} kernel {}x{} stride {} dilation {} from {} to {}",
                       static_cast<int>(l.kind), l.in_width, l.in_height, l.in_channels,
                       l.kernel_width, l.kernel_height, l.stride, l.dilation, process.x_begin,
                       process.x_last);
  }
};

Case window_case(MidapKind kind, std::int64_t size, std::int64_t channels, std::int64_t kernel,
                 std::int64_t stride, std::int64_t padding) {
  Case c;
  MidapLayer& l = c.layer;
  l.kind = kind;
  l.in_width = l.in_height = size;
  l.in_channels = channels;
  l.row_aligned = channels % kRow == 0;
  l.rows_per_tap = kind == MidapKind::kConv ? channels / kRow : 1;
  l.kernel_width = l.kernel_height = kernel;
  l.stride = stride;
  l.pad_top = l.pad_bottom = l.pad_left = l.pad_right = padding;
  l.out_channels = 64;
  l.input_fragments = {{0, 0, size}};
  c.process = {MidapBehaviour::Kind::kProcess, 1, -1, -padding, size + padding - kernel};
  if (kind == MidapKind::kExtended) c.lanes = kRow;
  return c;
}

Case random_case(std::uint64_t seed) {
  Random random(seed);
  Case c;
  MidapLayer& l = c.layer;
  l.kind =
      random.pick(std::vector<MidapKind>{MidapKind::kConv, MidapKind::kConv, MidapKind::kExtended,
                                         MidapKind::kElementwise, MidapKind::kGemm});
  l.in_width = random.between(1, 20);
  l.in_height = random.between(1, 20);
  l.in_channels = 16 * random.between(1, 13);
  l.row_aligned = l.in_channels % kRow == 0;
  if (l.kind == MidapKind::kConv) l.rows_per_tap = l.in_channels / kRow;
  l.out_channels = kRow * random.between(1, 3);
  c.process = {MidapBehaviour::Kind::kProcess, 0, -1, 0, l.in_width - 1};
  if (l.kind == MidapKind::kExtended || l.kind == MidapKind::kElementwise) c.lanes = kRow;
  if (l.kind == MidapKind::kGemm) {
    l.in_channels = kRow * random.between(1, 3);
    l.out_height = random.between(1, 5);
  }
  if (l.kind == MidapKind::kConv || l.kind == MidapKind::kExtended) {
    l.kernel_width = random.between(1, 7);
    l.kernel_height = random.between(1, 7);
    l.stride = random.between(1, 3);
    l.dilation = random.one_in(4) ? 2 : 1;
    l.pad_top = random.between(0, 8);
    l.pad_bottom = random.between(-1, 8);
    l.pad_left = random.between(0, 8);
    const std::int64_t end = l.in_width - 1 - (l.kernel_width - 1) * l.dilation;
    c.process.x_begin = -l.pad_left;
    c.process.x_last = end + random.between(-1, 8);
  }
  for (std::int64_t head = 0; head < l.in_width;) {
    const std::int64_t tail = std::min(head + random.between(1, 12), l.in_width);
    l.input_fragments.push_back({static_cast<int>(random.below(5)), head, tail});
    head = tail;
  }
  return c;
}

/// Figures of a pass by a schedule, and the same counted on a list of its slots.
struct PassFacts {
  std::int64_t slots = 0;
  RowRead last;
  std::vector<std::int64_t> windows;
  std::vector<SlotColumn> columns;
};

PassFacts count_off(const std::vector<Slot>& slots) {
  PassFacts facts;
  std::int64_t window = 0;
  for (const Slot& slot : slots) {
    if (facts.columns.empty() || facts.columns.back().out_x != slot.out_x)
      facts.columns.push_back({slot.out_x, facts.slots, facts.slots});
    facts.columns.back().end = ++facts.slots;
    ++window;
    if (!slot.finishes_output) continue;
    facts.windows.push_back(window);
    window = 0;
  }
  if (!slots.empty()) facts.last = {slots.back().bank, slots.back().row};
  return facts;
}

/// Columns with slots, those of the same output column together.
std::vector<SlotColumn> joined(const std::vector<SlotColumn>& columns) {
  std::vector<SlotColumn> result;
  for (const SlotColumn& column : columns) {
    if (column.begin == column.end) continue;
    if (!result.empty() && result.back().out_x == column.out_x) {
      result.back().end = column.end;
    } else {
      result.push_back(column);
    }
  }
  return result;
}

class RandomScheduleTest : public ::testing::TestWithParam<int> {
 protected:
  static constexpr int kCases = 100;

  template <typename Check>
  void for_each_case(const Check& check) const {
    for (int i = 0; i < kCases && !HasFailure(); ++i) {
      const Case c = random_case(static_cast<std::uint64_t>(GetParam()) * kCases +
                                 static_cast<std::uint64_t>(i));
      SCOPED_TRACE(c.text());
      check(c, c.schedule());
    }
  }
};

TEST_P(RandomScheduleTest, CountsTheSlotsOfEveryPass) {
  for_each_case([](const Case& c, const SlotSchedule& schedule) {
    Slot before;  // a bubble
    for (std::int64_t pass = 0; pass < schedule.num_passes(); ++pass) {
      const std::vector<Slot> slots = c.slots(pass, before);
      const std::int64_t lead = schedule.lead_slots({before.bank, before.row});
      ASSERT_EQ(schedule.pass_slots() + lead, static_cast<std::int64_t>(slots.size()));
      if (!slots.empty()) before = slots.back();
    }
  });
}

TEST_P(RandomScheduleTest, CountsTheSlotsOfWindowsAndColumns) {
  for_each_case([](const Case& c, const SlotSchedule& schedule) {
    if (schedule.num_passes() == 0) return;
    PassFacts expected = count_off(c.slots(0, {}));
    const std::int64_t lead = schedule.lead_slots({});
    if (lead > 0) --expected.windows.at(0);
    ASSERT_EQ(schedule.window_slots(), expected.windows);
    ASSERT_EQ(schedule.first_window_slots(), expected.windows.empty() ? 0 : expected.windows[0]);
    if (schedule.pass_per_column()) return;
    const std::vector<SlotColumn> columns = joined(schedule.columns());
    ASSERT_EQ(columns.size(), expected.columns.size());
    for (std::size_t i = 0; i < columns.size(); ++i) {
      ASSERT_EQ(columns[i].out_x, expected.columns[i].out_x);
      ASSERT_EQ(columns[i].end + lead, expected.columns[i].end);
    }
  });
}

TEST_P(RandomScheduleTest, ARepeatedPassDiffersOnlyInTheLeadSlot) {
  for_each_case([](const Case& c, const SlotSchedule& schedule) {
    if (c.layer.kind != MidapKind::kConv || schedule.pass_slots() == 0) return;
    const std::vector<Slot> first = c.slots(0, {});
    const PassFacts again = count_off(c.slots(1, first.back()));
    if (!c.layer.row_aligned) {
      ASSERT_EQ(schedule.last_read(), again.last);
    }
    ASSERT_EQ(schedule.pass_slots() + schedule.lead_slots(again.last), again.slots);
  });
}

TEST_P(RandomScheduleTest, FirstReadsAreWhereTheSlotsFirstTouchABank) {
  Random random(static_cast<std::uint64_t>(GetParam()));
  for_each_case([&](const Case& c, const SlotSchedule& schedule) {
    if (schedule.num_passes() == 0 || schedule.pass_slots() == 0) return;
    const std::int64_t pass = random.between(0, schedule.num_passes() - 1);
    const std::int64_t from = random.one_in(3) ? 0 : random.between(0, schedule.pass_slots() - 1);
    const std::vector<Slot> slots = c.slots(pass, {});
    const std::int64_t lead = schedule.lead_slots({});
    std::vector<FirstRead> expected;
    for (std::int64_t i = from; i < schedule.pass_slots(); ++i) {
      const int bank = slots[static_cast<std::size_t>(i + lead)].bank;
      if (std::none_of(expected.begin(), expected.end(),
                       [bank](const FirstRead& read) { return read.bank == bank; }))
        expected.push_back({bank, i});
    }
    const std::vector<FirstRead> reads = schedule.first_reads(pass, from);
    ASSERT_EQ(reads.size(), expected.size());
    for (std::size_t i = 0; i < reads.size(); ++i) {
      ASSERT_EQ(reads[i].bank, expected[i].bank);
      ASSERT_EQ(reads[i].slot, expected[i].slot);
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomScheduleTest, ::testing::Range(0, 10));

TEST(SlotScheduleTest, AlignedWindowTakesOneSlotForEachRowOfEachTap) {
  for (const MidapKind kind : {MidapKind::kConv, MidapKind::kExtended}) {
    for (const std::int64_t kernel : {1, 3, 5, 7}) {
      for (const std::int64_t stride : {1, 2, 3}) {
        const std::int64_t size = 14;
        const std::int64_t padding = kernel / 2;
        const Case c = window_case(kind, size, 128, kernel, stride, padding);
        std::int64_t taps = 0;  // of all windows, in one dimension
        for (std::int64_t x = -padding; x + kernel <= size + padding; x += stride)
          taps += std::min(x + kernel, size) - std::max<std::int64_t>(x, 0);
        const std::int64_t rows = kind == MidapKind::kConv ? 2 : 1;
        EXPECT_EQ(c.schedule().pass_slots(), taps * taps * rows)
            << "kernel " << kernel << ", stride " << stride;
      }
    }
  }
}

TEST(SlotScheduleTest, EachGroupOfOutputChannelsIsOnePass) {
  EXPECT_EQ(window_case(MidapKind::kConv, 8, 64, 3, 1, 1).schedule().num_passes(), 64 / 16);
  EXPECT_EQ(window_case(MidapKind::kExtended, 8, 64, 3, 1, 1).schedule().num_passes(), 64 / 64);
}

TEST(SlotScheduleTest, FeaturesThatStartLaterInTheirRowThanWeightsTakeALeadSlot) {
  // 16 channels: the second column of 1x1 windows starts in the middle of row 0.
  Case c = window_case(MidapKind::kConv, 3, 16, 1, 1, 0);
  EXPECT_EQ(c.schedule().lead_slots({}), 0);
  c.process.x_begin = 1;
  EXPECT_EQ(c.schedule().lead_slots({}), 1);
  EXPECT_EQ(c.schedule().lead_slots({.bank = 0, .row = 1}), 1);
  EXPECT_EQ(c.schedule().lead_slots({.bank = 0, .row = 0}), 0) << "still in the shift register";
}

}  // namespace
}  // namespace tilewake::midap
