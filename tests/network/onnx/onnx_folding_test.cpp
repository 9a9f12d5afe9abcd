// SPDX-License-Identifier: Apache-2.0
// What is known before the network runs: operators on constants, branches, inputs of a few numbers.
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A graph that adds `value`, a constant of 1 x 3 x 16 x 16, to its input.
void add_to_input(OnnxGraph& graph, const std::string& value) {
  graph.add("Add", {"x", value}, "y");
}

std::string parameters_plus_input() {
  OnnxGraph graph;
  add_to_input(graph, graph.weights("k", {1, 3, 16, 16}));
  return graph.layers();
}

TEST(OnnxFolding, OperatorsOnConstantsGiveConstantsOfTheirDims) {
  // As interpolated positions, sine positions and masks are written.
  const std::vector<std::function<void(OnnxGraph&)>> graphs = {
      [](OnnxGraph& g) {
        g.weights("p", {1, 3, 4, 4});
        const std::string sizes = g.integers("sizes", {1, 3, 16, 16});
        set(g.add("Resize", {"p", "", "", sizes}, "k"), "mode", "cubic");
      },
      [](OnnxGraph& g) {
        g.add("CumSum", {g.weights("p", {1, 3, 16, 16}), g.integers("axis", {2})}, "c");
        g.add("Cos", {"c"}, "k");
      },
      [](OnnxGraph& g) {
        g.add("Softmax", {g.weights("p", {1, 3, 16, 16})}, "k");
      },
      [](OnnxGraph& g) {
        g.add("LayerNormalization", {g.weights("p", {1, 3, 16, 16}), g.weights("f", {16})}, "k");
      },
      [](OnnxGraph& g) {
        g.add("Conv", {g.weights("p", {1, 5, 16, 16}), g.weights("w", {3, 5, 1, 1})}, "k");
      },
      [](OnnxGraph& g) {
        set(g.add("Einsum", {g.weights("p", {3, 16}), g.weights("q", {16, 3})}, "e"), "equation",
            "ci,jc->cij");
        g.add("Unsqueeze", {"e", g.integers("first", {0})}, "k");
      },
      [](OnnxGraph& g) {
        g.add("MaxPool", {g.weights("p", {1, 3, 32, 32})}, "k");
        set(*g.graph().mutable_node(0), "kernel_shape", {2, 2});
        set(*g.graph().mutable_node(0), "strides", {2, 2});
      },
  };
  const std::string expected = parameters_plus_input();
  for (const auto& build : graphs) {
    OnnxGraph graph;
    build(graph);
    add_to_input(graph, "k");
    std::string layers = graph.layers();
    EXPECT_EQ(layers, expected) << graph.graph().node(0).op_type();
  }
}

/// An If whose branches are convolutions of different widths.
onnx::NodeProto& add_if(OnnxGraph& graph, const std::string& condition) {
  onnx::NodeProto& node = graph.add("If", {condition}, "y");
  for (const auto& [name, channels] : {std::pair("then_branch", 8), {"else_branch", 4}}) {
    onnx::AttributeProto& attribute = *node.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::GRAPH);
    onnx::GraphProto& branch = *attribute.mutable_g();
    onnx::TensorProto& weights = *branch.add_initializer();
    weights.set_name(std::string(name) + ".w");
    weights.set_data_type(onnx::TensorProto::FLOAT);
    for (const int dim : {channels, 3, 3, 3}) weights.add_dims(dim);
    onnx::NodeProto& conv = *branch.add_node();
    conv.set_op_type("Conv");
    conv.set_name(std::string(name) + ".conv");
    conv.add_input("x");
    conv.add_input(weights.name());
    conv.add_output(std::string(name) + ".out");
    onnx::NodeProto& relu = *branch.add_node();
    relu.set_op_type("Relu");
    relu.add_input(conv.output(0));
    relu.add_output(std::string(name) + ".relu");
    branch.add_output()->set_name(relu.output(0));
  }
  return node;
}

TEST(OnnxFolding, AnIfWithAConstantConditionIsItsBranch) {
  for (const int rank : {4, 3}) {
    OnnxGraph graph;  // whether the input has four dimensions, as exporters of squeeze() ask
    graph.add("Shape", {"x"}, "dims");
    graph.add("Size", {"dims"}, "rank");
    graph.add("Equal", {"rank", graph.integers("four", {rank})}, "is_four");
    add_if(graph, "is_four");
    OnnxGraph plain;
    plain.add("Relu", {"c"}, "y");
    OnnxGraph expected;
    expected.conv("x", "c", {rank == 4 ? 8 : 4, 3, 3, 3}, false);
    expected.add("Relu", {"c"}, "y");
    const Network network = graph.read().network;
    const Network same = expected.read().network;
    ASSERT_EQ(network.layers.size(), same.layers.size());
    EXPECT_EQ(network.layers[0].ofm, same.layers[0].ofm);
    EXPECT_EQ(network.layers[0].activation, Activation::kRelu);
    EXPECT_EQ(network.num_macs(), same.num_macs());
  }
}

TEST(OnnxFolding, AnIfThatTheImageDecidesIsRefusedByName) {
  OnnxGraph graph;
  graph.add("ReduceMax", {"x"}, "m");
  graph.add("Greater", {"m", graph.number("zero", 0.0F)}, "c");
  add_if(graph, "c");
  EXPECT_THAT(graph.error(), StartsWith("m.onnx: node 'y' (If): is not supported: control flow"));
  OnnxGraph inner;
  inner.add("Shape", {"x"}, "dims");
  inner.add("Size", {"dims"}, "rank");
  inner.add("Equal", {"rank", inner.integers("four", {4})}, "c");
  onnx::NodeProto& node = add_if(inner, "c");
  node.mutable_attribute(0)->mutable_g()->mutable_node(0)->set_op_type("Frobnicate");
  EXPECT_THAT(inner.error(), HasSubstr("'then_branch.conv' (Frobnicate)"));
}

TEST(OnnxFolding, EinsumTakesDots) {
  const auto macs_of = [](const std::string& equation, const OnnxGraph::Sizes& weights) {
    OnnxGraph graph({1, 3, 16, 12});
    set(graph.add("Einsum", {"x", graph.weights("w", weights)}, "y"), "equation", equation.c_str());
    return graph.read().network.num_macs();
  };
  EXPECT_EQ(macs_of("...ij,jk->...ik", {12, 5}), 3 * 16 * 12 * 5);
  EXPECT_EQ(macs_of("... i j, ... j k", {1, 3, 12, 5}), 3 * 16 * 12 * 5);
  EXPECT_EQ(macs_of("ncij,jk", {12, 5}), 3 * 16 * 12 * 5);
  EXPECT_EQ(macs_of("n...j,jk->n...k", {12, 5}), 3 * 16 * 12 * 5);
}

TEST(OnnxFolding, ASmallInputThatAProductReadsIsAnInputOfTheNetwork) {
  OnnxGraph graph({1, 8, 6, 6});  // the time step of a diffusion model
  graph.add_input("t", {1});
  graph.add("Mul", {"t", graph.weights("frequencies", {1, 16})}, "angle");
  graph.add("Cos", {"angle"}, "cos");
  graph.add("Gemm", {"cos", graph.weights("w", {16, 8})}, "embedded");
  graph.add("Unsqueeze", {"embedded", graph.integers("axes", {2, 3})}, "planes");
  graph.add("Add", {"x", "planes"}, "y");
  EXPECT_EQ(graph.read().network.num_macs(), 16 * 8);

  // Numbers that scale or bound a map, or are weights, are no feature maps.
  OnnxGraph scaled({1, 3, 16, 16});
  scaled.add_input("s", {1});
  scaled.add("Mul", {scaled.weights("w", {4, 3, 3, 3}), "s"}, "scaled");
  scaled.add("Conv", {"x", "scaled"}, "y");
  EXPECT_EQ(scaled.read().network.layers.size(), 1U);
}

TEST(OnnxFolding, FreeSizesOfWeightsAreAskedForByName) {
  OnnxGraph graph({1, 3, 16, 16});
  graph.add_input("w", {-1, 3, 3, 3});
  graph.add("Conv", {"x", "w"}, "y");
  EXPECT_THAT(graph.error(), HasSubstr("weights as input 'w' is ? x 3 x 3 x 3"));
  EXPECT_THAT(graph.error(), HasSubstr("--input-shape w="));
}

}  // namespace
}  // namespace tilewake
