// SPDX-License-Identifier: Apache-2.0
#include "latency_model/report/yaml_json.hpp"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include <nlohmann/json.hpp>

#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

Json json_of_scalar(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  const char* end = text.data() + text.size();
  std::int64_t integer = 0;
  if (const auto result = std::from_chars(text.data(), end, integer);
      result.ec == std::errc{} && result.ptr == end) {
    return integer;
  }
  double number = 0.0;
  if (const auto result = std::from_chars(text.data(), end, number);
      result.ec == std::errc{} && result.ptr == end && std::isfinite(number)) {
    return number;
  }
  return text;
}

}  // namespace

nlohmann::ordered_json yaml_json(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return nullptr;
    case YamlNode::Kind::kScalar:
      return node.quoted ? Json(node.scalar) : json_of_scalar(node.scalar);
    case YamlNode::Kind::kSequence: {
      Json array = Json::array();
      for (const YamlNode& child : node.children) array.push_back(yaml_json(child));
      return array;
    }
    case YamlNode::Kind::kMapping:
      break;
  }
  Json object = Json::object();
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    object[node.keys[i].name] = yaml_json(node.children[i]);
  }
  return object;
}

}  // namespace tilewake
