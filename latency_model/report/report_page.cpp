// SPDX-License-Identifier: Apache-2.0
#include "latency_model/report/report_page.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "simulator/api/data_files.hpp"
#include "simulator/cli/output_place.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

/// The begin of every page, by which it is known.
constexpr std::string_view kPageBegin = "<!DOCTYPE html>\n<!-- A report of tilewake. -->\n";

constexpr std::size_t kMaxDataBytes = std::size_t{64} << 20;

/// In the order in which the page needs them; then charts/*.js by name, and main.js.
constexpr std::string_view kFirstScripts[] = {"vendor/d3.min.js", "vendor/plot.umd.min.js",
                                              "report.js"};

std::vector<fs::path> scripts_of(const fs::path& page) {
  std::vector<fs::path> charts;
  std::error_code error;
  for (fs::directory_iterator it(page / "charts", error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".js") charts.push_back(it->path());
  }
  if (charts.empty()) throw InputError((page / "charts").string() + ": has no charts");
  std::sort(charts.begin(), charts.end());
  std::vector<fs::path> scripts;
  for (const std::string_view name : kFirstScripts) scripts.push_back(page / name);
  scripts.insert(scripts.end(), charts.begin(), charts.end());
  scripts.push_back(page / "main.js");
  return scripts;
}

std::string escaped_json(const nlohmann::ordered_json& data) {
  const std::string json =
      data.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  if (json.size() > kMaxDataBytes) {
    throw InputError(
        fmt::format("the page would have {} MiB of data, more than {}: give fewer or "
                    "smaller results",
                    json.size() >> 20, kMaxDataBytes >> 20));
  }
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {  // only strings hold a '<'
    if (c == '<') {
      text += "\\u003c";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string report_page(const nlohmann::ordered_json& data) {
  const fs::path page = report_page_directory();
  std::string html =
      std::string(kPageBegin) +
      "<html lang=\"en\">\n"
      "<head>\n"
      "<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
      "<title>Tilewake report</title>\n"
      "<style>\n" +
      read_text_file((page / "style.css").string()) +
      "</style>\n"
      "</head>\n"
      "<body>\n"
      "<main id=\"report\"></main>\n"
      "<noscript>The charts need JavaScript; the data is in the source of this page.</noscript>\n"
      "<script type=\"application/json\" id=\"data\">" +
      escaped_json(data) + "</script>\n";
  for (const fs::path& script : scripts_of(page)) {
    html += "<script>\n" + read_text_file(script.string()) + "</script>\n";
  }
  return html + "</body>\n</html>\n";
}

void check_page_place(const std::string& path) {
  check_own_output_file(path, kPageBegin, "report of tilewake");
}

}  // namespace tilewake
