// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <regex>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/network/network_yaml.hpp"
#include "tests/support/reference_table.hpp"

namespace tilewake {

/// A block of the S3NAS search space, as midap_blocks.csv and midap_plans.txt describe it.
struct S3nasBlock {
  std::string family;
  std::vector<std::int64_t> kernels;  // one per branch; none for parts of the classifier
  std::vector<std::int64_t> expansion_ratios;
  std::int64_t stride = 1;
  std::int64_t in_channels = 0;
  std::int64_t out_channels = 0;
  std::int64_t image_size = 0;
  bool skip = true;

  bool is_stem() const { return family == "Conv2D" && kernels.at(0) == 7; }
  bool is_head() const {
    return family == "Dense" || family == "GlobalAvgPool" || (family == "Conv2D" && !is_stem());
  }
};

inline S3nasBlock s3nas_block_of(const ReferenceRow& row) {
  S3nasBlock block;
  block.family = row.text("family");
  block.kernels = split_numbers(row.text("kernels"), '|');
  block.expansion_ratios = split_numbers(row.text("expansions"), '|');
  block.stride = row.number("stride");
  block.in_channels = row.number("in_channels");
  block.out_channels = row.number("out_channels");
  block.image_size = row.number("image_size");
  block.skip = row.number("skip") == 1;
  return block;
}

/// Reads names like `MixConvBlock/r1_k3,5_s22_e4,2_i80_o160_c100_noskip_imgsize42`.
inline S3nasBlock s3nas_block_of(const std::string& name) {
  static const std::regex form(
      R"((\w+)/(?:r1_)?k([\d,]+)_s(\d)\d(?:_e([\d,]+))?_i(\d+)_o(\d+)(?:_c\d+)?(_noskip)?_imgsize(\d+))");
  std::smatch match;
  if (!std::regex_match(name, match, form)) throw std::runtime_error("no block: " + name);
  S3nasBlock block;
  block.family = match[1];
  block.kernels = split_numbers(match[2], ',');
  block.stride = std::stoll(match[3]);
  block.expansion_ratios = split_numbers(match[4], ',');
  block.in_channels = std::stoll(match[5]);
  block.out_channels = std::stoll(match[6]);
  block.skip = match[7].length() == 0;
  block.image_size = std::stoll(match[8]);
  return block;
}

/// The network in which the block was measured: a stem that computes the block's input, then the
/// block (the layers `block.*`). Parts of the classifier are measured together: `stem`,
/// `depthwise`, `head`, `pool`, `classifier`.
inline Network network_of(const S3nasBlock& block) {
  // The two heads of the published figures: 7x7x256 -> 1280, and 11x11x320 -> 1568.
  const bool large_head = block.in_channels == 1568 || block.out_channels == 1568;
  const std::int64_t size = !block.is_head() ? block.image_size : large_head ? 11 : 7;
  std::string text = fmt::format(
      "name: {0}\ninput: {{channels: 3, height: {1}, width: {1}}}\nlayers:\n", block.family, size);
  const auto add = [&text](const std::string& entry) { text += "  - {" + entry + "}\n"; };
  if (block.is_stem()) {
    add(fmt::format("name: stem, op: conv2d, kernel: 7, stride: {}, out_channels: {}", block.stride,
                    block.out_channels));
  } else if (block.is_head()) {
    add(fmt::format("name: stem, op: conv2d, kernel: 7, out_channels: {}", large_head ? 320 : 256));
    add("name: depthwise, op: depthwise_conv2d, kernel: 3");
    add(fmt::format("name: head, op: conv2d, kernel: 1, out_channels: {}",
                    large_head ? 1568 : 1280));
    add("name: pool, op: global_avg_pool");
    add("name: classifier, op: fully_connected, out_channels: 1000");
  } else {
    add(fmt::format("name: stem, op: conv2d, kernel: 7, out_channels: {}", block.in_channels));
    add(
        fmt::format("name: block, op: {}, kernels: {}, expansion_ratios: {}, stride: {}, "
                    "out_channels: {}, skip: {}",
                    block.family == "ConvBlock_kxk1x1" ? "convblock" : "mbconv", block.kernels,
                    block.expansion_ratios, block.stride, block.out_channels, block.skip));
  }
  return read_network_text(text, block.family);
}

/// Whether the published figure of `block` covers this layer of network_of(block).
inline bool is_measured(const S3nasBlock& block, const std::string& layer) {
  if (block.is_stem()) return layer == "stem";
  if (block.family == "Conv2D") return layer == "head";
  if (block.family == "GlobalAvgPool") return layer == "pool";
  if (block.family == "Dense") return layer == "classifier";
  return layer != "stem";
}

}  // namespace tilewake
