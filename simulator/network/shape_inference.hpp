// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "simulator/common/error.hpp"
#include "simulator/network/layer.hpp"

namespace tilewake {

/// An error in a layer, at one key of its entry. Readers add file and line.
class LayerError : public InputError {
 public:
  LayerError(std::string key, const std::string& what) : InputError(what), key_(std::move(key)) {}
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

/// The padding of a feature map, before the input size is known.
struct PaddingRule {
  enum class Kind { kSame, kValid, kExplicit };

  Kind kind = Kind::kSame;
  Padding zeros;  // of kExplicit; the far end of conv_transpose2d may be negative

  static PaddingRule same() { return {}; }
  static PaddingRule valid() { return {Kind::kValid, {}}; }
  static PaddingRule explicit_zeros(const Padding& zeros) { return {Kind::kExplicit, zeros}; }
};

/// Infers ifm, ofm and the effective padding of `layer` from the shapes of its inputs.
///
/// On entry op, window fields, groups, axis, extent, view, order, transposed and first_channel are
/// set, and of the output what the op does not determine: its channels (conv2d, conv_transpose2d,
/// fully_connected, channel_split, embedding; pad, where 0 is as many as the input has), its rows
/// and columns (resize), or all (reduce, slice, transpose, input, constant, host). A slice has its
/// first row and column as negative `layer.padding`.
///   output size  floor((in + begin + end - extent) / stride) + 1, extent = dilation (kernel-1) + 1
///   same         zeros of extent - 1 in all, the smaller half at the beginning: (k-1)/2 dilation
///                on both sides of an odd kernel, the output is ceil(in / stride)
/// of conv_transpose2d  (in - 1) stride + extent - begin - end; same: in x stride
/// Afterwards the padding at the end is reduced by (in + begin + end - extent) mod stride.
///
/// Throws LayerError for sizes that do not match, or exceed network/limits.hpp.
void infer_shapes(Layer& layer, const PaddingRule& padding, const std::vector<Shape>& inputs);

}  // namespace tilewake
