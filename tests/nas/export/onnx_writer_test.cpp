// SPDX-License-Identifier: Apache-2.0
#include "nas/export/onnx_writer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#ifdef TILEWAKE_HAS_OPENCV_DNN
#include <opencv2/dnn.hpp>
#endif

#include "simulator/network/network_yaml.hpp"
#include "tests/nas/export/random_weights.hpp"
#include "tests/nas/export/reference_executor.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/network_text.hpp"
#include "tests/support/one_output.hpp"
#include "tests/support/random_network.hpp"

namespace tilewake {
namespace {

Network network_of(const std::string& layers) {
  return read_network_text("name: n\ninput: {channels: 4, height: 9, width: 7}\nlayers:\n" + layers,
                           "n.yaml");
}

/// A network file with every op and activation once, a dense layer in the middle among them.
Network every_op() {
  return network_of(R"(
  - {name: stem, op: conv2d, out_channels: 8, kernel: [3, 5], stride: 2, groups: 2, activation: relu6}
  - {name: dw, op: depthwise_conv2d, kernel: 3, dilation: 2, activation: hswish, bias: false}
  - {name: max, op: max_pool, kernel: 3, stride: 1, padding: [1, 2, 1, 0], activation: leaky_relu}
  - {name: avg, op: avg_pool, inputs: [dw], kernel: 3, stride: 1, activation: swish}
  - {name: sum, op: add, inputs: [max, avg], activation: relu}
  - {name: wide, op: avg_pool, kernel: 3, dilation: 2, activation: sigmoid}
  - {name: gate, op: fully_connected, out_channels: 8, activation: hsigmoid}
  - {name: scaled, op: mul, inputs: [wide, gate]}
  - {name: both, op: concat, inputs: [scaled, max]}
  - {name: pool, op: global_avg_pool}
  - {name: classifier, op: fully_connected, out_channels: 5}
)");
}

/// Networks that the random generator grows, cut to one output.
Network random_network(std::uint64_t seed) { return with_one_output(RandomNetwork(seed).make(12)); }

TEST(OnnxWriter, EveryOpPassesLibonnxWithOurShapes) {
  const Network network = every_op();
  check_onnx_model(onnx_model(network, random_weights(network, 1)), network);
}

TEST(OnnxWriter, RandomNetworksPassLibonnxWithOurShapes) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const Network network = random_network(seed);
    SCOPED_TRACE(text_of(network));
    EXPECT_NO_THROW(check_onnx_model(onnx_model(network, random_weights(network, seed)), network));
  }
}

#ifdef TILEWAKE_HAS_OPENCV_DNN

/// OpenCV 4.6 reads Clip as it was before opset 11 only; OnnxWriter.Relu6 tests it another way.
Network without_relu6(Network network) {
  for (Layer& layer : network.layers) {
    if (layer.activation == Activation::kRelu6) layer.activation = Activation::kRelu;
  }
  return network;
}

/// Logits of `images` (as many networks' inputs one behind the other) by OpenCV.
std::vector<float> opencv_logits(const std::string& model, const Network& network,
                                 std::vector<float>& images) {
  cv::dnn::Net net = cv::dnn::readNetFromONNX(model.data(), model.size());
  net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  const Shape& in = network.input;
  const auto size = [](std::int64_t n) { return static_cast<int>(n); };
  const std::vector<int> dims = {size(static_cast<std::int64_t>(images.size()) / in.num_elements()),
                                 size(in.channels), size(in.height), size(in.width)};
  net.setInput(cv::Mat(dims, CV_32F, images.data()));
  const cv::Mat logits = net.forward().clone();
  return {logits.ptr<float>(), logits.ptr<float>() + logits.total()};
}

/// Largest difference between OpenCV and our loops over `num_images` images, relative to the
/// largest logit where that exceeds 1.
double largest_difference(const Network& network, std::uint64_t seed, int num_images) {
  const LayerWeights weights = random_weights(network, seed);
  const std::int64_t image_size = network.input.num_elements();
  std::vector<float> images = random_values(seed + 77, num_images * image_size, 1.0);
  const std::vector<float> theirs = opencv_logits(onnx_model(network, weights), network, images);
  std::vector<double> ours;
  for (int i = 0; i < num_images; ++i) {
    const auto begin = images.begin() + i * image_size;
    const auto map = ReferenceExecutor(network, weights).run({begin, begin + image_size});
    ours.insert(ours.end(), map.begin(), map.end());
  }
  if (ours.size() != theirs.size()) return std::numeric_limits<double>::infinity();
  double scale = 1.0;
  double difference = 0.0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    scale = std::max(scale, std::abs(ours[i]));
    difference = std::max(difference, std::abs(ours[i] - static_cast<double>(theirs[i])));
  }
  return difference / scale;
}

TEST(OnnxWriter, OpencvGivesTheLogitsOfPlainLoopsForEveryOp) {
  EXPECT_LT(largest_difference(without_relu6(every_op()), 3, 1), 1e-5);
}

TEST(OnnxWriter, OpencvGivesTheLogitsOfPlainLoopsForRandomNetworks) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const Network network = without_relu6(random_network(seed));
    SCOPED_TRACE(text_of(network));
    EXPECT_LT(largest_difference(network, seed, 1), 1e-5);
  }
}

#else

TEST(OnnxWriter, OpencvGivesTheLogitsOfPlainLoops) {
  GTEST_SKIP() << "built without OpenCV's DNN module (package libopencv-dnn-dev)";
}

#endif

}  // namespace
}  // namespace tilewake
