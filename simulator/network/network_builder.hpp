// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "simulator/network/network.hpp"
#include "simulator/network/shape_inference.hpp"

namespace tilewake {

/// Builds a Network layer by layer, from any source (YAML, ONNX, a search result), and checks the
/// rules of every network: unique printable names, existing inputs, matching shapes, the limits of
/// network/limits.hpp. Violations are LayerErrors.
class NetworkBuilder {
 public:
  NetworkBuilder(const std::string& name, const Shape& input);

  /// Appends a layer and returns its index. The caller sets name, block, op, activation, inputs,
  /// window fields and what else infer_shapes() needs; ifm, ofm and padding are inferred.
  int add(Layer layer, const PaddingRule& padding = PaddingRule::same());

  const Shape& shape_of(int index) const { return network_.shape_of(index); }

  /// Index of the layer of that name, or `kNoLayer`.
  int find(const std::string& name) const;
  static constexpr int kNoLayer = -2;

  /// Returns the network, which must have a layer. The builder is empty afterwards.
  Network build();

 private:
  void check_inputs(const Layer& layer) const;
  void check_weights_of(const Layer& layer) const;

  Network network_;
  std::unordered_map<std::string, int> index_of_;
  std::int64_t num_macs_ = 0;
};

/// Checks a name. Names are used in CSV files, command lines and reports, so they are restricted to
/// letters, digits, inner spaces and `_ . - / : + ( ) [ ] @ # % =`, starting with a letter, digit,
/// '_' or '/'. Throws LayerError at `key`.
void check_name(const std::string& name, const std::string& key);

}  // namespace tilewake
