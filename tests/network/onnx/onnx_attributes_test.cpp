// SPDX-License-Identifier: Apache-2.0
// Attributes and sizes without a meaning are refused where they are, never replaced by others.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Sizes = OnnxGraph::Sizes;

constexpr std::int64_t kHuge = std::int64_t{1} << 40;

struct RefusedCase {
  std::string op;
  std::function<void(OnnxGraph&)> build;  // makes a node 'n' of this operator
};

/// Each names node and operator, in one line.
void expect_refused_at_node(const std::vector<RefusedCase>& cases) {
  for (std::size_t i = 0; i < cases.size(); ++i) {
    OnnxGraph graph;
    cases[i].build(graph);
    const std::string error = graph.error();
    EXPECT_THAT(error, StartsWith("m.onnx: node 'n' (" + cases[i].op + "): ")) << "case " << i;
    EXPECT_THAT(error, Not(HasSubstr("\n")));
  }
}

onnx::NodeProto& conv_transpose(OnnxGraph& g) {
  return g.add("ConvTranspose", {"x", g.weights("w", {3, 8, 2, 2})}, "n");
}

onnx::NodeProto& resize(OnnxGraph& g, const Sizes& sizes) {
  return g.add("Resize", {"x", "", "", g.integers("sizes", sizes)}, "n");
}

TEST(OnnxAttributes, TextsThatNoOperatorKnowsAreRefused) {
  expect_refused_at_node({
      {"ConvTranspose", [](OnnxGraph& g) { set(conv_transpose(g), "auto_pad", "X"); }},
      {"ConvTranspose",
       [](OnnxGraph& g) {
         auto& node = conv_transpose(g);
         set(node, "output_shape", {32, 32});
         set(node, "auto_pad", "same_upper");
       }},
      {"MaxPool",
       [](OnnxGraph& g) {
         auto& node = g.add("MaxPool", {"x"}, "n");
         set(node, "kernel_shape", {2, 2});
         set(node, "auto_pad", "X");
       }},
      {"Resize",
       [](OnnxGraph& g) {
         set(resize(g, {1, 3, 16, 16}), "mode", "area");
       }},
      {"Resize",
       [](OnnxGraph& g) {
         set(resize(g, {1, 3, 32, 32}), "coordinate_transformation_mode", "corners");
       }},
      {"Resize",
       [](OnnxGraph& g) {
         set(resize(g, {1, 3, 32, 32}), "nearest_mode", "up");
       }},
      {"Resize",
       [](OnnxGraph& g) {
         set(resize(g, {1, 3, 32, 48}), "keep_aspect_ratio_policy", "not_larger");
       }},
      {"DepthToSpace",
       [](OnnxGraph& g) {
         g.conv("x", "c", {4, 3, 1, 1});
         auto& node = g.add("DepthToSpace", {"c"}, "n");
         set(node, "blocksize", 2);
         set(node, "mode", "RCD");
       }},
      {"Pad",
       [](OnnxGraph& g) {
         set(g.add("Pad", {"x", g.integers("p", {0, 0, 1, 1, 0, 0, 1, 1})}, "n"), "mode", "zero");
       }},
      {"RoiAlign",
       [](OnnxGraph& g) {
         g.add_input("rois", {10, 4});
         set(g.add("RoiAlign", {"x", "rois", g.integers("of", Sizes(10, 0))}, "n"), "mode", "min");
       }},
      {"Gelu", [](OnnxGraph& g) { set(g.add("Gelu", {"x"}, "n"), "approximate", "no"); }},
      {"ScatterElements",
       [](OnnxGraph& g) {
         g.add_input("where", {1, 3, 16, 16});
         set(g.add("ScatterElements", {"x", "where", "x"}, "n"), "reduction", "sum");
       }},
      {"GridSample",
       [](OnnxGraph& g) {
         g.add_input("grid", {1, 8, 8, 2});
         set(g.add("GridSample", {"x", "grid"}, "n"), "padding_mode", "mirror");
       }},
  });
}

TEST(OnnxAttributes, SizesWithoutElementsOrBeyondAnyMapAreRefused) {
  std::vector<RefusedCase> cases;
  for (const std::int64_t size : {std::int64_t{0}, std::int64_t{-3}, kHuge}) {
    cases.push_back({"TopK", [size](OnnxGraph& g) {
                       g.add("TopK", {"x", g.integers("k", {size})}, "n").add_output("where");
                     }});
    cases.push_back({"Expand", [size](OnnxGraph& g) {
                       g.conv("x", "c", {1, 3, 1, 1});
                       g.add("Expand", {"c", g.integers("to", {1, size, 16, 16})}, "n");
                     }});
    cases.push_back({"Tile", [size](OnnxGraph& g) {
                       g.add("Tile", {"x", g.integers("times", {1, size, 1, 1})}, "n");
                     }});
    cases.push_back({"Resize", [size](OnnxGraph& g) { resize(g, {1, 3, size, 16}); }});
    cases.push_back({"RoiAlign", [size](OnnxGraph& g) {
                       g.add_input("rois", {10, 4});
                       set(g.add("RoiAlign", {"x", "rois", g.integers("of", Sizes(10, 0))}, "n"),
                           "output_height", size);
                     }});
    cases.push_back({"MaxRoiPool", [size](OnnxGraph& g) {
                       g.add_input("rois", {10, 5});
                       set(g.add("MaxRoiPool", {"x", "rois"}, "n"), "pooled_shape", {size, 7});
                     }});
    cases.push_back(
        {"OneHot", [size](OnnxGraph& g) {
           g.add("OneHot", {"x", g.integers("depth", {size}), g.integers("v", {0, 1})}, "n");
         }});
    cases.push_back({"LRN", [size](OnnxGraph& g) { set(g.add("LRN", {"x"}, "n"), "size", size); }});
    cases.push_back({"SpaceToDepth", [size](OnnxGraph& g) {
                       set(g.add("SpaceToDepth", {"x"}, "n"), "blocksize", size);
                     }});
    cases.push_back({"GroupNormalization", [size](OnnxGraph& g) {
                       const std::string k = g.weights("k", {3});
                       set(g.add("GroupNormalization", {"x", k, k}, "n"), "num_groups", size);
                     }});
    cases.push_back({"Cast", [size](OnnxGraph& g) { set(g.add("Cast", {"x"}, "n"), "to", size); }});
  }
  expect_refused_at_node(cases);
}

TEST(OnnxAttributes, NumbersThatContradictTheMapAreRefused) {
  expect_refused_at_node({
      {"TopK",
       [](OnnxGraph& g) {
         g.add("TopK", {"x", g.integers("k", {17})}, "n").add_output("where");  // of 16 columns
       }},
      {"ConvTranspose",
       [](OnnxGraph& g) {
         auto& node = conv_transpose(g);
         set(node, "strides", {2, 2});
         set(node, "output_padding", {2, 0});
       }},
      {"Split",
       [](OnnxGraph& g) {
         auto& node = g.add("Split", {"x"}, "n");
         node.add_output("b");
         set(node, "axis", 3);
         set(node, "num_outputs", 3);
       }},
      {"Slice",
       [](OnnxGraph& g) {
         g.add("Slice",
               {"x", g.integers("s", {0, 2}), g.integers("e", {8, 4}), g.integers("a", {3, -1})},
               "n");
       }},
      {"Concat",
       [](OnnxGraph& g) {
         g.add("Concat", {"x", "x"}, "n");
       }},
      {"Pad",
       [](OnnxGraph& g) {
         set(g.add("Pad", {"x", g.integers("p", {0, 0, 16, 0, 0, 0, 0, 0})}, "n"), "mode",
             "reflect");
       }},
      {"LpNormalization", [](OnnxGraph& g) { set(g.add("LpNormalization", {"x"}, "n"), "p", 3); }},
      {"LayerNormalization",
       [](OnnxGraph& g) {
         g.add("LayerNormalization", {"x", g.weights("k", {7})}, "n");
       }},
      {"InstanceNormalization",
       [](OnnxGraph& g) {
         const std::string k = g.weights("k", {4});
         g.add("InstanceNormalization", {"x", k, k}, "n");
       }},
      {"PRelu",
       [](OnnxGraph& g) {
         g.add("PRelu", {"x", g.weights("k", {4, 1, 1})}, "n");
       }},
      {"Gemm",
       [](OnnxGraph& g) {
         g.add("Flatten", {"x"}, "f");
         g.add("Gemm", {"f", g.weights("w", {768, 4}), g.weights("b", {7})}, "n");
       }},
      {"QuantizeLinear",
       [](OnnxGraph& g) {
         g.add("QuantizeLinear", {"x", g.weights("scale", {5})}, "n");
       }},
      {"ConstantOfShape",
       [](OnnxGraph& g) {
         auto& node = g.add("ConstantOfShape", {g.integers("to", {2})}, "n");
         onnx::AttributeProto& value = *node.add_attribute();
         value.set_name("value");
         value.set_type(onnx::AttributeProto::TENSOR);
         value.mutable_t()->set_data_type(onnx::TensorProto::FLOAT);
         value.mutable_t()->add_dims(2);
         value.mutable_t()->add_float_data(1.0F);
         value.mutable_t()->add_float_data(2.0F);
         g.add("Add", {"x", "n"}, "a");
       }},
      {"GatherND",
       [](OnnxGraph& g) {
         g.add_input("where", {5, 9});
         g.add("GatherND", {"x", "where"}, "n");
       }},
      {"GatherElements",
       [](OnnxGraph& g) {
         g.add_input("where", {5, 9});
         g.add("GatherElements", {"x", "where"}, "n");
       }},
      {"QLinearGlobalAveragePool",
       [](OnnxGraph& g) {
         set(g.add("QLinearGlobalAveragePool", {"x"}, "n"), "channels_last", 1);
       }},
      {"GroupNorm",  // whose default is N x H x W x C
       [](OnnxGraph& g) {
         const std::string k = g.weights("k", {3});
         set(g.add("GroupNorm", {"x", k, k}, "n"), "groups", 3);
       }},
  });
}

TEST(OnnxAttributes, AnInputOfNoElementsIsRefusedUntilSizesAreGiven) {
  for (const Sizes& sizes : std::vector<Sizes>{{0, 3, 16, 16}, {1, 3, 0, 16}}) {
    OnnxGraph graph(sizes);
    graph.add("Relu", {"x"}, "a");
    EXPECT_THAT(graph.error(), StartsWith("m.onnx: input 'x': "));
    EXPECT_EQ(graph.error({1, 3, 16, 16}), "no error");
  }
}

TEST(OnnxAttributes, HostOperatorsAreNotAdvisedToBeLeftToTheHost) {
  OnnxGraph graph;
  graph.conv("x", "c", {4, 3, 1, 1});
  graph.add("TopK", {"c", graph.integers("k", {17})}, "n").add_output("where");
  EXPECT_THAT(graph.error(), HasSubstr("--until c "));
  EXPECT_THAT(graph.error(), Not(HasSubstr("--skip-unsupported")));
}

}  // namespace
}  // namespace tilewake
