// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "nas/search/search_run.hpp"
#include "nas/space/outcome.hpp"
#include "tests/nas/space/midap_estimate.hpp"
#include "tests/nas/supernet/small_space.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {

/// A machine whose simulator a test controls, and a caller that notes what the search reports.
class FakeMachine {
 public:
  /// `run` on this machine, which must outlive it.
  RunContext attached(RunContext run) {
    static const Predictor predictor = midap_predictor();
    run.predict = [](const Network& network) { return predictor.predict(network); };
    static const double clock_mhz = shipped_machine("midap").clock_mhz;
    run.clock_mhz = clock_mhz;
    run.simulate = [this](const Network& network) {
      ++num_simulated;
      NetworkCosts costs;
      costs.ms = simulated_over_estimated(network) * estimate(network);
      costs.mj = mj_per_ms * costs.ms;
      costs.peak_chip_bytes = peak_chip_bytes(network);
      return costs;
    };
    if (mj_per_ms > 0.0) {
      run.predict_energy = [this](const Network& network) {
        Prediction prediction = predictor.predict(network);
        const double factor = mj_per_ms / (clock_mhz * 1e3);
        for (double& value : prediction.layer_cycles) value *= factor;
        prediction.total_cycles *= factor;
        return prediction;
      };
    }
    run.on_progress = [this](const PhaseProgress& progress) { phases.push_back(progress.phase); };
    run.log = [this](const std::string& line) { logged.push_back(line); };
    run.is_interrupted = [this] { return is_interrupted(); };
    return run;
  }
  double estimate(const Network& network) { return attached({}).estimate_ms(network); }
  double estimate(const Architecture& architecture) { return estimate(to_network(architecture)); }

  std::function<double(const Network& network)> simulated_over_estimated = [](const Network&) {
    return 1.0;
  };
  std::function<bool()> is_interrupted = [] { return false; };
  double mj_per_ms = 0.0;  // energy is proportional to time
  std::function<std::int64_t(const Network& network)> peak_chip_bytes = [](const Network&) {
    return std::int64_t{0};
  };

  std::vector<std::string> phases;  // of every training step made
  std::vector<std::string> logged;
  int num_simulated = 0;
};

/// Grey images of 8x8 pixels, two stages of two blocks: hundreds of networks, all of them fast to
/// train.
inline SearchSpace tiny_space() {
  SearchSpace space = small_space({branch_of({3, 5}, {0, 2}), branch_of({3}, {0, 2})});
  space.name = "tiny";
  space.num_classes = 10;
  space.width_divisor = 4;
  for (StageSpace& stage : space.stages) stage.depth = 2;
  return space;
}

inline double full_network_ms(FakeMachine& machine, const SearchSpace& space) {
  return machine.estimate(architecture_of(space, full_outcomes(space)));
}

/// A phase of `num_steps` steps, two an epoch.
inline PhaseRecipe tiny_phase(int num_steps) {
  PhaseRecipe phase;
  phase.epochs = num_steps / 2.0;
  phase.batch_size = 8;
  phase.max_images = 16;
  phase.schedule.kind = ScheduleKind::kConstant;
  phase.schedule.learning_rate = 1.6;  // 0.05 for 8 images
  phase.clip_norm = 1.0;
  phase.dropout = 0.1;
  phase.augmentation.pad_crop = 1;
  phase.augmentation.flip = true;
  return phase;
}

/// Everything that a recipe can ask for, in a few steps each.
inline Recipe tiny_recipe() {
  Recipe recipe;
  recipe.name = "tiny";
  recipe.validation_share = 0.05;  // 100 images
  recipe.supergraph = tiny_phase(4);
  recipe.search = tiny_phase(10);
  recipe.options.latency_weight = 1.0;
  recipe.options.latency_slope = 10.0;
  recipe.options.latency_growth = 10.0;
  recipe.options.target_share = 0.9;
  recipe.options.threshold_rate = 20.0;
  recipe.options.supergraph_threshold_rate = 0.0;
  recipe.ranking = tiny_phase(2);
  recipe.max_ranked = 2;
  recipe.train = tiny_phase(4);
  recipe.train.drop_connect = 0.1;
  recipe.train.ema_decay = 0.9;
  return recipe;
}

inline const ImageData& synthetic_data() {
  static const ImageData data = open_image_data("synthetic");
  return data;
}

/// A run in a directory of its own, towards one target that not all networks of tiny_space() keep
/// to.
inline RunContext tiny_run(const TempDir& directory) {
  at::set_num_threads(1);
  FakeMachine machine;
  RunContext config;
  config.machine = "fake";
  config.space = tiny_space();
  config.recipe = tiny_recipe();
  config.data = synthetic_data();
  config.targets_ms = {0.9 * full_network_ms(machine, config.space)};
  config.directory = directory.file("run");
  return config;
}

/// A run and a target for single steps.
struct StepWorld {
  explicit StepWorld(double target_of_full = 1.5)
      : run(fake.attached(tiny_run(directory))),
        target{target_of_full * full_network_ms(fake, run.space), run.directory} {
    run.split = split_train(*run.data.train, run.recipe.validation_share, run.seed);
  }

  TempDir directory;
  FakeMachine fake;
  RunContext run;
  Target target;
};

/// The records of a run by name, those that begin with `prefix`.
inline std::map<std::string, StepRecord> records_in(const std::string& directory,
                                                    const std::string& prefix = "") {
  std::map<std::string, StepRecord> records;
  for (const auto& entry : std::filesystem::directory_iterator(directory + "/steps")) {
    const std::string name = entry.path().stem().string();
    if (name.rfind(prefix, 0) != 0) continue;
    const nlohmann::json json = nlohmann::json::parse(read_file(entry.path()));
    std::string fingerprint;
    for (const auto& line : json.at("settings")) fingerprint += line.get<std::string>() + "\n";
    records[name] = read_step_record(entry.path(), fingerprint).value();
  }
  return records;
}

/// The files that a run leaves below `directory`, by name: all but those that hold times.
inline std::map<std::string, std::string> files_of(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const std::string name = std::filesystem::relative(entry.path(), directory).string();
    if (!entry.is_regular_file() || name.find("costs.csv") != std::string::npos) continue;
    if (name.find("events.out") == std::string::npos) files[name] = read_file(entry.path());
  }
  return files;
}

}  // namespace tilewake
