// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#ifdef TILEWAKE_HAS_OPENCV_DNN

#include <opencv2/dnn.hpp>

#include "nas/export/onnx_writer.hpp"
#include "tests/nas/export/onnx_networks.hpp"
#include "tests/support/network_text.hpp"

namespace tilewake {
namespace {

/// Largest difference between the model, run by OpenCV, and plain loops.
double opencv_difference(const Network& network, std::uint64_t seed, int num_images) {
  const LayerWeights weights = random_weights(network, seed);
  const Shape& in = network.input;
  std::vector<float> images = random_values(seed + 77, num_images * in.num_elements(), 1.0);
  const std::string model = onnx_model(network, weights);

  cv::dnn::Net net = cv::dnn::readNetFromONNX(model.data(), model.size());
  net.setPreferableBackend(cv::dnn::DNN_BACKEND_OPENCV);
  const std::vector<int> dims = {num_images, static_cast<int>(in.channels),
                                 static_cast<int>(in.height), static_cast<int>(in.width)};
  net.setInput(cv::Mat(dims, CV_32F, images.data()));
  const cv::Mat output = net.forward();
  const std::vector<float> logits(output.ptr<float>(), output.ptr<float>() + output.total());
  return largest_difference(logits, reference_logits(network, weights, images));
}

// OpenCV 4.6 does not do all of ONNX: it refuses Clip with bounds as inputs (relu6), takes no
// notice of a max pool's dilation and of count_include_pad, and multiplies C x 1 x 1 in batches of
// one only. tests/nas/export/onnx_interpreter.hpp does, for OnnxWriter's tests.

TEST(OpencvRunsOurModels, EachOpForItself) {
  const std::vector<std::string> layers = {
      "{name: a, op: conv2d, out_channels: 8, kernel: [3, 5], stride: 2, groups: 2}",
      "{name: a, op: conv2d, out_channels: 8, kernel: [3, 5], stride: 3, padding: [1, 2, 0, 1]}",
      "{name: a, op: depthwise_conv2d, kernel: 3, dilation: 2, bias: false}",
      "{name: a, op: max_pool, kernel: 3, stride: 1, padding: [1, 2, 1, 0]}",
      "{name: a, op: max_pool, kernel: 2, stride: 2}",
      "{name: a, op: avg_pool, kernel: 2, stride: 3, padding: valid}",
      "{name: a, op: avg_pool, kernel: 3, dilation: 2}",
      "{name: a, op: global_avg_pool}",
      "{name: a, op: fully_connected, out_channels: 3, bias: false}",
      "{name: a, op: conv2d, out_channels: 4, kernel: 1}\n"
      "  - {name: b, op: add, inputs: [a, input]}",
      "{name: a, op: conv2d, out_channels: 4, kernel: 1}\n"
      "  - {name: b, op: mul, inputs: [a, input]}",
      "{name: a, op: conv2d, out_channels: 5, kernel: 1}\n"
      "  - {name: b, op: concat, inputs: [a, input]}",
  };
  for (const std::string& entries : layers) {
    for (const int num_images : {1, 3}) {
      EXPECT_LT(opencv_difference(network_of("  - " + entries + "\n"), 1, num_images), 1e-6)
          << entries;
    }
  }
}

TEST(OpencvRunsOurModels, EachActivation) {
  for (const char* activation :
       {"none", "relu", "hswish", "swish", "sigmoid", "hsigmoid", "leaky_relu"}) {
    const Network network = network_of(fmt::format(
        "  - {{name: a, op: conv2d, out_channels: 40, kernel: 3, activation: {}}}\n", activation));
    EXPECT_LT(opencv_difference(network, 1, 2), 1e-6) << activation;
  }
}

TEST(OpencvRunsOurModels, NetworksAsTheSearchFindsThem) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    const bool with_squeeze_excite = seed % 2 == 0;
    const Network network = random_mixconv_network(seed, with_squeeze_excite);
    SCOPED_TRACE(text_of(network));
    EXPECT_LT(opencv_difference(network, seed, with_squeeze_excite ? 1 : 2), 1e-5);
  }
}

}  // namespace
}  // namespace tilewake

#else

TEST(OpencvRunsOurModels, NetworksAsTheSearchFindsThem) {
  GTEST_SKIP() << "built without OpenCV's DNN module (package libopencv-dnn-dev)";
}

#endif
