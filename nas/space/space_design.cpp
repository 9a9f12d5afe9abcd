// SPDX-License-Identifier: Apache-2.0
#include "nas/space/space_design.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "simulator/common/csv.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

// Channels of the 1x1 convolution before the measured block: few, so that it takes little time.
constexpr int kSourceChannels = 8;

/// A network that ends at the input of `position`, or after `op` on it. It is built like an
/// Architecture, so that an operator has one definition only.
Network network_at(const OperatorPosition& position, const OperatorSpace& space,
                   const Operator* op) {
  Architecture architecture;
  architecture.name = "profile";
  architecture.input = {kSourceChannels, position.height, position.width};
  architecture.num_classes = 1;
  architecture.stem_kernel = 1;
  architecture.stem_width = position.in_channels;
  architecture.head_width = 1;
  architecture.activation = space.activation;
  architecture.se_ratio = space.se_ratio;
  const Operator any;
  architecture.stages = {{position.out_channels,
                          position.stride,
                          {block_of(op == nullptr ? any : *op, space.activation)}}};
  Network network = to_network(architecture);
  const std::string last = op == nullptr ? "stem" : "stage1.0";
  const auto end =
      std::find_if(network.layers.rbegin(), network.layers.rend(),
                   [&](const Layer& layer) { return layer.block == last || layer.name == last; });
  network.layers.erase(end.base(), network.layers.end());
  return network;
}

bool is_held(const OperatorProfile& profile) { return std::isfinite(profile.latency_ms); }

[[noreturn]] void throw_not_held(const OperatorPosition& position, const OperatorProfile& profile) {
  throw InputError(
      fmt::format("{}: {}: {}", position.name, to_string(profile.op), profile.verdict));
}

/// The middle operator among those that fit the machine: its index in `profiles`.
std::size_t middle_of(const OperatorPosition& position,
                      const std::vector<OperatorProfile>& profiles) {
  std::vector<std::size_t> held;
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    if (is_held(profiles[i])) held.push_back(i);
  }
  if (held.empty()) throw_not_held(position, profiles.front());
  return held[held.size() / 2];
}

/// Measures operators at positions; each distinct shape is measured once.
class Profiler {
 public:
  Profiler(const OperatorSpace& space, const LatencyEstimate& estimate)
      : space_(space), estimate_(estimate) {}

  std::vector<OperatorProfile> run(const OperatorPosition& position) {
    auto& known = known_[{position.in_channels, position.out_channels, position.stride,
                          position.height, position.width}];
    if (!known.empty() && operators_of(known) == position.operators) return known;
    const Network before = network_at(position, space_, nullptr);
    const double before_ms = estimate_(before);
    std::vector<OperatorProfile> profiles;
    for (const Operator& op : position.operators) {
      OperatorProfile profile;
      profile.op = op;
      if (op.is_identity()) {
        profiles.push_back(std::move(profile));
        continue;
      }
      const Network network = network_at(position, space_, &op);
      measure(profile, network, before_ms);
      if (!(profile.latency_ms > 0.0)) {
        throw InputError(fmt::format("{}: {} has an estimate of {}; it must be positive",
                                     position.name, to_string(op), profile.latency_ms));
      }
      profile.macs = network.num_macs() - before.num_macs();
      profile.params = num_trained_params(network) - num_trained_params(before);
      profiles.push_back(std::move(profile));
    }
    rate(profiles);
    known = profiles;
    return profiles;
  }

 private:
  void measure(OperatorProfile& profile, const Network& network, double before_ms) const {
    try {
      profile.latency_ms = estimate_(network) - before_ms;
    } catch (const InputError& error) {
      profile.latency_ms = std::numeric_limits<double>::infinity();
      profile.verdict = fmt::format("the machine cannot hold it: {}", error.what());
    }
  }

  static std::vector<Operator> operators_of(const std::vector<OperatorProfile>& profiles) {
    std::vector<Operator> operators;
    for (const OperatorProfile& profile : profiles) operators.push_back(profile.op);
    return operators;
  }

  static void rate(std::vector<OperatorProfile>& profiles) {
    double most_macs = 1.0;
    double most_params = 1.0;
    for (const OperatorProfile& profile : profiles) {
      most_macs = std::max(most_macs, static_cast<double>(profile.macs));
      most_params = std::max(most_params, static_cast<double>(profile.params));
    }
    for (OperatorProfile& profile : profiles) {
      profile.capacity = std::sqrt(static_cast<double>(profile.macs) / most_macs *
                                   static_cast<double>(profile.params) / most_params);
      profile.score = profile.op.is_identity() ? 0.0 : profile.capacity / profile.latency_ms;
    }
  }

  const OperatorSpace& space_;
  const LatencyEstimate& estimate_;
  std::map<std::tuple<int, int, int, std::int64_t, std::int64_t>, std::vector<OperatorProfile>>
      known_;  // by in_channels, out_channels, stride, height, width
};

/// Chooses the operators of one position.
class Choice {
 public:
  Choice(PositionDesign& at, std::size_t keep)
      : profiles_(at.operators),
        keeps_shape_(at.position.stride == 1 &&
                     at.position.in_channels == at.position.out_channels),
        keep_(keep) {}

  /// @param base_ms  what the base operator may take, so that the limit stays reachable
  /// @param most_ms  what the most capable operator may take
  void run(double base_ms, double most_ms) {
    keep_base(base_ms);
    keep_most_capable(most_ms);
    if (keeps_shape_ && !has_kept_residual()) {
      OperatorProfile* residual = best_score(most_ms, has_residual);
      if (residual == nullptr) residual = fastest(has_residual);
      if (residual != nullptr) keep(*residual, "the best score with a residual");
    }
    for (OperatorProfile& profile : profiles_) {
      if (!profile.op.is_identity()) continue;
      profile.is_kept = true;
      profile.verdict = "kept: the position may be skipped";
    }
    keep_by_score();
  }

 private:
  using Condition = bool (*)(const Operator& op);

  static bool is_block(const Operator& op) { return !op.is_identity(); }

  void keep_base(double base_ms) {
    OperatorProfile* base = best_score(base_ms, is_block);
    const bool fits = base != nullptr;
    if (!fits) base = fastest(is_block);
    if (base == nullptr) return;  // a position of the identity alone
    const bool is_best = base == best_score(std::numeric_limits<double>::infinity(), is_block);
    keep(*base, !fits     ? "the fastest, as none leaves the limit reachable"
                : is_best ? "the best score"
                          : "the best score that leaves the limit reachable");
  }

  void keep_most_capable(double most_ms) {
    OperatorProfile* largest = nullptr;
    for (OperatorProfile& profile : profiles_) {
      if (profile.latency_ms > most_ms || profile.op.is_identity()) continue;
      if (largest == nullptr || is_more_capable(profile, *largest)) largest = &profile;
    }
    if (largest == nullptr) return;
    OperatorProfile* as_capable = dominating(*largest);  // equal to it
    keep(as_capable != nullptr ? *as_capable : *largest, "the most capable within its share");
  }

  void keep_by_score() {
    bool has_kept_by_score = false;
    for (OperatorProfile* profile : by_score()) {
      if (profile->is_kept || !is_held(*profile)) continue;
      const OperatorProfile* better = dominating(*profile);
      if (better != nullptr) {
        profile->verdict =
            fmt::format("neither faster nor more capable than {}", to_string(better->op));
      } else if (num_kept_ < keep_) {
        keep(*profile, "by score");
        has_kept_by_score = true;
      } else {
        // The first rules may have taken all places, also from better scores.
        profile->verdict = has_kept_by_score ? "a lower score" : "no place left";
      }
    }
  }

  // Ties are decided by the other criterion, so that no rule keeps a dominated operator.
  static bool is_faster(const OperatorProfile& a, const OperatorProfile& b) {
    return a.latency_ms != b.latency_ms ? a.latency_ms < b.latency_ms : a.capacity > b.capacity;
  }
  static bool is_more_capable(const OperatorProfile& a, const OperatorProfile& b) {
    return a.capacity != b.capacity ? a.capacity > b.capacity : a.latency_ms < b.latency_ms;
  }

  void keep(OperatorProfile& profile, const std::string& why) {
    if (profile.is_kept) {
      profile.verdict += ", " + why;
      return;
    }
    if (num_kept_ == keep_) return;
    profile.is_kept = true;
    profile.verdict = "kept: " + why;
    ++num_kept_;
  }

  bool has_kept_residual() const {
    return std::any_of(profiles_.begin(), profiles_.end(), [](const OperatorProfile& profile) {
      return profile.is_kept && has_residual(profile.op);
    });
  }

  /// The best score of those that take at most `most_ms`; null if there is none.
  OperatorProfile* best_score(double most_ms, Condition condition) {
    for (OperatorProfile* profile : by_score()) {
      if (profile->latency_ms <= most_ms && is_held(*profile) && condition(profile->op))
        return profile;
    }
    return nullptr;
  }

  OperatorProfile* fastest(Condition condition) {
    OperatorProfile* found = nullptr;
    for (OperatorProfile& profile : profiles_) {
      if (!condition(profile.op) || !is_held(profile)) continue;
      if (found == nullptr || is_faster(profile, *found)) found = &profile;
    }
    return found;
  }

  std::vector<OperatorProfile*> by_score() {
    std::vector<OperatorProfile*> order;
    for (OperatorProfile& profile : profiles_) order.push_back(&profile);
    std::stable_sort(
        order.begin(), order.end(), [](const OperatorProfile* a, const OperatorProfile* b) {
          return a->score != b->score ? a->score > b->score : a->capacity > b->capacity;
        });
    return order;
  }

  OperatorProfile* dominating(const OperatorProfile& profile) {
    for (OperatorProfile& other : profiles_) {
      if (other.is_kept && &other != &profile && other.latency_ms <= profile.latency_ms &&
          other.capacity >= profile.capacity) {
        return &other;
      }
    }
    return nullptr;
  }

  std::vector<OperatorProfile>& profiles_;
  bool keeps_shape_;
  std::size_t keep_;
  std::size_t num_kept_ = 0;
};

/// Of the fastest operator of a position; 0 if it has the identity.
double least_latency(const PositionDesign& at) {
  double least = std::numeric_limits<double>::infinity();
  for (const OperatorProfile& profile : at.operators) least = std::min(least, profile.latency_ms);
  return least;
}

/// The operator at every position that maximizes a criterion.
OperatorPath best_operators(const OperatorSpace& space, const SpaceDesign& design,
                            const std::function<double(const OperatorProfile&)>& value) {
  OperatorPath path;
  const std::vector<OperatorPosition> positions = positions_of(space);
  for (std::size_t p = 0; p < positions.size(); ++p) {
    double most = -std::numeric_limits<double>::infinity();
    int choice = 0;
    for (const OperatorProfile& profile : design.positions.at(p).operators) {
      const std::vector<Operator>& operators = positions[p].operators;
      const auto found = std::find(operators.begin(), operators.end(), profile.op);
      if (found == operators.end() || value(profile) <= most) continue;
      most = value(profile);
      choice = static_cast<int>(found - operators.begin());
    }
    path.push_back(choice);
  }
  return path;
}

}  // namespace

SpaceDesign design_space(const OperatorSpace& space, const SpaceDesignOptions& options,
                         const LatencyEstimate& estimate) {
  if (options.keep < 1)
    throw InputError(
        fmt::format("at least one operator must be kept per position, not {}", options.keep));
  SpaceDesign design;
  Profiler profiler(space, estimate);
  OperatorPath middle;
  double middle_ms = 0.0;
  for (const OperatorPosition& position : positions_of(space)) {
    design.positions.push_back({position, profiler.run(position)});
    const std::vector<OperatorProfile>& profiles = design.positions.back().operators;
    const std::size_t any = middle_of(position, profiles);
    middle.push_back(static_cast<int>(any));
    middle_ms += profiles[any].latency_ms;
  }
  // Blocks are measured separately; the rest of a network is stem, head, and interactions of
  // neighbours.
  design.fixed_ms = std::max(0.0, estimate(to_network(architecture_of(space, middle))) - middle_ms);
  design.share_ms = std::max(0.0, options.target_ms - design.fixed_ms) /
                    static_cast<double>(design.positions.size());
  double least_ms = 0.0;
  for (const PositionDesign& at : design.positions) least_ms += least_latency(at);
  const double spare_ms = std::max(0.0, options.target_ms - design.fixed_ms - least_ms) /
                          static_cast<double>(design.positions.size());
  for (PositionDesign& at : design.positions) {
    Choice(at, static_cast<std::size_t>(options.keep))
        .run(least_latency(at) + spare_ms, options.rho * design.share_ms);
  }
  return design;
}

void check_all_held(const SpaceDesign& design) {
  for (const PositionDesign& at : design.positions) {
    for (const OperatorProfile& profile : at.operators) {
      if (!is_held(profile)) throw_not_held(at.position, profile);
    }
  }
}

OperatorSpace with_operators(const OperatorSpace& space, const SpaceDesign& design) {
  OperatorSpace designed = space;
  auto position = design.positions.begin();
  for (OperatorStage& stage : designed.stages) {
    for (std::vector<Operator>& block : stage.blocks) {
      block.clear();
      for (const OperatorProfile& profile : (position++)->operators) {
        if (profile.is_kept) block.push_back(profile.op);
      }
    }
  }
  return designed;
}

OperatorPath best_scores(const OperatorSpace& space, const SpaceDesign& design) {
  return best_operators(space, design, [](const OperatorProfile& p) { return p.score; });
}

OperatorPath fastest_operators(const OperatorSpace& space, const SpaceDesign& design) {
  return best_operators(space, design, [](const OperatorProfile& p) { return -p.latency_ms; });
}

OperatorPath slowest_operators(const OperatorSpace& space, const SpaceDesign& design) {
  return best_operators(space, design, [](const OperatorProfile& p) { return p.latency_ms; });
}

std::string space_design_csv(const SpaceDesign& design, const std::string& cost_column) {
  std::string text = fmt::format(
      "# tilewake-operators v1\n"
      "position,in_channels,out_channels,stride,height,width,operator,{},macs,params,"
      "capacity,score,kept,verdict\n",
      cost_column);
  for (const PositionDesign& at : design.positions) {
    const OperatorPosition& p = at.position;
    for (const OperatorProfile& profile : at.operators) {
      text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", p.name, p.in_channels,
                          p.out_channels, p.stride, p.height, p.width, to_string(profile.op),
                          profile.latency_ms, profile.macs, profile.params, profile.capacity,
                          profile.score, profile.is_kept ? 1 : 0, csv_field(profile.verdict));
    }
  }
  return text;
}

}  // namespace tilewake
