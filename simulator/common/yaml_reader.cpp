// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_reader.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/nearest_name.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

using Kind = YamlNode::Kind;

constexpr std::size_t kMaxListedKeys = 5;  // of the unknown keys, in one error

/// The scalar in error messages. Quotes, which make it text, are mentioned because they are easily
/// overlooked.
std::string shown(const YamlNode& value) {
  return fmt::format("'{}'{}", printable(value.scalar),
                     value.quoted ? " in quotes, which make it a text," : "");
}

/// Why `value` is not the expected scalar; empty if it is a plain scalar.
std::string scalar_problem(const YamlNode& value, const std::string& expected) {
  switch (value.kind) {
    case Kind::kNull:
      return "has no value, expected " + expected;
    case Kind::kSequence:
      return "is a sequence, expected " + expected;
    case Kind::kMapping:
      return "is a mapping, expected " + expected;
    case Kind::kScalar:
      break;
  }
  return "";
}

/// std::from_chars does not accept a leading '+'.
std::string_view without_plus(const std::string& text) {
  std::string_view view = text;
  if (view.size() > 1 && view[0] == '+' && view[1] != '-') view.remove_prefix(1);
  return view;
}

template <typename T>
bool parse_whole(std::string_view text, T& result, std::errc& error) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), result);
  error = code;
  return end == text.data() + text.size() && !text.empty();
}

/// 010 is eight in YAML 1.1 and ten in YAML 1.2, so it is rejected.
bool has_leading_zero(std::string_view digits) {
  if (!digits.empty() && digits[0] == '-') digits.remove_prefix(1);
  return digits.size() > 1 && digits[0] == '0';
}

/// Of the key at `path` below `node`, or of the last mapping on the way to it.
int line_in(const YamlNode& node, const std::string& path) {
  for (const YamlNode::Key& key : node.keys)
    if (key.name == path) return key.line;
  const std::size_t dot = path.find('.');
  const YamlNode* section = dot == std::string::npos ? nullptr : node.find(path.substr(0, dot));
  return section != nullptr ? line_in(*section, path.substr(dot + 1)) : node.line;
}

}  // namespace

struct YamlReader::Document {
  std::string file;
  YamlNode root;
};

YamlReader::YamlReader(std::shared_ptr<const Document> document, std::string path,
                       const YamlNode& node)
    : document_(std::move(document)), path_(std::move(path)), node_(&node) {}

YamlReader YamlReader::from_file(const std::string& path) {
  return from_text(read_text_file(path), path);
}

YamlReader YamlReader::from_text(const std::string& text, const std::string& name,
                                 const std::vector<YamlOverride>& overrides) {
  YamlNode root = parse_yaml(text, name);
  for (const YamlOverride& change : overrides) apply(change, root, name);
  return from_document(std::move(root), name);
}

YamlReader YamlReader::from_document(YamlNode root, const std::string& name) {
  auto document = std::make_shared<Document>(Document{name, std::move(root)});
  const YamlNode& node = document->root;
  return {std::move(document), "", node};
}

std::int64_t YamlReader::integer(const std::string& key, std::int64_t min, std::int64_t max) {
  return to_integer({key}, value_of(key), min, max);
}

std::int64_t YamlReader::integer(const std::string& key, std::int64_t min, std::int64_t max,
                                 std::int64_t fallback) {
  return lookup(key) != nullptr ? integer(key, min, max) : fallback;
}

double YamlReader::number(const std::string& key, double min, double max) {
  return to_number({key}, value_of(key), min, max);
}

double YamlReader::number(const std::string& key, double min, double max, double fallback) {
  return lookup(key) != nullptr ? number(key, min, max) : fallback;
}

template <typename Read>
void YamlReader::for_each_element(const std::string& key, Read read) {
  const YamlNode& value = value_of(key);
  if (value.kind != Kind::kSequence) {
    read(Place{key}, value);
    return;
  }
  if (value.children.empty()) fail(key, "must not be empty");
  for (std::size_t i = 0; i < value.children.size(); ++i) {
    read(Place{key, i}, value.children[i]);
  }
}

std::vector<std::int64_t> YamlReader::integers(const std::string& key, std::int64_t min,
                                               std::int64_t max) {
  std::vector<std::int64_t> result;
  for_each_element(key, [&](const Place& place, const YamlNode& value) {
    result.push_back(to_integer(place, value, min, max));
  });
  return result;
}

std::vector<std::string> YamlReader::strings(const std::string& key) {
  std::vector<std::string> result;
  for_each_element(key, [&](const Place& place, const YamlNode& value) {
    result.push_back(to_text(place, value));
  });
  return result;
}

std::vector<std::string> YamlReader::strings(const std::string& key,
                                             std::vector<std::string> fallback) {
  return lookup(key) != nullptr ? strings(key) : std::move(fallback);
}

YamlReader YamlReader::section(const std::string& key) {
  const YamlNode& value = value_of(key);
  if (value.kind != Kind::kMapping) fail(key, "must be a mapping");
  return {document_, path_of(key), value};
}

std::vector<YamlReader> YamlReader::items(const std::string& key) {
  const YamlNode& value = value_of(key);
  if (value.kind != Kind::kSequence) fail(key, "must be a sequence of mappings");
  std::vector<YamlReader> readers;
  for (std::size_t i = 0; i < value.children.size(); ++i) {
    const YamlNode& element = value.children[i];
    std::string path = fmt::format("{}[{}]", path_of(key), i);
    if (element.kind != Kind::kMapping) fail_at(element.line, path, "must be a mapping");
    readers.push_back(YamlReader(document_, std::move(path), element));
  }
  return readers;
}

bool YamlReader::has(const std::string& key) const { return node_->find(key) != nullptr; }

bool YamlReader::is_sequence(const std::string& key) const {
  const YamlNode* value = node_->find(key);
  return value != nullptr && value->kind == Kind::kSequence;
}

bool YamlReader::is_text(const std::string& key, std::string_view text) const {
  const YamlNode* value = node_->find(key);
  return value != nullptr && value->kind == Kind::kScalar && value->scalar == text;
}

std::vector<std::string> YamlReader::keys() const {
  std::vector<std::string> names;
  for (const YamlNode::Key& key : node_->keys) names.push_back(key.name);
  return names;
}

void YamlReader::fail(const std::string& key, const std::string& what) const {
  fail_at(line(key), path_of(key), what);
}

void YamlReader::finish() const {
  std::vector<const YamlNode::Key*> unknown;
  for (const YamlNode::Key& key : node_->keys) {
    if (!has_seen(key.name) && !told_.contains(key.name)) unknown.push_back(&key);
  }
  if (unknown.empty()) return;
  const std::set<std::string> known(seen_.begin(), seen_.end());
  const std::string& first = unknown.front()->name;
  std::string what = fmt::format("unknown key; known here: {}{}", fmt::join(known, ", "),
                                 suggestion(first, known));
  const std::size_t num_listed = std::min(unknown.size(), kMaxListedKeys);
  for (std::size_t i = 1; i < num_listed; ++i) {
    const YamlNode::Key& key = *unknown[i];
    what += fmt::format("{} {} (line {}{})", i == 1 ? "; also unknown:" : ",", printable(key.name),
                        key.line, suggestion(key.name, known));
  }
  if (num_listed < unknown.size()) {
    what += fmt::format(" and {} more", unknown.size() - num_listed);
  }
  fail(first, what);
}

const std::string& YamlReader::file() const { return document_->file; }

int YamlReader::line() const { return node_->line; }

int YamlReader::line(const std::string& key) const { return line_in(*node_, key); }

const YamlNode* YamlReader::lookup(const std::string& key) {
  if (!has_seen(key)) seen_.push_back(key);
  return node_->find(key);
}

bool YamlReader::has_seen(std::string_view key) const {
  return std::find(seen_.begin(), seen_.end(), key) != seen_.end();
}

std::string YamlReader::misspelled(const std::string& key) {
  std::vector<std::string_view> unread;
  for (const YamlNode::Key& other : node_->keys) {
    if (!has_seen(other.name)) unread.push_back(other.name);
  }
  const std::string near(nearest_name(key, unread));
  if (near.empty()) return "";
  told_.insert(near);
  return fmt::format("; line {} has '{}', did you mean '{}'?", line(near), printable(near), key);
}

const YamlNode& YamlReader::value_of(const std::string& key) {
  const YamlNode* value = lookup(key);
  if (value == nullptr) fail(key, "missing" + misspelled(key));
  return *value;
}

std::string YamlReader::path_of(const std::string& key) const {
  if (key.empty()) return path_;
  return path_.empty() ? printable(key) : path_ + "." + printable(key);
}

std::string YamlReader::path_of(const Place& place) const {
  const std::string path = path_of(place.key);
  return place.element == kNoElement ? path : fmt::format("{}[{}]", path, place.element);
}

bool YamlReader::to_bool(const std::string& key, const YamlNode& value) const {
  const std::string problem = scalar_problem(value, "true or false");
  if (!problem.empty()) fail_at(value.line, path_of(key), problem);
  if (!value.quoted && value.scalar == "true") return true;
  if (!value.quoted && value.scalar == "false") return false;
  fail_at(value.line, path_of(key), fmt::format("must be true or false, not {}", shown(value)));
}

std::int64_t YamlReader::to_integer(const Place& place, const YamlNode& value, std::int64_t min,
                                    std::int64_t max) const {
  const std::string problem = scalar_problem(value, "an integer");
  if (!problem.empty()) fail_at(value.line, path_of(place), problem);
  const std::string_view text = without_plus(value.scalar);
  std::int64_t result = 0;
  std::errc error{};
  if (value.quoted || !parse_whole(text, result, error) || has_leading_zero(text)) {
    fail_at(value.line, path_of(place),
            fmt::format("cannot read {} as a decimal integer", shown(value)));
  }
  if (error == std::errc::result_out_of_range || result < min || result > max) {
    fail_at(value.line, path_of(place),
            fmt::format("must be from {} to {}, not {}", min, max, printable(value.scalar)));
  }
  return result;
}

double YamlReader::to_number(const Place& place, const YamlNode& value, double min,
                             double max) const {
  const std::string problem = scalar_problem(value, "a number");
  if (!problem.empty()) fail_at(value.line, path_of(place), problem);
  const std::string_view text = without_plus(value.scalar);
  double result = 0;
  std::errc error{};
  if (value.quoted || !parse_whole(text, result, error) ||
      error == std::errc::result_out_of_range || !std::isfinite(result)) {
    fail_at(value.line, path_of(place),
            fmt::format("cannot read {} as a finite number", shown(value)));
  }
  if (result < min || result > max) {
    fail_at(value.line, path_of(place),
            fmt::format("must be from {} to {}, not {}", min, max, printable(value.scalar)));
  }
  return result;
}

std::string YamlReader::to_text(const Place& place, const YamlNode& value) const {
  const std::string problem = scalar_problem(value, "text");
  if (!problem.empty()) fail_at(value.line, path_of(place), problem);
  return value.scalar;
}

std::size_t YamlReader::choice_index(const std::string& key,
                                     const std::vector<std::string_view>& names) {
  const YamlNode& value = value_of(key);
  const std::string text = to_text({key}, value);
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    fail_at(value.line, path_of(key),
            fmt::format("unknown value '{}'; choose one of: {}{}", printable(text),
                        fmt::join(names, ", "), suggestion(text, names)));
  }
  return static_cast<std::size_t>(found - names.begin());
}

void YamlReader::fail_at(int line, const std::string& path, const std::string& what) const {
  throw InputError(path.empty() ? fmt::format("{}:{}: {}", document_->file, line, what)
                                : fmt::format("{}:{}: {}: {}", document_->file, line, path, what));
}

}  // namespace tilewake
