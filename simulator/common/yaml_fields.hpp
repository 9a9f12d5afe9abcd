// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace tilewake {

class YamlReader;

/// Valid values of a number; both ends are included unless excluded here.
struct NumberRange {
  double min = 0.0;
  double max = std::numeric_limits<double>::max();
  bool without_min = false;
  bool without_max = false;
};

/// Unit and meaning of a key, for the table of keys.
struct FieldDoc {
  std::string_view unit;
  std::string_view meaning;
  std::string_view fallback = {};  // the default in words, if it depends on other fields
};

/// The name of `value` in `names`, a range of pairs {name, value}; empty if it has none.
template <typename Names, typename T>
std::string_view name_of(const Names& names, const T& value) {
  for (const auto& [name, candidate] : names)
    if (candidate == value) return name;
  return "";
}

/// Visits the fields of a configuration. A struct lists its fields once, in the order of writing:
///
///   void visit_fields(YamlFields& fields, Config& config) {
///     fields.integer("rows", config.rows, 1, 4096, {"", "rows of MACs"});
///     fields.section("buffer", [&] { fields.integer("bytes", config.bytes, 1, kMaxBytes); });
///   }
///
/// YamlFieldReader, YamlFieldWriter, YamlFieldTable, YamlSchema and YamlTemplate use this list to
/// read a file, to write one and to document the keys. Rules between fields are checked after
/// reading, in separate functions.
class YamlFields {
 public:
  virtual ~YamlFields() = default;

  void number(std::string_view key, double& value, const NumberRange& range,
              const FieldDoc& doc = {}) {
    visit(key, Number{value, range}, doc);
  }

  /// An integer in [min, max].
  template <typename T>
  void integer(std::string_view key, T& value, std::int64_t min, std::int64_t max,
               const FieldDoc& doc = {}) {
    std::int64_t wide = value;
    visit(key, Integer{wide, min, max}, doc);
    value = static_cast<T>(wide);
  }

  void flag(std::string_view key, bool& value, const FieldDoc& doc = {}) {
    visit(key, Flag{value}, doc);
  }
  /// `pattern` is a regular expression for editors; the reader does not check it.
  void text(std::string_view key, std::string& value, const FieldDoc& doc = {},
            std::string_view pattern = {}) {
    visit(key, Text{value, pattern}, doc);
  }

  /// One text or a sequence of at least one. `names`, if any, are the only values; the reader does
  /// not check this.
  void texts(std::string_view key, std::vector<std::string>& values, const FieldDoc& doc = {},
             const std::vector<std::string>& names = {}) {
    visit(key, Texts{values, {names.begin(), names.end()}}, doc);
  }

  /// One integer or a sequence of 1 to `max_count` of them, each in [min, max]. `rule` is the
  /// error message for longer ones.
  template <typename T>
  void integers(std::string_view key, std::vector<T>& values, std::int64_t min, std::int64_t max,
                const FieldDoc& doc = {}, std::size_t max_count = kAnyCount,
                std::string_view rule = {}) {
    std::vector<std::int64_t> wide(values.begin(), values.end());
    visit(key, Integers{wide, min, max, 1, max_count, rule}, doc);
    values.clear();
    for (const std::int64_t value : wide) values.push_back(static_cast<T>(value));
  }

  /// One of `names`, or a sequence of exactly `count` integers in [min, max]; `integers` is empty
  /// for a name.
  template <typename T, typename Pairs>
  void word_or_integers(std::string_view key, T& value, const Pairs& names,
                        std::vector<std::int64_t>& integers, std::int64_t min, std::int64_t max,
                        std::size_t count, std::string_view rule, const FieldDoc& doc = {}) {
    std::size_t index = index_of(names, value);
    visit(key, WordOrIntegers{{index, keys_of(names)}, {integers, min, max, count, count, rule}},
          doc);
    value = value_at(names, index);
  }

  /// One of `names`, a range of pairs {name, value}.
  template <typename T, typename Pairs>
  void word(std::string_view key, T& value, const Pairs& names, const FieldDoc& doc = {}) {
    std::size_t index = index_of(names, value);
    visit(key, Word{index, keys_of(names)}, doc);
    value = value_at(names, index);
  }

  /// A sequence of all of `names`, each once.
  template <typename T, std::size_t N>
  void order(std::string_view key, std::array<T, N>& values,
             const std::pair<std::string_view, T> (&names)[N], const FieldDoc& doc = {}) {
    std::vector<std::size_t> indices;
    for (const T& value : values) indices.push_back(index_of(names, value));
    visit(key, Order{indices, keys_of(names)}, doc);
    for (std::size_t i = 0; i < N; ++i) values[i] = names[indices[i]].second;
  }

  /// The alternative of a variant, by its name. The fields of the alternative are not visited.
  template <typename... T>
  void alternative(std::string_view key, std::variant<T...>& value,
                   const std::array<std::string_view, sizeof...(T)>& names,
                   const FieldDoc& doc = {}) {
    using Variant = std::variant<T...>;
    std::size_t index = value.index();
    visit(key, Selector{{index, {names.begin(), names.end()}}}, doc);
    if (index == value.index()) return;
    static constexpr std::array<Variant (*)(), sizeof...(T)> kMake = {
        +[]() -> Variant { return T{}; }...};
    value = kMake[index]();
  }

  /// One of `names` that selects which fields follow: the list depends on its value.
  template <typename T, typename Pairs>
  void selector(std::string_view key, T& value, const Pairs& names, const FieldDoc& doc = {}) {
    std::size_t index = index_of(names, value);
    visit(key, Selector{{index, keys_of(names)}}, doc);
    value = value_at(names, index);
  }

  /// A mapping with the fields visited by `visit`.
  void section(std::string_view key, const std::function<void()>& visit, const FieldDoc& doc = {}) {
    visit_section(key, visit, doc);
  }

  /// The one field or section that `visit` visits, of this key. In the file it may also be `word`:
  /// then `is_word` is true, and what the field refers to is not changed.
  void or_word(std::string_view key, std::string_view word, bool& is_word,
               const std::function<void()>& visit) {
    visit_or_word(key, word, is_word, visit);
  }

  /// A sequence of 1 to `max_count` mappings with the fields that `visit_item(T&)` visits.
  template <typename T, typename Visit>
  void items(std::string_view key, std::vector<T>& values, std::size_t max_count, Visit visit_item,
             const FieldDoc& doc = {}) {
    const Items items{values.size(), max_count, [&](std::size_t count) { values.resize(count); },
                      [&](std::size_t index) { visit_item(values[index]); }};
    visit_items(key, items, doc);
  }

  /// The fields visited by `visit` may be missing and have their present values as defaults.
  void optional(const std::function<void()>& visit) { visit_optional(visit); }

  /// Optional fields of a later version: a writer omits them if all have their defaults, so what
  /// is derived from the text (ids of machines) stays.
  void unless_default(bool is_default, const std::function<void()>& visit) {
    visit_unless_default(is_default, visit);
  }

  /// The fields of `value` visited by `visit`. If the value of `key` is in `presets`, a range of
  /// pairs {name, value}, the preset is the default of each field; otherwise all of them are
  /// required.
  template <typename T, typename Pairs>
  void preset(std::string_view key, T& value, const Pairs& presets,
              const std::function<void()>& visit, const FieldDoc& doc = {}) {
    const T original = value;
    const auto choose = [&](std::size_t index) {
      value = index == kNoPreset ? original : value_at(presets, index);
    };
    visit_preset(key, Presets{keys_of(presets), choose}, visit, doc);
  }

  static constexpr std::size_t kAnyCount = std::numeric_limits<std::size_t>::max();

 protected:
  using Names = std::vector<std::string_view>;
  struct Number {
    double& value;
    const NumberRange& range;
  };
  struct Integer {
    std::int64_t& value;
    std::int64_t min;
    std::int64_t max;
  };
  struct Flag {
    bool& value;
  };
  struct Text {
    std::string& value;
    std::string_view pattern;
  };
  struct Texts {
    std::vector<std::string>& values;
    Names names;
  };
  struct Integers {
    std::vector<std::int64_t>& values;
    std::int64_t min;
    std::int64_t max;
    std::size_t min_count;
    std::size_t max_count;
    std::string_view rule;
  };
  struct Word {
    std::size_t& index;
    Names names;
  };
  struct Order {
    std::vector<std::size_t>& indices;
    Names names;
  };
  struct Selector : Word {};
  struct WordOrIntegers {
    Word word;
    Integers integers;
  };
  using Field = std::variant<Number, Integer, Flag, Text, Word, Order, Texts, Integers,
                             WordOrIntegers, Selector>;

  struct Items {
    std::size_t count;
    std::size_t max_count;
    std::function<void(std::size_t)> resize;
    std::function<void(std::size_t)> visit;  // of the item of that index
  };
  struct Presets {
    Names names;
    std::function<void(std::size_t)> choose;  // kNoPreset: the original value
  };
  static constexpr std::size_t kNoPreset = std::numeric_limits<std::size_t>::max();

  /// The value of a field as YAML.
  static std::string value_text(const Field& field);
  /// Its valid values for people: "1..4096", or words in backticks.
  static std::string range_text(const Field& field);

 private:
  friend struct FieldText;

  virtual void visit(std::string_view key, const Field& field, const FieldDoc& doc) = 0;
  virtual void visit_section(std::string_view key, const std::function<void()>& visit,
                             const FieldDoc& doc) = 0;
  virtual void visit_items(std::string_view key, const Items& items, const FieldDoc& doc) = 0;
  virtual void visit_or_word(std::string_view key, std::string_view word, bool& is_word,
                             const std::function<void()>& visit);
  virtual void visit_optional(const std::function<void()>& visit) { visit(); }
  virtual void visit_unless_default(bool /*is_default*/, const std::function<void()>& visit) {
    visit_optional(visit);
  }
  virtual void visit_preset(std::string_view /*key*/, const Presets& /*presets*/,
                            const std::function<void()>& visit, const FieldDoc& /*doc*/) {
    visit();
  }

  template <typename Pairs>
  static Names keys_of(const Pairs& pairs) {
    Names names;
    for (const auto& [name, value] : pairs) names.push_back(name);
    return names;
  }
  template <typename Pairs>
  static auto value_at(const Pairs& pairs, std::size_t index) {
    return std::next(std::begin(pairs), static_cast<std::ptrdiff_t>(index))->second;
  }
  template <typename Pairs, typename T>
  static std::size_t index_of(const Pairs& pairs, const T& value) {
    std::size_t index = 0;
    for (const auto& [name, candidate] : pairs) {
      if (candidate == value) return index;
      ++index;
    }
    return 0;
  }
};

/// Reads fields from a mapping. Errors name file, line and key; those of all fields are collected
/// and thrown together, except that a wrong selector ends the reading: it decides what follows.
class YamlFieldReader final : public YamlFields {
 public:
  enum class Missing { kError, kKeepValue };

  explicit YamlFieldReader(YamlReader& yaml, Missing missing = Missing::kError)
      : yaml_(&yaml), missing_(missing) {}

  /// To be called after the last field: throws InputError, or InputErrors, if there was an error,
  /// or a key that no field reads.
  void finish();

  /// Same, for a mapping of which others read further keys.
  void throw_errors();

 private:
  /// More errors are counted, not listed.
  static constexpr std::size_t kMaxListedErrors = 20;

  void collect(const std::function<void()>& action);

  void visit(std::string_view key, const Field& field, const FieldDoc& doc) override;
  void visit_section(std::string_view key, const std::function<void()>& visit,
                     const FieldDoc& doc) override;
  void visit_items(std::string_view key, const Items& items, const FieldDoc& doc) override;
  void visit_or_word(std::string_view key, std::string_view word, bool& is_word,
                     const std::function<void()>& visit) override;
  void visit_optional(const std::function<void()>& visit) override;
  void visit_preset(std::string_view key, const Presets& presets,
                    const std::function<void()>& visit, const FieldDoc& doc) override;

  /// Reads the fields visited by `visit` from `inner`, and finishes it; collects errors.
  void read_mapping(YamlReader inner, const std::function<void()>& visit);

  /// Whether `key` is missing in the file, and may be.
  bool keeps(const std::string& key);
  void read(const std::string& key, const Number& field);
  void read(const std::string& key, const Integer& field);
  void read(const std::string& key, const Flag& field);
  void read(const std::string& key, const Text& field);
  void read(const std::string& key, const Word& field);
  void read(const std::string& key, const Order& field);
  void read(const std::string& key, const Texts& field);
  void read(const std::string& key, const Integers& field);
  void read(const std::string& key, const WordOrIntegers& field);

  YamlReader* yaml_;  // of the current section
  Missing missing_;
  std::vector<std::string> errors_;
  std::size_t num_unlisted_ = 0;
};

/// Writes fields as YAML, one per line; reading them restores equal values.
class YamlFieldWriter final : public YamlFields {
 public:
  explicit YamlFieldWriter(std::string indent = "") : indent_(std::move(indent)) {}

  const std::string& yaml() const { return yaml_; }

 private:
  void visit(std::string_view key, const Field& field, const FieldDoc& doc) override;
  void visit_section(std::string_view key, const std::function<void()>& visit,
                     const FieldDoc& doc) override;
  void visit_items(std::string_view key, const Items& items, const FieldDoc& doc) override;
  void visit_unless_default(bool is_default, const std::function<void()>& visit) override {
    if (!is_default) visit();
  }

  std::string yaml_;
  std::string indent_;
};

/// Lists fields and their values for the documentation.
class YamlFieldTable final : public YamlFields {
 public:
  struct Row {
    std::string key;  // full path: "core.fmem.num_banks"
    std::string unit;
    std::string range;  // "1..4096", or words in backticks
    std::string value;
    std::string meaning;
  };

  const std::vector<Row>& rows() const { return rows_; }

 private:
  void visit(std::string_view key, const Field& field, const FieldDoc& doc) override;
  void visit_section(std::string_view key, const std::function<void()>& visit,
                     const FieldDoc& doc) override;
  void visit_items(std::string_view key, const Items& items, const FieldDoc& doc) override;
  void visit_or_word(std::string_view key, std::string_view word, bool& is_word,
                     const std::function<void()>& visit) override;

  std::vector<Row> rows_;
  std::string path_;  // of the current section, with a trailing dot
};

}  // namespace tilewake
