// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "nas/functional/map_memory.hpp"
#include "nas/functional/tile_executor.hpp"

namespace tilewake {

/// One run of a TileExecutor: the state of the machine.
class TileExecution {
 public:
  TileExecution(const TileExecutor& executor, std::span<const float> image);

  TileResult run(const TileExecutor::StepsOf& steps_of);

 private:
  /// What the input buffer holds: numbers less their zero point (of copies, bytes), channel by
  /// channel, each with the box of a window, the pixels, or the products of depth.
  struct InputTile {
    TileBlock block;     // that it was loaded for
    TileRange channels;  // of a group
    MapBox box;
    std::vector<std::int16_t> values;
  };

  /// What the weight buffer holds: groups x outputs x depth.
  struct WeightTile {
    TileRange groups;
    TileRange outputs;
    TileRange depth;
    std::vector<std::int16_t> values;
  };

  /// A tile of weights in memory.
  struct WeightPlace {
    std::int64_t end = 0;
    TileRange groups;
    TileRange outputs;
    TileRange depth;
    friend bool operator==(const WeightPlace&, const WeightPlace&) = default;
  };

  struct Output {
    std::int64_t sum = 0;
    std::int64_t products = 0;
    std::int64_t part = -1;  // of the output buffer that holds the sum; -1: none
    bool is_spilled = false;
    bool is_stored = false;
  };

  void run_layer(std::size_t index, const TileExecutor::StepsOf& steps_of);
  void run_step(const TileStep& step);
  void load_weights(const TileBlock& block);
  void load_input(const TileBlock& block);
  void begin_sums(const TileBlock& block, bool loads_sums);
  void compute(const TileBlock& block, const Division& division);
  void compute_share(const TileBlock& share);
  void fill_patch(const TileBlock& share, std::int64_t group, std::int64_t pixel);
  const std::int16_t* weight_row(const TileBlock& share, std::int64_t group,
                                 std::int64_t output) const;
  void check_accumulator(std::int64_t sum) const;
  void spill_sums(const TileBlock& block);
  void store(const TileBlock& block);
  std::uint8_t result(std::int64_t channel, std::int64_t pixel, std::int64_t sum);
  std::int64_t second_operand(std::int64_t channel, std::int64_t pixel) const;
  std::uint8_t read(std::int64_t address, bool on_chip) const;
  std::uint8_t number(int map, std::int64_t channel, std::uint8_t byte) const;
  std::int16_t lowest_input() const;
  std::int64_t map_pixel(const PixelOrder& order, std::int64_t pixel) const;
  Output& output_at(std::int64_t group, std::int64_t output, std::int64_t pixel);
  template <typename F>
  void for_each_output(const TileBlock& block, F f);
  IntegerMap stored_map(int index) const;
  [[noreturn]] void fail(const std::string& what) const;

  const TiledLayer& tiled() const { return executor_.tiled().layers[index_]; }
  const TileExecutor::Role& role() const { return executor_.roles_[index_]; }
  const Layer& layer() const { return executor_.layer(role().layer); }
  const QuantizedNetwork& quantized() const { return executor_.reference_.quantized(); }
  const QuantizedLayer& integers(int index) const {
    return quantized().layers[static_cast<std::size_t>(index)];
  }

  const TileExecutor& executor_;
  MapMemory dram_;
  MapMemory chip_;

  // Of the layer of the program that runs.
  std::size_t index_ = 0;
  InputTile input_;
  WeightTile weights_;
  bool has_input_ = false;
  bool has_weights_ = false;
  std::map<std::int64_t, WeightPlace> weight_places_;  // by offset
  std::int64_t part_ = -1;                             // of the output buffer, the open one
  std::vector<Output> outputs_;  // groups x outputs x pixels in the program's order
  std::vector<std::int16_t> patch_;
  TileCounts counts_;
};

}  // namespace tilewake
