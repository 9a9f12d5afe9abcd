// SPDX-License-Identifier: Apache-2.0
// A TensorFlow Lite file is written as ONNX nodes in memory, which the ONNX reader reads. Here it
// is decided which operators take part: those that an output needs, from the map that the first
// layer reads to the last feature map.
#include "simulator/network/tflite/tflite_reader.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/tflite/tflite_graph.hpp"
#include "simulator/network/tflite/tflite_model.hpp"
#include "simulator/network/tflite/tflite_operators.hpp"

namespace tilewake {
namespace {

using Code = tfl::BuiltinOperator;

/// What may follow the last feature map: decoding of boxes and classes.
constexpr auto kTailOperators = std::to_array<Code>({
    Code::ADD,         Code::ARG_MAX,       Code::ARG_MIN,
    Code::CAST,        Code::CONCATENATION, Code::CUSTOM,
    Code::DEQUANTIZE,  Code::DIV,           Code::EXP,
    Code::EXPAND_DIMS, Code::GATHER,        Code::GATHER_ND,
    Code::LOG_SOFTMAX, Code::LOGISTIC,      Code::MAXIMUM,
    Code::MINIMUM,     Code::MUL,           Code::NON_MAX_SUPPRESSION_V4,
    Code::PACK,        Code::POW,           Code::NON_MAX_SUPPRESSION_V5,
    Code::QUANTIZE,    Code::REDUCE_MAX,    Code::RESHAPE,
    Code::SLICE,       Code::SOFTMAX,       Code::SPLIT,
    Code::SPLIT_V,     Code::SQUEEZE,       Code::STRIDED_SLICE,
    Code::SUB,         Code::SUM,           Code::TOPK_V2,
    Code::TRANSPOSE,   Code::UNPACK,
});

/// What may come between the input and the map that the first layer reads.
constexpr auto kHeadOperators =
    std::to_array<Code>({Code::CAST, Code::DEQUANTIZE, Code::EXPAND_DIMS, Code::QUANTIZE,
                         Code::RESHAPE, Code::SQUEEZE, Code::TRANSPOSE});

template <typename List>
bool is_one_of(const List& list, Code code) {
  return std::find(list.begin(), list.end(), code) != list.end();
}

class TfliteReader {
 public:
  TfliteReader(const TfliteModel& model, const std::string& path)
      : model_(model),
        path_(path),
        graph_(model, "main"),
        readers_(model.tensors.size()),
        runs_(model.operators.size(), false) {}

  OnnxNetwork read(const std::vector<std::int64_t>& input_shape) {
    find_live_operators();
    find_tail();
    drop_head();
    for (const TfliteOperator& op : model_.operators) {
      if (runs_[op.index]) read_operator(op);
    }
    for (const int input : inputs_) graph_.add_input(input);
    for (const int output : outputs_) graph_.add_output(output);
    const OnnxModel onnx = graph_.take();
    OnnxNetwork result = read_onnx_model(onnx, path_, input_shape);
    result.warnings.insert(result.warnings.begin(), warnings_.begin(), warnings_.end());
    return result;
  }

 private:
  using Indices = std::vector<std::size_t>;

  const TfliteOperator& at(std::size_t index) const { return model_.operators[index]; }
  const TfliteTensor& tensor(int index) const {
    return model_.tensors[static_cast<std::size_t>(index)];
  }

  void find_live_operators() {
    if (model_.outputs.empty())
      throw InputError(fmt::format("{}: the graph has no outputs", path_));
    std::vector<bool> is_needed(model_.tensors.size(), false);
    const auto need = [&](int tensor) {
      if (tensor >= 0) is_needed[static_cast<std::size_t>(tensor)] = true;
    };
    for (const int output : model_.outputs) need(output);
    std::size_t num_dead = 0;
    for (auto op = model_.operators.rbegin(); op != model_.operators.rend(); ++op) {
      for (const int output : op->outputs) {
        runs_[op->index] =
            runs_[op->index] || (output >= 0 && is_needed[static_cast<std::size_t>(output)]);
      }
      if (!runs_[op->index]) ++num_dead;
      if (!runs_[op->index]) continue;
      for (const int input : op->inputs) {
        need(input);
        if (input >= 0) readers_[static_cast<std::size_t>(input)].push_back(op->index);
      }
    }
    if (num_dead > 0) {
      warnings_.push_back(fmt::format("{} operators give nothing to an output", num_dead));
    }
    if (model_.num_subgraphs > 1) {
      warnings_.push_back(
          fmt::format("only the first of {} subgraphs is read", model_.num_subgraphs));
    }
    for (const int input : model_.inputs) {
      if (input >= 0 && is_needed[static_cast<std::size_t>(input)]) inputs_.push_back(input);
    }
  }

  /// Maps reshaped to lists of boxes or classes, and operators that no layer has a counterpart for.
  bool begins_tail(const TfliteOperator& op) const {
    const int output = op.outputs.empty() ? -1 : op.outputs[0];
    const int input = op.inputs.empty() ? -1 : op.inputs[0];
    if (input < 0 || output < 0) return false;
    switch (op.code) {
      case Code::RESHAPE:
      case Code::SQUEEZE:
        return tensor(input).dims.size() >= 3 && tensor(output).dims.size() >= 3 &&
               tensor(input).dims != tensor(output).dims;
      case Code::TRANSPOSE:
      case Code::SOFTMAX:
      case Code::LOG_SOFTMAX:
      case Code::ARG_MAX:
      case Code::ARG_MIN:
      case Code::TOPK_V2:
      case Code::NON_MAX_SUPPRESSION_V4:
      case Code::NON_MAX_SUPPRESSION_V5:
        return true;
      case Code::CUSTOM:
        return op.custom_name == "TFLite_Detection_PostProcess" ||
               op.custom_name == "Landmarks2TransformMatrix";
      default:
        return false;
    }
  }

  /// The operators after the last feature maps, where only such lead to the outputs. They become
  /// the outputs; what follows is left out with a warning.
  void find_tail() {
    std::vector<bool> may_end(model_.operators.size(), false);
    for (std::size_t i = model_.operators.size(); i-- > 0;) {
      may_end[i] = runs_[i] && is_one_of(kTailOperators, at(i).code);
      for (const int output : at(i).outputs) {
        if (output < 0) continue;
        for (const std::size_t reader : readers_[static_cast<std::size_t>(output)]) {
          may_end[i] = may_end[i] && may_end[reader];
        }
      }
    }
    std::vector<bool> is_of_tail(model_.tensors.size(), false);
    Indices tail;
    for (const TfliteOperator& op : model_.operators) {
      if (!may_end[op.index]) continue;
      bool joins = begins_tail(op);
      for (const int input : op.inputs) {
        joins = joins || (input >= 0 && is_of_tail[static_cast<std::size_t>(input)]);
      }
      if (!joins) continue;
      tail.push_back(op.index);
      for (const int output : op.outputs) {
        if (output >= 0) is_of_tail[static_cast<std::size_t>(output)] = true;
      }
    }
    for (const int output : model_.outputs) {
      if (output >= 0 && !is_of_tail[static_cast<std::size_t>(output)]) add_output(output);
    }
    for (const std::size_t index : tail) {
      runs_[index] = false;
      for (const int input : at(index).inputs) {
        if (input >= 0 && !tensor(input).is_constant &&
            !is_of_tail[static_cast<std::size_t>(input)]) {
          add_output(input);
        }
      }
    }
    if (!tail.empty()) {
      const std::string first = model_.text_of(at(tail.front()));
      warnings_.push_back(
          tail.size() == 1
              ? fmt::format("{} is left out", first)
              : fmt::format("{} and {} operators after it are left out", first, tail.size() - 1));
    }
  }

  void add_output(int tensor) {
    if (std::find(outputs_.begin(), outputs_.end(), tensor) == outputs_.end()) {
      outputs_.push_back(tensor);
    }
  }

  /// An input that is reshaped or transposed to a map or vector first: that is the input.
  void drop_head() {
    for (int& input : inputs_) {
      int last = input;
      Indices passed;
      for (int next = input; next >= 0;) {
        const Indices& readers = readers_[static_cast<std::size_t>(next)];
        if (readers.size() != 1 || !runs_[readers[0]]) break;
        const TfliteOperator& op = at(readers[0]);
        if (!is_one_of(kHeadOperators, op.code) || op.inputs[0] != next || op.outputs.size() != 1) {
          break;
        }
        passed.push_back(op.index);
        next = op.outputs[0];
        if (next < 0) break;
        const std::size_t from = tensor(input).dims.size();
        const std::size_t to = tensor(next).dims.size();
        const bool is_better =
            to == 4 ? op.code == Code::TRANSPOSE || from != 4 : to == 2 && from != 2 && from != 4;
        if (is_better) {
          last = next;
          for (const std::size_t index : passed) runs_[index] = false;
        }
      }
      input = last;
    }
  }

  void read_operator(const TfliteOperator& op) {
    try {
      for (const auto find : {find_tflite_layer_operator, find_tflite_shape_operator}) {
        if (const TfliteOperatorReader write = find(op.code); write != nullptr) {
          return write(graph_, op);
        }
      }
      throw InputError(fmt::format("is not supported: {}", tflite_advice(op)));
    } catch (const InputError& e) {
      throw InputError(fmt::format("{}: {}: {}", path_, model_.text_of(op), e.what()));
    }
  }

  const TfliteModel& model_;
  const std::string& path_;
  TfliteGraph graph_;
  std::vector<Indices> readers_;  // of each tensor, among the operators that run
  std::vector<bool> runs_;
  std::vector<int> inputs_;
  std::vector<int> outputs_;
  std::vector<std::string> warnings_;
};

}  // namespace

OnnxNetwork read_tflite(const std::string& text, const std::string& path,
                        const std::vector<std::int64_t>& input_shape) {
  const TfliteModel model = parse_tflite(text, path);
  return TfliteReader(model, path).read(input_shape);
}

}  // namespace tilewake
