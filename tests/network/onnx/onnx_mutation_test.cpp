// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "simulator/network/onnx/onnx_writer.hpp"
#include "tests/support/onnx_graph.hpp"
#include "tests/support/random.hpp"
#include "tests/support/random_network.hpp"

namespace tilewake {
namespace {

/// How many mutants; $TILEWAKE_FUZZ_RUNS for a long run.
int num_mutants() {
  const char* runs = std::getenv("TILEWAKE_FUZZ_RUNS");
  return runs != nullptr ? std::atoi(runs) : 3000;
}

/// Damages a model as libonnx holds it, so that most mutants still are models, or its bytes.
class OnnxMutator {
 public:
  OnnxMutator(const std::vector<std::string>& corpus, std::uint64_t seed)
      : corpus_(corpus), random_(seed) {}

  std::string next() {
    const std::string& original = random_.pick(corpus_);
    std::string bytes = original;
    if (!random_.one_in(3)) {
      onnx::ModelProto model;
      model.ParseFromString(original);
      for (std::int64_t i = random_.between(1, 3); i > 0; --i) damage(*model.mutable_graph());
      if (random_.one_in(20)) {
        model.mutable_opset_import(0)->set_version(random_.pick(kIntegers));
      }
      bytes = model.SerializePartialAsString();
    }
    if (random_.one_in(2)) {
      for (std::int64_t i = random_.between(1, 3); i > 0; --i) damage(bytes);
    }
    return bytes;
  }

 private:
  void damage(std::string& bytes) {
    if (bytes.empty()) return;
    const std::size_t at = random_.below(bytes.size());
    switch (random_.below(7)) {
      case 0:
        bytes[at] ^= static_cast<char>(1 << random_.below(8));
        return;
      case 1:
        bytes[at] = static_cast<char>(random_.below(256));
        return;
      case 2:
        bytes.insert(at, 1, static_cast<char>(random_.below(256)));
        return;
      case 3:
        bytes.erase(at, 1 + random_.below(16));
        return;
      case 4:
        bytes.resize(at);
        return;
      case 5:
        bytes.insert(at, bytes.substr(random_.below(bytes.size()), random_.below(200)));
        return;
      default:
        const std::string& other = random_.pick(corpus_);
        bytes = bytes.substr(0, at) + other.substr(random_.below(other.size()));
    }
  }

  void damage(onnx::GraphProto& graph) {
    if (graph.node_size() == 0) return;
    onnx::NodeProto& node = *graph.mutable_node(index(graph.node_size()));
    switch (random_.below(12)) {
      case 0:
        node.set_op_type(random_.pick(kOps));
        return;
      case 1:
        if (node.input_size() > 0) node.set_input(index(node.input_size()), any_value(graph));
        return;
      case 2:
        node.add_input(random_.one_in(3) ? "" : any_value(graph));
        return;
      case 3:
        if (node.input_size() > 0) node.mutable_input()->RemoveLast();
        return;
      case 4:
        if (node.output_size() > 0) node.set_output(0, any_value(graph));
        return;
      case 5:
        graph.mutable_node()->SwapElements(index(graph.node_size()), index(graph.node_size()));
        return;
      case 6:
        *graph.add_node() = onnx::NodeProto(node);
        return;
      case 7:
        return damage_attribute(node);
      case 8:
        return damage_tensor(graph);
      case 9:
        graph.add_output()->set_name(any_value(graph));
        return;
      case 10:
        return damage_input(graph);
      default:
        node.set_name(random_.one_in(2) ? "a,b;c\n\"d\"" : std::string(300, '='));
    }
  }

  void damage_attribute(onnx::NodeProto& node) {
    if (node.attribute_size() == 0 || random_.one_in(3)) {
      onnx::AttributeProto& attribute = *node.add_attribute();
      attribute.set_name(random_.pick(kAttributes));
      attribute.set_type(random_.one_in(2) ? onnx::AttributeProto::INTS
                                           : onnx::AttributeProto::INT);
      attribute.set_i(random_.pick(kIntegers));
      for (std::size_t i = random_.below(9); i > 0; --i) {
        attribute.add_ints(random_.pick(kIntegers));
      }
      return;
    }
    onnx::AttributeProto& attribute = *node.mutable_attribute(index(node.attribute_size()));
    if (attribute.ints_size() > 0) {
      attribute.set_ints(index(attribute.ints_size()), random_.pick(kIntegers));
    } else if (attribute.has_i()) {
      attribute.set_i(random_.pick(kIntegers));
    } else {
      attribute.set_type(onnx::AttributeProto::INTS);
    }
  }

  void damage_tensor(onnx::GraphProto& graph) {
    if (graph.initializer_size() == 0) return;
    onnx::TensorProto& tensor = *graph.mutable_initializer(index(graph.initializer_size()));
    switch (random_.below(4)) {
      case 0:
        tensor.add_dims(random_.pick(kIntegers));
        return;
      case 1:
        if (tensor.dims_size() > 0) {
          tensor.set_dims(index(tensor.dims_size()), random_.pick(kIntegers));
        }
        return;
      case 2:
        tensor.set_data_type(static_cast<int>(random_.below(17)));
        return;
      default:
        if (tensor.int64_data_size() > 0) {
          tensor.set_int64_data(index(tensor.int64_data_size()), random_.pick(kIntegers));
        } else {
          tensor.clear_raw_data();
          tensor.add_float_data(static_cast<float>(random_.pick(kIntegers)));
        }
    }
  }

  void damage_input(onnx::GraphProto& graph) {
    if (graph.input_size() == 0) return;
    auto& shape = *graph.mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    if (shape.dim_size() == 0 || random_.one_in(4)) {
      shape.add_dim()->set_dim_value(random_.pick(kIntegers));
    } else {
      shape.mutable_dim(index(shape.dim_size()))->set_dim_value(random_.pick(kIntegers));
    }
  }

  std::string any_value(const onnx::GraphProto& graph) {
    const onnx::NodeProto& node = graph.node(index(graph.node_size()));
    if (random_.one_in(4) && graph.initializer_size() > 0) {
      return graph.initializer(index(graph.initializer_size())).name();
    }
    if (node.input_size() > 0 && random_.one_in(2)) return node.input(index(node.input_size()));
    return node.output_size() > 0 ? node.output(0) : "x";
  }

  int index(int size) { return static_cast<int>(random_.below(static_cast<std::size_t>(size))); }

  inline static const std::vector<std::int64_t> kIntegers = {0,
                                                             1,
                                                             2,
                                                             3,
                                                             4,
                                                             5,
                                                             7,
                                                             8,
                                                             13,
                                                             16,
                                                             17,
                                                             1024,
                                                             1025,
                                                             1 << 20,
                                                             (1 << 20) + 1,
                                                             INT32_MAX,
                                                             std::int64_t{1} << 32,
                                                             std::int64_t{1} << 48,
                                                             INT64_MAX,
                                                             INT64_MIN,
                                                             -1,
                                                             -2,
                                                             -3,
                                                             -4};
  inline static const std::vector<std::string> kOps = {"Conv",
                                                       "QLinearConv",
                                                       "Gemm",
                                                       "MatMul",
                                                       "MaxPool",
                                                       "AveragePool",
                                                       "Concat",
                                                       "GlobalMaxPool",
                                                       "GlobalAveragePool",
                                                       "ReduceMean",
                                                       "Pad",
                                                       "Relu",
                                                       "LeakyRelu",
                                                       "Sigmoid",
                                                       "HardSigmoid",
                                                       "HardSwish",
                                                       "Clip",
                                                       "Add",
                                                       "Sub",
                                                       "Mul",
                                                       "Div",
                                                       "Sum",
                                                       "Identity",
                                                       "BatchNormalization",
                                                       "Cast",
                                                       "Dropout",
                                                       "QuantizeLinear",
                                                       "Flatten",
                                                       "Reshape",
                                                       "DequantizeLinear",
                                                       "Squeeze",
                                                       "Unsqueeze",
                                                       "Transpose",
                                                       "Constant",
                                                       "ConstantOfShape",
                                                       "Shape",
                                                       "Gather",
                                                       "Slice",
                                                       "Softmax",
                                                       "Resize",
                                                       "ConvTranspose",
                                                       "Concat",
                                                       "Einsum",
                                                       "Tile",
                                                       "Expand",
                                                       "LayerNormalization",
                                                       "LSTM",
                                                       "DeformConv",
                                                       "MaxUnpool",
                                                       "If"};
  inline static const std::vector<std::string> kAttributes = {
      "kernel_shape", "strides",   "pads",     "dilations", "group",    "axis",   "axes",
      "perm",         "ceil_mode", "keepdims", "transA",    "transB",   "starts", "ends",
      "value_ints",   "shape",     "start",    "end",       "allowzero"};

  const std::vector<std::string>& corpus_;
  Random random_;
};

/// Operators that are written as several nodes.
std::string norms() {
  OnnxGraph graph;
  graph.conv("x", "c", {8, 3, 1, 1});
  graph.add("Reshape", {"c", graph.integers("groups", {0, 2, -1})}, "g");
  graph.add("InstanceNormalization", {"g", graph.weights("one", {2}), graph.weights("zero", {2})},
            "i");
  graph.add("Shape", {"c"}, "shape");
  graph.add("Reshape", {"i", "shape"}, "h");
  graph.add("Mul", {"h", graph.number("k", 1.702F)}, "m");
  graph.add("Sigmoid", {"m"}, "t");
  graph.add("Mul", {"h", "t"}, "n");
  set(graph.add("ReduceMean", {"n"}, "mean"), "axes", OnnxGraph::Sizes{-1});
  graph.add("Sub", {"n", "mean"}, "d");
  graph.add("Mul", {"d", "d"}, "q");
  set(graph.add("ReduceMean", {"q"}, "v"), "axes", OnnxGraph::Sizes{-1});
  graph.add("Add", {"v", graph.number("epsilon", 1e-5F)}, "e");
  graph.add("Sqrt", {"e"}, "r");
  graph.add("Div", {"d", "r"}, "s");
  graph.add("Exp", {"s"}, "p");
  set(graph.add("ReduceSum", {"p"}, "u"), "axes", OnnxGraph::Sizes{1});
  graph.add("Div", {"p", "u"}, "y");
  return graph.bytes();
}

/// Constants that are computed, a branch, parameters that two maps share; two images.
std::string folded_of_two_images() {
  OnnxGraph graph({2, 3, 16, 16});
  graph.add_input("z", {2, 3, 16, 16});
  graph.add_input("t", {1});
  graph.add("Shape", {"x"}, "shape");
  graph.add("Size", {"shape"}, "rank");
  graph.add("Equal", {"rank", graph.integers("four", {4})}, "is_four");
  onnx::NodeProto& branch = graph.add("If", {"is_four"}, "c");
  for (const char* name : {"then_branch", "else_branch"}) {
    onnx::AttributeProto& attribute = *branch.add_attribute();
    attribute.set_name(name);
    attribute.set_type(onnx::AttributeProto::GRAPH);
    onnx::NodeProto& node = *attribute.mutable_g()->add_node();
    node.set_op_type("Relu");
    node.add_input("x");
    node.add_output(std::string(name) + ".out");
    attribute.mutable_g()->add_output()->set_name(node.output(0));
  }
  set(graph.add("CumSum", {graph.weights("ones", {1, 3, 16, 16}), graph.integers("axis", {2})},
                "places"),
      "reverse", 0);
  graph.add("Resize", {"places", "", "", graph.integers("sizes", {1, 3, 16, 16})}, "positions");
  graph.add("Add", {"c", "positions"}, "h");
  graph.weights("f", {16});
  graph.weights("b", {16});
  graph.add("LayerNormalization", {"h", "f", "b"}, "n");
  graph.add("LayerNormalization", {"z", "f", "b"}, "m");
  set(graph.add("Einsum", {"n", graph.weights("w", {16, 16})}, "e"), "equation", "...i,ij->...j");
  graph.add("Unsqueeze", {"t", graph.integers("first", {0})}, "angle");
  graph.add("Gemm", {"angle", graph.weights("frequencies", {1, 16})}, "step");
  graph.add("Add", {"e", "step"}, "g");
  graph.add("Add", {"g", "m"}, "s");
  set(graph.add("Transpose", {"s"}, "turned"), "perm", {0, 2, 3, 1});
  set(graph.add("Softmax", {"turned"}, "soft"), "axis", -1);
  set(graph.add("ReduceMean", {"soft"}, "y"), "axes", OnnxGraph::Sizes{1, 2});
  return graph.bytes();
}

/// Small models that together have every operator, and networks as we write them.
std::vector<std::string> corpus() {
  std::vector<std::string> models;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    models.push_back(write_onnx(RandomNetwork(seed).make(6)));
  }
  OnnxGraph dense;
  set(dense.add("Pad", {"x", dense.integers("pads", {0, 0, 1, 1, 0, 0, 1, 1})}, "p"), "mode",
      "constant");
  dense.conv("p", "c", {8, 3, 3, 3});
  dense.add("Add", {"c", dense.number("three", 3.0F)}, "t");
  dense.add("Clip", {"t", dense.number("zero", 0.0F), dense.number("six", 6.0F)}, "r");
  dense.add("Mul", {"c", "r"}, "m");
  dense.add("Div", {"m", "six"}, "h");
  const std::string k = dense.weights("k", {8});
  dense.add("BatchNormalization", {"h", k, k, k, k}, "n");
  dense.add("Shape", {"n"}, "shape");
  dense.add("Slice", {"shape", dense.integers("from", {0}), dense.integers("upto", {1})}, "first");
  set(dense.add("Concat", {"first", dense.integers("rest", {-1})}, "to"), "axis", 0);
  dense.add("Reshape", {"n", "to"}, "f");
  dense.add("MatMul", {"f", dense.weights("w", {2048, 6})}, "g");
  dense.add("Unsqueeze", {"g", dense.integers("axes", {2, 3})}, "u");
  dense.add("Squeeze", {"u", "axes"}, "s");
  dense.add("Gather", {"shape", dense.integers("i", {0})}, "picked");
  dense.add("ConstantOfShape", {"picked"}, "filled");
  set(dense.add("Transpose", {"s"}, "turned"), "perm", {0, 1});
  dense.add("Add", {"turned", "filled"}, "shifted");
  dense.add("Softmax", {"shifted"}, "soft");
  models.push_back(dense.bytes());
  models.push_back(norms());
  models.push_back(folded_of_two_images());
  return models;
}

const std::regex kExplained("^m\\.onnx: [^\n]+$");

/// Parts of the model, and what cannot be read left to the host.
void expect_parts_read_or_explained(const std::string& mutant, const ModelOptions& options) {
  try {
    const Network network = read_onnx(mutant, "m.onnx", options).network;
    std::ostringstream text;
    write_network(text, network);
    EXPECT_EQ(text_of(read_network_text(text.str(), "n.yaml")), text_of(network));
  } catch (const InputError& e) {
    EXPECT_TRUE(std::regex_match(e.what(), kExplained)) << e.what();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "no InputError: " << e.what();
  }
}

TEST(OnnxMutation, DamagedModelsAreReadOrExplained) {
  const std::vector<std::string> models = corpus();
  ModelOptions parts;
  parts.skip_unsupported = true;
  for (const std::string& model : models) read_onnx(model, "m.onnx", parts);  // sound to begin with
  OnnxMutator mutator(models, /*seed=*/1);
  int num_read = 0;
  for (int i = 0; i < num_mutants() && !HasFailure(); ++i) {
    const std::string mutant = mutator.next();
    try {
      const Network network = read_onnx(mutant, "m.onnx").network;
      ++num_read;
      // What was understood is a network like any other.
      EXPECT_EQ(text_of(read_onnx(write_onnx(network), "m.onnx").network).substr(1),
                text_of(network).substr(1));
    } catch (const InputError& e) {
      const std::string what = e.what();
      EXPECT_TRUE(std::regex_match(what, kExplained) || what.starts_with("ONNX: layer ") ||
                  what.starts_with("layer "))
          << what;
    } catch (const std::exception& e) {
      ADD_FAILURE() << "mutant " << i << " is no InputError: " << e.what();
    }
    const std::vector<std::string> names = {"c", "h", "n", "s"};
    parts.until.clear();
    parts.from.clear();
    if (i % 3 != 0) parts.until = {names[static_cast<std::size_t>(i / 3) % names.size()]};
    if (i % 3 == 2) parts.from = {names[static_cast<std::size_t>(i / 12) % names.size()]};
    expect_parts_read_or_explained(mutant, parts);
  }
  EXPECT_GT(num_read, num_mutants() / 20);
  RecordProperty("read", num_read);
}

}  // namespace
}  // namespace tilewake
