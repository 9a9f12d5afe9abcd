// SPDX-License-Identifier: Apache-2.0
#include "nas/recipe/recipe.hpp"

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"
#include "tests/support/random.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {
namespace {

using ::testing::HasSubstr;

Recipe read(const std::string& text, const std::vector<YamlOverride>& overrides = {}) {
  return read_recipe_text("name: r\n" + text, "r.yaml", overrides);
}

std::string read_error(const std::string& text, const std::vector<YamlOverride>& overrides = {}) {
  return input_error_of([&] { read(text, overrides); });
}

/// `lines` as the contents of section `name`.
std::string in(const std::string& name, const std::string& line) {
  return name + ":\n  " + line + "\n";
}

TEST(Recipe, MissingKeysHaveDefaults) {
  Recipe expected;
  expected.name = "r";
  EXPECT_EQ(recipe_yaml(read("")), recipe_yaml(expected));
}

TEST(Recipe, EveryKeyIsReadIntoItsField) {
  const Recipe r = read(R"(
validation_share: 0.25
supergraph:
  epochs: 1.5
  max_images: 5000
  batch_size: 64
  optimizer: {kind: rmsprop_tf, momentum: 0.8, nesterov: false, decay: 0.7, epsilon: 0.01, beta2: 0.99, weight_decay: 0.001}
  schedule: {kind: staircase, learning_rate: 0.016, warmup_epochs: 0.5, decay_rate: 0.9, decay_epochs: 3, final_share: 0.125}
  clip_norm: 10
  label_smoothing: 0.2
  dropout: 0.3
  drop_connect: 0.4
  ema_decay: 0.9999
  augmentation: {random_resized_crop: true, pad_crop: 4, flip: true, cutout: 8}
search:
  batch_size: 32
  options: {latency_weight: 6, latency_slope: 50, latency_growth: 9, target_share: 0.5, norm: l2, temperature: 2, threshold_rate: 4, supergraph_threshold_rate: 2, gate_scaling: none, mask_after_activation: false}
ranking: {max_ranked: 7, optimizer: {kind: adamw}, schedule: {kind: constant}}
postprocess: {squeeze_excite: false, hswish: false}
train: {epochs: 350}
space: {keep: 6, rho: 0.75}
supernet: {epochs: 90, batch_size: 512}
evolution: {population: 30, parents: 7, mutations: 11, crossovers: 13, generations: 3, mutation_probability: 0.25, calibration_images: 256, validation_images: 5000}
two_stage: {later_share: 0.4, first_share: 0.3, second_share: 0.125}
guided: {networks: 24, initial_share: 0.75, batch: 2}
random_search: {networks: 12}
)");
  EXPECT_EQ(r.name, "r");
  EXPECT_EQ(r.validation_share, 0.25);
  const PhaseRecipe& p = r.supergraph;
  EXPECT_EQ(p.epochs, 1.5);
  EXPECT_EQ(p.max_images, 5000);
  EXPECT_EQ(p.batch_size, 64);
  EXPECT_EQ(p.optimizer.kind, OptimizerKind::kRmspropTf);
  EXPECT_EQ(p.optimizer.momentum, 0.8);
  EXPECT_FALSE(p.optimizer.nesterov);
  EXPECT_EQ(p.optimizer.decay, 0.7);
  EXPECT_EQ(p.optimizer.epsilon, 0.01);
  EXPECT_EQ(p.optimizer.beta2, 0.99);
  EXPECT_EQ(p.optimizer.weight_decay, 0.001);
  EXPECT_EQ(p.schedule.kind, ScheduleKind::kStaircase);
  EXPECT_EQ(p.schedule.learning_rate, 0.016);
  EXPECT_EQ(p.schedule.warmup_epochs, 0.5);
  EXPECT_EQ(p.schedule.decay_rate, 0.9);
  EXPECT_EQ(p.schedule.decay_epochs, 3.0);
  EXPECT_EQ(p.schedule.final_share, 0.125);
  EXPECT_EQ(p.clip_norm, 10.0);
  EXPECT_EQ(p.label_smoothing, 0.2);
  EXPECT_EQ(p.dropout, 0.3);
  EXPECT_EQ(p.drop_connect, 0.4);
  EXPECT_EQ(p.ema_decay, 0.9999);
  EXPECT_TRUE(p.augmentation.random_resized_crop);
  EXPECT_EQ(p.augmentation.pad_crop, 4);
  EXPECT_TRUE(p.augmentation.flip);
  EXPECT_EQ(p.augmentation.cutout, 8);
  EXPECT_EQ(r.search.batch_size, 32);
  EXPECT_EQ(r.search.epochs, PhaseRecipe{}.epochs);
  EXPECT_EQ(r.options.latency_weight, 6.0);
  EXPECT_EQ(r.options.latency_slope, 50.0);
  EXPECT_EQ(r.options.latency_growth, 9.0);
  EXPECT_EQ(r.options.target_share, 0.5);
  EXPECT_EQ(r.options.norm, NormKind::kL2);
  EXPECT_EQ(r.options.temperature, 2.0);
  EXPECT_EQ(r.options.threshold_rate, 4.0);
  EXPECT_EQ(r.options.supergraph_threshold_rate, 2.0);
  EXPECT_EQ(r.options.gate_scaling, GateScaling::kNone);
  EXPECT_FALSE(r.options.mask_after_activation);
  EXPECT_EQ(r.max_ranked, 7);
  EXPECT_EQ(r.ranking.optimizer.kind, OptimizerKind::kAdamW);
  EXPECT_EQ(r.ranking.schedule.kind, ScheduleKind::kConstant);
  EXPECT_FALSE(r.squeeze_excite);
  EXPECT_FALSE(r.hswish);
  EXPECT_EQ(r.train.epochs, 350.0);
  EXPECT_EQ(r.space.keep, 6);
  EXPECT_EQ(r.space.rho, 0.75);
  EXPECT_EQ(r.supernet.epochs, 90.0);
  EXPECT_EQ(r.supernet.batch_size, 512);
  EXPECT_EQ(r.evolution.population, 30);
  EXPECT_EQ(r.evolution.parents, 7);
  EXPECT_EQ(r.evolution.mutations, 11);
  EXPECT_EQ(r.evolution.crossovers, 13);
  EXPECT_EQ(r.evolution.generations, 3);
  EXPECT_EQ(r.evolution.mutation_probability, 0.25);
  EXPECT_EQ(r.evolution.calibration_images, 256);
  EXPECT_EQ(r.evolution.validation_images, 5000);
  EXPECT_EQ(r.two_stage.later_share, 0.4);
  EXPECT_EQ(r.two_stage.first_share, 0.3);
  EXPECT_EQ(r.two_stage.second_share, 0.125);
  EXPECT_EQ(r.guided.networks, 24);
  EXPECT_EQ(r.guided.initial_share, 0.75);
  EXPECT_EQ(r.guided.batch, 2);
  EXPECT_EQ(r.random_networks, 12);
}

// Guo et al., "Single Path One-Shot": its released search code.
TEST(Recipe, EvolutionHasTheDefaultsOfSpos) {
  const EvolutionRecipe e = read("").evolution;
  EXPECT_EQ(e.population, 50);
  EXPECT_EQ(e.parents, 10);
  EXPECT_EQ(e.mutations, 25);
  EXPECT_EQ(e.crossovers, 25);
  EXPECT_EQ(e.generations, 20);
  EXPECT_EQ(e.mutation_probability, 0.1);
}

/// A number above 0 and below 1 with all its digits.
double share(Random& random) {
  return (static_cast<double>(random.below(std::size_t{1} << 53)) + 0.5) * 0x1p-53;
}

PhaseRecipe random_phase(Random& random) {
  PhaseRecipe p;
  p.epochs = share(random) * 400.0;
  p.batch_size = static_cast<int>(random.between(2, 1024));
  p.max_images = random.one_in(2) ? 0 : random.between(p.batch_size, 1 << 30);
  p.optimizer = {random.pick<OptimizerKind>(
                     {OptimizerKind::kRmspropTf, OptimizerKind::kSgd, OptimizerKind::kAdamW}),
                 share(random),
                 random.one_in(2),
                 share(random),
                 share(random),
                 share(random),
                 share(random) * 1e-7};
  p.schedule = {random.pick<ScheduleKind>(
                    {ScheduleKind::kStaircase, ScheduleKind::kCosine, ScheduleKind::kConstant}),
                share(random),
                share(random) * 10.0,
                share(random),
                share(random) * 1e10,
                share(random)};
  p.clip_norm = share(random) * 1e300;
  p.label_smoothing = share(random);
  p.dropout = share(random);
  p.drop_connect = share(random);
  p.ema_decay = share(random);
  p.augmentation = {random.one_in(2), static_cast<int>(random.below(9)), random.one_in(2),
                    static_cast<int>(random.below(17))};
  return p;
}

TEST(Recipe, WrittenFilesRoundTrip) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    Random random(seed);
    Recipe r;
    r.name = random.pick<std::string>(
        {"plain", "true", "12", "a: b", "\"quoted\" \\ \t\n", "# none", "\xc3\xa9"});
    r.validation_share = share(random);
    r.supergraph = random_phase(random);
    r.search = random_phase(random);
    SearchOptions& o = r.options;
    o.gates = random.one_in(2) ? GateKind::kDifferences : GateKind::kThresholds;
    o.probes = static_cast<int>(random.between(1, 9));
    o.target_share = share(random);
    o.supernet_ratio = 1.0 + share(random);
    o.latency_weight = share(random) * 30.0;
    o.latency_slope = share(random) * 300.0;
    o.latency_growth = 1.0 + share(random) * 99.0;
    o.norm = random.one_in(2) ? NormKind::kRms : NormKind::kL2;
    o.temperature = share(random);
    o.threshold_rate = share(random);
    o.supergraph_threshold_rate = share(random);
    o.gate_scaling = random.one_in(2) ? GateScaling::kInverted : GateScaling::kNone;
    o.mask_after_activation = random.one_in(2);
    r.ranking = random_phase(random);
    r.max_ranked = static_cast<int>(random.between(1, 9));
    r.squeeze_excite = random.one_in(2);
    r.hswish = random.one_in(2);
    r.train = random_phase(random);
    r.space = {static_cast<int>(random.between(1, 32)), share(random) * 10.0};
    r.supernet = random_phase(random);
    const auto count = [&](std::int64_t least) {
      return static_cast<int>(random.between(least, 100'000));
    };
    r.evolution = {count(1),
                   count(1),
                   count(0),
                   count(0),
                   count(1),
                   share(random),
                   random.between(2, std::int64_t{1} << 40),
                   random.between(0, std::int64_t{1} << 40)};
    r.two_stage = {share(random), share(random) * 9.0, share(random) * 9.0};
    r.guided = {count(0) / 10, share(random), count(10) / 10};
    r.random_networks = static_cast<int>(random.between(0, 10'000));
    const std::string text = recipe_yaml(r);
    const Recipe read = read_recipe_text(text, "r.yaml", {});
    EXPECT_EQ(recipe_yaml(read), text);
    EXPECT_EQ(read.name, r.name);
    EXPECT_EQ(read.train.clip_norm, r.train.clip_norm);
    EXPECT_EQ(read.supergraph.optimizer.weight_decay, r.supergraph.optimizer.weight_decay);
    EXPECT_EQ(read.options.target_share, r.options.target_share);
    EXPECT_EQ(read.space.rho, r.space.rho);
    EXPECT_EQ(read.evolution.calibration_images, r.evolution.calibration_images);
    EXPECT_EQ(read.two_stage.second_share, r.two_stage.second_share);
    EXPECT_EQ(read.guided.initial_share, r.guided.initial_share);
    EXPECT_EQ(read.random_networks, r.random_networks);
  }
}

TEST(Recipe, ANameIsRequired) {
  EXPECT_EQ(input_error_of([] { read_recipe_text("train: {epochs: 1}\n", "r.yaml", {}); }),
            "r.yaml:1: name: missing");
  EXPECT_EQ(input_error_of([] { read_recipe_text("name: ''\n", "r.yaml", {}); }),
            "r.yaml:1: name: must not be empty");
}

TEST(Recipe, UnknownKeysAreRefusedWithTheKnownOnes) {
  EXPECT_EQ(read_error("serach: {}\n"),
            "r.yaml:2: serach: unknown key; known here: evolution, guided, name, postprocess, "
            "random_search, ranking, search, space, supergraph, supernet, train, two_stage, "
            "validation_share; did you mean 'search'?");
  EXPECT_EQ(read_error(in("two_stage", "share: 0.5")),
            "r.yaml:3: two_stage.share: unknown key; known here: first_share, later_share, "
            "second_share");
  EXPECT_EQ(read_error(in("space", "number: 4")),
            "r.yaml:3: space.number: unknown key; known here: keep, rho");
  EXPECT_EQ(read_error(in("random_search", "epochs: 4")),
            "r.yaml:3: random_search.epochs: unknown key; known here: networks");
  EXPECT_THAT(
      read_error(in("evolution", "epochs: 4")),
      HasSubstr("r.yaml:3: evolution.epochs: unknown key; known here: calibration_images, "));
  EXPECT_EQ(read_error(in("postprocess", "relu6: true")),
            "r.yaml:3: postprocess.relu6: unknown key; known here: hswish, int8, squeeze_excite, "
            "trainings");
  EXPECT_THAT(read_error(in("train", "options: {}")),
              HasSubstr("r.yaml:3: train.options: unknown key; known here: augmentation, "));
  EXPECT_THAT(read_error(in("search", "schedule: {rate: 1}")),
              HasSubstr("r.yaml:3: search.schedule.rate: unknown key; known here: decay_epochs, "));
}

TEST(Recipe, EveryRangeHasItsWords) {
  const auto error_of = [](const std::string& line) { return read_error(in("train", line)); };
  EXPECT_EQ(error_of("epochs: 0"),
            "r.yaml:3: train.epochs: must be above 0 and at most 1000000, not 0");
  EXPECT_EQ(error_of("batch_size: 1"),
            "r.yaml:3: train.batch_size: must be from 2 to 1048576, not 1");
  EXPECT_EQ(error_of("dropout: 1"),
            "r.yaml:3: train.dropout: must be at least 0 and below 1, not 1");
  EXPECT_EQ(error_of("clip_norm: -1"), "r.yaml:3: train.clip_norm: must be at least 0, not -1");
  EXPECT_EQ(error_of("schedule: {learning_rate: 0}"),
            "r.yaml:3: train.schedule.learning_rate: must be above 0, not 0");
  EXPECT_EQ(error_of("optimizer: {kind: adam}"),
            "r.yaml:3: train.optimizer.kind: unknown value 'adam'; choose one of: sgd, rmsprop_tf, "
            "adamw; did you mean 'adamw'?");
  EXPECT_EQ(error_of("augmentation: {flip: yes}"),
            "r.yaml:3: train.augmentation.flip: must be true or false, not 'yes'");
  EXPECT_EQ(read_error("validation_share: 0\n"),
            "r.yaml:2: validation_share: must be above 0 and below 1, not 0");
  EXPECT_EQ(read_error(in("ranking", "max_ranked: 0")),
            "r.yaml:3: ranking.max_ranked: must be from 1 to 1000, not 0");
  EXPECT_EQ(read_error("train: 3\n"), "r.yaml:2: train: must be a mapping");
}

TEST(Recipe, NumbersOutOfRangeAreRefusedInEverySection) {
  const std::vector<std::string> phase = {"epochs: 1e7",
                                          "epochs: -1",
                                          "max_images: -1",
                                          "batch_size: 2000000",
                                          "label_smoothing: 1",
                                          "drop_connect: 1.5",
                                          "ema_decay: 1",
                                          "ema_decay: .nan",
                                          "optimizer: {momentum: 1}",
                                          "optimizer: {decay: 1}",
                                          "optimizer: {epsilon: 0}",
                                          "optimizer: {beta2: 1}",
                                          "optimizer: {weight_decay: -1e-9}",
                                          "schedule: {warmup_epochs: -1}",
                                          "schedule: {decay_rate: 0}",
                                          "schedule: {decay_rate: 1.01}",
                                          "schedule: {decay_epochs: 0}",
                                          "schedule: {final_share: 1.01}",
                                          "augmentation: {pad_crop: -1}",
                                          "augmentation: {cutout: 5000}"};
  for (const char* section : {"supergraph", "search", "ranking", "train", "supernet"}) {
    for (const std::string& line : phase) {
      EXPECT_THAT(read_error(in(section, line)),
                  HasSubstr("r.yaml:3: " + std::string(section) + "."))
          << line;
    }
  }
  for (const char* option :
       {"latency_weight: -1", "latency_slope: -1", "latency_growth: 0.9", "target_share: 0",
        "target_share: 1.1", "temperature: 0", "threshold_rate: -1"}) {
    EXPECT_THAT(read_error(in("search", "options: {" + std::string(option) + "}")),
                HasSubstr("r.yaml:3: search.options."))
        << option;
  }
}

TEST(Recipe, NumbersOfOperatorSearchesHaveRanges) {
  struct Bounds {
    std::string key;
    std::vector<std::string> good;
    std::vector<std::string> bad;
  };
  const std::vector<std::string> share = {"0.001", "0.999"};
  const std::vector<std::string> no_share = {"0", "1", "-0.5", ".nan"};
  const std::vector<Bounds> all = {
      {"space.keep", {"1", "49"}, {"0", "50", "2.5"}},
      {"space.rho", {"0.001", "100"}, {"0", "-1", ".inf"}},
      {"evolution.population", {"1", "100000"}, {"0", "100001"}},
      {"evolution.parents", {"1", "100000"}, {"0", "100001"}},
      {"evolution.mutations", {"0", "100000"}, {"-1", "100001"}},
      {"evolution.crossovers", {"0", "100000"}, {"-1", "100001"}},
      {"evolution.generations", {"1", "100000"}, {"0", "100001"}},
      {"evolution.mutation_probability", {"0", "1"}, {"-0.1", "1.1"}},
      {"evolution.calibration_images", {"2", "1099511627776"}, {"1", "1099511627777"}},
      {"evolution.validation_images", {"0", "1099511627776"}, {"-1", "1099511627777"}},
      {"two_stage.later_share", share, no_share},
      {"two_stage.first_share", {"0.001", "2"}, {"0", "-1"}},
      {"two_stage.second_share", {"0.001", "2"}, {"0", "-1"}},
      {"guided.networks", {"0", "10000"}, {"-1", "10001"}},
      {"guided.initial_share", {"0", "1"}, {"-0.1", "1.1"}},
      {"guided.batch", {"1", "10000"}, {"0", "10001"}},
      {"random_search.networks", {"0", "10000"}, {"-1", "10001"}}};
  for (const Bounds& bounds : all) {
    const std::size_t dot = bounds.key.find('.');
    const auto error_of = [&](const std::string& value) {
      return read_error(in(bounds.key.substr(0, dot), bounds.key.substr(dot + 1) + ": " + value));
    };
    for (const std::string& value : bounds.good)
      EXPECT_EQ(error_of(value), "no error") << bounds.key << ": " << value;
    for (const std::string& value : bounds.bad)
      EXPECT_THAT(error_of(value), HasSubstr("r.yaml:3: " + bounds.key + ": ")) << value;
  }
}

TEST(Recipe, AnEpochHoldsAtLeastOneBatch) {
  EXPECT_EQ(
      read_error("ranking: {max_images: 100}\n"),
      "r.yaml: ranking.max_images: must be 0 (all) or at least the batch_size of 128, not 100");
  EXPECT_EQ(read_error("ranking: {max_images: 100, batch_size: 100}\n"), "no error");
  EXPECT_EQ(
      read_error("supernet: {max_images: 100}\n"),
      "r.yaml: supernet.max_images: must be 0 (all) or at least the batch_size of 128, not 100");
}

TEST(RecipeOverride, ReplacesTheValueOfTheFile) {
  const Recipe r =
      read("search: {epochs: 2, options: {norm: l2}}\n", {{"search.epochs", "3"},
                                                          {"search.options.norm", "rms"},
                                                          {"train.epochs", "9.5"},
                                                          {"train.augmentation.flip", "true"},
                                                          {"name", "other"},
                                                          {"postprocess.hswish", "false"}});
  EXPECT_EQ(r.search.epochs, 3.0);
  EXPECT_EQ(r.options.norm, NormKind::kRms);
  EXPECT_EQ(r.train.epochs, 9.5);
  EXPECT_TRUE(r.train.augmentation.flip);
  EXPECT_EQ(r.name, "other");
  EXPECT_FALSE(r.hswish);
}

TEST(RecipeOverride, ChangesNothingElse) {
  const std::string text = "train: {epochs: 2, dropout: 0.5, schedule: {learning_rate: 0.3}}\n";
  Recipe expected = read(text);
  expected.train.schedule.warmup_epochs = 1.0;
  EXPECT_EQ(recipe_yaml(read(text, {{"train.schedule.warmup_epochs", "1"}})),
            recipe_yaml(expected));
}

TEST(RecipeOverride, IsCheckedAsAValueOfTheFile) {
  const std::string text = "search: {epochs: 2}\n";  // line 2
  for (const auto& [path, value] : std::vector<std::pair<std::string, std::string>>{
           {"search.epochs", "0"}, {"search.epochs", ""}, {"search.epoch", "1"}}) {
    EXPECT_THAT(read_error(text, {{path, value}}), HasSubstr("r.yaml:2: " + path + ": "));
  }
  EXPECT_THAT(read_error(text, {{"search", "1"}}), HasSubstr("r.yaml:2: search: "));
  EXPECT_THAT(read_error(text, {{"search.epochs.x", "1"}}), HasSubstr("search.epochs"));
  EXPECT_THAT(read_error(text, {{"train.optimizer.kind", "adam"}}),
              HasSubstr("train.optimizer.kind: "));
}

TEST(RecipeOverride, MayFixWhatTheFileAloneWouldBreak) {
  EXPECT_EQ(read_error("ranking: {max_images: 100}\n", {{"ranking.batch_size", "50"}}), "no error");
  EXPECT_EQ(read_error("", {{"train.max_images", "64"}, {"train.batch_size", "64"}}), "no error");
}

TEST(RecipeValues, AreThoseThatOverridesSet) {
  const auto values = recipe_values(read("train: {epochs: 2.5}\n"));
  EXPECT_EQ(values.at("train.epochs"), "2.5");
  EXPECT_EQ(values.at("search.options.norm"), "rms");
  for (const auto& [path, value] : values)
    EXPECT_EQ(read_error("train: {epochs: 2.5}\n", {{path, value}}), "no error") << path;
}

TEST(ShippedRecipes, AreReadAndNamedAsTheirFiles) {
  const auto files = yaml_files_in("nas/recipes");
  EXPECT_GE(files.size(), 4U);
  for (const auto& file : files) {
    EXPECT_EQ(read_recipe(file.string(), {}).name, file.stem().string());
  }
}

// The table of "phases as released" of arXiv:2009.02009's code: RMSProp, ImageNet.
TEST(ShippedRecipes, PaperIsAsPublished) {
  const Recipe r = read_recipe(source_path("nas/recipes/paper.yaml").string(), {});
  EXPECT_EQ(r.supergraph.epochs, 8.0);
  EXPECT_EQ(r.search.epochs, 2.0);
  EXPECT_EQ(r.train.epochs, 350.0);
  for (const PhaseRecipe* p : {&r.supergraph, &r.search, &r.train}) {
    EXPECT_EQ(p->batch_size, 1024);
    EXPECT_EQ(p->optimizer.kind, OptimizerKind::kRmspropTf);
    EXPECT_EQ(p->optimizer.decay, 0.9);
    EXPECT_EQ(p->optimizer.momentum, 0.9);
    EXPECT_EQ(p->optimizer.epsilon, 1e-3);
    EXPECT_EQ(p->optimizer.weight_decay, 1e-5);
    EXPECT_EQ(p->schedule.kind, ScheduleKind::kStaircase);
    EXPECT_EQ(p->schedule.decay_rate, 0.97);
    EXPECT_EQ(p->schedule.decay_epochs, 2.4);
    EXPECT_EQ(p->label_smoothing, 0.1);
    EXPECT_EQ(p->dropout, 0.2);
    EXPECT_EQ(p->drop_connect, p == &r.train ? 0.2 : 0.0);
    EXPECT_EQ(p->clip_norm, p == &r.supergraph ? 10.0 : 0.0);
    EXPECT_EQ(p->schedule.warmup_epochs, p == &r.train ? 5.0 : 0.0);
    EXPECT_EQ(p->ema_decay, 0.9999);
  }
  EXPECT_EQ(r.supergraph.schedule.learning_rate, 0.016);
  EXPECT_NEAR(r.search.schedule.learning_rate, 0.016 * 0.97 * 0.97 * 0.97, 1e-12);
  EXPECT_EQ(r.train.schedule.learning_rate, 0.016);
  EXPECT_EQ(r.options.latency_weight, 15.0);
  EXPECT_EQ(r.options.gate_scaling, GateScaling::kInverted);
}

}  // namespace
}  // namespace tilewake
