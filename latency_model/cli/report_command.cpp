// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "latency_model/cli/latency_model_command.hpp"
#include "latency_model/report/report_data.hpp"
#include "latency_model/report/report_page.hpp"
#include "simulator/cli/options.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"

namespace tilewake {

ExitCode report_command(const Arguments& arguments) {
  std::vector<std::string> paths;
  std::string out = "report.html";
  Options options(
      "report", "report DIR... [--out FILE]",
      "Writes an HTML page with charts of results: directories of `simulate`, `simulate\n"
      "--sweep`, `nas run`, `nas space` and `nas compare`, and models of `calibrate` or\n"
      "their directories. The page is one file and opens offline.");
  options.words(paths);
  options.optional("out", out, "FILE", "the page; a page of 'report' is replaced");
  if (!options.parse(arguments)) return ExitCode::kOk;
  if (paths.empty()) throw UsageError("report: needs the directory of a result");
  check_page_place(out);
  const std::string page = report_page(report_data(paths));
  write_output_file(out, page);
  write_result(one_line(out) + "\n");
  return ExitCode::kOk;
}

}  // namespace tilewake
