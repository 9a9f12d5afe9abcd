// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

using Dims = std::vector<std::int64_t>;

/// Bounds on a model file, checked before it is parsed. The bytes are the limit of Protocol
/// Buffers. Items are nodes, names, attributes, dimensions and the like: a few bytes of a file can
/// stand for an object of hundreds. Numbers are values of tensors in typed fields.
inline constexpr std::size_t kMaxOnnxBytes = (std::size_t{1} << 31) - 1;
inline constexpr std::size_t kMaxOnnxItems = std::size_t{1} << 20;
inline constexpr std::size_t kMaxOnnxNumbers = std::size_t{1} << 28;
/// Messages in messages; libprotobuf stops at 100.
inline constexpr int kMaxOnnxDepth = 64;
/// A tensor with more values than this is a tensor of weights, whose values are not used.
inline constexpr std::size_t kMaxTensorValues = 64;
inline constexpr std::size_t kMaxTensorRank = 8;

enum class OnnxType : int {
  kUndefined = 0,
  kFloat = 1,
  kInt8 = 3,
  kInt32 = 6,
  kInt64 = 7,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kBfloat16 = 16
};

/// A tensor of the file.
struct OnnxTensor {
  std::string_view name;
  Dims dims;
  int data_type = 0;           // OnnxType, or another of onnx.proto
  std::string_view raw;        // little-endian; else the values below
  std::vector<double> values;  // of the typed fields, at most kMaxTensorValues
  std::string_view typed;      // bytes of all values of the typed fields, as they are in memory
  bool is_elsewhere = false;   // the values are stored in another file
};

enum class OnnxAttributeType : int {
  kUndefined = 0,
  kFloat = 1,
  kInt = 2,
  kString = 3,
  kTensor = 4,
  kFloats = 6,
  kInts = 7
};

struct OnnxSubgraph;

struct OnnxAttribute {
  std::string_view name;
  int type = 0;  // OnnxAttributeType, or another of onnx.proto
  float real = 0.0F;
  std::int64_t integer = 0;
  std::string_view text;
  std::vector<std::int64_t> integers;
  std::vector<float> reals;
  std::optional<OnnxTensor> tensor;
  std::shared_ptr<const OnnxSubgraph> graph;  // of an If: one of its branches
};

struct OnnxNode {
  std::string_view name;
  std::string_view label;  // in error messages; empty: name and op
  std::string_view op;
  std::string_view domain;  // empty: ONNX's own operators
  std::string_view doc;
  std::vector<std::string_view> inputs;  // an empty name is an input left out
  std::vector<std::string_view> outputs;
  std::vector<OnnxAttribute> attributes;
  std::vector<std::string_view> captured;  // values that graphs in its attributes read

  const OnnxAttribute* find(std::string_view attribute) const;
};

/// A graph in an attribute. It reads names of the graphs around it, too.
struct OnnxSubgraph {
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> initializers;
  std::vector<std::string_view> outputs;
};

/// An input of the graph, or another value whose type the file states.
struct OnnxInput {
  std::string_view name;
  bool has_shape = false;
  Dims dims;                                // negative: free; 0 is refused
  int data_type = 0;                        // OnnxType, or another of onnx.proto
  std::vector<std::string_view> dim_names;  // of free dims; empty, or one a dim
};

/// The parts of a model file that the reader uses, without any check of their meaning. libprotobuf
/// is used by onnx_model.cpp only: its headers are slow to compile.
struct OnnxModel {
  std::shared_ptr<const void> file;  // owns what the views refer to
  std::string_view producer;
  std::int64_t opset = 0;  // of ONNX's own operators; 0: missing
  std::string_view name;   // of the graph
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> initializers;
  std::vector<OnnxInput> inputs;
  std::vector<std::string_view> outputs;
  std::vector<OnnxInput> value_infos;  // of outputs and of values between nodes
  std::vector<OnnxInput> cut_infos;    // of values that --from may make inputs, and no other use
};

/// Throws InputError "PATH: ..." if the bytes are no ONNX model or exceed a bound above.
OnnxModel parse_onnx(std::string_view text, const std::string& path);

}  // namespace tilewake
