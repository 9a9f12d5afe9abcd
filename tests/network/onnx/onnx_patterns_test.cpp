// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/onnx/onnx_patterns.hpp"

#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;

using Build = std::function<void(OnnxGraph&)>;
using Names = std::vector<std::string>;

/// "Gelu(x)" of every node of a model after its patterns are merged, without constants.
Names merged(const Build& build) {
  OnnxGraph graph;
  build(graph);
  const std::string bytes = graph.bytes();
  OnnxModel model = parse_onnx(bytes, "m.onnx");
  merge_onnx_patterns(model);
  Names nodes;
  for (const OnnxNode& node : model.nodes) {
    if (node.op == "Constant") continue;
    std::string text(node.op);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      text += (i == 0 ? "(" : ", ") + std::string(node.inputs[i]);
    }
    nodes.push_back(text + ")");
  }
  return nodes;
}

/// x (1 + erf(x / sqrt 2)) / 2, with the constants where each exporter puts them.
const std::vector<Build> kErfForms = {
    [](OnnxGraph& g) {  // PyTorch
      g.add("Div", {"x", g.number("root", 1.4142135F)}, "a");
      g.add("Erf", {"a"}, "b");
      g.add("Add", {"b", g.number("one", 1.0F)}, "c");
      g.add("Mul", {"x", "c"}, "d");
      g.add("Mul", {"d", g.number("half", 0.5F)}, "y");
    },
    [](OnnxGraph& g) {  // TensorFlow
      g.add("Mul", {g.number("half", 0.5F), "x"}, "h");
      g.add("Mul", {"x", g.number("root", 0.70710678F)}, "a");
      g.add("Erf", {"a"}, "b");
      g.add("Add", {g.number("one", 1.0F), "b"}, "c");
      g.add("Mul", {"h", "c"}, "y");
    },
    [](OnnxGraph& g) {
      g.add("Mul", {"x", g.number("root", 0.70710678F)}, "a");
      g.add("Erf", {"a"}, "b");
      g.add("Mul", {"b", g.number("half", 0.5F)}, "c");
      g.add("Add", {"c", g.number("half2", 0.5F)}, "d");
      g.add("Mul", {"d", "x"}, "y");
    },
    [](OnnxGraph& g) {  // the root is computed
      g.add("Sqrt", {g.number("two", 2.0F)}, "root");
      g.add("Div", {"x", "root"}, "a");
      g.add("Erf", {"a"}, "b");
      g.add("Add", {"b", g.number("one", 1.0F)}, "c");
      g.add("Mul", {"c", g.number("half", 0.5F)}, "d");
      g.add("Mul", {"x", "d"}, "y");
    },
};

const std::vector<Build> kTanhForms = {
    [](OnnxGraph& g) {  // x^3 as a power
      g.add("Pow", {"x", g.number("three", 3.0F)}, "p");
      g.add("Mul", {"p", g.number("k", 0.044715F)}, "a");
      g.add("Add", {"x", "a"}, "b");
      g.add("Mul", {"b", g.number("s", 0.7978845F)}, "c");
      g.add("Tanh", {"c"}, "t");
      g.add("Add", {"t", g.number("one", 1.0F)}, "e");
      g.add("Mul", {"x", g.number("half", 0.5F)}, "h");
      g.add("Mul", {"h", "e"}, "y");
    },
    [](OnnxGraph& g) {  // x^3 as products
      g.add("Mul", {"x", "x"}, "x2");
      g.add("Mul", {"x", "x2"}, "x3");
      g.add("Mul", {g.number("k", 0.044715F), "x3"}, "a");
      g.add("Add", {"x", "a"}, "b");
      g.add("Mul", {g.number("s", 0.7978845F), "b"}, "c");
      g.add("Tanh", {"c"}, "t");
      g.add("Add", {g.number("one", 1.0F), "t"}, "e");
      g.add("Mul", {g.number("half", 0.5F), "e"}, "h");
      g.add("Mul", {"x", "h"}, "y");
    },
};

TEST(OnnxPatterns, EveryFormOfGeluIsOneNode) {
  for (const auto* forms : {&kErfForms, &kTanhForms}) {
    for (const Build& form : *forms) {
      Names nodes = merged(form);
      std::erase(nodes, "Sqrt(two)");
      EXPECT_THAT(nodes, ElementsAre("Gelu(x)"));
    }
  }
}

TEST(OnnxPatterns, WhatAnotherNodeReadsStays) {
  for (const auto* forms : {&kErfForms, &kTanhForms}) {
    for (const Build& form : *forms) {
      for (const char* inner : {"a", "b", "c", "e", "t"}) {
        bool has_inner = false;
        const Names nodes = merged([&](OnnxGraph& g) {
          form(g);
          for (const onnx::NodeProto& node : g.graph().node()) {
            has_inner = has_inner || node.output(0) == inner;
          }
          if (!has_inner) return;
          g.add("Relu", {inner}, "other");
          g.outputs = {"y", "other"};
        });
        if (has_inner) {
          EXPECT_THAT(nodes, testing::Not(testing::Contains("Gelu(x)"))) << inner;
        }
      }
    }
  }
}

TEST(OnnxPatterns, OtherConstantsAreNoGelu) {
  EXPECT_EQ(merged([](OnnxGraph& g) {
              g.add("Div", {"x", g.number("root", 1.4142135F)}, "a");
              g.add("Erf", {"a"}, "b");
              g.add("Add", {"b", g.number("one", 1.0F)}, "c");
              g.add("Mul", {"x", "c"}, "y");
            }).size(),
            4U);
}

/// Mean, difference, deviation and quotient over `axes`, as an attribute before opset 18.
void add_layer_norm(OnnxGraph& g, bool is_power, bool has_two_differences, bool has_axes_input) {
  const auto mean = [&](const std::string& input, const std::string& output) {
    if (has_axes_input) {
      g.add("ReduceMean", {input, g.integers(output + ".axes", {-1})}, output);
    } else {
      set(g.add("ReduceMean", {input}, output), "axes", OnnxGraph::Sizes{-1});
    }
  };
  mean("x", "m");
  g.add("Sub", {"x", "m"}, "d");
  if (has_two_differences) g.add("Sub", {"x", "m"}, "d2");
  if (is_power) {
    g.add("Pow", {"d", g.number("two", 2.0F)}, "q");
  } else {
    g.add("Mul", {"d", "d"}, "q");
  }
  mean("q", "v");
  g.add("Add", {"v", g.number("eps", 1e-5F)}, "e");
  g.add("Sqrt", {"e"}, "s");
  g.add("Div", {has_two_differences ? "d2" : "d", "s"}, "n");
}

TEST(OnnxPatterns, EveryFormOfLayerNormIsOneNode) {
  for (const bool is_power : {false, true}) {
    for (const bool has_two_differences : {false, true}) {
      for (const bool has_axes_input : {false, true}) {
        const auto norm = [&](OnnxGraph& g) {
          add_layer_norm(g, is_power, has_two_differences, has_axes_input);
        };
        EXPECT_THAT(merged(norm), ElementsAre("LayerNormalization(x)"));
        EXPECT_THAT(merged([&](OnnxGraph& g) {
                      norm(g);
                      g.add("Mul", {"n", g.weights("gamma", {16})}, "f");
                      g.add("Add", {g.weights("beta", {16}), "f"}, "y");
                    }),
                    ElementsAre("LayerNormalization(x, gamma, beta)"));
        EXPECT_THAT(merged([&](OnnxGraph& g) {
                      norm(g);
                      g.add("Relu", {"d"}, "other");
                      g.outputs = {"n", "other"};
                    }),
                    testing::Not(testing::Contains("LayerNormalization(x)")));
      }
    }
  }
}

TEST(OnnxPatterns, ALayerNormOfTensorFlowIsOneNode) {
  EXPECT_THAT(merged([](OnnxGraph& g) {
                set(g.add("ReduceMean", {"x"}, "m"), "axes", OnnxGraph::Sizes{-1});
                g.add("Sub", {"x", "m"}, "d");
                g.add("Mul", {"d", "d"}, "q");
                set(g.add("ReduceMean", {"q"}, "v"), "axes", OnnxGraph::Sizes{-1});
                g.add("Add", {"v", g.number("eps", 1e-3F)}, "e");
                g.add("Sqrt", {"e"}, "s");
                g.add("Reciprocal", {"s"}, "r");
                g.add("Mul", {"r", g.weights("gamma", {16})}, "i");
                g.add("Mul", {"x", "i"}, "a");
                g.add("Mul", {"m", "i"}, "b");
                g.add("Sub", {g.weights("beta", {16}), "b"}, "c");
                g.add("Add", {"a", "c"}, "y");
              }),
              ElementsAre("LayerNormalization(x, gamma, beta)"));
}

TEST(OnnxPatterns, EveryFormOfRmsNormIsOneNode) {
  for (const int form : {0, 1, 2}) {
    EXPECT_THAT(merged([&](OnnxGraph& g) {
                  g.add("Pow", {"x", g.number("two", 2.0F)}, "q");
                  set(g.add("ReduceMean", {"q"}, "v"), "axes", OnnxGraph::Sizes{-1});
                  g.add("Add", {"v", g.number("eps", 1e-5F)}, "e");
                  if (form == 0) {
                    g.add("Sqrt", {"e"}, "s");
                    g.add("Div", {"x", "s"}, "n");
                  } else if (form == 1) {
                    g.add("Sqrt", {"e"}, "s");
                    g.add("Reciprocal", {"s"}, "r");
                    g.add("Mul", {"x", "r"}, "n");
                  } else {
                    g.add("Pow", {"e", g.number("power", -0.5F)}, "r");
                    g.add("Mul", {"r", "x"}, "n");
                  }
                  g.add("Mul", {g.weights("gamma", {16}), "n"}, "y");
                }),
                ElementsAre("RMSNormalization(x, gamma)"));
  }
}

TEST(OnnxPatterns, AnInstanceNormOfGroupsIsAGroupNorm) {
  for (const bool is_computed : {false, true}) {
    const Names nodes = merged([&](OnnxGraph& g) {
      g.add("Reshape", {"x", g.integers("groups", {0, 2, -1})}, "r");
      g.add("InstanceNormalization", {"r", g.weights("one", {2}), g.weights("zero", {2})}, "n");
      if (is_computed) g.add("Shape", {"x"}, "shape");
      const std::string shape = is_computed ? "shape" : g.integers("back", {1, 4, 8, 8});
      g.add("Reshape", {"n", shape}, "b");
      g.add("Mul", {"b", g.weights("gamma", {4, 1, 1})}, "f");
      g.add("Add", {"f", g.weights("beta", {4, 1, 1})}, "y");
    });
    EXPECT_EQ(nodes.back(), "GroupNormalization(x, gamma, beta)");
    EXPECT_EQ(nodes.size(), is_computed ? 2U : 1U);
  }
}

TEST(OnnxPatterns, ActivationsWrittenAsArithmeticAreOneNode) {
  const std::vector<std::pair<Build, std::string>> cases = {
      {[](OnnxGraph& g) {
         g.add("Softplus", {"x"}, "s");
         g.add("Tanh", {"s"}, "t");
         g.add("Mul", {"x", "t"}, "y");
       },
       "Mish(x)"},
      {[](OnnxGraph& g) {
         g.add("Exp", {"x"}, "e");
         g.add("Add", {"e", g.number("one", 1.0F)}, "a");
         g.add("Log", {"a"}, "s");
         g.add("Tanh", {"s"}, "t");
         g.add("Mul", {"t", "x"}, "y");
       },
       "Mish(x)"},
      {[](OnnxGraph& g) {
         g.add("Neg", {"x"}, "n");
         g.add("Exp", {"n"}, "e");
         g.add("Add", {g.number("one", 1.0F), "e"}, "a");
         g.add("Reciprocal", {"a"}, "y");
       },
       "Sigmoid(x)"},
      {[](OnnxGraph& g) {
         g.add("Mul", {"x", g.number("slope", 0.1666667F)}, "m");
         g.add("Add", {"m", g.number("half", 0.5F)}, "a");
         g.add("Max", {"a", g.number("zero", 0.0F)}, "b");
         g.add("Min", {"b", g.number("one", 1.0F)}, "y");
       },
       "HardSigmoid(x)"},
      {[](OnnxGraph& g) {
         g.add("Mul", {"x", g.number("k", 1.702F)}, "m");
         g.add("Sigmoid", {"m"}, "s");
         g.add("Mul", {"x", "s"}, "y");
       },
       "Gelu(x)"},
      {[](OnnxGraph& g) {
         g.add("Exp", {"x"}, "e");
         set(g.add("ReduceSum", {"e"}, "s"), "axes", OnnxGraph::Sizes{1});
         g.add("Div", {"e", "s"}, "y");
       },
       "Softmax(x)"},
      {[](OnnxGraph& g) {
         set(g.add("ReduceMax", {"x"}, "m"), "axes", OnnxGraph::Sizes{1});
         g.add("Sub", {"x", "m"}, "d");
         g.add("Exp", {"d"}, "e");
         g.add("ReduceSum", {"e", g.integers("axes", OnnxGraph::Sizes{1})}, "s");
         g.add("Div", {"e", "s"}, "y");
       },
       "Softmax(x)"},
      {[](OnnxGraph& g) {
         set(g.add("ReduceL2", {"x"}, "l"), "axes", OnnxGraph::Sizes{1});
         g.add("Clip", {"l", g.number("least", 1e-12F)}, "c");
         g.add("Div", {"x", "c"}, "y");
       },
       "LpNormalization(x)"},
  };
  for (const auto& [build, expected] : cases) EXPECT_THAT(merged(build), ElementsAre(expected));
}

/// Ops of a network after what a graph reads.
std::vector<std::string> ops_of(OnnxGraph& graph) {
  std::vector<std::string> ops;
  for (const Layer& layer : graph.read().network.layers) {
    std::string text(to_string(layer.op));
    if (layer.activation != Activation::kNone)
      text += "+" + std::string(to_string(layer.activation));
    ops.push_back(text);
  }
  return ops;
}

TEST(OnnxPatterns, ABlockOfATransformerHasALayerANormAndNoOther) {
  OnnxGraph graph({1, 10, 16});
  add_layer_norm(graph, true, false, true);
  graph.add("Mul", {"n", graph.weights("gamma", {16})}, "f");
  graph.add("Add", {"f", graph.weights("beta", {16})}, "g");
  graph.add("MatMul", {"g", graph.weights("w", {16, 32})}, "u");
  graph.add("Div", {"u", graph.number("root", 1.4142135F)}, "a1");
  graph.add("Erf", {"a1"}, "a2");
  graph.add("Add", {"a2", graph.number("one", 1.0F)}, "a3");
  graph.add("Mul", {"u", "a3"}, "a4");
  graph.add("Mul", {"a4", graph.number("half", 0.5F)}, "a5");
  graph.add("MatMul", {"a5", graph.weights("w2", {32, 16})}, "z");
  graph.add("Add", {"x", "z"}, "y");
  EXPECT_THAT(ops_of(graph), ElementsAre("layer_norm", "conv2d+gelu", "conv2d", "add"));
}

TEST(OnnxPatterns, ANormOfChannelsInFrontIsOneLayer) {
  OnnxGraph graph({1, 8, 4, 4});
  set(graph.add("ReduceMean", {"x"}, "m"), "axes", OnnxGraph::Sizes{1});
  graph.add("Sub", {"x", "m"}, "d");
  graph.add("Pow", {"d", graph.number("two", 2.0F)}, "q");
  set(graph.add("ReduceMean", {"q"}, "v"), "axes", OnnxGraph::Sizes{1});
  graph.add("Add", {"v", graph.number("eps", 1e-6F)}, "e");
  graph.add("Sqrt", {"e"}, "s");
  graph.add("Div", {"d", "s"}, "n");
  graph.add("Mul", {"n", graph.weights("gamma", {8, 1, 1})}, "f");
  graph.add("Add", {"f", graph.weights("beta", {8, 1, 1})}, "y");
  EXPECT_THAT(ops_of(graph), ElementsAre("layer_norm"));
  EXPECT_EQ(graph.read().network.num_params(), 2 * 8);
}

TEST(OnnxPatterns, ALongChainTakesLinearTime) {
  const Names nodes = merged([](OnnxGraph& g) {
    std::string last = "x";
    for (int i = 0; i < 50000; ++i) {
      const std::string next = "m" + std::to_string(i);
      g.add("Mul", {last, i % 2 == 0 ? last : g.number(next + ".c", 0.5F)}, next);
      last = next;
    }
  });
  EXPECT_EQ(nodes.size(), 50000U);
}

}  // namespace
}  // namespace tilewake
