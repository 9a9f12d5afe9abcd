// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_template.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kColumns = 80;

/// "rows of MACs; 1..4096", "width of a channel; bytes, 1..1024"
std::string description_of(const FieldDoc& doc, const std::string& range) {
  std::string text(doc.meaning);
  if (!text.empty()) text += "; ";
  if (!doc.unit.empty()) text += fmt::format("{}, ", doc.unit);
  return text + range;
}

}  // namespace

void YamlTemplate::comment(const std::string& text) {
  std::string plain = text;
  plain.erase(std::remove(plain.begin(), plain.end(), '`'), plain.end());
  yaml_ += wrapped(plain, indent_ + "# ", kColumns);
}

void YamlTemplate::visit(std::string_view key, const Field& field, const FieldDoc& doc) {
  std::string range = range_text(field);
  if (!word_.empty()) range += fmt::format(" or {}", word_);
  comment(description_of(doc, range));
  yaml_ += fmt::format("{}{}{}: {}\n", indent_, is_preset_ ? "#" : "", key,
                       is_word_ ? std::string(word_) : value_text(field));
}

void YamlTemplate::visit_or_word(std::string_view /*key*/, std::string_view word, bool& is_word,
                                 const std::function<void()>& visit) {
  word_ = word;
  is_word_ = is_word;
  visit();
  word_ = {};
  is_word_ = false;
}

void YamlTemplate::visit_section(std::string_view key, const std::function<void()>& visit,
                                 const FieldDoc& doc) {
  if (!doc.meaning.empty()) comment(std::string(doc.meaning));
  if (is_word_) {
    yaml_ += fmt::format("{}{}: {}\n", indent_, key, word_);
    return;
  }
  word_ = {};
  yaml_ += fmt::format("{}{}:\n", indent_, key);
  const std::size_t length = indent_.size();
  indent_ += "  ";
  visit();
  indent_.resize(length);
}

void YamlTemplate::visit_items(std::string_view key, const Items& items, const FieldDoc& doc) {
  if (!doc.meaning.empty()) comment(std::string(doc.meaning));
  yaml_ += fmt::format("{}{}:\n", indent_, key);
  const std::size_t length = indent_.size();
  for (std::size_t i = 0; i < items.count; ++i) {
    yaml_ += indent_ + "  -\n";
    indent_ += "    ";
    items.visit(i);
    indent_.resize(length);
  }
}

void YamlTemplate::visit_preset(std::string_view key, const Presets& presets,
                                const std::function<void()>& visit, const FieldDoc& doc) {
  // The values are those of a preset if it writes the same text.
  const auto text_of = [&](std::size_t choice) {
    presets.choose(choice);
    YamlTemplate values;
    std::swap(values.yaml_, yaml_);
    visit();
    std::swap(values.yaml_, yaml_);
    return values.yaml_;
  };
  const std::string original = text_of(kNoPreset);
  std::size_t preset = kNoPreset;
  for (std::size_t i = 0; i < presets.names.size(); ++i)
    if (text_of(i) == original) preset = i;
  presets.choose(kNoPreset);
  if (preset != kNoPreset) {
    comment(description_of(doc, fmt::format("{}", fmt::join(presets.names, ", "))));
    yaml_ += fmt::format("{}{}: {}\n", indent_, key, presets.names[preset]);
    comment(fmt::format("Values of {}. To change one, remove the # before its key.",
                        presets.names[preset]));
  }
  is_preset_ = preset != kNoPreset;
  visit();
  is_preset_ = false;
}

}  // namespace tilewake
