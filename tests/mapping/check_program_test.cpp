// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/midap/check_program.hpp"

#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tilewake::midap {
namespace {

using ::testing::HasSubstr;

MidapBehaviour load(int fragment) {
  return {MidapBehaviour::Kind::kLoad, fragment, /*condition=*/-1, 0, 0};
}

MidapBehaviour process(int consumed, std::int64_t x_begin, std::int64_t x_last) {
  return {MidapBehaviour::Kind::kProcess, consumed, /*condition=*/-1, x_begin, x_last};
}

/// A 3x3 convolution with zeros around a map of 20 columns. The first half is on chip; the second
/// is loaded, and overlaps it by the two columns that windows at the border share.
MidapLayer layer() {
  MidapLayer l;
  l.kind = MidapKind::kConv;
  l.in_width = l.out_width = 20;
  l.in_height = l.out_height = 20;
  l.kernel_width = l.kernel_height = 3;
  l.pad_left = l.pad_right = l.pad_top = l.pad_bottom = 1;
  l.input_fragments = {{.bank = 0, .head = 0, .tail = 10}, {.bank = 1, .head = 8, .tail = 20}};
  l.behaviours = {process(1, -1, 7), load(1), process(2, 8, 18)};
  return l;
}

std::string defect_of(std::vector<MidapBehaviour> behaviours) {
  MidapLayer l = layer();
  l.behaviours = std::move(behaviours);
  return find_defect(l);
}

TEST(FindDefectTest, ValidLayerHasNoDefect) { EXPECT_EQ(find_defect(layer()), ""); }

TEST(FindDefectTest, WindowLeftOut) {
  EXPECT_THAT(defect_of({process(1, -1, 7), load(1), process(2, 8, 17)}),
              HasSubstr("from column 18"));
  EXPECT_THAT(defect_of({process(1, -1, 7), load(1), process(2, 9, 18)}),
              HasSubstr("column 9 instead of 8"));
  EXPECT_THAT(defect_of({}), HasSubstr("from column -1"));
}

TEST(FindDefectTest, WindowComputedTwice) {
  EXPECT_THAT(defect_of({process(1, -1, 7), load(1), process(2, 7, 18)}),
              HasSubstr("column 7 instead of 8"));
}

TEST(FindDefectTest, WindowBeyondTheInput) {
  EXPECT_THAT(defect_of({process(1, -1, 7), load(1), process(2, 8, 19)}),
              HasSubstr("a window at 19"));
}

TEST(FindDefectTest, ColumnReadBeforeItIsLoaded) {
  EXPECT_THAT(defect_of({process(1, -1, 8), load(1), process(2, 9, 18)}),
              HasSubstr("column 10 is read but is not on chip"));
}

TEST(FindDefectTest, ColumnReadAfterItWasConsumed) {
  MidapLayer l = layer();
  l.input_fragments[1].head = 10;  // no overlap any more
  EXPECT_THAT(find_defect(l), HasSubstr("column 8 is read but is not on chip"));
}

TEST(FindDefectTest, ColumnNeverLoaded) {
  MidapLayer l = layer();
  l.input_fragments.pop_back();
  l.behaviours = {process(1, -1, 18)};
  EXPECT_THAT(find_defect(l), HasSubstr("column 10 is read but is not on chip"));
}

TEST(FindDefectTest, LoadOverColumnsStillNeeded) {
  MidapLayer l = layer();
  l.input_fragments[1].bank = 0;
  EXPECT_EQ(find_defect(l), "");  // the first half was consumed
  l.behaviours = {load(1), process(1, -1, 7), process(2, 8, 18)};
  EXPECT_THAT(find_defect(l), HasSubstr("fragment 1 overwrites fragment 0"));
}

TEST(FindDefectTest, FragmentLoadedTwice) {
  EXPECT_THAT(defect_of({load(1), load(1), process(1, -1, 7), process(2, 8, 18)}),
              HasSubstr("fragment 1 is loaded twice"));
}

TEST(FindDefectTest, UnknownFragmentLoaded) {
  EXPECT_THAT(defect_of({load(2), process(1, -1, 7), load(1), process(2, 8, 18)}),
              HasSubstr("no fragment"));
}

TEST(FindDefectTest, FragmentsConsumedBackwards) {
  EXPECT_THAT(defect_of({load(1), process(2, -1, 18), process(1, 19, 18)}),
              HasSubstr("fragments are consumed backwards"));
}

TEST(FindDefectTest, StridedWindowsMayLeaveLastColumnsUnread) {
  MidapLayer l = layer();
  l.stride = 2;
  l.pad_right = 0;  // 20 columns: corners -1, 1, ..., 17
  l.behaviours = {process(1, -1, 7), load(1), process(2, 9, 17)};
  EXPECT_EQ(find_defect(l), "");
  l.behaviours.back().x_last = 16;  // then 17 is missing
  EXPECT_THAT(find_defect(l), HasSubstr("from column 17"));
}

}  // namespace
}  // namespace tilewake::midap
