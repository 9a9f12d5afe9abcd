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
/// YamlFieldReader, YamlFieldWriter and YamlFieldTable use this list to read a file, to write one
/// and to document the keys. Rules between fields are checked after reading, in separate functions.
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
  void text(std::string_view key, std::string& value, const FieldDoc& doc = {}) {
    visit(key, Text{value}, doc);
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
    visit(key, Word{index, {names.begin(), names.end()}}, doc);
    if (index == value.index()) return;
    static constexpr std::array<Variant (*)(), sizeof...(T)> kMake = {
        +[]() -> Variant { return T{}; }...};
    value = kMake[index]();
  }

  /// A mapping with the fields visited by `visit`.
  virtual void section(std::string_view key, const std::function<void()>& visit) = 0;

  /// The fields of `value` visited by `visit`. If the value of `key` is in `presets`, a range of
  /// pairs {name, value}, the preset is the default of each field; otherwise all of them are
  /// required.
  template <typename T, typename Pairs>
  void preset(std::string_view key, T& value, const Pairs& presets,
              const std::function<void()>& visit) {
    const auto choose = [&](std::size_t index) { value = value_at(presets, index); };
    visit_preset(key, keys_of(presets), choose, visit);
  }

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
  };
  struct Word {
    std::size_t& index;
    Names names;
  };
  struct Order {
    std::vector<std::size_t>& indices;
    Names names;
  };
  using Field = std::variant<Number, Integer, Flag, Text, Word, Order>;

 private:
  friend struct FieldText;

  virtual void visit(std::string_view key, const Field& field, const FieldDoc& doc) = 0;
  virtual void visit_preset(std::string_view /*key*/, const Names& /*names*/,
                            const std::function<void(std::size_t)>& /*choose*/,
                            const std::function<void()>& visit) {
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

/// Reads fields from a mapping. Errors name file, line and key.
class YamlFieldReader final : public YamlFields {
 public:
  enum class Missing { kError, kKeepValue };

  /// Sections are finished here; the caller finishes `yaml` itself.
  explicit YamlFieldReader(YamlReader& yaml, Missing missing = Missing::kError)
      : yaml_(&yaml), missing_(missing) {}

  void section(std::string_view key, const std::function<void()>& visit) override;

 private:
  void visit(std::string_view key, const Field& field, const FieldDoc& doc) override;
  void visit_preset(std::string_view key, const Names& names,
                    const std::function<void(std::size_t)>& choose,
                    const std::function<void()>& visit) override;

  /// Whether `key` is missing in the file, and may be.
  bool keeps(const std::string& key);
  void read(const std::string& key, const Number& field);
  void read(const std::string& key, const Integer& field);
  void read(const std::string& key, const Flag& field);
  void read(const std::string& key, const Text& field);
  void read(const std::string& key, const Word& field);
  void read(const std::string& key, const Order& field);

  YamlReader* yaml_;  // of the current section
  Missing missing_;
};

/// Writes fields as YAML, one per line; reading them restores equal values.
class YamlFieldWriter final : public YamlFields {
 public:
  explicit YamlFieldWriter(std::string indent = "") : indent_(std::move(indent)) {}

  void section(std::string_view key, const std::function<void()>& visit) override;
  const std::string& yaml() const { return yaml_; }

 private:
  void visit(std::string_view key, const Field& field, const FieldDoc& doc) override;

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

  void section(std::string_view key, const std::function<void()>& visit) override;
  const std::vector<Row>& rows() const { return rows_; }

 private:
  void visit(std::string_view key, const Field& field, const FieldDoc& doc) override;

  std::vector<Row> rows_;
  std::string path_;  // of the current section, with a trailing dot
};

}  // namespace tilewake
