// SPDX-License-Identifier: Apache-2.0
#include "latency_model/trace_cache.hpp"

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/version.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/trace/trace_row.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using Rows = std::vector<TraceRow>;

Network network_of(const std::string& name, int channels) {
  return read_network_text("name: " + name +
                               "\ninput: {channels: 8, height: 8, width: 8}\nlayers:\n"
                               "  - {name: a, op: conv2d, kernel: 1, out_channels: " +
                               std::to_string(channels) +
                               "}\n  - {name: b, op: max_pool, kernel: 2}\n",
                           name);
}

/// Not what a simulator would say, but rows that add up.
Rows rows_of(const Network& network, std::int64_t cycles) {
  Rows rows;
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    TraceRow row;
    row.layer = network.layers[i].name;
    row.op = network.layers[i].op;
    row.total_cycles = row.compute_cycles = cycles + static_cast<std::int64_t>(i);
    row.pe_utilization = 1.0 / 3.0;
    row.index = static_cast<std::int64_t>(i);
    row.inputs = i == 0 ? "input" : network.layers[i - 1].name;
    row.network = network.name;
    row.machine = "m@1";
    row.version = kVersion;
    rows.push_back(row);
  }
  return rows;
}

class TraceCacheTest : public ::testing::Test {
 protected:
  TraceCache open() const { return {path_, "m@1", "1+a"}; }

  void save_both() const {
    TraceCache cache = open();
    cache.add(first_, first_rows_);
    cache.add(second_, second_rows_);
    cache.save();
  }

  std::string read() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(const std::string& text) const { std::ofstream(path_) << text; }

  /// Nothing, or what was saved.
  void expect_not_believed(const std::string& text) const {
    write(text);
    TraceCache cache = open();
    const std::optional<Rows> first = cache.find(first_);
    const std::optional<Rows> second = cache.find(second_);
    EXPECT_TRUE(!first || *first == first_rows_);
    EXPECT_TRUE(!second || *second == second_rows_);
    EXPECT_FALSE(first && second && text.size() < num_bytes_) << "cut off at " << text.size();
    // Cut off between two networks, the file is a sound one of fewer.
    const bool cut_between = text.ends_with('\n') && first.has_value() != second.has_value();
    EXPECT_TRUE((first && second) || cut_between || !cache.warning().empty());
  }

  const TempDir dir_;
  const std::string path_ = dir_.file("below/here/cache.csv");
  const Network first_ = network_of("first", 16);
  const Network second_ = network_of("second", 32);
  const Rows first_rows_ = rows_of(first_, 1234);
  const Rows second_rows_ = rows_of(second_, 56789);
  std::size_t num_bytes_ = 0;
};

TEST_F(TraceCacheTest, GivesBackWhatWasSaved) {
  save_both();
  TraceCache cache = open();
  EXPECT_EQ(cache.warning(), "");
  EXPECT_EQ(cache.find(first_), first_rows_);
  EXPECT_EQ(cache.find(second_), second_rows_);
}

TEST_F(TraceCacheTest, KeepsWhatOtherRunsSaved) {
  save_both();
  const Network third = network_of("third", 48);
  TraceCache cache = open();
  cache.add(third, rows_of(third, 7));
  cache.save();
  TraceCache again = open();
  EXPECT_EQ(again.find(first_), first_rows_);
  EXPECT_EQ(again.find(third), rows_of(third, 7));
}

TEST_F(TraceCacheTest, ANetworkThatDiffersInAnythingIsAnother) {
  save_both();
  TraceCache cache = open();
  EXPECT_FALSE(cache.find(network_of("first", 17)));
  EXPECT_FALSE(cache.find(network_of("fIrst", 16)));
}

TEST_F(TraceCacheTest, AMissingFileIsNoRemark) {
  TraceCache cache = open();
  EXPECT_EQ(cache.warning(), "");
  EXPECT_FALSE(cache.find(first_));
}

TEST_F(TraceCacheTest, WithNothingNewNothingIsWritten) {
  TraceCache cache = open();
  cache.save();
  EXPECT_FALSE(std::ifstream(path_));
}

TEST_F(TraceCacheTest, AnotherMachineOrBuildIsNotBelieved) {
  save_both();
  TraceCache machine(path_, "m@2", "1+a");
  EXPECT_THAT(machine.warning(), HasSubstr("cache.csv:3: machine: is not m@2"));
  EXPECT_FALSE(machine.find(first_));
  TraceCache build(path_, "m@1", "1+b");
  EXPECT_THAT(build.warning(), HasSubstr("cache.csv:3: version: written by another build"));
  EXPECT_FALSE(build.find(first_));
}

TEST_F(TraceCacheTest, ADamagedFileIsNotBelieved) {
  save_both();
  const std::string text = read();
  num_bytes_ = text.size();
  for (std::size_t i = 0; i < text.size(); i += 7) expect_not_believed(text.substr(0, i));
  for (std::size_t i = 0; i < text.size(); i += 3) {
    for (const char c : {'0', '7', ',', '\n'}) {
      std::string damaged = text;
      damaged[i] = c;
      expect_not_believed(damaged);
    }
  }
}

TEST_F(TraceCacheTest, RowsThatAddUpAreNotBelievedIfTheyWereNotWritten) {
  save_both();
  std::string text = read();
  // compute_cycles stand behind total_cycles: both change, and the row still adds up.
  const std::size_t at = text.find(",1234,1234,");
  ASSERT_NE(at, std::string::npos);
  write(text.replace(at, 11, ",1235,1235,"));
  TraceCache cache = open();
  EXPECT_THAT(cache.warning(), HasSubstr("network: the rows up to here are not those"));
  EXPECT_FALSE(cache.find(first_));
  cache.add(first_, first_rows_);
  cache.save();
  EXPECT_EQ(open().find(first_), first_rows_);
}

TEST_F(TraceCacheTest, KeepsNoMoreThanItsLimitAndWhatThisRunUsedFirst) {
  constexpr std::size_t kRows = TraceCache::kMaxRows / 4 + 1;  // three such networks have room
  const auto many_rows_of = [&](const Network& network) {
    Rows rows(kRows, rows_of(network, 7).front());
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].layer = "l" + std::to_string(i);
    return rows;
  };
  const std::vector<Network> networks = {first_, second_, network_of("third", 48),
                                         network_of("fourth", 64)};
  {
    TraceCache cache = open();
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_TRUE(cache.add(networks[i], many_rows_of(networks[i])));
    EXPECT_FALSE(cache.add(networks[3], many_rows_of(networks[3])));
    EXPECT_FALSE(cache.find(networks[3]));
    cache.save();
  }
  {
    TraceCache cache = open();
    EXPECT_EQ(cache.warning(), "");
    EXPECT_TRUE(cache.find(networks[2]));
    EXPECT_TRUE(cache.add(networks[3], many_rows_of(networks[3])));
    cache.save();
  }
  TraceCache cache = open();
  EXPECT_FALSE(cache.find(networks[0]));
  EXPECT_FALSE(cache.find(networks[1]));
  EXPECT_TRUE(cache.find(networks[2]));
  EXPECT_TRUE(cache.find(networks[3]));
}

TEST_F(TraceCacheTest, AFileThatIsFarTooLargeIsNotRead) {
  save_both();
  std::filesystem::resize_file(path_, TraceCache::kMaxBytes + 1);
  EXPECT_THAT(open().warning(), HasSubstr("cache.csv: larger than"));
}

TEST_F(TraceCacheTest, ADirectoryThatCannotBeMadeIsAnInputError) {
  std::ofstream(dir_.file("file")) << "mine";
  for (const char* path : {"file/cache.csv", "file/below/cache.csv"}) {
    TraceCache cache(dir_.file(path), "m@1", "1+a");
    cache.add(first_, first_rows_);
    EXPECT_THAT(input_error_of([&] { cache.save(); }), HasSubstr(dir_.file("file")));
  }
}

TEST_F(TraceCacheTest, TheFileIsWhereTheEnvironmentSays) {
  ::unsetenv("TILEWAKE_CACHE");
  ::unsetenv("XDG_CACHE_HOME");
  ::setenv("HOME", "/home/me", 1);
  EXPECT_EQ(trace_cache_path("m@1"), "/home/me/.cache/tilewake/m@1.csv");
  ::setenv("XDG_CACHE_HOME", "/cache", 1);
  EXPECT_EQ(trace_cache_path("m@1"), "/cache/tilewake/m@1.csv");
  ::setenv("TILEWAKE_CACHE", "/mine", 1);
  EXPECT_EQ(trace_cache_path("m@1"), "/mine/m@1.csv");
  for (const char* name : {"TILEWAKE_CACHE", "XDG_CACHE_HOME", "HOME"}) ::setenv(name, "", 1);
  EXPECT_EQ(trace_cache_path("m@1"), "");
}

}  // namespace
}  // namespace tilewake
