// SPDX-License-Identifier: Apache-2.0
#include "nas/search/one_shot.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/common/random.hpp"
#include "nas/report/cost_log.hpp"
#include "nas/search/measured.hpp"
#include "nas/search/network_training.hpp"
#include "nas/search/ranking.hpp"
#include "nas/search/step_settings.hpp"
#include "nas/training/batch_statistics.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

/// A part of the supernet that is trained and then searched.
struct Stage {
  std::string name;        // of its files and in the logs
  std::vector<int> fixed;  // as PathLearner has them
  double epochs = 0.0;
  std::string weights_from;      // checkpoint of the stage before; empty for none
  std::optional<Path> fallback;  // a path that is known to keep to the target
};

std::vector<int> num_choices_of(const OperatorSpace& space) {
  std::vector<int> counts;
  for (const OperatorPosition& position : positions_of(space))
    counts.push_back(static_cast<int>(position.operators.size()));
  return counts;
}

/// "shuffle_3 mbconv6_5 ..." of the first `count` positions.
std::string operators_text(const OperatorSpace& space, const Path& path, std::size_t count) {
  std::vector<std::string> names;
  const std::vector<OperatorPosition> positions = positions_of(space);
  for (std::size_t p = 0; p < count; ++p)
    names.push_back(to_string(positions[p].operators[static_cast<std::size_t>(path[p])]));
  return fmt::format("{}", fmt::join(names, " "));
}

/// Trains and searches stage by stage.
class OneShot {
 public:
  OneShot(const RunContext& run, const Target& target, const SpaceDesign& design,
          std::string fingerprint)
      : run_(run),
        target_(target),
        design_(design),
        fingerprint_(std::move(fingerprint)),
        paths_(path_space(run, target)) {}

  /// Both return the candidates of the last evolution, best first.
  std::vector<Candidate> one_stage() {
    Stage stage;
    stage.name = "supernet";
    stage.fixed.assign(paths_.num_choices.size(), -1);
    stage.epochs = recipe().supernet.epochs;
    stage.fallback = fastest_operators(run_.operators, design_);
    return run(stage);
  }

  std::vector<Candidate> two_stages() {
    const std::size_t num_positions = paths_.num_choices.size();
    constexpr double kRounding = 1e-9;  // 0.28 x 25 is a little more than 7
    const auto num_later = static_cast<std::size_t>(
        std::ceil(recipe().two_stage.later_share * static_cast<double>(num_positions) - kRounding));
    const std::size_t num_earlier = num_positions - num_later;
    const Path fastest = fastest_operators(run_.operators, design_);
    Path first = affordable_scores(num_earlier, fastest);
    Stage later;
    later.name = "supernet-later";
    later.fixed = first;
    std::fill(later.fixed.begin() + static_cast<std::ptrdiff_t>(num_earlier), later.fixed.end(),
              -1);
    later.epochs = recipe().supernet.epochs * recipe().two_stage.first_share;
    std::copy(fastest.begin() + static_cast<std::ptrdiff_t>(num_earlier), fastest.end(),
              first.begin() + static_cast<std::ptrdiff_t>(num_earlier));
    later.fallback = first;
    log.push_back(fmt::format("stage later: the last {} of {} positions; before them {}", num_later,
                              num_positions, operators_text(run_.operators, first, num_earlier)));
    const std::vector<Candidate> found = run(later);
    if (num_earlier == 0) return found;
    Stage earlier;
    earlier.name = "supernet-earlier";
    earlier.fixed = found.front().path;
    std::fill_n(earlier.fixed.begin(), num_earlier, -1);
    earlier.epochs = recipe().supernet.epochs * recipe().two_stage.second_share;
    earlier.weights_from = checkpoint_of(later.name);
    earlier.fallback = found.front().path;
    log.push_back(
        fmt::format("stage earlier: the first {} positions, with the weights so far", num_earlier));
    return run(earlier);
  }

  std::vector<std::string> log;
  std::int64_t trained_images = 0;
  std::int64_t evaluated_images = 0;

 private:
  const Recipe& recipe() const { return run_.recipe; }
  int resolution() const { return static_cast<int>(run_.operators.input.height); }
  std::string checkpoint_of(const std::string& stage) const {
    return fmt::format("{}/{}.ckpt", target_.directory, stage);
  }

  /// The operators of the best score at the earlier positions. Those that save most are replaced by
  /// the fastest until the network with the fastest later operators keeps to the target.
  Path affordable_scores(std::size_t num_earlier, const Path& fastest) const {
    const Path best = best_scores(run_.operators, design_);
    Path path = fastest;
    std::copy_n(best.begin(), num_earlier, path.begin());
    while (!paths_.keeps_limit(paths_.latency_ms(path))) {
      double least_ms = paths_.latency_ms(path);
      std::size_t changed = num_earlier;
      for (std::size_t p = 0; p < num_earlier; ++p) {
        if (path[p] == fastest[p]) continue;
        Path trial = path;
        trial[p] = fastest[p];
        const double ms = paths_.latency_ms(trial);
        if (changed < num_earlier && ms >= least_ms) continue;
        least_ms = ms;
        changed = p;
      }
      if (changed == num_earlier) break;  // the fastest network: the evolution reports the miss
      path[changed] = fastest[changed];
    }
    return path;
  }

  std::vector<Candidate> run(const Stage& stage) {
    PathSupernet supernet = trained(stage);
    EvolutionProblem problem;
    problem.space = paths_;
    problem.space.fixed = stage.fixed;
    problem.fingerprint = fingerprint_ + fmt::format("epochs of the stage={}\n", stage.epochs);
    std::int64_t num_scored = 0;
    problem.score = [&](const Path& path) {
      ++num_scored;
      return inherited_accuracy(run_, supernet, path, recipe().evolution.validation_images);
    };
    problem.fastest = stage.fallback;
    problem.is_interrupted = [this] {
      const bool is_interrupted = run_.is_interrupted && run_.is_interrupted();
      return run_.ranks == nullptr ? is_interrupted : run_.ranks->any(is_interrupted);
    };
    problem.on_generation = [&](const Generation& generation) {
      run_.log(fmt::format("evolution of {}: {}", stage.name, generation.text));
    };
    const auto begin = std::chrono::steady_clock::now();
    EvolutionResult result =
        evolve(problem, options(stage), run_.seed,
               fmt::format("{}/evolution-{}.json", target_.directory, stage.name));
    count_evolution(
        stage, num_scored,
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
    if (result.end == EvolutionEnd::kInterrupted) throw Interrupted();
    if (result.end == EvolutionEnd::kInfeasible) throw missed(result);
    for (const std::string& line : result.log) log.push_back(stage.name + ": " + line);
    evaluated_images +=
        static_cast<std::int64_t>(result.candidates.size()) * images_of_a_score(run_);
    log.push_back(
        fmt::format("{}: {} candidates scored, best {}: {}", stage.name, result.candidates.size(),
                    as_percent(result.best->score),
                    operators_text(run_.operators, result.best->path, result.best->path.size())));
    std::sort(result.candidates.begin(), result.candidates.end(), is_better);
    return result.candidates;
  }

  PathSupernet trained(const Stage& stage) {
    PhaseRecipe phase = recipe().supernet;
    phase.epochs = stage.epochs;
    torch::manual_seed(random_bits(run_.seed, fnv1a64("weights of the one-shot supernet")));
    PathSupernet supernet(run_.operators);
    if (!stage.weights_from.empty()) load_phase_module(stage.weights_from, *supernet);
    supernet->to(run_.device);
    supernet->dropout = phase.dropout;
    PathLearner learner(supernet, run_.operators, stage.fixed, phase.label_smoothing);
    const auto train = training_loader(run_, phase, resolution());
    PhaseOptions options;
    options.name = stage.name;
    options.recipe = phase;
    options.checkpoint_path = checkpoint_of(stage.name);
    options.fingerprint =
        fingerprint_ + fmt::format("positions of the stage={}\n", fmt::join(stage.fixed, " "));
    train_phase(run_, target_.directory, learner, *train, options);
    const std::int64_t images = num_steps_of(phase, train->num_images()) * phase.batch_size;
    trained_images += images;
    log.push_back(fmt::format("{}: trained for {} steps, {} images", stage.name,
                              num_steps_of(phase, train->num_images()), images));
    return supernet;
  }

  /// Stages share the generations in proportion to the positions that they search.
  EvolutionOptions options(const Stage& stage) const {
    const EvolutionRecipe& from = recipe().evolution;
    const auto num_free = static_cast<double>(std::count_if(stage.fixed.begin(), stage.fixed.end(),
                                                            [](int choice) { return choice < 0; }));
    const double share = num_free / static_cast<double>(stage.fixed.size());
    EvolutionOptions options;
    options.population = from.population;
    options.parents = from.parents;
    options.mutations = from.mutations;
    options.crossovers = from.crossovers;
    options.generations = std::max(1, static_cast<int>(std::lround(share * from.generations)));
    options.mutation_probability = from.mutation_probability;
    return options;
  }

  void count_evolution(const Stage& stage, std::int64_t num_scored, double seconds) const {
    CostLog(run_.directory)
        .add({"evolution-" + stage.name, 0, num_scored * images_of_a_score(run_), seconds});
  }

  TargetMissed missed(const EvolutionResult& result) const {
    Architecture fastest;
    if (result.fastest_met) {
      fastest = architecture_of(run_.operators, result.fastest_met->path);
      fastest.name = "fastest";
    }
    return target_missed(run_, target_,
                         fmt::format("no network of the space {} that was tried keeps to {}",
                                     run_.operators.name, as_limit(run_, target_)),
                         result.fastest_met ? result.fastest_met->latency_ms : 0.0,
                         std::move(fastest));
  }

  const RunContext& run_;
  const Target& target_;
  const SpaceDesign& design_;
  std::string fingerprint_;
  PathSpace paths_;
};

/// A candidate that keeps to the target on the simulator.
struct Confirmed {
  const Candidate* candidate = nullptr;
  Architecture architecture;
  double simulated_ms = 0.0;
};

/// The first `count` different networks that keep to the target on the simulator.
std::vector<Confirmed> confirmed(const RunContext& run, const Target& target,
                                 const std::vector<Candidate>& candidates, std::size_t count,
                                 StepRecord& record) {
  std::vector<Confirmed> found;
  for (const Candidate& candidate : candidates) {
    if (found.size() == count) break;
    Architecture architecture = architecture_of(run.operators, candidate.path);
    // Paths that skip different positions of a stage can be one network.
    if (std::any_of(found.begin(), found.end(),
                    [&](const Confirmed& one) { return one.architecture == architecture; }))
      continue;
    const SimulatedCost simulated = simulate_within(run, target, to_network(architecture));
    if (simulated.missed.empty()) {
      found.push_back({&candidate, std::move(architecture), simulated.costs.ms});
      continue;
    }
    record.add_candidate(
        fmt::format("accuracy {}, estimated {}: {}", as_percent(candidate.score),
                    as_cost(run, candidate.latency_ms), simulated.missed),
        Verdict::kRejected,
        run.estimate_ms(to_network(architecture_of(run.operators, candidate.path))));
  }
  return found;
}

/// The most accurate of `found`, best by inherited weights first: with several, by training them.
std::size_t choose(const RunContext& run, const Target& target, const std::vector<Confirmed>& found,
                   StepRecord& record) {
  if (found.size() == 1) return 0;
  std::vector<Architecture> networks;
  for (const Confirmed& one : found) networks.push_back(one.architecture);
  const std::vector<HalvingResult> results = rank_by_halving(run, target, networks);
  const std::size_t best = best_of(results);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i == best) continue;
    record.add_candidate(
        fmt::format("{}: {} with inherited weights, {}", in_one_line(networks[i]),
                    as_percent(found[i].candidate->score), in_one_line(results[i])),
        Verdict::kTrained, found[i].simulated_ms, results[i].ranked.accuracy);
  }
  record.validation_accuracy = results[best].ranked.accuracy;
  record.log.push_back(fmt::format("number {} of {} by inherited weights is the best alone: {}",
                                   best + 1, found.size(), in_one_line(results[best])));
  return best;
}

/// One evolution over all positions, or one over the later and then one over the earlier positions;
/// then the best of the candidates that keep to the limit on the simulator as well.
void one_shot(const RunContext& run, const Target& target, const SpaceDesign& design,
              StepRecord& record) {
  OneShot one_shot(run, target, design, record.fingerprint);
  const std::vector<Candidate> candidates =
      run.method == Method::kHurricane ? one_shot.two_stages() : one_shot.one_stage();
  record.log = one_shot.log;
  record.log.push_back(fmt::format("cost: {} images trained on, {} evaluated",
                                   one_shot.trained_images, one_shot.evaluated_images));
  record.values = {static_cast<double>(one_shot.trained_images),
                   static_cast<double>(one_shot.evaluated_images)};
  const std::vector<Confirmed> found = confirmed(
      run, target, candidates, static_cast<std::size_t>(run.recipe.evolution.max_trained), record);
  if (found.empty()) {
    const Candidate& fastest = *std::min_element(
        candidates.begin(), candidates.end(),
        [](const Candidate& a, const Candidate& b) { return a.latency_ms < b.latency_ms; });
    Architecture network = architecture_of(run.operators, fastest.path);
    network.name = "fastest";
    throw target_missed(run, target,
                        "no candidate of the evolution keeps to the limit on the simulator",
                        fastest.latency_ms, std::move(network));
  }
  const Confirmed& best = found[choose(run, target, found, record)];
  record.architecture = best.architecture;
  record.architecture->name = "searched";
  measure(run, record);
  record.add_candidate(in_one_line(*record.architecture), Verdict::kChosen, record.simulated_ms,
                       record.validation_accuracy);
  record.log.push_back(fmt::format("estimated {}, simulated {}, accuracy {} with inherited weights",
                                   as_ms(*record.estimated_ms), as_ms(*record.simulated_ms),
                                   as_percent(best.candidate->score)));
}

}  // namespace

PathLearner::PathLearner(PathSupernet supernet, const OperatorSpace& space, std::vector<int> fixed,
                         double label_smoothing)
    : supernet_(std::move(supernet)), label_smoothing_(label_smoothing) {
  paths_.num_choices = num_choices_of(space);
  paths_.fixed = std::move(fixed);
}

std::vector<ParameterGroup> PathLearner::groups() {
  std::vector<ParameterGroup> groups = parameter_groups(*supernet_);
  for (ParameterGroup& group : groups) group.skip_without_gradient = true;
  return groups;
}

Learner::Result PathLearner::forward(const torch::Tensor& images, const torch::Tensor& labels,
                                     const StepContext& context) {
  RandomStream random(context.seed);
  const torch::Tensor logits = supernet_->forward(images, random_path(paths_, random));
  const auto options =
      torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(label_smoothing_);
  return {torch::nn::functional::cross_entropy(logits, labels, options), logits, {}};
}

PathSpace path_space(const RunContext& run, const Target& target) {
  const OperatorSpace& space = run.operators;
  PathSpace paths;
  paths.num_choices = num_choices_of(space);
  paths.limit_ms = target.limit;
  paths.latency_ms = [&run, &space, limit = target.limit](const Path& path) {
    const Network network = to_network(architecture_of(space, path));
    if (space.max_params > 0 && num_trained_params(network) > space.max_params)
      return std::numeric_limits<double>::infinity();
    try {
      const double cost = run.estimate(network);
      if (cost <= limit && !run.exceeds_memory(network).empty())
        return std::numeric_limits<double>::infinity();
      return cost;
    } catch (const InputError&) {  // more than the machine can hold
      return std::numeric_limits<double>::infinity();
    }
  };
  return paths;
}

double inherited_accuracy(const RunContext& run, PathSupernet& supernet, const OperatorPath& path,
                          std::int64_t validation_images) {
  const int resolution = static_cast<int>(run.operators.input.height);
  const torch::Device device = run.device;
  const auto forward = [&](const torch::Tensor& images) { return supernet->forward(images, path); };
  const auto calibration =
      calibration_loader(run, resolution, run.recipe.evolution.calibration_images);
  recalibrate_batch_statistics(*supernet, forward, *calibration, calibration->num_images(), device);
  const auto validation = validation_loader(run, resolution, validation_images);
  supernet->eval();
  return evaluate(forward, *validation, device, run.ranks).share();
}

std::int64_t images_of_a_score(const RunContext& run) {
  const EvolutionRecipe& evolution = run.recipe.evolution;
  const auto num_validation = static_cast<std::int64_t>(run.split.validation.size());
  const auto num_train = static_cast<std::int64_t>(run.split.train.size());
  return std::min(evolution.calibration_images, num_train) +
         (evolution.validation_images == 0 ? num_validation
                                           : std::min(evolution.validation_images, num_validation));
}

StepRecord one_shot_step(const RunContext& run, const Target& target, const SpaceDesign& design) {
  return do_once(target.directory, "search", step_settings(run, target, to_string(run.method)),
                 [&](StepRecord& record) { one_shot(run, target, design, record); });
}

std::string supernet_checkpoint(const Target& target) {
  return target.directory + "/supernet.ckpt";
}

}  // namespace tilewake
