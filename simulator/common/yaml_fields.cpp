// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_fields.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

bool contains(const NumberRange& range, double value) {
  const bool above_min = range.without_min ? value > range.min : value >= range.min;
  const bool below_max = range.without_max ? value < range.max : value <= range.max;
  return above_min && below_max;
}

bool is_closed(const NumberRange& range) {
  return range.max < NumberRange{}.max && !range.without_min && !range.without_max;
}

/// "from 1 to 10", "above 0 and below 1", "at least 0", ...
std::string text_of(const NumberRange& range) {
  if (is_closed(range)) return fmt::format("from {} to {}", range.min, range.max);
  std::string text = fmt::format("{} {}", range.without_min ? "above" : "at least", range.min);
  if (range.max < NumberRange{}.max)
    text += fmt::format(" and {} {}", range.without_max ? "below" : "at most", range.max);
  return text;
}

/// `text` in double quotes, so that YAML always reads it as text. Source: YAML 1.2.2, sections 5.7
/// and 7.3.1.
std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      result += fmt::format("\\x{:02x}", byte);
      continue;
    }
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::vector<std::pair<std::string_view, std::size_t>> numbered(
    const std::vector<std::string_view>& names) {
  std::vector<std::pair<std::string_view, std::size_t>> result;
  for (const std::string_view name : names) result.emplace_back(name, result.size());
  return result;
}

}  // namespace

/// Fields as text, for files and for the table of keys.
struct FieldText {
  static std::string value(const YamlFields::Number& f) { return fmt::format("{}", f.value); }
  static std::string value(const YamlFields::Integer& f) { return fmt::format("{}", f.value); }
  static std::string value(const YamlFields::Flag& f) { return f.value ? "true" : "false"; }
  static std::string value(const YamlFields::Text& f) { return tilewake::quoted(f.value); }
  static std::string value(const YamlFields::Word& f) { return std::string(f.names[f.index]); }
  static std::string value(const YamlFields::Order& f) {
    std::vector<std::string_view> words;
    for (const std::size_t index : f.indices) words.push_back(f.names[index]);
    return fmt::format("[{}]", fmt::join(words, ", "));
  }

  static std::string value(const YamlFields::Texts& f) {
    std::vector<std::string> words;
    for (const std::string& text : f.values) words.push_back(tilewake::quoted(text));
    return fmt::format("[{}]", fmt::join(words, ", "));
  }
  static std::string value(const YamlFields::Integers& f) {
    return fmt::format("[{}]", fmt::join(f.values, ", "));
  }
  static std::string value(const YamlFields::WordOrIntegers& f) {
    return f.integers.values.empty() ? value(f.word) : value(f.integers);
  }

  static std::string range(const YamlFields::Number& f) {
    return is_closed(f.range) ? fmt::format("{}..{}", f.range.min, f.range.max) : text_of(f.range);
  }
  static std::string range(const YamlFields::Integer& f) {
    return fmt::format("{}..{}", f.min, f.max);
  }
  static std::string range(const YamlFields::Flag& /*field*/) { return "`true`, `false`"; }
  static std::string range(const YamlFields::Text& /*field*/) { return "text"; }
  static std::string range(const YamlFields::Word& f) {
    return fmt::format("`{}`", fmt::join(f.names, "`, `"));
  }
  static std::string range(const YamlFields::Order& f) {
    return fmt::format("`{}`, each once", fmt::join(f.names, "`, `"));
  }
  static std::string range(const YamlFields::Texts& f) {
    return f.names.empty() ? "one or more texts"
                           : fmt::format("one or more of `{}`", fmt::join(f.names, "`, `"));
  }
  static std::string range(const YamlFields::Integers& f) {
    return f.rule.empty() ? fmt::format("one or more of {}..{}", f.min, f.max)
                          : fmt::format("{}, each {}..{}", f.rule, f.min, f.max);
  }
  static std::string range(const YamlFields::WordOrIntegers& f) {
    return fmt::format("{}, {}", range(f.word), range(f.integers));
  }

  static std::string value(const YamlFields::Field& field) {
    return std::visit([](const auto& f) { return value(f); }, field);
  }
  static std::string range(const YamlFields::Field& field) {
    return std::visit([](const auto& f) { return range(f); }, field);
  }
};

std::string YamlFields::value_text(const Field& field) { return FieldText::value(field); }

std::string YamlFields::range_text(const Field& field) { return FieldText::range(field); }

void YamlFields::visit_or_word(std::string_view key, std::string_view word, bool& is_word,
                               const std::function<void()>& visit) {
  if (!is_word) return visit();
  std::size_t index = 0;
  this->visit(key, Word{index, {word}}, {});
}

void YamlFieldReader::collect(const std::function<void()>& action) {
  try {
    action();
  } catch (const InputError& e) {
    if (errors_.size() < kMaxListedErrors) {
      errors_.emplace_back(e.what());
    } else {
      ++num_unlisted_;
    }
  }
}

void YamlFieldReader::finish() {
  collect([&] { yaml_->finish(); });
  throw_errors();
}

void YamlFieldReader::throw_errors() {
  if (errors_.empty()) return;
  if (num_unlisted_ > 0)
    errors_.push_back(fmt::format("{}: and {} more errors", yaml_->file(), num_unlisted_));
  std::vector<std::string> errors = std::exchange(errors_, {});
  if (errors.size() == 1) throw InputError(errors.front());
  throw InputErrors(std::move(errors));
}

void YamlFieldReader::read_mapping(YamlReader inner, const std::function<void()>& visit) {
  YamlReader* const outer = std::exchange(yaml_, &inner);
  const Missing missing = missing_;
  collect([&] {
    visit();
    inner.finish();
  });
  yaml_ = outer;
  missing_ = missing;
}

void YamlFieldReader::visit_section(std::string_view key, const std::function<void()>& visit,
                                    const FieldDoc& /*doc*/) {
  const std::string name(key);
  if (!keeps(name)) collect([&] { read_mapping(yaml_->section(name), visit); });
}

void YamlFieldReader::visit_items(std::string_view key, const Items& items,
                                  const FieldDoc& /*doc*/) {
  const std::string name(key);
  if (keeps(name)) return;
  std::vector<YamlReader> readers;  // none if they are refused
  collect([&] {
    std::vector<YamlReader> found = yaml_->items(name);
    yaml_->check(!found.empty(), name, "must not be empty");
    yaml_->check(found.size() <= items.max_count, name,
                 fmt::format("must be at most {}", items.max_count));
    items.resize(found.size());
    readers = std::move(found);
  });
  // Whether keys may be missing is decided in the list of the items.
  const Missing outer = std::exchange(missing_, Missing::kError);
  for (std::size_t i = 0; i < readers.size(); ++i)
    read_mapping(readers[i], [&] { items.visit(i); });
  missing_ = outer;
}

void YamlFieldReader::visit_or_word(std::string_view key, std::string_view word, bool& is_word,
                                    const std::function<void()>& visit) {
  const std::string name(key);
  is_word = yaml_->is_text(name, word);
  if (!is_word) return visit();
  yaml_->required<std::string>(name);
}

void YamlFieldReader::visit_optional(const std::function<void()>& visit) {
  const Missing outer = std::exchange(missing_, Missing::kKeepValue);
  visit();
  missing_ = outer;
}

void YamlFieldReader::visit(std::string_view key, const Field& field, const FieldDoc& /*doc*/) {
  const std::string name(key);
  if (keeps(name)) return;
  const auto read_value = [&] { std::visit([&](const auto& f) { read(name, f); }, field); };
  if (std::holds_alternative<Selector>(field)) {
    read_value();  // an error ends the mapping: what else is in it is not known
  } else {
    collect(read_value);
  }
}

void YamlFieldReader::visit_preset(std::string_view key, const Presets& presets,
                                   const std::function<void()>& visit, const FieldDoc& /*doc*/) {
  const std::string name(key);
  const Missing outer = missing_;
  missing_ = Missing::kKeepValue;
  if (keeps(name)) {
    missing_ = outer;
  } else {
    presets.choose(yaml_->choice(name, numbered(presets.names)));
  }
  visit();
  missing_ = outer;
}

bool YamlFieldReader::keeps(const std::string& key) {
  if (missing_ == Missing::kError || yaml_->has(key)) return false;
  yaml_->optional<std::string>(key, "");  // so that finish() lists it with the known keys
  return true;
}

void YamlFieldReader::read(const std::string& key, const Number& field) {
  field.value = yaml_->required<double>(key);
  yaml_->check(contains(field.range, field.value), key,
               fmt::format("must be {}, not {}", text_of(field.range), field.value));
}

void YamlFieldReader::read(const std::string& key, const Integer& field) {
  field.value = yaml_->integer(key, field.min, field.max);
}

void YamlFieldReader::read(const std::string& key, const Flag& field) {
  field.value = yaml_->required<bool>(key);
}

void YamlFieldReader::read(const std::string& key, const Text& field) {
  field.value = yaml_->required<std::string>(key);
}

void YamlFieldReader::read(const std::string& key, const Word& field) {
  field.index = yaml_->choice(key, numbered(field.names));
}

void YamlFieldReader::read(const std::string& key, const Order& field) {
  const std::vector<std::string> words = yaml_->strings(key);
  const auto is_listed = [&](std::string_view name) {
    return std::count(words.begin(), words.end(), name) == 1;
  };
  yaml_->check(words.size() == field.names.size() &&
                   std::all_of(field.names.begin(), field.names.end(), is_listed),
               key, fmt::format("must list {} once each", fmt::join(field.names, ", ")));
  field.indices.clear();
  for (const std::string& word : words) {
    const auto found = std::find(field.names.begin(), field.names.end(), word);
    field.indices.push_back(static_cast<std::size_t>(found - field.names.begin()));
  }
}

void YamlFieldReader::read(const std::string& key, const Texts& field) {
  field.values = yaml_->strings(key);
}

void YamlFieldReader::read(const std::string& key, const Integers& field) {
  field.values = yaml_->integers(key, field.min, field.max);
  const std::size_t count = field.values.size();
  yaml_->check(count >= field.min_count && count <= field.max_count, key,
               fmt::format("must be {}", field.rule));
}

void YamlFieldReader::read(const std::string& key, const WordOrIntegers& field) {
  if (yaml_->is_sequence(key)) {
    read(key, field.integers);
  } else {
    field.integers.values.clear();
    read(key, field.word);
  }
}

void YamlFieldWriter::visit_section(std::string_view key, const std::function<void()>& visit,
                                    const FieldDoc& /*doc*/) {
  yaml_ += fmt::format("{}{}:\n", indent_, key);
  const std::size_t length = indent_.size();
  indent_ += "  ";
  visit();
  indent_.resize(length);
}

void YamlFieldWriter::visit_items(std::string_view key, const Items& items,
                                  const FieldDoc& /*doc*/) {
  yaml_ += fmt::format("{}{}:\n", indent_, key);
  const std::size_t length = indent_.size();
  for (std::size_t i = 0; i < items.count; ++i) {
    const std::size_t begin = yaml_.size();
    indent_ += "    ";
    items.visit(i);
    indent_.resize(length);
    yaml_[begin + length + 2] = '-';
  }
}

void YamlFieldWriter::visit(std::string_view key, const Field& field, const FieldDoc& /*doc*/) {
  yaml_ += fmt::format("{}{}: {}\n", indent_, key, value_text(field));
}

void YamlFieldTable::visit_section(std::string_view key, const std::function<void()>& visit,
                                   const FieldDoc& /*doc*/) {
  const std::size_t length = path_.size();
  path_ += fmt::format("{}.", key);
  visit();
  path_.resize(length);
}

void YamlFieldTable::visit_or_word(std::string_view /*key*/, std::string_view word, bool& is_word,
                                   const std::function<void()>& visit) {
  const std::size_t begin = rows_.size();
  visit();
  for (std::size_t i = begin; i < rows_.size(); ++i) {
    rows_[i].range += fmt::format(" or `{}`", word);
    if (is_word) rows_[i].value = word;
  }
}

void YamlFieldTable::visit_items(std::string_view key, const Items& items, const FieldDoc& doc) {
  for (std::size_t i = 0; i < items.count; ++i)
    visit_section(
        fmt::format("{}[{}]", key, i), [&] { items.visit(i); }, doc);
}

void YamlFieldTable::visit(std::string_view key, const Field& field, const FieldDoc& doc) {
  rows_.push_back({fmt::format("{}{}", path_, key), std::string(doc.unit), range_text(field),
                   value_text(field), std::string(doc.meaning)});
}

}  // namespace tilewake
