// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>

#include "simulator/hardware/hardware_config.hpp"
#include "simulator/mapping/midap/check_program.hpp"
#include "simulator/mapping/midap/midap_program.hpp"
#include "simulator/network/block_expansion.hpp"
#include "simulator/network/network_builder.hpp"
#include "tests/support/random.hpp"
#include "tests/support/shipped.hpp"

namespace tilewake {

/// MIDAP with other sizes, smaller ones more often.
inline HardwareConfig random_midap(Random& random) {
  HardwareConfig hardware = shipped_machine("midap");
  auto& core = std::get<MidapConfig>(hardware.core);
  auto& dram = std::get<LatencyBandwidthDramConfig>(hardware.dram);
  core.system_width = random.pick(std::vector<std::int64_t>{32, 64});
  core.num_cims = random.pick(std::vector<std::int64_t>{8, 16, 32});
  core.fmem_num_banks = random.between(2, 8);
  core.fmem_bank_bytes = std::int64_t{32768} << random.below(4);
  core.wmem_bank_bytes = std::int64_t{8192} << random.below(3);
  dram.num_channels = random.pick(std::vector<std::int64_t>{1, 2, 4});
  if (random.one_in(2)) hardware.dispatch = {random.between(0, 5000), random.between(0, 500)};
  return hardware;
}

/// Networks whose feature maps seldom fit on chip and whose channels seldom fill a row: blocks with
/// several branches, squeeze-and-excitation, residuals, fused pools, windows of every form.
class DemandingNetwork {
 public:
  explicit DemandingNetwork(std::uint64_t seed)
      : random_(seed),
        builder_(fmt::format("demanding{}", seed),
                 {random_.one_in(2) ? 3 : channels(), random_.between(12, 72),
                  random_.between(12, 72)}) {}

  Network make() {
    int last = add_convolution(kNetworkInput);
    for (std::int64_t steps = random_.between(1, 4); steps > 0; --steps) {
      try {
        last = add_step(last);
      } catch (const LayerError&) {
        // A window that does not fit: draw again.
      }
    }
    if (random_.one_in(3)) last = add_pool_and_dense(last);
    return builder_.build();
  }

 private:
  std::int64_t channels() { return 4 * random_.between(4, 52); }
  std::string name() { return fmt::format("layer{}", num_layers_++); }

  int add_step(int input) {
    switch (random_.below(4)) {
      case 0:
        return add_window(random_.one_in(2) ? Op::kDepthwiseConv2d : Op::kMaxPool, input);
      case 1:
        return add_convolution(input);
      default:
        return add_block(input);
    }
  }

  int add_window(Op op, int input) {
    Layer layer;
    layer.name = name();
    layer.op = op;
    layer.inputs = {input};
    layer.kernel_height = random_.between(1, 7);
    layer.kernel_width = random_.one_in(2) ? layer.kernel_height : random_.between(1, 7);
    layer.stride = random_.between(1, 3);
    layer.dilation = random_.one_in(6) ? 2 : 1;
    if (op == Op::kConv2d) {
      layer.ofm.channels = channels();
      if (random_.one_in(5) && builder_.shape_of(input).channels % 4 == 0)
        layer.groups = random_.one_in(2) ? 2 : 4;
    }
    if (layer.has_weights()) layer.bias = !random_.one_in(4);
    return builder_.add(layer, random_.one_in(4) ? PaddingRule::valid() : PaddingRule::same());
  }
  int add_convolution(int input) { return add_window(Op::kConv2d, input); }

  int add_block(int input) {
    Block block;
    block.kind = random_.one_in(4) ? BlockKind::kConvblock : BlockKind::kMbconv;
    block.name = name();
    const bool branches = block.kind == BlockKind::kMbconv;
    for (std::int64_t i = branches ? random_.between(1, 4) : 1; i > 0; --i) {
      block.kernels.push_back(2 * random_.between(0, 3) + 1);
      block.expansion_ratios.push_back(random_.between(1, 3));
    }
    block.out_channels = random_.one_in(3) ? channels() : builder_.shape_of(input).channels;
    block.stride = random_.one_in(3) ? 2 : 1;
    if (branches && random_.one_in(3)) block.se_ratio = 0.25;
    return expand_block(builder_, block, input);
  }

  int add_pool_and_dense(int input) {
    Layer pool;
    pool.name = name();
    pool.op = Op::kGlobalAvgPool;
    pool.inputs = {input};
    Layer dense;
    dense.name = name();
    dense.op = Op::kFullyConnected;
    dense.inputs = {builder_.add(pool)};
    dense.ofm.channels = channels();
    return builder_.add(dense);
  }

  Random random_;
  NetworkBuilder builder_;
  int num_layers_ = 0;
};

/// Changes programs in ways that the mapper would not come upon, but that keep them sound.
class ProgramMutator {
 public:
  ProgramMutator(Random& random, const MidapConfig& config) : random_(random), config_(config) {}

  void mutate(MidapProgram& program) {
    for (MidapLayer& layer : program.layers) {
      for (int i = 0; i < 3; ++i) {
        MidapLayer changed = layer;
        change(changed);
        if (!changed.behaviours.empty() && midap::find_defect(changed).empty()) layer = changed;
      }
    }
  }

 private:
  using Kind = MidapBehaviour::Kind;

  void change(MidapLayer& layer) {
    switch (random_.below(8)) {
      case 0:
      case 1:
        return cut_input(layer);
      case 2:
        return split_process(layer);
      case 3:
        return change_condition(layer);
      case 4:
        return change_padding(layer);
      case 5:
        return add_copy(layer);
      case 6:
        layer.prepared = !layer.prepared && layer.weights.present;
        return;
      default:
        // A single group of filters always fits; it is never streamed.
        if (layer.out_channels > config_.num_cims) layer.weights.once = !layer.weights.once;
    }
  }

  static bool is_window(const MidapLayer& layer) {
    return layer.kind == MidapKind::kConv || layer.kind == MidapKind::kExtended;
  }
  static std::int64_t reach(const MidapLayer& layer) {
    return is_window(layer) ? (layer.kernel_width - 1) * layer.dilation : 0;
  }
  static std::int64_t first_corner(const MidapLayer& layer) {
    return is_window(layer) ? -layer.pad_left : 0;
  }
  static std::int64_t last_corner(const MidapLayer& layer) {
    return layer.in_width - 1 - reach(layer) + (is_window(layer) ? layer.pad_right : 0);
  }
  static std::int64_t step(const MidapLayer& layer) { return is_window(layer) ? layer.stride : 1; }
  static std::int64_t out_x(const MidapLayer& layer, std::int64_t corner) {
    if (layer.kind == MidapKind::kGemm) return corner / layer.out_height;
    return is_window(layer) ? (corner + layer.pad_left) / layer.stride : corner;
  }

  /// New fragments and new behaviours, from loading the first column to computing the last window.
  void cut_input(MidapLayer& layer) {
    const std::int64_t least = reach(layer) + step(layer);
    layer.input_fragments.clear();
    layer.behaviours.clear();
    const std::vector<int> banks = banks_beside_output(layer);
    std::size_t bank = random_.below(banks.size());
    for (std::int64_t head = 0; head < layer.in_width;) {
      const std::int64_t tail =
          std::min(head + random_.between(least, 3 * least + 8), layer.in_width);
      layer.input_fragments.push_back({banks[bank], head, tail});
      bank = (bank + 1) % banks.size();
      head = tail;
    }
    const auto num_fragments = static_cast<int>(layer.input_fragments.size());
    int loaded = random_.one_in(3) ? 1 : 0;  // the first one may be on chip already
    int consumed = 0;
    for (std::int64_t corner = first_corner(layer); corner <= last_corner(layer);) {
      const int room = static_cast<int>(banks.size()) - (loaded - consumed);
      for (std::int64_t i = random_.between(loaded == 0 ? 1 : 0, std::max(room, 1));
           i > 0 && loaded < num_fragments; --i)
        load(layer, loaded++, -1);
      const std::int64_t tail = tail_of(layer, loaded);
      std::int64_t last = tail == layer.in_width ? last_corner(layer) : tail - 1 - reach(layer);
      if (last < corner) {  // nothing to compute yet
        if (loaded == num_fragments) return;
        load(layer, loaded++, -1);
        continue;
      }
      if (random_.one_in(3)) last = random_.between(corner, last);
      const std::int64_t next = corner + ((last - corner) / step(layer) + 1) * step(layer);
      while (consumed < loaded && tail_of(layer, consumed + 1) <= next) ++consumed;
      process(layer, consumed, corner, last);
      for (std::int64_t i = random_.between(0, 2); i > 0 && loaded < num_fragments; --i)
        load(layer, loaded++, random_.between(out_x(layer, corner), out_x(layer, next)));
      corner = next;
    }
  }

  std::vector<int> banks_beside_output(const MidapLayer& layer) const {
    std::vector<int> banks;
    for (int bank = 0; bank < config_.fmem_num_banks; ++bank) {
      const auto& taken = layer.outputs[0].fragments;
      if (std::none_of(taken.begin(), taken.end(),
                       [&](const MidapFragment& f) { return f.bank == bank; }))
        banks.push_back(bank);
    }
    if (banks.empty()) banks.push_back(0);
    return banks;
  }

  static std::int64_t tail_of(const MidapLayer& layer, int loaded) {
    return loaded == 0 ? 0 : layer.input_fragments[static_cast<std::size_t>(loaded) - 1].tail;
  }
  static void load(MidapLayer& layer, int fragment, std::int64_t condition) {
    layer.behaviours.push_back({Kind::kLoad, fragment, condition, 0, 0});
  }
  static void process(MidapLayer& layer, int consumed, std::int64_t begin, std::int64_t last) {
    layer.behaviours.push_back({Kind::kProcess, consumed, -1, begin, last});
  }

  void split_process(MidapLayer& layer) {
    const std::size_t index = random_.below(layer.behaviours.size());
    MidapBehaviour& whole = layer.behaviours[index];
    if (whole.kind != Kind::kProcess || whole.x_last < whole.x_begin) return;
    int consumed = 0;
    for (std::size_t i = 0; i < index; ++i)
      if (layer.behaviours[i].kind == Kind::kProcess) consumed = layer.behaviours[i].fragment;
    MidapBehaviour first = whole;
    first.fragment = consumed;
    first.x_last = random_.between(whole.x_begin, whole.x_last);
    whole.x_begin += ((first.x_last - whole.x_begin) / step(layer) + 1) * step(layer);
    layer.behaviours.insert(layer.behaviours.begin() + static_cast<std::ptrdiff_t>(index), first);
  }

  void change_condition(MidapLayer& layer) {
    MidapBehaviour& behaviour = layer.behaviours[random_.below(layer.behaviours.size())];
    if (behaviour.kind == Kind::kLoad)
      behaviour.condition = random_.one_in(4) ? -1 : random_.between(0, layer.out_width);
  }

  void change_padding(MidapLayer& layer) {
    if (!is_window(layer)) return;
    layer.pad_top = random_.between(0, 2 * layer.kernel_height);
    layer.pad_bottom = random_.between(-1, 2 * layer.kernel_height);
    if (layer.behaviours.back().kind != Kind::kProcess) return;
    layer.pad_left = random_.between(0, 2 * layer.kernel_width);
    layer.pad_right = random_.between(-1, 2 * layer.kernel_width);
    for (MidapBehaviour& behaviour : layer.behaviours) {
      if (behaviour.kind != Kind::kProcess) continue;
      behaviour.x_begin = first_corner(layer);
      break;
    }
    layer.behaviours.back().x_last = last_corner(layer);
  }

  void add_copy(MidapLayer& layer) {
    MidapOutput copy = layer.outputs[0];
    copy.linear = true;
    copy.fragments.clear();
    copy.slice_begin = 16 * random_.between(0, 8);
    copy.slice_end = copy.slice_begin + 16 * random_.between(1, 12);
    layer.outputs.push_back(copy);
  }

  Random& random_;
  const MidapConfig& config_;
};

}  // namespace tilewake
