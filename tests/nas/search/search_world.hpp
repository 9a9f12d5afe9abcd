// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "nas/search/search_run.hpp"
#include "nas/search/target_context.hpp"
#include "nas/space/outcome.hpp"
#include "tests/nas/space/midap_estimate.hpp"
#include "tests/nas/supernet/small_space.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {

/// The surroundings of a search: a machine whose simulator says what a test wants it to, and
/// somebody who notes what is heard.
class FakeHost {
 public:
  Host host() {
    static const Predictor predictor = midap_predictor();
    static const double clock_mhz = shipped_machine("midap").clock_mhz;
    return {predictor,
            clock_mhz,
            [this](const Network& network) {
              ++num_simulated;
              return simulated_over_estimated(network) * estimate(network);
            },
            [this](const PhaseProgress& progress) { phases.push_back(progress.phase); },
            [this](const std::string& line) { said.push_back(line); },
            [this] { return is_interrupted(); }};
  }
  double estimate(const Network& network) { return host().estimate(network); }
  double estimate(const Architecture& architecture) { return estimate(to_network(architecture)); }

  std::function<double(const Network& network)> simulated_over_estimated = [](const Network&) {
    return 1.0;
  };
  std::function<bool()> is_interrupted = [] { return false; };

  std::vector<std::string> phases;  // of every training step made
  std::vector<std::string> said;
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

inline double full_network_ms(FakeHost& host, const SearchSpace& space) {
  return host.estimate(architecture_of(space, full_outcomes(space)));
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
inline RunConfig tiny_config(const TempDir& directory) {
  at::set_num_threads(1);
  FakeHost host;
  RunConfig config;
  config.machine = "fake";
  config.space = tiny_space();
  config.recipe = tiny_recipe();
  config.data = synthetic_data();
  config.targets_ms = {0.9 * full_network_ms(host, config.space)};
  config.directory = directory.file("run");
  return config;
}

/// What the steps towards one target stand in, without the run around them.
struct StepWorld {
  explicit StepWorld(double target_of_full = 1.5)
      : config(tiny_config(directory)),
        host(fake.host()),
        training{config, host,
                 split_train(*config.data.train, config.recipe.validation_share, config.seed),
                 nullptr},
        context{training,
                target_of_full * full_network_ms(fake, config.space),
                config.directory,
                "fingerprint",
                StepStore(config.directory + "/steps"),
                StepStore(config.directory + "/ranked")} {}

  TempDir directory;
  RunConfig config;
  FakeHost fake;
  Host host;
  TrainingContext training;
  TargetContext context;
};

/// All records of a store in `directory`, by name.
inline std::map<std::string, StepRecord> records_in(const std::string& directory) {
  constexpr std::string_view kKey = "\"fingerprint\": \"";
  const StepStore store(directory);
  std::map<std::string, StepRecord> records;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string text = read_file(entry.path());
    const std::size_t begin = text.find(kKey) + kKey.size();
    const std::string name = entry.path().stem().string();
    records[name] = store.find(name, text.substr(begin, text.find('"', begin) - begin)).value();
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
