// SPDX-License-Identifier: Apache-2.0
#include "latency_model/report/report_data.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "latency_model/evaluation_report.hpp"
#include "latency_model/features/feature_extractor.hpp"
#include "latency_model/features/feature_set.hpp"
#include "latency_model/fit/fitted_file.hpp"
#include "latency_model/holdout_csv.hpp"
#include "latency_model/latency_model.hpp"
#include "latency_model/model_yaml.hpp"
#include "latency_model/report/csv_table.hpp"
#include "latency_model/report/holdout_data.hpp"
#include "latency_model/report/timeline_data.hpp"
#include "latency_model/report/yaml_json.hpp"
#include "simulator/cli/layer_table.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/json_document.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/common/yaml_reader.hpp"
#include "simulator/hardware/dram_config.hpp"
#include "simulator/hardware/hardware_config.hpp"
#include "simulator/trace/trace_columns.hpp"
#include "simulator/trace/trace_csv.hpp"
#include "simulator/trace/trace_network.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxFilesOfDirectory = 10'000;
constexpr std::size_t kMaxTextBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxCandidates = 20'000;
constexpr std::size_t kMaxSections = 1000;
constexpr std::size_t kMaxTotalBytes = std::size_t{128} << 20;  // of all files

constexpr CsvFormat kSweepFormat = {
    "# tilewake-sweep v1", {"hardware", "network", "status", "latency_ms", "total_cycles"}};
constexpr CsvFormat kExploreFormat = {"# tilewake-explore v1",
                                      {"status", "feasible", "on_front", "latency_ms"}};
constexpr CsvFormat kComparisonFormat = {"# tilewake-comparison v1",
                                         {"method", "target_ms", "seed", "accuracy"}};
constexpr CsvFormat kOperatorsFormat = {"# tilewake-operators v1",
                                        {"position", "operator", "kept"}};
constexpr CsvFormat kFrontFormat = {"# tilewake-front v1",
                                    {"target_ms", "simulated_ms", "accuracy"}};
constexpr CsvFormat kMetricsFormat = {"# tilewake-metrics v2", {"phase", "step"}};
constexpr CsvFormat kDecisionsFormat = {"# tilewake-decisions v1", {"step"}};
constexpr CsvFormat kCostsFormat = {"# tilewake-costs v1", {"step", "seconds"}};
constexpr CsvFormat kStepsFormat = {"# tilewake-steps v1",
                                    {"step", "estimated_ms", "simulated_ms"}};

constexpr CsvFormat kFitFormat = {kFitRowsFirstLine,
                                  {"network", "machine", "measured_ms", "simulated_ms", "macs"}};
constexpr std::string_view kFitRowsEnding = ".fit.csv";

/// Also true for a link to nothing: reading it fails, instead of leaving its part of the page out.
bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::symlink_status(path, error).type() != fs::file_type::not_found;
}

Json read_summary(const std::string& path) {
  Json summary = parse_ordered_json(read_text_file(path), path);
  const auto fail = [&](const std::string& what) { throw InputError(path + ": " + what); };
  if (!summary.is_object()) fail("is not a summary: expected an object");
  if (const auto warnings = summary.find("warnings"); warnings != summary.end()) {
    const auto is_text = [](const Json& warning) { return warning.is_string(); };
    if (!warnings->is_array() || !std::all_of(warnings->begin(), warnings->end(), is_text)) {
      fail("warnings: must be a list of texts");
    }
  }
  return summary;
}

/// Sorted names in a directory that start with `begin` and end in `end`.
std::vector<std::string> names_like(const fs::path& directory, std::string_view begin,
                                    std::string_view end) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), last; !error && it != last;
       it.increment(error)) {
    std::string name = it->path().filename().string();
    if (name.starts_with(begin) && name.ends_with(end)) names.push_back(std::move(name));
    if (names.size() > kMaxFilesOfDirectory) {
      throw InputError(fmt::format("{}: more than {} files named {}*{}", directory.string(),
                                   kMaxFilesOfDirectory, begin, end));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Infinite for an ideal memory: null.
Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json machine_json(const HardwareConfig& hardware, const std::string& file) {
  return {{"name", hardware.name},
          {"file", file},
          {"clock_mhz", hardware.clock_mhz},
          {"peak_macs_per_cycle", hardware.peak_macs_per_cycle()},
          {"peak_bytes_per_cycle", finite_or_null(peak_bytes_per_cycle(hardware.dram))},
          {"sustained_bytes_per_cycle", finite_or_null(sustained_bytes_per_cycle(hardware.dram))}};
}

/// `hardware:` of a run.yaml, as simulate and nas run write it.
Json machine_of_run(const std::string& run_yaml, double& clock_mhz) {
  YamlReader hardware = YamlReader::from_file(run_yaml).section("hardware");
  const HardwareConfig config = read_hardware(hardware.section("resolved"));
  clock_mhz = config.clock_mhz;
  return machine_json(config, hardware.required<std::string>("file"));
}

Json model_json(const LatencyModel& model) {
  const Provenance& from = model.provenance;
  return {
      {"machine", from.machine},
      {"version", from.version},
      {"set", from.set},
      {"seed", from.seed},
      {"num_networks", from.num_networks},
      {"num_layers", from.num_layers},
      {"holdout", evaluation_json(model.holdout, make_feature_extractor(model.hardware)->set())}};
}

Json column_values(const std::vector<TraceRow>& rows, const TraceColumn& column) {
  Json values = Json::array();
  for (const TraceRow& row : rows) {
    std::visit(
        [&](const auto field) {
          using Value = std::decay_t<decltype(row.*field)>;
          if constexpr (std::is_arithmetic_v<Value>) {
            values.push_back(row.*field);
          } else {
            values.push_back(field_text(row, column));
          }
        },
        column.field);
  }
  return values;
}

/// The columns of layers.csv, and `bound`.
Json layers_json(const std::vector<TraceRow>& rows) {
  // Equal in all rows: `machine`, `network` and `batch` are in the summary.
  static const std::set<std::string_view> left_out = {"network", "machine", "version", "num_layers",
                                                      "batch"};
  Json layers = Json::object();
  for (const TraceColumn& column : kTraceColumns) {
    if (!left_out.contains(column.name)) {
      layers[std::string(column.name)] = column_values(rows, column);
    }
  }
  Json bounds = Json::array();
  for (const TraceRow& row : rows) bounds.push_back(row.is_fused() ? "fused" : bound_of(row));
  layers["bound"] = bounds;
  return layers;
}

/// Reads results; a latency model is read once and kept by the id of its machine.
class ReportReader {
 public:
  void add(const std::string& path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found) {
      throw InputError(path + ": no such directory");
    }
    if (status.type() == fs::file_type::none) {
      throw InputError(fmt::format("{}: {}", path, error.message()));
    }
    if (!fs::is_directory(status)) {
      return path.ends_with(kFitRowsEnding) ? add_fit(path) : add_model(path, path);
    }
    for (const Kind& kind : kKinds) {
      if (kind.matches(path)) return (this->*kind.add)(path);
    }
    throw InputError(
        path + ": holds no result of tilewake (none of the files that 'tilewake report' reads)");
  }

  Json finish() {
    for (std::size_t i = 0; i < sections_.size(); ++i) add_predictions(i);
    Json json;
    json["version"] = std::string(kVersion);
    json["sections"] = std::move(sections_);
    return json;
  }

 private:
  struct Kind {
    bool (*matches)(const fs::path& directory);
    void (ReportReader::*add)(const std::string& path);
  };

  static bool is_search(const fs::path& directory) {
    const fs::path file = directory / "run.yaml";
    return is_there(file) && YamlReader::from_file(file.string()).has("method");
  }

  // The first that matches: a search has the files of a simulation and of a calibration as well.
  // To add a result: one line here.
  static const std::array<Kind, 8> kKinds;

  /// The section of a path, with what run.yaml says about it.
  Json& begin_section(const std::string& kind, const std::string& path) {
    if (sections_.size() == kMaxSections) {
      throw InputError(fmt::format("{}: a report has at most {} sections", path, kMaxSections));
    }
    sections_.push_back({{"kind", kind}, {"path", path}});
    traces_.emplace_back();
    Json& section = sections_.back();
    const fs::path run = fs::path(path) / "run.yaml";
    if (take(run)) {
      section["run"] =
          yaml_json(parse_yaml(read_text_file(run.string(), kMaxYamlBytes), run.string()));
    }
    return section;
  }

  /// summary.json and layers.csv in a directory, if they are there.
  void add_layers(Json& section, const fs::path& directory) {
    const fs::path summary = directory / "summary.json";
    if (take(summary)) section["summary"] = read_summary(summary.string());
    const fs::path layers = directory / "layers.csv";
    if (!take(layers)) return;
    TraceFile trace = read_trace(layers.string());
    if (trace.rows.size() > kMaxTableRows) {
      throw InputError(fmt::format("{}: more than {} rows", layers.string(), kMaxTableRows));
    }
    section["layers"] = layers_json(trace.rows);
    section["network"] = trace.rows[0].network;
    traces_.back() = std::move(trace);
  }

  void add_simulation(const std::string& path) {
    Json& section = begin_section("simulation", path);
    double clock_mhz = 0.0;
    section["machine"] = machine_of_run((fs::path(path) / "run.yaml").string(), clock_mhz);
    add_layers(section, path);
    section["timeline"] = timeline_data((fs::path(path) / "timeline.json").string(), clock_mhz);
  }

  void add_sweep(const std::string& path) {
    begin_section("sweep", path)["points"] = read_table(fs::path(path) / "sweep.csv", kSweepFormat);
  }

  void add_exploration(const std::string& path) {
    begin_section("exploration", path)["points"] =
        read_table(fs::path(path) / "explore.csv", kExploreFormat);
  }

  void add_comparison(const std::string& path) {
    begin_section("comparison", path)["runs"] =
        read_table(fs::path(path) / "compare.csv", kComparisonFormat);
  }

  void add_space(const std::string& path) {
    Json spaces = Json::array();
    for (const std::string& name : names_like(path, "operators", ".csv")) {
      spaces.push_back(
          {{"file", name}, {"operators", read_table(fs::path(path) / name, kOperatorsFormat)}});
    }
    begin_section("space", path)["spaces"] = std::move(spaces);
  }

  void add_calibration(const std::string& path) {
    add_model(path, (fs::path(path) / "model.yaml").string());
  }

  /// The model in `file`, and the held-out layers beside it.
  void add_model(const std::string& path, const std::string& file) {
    const LatencyModel& model = keep(read_latency_model(file));
    Json& section = begin_section("calibration", path);
    section["machine"] = machine_json(model.hardware, file);
    section["model"] = model_json(model);
    const std::string layers = holdout_path(file);
    if (take(layers)) section["holdout"] = holdout_data(layers, model.holdout);
  }

  /// The rows of a fit, or of a machine that was compared with measurements.
  void add_fit(const std::string& path) {
    begin_section("fit", path)["fit_rows"] = read_table(path, kFitFormat);
  }

  void add_fits(const std::string& path) {
    for (const std::string& name : names_like(path, "", kFitRowsEnding)) {
      add_fit((fs::path(path) / name).string());
    }
  }

  void add_search(const std::string& path) {
    const fs::path directory = path;
    if (is_there(directory / "model.yaml")) {
      keep(read_latency_model((directory / "model.yaml").string()));
    }
    Json& section = begin_section("search", path);
    double clock_mhz = 0.0;
    section["machine"] = machine_of_run((directory / "run.yaml").string(), clock_mhz);
    const Json machine = section["machine"];
    if (is_there(directory / "front.csv")) {
      section["front"] = read_table(directory / "front.csv", kFrontFormat);
    }
    if (is_there(directory / "operators.csv")) {
      section["spaces"] =
          Json::array({{{"file", "operators.csv"},
                        {"operators", read_table(directory / "operators.csv", kOperatorsFormat)}}});
    }
    add_search_files(section, directory);
    std::vector<std::string> targets = names_like(directory, "target-", "ms");
    for (const std::string& name : names_like(directory, "target-", "mJ")) targets.push_back(name);
    for (const std::string& name : targets) {
      Json& target = begin_section("target", (directory / name).string());
      target["machine"] = machine;
      add_search_files(target, directory / name);
    }
  }

  /// The files of a search for one limit.
  void add_search_files(Json& section, const fs::path& directory) {
    add_layers(section, directory);
    for (const auto& [name, format] :
         {std::pair{"metrics", &kMetricsFormat}, std::pair{"costs", &kCostsFormat},
          std::pair{"steps", &kStepsFormat}, std::pair{"decisions", &kDecisionsFormat}}) {
      const fs::path file = directory / (std::string(name) + ".csv");
      if (is_there(file)) section[name] = read_table(file, *format);
    }
    const fs::path architecture = directory / "architecture.yaml";
    if (take(architecture)) {
      section["architecture"] = yaml_json(
          parse_yaml(read_text_file(architecture.string(), kMaxYamlBytes), architecture.string()));
    }
    add_step_files(section, directory / "steps");
    add_evolution(section, directory);
  }

  /// What the steps of a search left: their networks without the settings, which are in run.yaml.
  void add_step_files(Json& section, const fs::path& directory) {
    Json files = Json::array();
    for (const std::string& name : names_like(directory, "", ".json")) {
      take(directory / name);
      const nlohmann::json record = read_json_file((directory / name).string());
      if (!record.is_object()) {
        throw InputError((directory / name).string() + ": is not the record of a step");
      }
      Json file = Json::object();
      for (const char* key : {"step", "architecture", "estimated_ms", "simulated_ms",
                              "validation_accuracy", "test_accuracy"}) {
        if (record.contains(key)) file[key] = record[key];
      }
      files.push_back(std::move(file));
    }
    if (!files.empty()) section["step_files"] = std::move(files);
  }

  void add_evolution(Json& section, const fs::path& directory) {
    Json stages = Json::array();
    for (const std::string& name : names_like(directory, "evolution-", ".json")) {
      const std::string path = (directory / name).string();
      take(path);
      const nlohmann::json record = read_json_file(path, {kMaxTextBytes});
      Json generations = Json::array();
      Json latencies = Json::array();
      Json accuracies = Json::array();
      try {
        for (const nlohmann::json& candidate : record.at("candidates")) {
          if (generations.size() == kMaxCandidates) break;
          generations.push_back(candidate.at("generation").get<std::int64_t>());
          latencies.push_back(candidate.at("latency_ms").get<double>());
          accuracies.push_back(candidate.at("score").get<double>());
        }
      } catch (const nlohmann::json::exception& e) {
        throw InputError(fmt::format("{}: {}", path, json_error_text(e)));
      }
      stages.push_back({{"file", name},
                        {"generation", generations},
                        {"latency_ms", latencies},
                        {"accuracy", accuracies}});
    }
    if (!stages.empty()) section["evolution"] = std::move(stages);
  }

  /// Whether a file is there. Counts its bytes; throws InputError if all files have too many.
  bool take(const fs::path& path) {
    if (!is_there(path)) return false;
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    if (error) return true;  // no regular file: reading it fails
    if (size > kMaxTotalBytes - total_bytes_) {
      throw InputError(fmt::format("{}: the files of a report have at most {} MiB in all",
                                   path.string(), kMaxTotalBytes >> 20));
    }
    total_bytes_ += size;
    return true;
  }

  Json read_table(const fs::path& path, const CsvFormat& format) {
    take(path);
    return read_csv_columns(path.string(), format);
  }

  const LatencyModel& keep(LatencyModel model) {
    const std::string machine = model.provenance.machine;
    return models_.insert_or_assign(machine, std::move(model)).first->second;
  }

  /// The predictions of the layers of a simulation, if there is a model of its machine.
  void add_predictions(std::size_t index) {
    const TraceFile& trace = traces_[index];
    if (trace.rows.empty()) return;
    const auto model = models_.find(trace.rows[0].machine);
    if (model == models_.end()) return;
    const Predictor predictor(model->second);
    Json predicted = Json::array();
    for (const Measurement& measurement : measurements_of(trace)) {
      const Prediction prediction = predictor.predict(measurement.network);
      for (const TraceRow& row : measurement.rows) {
        predicted.push_back(prediction.layer_cycles[static_cast<std::size_t>(row.index)]);
      }
    }
    sections_[index]["layers"]["predicted_cycles"] = std::move(predicted);
  }

  std::size_t total_bytes_ = 0;
  Json sections_ = Json::array();
  std::vector<TraceFile> traces_;  // of each section; empty if it has none
  std::map<std::string, LatencyModel> models_;
};

const std::array<ReportReader::Kind, 8> ReportReader::kKinds = {{
    {[](const fs::path& directory) { return is_there(directory / "sweep.csv"); },
     &ReportReader::add_sweep},
    {[](const fs::path& directory) { return is_there(directory / "explore.csv"); },
     &ReportReader::add_exploration},
    {[](const fs::path& directory) { return is_there(directory / "compare.csv"); },
     &ReportReader::add_comparison},
    {&ReportReader::is_search, &ReportReader::add_search},
    {[](const fs::path& directory) {
       return is_there(directory / "run.yaml") &&
              !names_like(directory, "operators", ".csv").empty();
     },
     &ReportReader::add_space},
    {[](const fs::path& directory) {
       return is_there(directory / "run.yaml") && is_there(directory / "layers.csv");
     },
     &ReportReader::add_simulation},
    {[](const fs::path& directory) { return is_there(directory / "model.yaml"); },
     &ReportReader::add_calibration},
    {[](const fs::path& directory) { return !names_like(directory, "", kFitRowsEnding).empty(); },
     &ReportReader::add_fits},
}};

}  // namespace

nlohmann::ordered_json report_data(const std::vector<std::string>& paths) {
  ReportReader reader;
  for (const std::string& path : paths) reader.add(path);
  return reader.finish();
}

}  // namespace tilewake
