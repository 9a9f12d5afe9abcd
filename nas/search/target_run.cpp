// SPDX-License-Identifier: Apache-2.0
#include "nas/search/target_run.hpp"

#include <optional>

#include <fmt/format.h>

#include "nas/report/metrics_log.hpp"
#include "nas/search/steps.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

void write_decisions(const std::string& directory, const StepRecord& design,
                     const TargetResult& result) {
  std::string text;
  const auto add = [&](const StepRecord& record) {
    text += fmt::format("== {}\n", record.step);
    for (const std::string& line : record.log) text += line + "\n";
    text += "\n";
  };
  add(design);
  for (const StepRecord& record : result.steps) add(record);
  for (const StepRecord& record : result.random) add(record);
  if (result.correlation) add(*result.correlation);
  write_file_atomically(directory + "/decisions.log", text);
}

class TargetRun {
 public:
  TargetRun(const TrainingContext& training, const StepRecord& design, double target_ms,
            const std::string& fingerprint)
      : design_(design),
        directory_(target_directory(training.config, target_ms)),
        training_(training),
        context_{training_,
                 target_ms,
                 directory_,
                 fingerprint_of({fingerprint, fmt::format("{}", target_ms)}),
                 StepStore(directory_ + "/steps"),
                 StepStore(training.config.directory + "/steps")} {
    make_directory_of(directory_ + "/x");
    // Several targets have metrics of their own.
    if (directory_ != training.config.directory) {
      metrics_.emplace(directory_);
      training_.metrics = &*metrics_;
    }
    result_.target_ms = target_ms;
    result_.directory = directory_;
  }

  TargetResult run(const MethodSteps& steps, Step last) {
    const StepRecord found = done(steps.find(context_));
    if (last < Step::kScale) return result_;
    StepRecord fitted =
        done(steps.scales ? scale_step(context_, found) : fill_step(context_, found));
    if (last < Step::kPostprocess) return result_;
    if (steps.postprocesses) fitted = done(postprocess_step(context_, found, fitted));
    if (last < Step::kTrain) return result_;
    const StepRecord trained = done(train_step(context_, fitted));
    if (last < Step::kEvaluate) return result_;
    const StepRecord evaluated = done(evaluate_step(context_, trained));
    if (steps.correlate) {
      result_.correlation = steps.correlate(context_);
      write_decisions(directory_, design_, result_);
      context_.host().log(fmt::format("correlation: {}", result_.correlation->log.back()));
    }
    for (int i = 0; steps.random && i < context_.config().num_random; ++i) {
      result_.random.push_back(steps.random(context_, *evaluated.estimated_ms, i));
      context_.host().log(
          fmt::format("{}: {}", result_.random.back().step, result_.random.back().log.back()));
      write_decisions(directory_, design_, result_);
    }
    return result_;
  }

 private:
  StepRecord done(StepRecord record) {
    result_.steps.push_back(record);
    write_decisions(directory_, design_, result_);
    context_.host().log(fmt::format("{}: {}", record.step, record.log.back()));
    return record;
  }

  const StepRecord& design_;
  std::string directory_;
  std::optional<MetricsLog> metrics_;
  TrainingContext training_;
  TargetContext context_;
  TargetResult result_;
};

}  // namespace

void check_sensible(const std::string& name, const Architecture& largest, const Host& host,
                    double target_ms) {
  constexpr double kMaxGrowth = 8.0;  // S3NAS scaled what it had found to 4.8 times the latency
  const double largest_ms = host.estimate(to_network(largest));
  if (target_ms <= kMaxGrowth * largest_ms) return;
  throw InputError(fmt::format(
      "a limit of {} is more than {:.0f} times what {} takes ({}); give a lower limit, or a space "
      "with larger networks",
      as_ms(target_ms), kMaxGrowth, name, as_ms(largest_ms)));
}

TargetResult run_target(const TrainingContext& training, const StepRecord& design, double target_ms,
                        const std::string& fingerprint, const MethodSteps& steps, Step last) {
  return TargetRun(training, design, target_ms, fingerprint).run(steps, last);
}

}  // namespace tilewake
