// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "simulator/mapping/program.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// Where feature maps are stored: a layer whose only reader is a concat writes into the concat's.
class Tensors {
 public:
  explicit Tensors(const Network& network) : network_(network), readers_(network.layers.size()) {
    for (std::size_t i = 0; i < network.layers.size(); ++i)
      for (const int input : network.layers[i].inputs)
        if (input != kNetworkInput)
          readers_[static_cast<std::size_t>(input)].push_back(static_cast<int>(i));
  }

  int of(int layer) const {
    while (layer != kNetworkInput) {
      const std::vector<int>& readers = readers_[static_cast<std::size_t>(layer)];
      if (readers.size() != 1 || !is_concat(readers[0])) break;
      layer = readers[0];
    }
    return layer;
  }

  /// The layers whose outputs make up what `layer` produces.
  std::vector<int> producers_of(int layer) const {
    if (layer == kNetworkInput || !is_concat(layer)) return {layer};
    std::vector<int> producers;
    for (const int input : at(layer).inputs) {
      const std::vector<int> inner = producers_of(input);
      producers.insert(producers.end(), inner.begin(), inner.end());
    }
    return producers;
  }

  const Layer& at(int layer) const { return network_.layers[static_cast<std::size_t>(layer)]; }

 private:
  bool is_concat(int layer) const { return at(layer).op == Op::kConcat; }

  const Network& network_;
  std::vector<std::vector<int>> readers_;
};

/// Tracks a program through FMEM banks and DRAM: checks the location of each layer's inputs.
class MidapState {
 public:
  MidapState(const Network& network, const Program& program)
      : tensors_(network), program_(program) {}

  /// Empty if every layer finds its inputs, otherwise the first missing input.
  std::string run() {
    for (const MidapLayer& layer : std::get<MidapProgram>(program_.core).layers) {
      const int id = network_layer(layer.program_layer);
      std::string error = read(layer, id);
      if (error.empty()) error = compute(layer);
      if (!error.empty()) return tensors_.at(id).name + ": " + error;
      for (const MidapOutput& out : layer.outputs) store(out, id);
      for (const MidapOutput& out : layer.reduction_outputs) store(out, pool_of(id));
    }
    return {};
  }

 private:
  using Columns = std::pair<std::int64_t, std::int64_t>;  // [first, second)

  struct Content {
    int tensor = kNetworkInput;
    Columns columns;
  };

  int network_layer(int program_layer) const {
    return program_.layers[static_cast<std::size_t>(program_layer)].network_layer;
  }

  /// The global pool fused into layer `id`; `id` itself if it is one.
  int pool_of(int id) const {
    for (const ProgramLayer& row : program_.layers) {
      const Layer& layer = tensors_.at(row.network_layer);
      if (layer.op == Op::kGlobalAvgPool && row.fused_into == tensors_.at(id).name)
        return row.network_layer;
    }
    return id;
  }

  static std::vector<bool> loaded_fragments(const MidapLayer& layer) {
    std::vector<bool> loaded(layer.input_fragments.size());
    for (const MidapBehaviour& b : layer.behaviours)
      if (b.kind == MidapBehaviour::Kind::kLoad)
        loaded[static_cast<std::size_t>(b.fragment)] = true;
    return loaded;
  }

  /// Checks that fragments not loaded are on chip, and that the others are in DRAM. Of an
  /// elementwise layer either operand may be the one in FMEM; the other comes from DRAM.
  std::string read(const MidapLayer& layer, int id) {
    std::string error;
    const std::vector<int>& inputs = tensors_.at(id).inputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      input_ = inputs[i];
      error = read_as_first_operand(layer, input_);
      if (layer.kind != MidapKind::kElementwise) return error;
      const int other = inputs[1 - i];
      if (error.empty() && !in_dram(other, {0, width_of(other)}))
        error = fmt::format("operand {} is not in DRAM", name_of(other));
      if (error.empty()) return {};
    }
    return error;
  }

  std::string read_as_first_operand(const MidapLayer& layer, int input) const {
    const std::vector<bool> loaded = loaded_fragments(layer);
    for (std::size_t i = 0; i < loaded.size(); ++i) {
      const MidapFragment& f = layer.input_fragments[i];
      if (loaded[i]) {
        if (layer.kind != MidapKind::kGemm && !in_dram(input, {f.head, f.tail}))
          return fmt::format("columns {}..{} of {} are not in DRAM", f.head, f.tail,
                             name_of(input));
        continue;
      }
      const auto content = banks_.find(f.bank);
      if (content == banks_.end() || content->second.tensor != tensors_.of(input) ||
          content->second.columns.first > f.head || content->second.columns.second < f.tail) {
        return fmt::format("columns {}..{} of {} are not in bank {}", f.head, f.tail,
                           name_of(input), f.bank);
      }
    }
    return {};
  }

  /// Checks that no output column is written into a bank that input is still read from, and that no
  /// input is loaded over outputs.
  std::string compute(const MidapLayer& layer) {
    std::vector<bool> on_chip = loaded_fragments(layer);
    on_chip.flip();
    int consumed = 0;
    std::vector<int> written;  // banks
    for (const MidapBehaviour& b : layer.behaviours) {
      if (b.kind == MidapBehaviour::Kind::kLoad) {
        const auto index = static_cast<std::size_t>(b.fragment);
        const MidapFragment& f = layer.input_fragments[index];
        on_chip[index] = true;
        banks_[f.bank] = {tensors_.of(input_), {f.head, f.tail}};
        if (std::count(written.begin(), written.end(), f.bank) > 0)
          return fmt::format("fragment {} is loaded over outputs in bank {}", b.fragment, f.bank);
        continue;
      }
      for (const int bank : banks_written(layer, b)) {
        for (std::size_t i = static_cast<std::size_t>(consumed); i < on_chip.size(); ++i)
          if (on_chip[i] && layer.input_fragments[i].bank == bank)
            return fmt::format("outputs are written over fragment {} in bank {}", i, bank);
        written.push_back(bank);
      }
      consumed = b.fragment;
    }
    return {};
  }

  static std::vector<int> banks_written(const MidapLayer& layer, const MidapBehaviour& process) {
    std::vector<int> banks;
    const MidapOutput& out = layer.outputs.at(0);
    if (out.is_virtual) return banks;
    for (std::int64_t x = process.x_begin; x <= process.x_last; x += step(layer)) {
      const std::int64_t column = output_column(layer, x);
      const std::int64_t stored = out.reverse_write ? out.width - 1 - column : column;
      for (const MidapFragment& f : out.fragments)
        if (f.head <= stored && stored < f.tail) banks.push_back(f.bank);
    }
    std::sort(banks.begin(), banks.end());
    banks.erase(std::unique(banks.begin(), banks.end()), banks.end());
    return banks;
  }

  static bool has_window(const MidapLayer& layer) {
    return layer.kind == MidapKind::kConv || layer.kind == MidapKind::kExtended;
  }
  static std::int64_t step(const MidapLayer& layer) { return has_window(layer) ? layer.stride : 1; }
  static std::int64_t output_column(const MidapLayer& layer, std::int64_t x) {
    if (layer.kind == MidapKind::kGemm) return x / layer.out_height;
    return has_window(layer) ? (x + layer.pad_left) / layer.stride : x;
  }

  void store(const MidapOutput& out, int id) {
    if (out.is_virtual) return;
    const int tensor = tensors_.of(id);
    if (out.linear) {
      copied_.push_back(id);
      return;
    }
    for (const MidapFragment& f : out.fragments) banks_[f.bank] = {tensor, {f.head, f.tail}};
    dram_[id] = {out.write_on_dram ? 0 : out.pivot, out.width};
  }

  /// Whether these columns of `input` are available, from all layers that produce it.
  bool in_dram(int input, const Columns& columns) const {
    for (const int producer : tensors_.producers_of(input)) {
      if (producer == kNetworkInput) continue;
      const bool own = tensors_.of(producer) == tensors_.of(input);
      if (!own) {
        if (std::count(copied_.begin(), copied_.end(), producer) == 0) return false;
        continue;
      }
      const auto held = dram_.find(producer);
      if (held == dram_.end() || held->second.first > columns.first ||
          held->second.second < columns.second) {
        return false;
      }
    }
    return true;
  }

  std::int64_t width_of(int input) const {
    return input == kNetworkInput ? 0 : tensors_.at(input).ofm.width;
  }
  std::string name_of(int input) const {
    return input == kNetworkInput ? "the input" : tensors_.at(input).name;
  }

  Tensors tensors_;
  const Program& program_;
  int input_ = kNetworkInput;  // the FMEM input of the current layer
  std::map<int, Content> banks_;
  std::map<int, Columns> dram_;  // columns of a layer's output, as stored in its own tensor
  std::vector<int> copied_;      // layers that also wrote a copy for a concat
};

}  // namespace tilewake
