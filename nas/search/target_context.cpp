// SPDX-License-Identifier: Apache-2.0
#include "nas/search/target_context.hpp"

#include <fmt/format.h>

#include "nas/space/outcome.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {

std::string fingerprint_of(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts) text += part + '\0';
  return fmt::format("{:016x}", fnv1a64(text));
}

namespace {

/// "3x3:2 5x5:4" of a MixConv, "shuffle 5x5" of other operators.
std::string operator_text(const ArchitectureBlock& block) {
  const char* word = "";
  switch (block.op) {
    case BlockOp::kMixConv:
      return to_string(block.branches);
    case BlockOp::kSeparable:
      word = "separable";
      break;
    case BlockOp::kShuffleUnit:
      word = "shuffle";
      break;
    case BlockOp::kXceptionUnit:
      word = "xception";
      break;
  }
  return fmt::format("{0} {1}x{1}", word, block.branches[0].kernel);
}

}  // namespace

SimulatedLatency simulate_within(const TargetContext& context, const Network& network) {
  SimulatedLatency simulated;
  try {
    simulated.ms = context.host().simulate(network);
  } catch (const InputError& error) {  // the latency model knows no capacities
    simulated.missed = fmt::format("the machine cannot hold it: {}", error.what());
    return simulated;
  }
  if (simulated.ms > context.target_ms) {
    simulated.missed = fmt::format("{} is beyond the limit on the simulator", as_ms(simulated.ms));
  }
  return simulated;
}

std::string in_one_line(const Architecture& architecture) {
  std::string text = fmt::format("stem {}", architecture.stem_width);
  for (const ArchitectureStage& stage : architecture.stages) {
    text += fmt::format(", {}:", stage.width);
    for (std::size_t i = 0; i < stage.blocks.size(); ++i) {
      const ArchitectureBlock& block = stage.blocks[i];
      text += fmt::format("{}{}{}{}", i == 0 ? " " : " | ", operator_text(block),
                          block.squeeze_excite ? " SE" : "",
                          block.activation == Activation::kHswish ? " hswish" : "");
    }
  }
  return text + fmt::format(", head {}, {} px", architecture.head_width, architecture.input.height);
}

std::string as_ms(double milliseconds) {
  return milliseconds < 1e-3 ? fmt::format("{:.3g} ms", milliseconds)
                             : fmt::format("{:.4f} ms", milliseconds);
}

std::string as_percent(double share) { return fmt::format("{:.2f} %", 100.0 * share); }

}  // namespace tilewake
