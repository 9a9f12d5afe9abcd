// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/midap/residency.hpp"

#include <algorithm>

namespace tilewake::midap {

Residency::Residency(const Graph& graph)
    : graph_(graph),
      num_banks_(graph.config->fmem_num_banks),
      fragments_(graph.nodes.size(), 0),
      flipped_(graph.nodes.size(), false) {}

void Residency::map_concat(const Node& node) {
  const Node& target = graph_.at(node.next[0]);
  if (fragments_of(target.id) > 0) return;
  const std::int64_t given =
      std::max<std::int64_t>(std::min({node.output_stationary, num_banks_ - 1, num_banks_ - mapped_,
                                       target.num_fragments}),
                             0);
  fragments_of(target.id) = given;
  mapped_ += given;
  reserved_concat_ += given;
}

Residency::Layer Residency::begin(const Node& node) {
  const int in = graph_.at(node.inputs[0]).tensor;
  Layer layer;
  layer.resident = fragments_of(in);
  layer.input_flipped = flipped_[static_cast<std::size_t>(in)];
  if (node.input_stationary >= 0 && layer.resident > 0) {
    reserved_tensor_ = in;
    reserved_ = std::min(node.input_stationary, layer.resident);
    reserved_concat_ = 0;  // its banks stay mapped
  }
  if (node.output_stationary > 0) map_concat(node);
  layer.reserved = in == reserved_tensor_ ? reserved_ : 0;
  if (node.input_stationary > 0)  // the input loaded first stays, too
    layer.reserved = std::min(node.input_stationary, graph_.at(in).num_fragments);
  layer.usable = num_banks_ - reserved_ - reserved_concat_;
  layer.banks = num_banks_ - (mapped_ - layer.resident);
  return layer;
}

void Residency::end(const Node& node, std::int64_t kept, bool loaded, bool reverse) {
  const int in = graph_.at(node.inputs[0]).tensor;
  const bool flipped = flipped_[static_cast<std::size_t>(in)];
  if (node.input_stationary > 0) {
    const std::int64_t entries = loaded ? graph_.at(in).num_fragments : fragments_of(in);
    const std::int64_t stay = std::min(node.input_stationary, entries);
    mapped_ += stay - fragments_of(in);
    fragments_of(in) = stay;
    reserved_tensor_ = in;
    reserved_ = stay;
  } else {
    for (const int input : node.inputs) {
      const int tensor = graph_.at(input).tensor;
      mapped_ -= fragments_of(tensor);
      fragments_of(tensor) = 0;
      if (tensor == reserved_tensor_) reserved_ = 0;
    }
  }
  if (node.output_stationary <= 0) {
    fragments_of(node.tensor) += kept;
    mapped_ += kept;
  }
  flipped_[static_cast<std::size_t>(node.tensor)] =
      node.tensor == node.id && node.output_stationary < 0 && flipped != reverse;
}

void Residency::fused_pool(const Node& node) {
  const Layer layer = begin(node);
  const Node& in = graph_.tensor_of(node.inputs[0]);
  std::int64_t kept = 0;
  if (!node.next.empty() && node.output_stationary < 0) {
    const bool tight = in.num_fragments + node.num_fragments > num_banks_;
    const std::int64_t free = std::min(num_banks_ - mapped_, layer.usable - (tight ? 1 : 0));
    kept = std::clamp<std::int64_t>(free, 0, node.num_fragments);
  }
  end(node, kept, false, node.num_fragments >= layer.usable);
}

}  // namespace tilewake::midap
