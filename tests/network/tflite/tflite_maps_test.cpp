// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/tflite_file.hpp"

namespace tilewake {
namespace {

using Code = TfliteFile::Code;
using Type = TfliteFile::Type;
using Layers = std::vector<Layer>;

/// The layers of a network whose first is a convolution `c` with an output of 8 x 16 x 12.
Layers layers_after(const std::function<void(TfliteFile&)>& build) {
  TfliteFile f({1, 16, 12, 3});
  f.conv("x", "c", {1, 16, 12, 8}, {8, 3, 3, 3});
  build(f);
  Layers layers = f.read().network.layers;
  layers.erase(layers.begin());
  return layers;
}

Layer layer_after(const std::function<void(TfliteFile&)>& build) {
  const Layers layers = layers_after(build);
  EXPECT_EQ(layers.size(), 1U);
  return layers.empty() ? Layer() : layers.front();
}

std::string table(TfliteFile& f, const std::vector<std::int32_t>& pads) {
  return f.values("pads", pads, {4, 2}, tfl::ElementType::INT32);
}

TEST(TfliteMaps, ResizingKeepsChannelsAndHasTheGivenSize) {
  for (const Code code : {Code::RESIZE_BILINEAR, Code::RESIZE_NEAREST_NEIGHBOR}) {
    const Layer layer = layer_after([&](TfliteFile& f) {
      f.add(code, {"c", f.integers("size", {32, 30})}, "y", {1, 32, 30, 8});
    });
    EXPECT_EQ(layer.op, Op::kResize);
    EXPECT_EQ(layer.ofm, (Shape{8, 32, 30}));
    EXPECT_EQ(layer.kernel_height, code == Code::RESIZE_BILINEAR ? 2 : 1);
  }
}

TEST(TfliteMaps, ATransposedConvolutionHasTheSizeOfItsTensor) {
  for (const std::int64_t kernel : {1, 2, 3, 4, 5}) {
    for (const std::int64_t stride : {1, 2, 3}) {
      const bool is_same = kernel % 2 == 1;  // padding SAME, or VALID
      const std::int64_t rows = is_same ? 16 * stride : 15 * stride + std::max(kernel, stride);
      const std::int64_t columns = is_same ? 12 * stride : 11 * stride + std::max(kernel, stride);
      const Layer layer = layer_after([&](TfliteFile& f) {
        f.add(Code::TRANSPOSE_CONV,
              {f.integers("size", {1, 0, 0, 4}), f.weights("w", {4, kernel, kernel, 8}), "c"}, "y",
              {1, rows, columns, 4}, Type::TRANSPOSE_CONV,
              tfl::CreateTransposeConv(f.builder, tfl::Padding::SAME,
                                       static_cast<std::int32_t>(stride),
                                       static_cast<std::int32_t>(stride)));
      });
      EXPECT_EQ(layer.op, Op::kConvTranspose2d);
      EXPECT_EQ(layer.ofm, (Shape{4, rows, columns})) << kernel << " " << stride;
      EXPECT_EQ(layer.num_macs(), 16 * 12 * 8 * 4 * kernel * kernel);
      EXPECT_FALSE(layer.bias);
    }
  }
}

TEST(TfliteMaps, BlocksOfPixelsBecomeChannelsAndBack) {
  const Layer to_space = layer_after([](TfliteFile& f) {
    f.add(Code::DEPTH_TO_SPACE, {"c"}, "y", {1, 32, 24, 2}, Type::DEPTH_TO_SPACE,
          tfl::CreateBlockSize(f.builder, 2));
  });
  EXPECT_EQ(to_space.ofm, (Shape{2, 32, 24}));
  const Layer to_depth = layer_after([](TfliteFile& f) {
    f.add(Code::SPACE_TO_DEPTH, {"c"}, "y", {1, 8, 6, 32}, Type::SPACE_TO_DEPTH,
          tfl::CreateBlockSize(f.builder, 2));
  });
  EXPECT_EQ(to_depth.ofm, (Shape{32, 8, 6}));
}

TEST(TfliteMaps, PaddingOfAnyAxisIsALayerBeforeWhatHasNoWindow) {
  const Layer channels = layer_after([](TfliteFile& f) {
    f.add(Code::PAD, {"c", table(f, {0, 0, 0, 0, 0, 0, 0, 5})}, "y", {1, 16, 12, 13});
  });
  EXPECT_EQ(channels.op, Op::kPad);
  EXPECT_EQ(channels.ofm, (Shape{13, 16, 12}));
  const Layer mirrored = layer_after([](TfliteFile& f) {
    f.add(Code::MIRROR_PAD, {"c", table(f, {0, 0, 1, 2, 3, 4, 0, 0})}, "y", {1, 19, 19, 8});
  });
  EXPECT_EQ(mirrored.op, Op::kPad);
  EXPECT_EQ(mirrored.ofm, (Shape{8, 19, 19}));
}

TEST(TfliteMaps, ReductionsAreOfTheirAxes) {
  const auto reduced = [](Code code, std::vector<std::int32_t> axes, TfliteFile::Sizes dims) {
    return layer_after([&](TfliteFile& f) {
      f.add(code, {"c", f.integers("axes", axes)}, "y", dims, Type::REDUCER,
            tfl::CreateReducer(f.builder, dims.size() == 4));
    });
  };
  EXPECT_EQ(reduced(Code::MEAN, {1, 2}, {1, 8}).op, Op::kGlobalAvgPool);
  EXPECT_EQ(reduced(Code::SUM, {3}, {1, 16, 12, 1}).ofm, (Shape{1, 16, 12}));
  EXPECT_EQ(reduced(Code::REDUCE_MAX, {1}, {1, 1, 12, 8}).ofm, (Shape{8, 1, 12}));
  EXPECT_EQ(reduced(Code::REDUCE_MIN, {-2}, {1, 16, 1, 8}).ofm, (Shape{8, 16, 1}));
}

TEST(TfliteMaps, TheLargerOfTwoMapsIsALayer) {
  const Layers layers = layers_after([](TfliteFile& f) {
    f.conv("x", "d", {1, 16, 12, 8}, {8, 1, 1, 3});
    f.add(Code::MAXIMUM, {"c", "d"}, "y", {1, 16, 12, 8});
  });
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[1].op, Op::kMaximum);
}

TEST(TfliteMaps, RowsOfMapsAreJoined) {
  const Layers layers = layers_after([](TfliteFile& f) {
    f.conv("x", "d", {1, 16, 12, 8}, {8, 1, 1, 3});
    f.add(Code::CONCATENATION, {"c", "d"}, "y", {1, 32, 12, 8}, Type::CONCATENATION,
          tfl::CreateConcatenation(f.builder, 1));
  });
  ASSERT_EQ(layers.size(), 2U);
  EXPECT_EQ(layers[1].axis, Axis::kRows);
  EXPECT_EQ(layers[1].ofm, (Shape{8, 32, 12}));
}

/// Queries times keys, softmax, times values: products of 192 tokens in 2 heads of 4 channels.
TEST(TfliteMaps, AttentionIsTwoProductsAndASoftmax) {
  const Layers layers = layers_after([](TfliteFile& f) {
    f.conv("x", "v", {1, 16, 12, 8}, {8, 1, 1, 3});
    for (const std::string name : {"c", "v"}) {
      f.add(Code::RESHAPE, {name, f.integers(name + ".heads", {1, 192, 2, 4})}, name + ".apart",
            {1, 192, 2, 4});
      f.add(Code::TRANSPOSE, {name + ".apart", f.integers(name + ".order", {0, 2, 1, 3})},
            name + ".h", {1, 2, 192, 4});
    }
    f.add(Code::BATCH_MATMUL, {"c.h", "c.h"}, "scores", {1, 2, 192, 192}, Type::BATCH_MATMUL,
          tfl::CreateBatchMatmul(f.builder, false, true));
    f.add(Code::SOFTMAX, {"scores"}, "shares", {1, 2, 192, 192});
    f.add(Code::BATCH_MATMUL, {"shares", "v.h"}, "y", {1, 2, 192, 4}, Type::BATCH_MATMUL,
          tfl::CreateBatchMatmul(f.builder, false, false));
  });
  ASSERT_EQ(layers.size(), 4U);
  EXPECT_EQ(layers[1].op, Op::kMatmul);
  EXPECT_EQ(layers[1].groups, 2);
  EXPECT_EQ(layers[1].num_macs(), 2 * 192 * 192 * 4);
  EXPECT_EQ(layers[2].op, Op::kSoftmax);
  EXPECT_EQ(layers[2].groups, 2);
  EXPECT_EQ(layers[3].num_macs(), 2 * 192 * 192 * 4);
}

TEST(TfliteMaps, ListsOfBoxesAreJoinedMaps) {
  const Layers layers = layers_after([](TfliteFile& f) {
    f.add(Code::RESHAPE, {"c", f.integers("to", {1, -1, 4})}, "list", {1, 384, 4});
    f.add(Code::LOGISTIC, {"list"}, "scores", {1, 384, 4});
  });
  for (const Layer& layer : layers) EXPECT_EQ(layer.ofm.num_elements(), 8 * 16 * 12);
}

}  // namespace
}  // namespace tilewake
