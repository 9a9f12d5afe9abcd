// SPDX-License-Identifier: Apache-2.0
#include "nas/evolution/evolution_file.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>

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

// A thousand candidates of 20 positions need 126 KB.
constexpr std::size_t kMaxEvolutionBytes = std::size_t{64} << 20;
constexpr std::size_t kMaxEvolutionValues = std::size_t{1} << 23;

/// Of everything in the file except the hash itself.
std::string hash_of(Json json) {
  json.erase("hash");
  return fmt::format("{:016x}", fnv1a64(json.dump()));
}

Json json_of(const Candidate& candidate) {
  return {{"generation", candidate.generation},
          {"origin", to_string(candidate.origin)},
          {"path", candidate.path},
          {"latency_ms", candidate.latency_ms},
          {"score", candidate.score}};
}

Origin origin_of(const Json& json, const std::string& path) {
  const auto name = json.get<std::string>();
  for (const Origin origin :
       {Origin::kRandom, Origin::kMutation, Origin::kCrossover, Origin::kFastest}) {
    if (name == to_string(origin)) return origin;
  }
  throw InputError(fmt::format("{}: unknown origin of a candidate: '{}'", path, printable(name)));
}

/// get<int>() would cut a larger number to its lowest bits, or cast one with an exponent.
int integer_of(const Json& json, const std::string& path) {
  constexpr int kMax = std::numeric_limits<int>::max();
  if (!json.is_number_unsigned() || json.get<std::uint64_t>() > kMax) {
    throw InputError(fmt::format("{}: expected an integer from 0 to {}, not {}", path, kMax,
                                 printable(json.dump())));
  }
  return static_cast<int>(json.get<std::uint64_t>());
}

std::vector<Candidate> candidates_of(const Json& json, const std::string& path) {
  std::vector<Candidate> candidates;
  for (const Json& entry : json.at("candidates")) {
    Candidate candidate;
    candidate.generation = integer_of(entry.at("generation"), path);
    candidate.origin = origin_of(entry.at("origin"), path);
    for (const Json& choice : entry.at("path")) candidate.path.push_back(integer_of(choice, path));
    candidate.latency_ms = entry.at("latency_ms").get<double>();
    candidate.score = entry.at("score").get<double>();
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

}  // namespace

std::vector<Candidate> read_evolution(const std::string& path, const std::string& fingerprint) {
  if (!std::filesystem::exists(path)) return {};
  const std::string text = read_text_file(path, kMaxEvolutionBytes);
  try {
    const Json json = parse_json(text, path, {kMaxEvolutionBytes, kMaxEvolutionValues});
    if (json.at("hash").get<std::string>() != hash_of(json)) {
      throw InputError(path + ": is damaged: the hash does not match its content");
    }
    const auto found = json.at("fingerprint").get<std::string>();
    if (found != fingerprint) {
      throw InputError(
          fmt::format("{}: was written with different settings: {}; use another --out, or --force",
                      path, settings_difference(found, fingerprint)));
    }
    return candidates_of(json, path);
  } catch (const Json::exception& e) {
    throw InputError(fmt::format("{}: not an evolution file: {}", path, json_error_text(e)));
  }
}

void write_evolution(const std::string& path, const std::string& fingerprint,
                     const std::vector<Candidate>& candidates) {
  Json json;
  json["fingerprint"] = fingerprint;
  json["candidates"] = Json::array();
  std::string lines;
  for (const Candidate& candidate : candidates) {
    Json entry = json_of(candidate);
    lines += (lines.empty() ? "\n" : ",\n") + entry.dump();
    json["candidates"].push_back(std::move(entry));
  }
  make_directory_of(path);
  write_file_atomically(
      path, fmt::format("{{\"fingerprint\":{},\"hash\":\"{}\",\"candidates\":[{}\n]}}\n",
                        json["fingerprint"].dump(), hash_of(json), lines));
}

}  // namespace tilewake
