// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake::onnx_field {

/// Numbers of the fields that reader and writer know, by message. Source: onnx/onnx.proto of ONNX
/// 1.12; they never change.
namespace model {
inline constexpr int kIrVersion = 1;
inline constexpr int kProducerName = 2;
inline constexpr int kProducerVersion = 3;
inline constexpr int kGraph = 7;
inline constexpr int kOpsetImport = 8;
}  // namespace model

namespace opset {
inline constexpr int kDomain = 1;
inline constexpr int kVersion = 2;
}  // namespace opset

namespace graph {
inline constexpr int kNode = 1;
inline constexpr int kName = 2;
inline constexpr int kInitializer = 5;
inline constexpr int kInput = 11;
inline constexpr int kOutput = 12;
}  // namespace graph

namespace node {
inline constexpr int kInput = 1;
inline constexpr int kOutput = 2;
inline constexpr int kName = 3;
inline constexpr int kOpType = 4;
inline constexpr int kAttribute = 5;
inline constexpr int kDocString = 6;
inline constexpr int kDomain = 7;
}  // namespace node

namespace attribute {
inline constexpr int kName = 1;
inline constexpr int kFloat = 2;
inline constexpr int kInt = 3;
inline constexpr int kString = 4;
inline constexpr int kTensor = 5;
inline constexpr int kFloats = 7;
inline constexpr int kInts = 8;
inline constexpr int kType = 20;
}  // namespace attribute

namespace tensor {
inline constexpr int kDims = 1;
inline constexpr int kDataType = 2;
inline constexpr int kFloatData = 4;
inline constexpr int kInt32Data = 5;
inline constexpr int kInt64Data = 7;
inline constexpr int kName = 8;
inline constexpr int kRawData = 9;
inline constexpr int kDoubleData = 10;
inline constexpr int kDataLocation = 14;
}  // namespace tensor

namespace value_info {
inline constexpr int kName = 1;
inline constexpr int kType = 2;
}  // namespace value_info

namespace type {
inline constexpr int kTensor = 1;
}  // namespace type

namespace tensor_type {
inline constexpr int kElemType = 1;
inline constexpr int kShape = 2;
}  // namespace tensor_type

namespace shape {
inline constexpr int kDim = 1;
}  // namespace shape

namespace dim {
inline constexpr int kValue = 1;
inline constexpr int kParam = 2;
}  // namespace dim

}  // namespace tilewake::onnx_field
