// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "nas/search/measured.hpp"
#include "nas/search/ranking.hpp"
#include "nas/search/scale_step.hpp"
#include "nas/search/step_settings.hpp"
#include "nas/search/steps.hpp"

namespace tilewake {
namespace {

constexpr double kKeptShare = 0.5;  // of the blocks with squeeze-and-excitation, by gate score

void for_each_block(Architecture& architecture,
                    const std::function<void(ArchitectureBlock& block, int index)>& visit) {
  int index = 0;
  for (ArchitectureStage& stage : architecture.stages) {
    for (ArchitectureBlock& block : stage.blocks) visit(block, index++);
  }
}

Architecture with_hswish(Architecture architecture) {
  architecture.activation = Activation::kHswish;
  for_each_block(architecture,
                 [](ArchitectureBlock& block, int) { block.activation = Activation::kHswish; });
  return architecture;
}

/// In every block but the first, as in the published networks M+ and L+.
Architecture with_squeeze_excite(Architecture architecture) {
  for_each_block(architecture,
                 [](ArchitectureBlock& block, int index) { block.squeeze_excite = index > 0; });
  return architecture;
}

/// Without squeeze-and-excitation where `scores` (of those blocks that have it, in order) are
/// lowest.
Architecture without_lowest(Architecture architecture, const std::vector<double>& scores) {
  std::vector<double> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const auto num_kept =
      static_cast<std::size_t>(std::ceil(kKeptShare * static_cast<double>(sorted.size())));
  const double lowest_kept = sorted[num_kept - 1];
  std::size_t i = 0;
  for_each_block(architecture, [&](ArchitectureBlock& block, int) {
    if (block.squeeze_excite) block.squeeze_excite = scores[i++] >= lowest_kept;
  });
  return architecture;
}

/// The unscaled `network`, scaled to the limit in the direction that scaling chose.
std::optional<ConfirmedCandidate> scaled_alike(const RunContext& run, const Target& target,
                                               const Architecture& network,
                                               const std::vector<double>& direction) {
  std::vector<ConfirmedCandidate> candidates = scale_and_confirm(run, target, network);
  std::optional<ConfirmedCandidate> found;
  double nearest = 0.0;
  for (ConfirmedCandidate& candidate : candidates) {
    if (candidate.is_rejected()) continue;
    const Multipliers& m = candidate.scaled.multipliers;
    const double distance = std::abs(m.depth - direction[0]) + std::abs(m.width - direction[1]) +
                            std::abs(m.resolution - direction[2]);
    if (!found || distance < nearest) {
      found = std::move(candidate);
      nearest = distance;
    }
  }
  return found;
}

/// The network kept so far, and trials of variants.
class Trial {
 public:
  Trial(const RunContext& run, const Target& target, const StepRecord& search,
        const StepRecord& scaled, StepRecord& record)
      : run_(run),
        target_(target),
        direction_(scaled.values),
        unscaled_(*search.architecture),
        record_(record) {
    record_.take_result_of(scaled);
    record_.values.clear();
  }

  const Architecture& unscaled() const { return unscaled_; }

  /// Scales `variant` (of the unscaled network) to the same limit and keeps it if it gains more
  /// than a standard error over what is kept: that had the same limit for scaling alone.
  /// Both are trained equally often.
  std::optional<Ranked> attempt(const std::string& what, const Architecture& variant) {
    const std::optional<ConfirmedCandidate> candidate =
        scaled_alike(run_, target_, variant, direction_);
    if (!candidate) {
      record_.add_candidate(what + ": no network with it keeps to the limit; left out",
                            Verdict::kRejected, {});
      return {};
    }
    const Architecture& network = candidate->scaled.architecture;
    if (!kept_) kept_ = rank(*record_.architecture);
    const Ranked ranked = rank(network);
    const double gain = ranked.accuracy - kept_->accuracy;
    const double error = std::hypot(ranked.standard_error, deviation_between(ranked, *kept_));
    const bool is_kept = gain > error;
    record_.add_candidate(
        fmt::format("{}: accuracy {}{} at {} against {} when scaling uses the same limit; {} "
                    "({:+.2f} points, one standard error is {:.2f})",
                    what, run_.recipe.postprocess_int8 ? "in int8 " : "",
                    as_percent(ranked.accuracy), as_cost(run_, candidate->simulated_cost),
                    as_percent(kept_->accuracy), is_kept ? "kept" : "left out", 100.0 * gain,
                    100.0 * error),
        is_kept ? Verdict::kChosen : Verdict::kTrained, candidate->simulated.ms, ranked.accuracy);
    if (is_kept) {
      unscaled_ = variant;
      record_.architecture = network;
      measure(run_, record_);
      // Beside the other steps there are accuracies in floats only.
      record_.validation_accuracy.reset();
      if (!run_.recipe.postprocess_int8) record_.validation_accuracy = ranked.accuracy;
      kept_ = ranked;
    }
    last_ = network;
    return ranked;
  }

  /// The network that was tried last, scaled.
  const Architecture& last() const { return last_; }

 private:
  Ranked rank(const Architecture& network) const {
    return rank_by_training(run_, target_, network,
                            {1.0, run_.recipe.postprocess_trainings, run_.recipe.postprocess_int8});
  }

  /// Standard error of the difference of two means, from the deviations of the trainings around
  /// them; 0 for single trainings.
  static double deviation_between(const Ranked& a, const Ranked& b) {
    double squares = 0.0;
    double degrees = 0.0;
    for (const Ranked* ranked : {&a, &b}) {
      for (const double accuracy : ranked->trainings)
        squares += (accuracy - ranked->accuracy) * (accuracy - ranked->accuracy);
      degrees += static_cast<double>(ranked->trainings.size()) - 1.0;
    }
    if (degrees == 0.0) return 0.0;
    return std::sqrt(squares / degrees * 2.0 / static_cast<double>(a.trainings.size()));
  }

  const RunContext& run_;
  const Target& target_;
  std::optional<Ranked> kept_;
  std::vector<double> direction_;
  Architecture unscaled_;
  Architecture last_;
  StepRecord& record_;
};

/// Where the blocks equal to that at `begin` end.
std::size_t end_of_run(const std::vector<ArchitectureBlock>& blocks, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < blocks.size() && blocks[end] == blocks[begin]) ++end;
  return end;
}

/// Per block of `scaled`, the block of `unscaled` that it came from. Depth scaling keeps the order:
/// blocks are repeated on the spot or left out. Equal neighbours share their copies in order.
std::vector<std::size_t> origins(const std::vector<ArchitectureBlock>& unscaled,
                                 const std::vector<ArchitectureBlock>& scaled) {
  std::vector<std::size_t> result;
  std::size_t from = 0;
  for (std::size_t begin = 0; begin < scaled.size();) {
    while (!(unscaled.at(from) == scaled[begin])) ++from;
    const std::size_t from_end = end_of_run(unscaled, from);
    const std::size_t end = end_of_run(scaled, begin);
    for (std::size_t i = begin; i < end; ++i)
      result.push_back(from + (i - begin) * (from_end - from) / (end - begin));
    from = from_end;
    begin = end;
  }
  return result;
}

/// Maps the gate scores of the scaled network's blocks to unscaled blocks. A block that depth
/// scaling repeated gets the highest score of its copies.
std::vector<double> scores_of_unscaled(const Architecture& unscaled, const Architecture& scaled,
                                       const std::vector<double>& scores) {
  std::vector<double> result;
  std::size_t i = 0;
  for (std::size_t s = 0; s < unscaled.stages.size(); ++s) {
    const auto& blocks = unscaled.stages[s].blocks;
    const auto& scaled_blocks = scaled.stages[s].blocks;
    const std::vector<std::size_t> origin = origins(blocks, scaled_blocks);
    std::vector<double> of_block(blocks.size(), 0.0);
    for (std::size_t b = 0; b < scaled_blocks.size(); ++b) {
      if (!scaled_blocks[b].squeeze_excite) continue;
      of_block[origin[b]] = std::max(of_block[origin[b]], scores[i++]);
    }
    for (std::size_t b = 0; b < blocks.size(); ++b) {
      if (blocks[b].squeeze_excite) result.push_back(of_block[b]);
    }
  }
  return result;
}

void postprocess(const RunContext& run, const Target& target, const StepRecord& search,
                 const StepRecord& scaled, StepRecord& record) {
  const Recipe& recipe = run.recipe;
  Trial trial(run, target, search, scaled, record);
  if (recipe.hswish) trial.attempt("h-swish in all blocks", with_hswish(trial.unscaled()));
  if (recipe.squeeze_excite) {
    const Architecture variant = with_squeeze_excite(trial.unscaled());
    const std::optional<Ranked> rank =
        trial.attempt("squeeze-and-excitation in all blocks but the first", variant);
    if (rank && !rank->gate_scores.empty()) {
      const std::vector<double> scores =
          scores_of_unscaled(variant, trial.last(), rank->gate_scores);
      std::string text = "deviation of its gates over images, by block:";
      for (const double score : scores) text += fmt::format(" {:.4f}", score);
      record.log.push_back(text);
      trial.attempt("squeeze-and-excitation only in the half of them whose gates vary most",
                    without_lowest(variant, scores));
    }
  }
  if (!recipe.hswish && !recipe.squeeze_excite)
    record.log.push_back("the recipe enables no post-processing");
  record.architecture->name = "postprocessed";
  record.log.push_back("result: " + in_one_line(*record.architecture));
}

}  // namespace

StepRecord postprocess_step(const RunContext& run, const Target& target, const StepRecord& search,
                            const StepRecord& scaled) {
  return do_once(target.directory, "postprocess",
                 step_settings(run, target, "postprocess", scaled.fingerprint),
                 [&](StepRecord& record) { postprocess(run, target, search, scaled, record); });
}

}  // namespace tilewake
