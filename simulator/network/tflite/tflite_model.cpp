// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/tflite/tflite_model.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/tflite/tflite_reader.hpp"

namespace tilewake {
namespace {

/// FlatBuffers gives null for a vector that is left out.
template <typename T>
std::size_t size_of(const flatbuffers::Vector<T>* vector) {
  return vector == nullptr ? 0 : vector->size();
}

std::string_view text_in(const flatbuffers::String* text) {
  return text == nullptr ? std::string_view() : text->string_view();
}

/// Copies what a verified file has.
class TfliteParser {
 public:
  TfliteParser(std::string_view file, const std::string& path) : path_(path) { model_.file = file; }

  TfliteModel parse() {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(model_.file.data());
    if (model_.file.size() > kMaxTfliteBytes) fail("is larger than 2 GiB");
    flatbuffers::Verifier verifier(bytes, model_.file.size(), kMaxTfliteDepth, kMaxTfliteTables);
    if (model_.file.size() < 8 || !tfl::ModelBufferHasIdentifier(bytes)) {
      fail("is no TensorFlow Lite model: bytes 4 to 7 must be TFL3");
    }
    if (!tfl::VerifyModelBuffer(verifier)) {
      fail("is a damaged or truncated TensorFlow Lite model; download or export it again");
    }
    file_ = tfl::GetModel(bytes);
    model_.num_subgraphs = size_of(file_->subgraphs());
    if (model_.num_subgraphs == 0) fail("has no graph");
    const tfl::SubGraph& graph = *file_->subgraphs()->Get(0);
    for (std::size_t i = 0; i < size_of(graph.tensors()); ++i) {
      read_tensor(*graph.tensors()->Get(static_cast<flatbuffers::uoffset_t>(i)), i);
    }
    model_.inputs = indices(graph.inputs(), "the graph's inputs", /*first=*/0);
    model_.outputs = indices(graph.outputs(), "the graph's outputs", /*first=*/0);
    for (std::size_t i = 0; i < size_of(graph.operators()); ++i) {
      read_operator(*graph.operators()->Get(static_cast<flatbuffers::uoffset_t>(i)), i);
    }
    return std::move(model_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw InputError(fmt::format("{}: {}", path_, what));
  }

  void count(std::size_t items) {
    num_items_ += items;
    if (num_items_ > kMaxTfliteItems) {
      fail(fmt::format("has more than {} dimensions, inputs and outputs", kMaxTfliteItems));
    }
  }

  Dims dims_of(const flatbuffers::Vector<std::int32_t>* dims, std::size_t index) {
    if (size_of(dims) > kMaxTensorRank) {
      fail(fmt::format("tensor {} has {} dimensions", index, dims->size()));
    }
    count(size_of(dims));
    return dims == nullptr ? Dims{} : Dims(dims->begin(), dims->end());
  }

  void read_tensor(const tfl::Tensor& from, std::size_t index) {
    TfliteTensor tensor;
    tensor.name = text_in(from.name());
    tensor.dims = dims_of(from.shape(), index);
    tensor.signature = dims_of(from.shape_signature(), index);
    if (tensor.signature.size() != tensor.dims.size()) tensor.signature = tensor.dims;
    tensor.type = from.type();
    tensor.buffer = from.buffer();
    if (from.buffer() != 0) {  // the first buffer stands for none
      if (from.buffer() >= size_of(file_->buffers())) {
        fail(fmt::format("tensor {} has its values in buffer {} of {}", index, from.buffer(),
                         size_of(file_->buffers())));
      }
      const auto* data = file_->buffers()->Get(from.buffer())->data();
      tensor.is_constant = size_of(data) > 0;
      if (tensor.is_constant) {
        tensor.data = {reinterpret_cast<const char*>(data->data()), data->size()};
      }
    }
    if (const tfl::Quantization* quantization = from.quantization();
        quantization != nullptr && size_of(quantization->scale()) == 1) {
      tensor.scale = static_cast<double>(quantization->scale()->Get(0));
      if (size_of(quantization->zero_point()) == 1) {
        tensor.zero_point = static_cast<double>(quantization->zero_point()->Get(0));
      }
    }
    model_.tensors.push_back(std::move(tensor));
  }

  /// Indices of tensors from `first` on, which is -1 where tensors may be left out.
  std::vector<int> indices(const flatbuffers::Vector<std::int32_t>* given, const std::string& what,
                           int first) {
    count(size_of(given));
    std::vector<int> result;
    for (std::size_t i = 0; i < size_of(given); ++i) {
      const int index = given->Get(static_cast<flatbuffers::uoffset_t>(i));
      if (index < first ||
          (index >= 0 && static_cast<std::size_t>(index) >= model_.tensors.size())) {
        fail(fmt::format("{} have tensor {} of {}", what, index, model_.tensors.size()));
      }
      result.push_back(index);
    }
    return result;
  }

  void read_operator(const tfl::Operator& from, std::size_t index) {
    TfliteOperator op;
    op.index = index;
    if (from.code_index() >= size_of(file_->operator_codes())) {
      fail(fmt::format("operator {}: has code {} of {}", index, from.code_index(),
                       size_of(file_->operator_codes())));
    }
    const tfl::OperatorCode& code = *file_->operator_codes()->Get(from.code_index());
    // Old files have only the byte, newer ones both.
    op.code = std::max(code.code(), static_cast<tfl::BuiltinOperator>(code.old_code()));
    op.name = tfl::EnumNameBuiltinOperator(op.code);
    if (op.name.empty()) op.name = fmt::format("operator code {}", static_cast<int>(op.code));
    if (op.code == tfl::BuiltinOperator::CUSTOM) {
      op.custom_name = text_in(code.custom_name());
      op.name = fmt::format("CUSTOM '{}'", printable(std::string(op.custom_name)));
    }
    op.inputs = indices(from.inputs(), fmt::format("operator {}: inputs", index), /*first=*/-1);
    op.outputs = indices(from.outputs(), fmt::format("operator {}: outputs", index), /*first=*/-1);
    op.options_type = from.options_type();
    op.options = from.options();
    model_.operators.push_back(std::move(op));
  }

  const std::string& path_;
  const tfl::Model* file_ = nullptr;
  TfliteModel model_;
  std::size_t num_items_ = 0;
};

}  // namespace

std::string_view TfliteModel::name_of(const TfliteOperator& op) const {
  if (op.outputs.empty() || op.outputs[0] < 0) return {};
  const std::string_view name = tensors[static_cast<std::size_t>(op.outputs[0])].name;
  return name.substr(0, name.find(';'));
}

std::string TfliteModel::text_of(const TfliteOperator& op) const {
  return fmt::format("operator {} {} '{}'", op.index, op.name, printable(std::string(name_of(op))));
}

void TfliteModel::refuse_options(const TfliteOperator& op, tfl::OptionsType type) {
  throw InputError(fmt::format("has damaged options, or those of another operator (type {} for {})",
                               static_cast<int>(op.options_type), static_cast<int>(type)));
}

TfliteModel parse_tflite(std::string_view file, const std::string& path) {
  return TfliteParser(file, path).parse();
}

}  // namespace tilewake
