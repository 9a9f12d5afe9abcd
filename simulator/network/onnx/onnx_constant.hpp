// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulator/network/onnx/onnx_model.hpp"

namespace tilewake {

/// A tensor whose value is known before the network runs: weights, or the small integers that
/// exporters compute shapes with. Of weights only `dims` count.
struct OnnxConstant {
  Dims dims;                   // none: a scalar
  std::vector<double> values;  // integers up to 2^53 are exact
  bool has_values = false;     // false: too many, of a type that no shape has, or in another file
  bool is_elsewhere = false;   // values are in another file, which is not read
  bool is_integer = false;     // of an integer type, whose quotients are cut to integers
  std::int64_t origin = -1;    // constants of one number are the same, in some order
  std::optional<double> fill;  // all elements have this value, however many they are
  std::string_view bytes;      // of all elements, in the file; empty: not known
  bool is_repeated = false;    // the entries of the first dim are equal

  std::int64_t num_elements() const;
  bool is_scalar() const { return num_elements() == 1; }
};

/// Product of non-negative dims; throws InputError beyond 2^48 elements or kMaxTensorRank.
std::int64_t num_elements_of(const Dims& dims);

/// "1 x 3 x 224 x 224"; "scalar".
std::string text_of(const Dims& dims);

/// `axis` of a tensor of `rank`, counted from the end if negative; throws InputError.
std::size_t axis_of(std::int64_t axis, std::size_t rank);

/// Of `data_type`, OnnxType or another of onnx.proto.
bool is_integer_type(int data_type);

/// Whether all elements are known to have this value.
bool is_all(const OnnxConstant& constant, double value);

/// Whether the entries of the first dim are equal; none: not known.
std::optional<bool> has_equal_entries(const OnnxConstant& constant);

/// Throws InputError where dims are negative or the values do not fill them.
OnnxConstant constant_of(const OnnxTensor& tensor);
OnnxConstant integers_of(const std::vector<std::int64_t>& values);

/// The values as integers, at most `max_count`; throws InputError where they are not known or not
/// whole. What lies outside of +-2^60 is cut to that: exporters write "up to the end" so.
std::vector<std::int64_t> integers_in(const OnnxConstant& constant, std::size_t max_count);

/// What the operators of the same name give on constants. A result whose values are not known has
/// only dims. All throw InputError where the operands do not fit.
namespace onnx_fold {

OnnxConstant concat(const std::vector<OnnxConstant>& parts, std::int64_t axis);
OnnxConstant gather(const OnnxConstant& data, const OnnxConstant& indices, std::int64_t axis);
/// Elements `begin` to `end` as the node has them; steps may be negative.
OnnxConstant slice(const OnnxConstant& data, std::int64_t begin, std::int64_t end,
                   std::int64_t axis, std::int64_t step);
OnnxConstant transpose(const OnnxConstant& data, const std::vector<std::size_t>& order);
/// Operators of two operands, which are broadcast.
OnnxConstant arithmetic(std::string_view op, const OnnxConstant& a, const OnnxConstant& b);
OnnxConstant unary(std::string_view op, const OnnxConstant& data);
OnnxConstant where(const OnnxConstant& choice, const OnnxConstant& a, const OnnxConstant& b);
/// To dims that `data` can be broadcast to.
OnnxConstant expand(const OnnxConstant& data, const Dims& dims);
OnnxConstant tile(const OnnxConstant& data, const std::vector<std::int64_t>& repeats);
OnnxConstant reduce(std::string_view op, const OnnxConstant& data,
                    const std::vector<bool>& is_reduced, bool keeps_dims);

}  // namespace onnx_fold

}  // namespace tilewake
