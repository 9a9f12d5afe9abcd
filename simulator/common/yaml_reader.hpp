// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_override.hpp"

namespace tilewake {

struct YamlNode;

/// A view of one mapping in a YAML file with file name and key path, so that every error has the
/// form `file:line: key.path: message`.
///
/// Each key is read by name; `finish()` rejects keys that were not read, so that a typo is an error
/// instead of a default. Copies share the document and are cheap.
///
/// Values are read strictly. Integers are decimal (`12`, `-3`; not 0x10, 010, 1e3 or "12"), numbers
/// are finite, booleans are `true` or `false`, an empty value is an error and not a default.
/// The limits on the file as a whole are in yaml_document.hpp.
class YamlReader {
 public:
  static YamlReader from_file(const std::string& path);

  /// Same, from text in memory; `name` replaces the path in error messages. `overrides` are read
  /// like keys of the text.
  static YamlReader from_text(const std::string& text, const std::string& name,
                              const std::vector<YamlOverride>& overrides = {});

  /// Same, from a document that is already parsed.
  static YamlReader from_document(YamlNode root, const std::string& name);

  /// Reads a required scalar: std::string, bool, double or an integer type (its whole range, at
  /// most that of std::int64_t). Throws InputError if it is missing or mistyped.
  template <typename T>
  T required(const std::string& key) {
    return convert<T>(key, value_of(key));
  }

  /// Reads an optional scalar with a default.
  template <typename T>
  T optional(const std::string& key, T fallback) {
    const YamlNode* value = lookup(key);
    return value != nullptr ? convert<T>(key, *value) : std::move(fallback);
  }

  /// Reads an integer in [min, max].
  std::int64_t integer(const std::string& key, std::int64_t min, std::int64_t max);
  std::int64_t integer(const std::string& key, std::int64_t min, std::int64_t max,
                       std::int64_t fallback);

  /// Reads a finite number in [min, max].
  double number(const std::string& key, double min, double max);
  double number(const std::string& key, double min, double max, double fallback);

  /// Reads one integer or a non-empty sequence: `3` and `[3]` are equal.
  std::vector<std::int64_t> integers(const std::string& key, std::int64_t min, std::int64_t max);
  std::vector<std::string> strings(const std::string& key);
  std::vector<std::string> strings(const std::string& key, std::vector<std::string> fallback);

  /// Reads one of the names in `choices`, a range of pairs {name, value}; the error lists the
  /// names.
  template <typename Choices>
  auto choice(const std::string& key, const Choices& choices) {
    std::vector<std::string_view> names;
    for (const auto& [name, value] : choices) names.emplace_back(name);
    const std::size_t index = choice_index(key, names);
    return std::next(std::begin(choices), static_cast<std::ptrdiff_t>(index))->second;
  }
  template <typename Choices, typename E>
  E choice(const std::string& key, const Choices& choices, E fallback) {
    return lookup(key) != nullptr ? choice(key, choices) : fallback;
  }

  /// Descends into a nested mapping.
  YamlReader section(const std::string& key);

  /// Descends into a sequence of mappings; the readers' paths end in `key[0]`, `key[1]`, ...
  std::vector<YamlReader> items(const std::string& key);

  /// Whether the key exists. Does not count as reading it.
  bool has(const std::string& key) const;

  /// Whether the value is a sequence rather than a scalar. Does not count as reading it.
  bool is_sequence(const std::string& key) const;

  /// Whether the value is this text. Does not count as reading it.
  bool is_text(const std::string& key, std::string_view text) const;

  /// All keys in file order, for mappings whose keys are data. Does not count as reading them.
  std::vector<std::string> keys() const;

  /// Throws InputError unless `ok`; `rule` is the violated rule. `key` may be a path
  /// into sections: "fmem.bank_bytes".
  void check(bool ok, const std::string& key, const std::string& rule) const {
    if (!ok) fail(key, rule);
  }

  /// Throws InputError at `key` (or at the mapping itself when it is absent or empty).
  [[noreturn]] void fail(const std::string& key, const std::string& what) const;

  /// Throws InputError at the first key that was never read. Its message lists the known keys,
  /// suggests the nearest one, and lists up to four more unknown keys with their lines.
  void finish() const;

  const std::string& file() const;
  /// Line of the mapping, or of one of its keys (a path, too), counted from 1.
  int line() const;
  int line(const std::string& key) const;
  /// Path of the mapping: "", "dram", "layers[3]", ...
  const std::string& path() const { return path_; }

 private:
  struct Document;

  YamlReader(std::shared_ptr<const Document> document, std::string path, const YamlNode& node);

  bool has_seen(std::string_view key) const;
  const YamlNode* lookup(const std::string& key);
  const YamlNode& value_of(const std::string& key);
  /// Names the key that may be a misspelled `key`, which is missing; or "".
  std::string misspelled(const std::string& key);
  /// A key, or an element of the sequence at it.
  struct Place {
    const std::string& key;
    std::size_t element = kNoElement;
  };
  static constexpr std::size_t kNoElement = std::numeric_limits<std::size_t>::max();
  std::string path_of(const std::string& key) const;
  std::string path_of(const Place& place) const;

  template <typename T>
  T convert(const std::string& key, const YamlNode& value) const {
    if constexpr (std::same_as<T, bool>) {
      return to_bool(key, value);
    } else if constexpr (std::integral<T>) {
      using Limits = std::numeric_limits<T>;
      constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
      constexpr std::int64_t kHigh =
          std::cmp_less(kMax, Limits::max()) ? kMax : static_cast<std::int64_t>(Limits::max());
      return static_cast<T>(
          to_integer({key}, value, static_cast<std::int64_t>(Limits::min()), kHigh));
    } else if constexpr (std::same_as<T, double>) {
      return to_number({key}, value, std::numeric_limits<double>::lowest(),
                       std::numeric_limits<double>::max());
    } else {
      static_assert(std::same_as<T, std::string>, "not a type a scalar can be read as");
      return to_text({key}, value);
    }
  }

  bool to_bool(const std::string& key, const YamlNode& value) const;
  std::int64_t to_integer(const Place& place, const YamlNode& value, std::int64_t min,
                          std::int64_t max) const;
  double to_number(const Place& place, const YamlNode& value, double min, double max) const;
  std::string to_text(const Place& place, const YamlNode& value) const;
  std::size_t choice_index(const std::string& key, const std::vector<std::string_view>& names);

  /// Calls `read(place, element)` for the scalar or for every element of the sequence at `key`.
  template <typename Read>
  void for_each_element(const std::string& key, Read read);

  [[noreturn]] void fail_at(int line, const std::string& path, const std::string& what) const;

  std::shared_ptr<const Document> document_;
  std::string path_;
  const YamlNode* node_;           // owned by document_
  std::vector<std::string> seen_;  // each once
  std::set<std::string> told_;     // named as misspelled: finish() does not repeat them
};

}  // namespace tilewake
