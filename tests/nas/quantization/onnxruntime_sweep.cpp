// SPDX-License-Identifier: Apache-2.0
// The integers of IntegerExecutor against ONNX Runtime on the QDQ model, where
// tests/onnxruntime/setup.sh has installed it.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "nas/quantization/integer_executor.hpp"
#include "nas/quantization/qdq_onnx.hpp"
#include "simulator/common/atomic_file.hpp"
#include "tests/nas/quantization/quantized_networks.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kImages = 16;

std::string bytes_of_floats(const std::vector<float>& values) {
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

std::vector<float> floats_in(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

/// A quantized network, images, and the logits that both programs give.
struct RuntimeCase {
  QuantizedNetwork quantized;
  CalibrationImages images;
  std::vector<std::vector<std::uint8_t>> ours;
  std::vector<std::vector<std::uint8_t>> theirs;
};

/// Levels of ONNX Runtime's floats, which are multiples of the scale.
std::vector<std::uint8_t> levels_of(std::vector<float>::const_iterator first, std::size_t count,
                                    const MapQuantization& q) {
  std::vector<std::uint8_t> levels(count);
  std::transform(first, first + static_cast<std::ptrdiff_t>(count), levels.begin(),
                 [&](float x) { return quantized_value(x, q); });
  return levels;
}

/// Runs all networks in one process of node, which takes most of a second to start.
std::vector<RuntimeCase> run_cases(const std::vector<Network>& networks) {
  const TempDir dir;
  Json jobs = Json::array();
  std::vector<RuntimeCase> cases;
  for (std::size_t i = 0; i < networks.size(); ++i) {
    const Network& network = networks[i];
    const std::uint64_t seed = 100 + i;
    RuntimeCase one;
    one.images = random_images(network, kImages, seed);
    QuantizationOptions options;
    options.ranges = kRangeMethodNames[i % 3].second;
    options.equalize = i % 2 == 1;
    options.correct_bias = i % 5 == 1;
    one.quantized = quantize(network, random_weights(network, seed), one.images, options).quantized;
    const IntegerExecutor executor(one.quantized);
    std::vector<float> planes;
    for (std::int64_t n = 0; n < kImages; ++n) {
      one.ours.push_back(executor.run(one.images.image(n)));
      for (const double x : planes_of(image_values(one.images, n), network.input.channels))
        planes.push_back(static_cast<float>(x));
    }
    const std::string name = dir.file(fmt::format("{}", i));
    write_file_atomically(name + ".onnx", qdq_model(one.quantized));
    write_file_atomically(name + ".images", bytes_of_floats(planes));
    jobs.push_back(
        {{"model", name + ".onnx"},
         {"input",
          {{"name", "image"},
           {"type", "float32"},
           {"dims", {kImages, network.input.channels, network.input.height, network.input.width}},
           {"file", name + ".images"}}},
         {"outputs", {{"logits", name + ".logits"}}}});
    cases.push_back(std::move(one));
  }
  write_file_atomically(dir.file("jobs.json"), jobs.dump());
  const std::string command =
      fmt::format("node '{}' '{}'", source_path("tests/onnxruntime/run_models.js").string(),
                  dir.file("jobs.json"));
  if (std::system(command.c_str()) != 0) {
    ADD_FAILURE() << command;
    return {};
  }
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const std::vector<float> logits = floats_in(dir.file(fmt::format("{}.logits", i)));
    const std::size_t size = cases[i].ours[0].size();
    if (logits.size() != size * static_cast<std::size_t>(kImages)) {
      ADD_FAILURE() << "network " << i << " gives " << logits.size() << " logits";
      return {};
    }
    // As planes, like theirs.
    for (std::vector<std::uint8_t>& map : cases[i].ours) {
      const std::vector<double> planes = planes_of(map, networks[i].layers.back().ofm.channels);
      std::transform(planes.begin(), planes.end(), map.begin(),
                     [](double x) { return static_cast<std::uint8_t>(x); });
    }
    for (std::size_t n = 0; n < static_cast<std::size_t>(kImages); ++n)
      cases[i].theirs.push_back(levels_of(logits.begin() + static_cast<std::ptrdiff_t>(n * size),
                                          size, cases[i].quantized.layers.back().output));
  }
  return cases;
}

bool is_installed() {
  return std::filesystem::exists(source_path("tests/onnxruntime/node_modules/onnxruntime-node"));
}

/// Counts of the differences in levels: equal, 1, more.
struct LevelDifferences {
  std::array<std::int64_t, 3> counts = {};
  std::int64_t labels = 0;  // that differ though no two levels are equal

  void add(const std::vector<std::uint8_t>& a, const std::vector<std::uint8_t>& b) {
    for (std::size_t i = 0; i < a.size(); ++i)
      ++counts[static_cast<std::size_t>(std::min(std::abs(a[i] - b[i]), 2))];
  }
  std::int64_t total() const { return counts[0] + counts[1] + counts[2]; }
};

std::ptrdiff_t label_of(const std::vector<std::uint8_t>& logits) {
  return std::max_element(logits.begin(), logits.end()) - logits.begin();
}

#define SKIP_WITHOUT_ONNX_RUNTIME() \
  if (!is_installed()) GTEST_SKIP() << "no ONNX Runtime; tests/onnxruntime/setup.sh installs it"

/// One op each, on maps that a convolution gives.
std::map<std::string, Network> single_op_networks() {
  const std::string stem = "  - {name: stem, op: conv2d, out_channels: 8, kernel: 3}\n";
  const std::string other =
      "  - {name: other, op: conv2d, inputs: [stem], out_channels: 8, kernel: 1}\n";
  std::map<std::string, Network> networks;
  const auto add = [&](const std::string& name, const std::string& layers) {
    networks.emplace(name, network_of(stem + layers));
  };
  add("conv2d", "");
  add("grouped", "  - {name: a, op: conv2d, out_channels: 12, kernel: 3, groups: 4}\n");
  add("strided", "  - {name: a, op: conv2d, out_channels: 12, kernel: [3, 5], stride: 2}\n");
  add("dilated", "  - {name: a, op: conv2d, out_channels: 12, kernel: 3, dilation: 2}\n");
  add("pointwise", "  - {name: a, op: conv2d, out_channels: 12, kernel: 1}\n");
  add("depthwise_conv2d", "  - {name: a, op: depthwise_conv2d, kernel: 5, stride: 2}\n");
  add("fully_connected", "  - {name: a, op: fully_connected, out_channels: 12}\n");
  add("dense before a map",
      "  - {name: a, op: fully_connected, out_channels: 8}\n"
      "  - {name: b, op: add, inputs: [a, stem]}\n");
  add("max_pool", "  - {name: a, op: max_pool, kernel: 3, stride: 2}\n");
  add("avg_pool", "  - {name: a, op: avg_pool, kernel: 3, stride: 1}\n");
  add("global_avg_pool", "  - {name: a, op: global_avg_pool}\n");
  add("add", other + "  - {name: a, op: add, inputs: [stem, other]}\n");
  add("mul", other + "  - {name: a, op: mul, inputs: [stem, other]}\n");
  add("scaling of channels",
      "  - {name: p, op: global_avg_pool}\n"
      "  - {name: g, op: conv2d, out_channels: 8, kernel: 1, activation: "
      "sigmoid}\n  - {name: a, op: mul, inputs: [stem, g]}\n");
  add("concat", other + "  - {name: a, op: concat, inputs: [other, stem]}\n");
  add("channel_split", "  - {name: a, op: channel_split, first_channel: 2, out_channels: 5}\n");
  add("channel_shuffle", "  - {name: a, op: channel_shuffle, groups: 4}\n");
  for (const std::string activation :
       {"relu", "relu6", "leaky_relu", "sigmoid", "hsigmoid", "swish", "hswish"}) {
    add(activation, fmt::format("  - {{name: a, op: conv2d, out_channels: 12, kernel: 3, "
                                "activation: {}}}\n",
                                activation));
    add(activation + " of max_pool",
        fmt::format("  - {{name: a, op: max_pool, kernel: 2, activation: {}}}\n", activation));
    add(activation + " of add",
        other + fmt::format("  - {{name: a, op: add, inputs: [stem, other], activation: {}}}\n",
                            activation));
  }
  return networks;
}

TEST(OnnxRuntime, GivesTheLevelsOfEveryOp) {
  SKIP_WITHOUT_ONNX_RUNTIME();
  std::vector<Network> networks;
  std::vector<std::string> names;
  for (auto& [name, network] : single_op_networks()) {
    names.push_back(name);
    networks.push_back(network);
  }
  const std::vector<RuntimeCase> cases = run_cases(networks);
  ASSERT_EQ(cases.size(), names.size());
  LevelDifferences all;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    SCOPED_TRACE(names[i]);
    LevelDifferences differences;
    for (std::size_t n = 0; n < cases[i].ours.size(); ++n) {
      differences.add(cases[i].ours[n], cases[i].theirs[n]);
      all.add(cases[i].ours[n], cases[i].theirs[n]);
    }
    std::cout << fmt::format("{}: {} of {} levels differ by 1, {} by more\n", names[i],
                             differences.counts[1], differences.total(), differences.counts[2]);
    EXPECT_EQ(differences.counts[2], 0);
    EXPECT_LE(static_cast<double>(differences.counts[1]),
              1e-3 * static_cast<double>(differences.total()));
  }
  std::cout << fmt::format("all ops: {} of {} levels differ by 1\n", all.counts[1], all.total());
}

TEST(OnnxRuntime, GivesTheLevelsAndLabelsOfRandomNetworks) {
  SKIP_WITHOUT_ONNX_RUNTIME();
  std::vector<Network> networks;
  for (std::uint64_t seed = 0; seed < 48; ++seed)
    networks.push_back(random_quantizable_network(seed));
  const std::vector<RuntimeCase> cases = run_cases(networks);
  ASSERT_EQ(cases.size(), networks.size());
  LevelDifferences all;
  std::int64_t labels = 0;
  std::int64_t ties = 0;
  for (const RuntimeCase& one : cases) {
    for (std::size_t n = 0; n < one.ours.size(); ++n) {
      all.add(one.ours[n], one.theirs[n]);
      std::vector<std::uint8_t> sorted = one.ours[n];
      std::sort(sorted.rbegin(), sorted.rend());
      if (sorted[0] - sorted[1] <= 1)
        ++ties;
      else
        labels += label_of(one.ours[n]) == label_of(one.theirs[n]) ? 0 : 1;
    }
  }
  std::cout << fmt::format(
      "{} of {} logits differ by 1, {} by more; {} labels of images whose "
      "two greatest logits differ by more than 1 level ({} by at most 1)\n",
      all.counts[1], all.total(), all.counts[2], labels, ties);
  EXPECT_EQ(labels, 0);
  // Later layers of networks of random weights can amplify a tie.
  EXPECT_LE(static_cast<double>(all.counts[2]), 1e-3 * static_cast<double>(all.total()));
  EXPECT_LE(static_cast<double>(all.counts[1]), 0.01 * static_cast<double>(all.total()));
}

}  // namespace
}  // namespace tilewake
