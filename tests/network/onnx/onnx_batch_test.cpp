// SPDX-License-Identifier: Apache-2.0
// What acts across the images of a batch is refused; what does not is read for one image.
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct BatchCase {
  std::string node;  // that acts across images: 'name' (Operator)
  std::function<void(OnnxGraph&)> build;
};

/// Each graph is read with one image, and refused at its node with four.
void expect_refused_for_batches(const std::vector<BatchCase>& cases) {
  for (const BatchCase& given : cases) {
    OnnxGraph one({-1, 3, 8, 8});
    given.build(one);
    EXPECT_EQ(one.error({1, 3, 8, 8}), "no error") << given.node;
    OnnxGraph four({-1, 3, 8, 8});
    given.build(four);
    const std::string error = four.error({4, 3, 8, 8});
    EXPECT_THAT(error, StartsWith("m.onnx: node " + given.node + ": ")) << error;
    EXPECT_THAT(error, HasSubstr("--input-shape"));
  }
}

void reshape_to(OnnxGraph& graph, const std::string& from, const std::string& to,
                const OnnxGraph::Sizes& sizes) {
  graph.add("Reshape", {from, graph.integers(to + ".shape", sizes)}, to);
}

TEST(OnnxBatch, WhatActsAcrossImagesIsRefusedAtItsNode) {
  expect_refused_for_batches({
      {"'s' (Softmax)", [](OnnxGraph& g) { set(g.add("Softmax", {"x"}, "s"), "axis", 0); }},
      {"'r' (ReduceMean)",
       [](OnnxGraph& g) {
         set(g.add("ReduceMean", {"x"}, "r"), "axes", OnnxGraph::Sizes{0, 2});
       }},
      {"'r' (ReduceMax)", [](OnnxGraph& g) { g.add("ReduceMax", {"x"}, "r"); }},
      {"'t' (TopK)",
       [](OnnxGraph& g) {
         set(g.add("TopK", {"x", g.integers("k", {1})}, "t"), "axis", 0);
       }},
      {"'a' (ArgMax)", [](OnnxGraph& g) { set(g.add("ArgMax", {"x"}, "a"), "axis", -4); }},
      {"'p' (Slice)",
       [](OnnxGraph& g) {
         g.add("Slice", {"x", g.integers("b", {0}), g.integers("e", {1}), g.integers("axes", {0})},
               "p");
         g.conv("p", "c", {4, 3, 1, 1});
       }},
      {"'p' (Gather)",
       [](OnnxGraph& g) {
         g.conv("x", "c", {4, 3, 1, 1});
         set(g.add("Gather", {"c", g.integers("i", {0})}, "p"), "axis", 0);
       }},
  });
}

TEST(OnnxBatch, ImagesThatBecomeChannelsOrDepthAreRefused) {
  OnnxGraph channels({4, 3, 8, 8});
  channels.conv("x", "c", {4, 3, 1, 1});
  set(channels.add("Transpose", {"c"}, "t"), "perm", {1, 0, 2, 3});
  channels.conv("t", "y", {8, 4, 1, 1});
  EXPECT_THAT(channels.error(), StartsWith("m.onnx: node 'y' (Conv): "));

  OnnxGraph depth({4, 3, 8, 8});
  reshape_to(depth, "x", "flat", {1, -1});
  depth.add("Gemm", {"flat", depth.weights("w", {768, 10})}, "y");
  EXPECT_THAT(depth.error(), StartsWith("m.onnx: node 'y' (Gemm): "));

  OnnxGraph pairs({4, 3, 8, 8});  // each image with each other one, as a contrastive loss does
  pairs.add("Flatten", {"x"}, "f");
  set(pairs.add("Transpose", {"f"}, "t"), "perm", {1, 0});
  pairs.add("MatMul", {"f", "t"}, "y");
  EXPECT_THAT(pairs.error(), StartsWith("m.onnx: node 'y' (MatMul): "));

  OnnxGraph joined({4, 3, 8, 8});
  joined.conv("x", "c", {3, 3, 1, 1});
  set(joined.add("Concat", {"x", "c"}, "y"), "axis", 0);
  EXPECT_THAT(joined.error(), StartsWith("m.onnx: node 'y' (Concat): "));
}

TEST(OnnxBatch, WhatTreatsImagesApartIsReadForOne) {
  const auto build = [](OnnxGraph& g, std::int64_t n) {
    g.conv("x", "c", {8, 3, 3, 3});
    reshape_to(g, "c", "rows", {n, 8, 36});
    set(g.add("Transpose", {"rows"}, "tokens"), "perm", {2, 0, 1});  // steps first
    g.add("MatMul", {"tokens", g.weights("w", {8, 8})}, "q");
    reshape_to(g, "q", "heads", {36, n * 2, 4});
    set(g.add("Transpose", {"heads"}, "a"), "perm", {1, 0, 2});
    set(g.add("Transpose", {"heads"}, "b"), "perm", {1, 2, 0});
    g.add("MatMul", {"a", "b"}, "scores");
    set(g.add("Softmax", {"scores"}, "soft"), "axis", -1);
    set(g.add("ReduceMean", {"soft"}, "y"), "axes", OnnxGraph::Sizes{1});
  };
  OnnxGraph one({1, 3, 8, 8});
  build(one, 1);
  OnnxGraph four({4, 3, 8, 8});
  build(four, 4);
  Network expected = one.read().network;
  const Network read = four.read().network;
  EXPECT_EQ(read.batch, 4);
  expected.batch = 4;
  EXPECT_EQ(text_of(read), text_of(expected));
}

TEST(OnnxBatch, AFreeBatchMayBeGivenToAModelThatComputesItsShapes) {
  OnnxGraph graph({-1, 3, 8, 8});
  graph.conv("x", "c", {8, 3, 3, 3});
  graph.add("Shape", {"c"}, "dims");
  set(graph.add("Gather", {"dims", graph.integers("zero", {0})}, "n"), "axis", 0);
  set(graph.add("Concat", {"n", graph.integers("rest", {-1})}, "shape"), "axis", 0);
  graph.add("Reshape", {"c", "shape"}, "flat");
  graph.add("Gemm", {"flat", graph.weights("w", {288, 10})}, "y");
  const Network network = graph.read({4, 3, 8, 8}).network;
  EXPECT_EQ(network.batch, 4);
  EXPECT_EQ(network.num_macs(), 4 * (8 * 3 * 9 * 36 + 288 * 10));
}

TEST(OnnxBatch, InputsOfDifferentBatchesAreRefused) {
  OnnxGraph graph({2, 3, 8, 8});
  graph.add_input("z", {4, 3, 8, 8});
  graph.add("Add", {"x", "z"}, "y");
  EXPECT_THAT(graph.error(), HasSubstr("input 'z' has a batch of 4"));
}

TEST(OnnxBatch, StepsMayComeBeforeTheBatch) {
  // T x 1 x C: one sequence of T rows.
  OnnxGraph graph({20, 1, 16});
  graph.add("MatMul", {"x", graph.weights("w", {16, 16})}, "q");
  set(graph.add("Transpose", {"q"}, "a"), "perm", {1, 0, 2});
  set(graph.add("Transpose", {"q"}, "b"), "perm", {1, 2, 0});
  graph.add("MatMul", {"a", "b"}, "y");
  const Network network = graph.read().network;
  EXPECT_EQ(network.batch, 1);
  EXPECT_EQ(network.num_macs(), 20 * 16 * 16 + 20 * 20 * 16);

  OnnxGraph open({-1, 1, 16});
  open.add("MatMul", {"x", open.weights("w", {16, 16})}, "y");
  EXPECT_THAT(open.error(), HasSubstr("--input-shape"));
  EXPECT_EQ(open.read({20, 1, 16}).network.num_macs(), 20 * 16 * 16);
}

TEST(OnnxBatch, AFirstDimThatIsNamedAfterStepsMustBeGiven) {
  OnnxGraph graph({1, 16, 16});
  auto& type = *graph.graph().mutable_input(0)->mutable_type()->mutable_tensor_type();
  type.mutable_shape()->mutable_dim(0)->set_dim_param("seq_len");
  graph.add("MatMul", {"x", graph.weights("w", {16, 4})}, "y");
  EXPECT_THAT(graph.error(), HasSubstr("counts steps"));
  type.mutable_shape()->mutable_dim(0)->set_dim_param("batch_size");
  EXPECT_EQ(graph.read().network.num_macs(), 16 * 16 * 4);
}

TEST(OnnxBatch, WeightsThatDifferFromImageToImageAreRefused) {
  const auto build = [](OnnxGraph& graph, bool differ, bool is_raw) {
    onnx::TensorProto& tensor = graph.new_tensor("w", {4, 8, 5}, onnx::TensorProto::FLOAT);
    std::vector<float> values;
    for (int i = 0; i < 160; ++i) values.push_back(static_cast<float>(differ ? i : i % 40));
    if (is_raw) {
      tensor.set_raw_data(
          std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)));
    } else {
      for (const float value : values) tensor.add_float_data(value);
    }
    graph.add("MatMul", {"x", "w"}, "y");
  };
  for (const bool is_raw : {true, false}) {
    OnnxGraph repeated({4, 6, 8});
    build(repeated, /*differ=*/false, is_raw);
    const Network network = repeated.read().network;
    EXPECT_EQ(network.batch, 4);
    EXPECT_EQ(network.num_params(), 8 * 5);
    EXPECT_EQ(network.num_macs(), 4 * 6 * 8 * 5);
    OnnxGraph different({4, 6, 8});
    build(different, /*differ=*/true, is_raw);
    EXPECT_THAT(different.error(),
                StartsWith("m.onnx: node 'y' (MatMul): has parameters of 4 x 8 x 5, "));
  }
  // Of one image with four matrices each is another group.
  OnnxGraph groups({1, 4, 6, 8});
  build(groups, /*differ=*/true, true);
  EXPECT_EQ(groups.read().network.num_params(), 4 * 8 * 5);
}

}  // namespace
}  // namespace tilewake
