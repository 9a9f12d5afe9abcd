// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/dram_trace.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "simulator/common/error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

class DramTraceTest : public ::testing::Test {
 protected:
  std::string path() const { return (directory_.path() / "dram.trace").string(); }
  std::string text() const {
    std::ifstream file(path());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TempDir directory_;
};

TEST_F(DramTraceTest, EveryAccessThatHoldsABytesOfTheRequestIsALine) {
  DramTraceWriter writer(path(), DramTraceFormat::kRamulator, 32, 0);
  writer.on_dram_request({10, false, 0, 64});
  writer.on_dram_request({11, true, 95, 2});  // touches two
  writer.commit();
  EXPECT_EQ(text(), "LD 0x0\nLD 0x20\nST 0x40\nST 0x60\n");
  EXPECT_EQ(writer.num_accesses(), 4);
}

TEST_F(DramTraceTest, TheOtherFormatHasTheCycle) {
  DramTraceWriter writer(path(), DramTraceFormat::kDramsys, 64, 0);
  writer.on_dram_request({10, false, 128, 1});
  writer.on_dram_request({700, true, 0, 64});
  writer.commit();
  EXPECT_EQ(text(), "10: read 0x80\n700: write 0x0\n");
}

TEST_F(DramTraceTest, AddressesWrapAroundAtTheCapacity) {
  DramTraceWriter writer(path(), DramTraceFormat::kRamulator, 32, 128);
  writer.on_dram_request({0, false, 96, 64});
  writer.commit();
  EXPECT_EQ(text(), "LD 0x60\nLD 0x0\n");
}

TEST_F(DramTraceTest, WithoutCommitNoFileRemains) {
  {
    DramTraceWriter writer(path(), DramTraceFormat::kRamulator, 32, 0);
    writer.on_dram_request({0, false, 0, 1 << 22});
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(DramTraceTest, MoreAccessesThanTheLimitAreRefused) {
  DramTraceWriter writer(path(), DramTraceFormat::kRamulator, 32, 0, 3);
  writer.on_dram_request({0, false, 0, 64});
  EXPECT_THROW(writer.on_dram_request({0, false, 0, 64}), InputError);
}

}  // namespace
}  // namespace tilewake
