// SPDX-License-Identifier: Apache-2.0
#include "latency_model/cli/fit_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "latency_model/fit/fit_json.hpp"
#include "latency_model/fit/fitted_file.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/cli/units.hpp"
#include "simulator/common/json_document.hpp"
#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

using Alignment = TextTable::Alignment;
using Emphasis = TextTable::Emphasis;

constexpr std::size_t kNumWorstRows = 10;

std::string percent_cell(double ratio) { return fmt::format("{:.2f}", 100.0 * ratio); }

TextTable errors_table() {
  return TextTable({{"error in %", Alignment::kLeft},
                    {"rows", Alignment::kRight, 3},
                    {"mean"},
                    {"after a factor"},
                    {"factor", Alignment::kRight, 2},
                    {"largest", Alignment::kRight, 1},
                    {"tau"}});
}

void add_errors(TextTable& table, const std::string& name, const MeasuredErrors& errors,
                Emphasis emphasis = Emphasis::kNone) {
  table.add_row(
      {name, with_separators(static_cast<std::int64_t>(errors.n)), percent_cell(errors.mape),
       percent_cell(errors.mape_scaled), fmt::format("{:.3f}", errors.factor),
       percent_cell(errors.max), fmt::format("{:.3f}", errors.kendall_tau)},
      emphasis);
}

std::vector<std::string> key_cells(const FittedKey& key) {
  std::string range = "-";
  if (key.key.is_number()) range = fmt::format("{}..{}", key.plausible_low(), key.plausible_high());
  return {key.key.path, key.key.start_text, key.value, range,
          !key.is_identified ? "not determined"
          : key.is_at_limit  ? "at its limit"
                             : ""};
}

std::string verdict_line(const std::string& verdict) {
  return verdict.empty() ? "\n" : fmt::format("verdict: {}\n\n", verdict);
}

/// Rows by the size of their error, the largest first.
std::vector<std::size_t> worst_rows(const std::vector<double>& simulated,
                                    const MeasuredTable& table) {
  std::vector<std::size_t> rows = all_rows(table);
  const auto error = [&](std::size_t i) {
    return std::abs(simulated[i] / table.rows[i].latency_ms - 1.0);
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](std::size_t a, std::size_t b) { return error(a) > error(b); });
  rows.resize(std::min(rows.size(), kNumWorstRows));
  return rows;
}

}  // namespace

std::string fit_table(const FitReport& report) {
  const MachineFit& fit = report.fit;
  const std::size_t columns = output_columns();
  const bool color = use_color();
  const bool is_held_out = !fit.holdout_ms.empty();
  std::string text;
  if (is_held_out) {
    text = fmt::format(
        "{}, fitted to {} rows of {}: mean error {} % on held-out rows (standard error {} over {} "
        "folds), before the fit {} %\n",
        fit.machine.config.name, report.table.rows.size(), report.table.file.path,
        percent_cell(fit.holdout.mape), percent_cell(fit.holdout_standard_error()),
        fit.fold_mapes.size(), percent_cell(fit.start.mape));
  } else {
    text = fmt::format(
        "{}, fitted to {} rows of {}: mean error {} % on these rows, before the fit {} %{}\n",
        fit.machine.config.name, report.table.rows.size(), report.table.file.path,
        percent_cell(fit.train.mape), percent_cell(fit.start.mape),
        fit.is_complete ? "" : " (interrupted: the best machine so far)");
  }
  text += verdict_line(fit.verdict);
  TextTable keys({{"key", Alignment::kLeft},
                  {"start"},
                  {"fitted"},
                  {"plausible", Alignment::kRight, 2},
                  {"remark", Alignment::kLeft, 1}});
  for (const FittedKey& key : fit.keys) keys.add_row(key_cells(key));
  text += keys.to_string(color, columns) + "\n";
  TextTable errors = errors_table();
  add_errors(errors, "start machine", fit.start);
  add_errors(errors, "fitted, the same rows", fit.train,
             is_held_out ? Emphasis::kNone : Emphasis::kBold);
  if (is_held_out) add_errors(errors, "fitted, held-out rows", fit.holdout, Emphasis::kBold);
  for (const BaselineErrors& baseline : fit.baselines) {
    add_errors(errors, baseline.name + (is_held_out ? ", held-out rows" : ""), baseline.errors);
  }
  text += errors.to_string(color, columns) + fmt::format("\nmachine: {}\n", report.path);
  return wrapped_lines(text, columns);
}

std::string measured_evaluation_table(const EvaluationReport& report) {
  const MachineEvaluation& evaluation = report.evaluation;
  const std::size_t columns = output_columns();
  const bool color = use_color();
  std::string text = fmt::format(
      "{} against {} rows of {}: mean error {} %, after one factor {} %, Kendall's tau {:.3f}\n",
      evaluation.machine.config.name, report.table.rows.size(), report.table.file.path,
      percent_cell(evaluation.errors.mape), percent_cell(evaluation.errors.mape_scaled),
      evaluation.errors.kendall_tau);
  text += verdict_line(evaluation.verdict);
  TextTable errors = errors_table();
  add_errors(errors, evaluation.machine.config.name, evaluation.errors, Emphasis::kBold);
  for (const BaselineErrors& baseline : evaluation.baselines) {
    add_errors(errors, baseline.name, baseline.errors);
  }
  text += errors.to_string(color, columns) + "\n";
  TextTable operators({{"operator", Alignment::kLeft}, {"share of time"}, {"better times"}});
  for (const OperatorShare& share : evaluation.operators) {
    operators.add_row({share.op, percent(share.share), fmt::format("{:.2f}", share.factor)});
  }
  text += operators.to_string(color, columns) + "\n";
  TextTable worst({{"worst rows", Alignment::kLeft}, {"measured ms"}, {"simulated ms"}, {"error"}});
  for (const std::size_t i : worst_rows(evaluation.simulated_ms, report.table)) {
    const MeasuredRow& row = report.table.rows[i];
    worst.add_row(
        {shortened(row.workload.name), with_decimals(row.latency_ms),
         with_decimals(evaluation.simulated_ms[i]),
         fmt::format("{:+.1f} %", 100.0 * (evaluation.simulated_ms[i] / row.latency_ms - 1.0))});
  }
  return wrapped_lines(text + worst.to_string(color, columns), columns);
}

std::string measured_evaluation_csv(const EvaluationReport& report) {
  return fit_rows_csv(report.table, report.evaluation.machine.config.name, {},
                      report.evaluation.simulated_ms, {});
}

std::string fit_report_json(const FitReport& report) {
  return json_text(fit_json(report.fit, report.table, report.path));
}

std::string measured_evaluation_json(const EvaluationReport& report) {
  return json_text(evaluation_json(report.evaluation, report.table));
}

}  // namespace tilewake
