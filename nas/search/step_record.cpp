// SPDX-License-Identifier: Apache-2.0
#include "nas/search/step_record.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "nas/common/settings_difference.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/json_document.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::json;

void set(Json& json, const char* key, const std::optional<double>& value) {
  if (value) json[key] = *value;
}

std::optional<double> get(const Json& json, const char* key) {
  const auto found = json.find(key);
  if (found == json.end()) return {};
  return found->get<double>();
}

constexpr std::array<std::pair<Verdict, std::string_view>, 3> kVerdicts = {
    {{Verdict::kChosen, "chosen"},
     {Verdict::kTrained, "trained"},
     {Verdict::kRejected, "rejected"}}};

Json int8_json(const Int8Accuracy& int8) {
  return {{"validation_accuracy", int8.validation},
          {"validation_standard_error", int8.validation_error},
          {"test_accuracy", int8.test},
          {"test_standard_error", int8.test_error}};
}

Int8Accuracy parse_int8(const Json& json) {
  return {json.at("validation_accuracy").get<double>(),
          json.at("validation_standard_error").get<double>(),
          json.at("test_accuracy").get<double>(), json.at("test_standard_error").get<double>()};
}

Json candidate_json(const CandidateResult& candidate) {
  Json json = {{"line", candidate.line}, {"verdict", to_string(candidate.verdict)}};
  set(json, "latency_ms", candidate.latency_ms);
  set(json, "accuracy", candidate.accuracy);
  return json;
}

CandidateResult parse_candidate(const Json& json, std::size_t num_lines, const std::string& path) {
  CandidateResult candidate;
  candidate.line = json.at("line").get<std::size_t>();
  const auto verdict = json.at("verdict").get<std::string>();
  const auto* const found =
      std::find_if(kVerdicts.begin(), kVerdicts.end(),
                   [&](const auto& entry) { return entry.second == verdict; });
  if (found == kVerdicts.end() || candidate.line >= num_lines) {
    throw InputError(path + ": is not a step record: a candidate without a line or verdict");
  }
  candidate.verdict = found->first;
  candidate.latency_ms = get(json, "latency_ms");
  candidate.accuracy = get(json, "accuracy");
  return candidate;
}

/// A fingerprint as one string a line, and back.
std::vector<std::string> lines_of(const std::string& fingerprint) {
  std::vector<std::string> lines;
  std::istringstream text(fingerprint);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::string fingerprint_of(const std::vector<std::string>& lines) {
  std::string fingerprint;
  for (const std::string& line : lines) fingerprint += line + "\n";
  return fingerprint;
}

/// Hash of the whole record except for the hash itself.
std::string record_hash(Json json) {
  json.erase("hash");
  return fmt::format("{:016x}", fnv1a64(json.dump()));
}

StepRecord parse(const std::string& text, const std::string& path) {
  const Json json = parse_json(text, path);
  if (json.at("hash").get<std::string>() != record_hash(json)) {
    throw InputError(path + ": is damaged: the hash does not match its content");
  }
  StepRecord record;
  record.step = json.at("step").get<std::string>();
  record.fingerprint = fingerprint_of(json.at("settings").get<std::vector<std::string>>());
  if (json.contains("architecture")) {
    // JSON is YAML: read as strictly as an architecture file.
    record.architecture =
        read_architecture_text(json.at("architecture").dump(1), path + ": architecture");
  }
  record.estimated_ms = get(json, "estimated_ms");
  record.simulated_ms = get(json, "simulated_ms");
  record.estimated_mj = get(json, "estimated_mj");
  record.simulated_mj = get(json, "simulated_mj");
  record.validation_accuracy = get(json, "validation_accuracy");
  record.test_accuracy = get(json, "test_accuracy");
  record.validation_error = get(json, "validation_standard_error");
  record.test_error = get(json, "test_standard_error");
  if (json.contains("int8")) record.int8 = parse_int8(json.at("int8"));
  record.values = json.at("values").get<std::vector<double>>();
  record.log = json.at("log").get<std::vector<std::string>>();
  for (const Json& candidate : json.at("candidates")) {
    record.candidates.push_back(parse_candidate(candidate, record.log.size(), path));
  }
  return record;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
  return std::find_if(kVerdicts.begin(), kVerdicts.end(),
                      [&](const auto& entry) { return entry.first == verdict; })
      ->second;
}

void StepRecord::add_candidate(std::string line, Verdict verdict, std::optional<double> latency_ms,
                               std::optional<double> accuracy) {
  candidates.push_back({log.size(), verdict, latency_ms, accuracy});
  log.push_back(std::move(line));
}

void StepRecord::take_result_of(const StepRecord& other) {
  architecture = other.architecture;
  estimated_ms = other.estimated_ms;
  simulated_ms = other.simulated_ms;
  estimated_mj = other.estimated_mj;
  simulated_mj = other.simulated_mj;
  validation_accuracy = other.validation_accuracy;
  test_accuracy = other.test_accuracy;
  validation_error = other.validation_error;
  test_error = other.test_error;
  int8 = other.int8;
  values = other.values;
}

std::optional<StepRecord> read_step_record(const std::string& path,
                                           const std::string& fingerprint) {
  if (!std::filesystem::exists(path)) return {};
  const std::string text = read_text_file(path);
  StepRecord record;
  try {
    record = parse(text, path);
  } catch (const Json::exception& e) {
    throw InputError(fmt::format("{}: is not a step record: {}", path, json_error_text(e)));
  }
  if (record.fingerprint != fingerprint) {
    throw InputError(
        fmt::format("{}: was written with different settings: {}; use another --out, or --force",
                    path, settings_difference(record.fingerprint, fingerprint)));
  }
  return record;
}

void write_step_record(const std::string& path, const StepRecord& record) {
  Json json;
  json["step"] = record.step;
  json["settings"] = lines_of(record.fingerprint);
  if (record.architecture)
    json["architecture"] = Json::parse(architecture_json(*record.architecture));
  set(json, "estimated_ms", record.estimated_ms);
  set(json, "simulated_ms", record.simulated_ms);
  set(json, "estimated_mj", record.estimated_mj);
  set(json, "simulated_mj", record.simulated_mj);
  set(json, "validation_accuracy", record.validation_accuracy);
  set(json, "test_accuracy", record.test_accuracy);
  set(json, "validation_standard_error", record.validation_error);
  set(json, "test_standard_error", record.test_error);
  if (record.int8) json["int8"] = int8_json(*record.int8);
  json["values"] = record.values;
  json["log"] = record.log;
  json["candidates"] = Json::array();
  for (const CandidateResult& candidate : record.candidates) {
    json["candidates"].push_back(candidate_json(candidate));
  }
  json["hash"] = record_hash(json);
  make_directory_of(path);
  write_file_atomically(path, json.dump(1) + "\n");
}

std::string step_path(const std::string& directory, const std::string& step) {
  return fmt::format("{}/steps/{}.json", directory, step);
}

StepRecord do_once(const std::string& directory, const std::string& step,
                   const std::string& fingerprint,
                   const std::function<void(StepRecord& record)>& fill) {
  const std::string path = step_path(directory, step);
  if (std::optional<StepRecord> done = read_step_record(path, fingerprint)) return *done;
  StepRecord record;
  record.step = step;
  record.fingerprint = fingerprint;
  fill(record);
  write_step_record(path, record);
  return record;
}

}  // namespace tilewake
