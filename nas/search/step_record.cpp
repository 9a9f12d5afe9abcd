// SPDX-License-Identifier: Apache-2.0
#include "nas/search/step_record.hpp"

#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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

/// Of all that is in a record but the hash itself.
std::string hash_of(Json json) {
  json.erase("hash");
  return fmt::format("{:016x}", fnv1a64(json.dump()));
}

StepRecord parse(const std::string& text, const std::string& path) {
  const Json json = parse_json(text, path);
  if (json.at("hash").get<std::string>() != hash_of(json)) {
    throw InputError(path + ": is damaged: its hash is not that of what it holds");
  }
  StepRecord record;
  record.step = json.at("step").get<std::string>();
  record.fingerprint = json.at("fingerprint").get<std::string>();
  if (json.contains("architecture")) {
    record.architecture =
        read_architecture_text(json.at("architecture").get<std::string>(), path + ": architecture");
  }
  record.estimated_ms = get(json, "estimated_ms");
  record.simulated_ms = get(json, "simulated_ms");
  record.validation_accuracy = get(json, "validation_accuracy");
  record.test_accuracy = get(json, "test_accuracy");
  record.values = json.at("values").get<std::vector<double>>();
  record.log = json.at("log").get<std::vector<std::string>>();
  return record;
}

}  // namespace

std::optional<StepRecord> StepStore::find(const std::string& name,
                                          const std::string& fingerprint) const {
  const std::string path = path_of(name);
  if (!std::filesystem::exists(path)) return {};
  const std::string text = read_text_file(path);
  StepRecord record;
  try {
    record = parse(text, path);
  } catch (const Json::exception& e) {
    throw InputError(fmt::format("{}: no record of a step: {}", path, json_error_text(e)));
  }
  if (record.fingerprint != fingerprint) {
    throw InputError(
        fmt::format("{}: is of a run with other settings; give another --out, or begin again with "
                    "--force or an empty directory",
                    path));
  }
  return record;
}

void StepStore::save(const std::string& name, const StepRecord& record) const {
  Json json;
  json["step"] = record.step;
  json["fingerprint"] = record.fingerprint;
  if (record.architecture) json["architecture"] = architecture_text(*record.architecture);
  set(json, "estimated_ms", record.estimated_ms);
  set(json, "simulated_ms", record.simulated_ms);
  set(json, "validation_accuracy", record.validation_accuracy);
  set(json, "test_accuracy", record.test_accuracy);
  json["values"] = record.values;
  json["log"] = record.log;
  json["hash"] = hash_of(json);
  const std::string path = path_of(name);
  make_directory_of(path);
  write_file_atomically(path, json.dump(1) + "\n");
}

}  // namespace tilewake
