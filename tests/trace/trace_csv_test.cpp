// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/trace_csv.hpp"

#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/version.hpp"
#include "simulator/trace/trace_columns.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/trace/trace_fixture.hpp"

namespace tilewake {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<TraceRow> parse(const std::string& text) {
  std::istringstream stream(text);
  return read_trace(stream, "layers.csv").rows;
}

std::string error_of(const std::string& text) {
  return input_error_of([&] { parse(text); });
}

/// `text` with its first `from` replaced, which must be there.
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string small_csv() { return trace_csv(small_rows()); }

/// The text whose first row has `value` in `column`.
std::string with_field(const std::string& column, const std::string& value) {
  std::istringstream lines(small_csv());
  std::string version;
  std::string header;
  std::string row;
  std::getline(lines, version);
  std::getline(lines, header);
  std::getline(lines, row);
  std::istringstream names(header);
  std::istringstream fields(row);
  std::string name;
  std::string field;
  std::string result;
  while (std::getline(names, name, ',')) {
    std::getline(fields, field, ',');
    result += (name == column ? value : field) + ',';
  }
  result.pop_back();
  return version + "\n" + header + "\n" + result + "\n";
}

TEST(TraceCsvTest, BeginsWithVersionAndHeader) {
  EXPECT_THAT(
      small_csv(),
      StartsWith(
          "# tilewake-trace v6\n"
          "layer,block,op,ic,ih,iw,oc,oh,ow,kernel,stride,groups,macs,effective_macs,total_cycles,"
          "compute_cycles,setup_cycles,dispatch_cycles,stall_dram_cycles,stall_feature_cycles,"
          "stall_weight_cycles,stall_bias_cycles,stall_write_cycles,dram_read_bytes,"
          "dram_read_feature_bytes,dram_read_weight_bytes,dram_read_bias_bytes,"
          "dram_write_bytes,chip_read_bytes,chip_read_weight_bytes,chip_write_bytes,pe_utilization,"
          "row_hits,row_misses,array_macs,vector_operations,input_buffer_read_bytes,"
          "weight_buffer_read_bytes,output_buffer_read_bytes,output_buffer_write_bytes,energy_uj,"
          "energy_mac_uj,energy_register_uj,energy_buffer_uj,energy_chip_uj,energy_interconnect_uj,"
          "energy_vector_uj,energy_clock_uj,energy_leakage_uj,energy_dram_uj,output_in,spill_"
          "reason,weights_in,weights_reason,fused_into,index,"
          "num_layers,batch,"
          "inputs,dilation,padding,first_channel,bias,activation,detail,network,machine,version\n"
          "conv,,conv2d,16,8,8,32,4,4,3x5,2,1,122880,95744,100,50,9,0,39,36,0,3,2,732,500,200,32,"
          "512,0,0,0,0.935,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,,,,,,0,3,1,input,1,1/2/0/"
          "1,0,1,none,,small,toy@0123456789abcdef," +
          std::string(kVersion) + "\n"));
}

TEST(TraceCsvTest, ReadingGivesBackWhatWasWritten) { EXPECT_EQ(parse(small_csv()), small_rows()); }

TEST(TraceCsvTest, NamesWithCommasAndQuotesSurvive) {
  auto rows = small_rows();
  rows[0].layer = "a,\"b\",c";
  rows[1].layer = "\"";
  rows[2].fused_into = "\"\"+,";
  EXPECT_EQ(parse(trace_csv(rows)), rows);
}

TEST(TraceCsvTest, EveryColumnSurvives) {
  auto rows = small_rows();
  TraceRow& row = rows[0];
  std::int64_t number = 2;
  const auto change = [&](auto& value) {
    using T = std::decay_t<decltype(value)>;
    if constexpr (std::is_same_v<T, std::string>) {
      value = fmt::format("text {}", number++);
    } else if constexpr (std::is_same_v<T, KernelSize>) {
      value = {number++, number++};
    } else if constexpr (std::is_same_v<T, Steps>) {
      value = {number, number + 1};
      number += 2;
    } else if constexpr (std::is_same_v<T, Activation>) {
      value = Activation::kGelu;
    } else if constexpr (std::is_same_v<T, Padding>) {
      value = {number++, number++, -number++, -number++};
    } else if constexpr (std::is_same_v<T, bool>) {
      value = !value;
    } else if constexpr (std::is_same_v<T, Op>) {
      value = Op::kConcat;
    } else {
      value = static_cast<T>(number++);
    }
  };
  for (const TraceColumn& column : kTraceColumns)
    std::visit([&](const auto field) { change(row.*field); }, column.field);
  row.total_cycles = 0;  // as a fused row's
  row.compute_cycles = row.setup_cycles = row.dispatch_cycles = row.stall_dram_cycles =
      row.stall_write_cycles = 0;
  row.stall_feature_cycles = row.stall_weight_cycles = row.stall_bias_cycles = 0;
  row.dram_read_bytes =
      row.dram_read_feature_bytes + row.dram_read_weight_bytes + row.dram_read_bias_bytes;
  EXPECT_EQ(parse(trace_csv(rows)), rows);
}

TEST(TraceCsvTest, UtilizationSurvivesToTheLastBit) {
  auto rows = small_rows();
  rows[0].pe_utilization = 1.0 / 3.0;
  rows[1].pe_utilization = 4.9e-324;
  EXPECT_EQ(parse(trace_csv(rows)), rows);
}

TEST(TraceCsvTest, EqualRowsGiveEqualBytes) { EXPECT_EQ(small_csv(), small_csv()); }

TEST(TraceCsvTest, AnotherVersionIsRefused) {
  EXPECT_THAT(error_of(replaced(small_csv(), "trace v6", "trace v1")),
              HasSubstr("layers.csv:1: trace format version 'v1'"));
  EXPECT_THAT(error_of(replaced(small_csv(), "trace v6", "trace v10")), HasSubstr("version 'v10'"));
  EXPECT_THAT(error_of("layer,cycles\n"), HasSubstr("layers.csv:1: not a trace"));
  EXPECT_THAT(error_of(""), HasSubstr("layers.csv:1: the file is empty"));
}

/// The text of version 5, which had no accesses and no energies.
std::string csv_of_version_5(const std::vector<TraceRow>& rows) {
  std::string text = "# tilewake-trace v5\n";
  std::string header;
  for (const TraceColumn& column : kTraceColumns)
    if (column.since <= 5) header += (header.empty() ? "" : ",") + std::string(column.name);
  text += header + "\n";
  for (const TraceRow& row : rows) {
    std::string line;
    for (const TraceColumn& column : kTraceColumns) {
      if (column.since > 5) continue;
      if (&column != kTraceColumns.data()) line += ',';
      line += field_text(row, column);
    }
    text += line + "\n";
  }
  return text;
}

TEST(TraceCsvTest, FilesOfVersion5AreReadWithoutEnergies) {
  EXPECT_EQ(parse(csv_of_version_5(small_rows())), small_rows());
  EXPECT_THAT(error_of(replaced(csv_of_version_5(small_rows()), "trace v5", "trace v6")),
              HasSubstr("layers.csv:2: header: column 35 is 'output_in', expected 'array_macs'"));
}

TEST(TraceCsvTest, AnotherHeaderIsRefused) {
  EXPECT_THAT(error_of(replaced(small_csv(), "setup_cycles", "set_up_cycles")),
              HasSubstr("layers.csv:2: header: column 17 is 'set_up_cycles', expected "
                        "'setup_cycles'"));
  EXPECT_THAT(error_of(replaced(small_csv(), ",version", "")),
              HasSubstr("layers.csv:2: header: column 68 is '', expected 'version'"));
  EXPECT_THAT(error_of(replaced(small_csv(), ",version", ",version,energy")),
              HasSubstr("layers.csv:2: header: unknown column 'energy'"));
  EXPECT_THAT(error_of("# tilewake-trace v6\n"), HasSubstr("no header"));
}

TEST(TraceCsvTest, AnotherNumberOfFieldsIsRefused) {
  EXPECT_THAT(error_of(replaced(small_csv(), "3x5,2,1,", "3x5,2,1,7,")),
              HasSubstr("layers.csv:3: 69 fields, expected 68"));
  EXPECT_THAT(error_of(small_csv() + "\n"), HasSubstr("layers.csv:6: 1 fields, expected 68"));
}

TEST(TraceCsvTest, ATruncatedFileIsRefusedWhereverItEnds) {
  const std::string text = small_csv();
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::string cut = text.substr(0, size);
    // Truncation at the end of a row is not detectable by the format.
    if (cut.ends_with('\n') && size > text.find("\nconv,") + 1) continue;
    EXPECT_THAT(error_of(cut), HasSubstr("layers.csv:")) << size;
    EXPECT_THAT(error_of(cut), AnyOf(HasSubstr("truncated"), HasSubstr("empty"))) << size;
  }
}

TEST(TraceCsvTest, TextThatIsNotANumberIsRefused) {
  for (const char* bad : {"", "-1", "1.5", "0x10", "1e3", "nan", " 1", "1 ", "+1", "one",
                          "9223372036854775808", "2000000000000000000"}) {
    EXPECT_THAT(error_of(with_field("macs", bad)), HasSubstr("layers.csv:3: macs: cannot read '"))
        << bad;
  }
  for (const char* bad : {"", "nan", "NaN", "-nan", "inf", "-1", "1e999", "0.5x"}) {
    EXPECT_THAT(error_of(with_field("pe_utilization", bad)),
                HasSubstr("layers.csv:3: pe_utilization: cannot read '"))
        << bad;
  }
  for (const char* bad : {"", "3", "3x", "x3", "0x3", "3x0", "3x3x3", "-1x3", "3X3"}) {
    EXPECT_THAT(error_of(with_field("kernel", bad)),
                HasSubstr("layers.csv:3: kernel: cannot read '"))
        << bad;
  }
}

TEST(TraceCsvTest, InvalidPaddingOrBiasIsRefused) {
  for (const char* bad : {"", "1", "1/1/1", "1/1/1/", "/1/1/1", "1/1/1/1/", "1/1/1/1/1", "1//1/1",
                          "1/1/1/x", "1/1/1/1.5", "+1/1/1/1", "1/1/1/9223372036854775807", "nan"}) {
    EXPECT_THAT(error_of(with_field("padding", bad)),
                HasSubstr("layers.csv:3: padding: cannot read '"))
        << bad;
  }
  for (const char* bad : {"", "2", "-1", "true", "01"}) {
    EXPECT_THAT(error_of(with_field("bias", bad)), HasSubstr("layers.csv:3: bias: cannot read '"))
        << bad;
  }
}

TEST(TraceCsvTest, AnUnknownOpIsRefused) {
  EXPECT_THAT(error_of(with_field("op", "deconv")),
              HasSubstr("layers.csv:3: op: cannot read 'deconv' as an op"));
}

TEST(TraceCsvTest, ARowThatDoesNotAddUpIsRefused) {
  EXPECT_THAT(error_of(with_field("total_cycles", "101")),
              HasSubstr("layers.csv:3: total_cycles: is 101"));
  EXPECT_THAT(error_of(with_field("stall_bias_cycles", "4")),
              HasSubstr("layers.csv:3: stall_dram_cycles: is 39"));
  EXPECT_THAT(error_of(with_field("dram_read_bytes", "1")),
              HasSubstr("layers.csv:3: dram_read_bytes: is 1"));
  EXPECT_THAT(error_of(with_field("fused_into", "point")), HasSubstr("layers.csv:3: fused_into:"));
}

TEST(TraceCsvTest, TwoRowsOfOneLayerAreRefused) {
  EXPECT_THAT(error_of(replaced(small_csv(), "\npoint,", "\nconv,")),
              HasSubstr("layers.csv:4: layer: 'conv' is already on line 3"));
}

TEST(TraceCsvTest, ARowWithoutNetworkMachineOrVersionIsRefused) {
  for (const std::string column : {"layer", "inputs", "network", "machine", "version"}) {
    EXPECT_THAT(error_of(with_field(column, "")),
                HasSubstr("layers.csv:3: " + column + ": must not be empty"));
  }
}

/// Three rows of each of these networks and machines.
std::vector<TraceRow> rows_of_all(
    const std::vector<std::pair<std::string, std::string>>& measurements) {
  std::vector<TraceRow> all;
  for (const auto& [network, machine] : measurements) {
    for (TraceRow row : small_rows()) {
      row.network = network;
      row.machine = machine;
      all.push_back(row);
    }
  }
  return all;
}

TEST(TraceCsvTest, AFileMayHoldSeveralNetworksAndMachines) {
  const auto rows = rows_of_all({{"a", "x"}, {"b", "x"}, {"a", "y"}, {"b", "y"}});
  EXPECT_EQ(parse(trace_csv(rows)), rows);
}

TEST(TraceCsvTest, TheRowsOfANetworkAreContiguous) {
  EXPECT_THAT(error_of(trace_csv(rows_of_all({{"a", "x"}, {"b", "x"}, {"a", "x"}}))),
              HasSubstr("layers.csv:9: network: "));
  EXPECT_THAT(error_of(trace_csv(rows_of_all({{"a", "x"}, {"a", "x"}}))),
              HasSubstr("layers.csv:6: layer: 'conv' is already on line 3"));
}

TEST(TraceCsvTest, OneVersionMeasuresANetwork) {
  auto rows = rows_of_all({{"a", "x"}, {"b", "x"}});
  rows[1].version = "9.9.9";
  EXPECT_THAT(error_of(trace_csv(rows)), HasSubstr("layers.csv:4: version: '9.9.9', but '"));
  rows[0].version = rows[2].version = "9.9.9";
  EXPECT_EQ(parse(trace_csv(rows)), rows);
}

TEST(TraceCsvTest, ALaterErrorNamesTheLineOfTheRow) {
  std::istringstream stream(small_csv());
  const TraceFile trace = read_trace(stream, "layers.csv");
  EXPECT_EQ(input_error_of([&] { trace.fail(0, "machine", "is another"); }),
            "layers.csv:3: machine: is another");
  EXPECT_EQ(input_error_of([&] { trace.fail(2, "machine", "is another"); }),
            "layers.csv:5: machine: is another");
}

TEST(TraceCsvTest, AnEndlessLineIsRefused) {
  EXPECT_THAT(error_of(small_csv() + std::string(2'000'000, ',') + "\n"),
              HasSubstr("layers.csv:6: the line is longer than 1048576 bytes"));
}

TEST(TraceCsvTest, QuotesInTheWrongPlaceAreRefused) {
  EXPECT_THAT(error_of(with_field("layer", "a\"b")), HasSubstr("layers.csv:3: unexpected quote"));
  EXPECT_THAT(error_of(with_field("layer", "\"a\"b")),
              HasSubstr("layers.csv:3: text after the closing quote"));
  EXPECT_THAT(error_of(with_field("fused_into", "\"a")), HasSubstr("has no closing quote"));
}

TEST(TraceCsvTest, PathsThatAreNotFilesAreRefused) {
  EXPECT_THAT(input_error_of([] { read_trace("/nonexistent/layers.csv"); }),
              HasSubstr("/nonexistent/layers.csv: "));
  EXPECT_THAT(input_error_of([] { read_trace("/"); }), HasSubstr("/: "));
}

TEST(TraceCsvTest, NoMutationOfAFileCrashesTheReader) {
  const std::string text = small_csv();
  Random random(1);
  int num_refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string mutated = text;
    for (std::size_t n = 1 + random.below(3); n > 0; --n) {
      const std::size_t at = random.below(mutated.size());
      switch (random.below(3)) {
        case 0:
          mutated[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          mutated.erase(at, 1 + random.below(20));
          break;
        default:
          mutated.insert(at, mutated.substr(random.below(mutated.size()), random.below(20)));
      }
    }
    if (error_of(mutated) != "no error") ++num_refused;
  }
  EXPECT_GT(num_refused, 2000);
}

}  // namespace
}  // namespace tilewake
