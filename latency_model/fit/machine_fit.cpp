// SPDX-License-Identifier: Apache-2.0
#include "latency_model/fit/machine_fit.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>

#include <Eigen/Dense>
#include <fmt/format.h>

#include "latency_model/dataset.hpp"
#include "latency_model/fit/linear_loss.hpp"
#include "latency_model/rng.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {
namespace {

constexpr double kModelError = 0.03;      // sigma of a measurement without noise
constexpr double kLargestLogError = 5.0;  // also of a network that does not fit
constexpr double kDesignReach = 1.5;      // positions of the design
constexpr double kDifferenceStep = 0.25;  // of slopes
constexpr double kFirstReach = 2.0;       // of a step of a local search
constexpr double kSmallestReach = 0.02;
constexpr double kGoodGain = 0.25;  // share of the predicted improvement
constexpr int kMaxSteps = 40;
constexpr double kIdentifiedSpread = 0.7;
// The least change of the loss at one standard deviation of the prior with which data narrow it to
// kIdentifiedSpread: variances add inversely.
constexpr double kIdentifiedLoss = 1.0 / (kIdentifiedSpread * kIdentifiedSpread) - 1.0;
constexpr std::size_t kMaxCombinations = 64;
constexpr double kLargestStatedError = 100.0;
constexpr std::size_t kMaxNetworksBytes = 200;

double number_of(const std::string& text) {
  double value = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// A machine of the search.
struct Point {
  std::vector<double> positions;     // of the numbers
  std::vector<std::size_t> choices;  // of the choices
};

struct Candidate {
  Point point;
  double loss = std::numeric_limits<double>::infinity();
};

/// One fit and its hold-out.
class Fitter {
 public:
  Fitter(const Machine& start, const MeasuredTable& table, const std::vector<FitKey>& keys,
         const FitOptions& options)
      : start_(start),
        table_(table),
        keys_(keys),
        options_(options),
        simulator_(table, options.num_jobs, options.on_simulated),
        measured_(measured_latencies(table)),
        rows_(all_rows(table)) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      (keys[i].is_number() ? numbers_ : choices_).push_back(i);
    }
    for (const auto& [machine, latencies] : options.known) simulator_.remember(machine, latencies);
    double sum = 0.0;
    for (const MeasuredRow& row : table.rows) sum += row.weight;
    for (const MeasuredRow& row : table.rows) {
      weights_.push_back(row.weight * static_cast<double>(table.rows.size()) / sum);
      sigmas_.push_back(std::hypot(kModelError, row.std_ms / row.latency_ms));
    }
  }

  MachineFit fit() {
    MachineFit result;
    result.start_ms = start_latencies();
    check_fits(result.start_ms);
    best_ = candidate_of(first_point());
    try {
      make_design();
      search_all();
      search_choices();
      analyse(result);
      hold_out(result);
    } catch (const Interrupted&) {
      result.is_complete = false;
      result.holdout_ms.clear();
      result.folds.clear();
      result.fold_mapes.clear();
    }
    finish(result);
    return result;
  }

 private:
  using Latencies = RowSimulator::Latencies;
  using Rows = std::vector<std::size_t>;

  // Points and machines.

  Point first_point() const {
    return {std::vector<double>(numbers_.size(), 0.0),
            std::vector<std::size_t>(choices_.size(), 0)};
  }

  std::string text_of(const Point& point, std::size_t key) const {
    const auto number = std::find(numbers_.begin(), numbers_.end(), key);
    if (number != numbers_.end()) {
      const auto at = static_cast<std::size_t>(number - numbers_.begin());
      return keys_[key].text_at(point.positions[at]);
    }
    const auto choice = std::find(choices_.begin(), choices_.end(), key);
    return keys_[key].choices[point.choices[static_cast<std::size_t>(choice - choices_.begin())]];
  }

  std::vector<YamlOverride> settings_of(const Point& point) const {
    std::vector<YamlOverride> settings;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      settings.push_back({keys_[i].path, text_of(point, i)});
    }
    return settings;
  }

  /// None if the values of the keys contradict one another.
  std::optional<HardwareConfig> machine_of(const Point& point) const {
    try {
      return read_hardware_text(start_.file.text, start_.file.path, settings_of(point));
    } catch (const InputError&) {
      return std::nullopt;
    }
  }

  // Simulation and loss.

  std::function<bool()> keep_going() const {
    return [this] {
      return !options_.keep_going || options_.keep_going(num_machines_, total_machines_);
    };
  }

  std::vector<Latencies> latencies_of(const std::vector<Point>& points, const Rows& rows) {
    std::vector<RowSimulator::Request> requests;
    std::vector<std::size_t> request_of(points.size(), points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      std::optional<HardwareConfig> machine = machine_of(points[i]);
      if (!machine) continue;
      request_of[i] = requests.size();
      requests.push_back({std::move(*machine), rows});
    }
    if (!keep_going()()) throw Interrupted();
    std::vector<Latencies> simulated;
    if (!requests.empty()) simulated = simulator_.simulate(requests, keep_going());
    num_machines_ += static_cast<int>(points.size());
    std::vector<Latencies> results;
    for (const std::size_t request : request_of) {
      results.push_back(request < requests.size()
                            ? std::move(simulated[request])
                            : Latencies(measured_.size(), std::numeric_limits<double>::infinity()));
    }
    return results;
  }

  Latencies latencies_of(const Point& point) { return latencies_of({point}, rows_).front(); }

  double log_error(std::size_t row, const Latencies& latencies) const {
    const double error = std::log(latencies[row] / measured_[row]);
    return std::isfinite(error) ? std::clamp(error, -kLargestLogError, kLargestLogError)
                                : kLargestLogError;
  }

  ///   @param least_sigma  of a row
  double loss(const Point& point, const Latencies& latencies, const Rows& rows,
              double least_sigma = 0.0) const {
    double sum = 0.0;
    for (const std::size_t row : rows) {
      const double error = log_error(row, latencies) / std::max(sigmas_[row], least_sigma);
      sum += weights_[row] * 2.0 * (std::sqrt(1.0 + error * error) - 1.0);
    }
    for (const double position : point.positions) sum += position * position;
    return sum;
  }

  /// Of the machine of the start file, which is no point of the search if its values are not among
  /// the listed choices.
  Latencies start_latencies() {
    ++num_machines_;
    return simulator_.simulate({{start_.config, rows_}}, keep_going()).front();
  }

  Candidate candidate_of(const Point& point) {
    return {point, loss(point, latencies_of(point), rows_)};
  }

  void check_fits(const Latencies& latencies) const {
    for (std::size_t i = 0; i < latencies.size(); ++i) {
      if (std::isfinite(latencies[i])) continue;
      const MeasuredRow& row = table_.rows[i];
      throw InputError(fmt::format("{}:{}: network: {} does not fit on {}", table_.file.path,
                                   row.line, row.network, start_.config.name));
    }
  }

  // The search.

  double low(std::size_t number) const { return keys_[numbers_[number]].low_position(); }
  double high(std::size_t number) const { return keys_[numbers_[number]].high_position(); }

  /// The combination of choices with this number; the start values are number 0.
  std::vector<std::size_t> combination(std::size_t number) const {
    std::vector<std::size_t> choices;
    for (const std::size_t key : choices_) {
      choices.push_back(number % keys_[key].choices.size());
      number /= keys_[key].choices.size();
    }
    return choices;
  }

  std::size_t num_combinations() const {
    std::size_t count = 1;
    for (const std::size_t key : choices_) count *= keys_[key].choices.size();
    return count;
  }

  /// About as many machines as a local search simulates.
  int max_evaluations() const { return 20 + 4 * static_cast<int>(numbers_.size()); }

  /// Simulates a Latin hypercube around the start values; the first points are these values with
  /// each combination of choices.
  void make_design() {
    const std::size_t combinations = num_combinations();
    const std::size_t per_combination =
        numbers_.empty() ? 0 : std::max<std::size_t>(4, 4 * numbers_.size() / combinations);
    const std::size_t num_random = per_combination * combinations;
    std::vector<std::vector<double>> columns;
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      Rng rng(options_.seed, i);
      std::vector<double> column;
      const double from = std::max(low(i), -kDesignReach);
      const double to = std::min(high(i), kDesignReach);
      for (std::size_t k = 0; k < num_random; ++k) {
        const double within = static_cast<double>(rng.between(0, 999'999)) / 1e6;
        column.push_back(from + (to - from) * (static_cast<double>(k) + within) /
                                    static_cast<double>(num_random));
      }
      for (std::size_t k = num_random; k > 1; --k) {
        std::swap(
            column[k - 1],
            column[static_cast<std::size_t>(rng.between(0, static_cast<std::int64_t>(k) - 1))]);
      }
      columns.push_back(std::move(column));
    }
    for (std::size_t c = 0; c < combinations; ++c) {
      design_.push_back({first_point().positions, combination(c)});
    }
    for (std::size_t k = 0; k < num_random; ++k) {
      Point point = {{}, combination(k % combinations)};
      for (const std::vector<double>& column : columns) point.positions.push_back(column[k]);
      design_.push_back(std::move(point));
    }
    int num_searches = options_.num_starts + num_folds();
    for (const std::size_t key : choices_) {
      num_searches += static_cast<int>(keys_[key].choices.size()) - 1;
    }
    total_machines_ = static_cast<int>(design_.size() + 2 * numbers_.size()) +
                      (numbers_.empty() ? 0 : num_searches * max_evaluations());
    design_latencies_ = latencies_of(design_, rows_);
  }

  /// The points of the design with the least loss on `rows`.
  std::vector<Candidate> best_of_design(const Rows& rows, std::size_t count) const {
    std::vector<Candidate> candidates;
    for (std::size_t i = 0; i < design_.size(); ++i) {
      candidates.push_back({design_[i], loss(design_[i], design_latencies_[i], rows)});
    }
    std::stable_sort(candidates.begin(), candidates.end(),
                     [](const Candidate& a, const Candidate& b) { return a.loss < b.loss; });
    candidates.resize(std::min(count, candidates.size()));
    return candidates;
  }

  void search_all() {
    const auto count = static_cast<std::size_t>(options_.num_starts);
    for (const Candidate& start : best_of_design(rows_, count)) {
      if (start.loss < best_.loss) best_ = start;
      search(start, rows_, best_);
    }
  }

  /// The best machine with each other value of each choice, from the numbers of the best point.
  void search_choices() {
    bool is_better = true;
    while (is_better) {
      is_better = false;
      others_.assign(choices_.size(), {});
      for (std::size_t c = 0; c < choices_.size(); ++c) {
        for (std::size_t value = 0; value < keys_[choices_[c]].choices.size(); ++value) {
          if (value == best_.point.choices[c]) continue;
          Point point = best_.point;
          point.choices[c] = value;
          Candidate other = candidate_of(point);
          search(other, rows_, other);
          others_[c].push_back(std::move(other));
        }
      }
      for (const std::vector<Candidate>& of_key : others_) {
        for (const Candidate& other : of_key) {
          if (other.loss >= best_.loss - kLossTolerance) continue;
          best_ = other;
          is_better = true;
        }
      }
    }
  }

  /// A local search from `start`; improves `best`. Each step minimizes the loss of linearized
  /// latencies within a region of trust.
  void search(const Candidate& start, const Rows& rows, Candidate& best) {
    if (numbers_.empty()) return;
    const int before = num_machines_;
    Point point = snapped(start.point);
    Latencies latencies = latencies_of({point}, rows).front();
    double value = loss(point, latencies, rows);
    if (value < best.loss) best = {point, value};
    double reach = kFirstReach;
    std::optional<Eigen::MatrixXd> slopes;
    bool is_fresh = false;
    for (int step = 0; step < kMaxSteps && reach > kSmallestReach; ++step) {
      if (!slopes) {
        slopes = slopes_at(point, latencies, rows);
        is_fresh = true;
      }
      const LinearLoss model = linear_loss(point, latencies, *slopes, rows);
      Point next = snapped({model.minimum(reach), point.choices});
      const double predicted = value - model.value(next.positions);
      if (next.positions == point.positions || predicted < kLossTolerance) {
        if (is_fresh) break;
        slopes.reset();
        continue;
      }
      const Latencies next_latencies = latencies_of({next}, rows).front();
      const double next_value = loss(next, next_latencies, rows);
      const double gain = (value - next_value) / predicted;
      if (gain < kGoodGain) {
        reach /= 3.0;
        if (!is_fresh) slopes.reset();
      } else {
        if (gain > 0.75) reach *= 2.0;
      }
      if (next_value < value) {
        if (slopes && gain < kGoodGain) slopes.reset();
        if (slopes) update(*slopes, point, latencies, next, next_latencies, rows);
        is_fresh = false;
        point = std::move(next);
        latencies = next_latencies;
        value = next_value;
        if (value < best.loss) best = {point, value};
      }
    }
    total_machines_ -= max_evaluations() - (num_machines_ - before);
  }

  /// The point with the positions of the rounded values that are simulated.
  Point snapped(Point point) const {
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      const FitKey& key = keys_[numbers_[i]];
      point.positions[i] = key.position_of(number_of(key.text_at(point.positions[i])));
    }
    return point;
  }

  /// The point with one number moved up (or down), by at least one unit of an integer.
  Point moved(const Point& from, std::size_t number, double sign) const {
    Point point = from;
    double step = kDifferenceStep;
    while (step <= 4.0) {
      point.positions[number] = from.positions[number] + sign * step;
      step *= 2.0;
      point = snapped(std::move(point));
      if (point.positions[number] != from.positions[number]) break;
    }
    return point;
  }

  /// Derivatives of the log errors of `rows` by the positions, from one more machine per number.
  Eigen::MatrixXd slopes_at(const Point& point, const Latencies& latencies, const Rows& rows) {
    std::vector<Point> points;
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      // Where there is room, and towards the start value.
      const bool is_up = point.positions[i] <= 0.0 && point.positions[i] < high(i);
      points.push_back(moved(point, i, is_up || point.positions[i] <= low(i) ? 1.0 : -1.0));
    }
    const std::vector<Latencies> around = latencies_of(points, rows);
    Eigen::MatrixXd slopes(static_cast<Eigen::Index>(rows.size()),
                           static_cast<Eigen::Index>(numbers_.size()));
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      const double width = points[i].positions[i] - point.positions[i];
      for (std::size_t k = 0; k < rows.size(); ++k) {
        slopes(static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(i)) =
            width == 0.0 ? 0.0
                         : (log_error(rows[k], around[i]) - log_error(rows[k], latencies)) / width;
      }
    }
    return slopes;
  }

  /// The least change of the slopes with which they explain a step: Broyden, "A Class of Methods
  /// for Solving Nonlinear Simultaneous Equations", 1965.
  void update(Eigen::MatrixXd& slopes, const Point& from, const Latencies& before, const Point& to,
              const Latencies& after, const Rows& rows) const {
    Eigen::VectorXd step(static_cast<Eigen::Index>(numbers_.size()));
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      step[static_cast<Eigen::Index>(i)] = to.positions[i] - from.positions[i];
    }
    Eigen::VectorXd missed(static_cast<Eigen::Index>(rows.size()));
    for (std::size_t k = 0; k < rows.size(); ++k) {
      missed[static_cast<Eigen::Index>(k)] = log_error(rows[k], after) - log_error(rows[k], before);
    }
    missed -= slopes * step;
    slopes += missed * step.transpose() / step.squaredNorm();
  }

  LinearLoss linear_loss(const Point& point, const Latencies& latencies,
                         const Eigen::MatrixXd& slopes, const Rows& rows) const {
    LinearLoss model;
    model.at = Eigen::Map<const Eigen::VectorXd>(point.positions.data(),
                                                 static_cast<Eigen::Index>(numbers_.size()));
    model.slopes = slopes;
    model.errors.resize(static_cast<Eigen::Index>(rows.size()));
    model.weights.resize(static_cast<Eigen::Index>(rows.size()));
    for (std::size_t k = 0; k < rows.size(); ++k) {
      const auto row = static_cast<Eigen::Index>(k);
      model.errors[row] = log_error(rows[k], latencies) / sigmas_[rows[k]];
      model.slopes.row(row) /= sigmas_[rows[k]];
      model.weights[row] = weights_[rows[k]];
    }
    for (std::size_t i = 0; i < numbers_.size(); ++i) {
      model.lows.push_back(low(i));
      model.highs.push_back(high(i));
    }
    return model;
  }

  // After the search.

  /// How far the data determine each key: the curvature of the loss at the best point, and the loss
  /// of the best machines with other choices. Where the errors are larger than sigma, they count.
  void analyse(MachineFit& result) {
    const std::size_t n = numbers_.size();
    result.keys.clear();
    remaining_.assign(keys_.size(), 1.0);
    std::vector<Point> points = {snapped(best_.point)};
    for (std::size_t i = 0; i < n; ++i) {
      for (const double sign : {-1.0, 1.0}) points.push_back(moved(best_.point, i, sign));
    }
    const std::vector<Latencies> latencies = latencies_of(points, rows_);
    std::vector<double> errors;
    for (const std::size_t row : rows_) errors.push_back(std::abs(log_error(row, latencies[0])));
    std::vector<double> sorted = errors;
    std::nth_element(sorted.begin(),
                     sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2), sorted.end());
    const double typical = 1.5 * sorted[sorted.size() / 2];  // of a normal distribution
    determine_choices(latencies[0], typical);
    if (n == 0) return;
    Eigen::MatrixXd information =
        Eigen::MatrixXd::Identity(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(n));
    for (const std::size_t row : rows_) {
      Eigen::VectorXd slope(static_cast<Eigen::Index>(n));
      const double sigma = std::max(sigmas_[row], typical);
      for (std::size_t i = 0; i < n; ++i) {
        const double width = points[2 * i + 2].positions[i] - points[2 * i + 1].positions[i];
        const double difference =
            log_error(row, latencies[2 * i + 2]) - log_error(row, latencies[2 * i + 1]);
        slope[static_cast<Eigen::Index>(i)] = width > 0.0 ? difference / width / sigma : 0.0;
      }
      const double influence = weights_[row] / std::hypot(1.0, errors[row] / sigma);
      information += influence * slope * slope.transpose();
    }
    const Eigen::MatrixXd covariance = information.inverse();
    for (std::size_t i = 0; i < n; ++i) {
      const auto at = static_cast<Eigen::Index>(i);
      remaining_[numbers_[i]] = std::sqrt(std::max(0.0, covariance(at, at)));
    }
  }

  /// A number that moves by its prior's standard deviation changes the loss of determined data by
  /// more than kIdentifiedLoss; a choice is determined if each other value does.
  void determine_choices(const Latencies& best, double typical) {
    is_determined_.assign(keys_.size(), false);
    const double least = loss(snapped(best_.point), best, rows_, typical);
    for (std::size_t c = 0; c < choices_.size(); ++c) {
      is_determined_[choices_[c]] =
          std::all_of(others_[c].begin(), others_[c].end(), [&](const Candidate& other) {
            const Point point = snapped(other.point);
            return loss(point, latencies_of(point), rows_, typical) - least > kIdentifiedLoss;
          });
    }
  }

  int num_folds() const {
    std::vector<std::string> names = network_names();
    std::sort(names.begin(), names.end());
    const auto distinct = std::unique(names.begin(), names.end()) - names.begin();
    return options_.num_folds < 2 ? 0 : std::min(options_.num_folds, static_cast<int>(distinct));
  }

  std::vector<std::string> network_names() const {
    std::vector<std::string> names;
    for (const MeasuredRow& row : table_.rows) names.push_back(row.workload.file.path);
    return names;
  }

  void hold_out(MachineFit& result) {
    const int count = num_folds();
    if (count < 2) return;
    result.folds = network_folds(network_names(), count, options_.seed);
    result.holdout_ms.assign(measured_.size(), 0.0);
    for (int fold = 0; fold < count; ++fold) {
      const Rows training = rows_where(result.folds, fold, false);
      const Rows held_out = rows_where(result.folds, fold, true);
      const Candidate start = best_of_design(training, 1).front();
      Candidate best = start;
      search(start, training, best);
      const Latencies latencies = latencies_of({best.point}, held_out).front();
      for (const std::size_t row : held_out) result.holdout_ms[row] = latencies[row];
      result.fold_mapes.push_back(measured_errors(result.holdout_ms, measured_, held_out).mape);
    }
  }

  Rows rows_where(const std::vector<int>& folds, int fold, bool is_equal) const {
    Rows rows;
    for (const std::size_t row : rows_) {
      if ((folds[row] == fold) == is_equal) rows.push_back(row);
    }
    return rows;
  }

  /// The baselines, fitted without the rows of each fold, too.
  void compare(MachineFit& result) const {
    for (const Baseline& baseline : baselines(table_, start_.config)) {
      std::vector<double> estimates = baseline.estimates(measured_, rows_);
      for (int fold = 0; fold < static_cast<int>(result.fold_mapes.size()); ++fold) {
        const std::vector<double> of_fold =
            baseline.estimates(measured_, rows_where(result.folds, fold, false));
        for (const std::size_t row : rows_where(result.folds, fold, true)) {
          estimates[row] = of_fold[row];
        }
      }
      result.baselines.push_back({baseline.name(), measured_errors(estimates, measured_, rows_)});
    }
  }

  void finish(MachineFit& result) {
    result.values = settings_of(best_.point);
    result.machine = {start_.file,
                      read_hardware_text(start_.file.text, start_.file.path, result.values)};
    // Simulated already: it is remembered, also after an interrupt.
    result.simulated_ms = simulator_.simulate({{result.machine.config, rows_}}).front();
    check_fits(result.simulated_ms);
    result.num_machines = num_machines_;
    result.start = measured_errors(result.start_ms, measured_, rows_);
    result.train = measured_errors(result.simulated_ms, measured_, rows_);
    if (!result.holdout_ms.empty()) {
      result.holdout = measured_errors(result.holdout_ms, measured_, rows_);
    }
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      FittedKey key = {keys_[i], text_of(best_.point, i)};
      if (keys_[i].is_number()) {
        const double value = number_of(key.value);
        key.is_at_limit = value <= keys_[i].low || value >= keys_[i].high;
        if (!remaining_.empty()) key.remaining_spread = remaining_[i];
        key.is_identified = key.remaining_spread < kIdentifiedSpread;
      } else {
        key.is_identified = !is_determined_.empty() && is_determined_[i];
      }
      result.keys.push_back(std::move(key));
    }
    compare(result);
    const bool is_held_out = !result.holdout_ms.empty();
    const double mape = (is_held_out ? result.holdout : result.train).mape;
    result.no_better_than = no_better_than(mape, result.baselines);
    result.verdict = verdict_text(mape, result.baselines, is_held_out ? "held-out" : "in-sample");
    result.machine.config.device = device_of(result);
    if (result.is_complete) warn(result);
  }

  /// What the hold-out says; nothing without one, or if a network did not fit on a machine of it.
  DeviceConfig device_of(const MachineFit& result) const {
    const double least_error = 1e-6;
    if (result.holdout_ms.empty() || !(result.holdout.mape < kLargestStatedError)) return {};
    DeviceConfig device;
    device.name = options_.device.empty() ? start_.config.name : options_.device;
    const std::string file = std::filesystem::path(table_.file.path).filename().string();
    device.networks = one_line(("networks of " + file).substr(0, kMaxNetworksBytes));
    device.error = std::max(least_error, number_of(fmt::format("{:.4g}", result.holdout.mape)));
    device.tau = number_of(fmt::format("{:.3f}", result.holdout.kendall_tau));
    return device;
  }

  void warn(MachineFit& result) const {
    std::vector<std::string> unclear;
    for (const FittedKey& key : result.keys) {
      if (!key.is_identified) unclear.push_back(key.key.path);
    }
    if (!unclear.empty()) {
      result.warnings.push_back(fmt::format(
          "the data do not determine {}: other values fit as well", fmt::join(unclear, ", ")));
    }
    std::vector<std::string> at_limit;
    for (const FittedKey& key : result.keys) {
      if (key.is_at_limit && key.is_identified) {
        at_limit.push_back(fmt::format("{} {}", key.key.path, key.value));
      }
    }
    if (!at_limit.empty()) {
      result.warnings.push_back(fmt::format(
          "at the limit of its range: {}; the machine may lack a term, or a value of the start "
          "file may be wrong",
          fmt::join(at_limit, ", ")));
    }
    if (result.train.mape > result.start.mape) {
      result.warnings.push_back(fmt::format(
          "the mean error grew from {:.2f} to {:.2f} %: few rows agree with one another; "
          "are latencies assigned to the right networks?",
          100.0 * result.start.mape, 100.0 * result.train.mape));
    }
    if (!result.no_better_than.empty()) {
      result.warnings.push_back("the fit is " + result.verdict);
    }
  }

  const Machine& start_;
  const MeasuredTable& table_;
  const std::vector<FitKey>& keys_;
  const FitOptions& options_;
  RowSimulator simulator_;
  std::vector<double> measured_;
  Rows rows_;
  std::vector<double> weights_;  // mean 1
  std::vector<double> sigmas_;
  std::vector<std::size_t> numbers_;  // indices of keys
  std::vector<std::size_t> choices_;
  std::vector<Point> design_;
  std::vector<Latencies> design_latencies_;
  Candidate best_;
  std::vector<std::vector<Candidate>> others_;  // of each choice, with its other values
  std::vector<double> remaining_;               // of each key
  std::vector<bool> is_determined_;             // of each key; only choices are used
  int num_machines_ = 0;
  int total_machines_ = 1;
};

}  // namespace

std::string FittedKey::plausible_low() const {
  return key.text_at(key.position_of(number_of(value)) - remaining_spread);
}

std::string FittedKey::plausible_high() const {
  return key.text_at(key.position_of(number_of(value)) + remaining_spread);
}

double MachineFit::holdout_standard_error() const {
  const auto n = static_cast<double>(fold_mapes.size());
  if (n < 2.0) return 0.0;
  const double mean = std::accumulate(fold_mapes.begin(), fold_mapes.end(), 0.0) / n;
  double squares = 0.0;
  for (const double mape : fold_mapes) squares += (mape - mean) * (mape - mean);
  return std::sqrt(squares / (n - 1.0) / n);
}

MachineFit fit_machine(const Machine& start, const MeasuredTable& table,
                       const std::vector<FitKey>& keys, const FitOptions& options) {
  std::size_t combinations = 1;
  for (const FitKey& key : keys) {
    if (!key.is_number()) combinations *= key.choices.size();
    if (combinations > kMaxCombinations) {
      throw InputError(fmt::format("the choices have more than {} combinations", kMaxCombinations));
    }
  }
  return Fitter(start, table, keys, options).fit();
}

}  // namespace tilewake
