// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "simulator/mapping/systolic/systolic_cost.hpp"
#include "simulator/mapping/tiled/dram_estimate.hpp"
#include "simulator/mapping/vector/vector_cost.hpp"
#include "tests/mapping/random_tiling.hpp"

namespace tilewake {

/// One of three sizes; most are of one byte.
inline ElementType random_element(Random& random) {
  if (random.one_in(2)) return ElementType::kInt8;
  return random.one_in(2) ? ElementType::kFp16 : ElementType::kFp32;
}

inline SystolicConfig random_systolic(Random& random) {
  SystolicConfig c;
  c.rows = random.between(1, 16);
  c.cols = random.between(1, 16);
  c.dataflow = random.pick(std::vector<Dataflow>{
      Dataflow::kOutputStationary, Dataflow::kWeightStationary, Dataflow::kInputStationary});
  c.overlap_folds = random.one_in(2);
  c.depthwise_on_vector = random.one_in(2);
  for (SystolicBuffer* buffer : {&c.input, &c.weight, &c.output})
    *buffer = {random.between(64, 4096), random.between(1, 2), random.between(1, 8),
               random.between(1, 8)};
  if (random.one_in(4)) {
    for (SystolicBuffer* buffer : {&c.input, &c.weight, &c.output})
      if (!random.one_in(3)) buffer->bytes = 0;
    if (c.input.bytes == 0 || c.weight.bytes == 0 || c.output.bytes == 0)
      c.unified_buffer_bytes = random.between(512, 16384);
  }
  c.element = random_element(random);
  c.accumulator_bytes = random.between(element_bytes(c.element), 8);
  c.vector_lanes = random.between(1, 8);
  return c;
}

inline VectorConfig random_vector(Random& random) {
  const auto efficiency = [&] { return static_cast<double>(random.between(1, 10)) / 10.0; };
  VectorConfig c;
  c.num_cores = random.between(1, 4);
  c.lanes = random.between(1, 16);
  c.dot_length = random.between(1, 8);
  c.lane_axis = random.one_in(2) ? LaneAxis::kChannels : LaneAxis::kPixels;
  c.local_memory_bytes = random.between(256, 16384);
  c.num_slots = random.between(1, 2);
  c.element = random_element(random);
  c.accumulator_bytes = random.between(element_bytes(c.element), 8);
  c.efficiency = {efficiency(), efficiency(), efficiency(), efficiency(), efficiency()};
  c.loop_cycles = random.between(0, 10);
  c.issue_cycles = random.between(0, 50);
  return c;
}

/// A core that works in tiles, of either kind.
struct TiledCosts {
  std::string name;
  TileMemory memory;
  std::shared_ptr<const StepCost> cost;
};

inline TiledCosts random_costs(Random& random) {
  if (random.one_in(3)) {
    VectorConfig c = random_vector(random);
    if (random.one_in(2))
      c.winograd = {static_cast<double>(random.between(10, 40)) / 10.0, random.between(1, 8)};
    return {fmt::format("vector {}", to_string(c.lane_axis)), c.tile_memory(),
            std::make_shared<vector::VectorCost>(c)};
  }
  SystolicConfig c = random_systolic(random);
  if (random.one_in(2)) c.fold_cycles = random.between(0, 50);
  if (random.one_in(3)) c.num_cores = random.between(2, 5);
  return {fmt::format("{} {}x{} {}{}", c.num_cores, c.rows, c.cols, to_string(c.dataflow),
                      c.overlap_folds ? " overlapped" : ""),
          c.tile_memory(), std::make_shared<systolic::SystolicCost>(c)};
}

/// A tiling whose tiles the cores of `cost` divide.
inline Tiling random_tiling(Random& random, const TileProblem& problem, const StepCost& cost) {
  Tiling tiling = random_tiling(random, problem);
  if (cost.num_cores() == 1) return tiling;
  tiling.division = {random.pick(std::vector<DividedLoop>{
                         DividedLoop::kGroups, DividedLoop::kPixels, DividedLoop::kOutputs}),
                     cost.num_cores()};
  if (!problem.can_cut_outputs() && tiling.division.loop == DividedLoop::kOutputs)
    tiling.division.loop = DividedLoop::kPixels;
  return tiling;
}

inline DramEstimate dram_of(std::int64_t latency_cycles, std::int64_t bytes_per_cycle) {
  LatencyBandwidthDramConfig dram;
  dram.num_channels = dram.beats_per_clock = 1;
  dram.bus_bytes = bytes_per_cycle;
  dram.clock_mhz = dram.npu_clock_mhz = 1000.0;
  dram.first_access_cycles = static_cast<double>(latency_cycles);
  dram.row_bytes = dram.first_row_bytes = std::int64_t{1} << 40;
  dram.refresh_bytes = dram.first_refresh_bytes = std::int64_t{1} << 40;
  return DramEstimate(dram);
}

/// A small layer of any op, sometimes of several images or with something fused into it.
inline TileProblem random_problem(Random& random, std::int64_t bias_bytes,
                                  std::int64_t element_bytes = 1) {
  static const std::vector<Op> kOps = {Op::kConv2d,
                                       Op::kConv2d,
                                       Op::kConv2d,
                                       Op::kDepthwiseConv2d,
                                       Op::kFullyConnected,
                                       Op::kMaxPool,
                                       Op::kGlobalAvgPool,
                                       Op::kAdd,
                                       Op::kMul,
                                       Op::kResize,
                                       Op::kSlice,
                                       Op::kPad,
                                       Op::kSoftmax,
                                       Op::kLayerNorm,
                                       Op::kReduce};
  const Op op = random.pick(kOps);
  const bool is_dense = op == Op::kFullyConnected;
  Layer layer = random_layer(random, op, is_dense ? 4 : 9, is_dense ? 24 : 8);
  if (op == Op::kReduce) layer.groups = random.one_in(2) ? 1 : layer.ofm.channels;
  const std::int64_t batch = layer.ofm.channels % 3 == 0 ? 2 + layer.ofm.height % 4 : 1;
  TileProblem problem(layer, bias_bytes, batch, element_bytes);
  if (op == Op::kAdd || op == Op::kMul || random.one_in(3)) {
    Shape second = layer.ofm;  // repeated along any dimension
    if (random.one_in(4)) second.channels = 1;
    if (random.one_in(2)) second.height = 1;
    if (random.one_in(2)) second.width = 1;
    problem.set_second(second);
  }
  if (op == Op::kConv2d && random.one_in(4))
    problem.set_reach({random.between(0, 1), random.between(0, 1)});
  if (random.one_in(4)) problem.set_biased_outputs(problem.extent().outputs / 2);
  if (random.one_in(4)) problem.set_more_operations(random.between(0, 5));
  return problem;
}

}  // namespace tilewake
