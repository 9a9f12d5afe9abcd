// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/network/onnx/onnx_model.hpp"
#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Refusal {
  std::string expected;  // behind "m.onnx: "
  std::function<void(OnnxGraph&)> build;
};

void expect_refused(const std::vector<Refusal>& refusals) {
  for (const Refusal& refusal : refusals) {
    OnnxGraph graph;
    refusal.build(graph);
    EXPECT_THAT(graph.error(), StartsWith("m.onnx: " + refusal.expected));
  }
}

TEST(OnnxRefusals, UnknownOperatorsAreNamedWithTheirNodeAndWhatToDo) {
  expect_refused({
      {"node 's' (SplitToSequence): is not supported: sequences are not modelled",
       [](OnnxGraph& g) { g.add("SplitToSequence", {"x"}, "s"); }},
      {"node 'n' (Frobnicate): is not supported (simulator/network/onnx/README.md lists what is)",
       [](OnnxGraph& g) { g.add("Frobnicate", {"x"}, "n"); }},
      {"node 'q' (Relu): operators of the domain 'org.custom' are not known",
       [](OnnxGraph& g) { g.add("Relu", {"x"}, "q").set_domain("org.custom"); }},
      {"node 'if' (If): is not supported: control flow is not modelled",
       [](OnnxGraph& g) { g.add("If", {"x"}, "if"); }},
  });
}

TEST(OnnxRefusals, WindowsThatALayerCannotSayAreNamed) {
  expect_refused({
      {"node 'c' (Conv): has weights of 8 x 3 x 3 for a map of 1 x 3 x 16 x 16",
       [](OnnxGraph& g) {
         g.conv("x", "c", {8, 3, 3});
       }},
      {"node 'c' (Conv): has 1 groups and weights of 8 x 4 x 3 x 3 for 3 channels",
       [](OnnxGraph& g) {
         g.conv("x", "c", {8, 4, 3, 3});
       }},
      {"node 'c' (Conv): has weights of 0 x 3 x 3 x 3",
       [](OnnxGraph& g) {
         g.conv("x", "c", {0, 3, 3, 3});
       }},
      {"node 'c' (Conv): has a kernel_shape of 5 x 5 and weights of 8 x 3 x 3 x 3",
       [](OnnxGraph& g) {
         set(g.conv("x", "c", {8, 3, 3, 3}), "kernel_shape", {5, 5});
       }},
      {"node 'c' (Conv): pads must be from 0 to 1048576, not -1",
       [](OnnxGraph& g) {
         set(g.conv("x", "c", {8, 3, 3, 3}), "pads", {-1, 0, 0, 0});
       }},
      {"node 'c' (Conv): strides must be from 1 to 1024, not 0",
       [](OnnxGraph& g) {
         set(g.conv("x", "c", {8, 3, 3, 3}), "strides", {0, 0});
       }},
      {"node 'c' (Conv): strides has 1 values, expected 2",
       [](OnnxGraph& g) {
         set(g.conv("x", "c", {8, 3, 3, 3}), "strides", OnnxGraph::Sizes{2});
       }},
      {"node 'c' (Conv): attribute group is of type 7, expected 2",
       [](OnnxGraph& g) {
         set(g.conv("x", "c", {8, 3, 3, 3}), "group", OnnxGraph::Sizes{1});
       }},
      {"node 'c' (Conv): auto_pad is none of",
       [](OnnxGraph& g) {
         set(g.conv("x", "c", {8, 3, 3, 3}), "auto_pad", "SOME");
       }},
      {"node 'c' (Conv): has a bias of 7 for 8 channels",
       [](OnnxGraph& g) {
         g.add("Conv", {"x", g.weights("w", {8, 3, 1, 1}), g.weights("b", {7})}, "c");
       }},
      {"node 'c' (Conv): kernel: a window of 17 rows does not fit into an input of 16",
       [](OnnxGraph& g) {
         g.conv("x", "c", {8, 3, 17, 1});
       }},
      {"node 'p' (MaxPool): has no kernel_shape",
       [](OnnxGraph& g) { g.add("MaxPool", {"x"}, "p"); }},
      {"node 'c' (Conv): input 1 ('x') must be a constant, and is computed",
       [](OnnxGraph& g) {
         g.add("Conv", {"x", "x"}, "c");
       }},
      {"node 'c' (Conv): input 1 is missing", [](OnnxGraph& g) { g.add("Conv", {"x"}, "c"); }},
  });
}

TEST(OnnxRefusals, ProductsThatDoNotFitAreNamed) {
  expect_refused({
      {"node 'm' (MatMul): has weights for 8 inputs and reads 16",
       [](OnnxGraph& g) {
         g.add("MatMul", {"x", g.weights("w", {8, 4})}, "m");
       }},
      {"node 'm' (MatMul): multiplies matrices of 1 x 3 x 16 x 16 and 1 x 3 x 8 x 8",
       [](OnnxGraph& g) {
         set(g.conv("x", "c", {3, 3, 1, 1}), "strides", {2, 2});
         g.add("MatMul", {"x", "c"}, "m");
       }},
      {"node 'g' (Gemm): has weights for 700 inputs and reads 768",
       [](OnnxGraph& g) {
         g.add("Flatten", {"x"}, "f");
         g.add("Gemm", {"f", g.weights("w", {700, 4})}, "g");
       }},
      {"node 'g' (Gemm): has weights for 768 inputs and reads 1",
       [](OnnxGraph& g) {
         g.add("Flatten", {"x"}, "f");
         set(g.add("Gemm", {"f", g.weights("w", {768, 4})}, "g"), "transA", 1);
       }},
      {"node 'm' (MatMul): input 1 is missing", [](OnnxGraph& g) { g.add("MatMul", {"x"}, "m"); }},
  });
}

TEST(OnnxRefusals, ElementwiseOperatorsThatDoNotFitAreNamed) {
  expect_refused({
      {"node 'a' (Add): inputs: ",
       [](OnnxGraph& g) {
         g.conv("x", "c", {4, 3, 1, 1});
         g.add("Add", {"x", "c"}, "a");
       }},
      {"node 'a' (Add): inputs: ",
       [](OnnxGraph& g) {
         g.add("Add", {"x", g.weights("k", {7})}, "a");
       }},
      {"node 'n' (BatchNormalization): has parameters of 4 for a map of 1 x 3 x 16 x 16",
       [](OnnxGraph& g) {
         const std::string k = g.weights("k", {4});
         g.add("BatchNormalization", {"x", k, k, k, k}, "n");
       }},
      {"node 'n' (BatchNormalization): is in training mode",
       [](OnnxGraph& g) {
         const std::string k = g.weights("k", {3});
         set(g.add("BatchNormalization", {"x", k, k, k, k}, "n"), "training_mode", 1);
       }},
      {"node 'r' (ReduceMean): axis 7 of a tensor of 4 dimensions",
       [](OnnxGraph& g) { set(g.add("ReduceMean", {"x"}, "r"), "axes", OnnxGraph::Sizes{7}); }},
      {"node 'j' (Concat): joins maps of",
       [](OnnxGraph& g) {
         g.conv("x", "c", {4, 3, 1, 1});
         set(g.add("Concat", {"x", "c"}, "j"), "axis", 2);
       }},
  });
}

TEST(OnnxRefusals, ReshapesThatDoNotFitAreNamed) {
  expect_refused({
      {"node 'r' (Reshape): makes 1 x 5 of 1 x 3 x 16 x 16",
       [](OnnxGraph& g) {
         g.add("Reshape", {"x", g.integers("s", {1, 5})}, "r");
       }},
      {"node 'r' (Reshape): leaves two dimensions free",
       [](OnnxGraph& g) {
         g.add("Reshape", {"x", g.integers("s", {-1, -1})}, "r");
       }},
      {"node 'r' (Reshape): a dimension is -7",
       [](OnnxGraph& g) {
         g.add("Reshape", {"x", g.integers("s", {-7, 5})}, "r");
       }},
      {"node 'c' (Conv): reads a map of 2 x 6 x 8 x 8",
       [](OnnxGraph& g) {
         g.add("Reshape", {"x", g.integers("s", {2, 6, 8, 8})}, "r");
         g.conv("r", "c", {8, 6, 3, 3});
       }},
  });
}

TEST(OnnxRefusals, GraphsThatAreNoNetworkAreExplained) {
  expect_refused({
      {"no input of the graph is used",
       [](OnnxGraph& g) {
         g.add("Relu", {g.weights("w", {1, 3, 4, 4})}, "a");
       }},
      {"the graph has no outputs", [](OnnxGraph&) {}},
      {"node 'a' (Relu): reads 'b', which no earlier node gives",  // a cycle
       [](OnnxGraph& g) {
         g.add("Add", {"x", "a"}, "b");
         g.add("Relu", {"b"}, "a");
         std::swap(*g.graph().mutable_node(0), *g.graph().mutable_node(1));
         g.outputs = {"b"};
       }},
      {"node 'm' (Relu): reads 'mask', which no earlier node gives",
       [](OnnxGraph& g) {
         g.add("Dropout", {"x"}, "d").add_output("mask");
         g.add("Relu", {"mask"}, "m");
       }},
      {"node 'b' (Relu): gives 'a', as another node or input does already",
       [](OnnxGraph& g) {
         g.add("Relu", {"x"}, "a");
         g.add("Relu", {"x"}, "a").set_name("b");
       }},
      {"initializer 'w': gives 'w', as another node or input does already",
       [](OnnxGraph& g) {
         g.add("Conv", {"x", g.weights("w", {8, 3, 1, 1})}, "c");
         g.weights("w", {8, 3, 1, 1});
       }},
      {"output 'nothing': no node gives it",
       [](OnnxGraph& g) {
         g.add("Relu", {"x"}, "a");
         g.outputs = {"a", "nothing"};
       }},
      {"output 'i': is the input itself", [](OnnxGraph& g) { g.add("Identity", {"x"}, "i"); }},
      {"opset 6 is not known, 7 and later are; export the model with opset_version=17",
       [](OnnxGraph& g) {
         g.model.mutable_opset_import(0)->set_version(6);
         g.add("Relu", {"x"}, "a");
       }},
      {"opset 0 is not known",
       [](OnnxGraph& g) {
         g.model.clear_opset_import();
         g.add("Relu", {"x"}, "a");
       }},
      {"initializer 'w': a dimension is -8",
       [](OnnxGraph& g) {
         g.new_tensor("w", {-8, 3, 1, 1}, onnx::TensorProto::FLOAT);
         g.add("Conv", {"x", "w"}, "c");
       }},
      {"initializer 'w': a tensor of 1048576 x 1048576 x 1048576 x 1048576 is too large",
       [](OnnxGraph& g) {
         g.new_tensor("w", {1 << 20, 1 << 20, 1 << 20, 1 << 20}, onnx::TensorProto::FLOAT);
         g.add("Conv", {"x", "w"}, "c");
       }},
      {"initializer 'w': a tensor of 9 dimensions",
       [](OnnxGraph& g) {
         g.new_tensor("w", {1, 1, 1, 1, 1, 1, 1, 1, 1}, onnx::TensorProto::FLOAT);
         g.add("Conv", {"x", "w"}, "c");
       }},
  });
}

TEST(OnnxRefusals, InputsThatAreNoImageAreExplained) {
  const auto error_of = [](const std::vector<std::int64_t>& input) {
    OnnxGraph graph(input);
    graph.add("Relu", {"x"}, "a");
    return graph.error();
  };
  EXPECT_THAT(error_of({1, 3, 4, 16, 16}), HasSubstr("images have 4"));
  EXPECT_THAT(error_of({1, 3, std::int64_t{1} << 40, 16}), HasSubstr("is larger than 1048576"));
  EXPECT_THAT(error_of({1, 1 << 20, 1 << 20, 1 << 20}), HasSubstr("more than 4294967296 elements"));
}

std::string error_of(const std::string& bytes) {
  return input_error_of([&] { read_onnx(bytes, "m.onnx"); });
}

/// The beginning of a field of the wire format that is a message or a string.
std::string header_of(int number, std::size_t size) {
  std::string bytes(1, static_cast<char>(number << 3 | 2));
  for (; size > 0x7f; size >>= 7) bytes += static_cast<char>((size & 0x7f) | 0x80);
  return bytes + static_cast<char>(size);
}

std::string field_of(int number, const std::string& value) {
  return header_of(number, value.size()) + value;
}

TEST(OnnxRefusals, BytesThatAreNoModelAreExplained) {
  EXPECT_EQ(error_of(""), "m.onnx: is empty: no ONNX model");
  OnnxGraph graph;
  graph.conv("x", "c", {8, 3, 3, 3});
  const std::string whole = graph.bytes();
  const std::vector<std::string> damaged = {
      "name: net\ninput: {}\n",                     // text
      std::string(100, '\xff'),                     // a number of more than 64 bits
      whole.substr(0, whole.size() / 2),            // cut off
      whole + "\x08",                               // ends within a number
      whole + "\x0b\x0c",                           // a group
      whole + std::string("\x00\x00", 2),           // field 0
      whole + "\x0d" + "abc",                       // 3 bytes for 4
      field_of(7, "\x0a\x05" + std::string("ab")),  // a node of 5 bytes, where 2 follow
  };
  for (const std::string& bytes : damaged) {
    EXPECT_THAT(error_of(bytes),
                ::testing::MatchesRegex("m.onnx: is no ONNX model: byte [0-9]+: [^\n]+"));
  }
}

TEST(OnnxRefusals, AShortFileCannotAskForMuchMemory) {
  std::string nodes;  // two bytes a node
  for (int i = 0; i < 2'000'000; ++i) nodes += std::string("\x0a\x00", 2);
  const std::string too_many =
      "m.onnx: holds more than 1048576 nodes, names, attributes and dimensions";
  EXPECT_EQ(error_of(field_of(7, nodes)), too_many);
  // As many dimensions of one tensor, one byte each, and as many unknown fields.
  EXPECT_EQ(error_of(field_of(7, field_of(5, field_of(1, std::string(2'000'000, '\1'))))),
            too_many);
  std::string unknown;
  for (int i = 0; i < 2'000'000; ++i) unknown += "\x78\x01";
  EXPECT_EQ(error_of(unknown), too_many);
}

TEST(OnnxRefusals, ValuesOfTensorsTakeABoundedMemory) {
  const std::size_t num_values = kMaxOnnxNumbers + 1;  // one byte here, eight once they are parsed
  std::string file = header_of(7, num_values);
  file.insert(0, header_of(5, file.size() + num_values));
  file.insert(0, header_of(7, file.size() + num_values));
  file.append(num_values, '\1');
  EXPECT_EQ(error_of(file), "m.onnx: holds more than 268435456 numbers outside of raw_data");
}

TEST(OnnxRefusals, DeepNestingIsRefused) {
  std::string graph;  // a graph in an attribute of a node of a graph ...
  for (int i = 0; i < 1000; ++i) graph = field_of(1, field_of(5, field_of(6, graph)));
  EXPECT_THAT(error_of(field_of(7, graph)), HasSubstr("nested too deeply"));
}

TEST(OnnxModelFile, RepeatedNumbersMayBePacked) {
  // A writer may pack the dimensions of a tensor and may leave its values unpacked.
  const std::string tensor = field_of(1, "\3") + "\x10\7\x38\1\x38\xac\2\x38\5" + field_of(8, "t");
  const OnnxModel model = parse_onnx(field_of(7, field_of(5, tensor)), "m.onnx");
  ASSERT_EQ(model.initializers.size(), 1);
  EXPECT_EQ(model.initializers[0].name, "t");
  EXPECT_EQ(model.initializers[0].dims, Dims{3});
  EXPECT_EQ(model.initializers[0].values, (std::vector<double>{1, 300, 5}));
}

TEST(OnnxRefusals, AValueThatNothingGivesIsNamedWithItsReader) {
  expect_refused({
      {"node 'r' (Relu): reads 'nope', ",
       [](OnnxGraph& g) {
         g.add("Relu", {"nope"}, "r");
         g.conv("r", "y", {8, 3, 1, 1});
       }},
      {"node 'y' (Relu): reads 'c', ",
       [](OnnxGraph& g) {
         g.add("Relu", {"c"}, "y");
         g.conv("x", "c", {8, 3, 1, 1});
         g.outputs = {"y"};
       }},
  });
}

}  // namespace
}  // namespace tilewake
