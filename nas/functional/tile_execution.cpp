// SPDX-License-Identifier: Apache-2.0
#include "nas/functional/tile_execution.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>

#include "nas/quantization/executor_loops.hpp"
#include "nas/quantization/layer_arithmetic.hpp"
#include "nas/quantization/window.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"

namespace tilewake {
namespace {

/// Memories of more bytes are refused.
constexpr std::int64_t kMaxMemoryBytes = std::int64_t{1} << 30;

std::int64_t end_of_maps(const TiledProgram& program) {
  std::int64_t end = 0;
  for (const TiledLayer& layer : program.layers) end = std::max(end, layer.sums_address);
  if (end > kMaxMemoryBytes)
    throw InputError(
        fmt::format("feature maps and weights of {} bytes: functional simulation holds at most {}",
                    end, kMaxMemoryBytes));
  return end;
}

TileRange share_of(const TileRange& range, std::int64_t core, std::int64_t num_cores) {
  const std::int64_t size = ceil_div(range.size(), num_cores);
  const std::int64_t begin = std::min(range.begin + core * size, range.end);
  return {begin, std::min(begin + size, range.end)};
}

bool contains(const TileRange& range, const TileRange& part) {
  return range.begin <= part.begin && part.end <= range.end;
}

bool has_products(Op op) {
  return op == Op::kConv2d || op == Op::kDepthwiseConv2d || op == Op::kFullyConnected;
}

}  // namespace

TileExecution::TileExecution(const TileExecutor& executor, std::span<const float> image)
    : executor_(executor), dram_(end_of_maps(executor.tiled())), chip_(dram_.size()) {
  const Shape& shape = quantized().network.input;
  const IntegerMap pixels = executor.reference_.quantized_image(image);
  const std::int64_t address = executor.graph_.input_address + executor.base_;
  const std::int64_t num_pixels = shape.height * shape.width;
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    for (std::int64_t p = 0; p < num_pixels; ++p)
      dram_.write(address + c * num_pixels + p,
                  pixels[static_cast<std::size_t>(p * shape.channels + c)], MapMemory::kInputImage);
  }
}

void TileExecution::fail(const std::string& what) const {
  throw std::logic_error(fmt::format("{}: the mapping is wrong: {}", layer().name, what));
}

TileResult TileExecution::run(const TileExecutor::StepsOf& steps_of) {
  TileResult result;
  for (std::size_t i = 0; i < executor_.tiled().layers.size(); ++i) {
    index_ = i;
    counts_ = {};
    run_layer(i, steps_of);
    result.counts.push_back(counts_);
  }
  const auto num_layers = static_cast<int>(quantized().network.layers.size());
  for (int i = 0; i < num_layers; ++i) result.maps.push_back(stored_map(i));
  return result;
}

void TileExecution::run_layer(std::size_t index, const TileExecutor::StepsOf& steps_of) {
  const TileExtent& extent = tiled().problem.extent();
  outputs_.assign(static_cast<std::size_t>(extent.num_outputs()), {});
  weight_places_.clear();
  has_input_ = has_weights_ = false;
  part_ = -1;
  if (steps_of) {
    for (const TileStep& step : steps_of(static_cast<int>(index))) run_step(step);
  } else {
    const Stationary stationary = executor_.tiled().cost->stationary(tiled().problem);
    for (TileWalk walk(tiled().problem, tiled().tiling, stationary); !walk.done(); walk.next())
      run_step(walk.step());
  }
  for (const Output& output : outputs_)
    if (!output.is_stored) fail("an output is not stored");
}

void TileExecution::run_step(const TileStep& step) {
  const TileBlock& block = step.block;
  ++counts_.steps;
  if (tiled().problem.has_weights() && step.loads_weights) load_weights(block);
  if (step.loads_input) load_input(block);
  if (step.opens_output) ++part_;
  begin_sums(block, step.loads_sums);
  compute(block, step.context.division);
  if (step.context.ends_depth) store(block);
  if (step.spills_sums) spill_sums(block);
  if (step.frees_input) has_input_ = false;
  if (step.frees_weights) has_weights_ = false;
}

void TileExecution::load_weights(const TileBlock& block) {
  const TileProblem& problem = tiled().problem;
  const std::int64_t begin = problem.weight_offset(block);
  const std::int64_t bytes = problem.weight_bytes(block);
  const WeightPlace place{begin + bytes, block.groups, block.outputs, block.depth};
  const auto [at, is_new] = weight_places_.try_emplace(begin, place);
  if (is_new) {
    const auto next = std::next(at);
    if ((at != weight_places_.begin() && std::prev(at)->second.end > begin) ||
        (next != weight_places_.end() && place.end > next->first))
      fail("two tiles of weights overlap in memory");
    if (begin < 0 || place.end > problem.weight_bytes(problem.extent().groups))
      fail("a tile of weights is not where the layer's weights are");
  } else if (!(at->second == place)) {
    fail("two tiles of weights are at one address");
  }
  weights_ = {block.groups, block.outputs, block.depth, {}};
  const TileExtent& extent = problem.extent();
  const std::vector<std::int8_t>& all = integers(role().layer).weight;
  for (std::int64_t g = block.groups.begin; g < block.groups.end; ++g) {
    for (std::int64_t o = block.outputs.begin; o < block.outputs.end; ++o) {
      const std::int8_t* const row = all.data() + (g * extent.outputs + o) * extent.depth;
      weights_.values.insert(weights_.values.end(), row + block.depth.begin, row + block.depth.end);
    }
  }
  counts_.weight_bytes += bytes;
  has_weights_ = true;
}

/// The channels, products of depth or pixels that a block reads are those of tile_problem.hpp.
void TileExecution::load_input(const TileBlock& block) {
  const TileProblem& problem = tiled().problem;
  const Layer& l = layer();
  input_ = {};
  input_.block = block;
  const Shape& map = quantized().network.shape_of(role().input);
  const std::int64_t zero_point = quantized().of(role().input).zero_point;
  const auto load = [&](std::int64_t channel, std::int64_t pixel) {
    // A channel_shuffle reads as one stream what it writes in another order.
    if (l.op == Op::kChannelShuffle) channel = moved_from(l, channel);
    const std::uint8_t byte = read(tiled().input_address + channel * map.height * map.width + pixel,
                                   tiled().problem.on_chip().input);
    input_.values.push_back(static_cast<std::int16_t>(
        role().is_copy ? byte : number(role().input, channel, byte) - zero_point));
  };
  if (l.op == Op::kFullyConnected) {
    const std::int64_t plane = map.height * map.width;
    for (std::int64_t d = block.depth.begin; d < block.depth.end; ++d) load(d / plane, d % plane);
  } else if (l.op == Op::kGlobalAvgPool) {
    for (std::int64_t g = block.groups.begin; g < block.groups.end; ++g)
      for (std::int64_t d = block.depth.begin; d < block.depth.end; ++d) load(g, d);
  } else {
    const std::int64_t per_group = l.op == Op::kConv2d ? l.ifm.channels / l.groups : 1;
    input_.channels = {0, 1};
    if (l.op == Op::kConv2d)
      input_.channels = {block.depth.begin / problem.taps(),
                         ceil_div(block.depth.end, problem.taps())};
    if (problem.has_window())
      input_.box = problem.input_box(problem.pixel_box(block.order, block.pixels),
                                     problem.tap_box(block.depth));
    for (std::int64_t g = block.groups.begin; g < block.groups.end; ++g) {
      for (std::int64_t c = input_.channels.begin; c < input_.channels.end; ++c) {
        const std::int64_t channel = g * per_group + c;
        if (problem.has_window()) {
          for (std::int64_t h = input_.box.rows.begin; h < input_.box.rows.end; ++h)
            for (std::int64_t w = input_.box.columns.begin; w < input_.box.columns.end; ++w)
              load(channel, h * map.width + w);
        } else {
          for (std::int64_t p = block.pixels.begin; p < block.pixels.end; ++p)
            load(channel, map_pixel(block.order, p));
        }
      }
    }
  }
  const auto bytes = static_cast<std::int64_t>(input_.values.size());
  if (bytes != problem.input_bytes(block)) fail("a tile of the input has another size");
  counts_.feature_bytes += bytes;
  has_input_ = true;
}

std::int64_t TileExecution::map_pixel(const PixelOrder& order, std::int64_t pixel) const {
  const TileProblem& problem = tiled().problem;
  const MapBox box = problem.pixel_box(order, {pixel, pixel + 1});
  return box.rows.begin * problem.ofm().width + box.columns.begin;
}

std::uint8_t TileExecution::read(std::int64_t address, bool on_chip) const {
  const MapMemory& from = on_chip ? chip_ : dram_;
  const int writer = from.writer(address);
  if (writer == MapMemory::kNobody) fail("it reads what no layer has written");
  const std::vector<int>& waits_for = tiled().reads_from;
  if (writer >= 0 && std::find(waits_for.begin(), waits_for.end(), writer) == waits_for.end())
    fail("it reads the output of a layer that it does not wait for");
  return from.value(address);
}

std::uint8_t TileExecution::number(int map, std::int64_t channel, std::uint8_t byte) const {
  const TileExecutor::Conversion* const conversion = executor_.conversion(map, channel);
  return conversion == nullptr ? byte : (*conversion)[byte];
}

TileExecution::Output& TileExecution::output_at(std::int64_t group, std::int64_t output,
                                                std::int64_t pixel) {
  const TileExtent& extent = tiled().problem.extent();
  return outputs_[static_cast<std::size_t>((group * extent.outputs + output) * extent.pixels +
                                           pixel)];
}

template <typename F>
void TileExecution::for_each_output(const TileBlock& block, F f) {
  for (std::int64_t g = block.groups.begin; g < block.groups.end; ++g)
    for (std::int64_t o = block.outputs.begin; o < block.outputs.end; ++o)
      for (std::int64_t p = block.pixels.begin; p < block.pixels.end; ++p)
        f(g, o, p, output_at(g, o, p));
}

void TileExecution::begin_sums(const TileBlock& block, bool loads_sums) {
  for_each_output(block, [&](std::int64_t, std::int64_t, std::int64_t, Output& output) {
    if (output.products != block.depth.begin || output.is_stored)
      fail("products are added twice, or in another order");
    if (loads_sums) {
      if (!output.is_spilled) fail("a partial sum is read that was not spilled");
      output.is_spilled = false;
      output.part = part_;
      counts_.feature_bytes += executor_.tiled().memory.accumulator_bytes;
    } else if (block.depth.begin == 0) {
      output.part = part_;
    }
    if (output.part != part_) fail("a partial sum is no longer in the output buffer");
  });
}

void TileExecution::spill_sums(const TileBlock& block) {
  for_each_output(block, [&](std::int64_t, std::int64_t, std::int64_t, Output& output) {
    output.part = -1;
    output.is_spilled = true;
    counts_.written_bytes += executor_.tiled().memory.accumulator_bytes;
  });
}

void TileExecution::compute(const TileBlock& block, const Division& division) {
  if (!has_input_) fail("the input buffer holds no tile");
  if (has_products(layer().op) && !has_weights_) fail("the weight buffer holds no tile");
  for (std::int64_t core = 0; core < division.num_cores; ++core) {
    TileBlock share = block;
    TileRange& divided = division.loop == DividedLoop::kGroups   ? share.groups
                         : division.loop == DividedLoop::kPixels ? share.pixels
                                                                 : share.outputs;
    divided = share_of(divided, core, division.num_cores);
    compute_share(share);
  }
  for_each_output(block, [&](std::int64_t, std::int64_t, std::int64_t, Output& output) {
    output.products += block.depth.size();
  });
}

void TileExecution::compute_share(const TileBlock& share) {
  const Op op = layer().op;
  const std::int64_t depth = share.depth.size();
  for (std::int64_t g = share.groups.begin; g < share.groups.end; ++g) {
    for (std::int64_t p = share.pixels.begin; p < share.pixels.end; ++p) {
      fill_patch(share, g, p);
      for (std::int64_t o = share.outputs.begin; o < share.outputs.end; ++o) {
        Output& output = output_at(g, o, p);
        if (has_products(op)) {
          output.sum += dot(patch_.data(), weight_row(share, g, o), depth);
          counts_.products += depth;
        } else if (op == Op::kMaxPool) {
          output.sum = *std::max_element(patch_.begin(), patch_.end());
        } else {
          for (const std::int16_t value : patch_) output.sum += value;
        }
        check_accumulator(output.sum);
      }
    }
  }
}

const std::int16_t* TileExecution::weight_row(const TileBlock& share, std::int64_t group,
                                              std::int64_t output) const {
  const WeightTile& tile = weights_;
  if (!contains(tile.groups, share.groups) || !contains(tile.outputs, share.outputs) ||
      !(tile.depth == share.depth))
    fail("the weight buffer holds another tile");
  return tile.values.data() +
         ((group - tile.groups.begin) * tile.outputs.size() + output - tile.outputs.begin) *
             tile.depth.size();
}

void TileExecution::check_accumulator(std::int64_t sum) const {
  const std::int64_t bits = 8 * executor_.tiled().memory.accumulator_bytes;
  if (bits >= 64 || !has_products(layer().op)) return;
  const std::int64_t limit = std::int64_t{1} << (bits - 1);
  if (sum < -limit || sum >= limit)
    throw InputError(
        fmt::format("layer {}: a partial sum of {} does not fit in the machine's accumulators of "
                    "{} bits; set core.accumulator_bytes",
                    layer().name, sum, bits));
}

/// The inputs of one output for the products of the share, in the order of its weights.
void TileExecution::fill_patch(const TileBlock& share, std::int64_t group, std::int64_t pixel) {
  const TileProblem& problem = tiled().problem;
  const Layer& l = layer();
  const TileBlock& loaded = input_.block;
  if (!contains(loaded.groups, share.groups) || !contains(loaded.pixels, share.pixels) ||
      !(loaded.depth == share.depth) || !(loaded.order == share.order))
    fail("the input buffer holds another tile");
  const std::int64_t g = group - loaded.groups.begin;
  const std::int16_t* const values = input_.values.data();
  patch_.clear();
  if (l.op == Op::kFullyConnected || l.op == Op::kGlobalAvgPool) {
    const std::int64_t depth = loaded.depth.size();
    const std::int16_t* const first = values + (l.op == Op::kFullyConnected ? 0 : g * depth);
    patch_.assign(first, first + depth);
    return;
  }
  const std::int64_t elements = problem.has_window() ? input_.box.size() : loaded.pixels.size();
  if (!problem.has_window()) {
    const std::int64_t channels = input_.channels.size();
    for (std::int64_t c = 0; c < channels; ++c)
      patch_.push_back(values[(g * channels + c) * elements + pixel - loaded.pixels.begin]);
    return;
  }
  const std::int64_t at = map_pixel(share.order, pixel);
  const std::int64_t row = at / problem.ofm().width * l.stride.height - l.padding.top;
  const std::int64_t column = at % problem.ofm().width * l.stride.width - l.padding.left;
  const std::int16_t padding = l.op == Op::kMaxPool ? lowest_input() : std::int16_t{0};
  for (std::int64_t d = share.depth.begin; d < share.depth.end; ++d) {
    const std::int64_t c = d / problem.taps() - input_.channels.begin;
    const std::int64_t tap = d % problem.taps();
    const std::int64_t h = row + tap / l.kernel_width * l.dilation.height;
    const std::int64_t w = column + tap % l.kernel_width * l.dilation.width;
    if (h < 0 || h >= l.ifm.height || w < 0 || w >= l.ifm.width) {
      patch_.push_back(padding);
      continue;
    }
    const MapBox& box = input_.box;
    if (h < box.rows.begin || h >= box.rows.end || w < box.columns.begin || w >= box.columns.end)
      fail("a window reads beyond the tile that was loaded");
    patch_.push_back(values[(g * input_.channels.size() + c) * elements +
                            (h - box.rows.begin) * box.columns.size() + w - box.columns.begin]);
  }
}

std::int16_t TileExecution::lowest_input() const {
  return static_cast<std::int16_t>(-quantized().of(role().input).zero_point);
}

void TileExecution::store(const TileBlock& block) {
  const TileProblem& problem = tiled().problem;
  const std::int64_t pixels = problem.ofm().height * problem.ofm().width;
  if (problem.has_second()) counts_.feature_bytes += problem.second_bytes(block);
  for_each_output(block, [&](std::int64_t g, std::int64_t o, std::int64_t p, Output& output) {
    if (output.products != problem.extent().depth) fail("an output lacks products");
    const std::int64_t channel = g * problem.extent().outputs + o;
    const std::int64_t pixel = map_pixel(block.order, p);
    MapMemory& memory = problem.on_chip().output ? chip_ : dram_;
    if (!memory.write(tiled().output_address + channel * pixels + pixel,
                      result(channel, pixel, output.sum), static_cast<int>(index_)))
      fail("it writes where something else is");
    ++counts_.written_bytes;
    output.is_stored = true;
    output.part = -1;
  });
}

std::uint8_t TileExecution::result(std::int64_t channel, std::int64_t pixel, std::int64_t sum) {
  const Layer& l = layer();
  const QuantizedLayer& own = integers(role().layer);
  if (role().is_copy) return static_cast<std::uint8_t>(sum);
  std::uint8_t value = 0;
  if (has_products(l.op)) {
    value = weighted_value(own, static_cast<std::size_t>(channel), sum);
  } else if (l.op == Op::kMaxPool) {
    value = static_cast<std::uint8_t>(sum - lowest_input());
  } else if (l.is_elementwise()) {
    const std::int64_t other = second_operand(channel, pixel);
    value = role().input_place == 0 ? combined_value(l.op, own, sum, other)
                                    : combined_value(l.op, own, other, sum);
  } else {
    value = mean_value(own, sum);
  }
  value = after_table(own, value);
  if (role().fused < 0) return value;
  const Layer& fused = executor_.layer(role().fused);
  const QuantizedLayer& of_fused = integers(role().fused);
  const std::int64_t a = value - own.output.zero_point;
  const std::int64_t b = second_operand(channel, pixel);
  return after_table(of_fused, fused.inputs[0] == role().layer
                                   ? combined_value(fused.op, of_fused, a, b)
                                   : combined_value(fused.op, of_fused, b, a));
}

/// Less its zero point. A smaller map is repeated.
std::int64_t TileExecution::second_operand(std::int64_t channel, std::int64_t pixel) const {
  const int map = role().second;
  const Shape& shape = quantized().network.shape_of(map);
  const std::int64_t width = tiled().problem.ofm().width;
  const std::int64_t row = shape.height > 1 ? pixel / width : 0;
  const std::int64_t column = shape.width > 1 ? pixel % width : 0;
  const std::int64_t c = channel % shape.channels;
  const std::uint8_t byte =
      read(tiled().second_address + (c * shape.height + row) * shape.width + column,
           tiled().problem.on_chip().second);
  return number(map, c, byte) - quantized().of(map).zero_point;
}

IntegerMap TileExecution::stored_map(int index) const {
  const TiledGraph::Node& node = executor_.node(index);
  if (node.fused >= 0) return {};
  const Shape& shape = quantized().network.shape_of(index);
  const std::int64_t pixels = shape.height * shape.width;
  IntegerMap map(static_cast<std::size_t>(shape.num_elements()));
  for (std::int64_t c = 0; c < shape.channels; ++c) {
    for (std::int64_t p = 0; p < pixels; ++p) {
      const std::int64_t address = node.address + executor_.base_ + c * pixels + p;
      const bool on_chip = chip_.writer(address) != MapMemory::kNobody;
      const MapMemory& from = on_chip ? chip_ : dram_;
      if (from.writer(address) == MapMemory::kNobody)
        throw std::logic_error(
            fmt::format("{}: the mapping is wrong: a part of the output is not "
                        "in memory",
                        executor_.layer(index).name));
      map[static_cast<std::size_t>(p * shape.channels + c)] = number(index, c, from.value(address));
    }
  }
  return map;
}

}  // namespace tilewake
