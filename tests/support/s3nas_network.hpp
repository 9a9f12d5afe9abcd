// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/network/network_yaml.hpp"
#include "tests/support/random.hpp"

namespace tilewake {

/// A random network of the S3NAS search space (Lee, Kang, Ha, "S3NAS", arXiv:2009.02009), of which
/// networks/s3nas_m.yaml is one. Each block has up to three branches, with kernels of up to 5x5,
/// 5x5 and 7x7 that expand the input twice or are left out; branches of one kernel are one, of the
/// sum of their expansions.
inline Network random_s3nas_network(Random& random, const std::string& name) {
  struct Stage {
    int num_blocks;
    std::int64_t out_channels;
    std::int64_t stride;  // of the first block
  };
  static const std::vector<Stage> kStages = {
      {3, 32, 2}, {4, 64, 2}, {7, 128, 2}, {4, 160, 1}, {11, 256, 2}};
  static const std::vector<std::vector<std::int64_t>> kKernels = {{3, 5}, {3, 5}, {3, 5, 7}};

  std::string text = fmt::format(
      "name: {}\ninput: {{channels: 3, height: 224, width: 224}}\nlayers:\n"
      "  - {{name: stem, op: conv2d, out_channels: 32, kernel: 7, stride: 2, activation: relu}}\n",
      name);
  for (std::size_t i = 0; i < kStages.size(); ++i) {
    for (int j = 0; j < kStages[i].num_blocks; ++j) {
      std::map<std::int64_t, std::int64_t> expansion_of_kernel;
      for (const std::vector<std::int64_t>& kernels : kKernels) {
        const std::int64_t kernel = random.pick(kernels);
        if (random.one_in(2)) expansion_of_kernel[kernel] += 2;
      }
      if (expansion_of_kernel.empty()) expansion_of_kernel[random.pick(kKernels[0])] = 2;
      std::vector<std::int64_t> kernels;
      std::vector<std::int64_t> expansion_ratios;
      for (const auto& [kernel, expansion] : expansion_of_kernel) {
        kernels.push_back(kernel);
        expansion_ratios.push_back(expansion);
      }
      text += fmt::format(
          "  - {{name: stage{}.{}, op: mbconv, kernels: {}, expansion_ratios: {}, "
          "out_channels: {}, stride: {}, activation: relu}}\n",
          i + 1, j, kernels, expansion_ratios, kStages[i].out_channels,
          j == 0 ? kStages[i].stride : 1);
    }
  }
  text +=
      "  - {name: head, op: conv2d, out_channels: 1280, kernel: 1, activation: relu}\n"
      "  - {name: pool, op: global_avg_pool}\n"
      "  - {name: classifier, op: fully_connected, out_channels: 1000}\n";
  return read_network_text(text, name + ".yaml");
}

}  // namespace tilewake
