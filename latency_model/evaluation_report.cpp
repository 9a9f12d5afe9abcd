// SPDX-License-Identifier: Apache-2.0
#include "latency_model/evaluation_report.hpp"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latency_model/features/feature_set.hpp"

namespace tilewake {
namespace {

using Cells = std::vector<std::string>;

/// One line per row. Each column is as wide as its widest cell; the first `num_left` columns are
/// left-aligned, the others right-aligned.
std::vector<std::string> aligned(const std::vector<Cells>& rows, std::size_t num_left) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Cells& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::vector<std::string> lines;
  for (const Cells& row : rows) {
    std::string& line = lines.emplace_back();
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += i < num_left ? fmt::format("{:<{}}", row[i], widths[i])
                           : fmt::format("  {:>{}}", row[i], widths[i]);
      if (i + 1 < num_left) line += "  ";
    }
  }
  return lines;
}

std::string percent(double share) { return fmt::format("{:.2f}", 100.0 * share); }
std::string signed_percent(double share) { return fmt::format("{:+.2f}", 100.0 * share); }

Cells summary_row(const std::string& name, const ErrorSummary& s) {
  if (s.n == 0) return {name, "0", "-", "-", "-", "-", "-", "-", "-", "-"};
  return {name,
          std::to_string(s.n),
          percent(s.mape),
          percent(s.median),
          percent(s.rmspe),
          signed_percent(s.bias),
          percent(s.p95),
          percent(s.max),
          percent(s.within_5),
          percent(s.within_10)};
}

std::string features_of(const Case& c, const FeatureSet& set) {
  std::vector<std::string> features;
  for (std::size_t i = 0; i < c.features.size() && i < set.features.size(); ++i) {
    if (c.features[i] == 0.0) continue;
    features.push_back(fmt::format("{}={:.6g}", set.features[i].name, c.features[i]));
  }
  return fmt::format("{}", fmt::join(features, " "));
}

}  // namespace

std::string evaluation_report(const Evaluation& evaluation, const FeatureSet& set) {
  std::vector<Cells> summaries = {{"errors in %", "n", "MAPE", "median", "RMSPE", "bias", "p95",
                                   "max", "within 5", "within 10"}};
  for (std::size_t i = 0; i < evaluation.by_class.size(); ++i) {
    summaries.push_back(summary_row(evaluation.op_classes[i], evaluation.by_class[i]));
  }
  summaries.push_back(summary_row("all layers", evaluation.layers));
  summaries.push_back(summary_row("networks", evaluation.networks));

  std::string text = fmt::format(
      "{}\n\n"
      "Order of the networks: Kendall tau {:.4f}, Spearman {:.4f}\n"
      "The plain roofline has a MAPE of {} % on the same layers.\n",
      fmt::join(aligned(summaries, 1), "\n"), evaluation.kendall_tau, evaluation.spearman,
      percent(evaluation.roofline_mape));
  if (evaluation.worst.empty()) return text;

  std::vector<Cells> worst = {{"worst layers", "op class", "measured", "predicted", "error %"}};
  for (const Case& c : evaluation.worst) {
    worst.push_back({fmt::format("{}/{}", c.network, c.layer),
                     evaluation.op_classes[static_cast<std::size_t>(c.op_class)],
                     fmt::format("{:.0f}", c.measured), fmt::format("{:.0f}", c.predicted),
                     signed_percent(c.error())});
  }
  const std::vector<std::string> lines = aligned(worst, 2);
  text += fmt::format("\n{}\n", lines.front());
  for (std::size_t i = 0; i < evaluation.worst.size(); ++i) {
    text += fmt::format("{}\n    {}\n", lines[i + 1], features_of(evaluation.worst[i], set));
  }
  return text;
}

}  // namespace tilewake
