// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <cassert>
#include <cstddef>
#include <sstream>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "nas/space/architecture.hpp"
#include "nas/space/frame.hpp"
#include "nas/space/outcome.hpp"

namespace tilewake {
namespace {

/// Names in files, as in network files. The default is a MixConv.
constexpr std::array<std::pair<std::string_view, BlockOp>, 7> kBlockOpNames = {{
    {"mbconv", BlockOp::kMixConv},
    {"convblock", BlockOp::kFused},
    {"basic_block", BlockOp::kBasic},
    {"conv_unit", BlockOp::kConv},
    {"separable", BlockOp::kSeparable},
    {"shuffle_unit", BlockOp::kShuffleUnit},
    {"xception_unit", BlockOp::kXceptionUnit},
}};

std::string_view word_of(BlockOp op) {
  for (const auto& [word, value] : kBlockOpNames) {
    if (value == op) return word;
  }
  assert(false && "unknown block");
  return "";
}

std::string branches_text(const ArchitectureBlock& block) {
  if (!has_expansion_ratios(block.op))
    return fmt::format("kernels: [{}]", block.branches[0].kernel);
  std::vector<int> kernels;
  std::vector<int> ratios;
  for (const MixBranch& branch : block.branches) {
    kernels.push_back(branch.kernel);
    ratios.push_back(branch.expansion_ratio);
  }
  return fmt::format("kernels: [{}], expansion_ratios: [{}]", fmt::join(kernels, ", "),
                     fmt::join(ratios, ", "));
}

std::string activation_text(Activation activation) {
  return activation == Activation::kNone ? ""
                                         : fmt::format(", activation: {}", to_string(activation));
}

std::string comment_text(const std::string& comment) {
  std::string text;
  std::istringstream lines(comment);
  for (std::string line; std::getline(lines, line);) {
    for (char& c : line) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';  // '\r' ends a comment
    }
    text += line.empty() ? "#\n" : "# " + line + "\n";
  }
  return text;
}

std::string block_text(const Architecture& architecture, std::size_t stage_index,
                       std::size_t index) {
  const ArchitectureStage& stage = architecture.stages[stage_index];
  const ArchitectureBlock& block = stage.blocks[index];
  return fmt::format(
      "  - {{name: stage{}.{}, op: {}, {}, out_channels: {}, stride: {}{}, activation: {}}}\n",
      stage_index + 1, index, word_of(block.op), branches_text(block), stage.width,
      index == 0 ? stage.stride : 1,
      block.squeeze_excite ? fmt::format(", se_ratio: {}", architecture.se_ratio) : "",
      to_string(block.activation));
}

/// "3x3:2 5x5:4" of a MixConv, "fused 3x3:4", "shuffle 5x5" of other operators.
std::string operator_text(const ArchitectureBlock& block) {
  const char* word = "";
  switch (block.op) {
    case BlockOp::kMixConv:
      return to_string(block.branches);
    case BlockOp::kFused:
      return "fused " + to_string(block.branches);
    case BlockOp::kBasic:
      return "basic " + to_string(block.branches);
    case BlockOp::kConv:
      word = "conv";
      break;
    case BlockOp::kSeparable:
      word = "separable";
      break;
    case BlockOp::kShuffleUnit:
      word = "shuffle";
      break;
    case BlockOp::kXceptionUnit:
      word = "xception";
      break;
  }
  return fmt::format("{0} {1}x{1}", word, block.branches[0].kernel);
}

ArchitectureBlock read_block(YamlReader yaml) {
  ArchitectureBlock block;
  block.op = yaml.choice("op", kBlockOpNames, block.op);
  const std::vector<int> kernels = read_kernels(yaml);
  std::vector<int> ratios = {1};
  if (has_expansion_ratios(block.op)) {
    ratios = read_ints(yaml, "expansion_ratios", 1, SpaceLimits::kMaxMergedRatio);
  } else {
    yaml.check(kernels.size() == 1, "kernels", "this operator takes one kernel");
  }
  yaml.check(
      kernels.size() == ratios.size(), "expansion_ratios",
      fmt::format("must have one ratio per kernel ({}), not {}", kernels.size(), ratios.size()));
  for (std::size_t i = 0; i < kernels.size(); ++i)
    block.branches.push_back({kernels[i], ratios[i]});
  block.activation = yaml.choice("activation", kTrainedActivationNames, block.activation);
  block.squeeze_excite = yaml.optional<bool>("squeeze_excite", block.squeeze_excite);
  yaml.finish();
  return block;
}

ArchitectureStage read_stage(YamlReader yaml) {
  ArchitectureStage stage;
  stage.width = read_int(yaml, "width", 1, SpaceLimits::kMaxWidth);
  stage.stride = read_int(yaml, "stride", 1, SpaceLimits::kMaxStride);
  for (const YamlReader& block : yaml.items("blocks")) stage.blocks.push_back(read_block(block));
  yaml.finish();
  return stage;
}

Architecture read_architecture_document(YamlReader root) {
  Architecture architecture;
  architecture.frame() = read_frame(root);
  architecture.se_ratio =
      root.number("se_ratio", SpaceLimits::kMinSeRatio, 1.0, architecture.se_ratio);
  for (const YamlReader& stage : root.items("stages"))
    architecture.stages.push_back(read_stage(stage));
  root.finish();
  located_at(root, "stages", [&] { to_network(architecture); });
  return architecture;
}

}  // namespace

std::string network_yaml(const Architecture& architecture, const std::string& comment) {
  const Shape& input = architecture.input;
  // Names contain no quotes and backslashes (check_name), so no escapes are needed.
  std::string text = comment_text(comment);
  text += fmt::format("name: \"{}\"\ninput: {{channels: {}, height: {}, width: {}}}\nlayers:\n",
                      architecture.name, input.channels, input.height, input.width);
  text +=
      fmt::format("  - {{name: stem, op: conv2d, out_channels: {}, kernel: {}, stride: {}{}}}\n",
                  architecture.stem_width, architecture.stem_kernel, architecture.stem_stride,
                  activation_text(architecture.activation));
  for (std::size_t s = 0; s < architecture.stages.size(); ++s) {
    for (std::size_t b = 0; b < architecture.stages[s].blocks.size(); ++b)
      text += block_text(architecture, s, b);
  }
  text += fmt::format("  - {{name: head, op: conv2d, out_channels: {}, kernel: 1{}}}\n",
                      architecture.head_width, activation_text(architecture.activation));
  text += "  - {name: pool, op: global_avg_pool}\n";
  return text + fmt::format("  - {{name: classifier, op: fully_connected, out_channels: {}}}\n",
                            architecture.num_classes);
}

std::string architecture_text(const Architecture& architecture) {
  std::string text = frame_text(architecture);
  text += fmt::format("se_ratio: {}\nstages:\n", architecture.se_ratio);
  for (const ArchitectureStage& stage : architecture.stages) {
    text += fmt::format("  - width: {}\n    stride: {}\n    blocks:\n", stage.width, stage.stride);
    for (const ArchitectureBlock& block : stage.blocks) {
      const std::string op =
          block.op == BlockOp::kMixConv ? "" : fmt::format("op: {}, ", word_of(block.op));
      text += fmt::format("      - {{{}{}, activation: {}, squeeze_excite: {}}}\n", op,
                          branches_text(block), to_string(block.activation), block.squeeze_excite);
    }
  }
  return text;
}

std::string in_one_line(const Architecture& architecture) {
  std::string text = fmt::format("stem {}", architecture.stem_width);
  for (const ArchitectureStage& stage : architecture.stages) {
    text += fmt::format(", {}:", stage.width);
    for (std::size_t i = 0; i < stage.blocks.size(); ++i) {
      const ArchitectureBlock& block = stage.blocks[i];
      text += fmt::format("{}{}{}{}", i == 0 ? " " : " | ", operator_text(block),
                          block.squeeze_excite ? " SE" : "",
                          block.activation == Activation::kHswish ? " hswish" : "");
    }
  }
  return text + fmt::format(", head {}, {} px", architecture.head_width, architecture.input.height);
}

std::string architecture_json(const Architecture& architecture) {
  using Json = nlohmann::ordered_json;
  const Shape& input = architecture.input;
  Json json;
  json["name"] = architecture.name;
  json["input"] = {{"channels", input.channels}, {"height", input.height}, {"width", input.width}};
  json["num_classes"] = architecture.num_classes;
  json["stem"] = {{"kernel", architecture.stem_kernel},
                  {"stride", architecture.stem_stride},
                  {"width", architecture.stem_width}};
  json["head"] = {{"width", architecture.head_width}};
  json["activation"] = to_string(architecture.activation);
  json["se_ratio"] = architecture.se_ratio;
  json["stages"] = Json::array();
  for (const ArchitectureStage& stage : architecture.stages) {
    Json blocks = Json::array();
    for (const ArchitectureBlock& block : stage.blocks) {
      Json entry = {{"op", word_of(block.op)}, {"kernels", Json::array()}};
      for (const MixBranch& branch : block.branches) {
        entry["kernels"].push_back(branch.kernel);
        if (has_expansion_ratios(block.op))
          entry["expansion_ratios"].push_back(branch.expansion_ratio);
      }
      entry["activation"] = to_string(block.activation);
      entry["squeeze_excite"] = block.squeeze_excite;
      blocks.push_back(std::move(entry));
    }
    json["stages"].push_back(
        {{"width", stage.width}, {"stride", stage.stride}, {"blocks", std::move(blocks)}});
  }
  return json.dump();
}

Architecture read_architecture(const std::string& path) {
  return read_architecture_document(YamlReader::from_file(path));
}

Architecture read_architecture_text(const std::string& text, const std::string& name) {
  return read_architecture_document(YamlReader::from_text(text, name));
}

}  // namespace tilewake
