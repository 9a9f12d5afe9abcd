// SPDX-License-Identifier: Apache-2.0
#include "nas/guided/guided_search.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <set>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/common/random.hpp"
#include "nas/evolution/evolution.hpp"
#include "nas/guided/diverse_design.hpp"
#include "nas/guided/ridge.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr double kMaxExhaustive = 20'000.0;  // paths that are all evaluated
constexpr std::size_t kNumDrawn = 1'000;     // paths that stand for a larger space
constexpr std::int64_t kMaxDraws = 20'000;
constexpr std::size_t kMinDesign = 64;  // networks among which the design selects, near or not
constexpr std::size_t kMaxDesign = 300;
constexpr double kPenalties[] = {1e-3, 3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0};

// Each purpose has a separate stream of random numbers.
constexpr std::uint64_t kPoolDraws = 0x6770;
constexpr std::uint64_t kDesignDraws = 0x6764;
constexpr std::uint64_t kExploreDraws = 0x6765;
constexpr std::uint64_t kProposalDraws = 0x6776;

/// A network within the limit.
struct PoolEntry {
  Path path;
  double latency_ms = 0.0;
  std::vector<double> features;  // scaled
  bool is_tried = false;
};

/// Features with mean 0 and variance 1 over the first pool; constant ones are 0.
class FeatureScale {
 public:
  FeatureScale() = default;
  explicit FeatureScale(std::span<const PoolEntry> pool) {
    const std::size_t size = pool.front().features.size();
    means_.assign(size, 0.0);
    factors_.assign(size, 0.0);
    const auto n = static_cast<double>(pool.size());
    for (const PoolEntry& entry : pool) {
      assert(entry.features.size() == size);
      for (std::size_t j = 0; j < size; ++j) means_[j] += entry.features[j] / n;
    }
    for (const PoolEntry& entry : pool) {
      for (std::size_t j = 0; j < size; ++j)
        factors_[j] += std::pow(entry.features[j] - means_[j], 2) / n;
    }
    for (std::size_t j = 0; j < size; ++j) {
      const double deviation = std::sqrt(factors_[j]);
      factors_[j] = deviation > 1e-9 * std::abs(means_[j]) ? 1.0 / deviation : 0.0;
    }
  }

  /// `features` as the caller gives them.
  std::vector<double> operator()(std::vector<double> features) const {
    for (std::size_t j = 0; j < means_.size(); ++j)
      features[j] = (features[j] - means_[j]) * factors_[j];
    return features;
  }

 private:
  std::vector<double> means_;
  std::vector<double> factors_;
};

class GuidedSearch {
 public:
  GuidedSearch(const GuidedProblem& problem, const GuidedOptions& options, std::uint64_t seed)
      : problem_(problem), options_(options), seed_(seed) {
    if (num_paths() <= kMaxExhaustive) {
      is_exhaustive_ = true;
      add_all();
    } else {
      add_drawn();
    }
  }

  GuidedResult run() {
    if (pool_.empty()) {
      result_.log.push_back(fmt::format("no path within {:.4g} ms found", space().limit_ms));
      return std::move(result_);
    }
    scale_ = FeatureScale(pool_);
    for (PoolEntry& entry : pool_) entry.features = scale_(std::move(entry.features));
    train_design();
    for (int round = 1; num_left() > 0 && train_round(round); ++round) {
    }
    return std::move(result_);
  }

 private:
  const PathSpace& space() const { return problem_.space; }

  int num_left() const { return options_.trainings - static_cast<int>(result_.trained.size()); }

  double num_paths() const {
    double product = 1.0;
    for (std::size_t i = 0; i < space().num_choices.size(); ++i)
      product *= space().is_free(i) ? space().num_choices[i] : 1;
    return product;
  }

  /// The path by which a network is known.
  Path known_path(const Path& path) const {
    return problem_.network_path ? problem_.network_path(path) : path;
  }

  /// Adds a network that is new to the pool, if it is within the limit.
  void add(const Path& known) {
    const double ms = space().latency_ms(known);
    if (space().keeps_limit(ms)) pool_.push_back({known, ms, scale_(problem_.features(known))});
  }

  /// The same for a path that was drawn.
  void admit(const Path& path) {
    const Path known = known_path(path);
    if (met_.insert(known).second) add(known);
  }

  void add_all() {
    const auto first_choice = [this](std::size_t i) {
      return space().is_free(i) ? 0 : space().fixed[i];
    };
    Path path(space().num_choices.size());
    for (std::size_t i = 0; i < path.size(); ++i) path[i] = first_choice(i);
    while (true) {
      if (known_path(path) == path) add(path);
      std::size_t i = 0;
      for (; i < path.size(); ++i) {
        if (space().is_free(i) && path[i] + 1 < space().num_choices[i]) {
          ++path[i];
          break;
        }
        path[i] = first_choice(i);
      }
      if (i == path.size()) return;
    }
  }

  void add_drawn() {
    const std::uint64_t seed = random_bits(seed_, kPoolDraws);
    for (std::int64_t i = 0; i < kMaxDraws && pool_.size() < kNumDrawn; ++i) {
      RandomStream random(random_bits(seed, static_cast<std::uint64_t>(i)));
      admit(random_path(space(), random));
    }
  }

  /// Trains one network; false where it turns out to exceed the limit.
  bool train(PoolEntry& entry, int round, std::optional<double> predicted) {
    assert(space().keeps_limit(entry.latency_ms));
    entry.is_tried = true;
    const std::optional<double> accuracy = problem_.train(entry.path, predicted);
    if (!accuracy) return false;
    if (!std::isfinite(*accuracy)) {
      throw InputError(fmt::format("the accuracy of path {} is {}: training has diverged",
                                   fmt::join(entry.path, " "), *accuracy));
    }
    rows_.add(entry.features);
    rows_.num_columns = entry.features.size();
    targets_.push_back(*accuracy);
    std::vector<TrainedPath>& trained = result_.trained;
    trained.push_back({entry.path, entry.latency_ms, *accuracy, predicted, round});
    const TrainedPath& best = trained[result_.best];
    if (*accuracy > best.accuracy ||
        (*accuracy == best.accuracy && entry.latency_ms < best.latency_ms))
      result_.best = trained.size() - 1;
    return true;
  }

  /// Diverse networks near the limit; where there are too few, slower ones come first.
  void train_design() {
    std::vector<std::size_t> order(pool_.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    RandomStream random(random_bits(seed_, kDesignDraws));
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    const double least_ms = options_.near_limit * space().limit_ms;
    const auto is_near = [&](std::size_t i) { return pool_[i].latency_ms >= least_ms; };
    const auto far = std::stable_partition(order.begin(), order.end(), is_near);
    std::stable_sort(far, order.end(), [&](std::size_t a, std::size_t b) {
      return pool_[a].latency_ms > pool_[b].latency_ms;
    });
    const auto num_near = static_cast<std::size_t>(far - order.begin());
    const auto num_wanted =
        static_cast<std::size_t>(std::min(options_.initial, options_.trainings));
    // Twice as many as wanted: some may turn out to exceed the limit.
    const std::size_t least = std::max(kMinDesign, 2 * num_wanted);
    order.resize(std::min(order.size(), std::clamp(num_near, least, std::max(least, kMaxDesign))));
    FeatureRows rows;
    rows.num_columns = pool_.front().features.size();
    for (const std::size_t i : order) rows.add(pool_[i].features);
    std::size_t num_trained = 0;
    for (const std::size_t i : diverse_order(rows, 2 * num_wanted)) {
      if (num_trained == num_wanted) break;
      if (train(pool_[order[i]], 0, {})) ++num_trained;
    }
    if (num_trained == 0) {
      result_.log.push_back("no network of the initial design keeps to the limit");
      return;
    }
    log_best(fmt::format("{} diverse networks", num_trained));
  }

  /// The networks that were not tried, the best predicted first.
  std::vector<std::pair<double, PoolEntry*>> proposals(const RidgeFit& fit, int round) {
    if (!is_exhaustive_) evolve_pool(fit, round);
    std::vector<std::pair<double, PoolEntry*>> sorted;
    for (PoolEntry& entry : pool_) {
      if (!entry.is_tried) sorted.emplace_back(fit.predict(entry.features), &entry);
    }
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      if (a.first != b.first) return a.first > b.first;
      if (a.second->latency_ms != b.second->latency_ms)
        return a.second->latency_ms < b.second->latency_ms;
      return a.second->path < b.second->path;
    });
    return sorted;
  }

  /// Adds the networks that an evolution on the prediction meets.
  void evolve_pool(const RidgeFit& fit, int round) {
    EvolutionProblem evolution;
    evolution.space = problem_.space;
    evolution.fingerprint = "predicted accuracy";
    evolution.score = [&](const Path& path) {
      admit(path);
      return fit.predict(scale_(problem_.features(known_path(path))));
    };
    evolution.fastest = result_.trained[result_.best].path;
    evolve(evolution, {}, random_bits(seed_, kProposalDraws, static_cast<std::uint64_t>(round)));
  }

  /// Fits, and trains the best predicted networks; false where none is left.
  bool train_round(int round) {
    if (result_.trained.size() < 2) return false;
    const RidgeFit fit = fit_ridge(rows_, targets_, kPenalties);
    auto sorted = proposals(fit, round);
    const int num_wanted = std::min(options_.batch, num_left());
    RandomStream random(random_bits(seed_, kExploreDraws, static_cast<std::uint64_t>(round)));
    int num_trained = 0;
    while (!sorted.empty() && num_trained < num_wanted) {
      const bool is_explored = num_wanted - num_trained <= options_.explored;
      const std::size_t num_best =
          std::min(sorted.size(), static_cast<std::size_t>(std::max(1, options_.explored_best)));
      const auto next =
          sorted.begin() + static_cast<std::ptrdiff_t>(is_explored ? random.below(num_best) : 0);
      const auto [predicted, entry] = *next;
      sorted.erase(next);
      if (train(*entry, round, predicted)) ++num_trained;
    }
    if (num_trained == 0) {
      result_.log.push_back(fmt::format("round {}: no network within the limit is left", round));
      return false;
    }
    log_best(fmt::format("round {}: penalty {:.3g}, leave-one-out error {:.4f}, {} trained", round,
                         fit.penalty, fit.left_out_error, num_trained));
    return true;
  }

  void log_best(const std::string& what) {
    const TrainedPath& best = result_.trained[result_.best];
    result_.log.push_back(fmt::format("{}; best {:.4f} at {:.4g} ms: {}", what, best.accuracy,
                                      best.latency_ms, fmt::join(best.path, " ")));
  }

  const GuidedProblem& problem_;
  const GuidedOptions& options_;
  std::uint64_t seed_;
  bool is_exhaustive_ = false;
  std::set<Path> met_;  // networks of paths that were drawn
  std::vector<PoolEntry> pool_;
  FeatureScale scale_;  // identity until the first pool is complete
  FeatureRows rows_;    // of the trained networks
  std::vector<double> targets_;
  GuidedResult result_;
};

}  // namespace

GuidedResult guided_search(const GuidedProblem& problem, const GuidedOptions& options,
                           std::uint64_t seed) {
  assert(options.trainings > 0 && options.initial >= 2 && options.batch > 0);
  return GuidedSearch(problem, options, seed).run();
}

}  // namespace tilewake
