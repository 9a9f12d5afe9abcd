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
      : model_(model), path_(path), graph_(model, "main"), runs_(model.operators.size(), false) {}

  OnnxNetwork read(const ModelOptions& options) {
    find_live_operators();
    find_tail();
    drop_head();
    for (const TfliteOperator& op : model_.operators) {
      if (runs_[op.index]) read_operator(op, options.skip_unsupported);
    }
    for (const int input : inputs_) graph_.add_input(input);
    for (const int output : outputs_) graph_.add_output(output);
    ModelOptions named = options;
    for (ModelOptions::InputShape& given : named.input_shapes) given.name = graph_name(given.name);
    if (!options.from.empty()) {
      for (std::size_t i = 0; i < model_.tensors.size(); ++i) {
        if (!model_.tensors[i].is_constant) graph_.add_cut_info(static_cast<int>(i));
      }
    }
    OnnxNetwork result = read_onnx_model(graph_.take(), path_, named);
    result.warnings.insert(result.warnings.begin(), warnings_.begin(), warnings_.end());
    return result;
  }

 private:
  /// The name in the graph of the only tensor with this name in the file; others stay.
  std::string graph_name(const std::string& name) {
    const auto has_name = [&](const TfliteTensor& tensor) { return tensor.name == name; };
    const auto& all = model_.tensors;
    const auto found = std::find_if(all.begin(), all.end(), has_name);
    if (name.empty() || found == all.end() || std::any_of(found + 1, all.end(), has_name)) {
      return name;
    }
    return std::string(graph_.name_of(static_cast<int>(found - all.begin())));
  }

  const TfliteTensor& tensor(int index) const {
    return model_.tensors[static_cast<std::size_t>(index)];
  }

  static bool is_set(const std::vector<bool>& flags, int tensor) {
    return tensor >= 0 && flags[static_cast<std::size_t>(tensor)];
  }
  static void set(std::vector<bool>& flags, int tensor) {
    if (tensor >= 0) flags[static_cast<std::size_t>(tensor)] = true;
  }
  std::vector<bool> no_tensors() const { return std::vector<bool>(model_.tensors.size(), false); }

  /// Lets the operators run that `outputs` need. Returns how many do.
  std::size_t run_what_needs(const std::vector<int>& outputs) {
    std::vector<bool> is_needed = no_tensors();
    for (const int output : outputs) set(is_needed, output);
    std::size_t num_running = 0;
    for (auto op = model_.operators.rbegin(); op != model_.operators.rend(); ++op) {
      const bool runs = std::any_of(op->outputs.begin(), op->outputs.end(),
                                    [&](int output) { return is_set(is_needed, output); });
      runs_[op->index] = runs;
      if (!runs) continue;
      ++num_running;
      for (const int input : op->inputs) set(is_needed, input);
    }
    inputs_.clear();
    for (const int input : model_.inputs) {
      if (is_set(is_needed, input)) inputs_.push_back(input);
    }
    return num_running;
  }

  void find_live_operators() {
    if (model_.outputs.empty()) {
      throw InputError(fmt::format("{}: the graph has no outputs", path_));
    }
    const std::size_t num_dead = model_.operators.size() - run_what_needs(model_.outputs);
    if (num_dead > 0) {
      warnings_.push_back(fmt::format("{} operators give nothing to an output", num_dead));
    }
    if (model_.num_subgraphs > 1) {
      warnings_.push_back(
          fmt::format("only the first of {} subgraphs is read", model_.num_subgraphs));
    }
  }

  /// Operators that select boxes or classes.
  static bool begins_tail(const TfliteOperator& op) {
    switch (op.code) {
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

  /// The operators that lead to the outputs through kTailOperators only.
  std::vector<bool> find_ends() const {
    std::vector<bool> may_end(model_.operators.size(), false);
    std::vector<bool> is_layer_input = no_tensors();
    for (auto op = model_.operators.rbegin(); op != model_.operators.rend(); ++op) {
      if (!runs_[op->index]) continue;
      may_end[op->index] = is_one_of(kTailOperators, op->code) &&
                           std::none_of(op->outputs.begin(), op->outputs.end(),
                                        [&](int output) { return is_set(is_layer_input, output); });
      if (may_end[op->index]) continue;
      for (const int input : op->inputs) set(is_layer_input, input);
    }
    return may_end;
  }

  /// Constants, shapes, and what is computed from them.
  std::vector<bool> find_known_tensors() const {
    std::vector<bool> is_known = no_tensors();
    for (std::size_t i = 0; i < model_.tensors.size(); ++i) {
      is_known[i] = model_.tensors[i].is_constant;
    }
    for (const TfliteOperator& op : model_.operators) {
      const bool all = std::all_of(op.inputs.begin(), op.inputs.end(),
                                   [&](int input) { return input < 0 || is_set(is_known, input); });
      if (op.code != Code::SHAPE && !all) continue;
      for (const int output : op.outputs) set(is_known, output);
    }
    return is_known;
  }

  /// The maps before the operators that only decode boxes and classes become the outputs; what
  /// follows is left out with a warning.
  void find_tail() {
    const std::vector<bool> may_end = find_ends();
    std::vector<bool> is_left_out = no_tensors();
    const TfliteOperator* first = nullptr;
    std::size_t num_after = 0;
    std::vector<bool> is_output = find_known_tensors();  // which are none
    const auto add_output = [&](int output) {
      if (output < 0 || is_set(is_output, output)) return;
      set(is_output, output);
      outputs_.push_back(output);
    };
    for (const TfliteOperator& op : model_.operators) {
      if (!may_end[op.index]) continue;
      const bool follows = std::any_of(op.inputs.begin(), op.inputs.end(),
                                       [&](int input) { return is_set(is_left_out, input); });
      if (!follows && !begins_tail(op)) continue;
      if (first != nullptr) ++num_after;
      if (first == nullptr) first = &op;
      for (const int output : op.outputs) set(is_left_out, output);
      for (const int input : op.inputs) {
        if (!is_set(is_left_out, input)) add_output(input);
      }
    }
    if (first == nullptr) {
      outputs_ = model_.outputs;
      return;
    }
    for (const int output : model_.outputs) {
      if (!is_set(is_left_out, output)) add_output(output);
    }
    warnings_.push_back(fmt::format(
        "{}{} left out", model_.text_of(*first),
        num_after == 0 ? " is" : fmt::format(" and {} operators after it are", num_after)));
    run_what_needs(outputs_);
  }

  /// An input that is reshaped or transposed to a map or vector first: that is the input.
  void drop_head() {
    std::vector<int> num_readers(model_.tensors.size(), 0);
    std::vector<const TfliteOperator*> reader(model_.tensors.size(), nullptr);
    for (const TfliteOperator& op : model_.operators) {
      for (const int input : op.inputs) {
        if (!runs_[op.index] || input < 0) continue;
        ++num_readers[static_cast<std::size_t>(input)];
        reader[static_cast<std::size_t>(input)] = &op;
      }
    }
    for (const int output : outputs_) {
      if (output >= 0) ++num_readers[static_cast<std::size_t>(output)];
    }
    for (int& input : inputs_) {
      const std::size_t from = tensor(input).dims.size();
      std::vector<std::size_t> passed;
      std::size_t num_dropped = 0;
      for (int next = input; num_readers[static_cast<std::size_t>(next)] == 1;) {
        const TfliteOperator* op = reader[static_cast<std::size_t>(next)];
        if (op == nullptr || !is_one_of(kHeadOperators, op->code) || op->inputs[0] != next ||
            op->outputs.size() != 1 || op->outputs[0] < 0 ||
            (!passed.empty() && op->index <= passed.back())) {
          break;
        }
        next = op->outputs[0];
        passed.push_back(op->index);
        const std::size_t to = tensor(next).dims.size();
        if (to == 4 ? op->code == Code::TRANSPOSE || from != 4
                    : to == 2 && from != 2 && from != 4) {
          input = next;
          num_dropped = passed.size();
        }
      }
      for (std::size_t i = 0; i < num_dropped; ++i) runs_[passed[i]] = false;
    }
  }

  void read_operator(const TfliteOperator& op, bool skip_unsupported) {
    const std::size_t num_nodes = graph_.num_nodes();
    try {
      if (const TfliteOperatorReader write = find_tflite_map_operator(op); write != nullptr)
        return write(graph_, op);
      for (const auto find : {find_tflite_layer_operator, find_tflite_shape_operator}) {
        if (const TfliteOperatorReader write = find(op.code); write != nullptr) {
          return write(graph_, op);
        }
      }
      throw InputError(fmt::format("is not supported: {}", tflite_advice(op)));
    } catch (const InputError& e) {
      if (skip_unsupported) return graph_.add_unsupported(op, num_nodes);
      throw InputError(fmt::format("{}: {}: {}; --skip-unsupported leaves it to the host", path_,
                                   model_.text_of(op), e.what()));
    }
  }

  const TfliteModel& model_;
  const std::string& path_;
  TfliteGraph graph_;
  std::vector<bool> runs_;
  std::vector<int> inputs_;
  std::vector<int> outputs_;
  std::vector<std::string> warnings_;
};

}  // namespace

OnnxNetwork read_tflite(const std::string& text, const std::string& path,
                        const ModelOptions& options) {
  const TfliteModel model = parse_tflite(text, path);
  return TfliteReader(model, path).read(options);
}

}  // namespace tilewake
