// SPDX-License-Identifier: Apache-2.0
#include "nas/report/cost_log.hpp"

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr const char* kHead =
    "# tilewake-costs v1\n"
    "step,trained_images,evaluated_images,seconds\n";

class CostLogTest : public ::testing::Test {
 protected:
  std::string path() const { return dir_.file("costs.csv"); }
  void write(const std::string& text) const { std::ofstream(path(), std::ios::binary) << text; }
  std::vector<Cost> totals() const { return CostLog(dir_.path().string()).totals(); }
  /// The error of a file with `text`, without its path.
  std::string error_of(const std::string& text) const {
    write(text);
    const std::string error = input_error_of([&] { totals(); });
    return error.rfind(path(), 0) == 0 ? error.substr(path().size()) : error;
  }

  TempDir dir_;
};

TEST_F(CostLogTest, EveryCostIsALineAfterTheHead) {
  const CostLog log(dir_.path().string());
  log.add({"supernet-later", 4096, 0, 1.5});
  log.add({"evolution-later", 0, 512, 0.25});
  EXPECT_EQ(read_file(path()),
            std::string(kHead) + "supernet-later,4096,0,1.500\nevolution-later,0,512,0.250\n");
}

TEST_F(CostLogTest, WorkWithoutImagesHasNoCost) {
  const CostLog log(dir_.path().string());
  log.add({"train", 0, 0, 3.0});
  EXPECT_THAT(totals(), IsEmpty());
  EXPECT_FALSE(std::ifstream(path()).good());
}

TEST_F(CostLogTest, TotalsAreSumsByStepOverAllProcesses) {
  Random random(41);
  const std::vector<std::string> steps = {"supernet", "rank-0123", "train", "random-1"};
  std::map<std::string, Cost> expected;
  std::vector<std::string> order;
  for (int i = 0; i < 60; ++i) {
    // Seconds are written with three digits: whole ones add up exactly.
    const Cost cost = {random.pick(steps), random.between(0, 1'000'000), random.between(1, 1000),
                       static_cast<double>(random.between(0, 5000))};
    CostLog(dir_.path().string()).add(cost);  // a separate process, as in resumed runs
    if (expected.count(cost.step) == 0) order.push_back(cost.step);
    Cost& total = expected[cost.step];
    total.trained_images += cost.trained_images;
    total.evaluated_images += cost.evaluated_images;
    total.seconds += cost.seconds;
  }
  const std::vector<Cost> found = totals();
  ASSERT_EQ(found.size(), order.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].step, order[i]);
    EXPECT_EQ(found[i].trained_images, expected[order[i]].trained_images);
    EXPECT_EQ(found[i].evaluated_images, expected[order[i]].evaluated_images);
    EXPECT_EQ(found[i].seconds, expected[order[i]].seconds);
  }
}

TEST_F(CostLogTest, DamagedLinesAreNamed) {
  const std::string good = std::string(kHead) + "train,1,2,3.5\n";
  EXPECT_EQ(error_of(good), "no error");
  for (const char* line :
       {"train,1,2", "train,1,2,", "train,1,2,3,4", "train,-1,2,3", "train,1,2,-3", "train,1,x,3",
        "train,1.5,2,3", "train,1,2,nan", "train,1,2,inf", "train,1,2,3s", ",1,2,3", "", "train",
        "train,99999999999999999999,2,3", "train, 1,2,3"}) {
    EXPECT_THAT(error_of(good + line + "\ntrain,1,2,3\n"), StartsWith(":4: ")) << line;
  }
}

TEST_F(CostLogTest, FilesOfAnotherVersionAreRefused) {
  EXPECT_THAT(error_of("# tilewake-costs v2\nstep,images,seconds\n"), StartsWith(":1: "));
  EXPECT_THAT(error_of("# tilewake-costs v1\ntrain,1,2,3\n"), StartsWith(":2: "));
  EXPECT_THAT(error_of(""), StartsWith(":1: "));
}

TEST_F(CostLogTest, WithoutAFileThereAreNoCosts) {
  EXPECT_THAT(totals(), IsEmpty());
  CostLog(dir_.path().string()).add({"train", 1, 0, 0.0});
  EXPECT_THAT(totals(), SizeIs(1));
}

TEST_F(CostLogTest, AFailedWriteIsReported) {
  EXPECT_NE(input_error_of([&] {
              CostLog(dir_.file("none")).add({"train", 1, 0, 0.0});
            }),
            "no error");
}

}  // namespace
}  // namespace tilewake
