// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <torch/torch.h>

#include "latency_model/latency_table.hpp"
#include "nas/data/image_source.hpp"
#include "nas/export/preprocessing.hpp"
#include "nas/recipe/recipe.hpp"
#include "nas/space/operator_space.hpp"
#include "nas/space/search_space.hpp"
#include "nas/training/phase.hpp"
#include "simulator/common/error.hpp"
#include "simulator/hardware/device_config.hpp"
#include "simulator/hardware/element_type.hpp"

namespace tilewake {

struct Teacher;

/// How a network is found. The first two search MixConv blocks with a differentiable supernet, the
/// next four search operators (nas/space/operator_space.hpp); the last four scale a published
/// network to the limit.
enum class Method {
  kS3nas,
  kRandomMixconv,  // random networks of the supernet that S3NAS would search, scaled and ranked
  kFlops,          // S3NAS guided by multiply-accumulates instead of latencies
  kHurricane,      // one-shot supernet and evolution in two stages, later positions first
  kSpos,           // the same in one stage
  kRandom,         // random networks of the space of operators, ranked by short training
  kGuided,         // the same with networks that an accuracy predictor proposes
  kMobilenetV2,
  kMobilenetV3,
  kEfficientnetLite,
  kDense
};

inline constexpr std::array<std::pair<std::string_view, Method>, 11> kMethodNames = {{
    {"s3nas", Method::kS3nas},
    {"flops", Method::kFlops},
    {"random_mixconv", Method::kRandomMixconv},
    {"hurricane", Method::kHurricane},
    {"spos", Method::kSpos},
    {"random", Method::kRandom},
    {"guided", Method::kGuided},
    {"mobilenet_v2", Method::kMobilenetV2},
    {"mobilenet_v3", Method::kMobilenetV3},
    {"efficientnet_lite", Method::kEfficientnetLite},
    {"dense", Method::kDense},
}};

std::string_view to_string(Method method);

/// Whether the method searches a space of MixConv blocks.
constexpr bool searches_mixconv(Method method) {
  return method == Method::kS3nas || method == Method::kFlops || method == Method::kRandomMixconv;
}

/// Whether the method searches a space of operators.
constexpr bool uses_operators(Method method) {
  return method == Method::kHurricane || method == Method::kSpos || method == Method::kRandom ||
         method == Method::kGuided;
}

/// Whether the method scales a published network and searches nothing.
constexpr bool is_published(Method method) {
  return method == Method::kMobilenetV2 || method == Method::kMobilenetV3 ||
         method == Method::kEfficientnetLite || method == Method::kDense;
}

/// The steps of a run, in order. A run ends with one of them.
enum class Step { kDesign, kSupergraph, kSearch, kScale, kPostprocess, kTrain, kEvaluate };

/// What a network takes on the machine, by its simulation.
struct NetworkCosts {
  double ms = 0.0;
  double mj = 0.0;                        // 0: all energies of the machine are 0
  std::int64_t peak_chip_bytes = 0;       // MemoryFootprint
  std::int64_t dram_footprint_bytes = 0;  // MemoryFootprint
};

/// The unit of a cost, and of the limit that it is compared with.
enum class CostUnit {
  kMs,     // only latency is limited
  kMj,     // only energy is limited
  kShare,  // several quantities are: the largest quantity / limit; the limit is 1
};

/// Everything that a run is given. Each step takes it, the Target, and the records of the steps
/// before.
struct RunContext {
  // The settings, which decide the result together with the machine.
  std::string machine;  // machine_id()
  Method method = Method::kS3nas;
  // As given until the design step fills in the depths. Methods of operators and published networks
  // use its input, classes and limits only.
  SearchSpace space;
  std::string given_space;    // text of `space` before it was sized to a limit; empty: it was not
  double search_share = 0.0;  // that sizing chose in place of the recipe's target_share; 0: none
  OperatorSpace operators;    // as given until the design step selects operators for the machine
  Recipe recipe;
  ImageData data;
  // The limits. At least one of latency and energy is limited; where one of them has several
  // limits, nothing else but memory is limited.
  std::vector<double> targets_ms;   // ascending; empty: latency is not limited
  std::vector<double> targets_mj;   // ascending; empty: energy is not limited
  std::int64_t max_params = 0;      // trained; 0: only what the space allows
  std::int64_t max_chip_bytes = 0;  // peak on-chip memory; 0: not limited
  std::int64_t max_dram_bytes = 0;  // DRAM footprint; 0: not limited
  std::uint64_t seed = 1;
  std::shared_ptr<const Teacher> teacher;  // of the final training; none: as the recipe says
  int num_random = 0;                      // random networks that are trained for comparison
  ImageLayout deploy_layout = ImageLayout::kNhwc;  // of the images in "deploy/"
  int num_correlated = 0;  // networks whose inherited accuracy is compared with short training

  // These change results by rounding only.
  torch::Device device = torch::kCPU;
  bool mixed_precision = false;
  int num_loader_threads = 1;
  Ranks* ranks = nullptr;  // that do the run together; null: this process alone
  std::string directory;

  // The machine.
  CyclePredictor predict;  // the latency model
  /// Its energy: mJ in place of cycles. Throws InputError for a layer whose class it does not
  /// cover. Empty: it has no energies.
  CyclePredictor predict_energy;
  double clock_mhz = 0.0;
  DeviceConfig measured_device;                 // how true its simulated latencies are of a device
  ElementType arithmetic = ElementType::kInt8;  // HardwareConfig::arithmetic()
  std::function<NetworkCosts(const Network& network)> simulate;  // InputError: does not fit

  // The caller.
  std::function<void(const PhaseProgress& progress)> on_progress;
  std::function<void(const std::string& line)> log;
  std::function<bool()> is_interrupted;

  Split split;  // of data.train; run_search makes it

  /// Predicted latency in ms.
  double estimate_ms(const Network& network) const {
    return predict(network).total_cycles / (clock_mhz * 1e3);
  }

  CostUnit cost_unit() const;
  /// The limits of the cost, one for each target.
  std::vector<double> limits() const;
  /// Predicted cost: the quantity that is limited or, where several are, the largest
  /// quantity / limit. Memory is no part of it: exceeds_memory().
  double estimate(const Network& network) const;
  /// The same of a simulated network.
  double cost_of(const NetworkCosts& costs, std::int64_t params) const;
  /// Why the network exceeds a limit of memory, by its simulation; empty: it does not.
  std::string exceeds_memory(const NetworkCosts& costs) const;
  /// The same; simulates only if memory is limited.
  std::string exceeds_memory(const Network& network) const;
};

/// With several ranks: throws RankLost unless all have the same recipe, data, machine and space.
void check_same_inputs(const RunContext& run);

/// A limit of the cost, and the directory of its results.
struct Target {
  double limit = 0.0;  // ms, mJ, or 1: CostUnit
  std::string directory;
};

/// The limits of latency (ms) and energy (mJ) of a target.
std::optional<double> latency_limit(const RunContext& run, const Target& target);
std::optional<double> energy_limit(const RunContext& run, const Target& target);

/// The targets of a run. The results of a single one are in the directory of the run, those of
/// several in "target-0.1ms" ("target-0.1mJ") each.
std::vector<Target> targets_of(const RunContext& run);

/// The limit of the search itself: a share of the target, of which scaling uses the rest.
double search_limit(const RunContext& run, const Target& target);

/// No network of the space, or none that the search met, keeps to the limit.
class TargetMissed : public Error {
 public:
  /// @param limit_text, least_text  the limit and what the network takes, in words
  TargetMissed(const std::string& reason, double limit_cost, double least_cost,
               Architecture network, std::string limit_text, std::string least_text)
      : Error(reason, ExitCode::kToleranceMissed),
        limit(limit_cost),
        least(least_cost),
        fastest(std::move(network)),
        limit_in_words(std::move(limit_text)),
        least_in_words(std::move(least_text)) {}

  double limit;  // costs
  double least;
  Architecture fastest;  // no stages where no network was found
  std::string limit_in_words;
  std::string least_in_words;
};

TargetMissed target_missed(const RunContext& run, const Target& target, const std::string& reason,
                           double least, Architecture network);

/// Throws InputError for a limit far beyond the networks of the space, which scaling would fill
/// with networks that fit no memory: more than 8 times the cost of `largest`, which `name`
/// describes.
void check_limit(const RunContext& run, double limit, const std::string& name,
                 const Architecture& largest);

/// The simulation of a network that keeps to the limits by its estimate.
struct SimulatedCost {
  NetworkCosts costs;
  double cost = 0.0;   // 0 where the machine cannot hold the network
  std::string missed;  // why it is no candidate; empty: it keeps to all limits
};

SimulatedCost simulate_within(const RunContext& run, const Target& target, const Network& network);

/// "0.1234 ms"; below 0.001 ms with three significant digits.
std::string as_ms(double milliseconds);
/// The same of mJ.
std::string as_mj(double millijoules);
/// A cost of the run: "0.1234 ms", "0.1234 mJ", or "97.5 % of the limits".
std::string as_cost(const RunContext& run, double cost);
/// The limits of a target: "0.04 ms", or "0.04 ms, 0.01 mJ and 100000 parameters".
std::string as_limit(const RunContext& run, const Target& target);
/// The name of a column of costs: "latency_ms", "energy_mj" or "share_of_limits".
std::string cost_column(CostUnit unit);
/// "12.34 %" of a share from 0 to 1.
std::string as_percent(double share);
/// "12.34 % (+-0.56 %)"
std::string as_percent(double share, double standard_error);

}  // namespace tilewake
