// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "simulator/mapping/mapper.hpp"
#include "tests/support/reference_table.hpp"
#include "tests/support/s3nas_block.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {
namespace {

/// What was decided for one network: lines of numbers and words, of which README.md in
/// tests/reference documents the meaning, without the fields that a MidapProgram does not need.
using Plan = std::vector<std::string>;

std::string pick(const std::vector<std::string>& words, const std::vector<std::size_t>& which) {
  std::vector<std::string> picked;
  for (const std::size_t i : which) picked.push_back(words.at(i));
  return fmt::format("{}", fmt::join(picked, " "));
}

/// The part of a reference line that is compared.
std::string compared_part(const std::string& line) {
  // Record, and the words of it that count: of lines without a name the number of words is it.
  static const std::map<std::string, std::vector<std::size_t>> kNamed = {
      {"LAYER", {0, 1, 3}},
      {"IN", {0, 1, 2, 3}},
      {"OP", {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12}},
      {"NOUT", {0, 1}},
      {"IMAP", {0, 1, 2}},
      {"W", {0, 1, 2, 3, 4, 6, 8}},
      {"PREP", {0, 1, 2, 3, 4}},
      {"BEH", {0, 1}}};
  static const std::map<std::size_t, std::vector<std::size_t>> kNameless = {
      {18, {0, 1, 3, 4, 5, 8, 13, 14, 15, 16, 17}},  // an output
      {3, {0, 1, 2}},                                // a bank and its columns
      {4, {0, 1, 2, 3}}};                            // a behaviour
  const std::vector<std::string> words = split(line, ' ');
  if (words[0] == "W" && words.at(1) == "0") return "W 0";
  if (const auto named = kNamed.find(words[0]); named != kNamed.end())
    return pick(words, named->second);
  return pick(words, kNameless.at(words.size()));
}

/// The plans of a reference file by network, in the order of the file.
std::vector<std::pair<std::string, Plan>> read_plans(const std::string& name) {
  std::vector<std::pair<std::string, Plan>> plans;
  std::istringstream file(read_file(source_path("tests/reference/" + name)));
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> words = split(line, ' ');
    if (words[0] == "NET") {
      plans.emplace_back(words.at(1), Plan{});
    } else if (words[0] != "OSHAPE") {
      plans.back().second.push_back(compared_part(line));
    }
  }
  return plans;
}

/// Our program in the same terms.
class PlanWriter {
 public:
  Plan write(const Network& network, const Program& program) {
    for (const MidapLayer& layer : std::get<MidapProgram>(program.core).layers) {
      const ProgramLayer& row = program.layers[static_cast<std::size_t>(layer.program_layer)];
      const auto index = static_cast<std::size_t>(row.network_layer);
      line("LAYER {} {}", network.layers[index].name, static_cast<int>(layer.kind));
      write_layer(layer);
    }
    return plan_;
  }

 private:
  template <typename... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    plan_.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void write_layer(const MidapLayer& l) {
    line("IN {} {} {}", l.in_width, l.in_height, l.in_channels);
    line("OP {} {} {} {} {} {} {} {} {:d} {:d} {:d}", l.kernel_width, l.kernel_height, l.stride,
         l.pad_top, l.pad_bottom, l.pad_left, l.pad_right, l.dilation, l.weights.has_bias,
         l.broadcast, l.has_reduction);
    write_outputs(l.outputs);
    write_outputs(l.reduction_outputs);
    line("IMAP {} {}", l.input_fragments.size(), l.in_height * l.in_channels);
    write_fragments(l.input_fragments);
    const MidapWeights& w = l.weights;
    if (w.present) {
      line("W 1 {:d} {} {} {:d} {:d}", w.has_bias, w.filter_bytes, w.num_filters, w.once,
           l.prepared);
    } else {
      line("W 0");
    }
    const MidapWeights& next = l.next_weights;
    line("PREP {:d} {:d} {} {}", next.present, next.has_bias, next.filter_bytes, next.num_filters);
    line("BEH {}", l.behaviours.size());
    for (const MidapBehaviour& b : l.behaviours) {
      if (b.kind == MidapBehaviour::Kind::kLoad) {
        line("0 {} {} 0", b.fragment, b.condition);
      } else {
        line("1 {} {} {}", b.fragment, b.x_begin, b.x_last);
      }
    }
  }

  void write_outputs(const std::vector<MidapOutput>& outputs) {
    line("NOUT {}", outputs.size());
    for (const MidapOutput& o : outputs) {
      const bool in_banks = o.pivot >= 0;
      line("{} {} {} {} {} {} {:d} {:d} {:d} {} {}", o.width, o.height, o.width, o.height,
           o.channels, o.slice_begin, o.reverse_write, o.write_on_dram, o.is_virtual, o.pivot,
           in_banks ? static_cast<int>(o.fragments.size()) : -1);
      write_fragments(o.fragments);
    }
  }

  void write_fragments(const std::vector<MidapFragment>& fragments) {
    for (const MidapFragment& f : fragments) line("{} {} {}", f.bank, f.head, f.tail);
  }

  Plan plan_;
};

/// Names as in the reference: PREFIX, then Conv1, DWConv1, ... in the order of the network.
void use_reference_names(Network& network, const S3nasBlock& block) {
  std::map<Op, int> count;
  if (block.family == "MixConvBlock") count[Op::kConv2d] = 1;  // there it begins with Conv2
  const std::map<Op, std::string> stems = {{Op::kConv2d, "Conv"},
                                           {Op::kDepthwiseConv2d, "DWConv"},
                                           {Op::kConcat, "Concat"},
                                           {Op::kAdd, "Sum"}};
  for (Layer& layer : network.layers) {
    const bool is_prefix = &layer == &network.layers.front() && !block.is_stem();
    layer.name = is_prefix ? "PREFIX" : stems.at(layer.op) + std::to_string(++count[layer.op]);
  }
}

/// The network that a plan is for: a block, or one of midap_networks/.
Network network_called(const std::string& name) {
  if (name.find('/') == std::string::npos) {
    return read_network(source_path("tests/reference/midap_networks/" + name + ".yaml").string());
  }
  const S3nasBlock block = s3nas_block_of(name);
  Network network = network_of(block);
  use_reference_names(network, block);
  return network;
}

TEST(MidapPlansSweep, EveryDecisionIsThatOfTheReferenceCompiler) {
  const HardwareConfig midap = shipped_machine("midap");
  const auto plans = read_plans("midap_plans.txt");
  ASSERT_EQ(plans.size(), 86u);
  for (const auto& [name, reference] : plans) {
    const Network network = network_called(name);
    const Plan ours = PlanWriter().write(network, map_network(network, midap));
    const auto [a, b] = std::mismatch(ours.begin(), ours.end(), reference.begin(), reference.end());
    EXPECT_TRUE(a == ours.end() && b == reference.end())
        << name << ", line " << a - ours.begin() << ": '" << (a == ours.end() ? "" : *a)
        << "' instead of '" << (b == reference.end() ? "" : *b) << "'";
  }
}

}  // namespace
}  // namespace tilewake
