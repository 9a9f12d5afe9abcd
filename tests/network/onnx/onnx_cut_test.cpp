// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/onnx_graph.hpp"

namespace tilewake {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Four convolutions, c1 to c4; c4 also reads what c1 gives, over an Add.
OnnxGraph chain() {
  OnnxGraph graph({1, 8, 16, 16});
  graph.conv("x", "c1", {8, 8, 1, 1});
  graph.conv("c1", "c2", {8, 8, 1, 1});
  graph.conv("c2", "c3", {8, 8, 1, 1});
  graph.add("Add", {"c1", "c3"}, "sum");
  graph.conv("sum", "c4", {4, 8, 1, 1});
  return graph;
}

OnnxNetwork read(OnnxGraph& graph, const ModelOptions& options) {
  return read_onnx(graph.bytes(), "m.onnx", options);
}

std::string error(OnnxGraph& graph, const ModelOptions& options) {
  return input_error_of([&] { read(graph, options); });
}

std::vector<std::string> names_of(const Network& network) {
  std::vector<std::string> names;
  for (const Layer& layer : network.layers) names.push_back(layer.name);
  return names;
}

ModelOptions until(const std::vector<std::string>& names) {
  ModelOptions options;
  options.until = names;
  return options;
}

ModelOptions from(const std::vector<std::string>& names) {
  ModelOptions options;
  options.from = names;
  return options;
}

void set_dims(OnnxGraph& graph, const std::string& name, const OnnxGraph::Sizes& sizes) {
  onnx::ValueInfoProto& value = *graph.graph().add_value_info();
  value.set_name(name);
  auto& type = *value.mutable_type()->mutable_tensor_type();
  type.mutable_shape();
  for (const std::int64_t size : sizes) type.mutable_shape()->add_dim()->set_dim_value(size);
}

TEST(OnnxCut, TheNetworkEndsAtTheNodesThatAreNamed) {
  OnnxGraph graph = chain();
  const OnnxNetwork two = read(graph, until({"c2"}));
  EXPECT_THAT(names_of(two.network), ElementsAre("c1", "c2"));
  EXPECT_EQ(two.warnings.size(), 1U);
  EXPECT_THAT(names_of(read(graph, until({"c3", "c2"})).network), ElementsAre("c1", "c2", "c3"));
  graph.graph().mutable_node(1)->set_name("second");
  EXPECT_THAT(names_of(read(graph, until({"c2"})).network), ElementsAre("c1", "second"));
  EXPECT_THAT(names_of(read(graph, until({"second"})).network), ElementsAre("c1", "second"));
}

TEST(OnnxCut, TheNetworkBeginsWithWhatTheNodesRead) {
  OnnxGraph graph = chain();
  EXPECT_THAT(error(graph, from({"c4"})), HasSubstr("'sum' has no shape"));
  ModelOptions given = from({"c4"});
  given.input_shapes = {{"sum", {1, 8, 4, 4}}};
  const Network last = read(graph, given).network;
  EXPECT_EQ(last.input, (Shape{8, 4, 4}));
  EXPECT_THAT(names_of(last), ElementsAre("c4"));
  set_dims(graph, "c2", {1, 8, 16, 16});
  set_dims(graph, "c1", {1, 8, 16, 16});
  // c1 is still computed, from the input of the graph, which becomes the second one.
  EXPECT_THAT(names_of(read(graph, from({"c3"})).network),
              ElementsAre("x", "c1", "c3", "sum", "c4"));
  EXPECT_THAT(names_of(read(graph, from({"c3", "c2"})).network),
              ElementsAre("c3", "c1", "sum", "c4"));
}

TEST(OnnxCut, BothEndsLeaveTheMiddleAndItsCost) {
  OnnxGraph graph = chain();
  set_dims(graph, "c1", {1, 8, 16, 16});
  ModelOptions options = until({"c3"});
  options.from = {"c2"};
  const Network middle = read(graph, options).network;
  EXPECT_THAT(names_of(middle), ElementsAre("c2", "c3"));
  const Network whole = read(graph, {}).network;
  EXPECT_EQ(middle.num_macs(), 2 * 8 * 8 * 16 * 16);
  EXPECT_EQ(whole.num_macs(), 3 * 8 * 8 * 16 * 16 + 4 * 8 * 16 * 16);
}

TEST(OnnxCut, WrongNamesAreRefusedWithTheNearest) {
  OnnxGraph graph = chain();
  EXPECT_THAT(error(graph, until({"summ"})), HasSubstr("did you mean 'sum'?"));
  EXPECT_THAT(error(graph, from({"c9999"})), HasSubstr("'c9999'"));
  EXPECT_THAT(error(graph, until({"x"})), HasSubstr("'x'"));
  graph.graph().mutable_node(1)->set_name("c1");
  EXPECT_THAT(error(graph, until({"c1"})), HasSubstr("several"));
}

// --- Functions.

TEST(OnnxFunctions, CallsAreTheNodesOfTheFunction) {
  OnnxGraph graph({1, 8, 16, 16});
  graph.conv("x", "c", {8, 8, 1, 1});
  for (const char* output : {"a", "b"}) {
    onnx::NodeProto& call = graph.add("Slope", {"c"}, output);
    call.set_domain("local");
    set(call, "slope", 0.2F);
  }
  graph.add("Add", {"a", "b"}, "y");
  onnx::FunctionProto& function = *graph.model.add_functions();
  function.set_domain("local");
  function.set_name("Slope");
  function.add_input("in");
  function.add_output("out");
  function.add_attribute("slope");
  for (const char* op : {"LeakyRelu", "MaxPool"}) {
    onnx::NodeProto& node = *function.add_node();
    node.set_op_type(op);
    node.set_name(op);
    node.add_input(std::string(op) == "MaxPool" ? "inner" : "in");
    node.add_output(std::string(op) == "MaxPool" ? "out" : "inner");
  }
  set(*function.mutable_node(1), "kernel_shape", OnnxGraph::Sizes{2, 2});
  onnx::AttributeProto& slope = *function.mutable_node(0)->add_attribute();
  slope.set_name("alpha");
  slope.set_ref_attr_name("slope");
  slope.set_type(onnx::AttributeProto::FLOAT);
  const Network network = read(graph, {}).network;
  EXPECT_THAT(names_of(network),
              ElementsAre("c", "a/LeakyRelu", "a/MaxPool", "b/LeakyRelu", "b/MaxPool", "y"));
  function.mutable_node(1)->set_domain("local");
  function.mutable_node(1)->set_op_type("Slope");
  EXPECT_THAT(error(graph, {}), HasSubstr("deep"));
}

// --- What cannot be read.

OnnxGraph with_unknown() {
  OnnxGraph graph({1, 8, 16, 16});
  graph.conv("x", "c1", {8, 8, 1, 1});
  graph.add("Frobnicate", {"c1"}, "f");
  graph.conv("f", "c2", {8, 8, 1, 1});
  return graph;
}

TEST(OnnxSkip, TheErrorNamesTheOptionsThatHelp) {
  OnnxGraph graph = with_unknown();
  const std::string what = error(graph, {});
  for (const char* part : {"'f' (Frobnicate)", "--until c1", "--skip-unsupported"}) {
    EXPECT_THAT(what, HasSubstr(part));
  }
  EXPECT_THAT(names_of(read(graph, until({"c1"})).network), ElementsAre("c1"));
}

TEST(OnnxSkip, ANodeBecomesALayerOfTheHostAndIsCounted) {
  OnnxGraph graph = with_unknown();
  ModelOptions options;
  options.skip_unsupported = true;
  const OnnxNetwork result = read(graph, options);
  ASSERT_EQ(result.network.layers.size(), 3U);
  EXPECT_EQ(result.network.layers[1].op, Op::kHost);
  EXPECT_EQ(result.network.layers[1].ofm, (Shape{8, 16, 16}));
  ASSERT_EQ(result.warnings.size(), 2U);  // the second: its sizes are guessed
  EXPECT_THAT(result.warnings[0], HasSubstr("1 nodes"));
  EXPECT_THAT(result.warnings[0], HasSubstr("'f' (Frobnicate)"));
  set_dims(graph, "f", {1, 8, 5, 4});
  EXPECT_EQ(read(graph, options).network.layers[1].ofm, (Shape{8, 5, 4}));
  EXPECT_EQ(read(graph, options).network.layers[2].ofm, (Shape{8, 5, 4}));
}

TEST(OnnxSkip, AGraphInANodeReadsWhatItsNodesRead) {
  OnnxGraph graph({1, 8, 16, 16});
  graph.conv("x", "c1", {8, 8, 1, 1});
  graph.conv("x", "c2", {8, 8, 1, 1});
  onnx::NodeProto& node = graph.add("Loop", {graph.number("count", 1.0F)}, "y");
  onnx::AttributeProto& branch = *node.add_attribute();
  branch.set_name("body");
  branch.set_type(onnx::AttributeProto::GRAPH);
  onnx::NodeProto& inner = *branch.mutable_g()->add_node();
  inner.set_op_type("Add");
  for (const char* input : {"c1", "c2"}) inner.add_input(input);
  inner.add_output("sum");
  branch.mutable_g()->add_output()->set_name("sum");
  EXPECT_THAT(error(graph, {}), HasSubstr("(Loop)"));
  ModelOptions options;
  options.skip_unsupported = true;
  EXPECT_THAT(read(graph, options).network.layers.back().inputs, ElementsAre(0, 1));
}

// How many boxes there are only values decide: the heads of a detector are linear in their number.
TEST(OnnxSkip, GivenSizesOfAResultDecideTheMacsAfterIt) {
  OnnxGraph graph({1, 3, 16, 16});
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.add("Proposals", {"c"}, "boxes");
  graph.add("ImageOfBox", {"boxes"}, "images");
  onnx::NodeProto& align = graph.add("RoiAlign", {"c", "boxes", "images"}, "r");
  set(align, "output_height", 7);
  set(align, "output_width", 7);
  graph.add("Flatten", {"r"}, "f");
  graph.add("Gemm", {"f", graph.weights("w", {8 * 7 * 7, 10})}, "head");
  ModelOptions options;
  options.skip_unsupported = true;
  for (const std::int64_t num_boxes : {1, 20, 1000}) {
    options.input_shapes = {{"boxes", {num_boxes, 4}}};
    const OnnxNetwork result = read(graph, options);
    EXPECT_EQ(result.network.num_macs(), 8 * 3 * 16 * 16 + num_boxes * 8 * 7 * 7 * 10);
  }
  options.input_shapes = {{"boxes", {20, 4}}, {"boxes", {20, 4}}};
  EXPECT_THAT(error(graph, options), HasSubstr("'boxes' is given twice"));
  options.input_shapes = {{"c", {1, 8, 16, 16}}};  // follows from the input
  EXPECT_THAT(error(graph, options), HasSubstr("'c' is neither"));
  options.input_shapes = {{"boxen", {20, 4}}};
  EXPECT_THAT(error(graph, options), HasSubstr("'boxen'"));
}

// --- Inputs.

TEST(OnnxInputs, FurtherInputsAreLayersBeforeTheirFirstReader) {
  OnnxGraph graph({1, 3, 16, 16});
  graph.add_input("mask", {1, 8, 16, 16});
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.add("Add", {"c", "mask"}, "y");
  const Network network = read(graph, {}).network;
  EXPECT_THAT(names_of(network), ElementsAre("c", "mask", "y"));
  EXPECT_EQ(network.layers[1].op, Op::kInput);
  EXPECT_EQ(network.layers[1].ofm, (Shape{8, 16, 16}));
}

TEST(OnnxInputs, SizesAreGivenByNameAndTheUnnamedIsTheFirst) {
  OnnxGraph graph({-1, 3, -1, -1});
  graph.add_input("mask", {-1, 8, -1, -1});
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.add("Add", {"c", "mask"}, "y");
  ModelOptions options;
  options.input_shapes = {{"mask", {2, 8, 4, 4}}, {"", {2, 3, 4, 4}}};
  const Network network = read(graph, options).network;
  EXPECT_EQ(network.batch, 2);
  EXPECT_EQ(network.layers[1].ofm, (Shape{8, 4, 4}));
  options.input_shapes.pop_back();
  EXPECT_THAT(error(graph, options), HasSubstr("'x' is 1 x 3 x ? x ?"));
  options.input_shapes = {{"", {1, 3, 4, 4}}};
  EXPECT_THAT(error(graph, options), HasSubstr("--input-shape mask="));
  options.input_shapes = {{"masc", {1, 8, 4, 4}}};
  EXPECT_THAT(error(graph, options), HasSubstr("did you mean 'mask'?"));
  options.input_shapes = {{"x", {1, 3, 4, 4}}, {"", {1, 3, 4, 4}}};
  EXPECT_THAT(error(graph, options), HasSubstr("given twice"));
}

TEST(OnnxInputs, ChannelsAreLastWhereArithmeticAndATransposeFollow) {
  OnnxGraph graph({1, 12, 16, 3});
  graph.add("Div", {"x", graph.number("scale", 255.0F)}, "d");
  set(graph.add("Transpose", {"d"}, "t"), "perm", {0, 3, 1, 2});
  graph.conv("t", "c", {8, 3, 1, 1});
  EXPECT_EQ(graph.read().network.input, (Shape{3, 12, 16}));
  OnnxGraph grey({1, 12, 16, 1});
  grey.add("Reshape", {"x", grey.integers("shape", {1, 1, 12, 16})}, "r");
  grey.conv("r", "c", {8, 1, 1, 1});
  EXPECT_EQ(grey.read().network.input, (Shape{1, 12, 16}));
  EXPECT_EQ(grey.read().network.layers.size(), 1U);
}

TEST(OnnxInputs, ThreeDimensionsAreWhatTheFirstOperatorReads) {
  OnnxGraph audio({1, 4, 100});
  audio.conv("x", "c", {8, 4, 3});
  EXPECT_EQ(audio.read().network.input, (Shape{4, 1, 100}));
  OnnxGraph tokens({1, 100, 4});
  tokens.add("MatMul", {"x", tokens.weights("w", {4, 8})}, "y");
  EXPECT_EQ(tokens.read().network.input, (Shape{4, 100, 1}));
  EXPECT_EQ(tokens.read().network.num_macs(), 100 * 4 * 8);
}

TEST(OnnxInputs, FreeSizesOfOneNameAreEqual) {
  OnnxGraph graph({1, 3, 8, 8});
  graph.graph().clear_input();
  graph.add_input("x", {-1, 3, -1, 7});
  graph.add_input("mask", {-1, 8, -1, 7});
  for (int i = 0; i < 2; ++i) {
    auto& shape =
        *graph.graph().mutable_input(i)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.mutable_dim(0)->set_dim_param("batch");
    shape.mutable_dim(2)->set_dim_param("rows");
  }
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.add("Add", {"c", "mask"}, "y");
  const Network network = graph.read({2, 3, 5, 7}).network;
  EXPECT_EQ(network.batch, 2);
  EXPECT_EQ(network.layers[1].ofm, (Shape{8, 5, 7}));
}

TEST(OnnxInputs, WeightsAndSmallNumbersAreNoFeatureMaps) {
  OnnxGraph graph({1, 3, 16, 16});
  graph.add_input("w", {8, 3, 3, 3});
  graph.add_input("threshold", {});
  graph.add("Conv", {"x", "w"}, "c");
  graph.add("Mul", {"c", "threshold"}, "y");
  const Network network = read(graph, {}).network;
  EXPECT_EQ(network.layers[0].ofm, (Shape{8, 14, 14}));
  EXPECT_EQ(network.num_macs(), 8 * 27 * 14 * 14);
  for (const Layer& layer : network.layers) EXPECT_NE(layer.op, Op::kInput);
}

TEST(OnnxInputs, OutputsThatNoLayerComputesAreLeftOut) {
  OnnxGraph graph({1, 3, 16, 16});
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.outputs = {"c", graph.weights("anchors", {4}), "x"};
  EXPECT_EQ(read(graph, {}).network.layers.size(), 1U);
  EXPECT_EQ(read(graph, {}).warnings.size(), 2U);
  graph.outputs = {"anchors", "x"};
  EXPECT_THAT(error(graph, {}), HasSubstr("output 'x': is the input itself"));
}

TEST(OnnxInputs, ModelsOfLaterOpsetsAreReadByTheirNodes) {
  for (const int opset : {7, 13, 18, 24, 25, 1000}) {
    OnnxGraph graph({1, 3, 16, 16}, opset);
    graph.conv("x", "c", {8, 3, 1, 1});
    EXPECT_EQ(read(graph, {}).warnings.size(), opset > kMaxOnnxOpset ? 1U : 0U) << opset;
  }
  OnnxGraph graph({1, 3, 16, 16}, 6);
  graph.conv("x", "c", {8, 3, 1, 1});
  EXPECT_THAT(error(graph, {}), HasSubstr("opset 6"));
}

TEST(OnnxInputs, WeightsElsewhereOrSparseCountByTheirDims) {
  OnnxGraph graph({1, 3, 16, 16});
  graph.add("Conv", {"x", "w"}, "c");
  graph.add("Conv", {"c", "v"}, "d");
  onnx::TensorProto& tensor = graph.new_tensor("w", {8, 3, 3, 3}, onnx::TensorProto::BFLOAT16);
  tensor.set_data_location(onnx::TensorProto::EXTERNAL);
  tensor.add_external_data()->set_key("location");
  onnx::SparseTensorProto& sparse = *graph.graph().add_sparse_initializer();
  sparse.mutable_values()->set_name("v");
  for (const int dim : {4, 8, 1, 1}) sparse.add_dims(dim);
  EXPECT_EQ(read(graph, {}).network.num_macs(), (8 * 27 + 4 * 8) * 14 * 14);
}

}  // namespace
}  // namespace tilewake
