// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/plain_yaml.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace tilewake {
namespace {

using Kind = YamlNode::Kind;

// Of yaml-cpp's limit of 1,024 bytes of a key on one line.
constexpr std::size_t kMaxKeyBytes = 256;

struct PlainLine {
  int number = 0;  // counted from 1
  std::size_t indent = 0;
  std::string_view text;  // without comment and trailing spaces; never empty
};

using ByteSet = std::array<bool, 256>;

constexpr ByteSet byte_set(std::string_view signs) {
  ByteSet set{};
  for (int c = 'a'; c <= 'z'; ++c) set[static_cast<std::size_t>(c)] = true;
  for (int c = 'A'; c <= 'Z'; ++c) set[static_cast<std::size_t>(c)] = true;
  for (int c = '0'; c <= '9'; ++c) set[static_cast<std::size_t>(c)] = true;
  for (const char c : signs) set[static_cast<unsigned char>(c)] = true;
  return set;
}

constexpr ByteSet kFirstBytes = byte_set("_./+-");
constexpr ByteSet kPlainBytes = byte_set("_./+-()=%* ");

bool is_in(const ByteSet& set, char c) { return set[static_cast<unsigned char>(c)]; }

bool is_plain_null(std::string_view text) {
  return text == "null" || text == "Null" || text == "NULL";
}

bool has_equal_keys(const YamlNode& mapping) {
  const auto& keys = mapping.keys;
  if (keys.size() <= 16) {
    for (std::size_t i = 0; i < keys.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (keys[i].name == keys[j].name) return true;
    return false;
  }
  std::vector<std::string_view> names;
  for (const YamlNode::Key& key : keys) names.push_back(key.name);
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) != names.end();
}

/// Each function returns false if the text is not of this kind of YAML.
class PlainYaml {
 public:
  bool parse(std::string_view text, YamlNode& root) {
    if (!split(text) || lines_.empty()) return false;
    return parse_mapping(root, 0) && at_ == lines_.size();
  }

 private:
  bool split(std::string_view text) {
    int number = 1;
    for (std::size_t begin = 0; begin < text.size(); ++number) {
      std::size_t end = text.find('\n', begin);
      if (end == std::string_view::npos) end = text.size();
      std::string_view line = text.substr(begin, end - begin);
      begin = end + 1;
      const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
      line.remove_prefix(indent);
      bool is_comment = false;
      std::size_t used = 0;
      for (std::size_t i = 0; i < line.size(); ++i) {
        const auto c = static_cast<unsigned char>(line[i]);
        if (c < 0x20 || c == 0x7f) return false;
        if (is_comment) continue;
        if (c == '#' && (i == 0 || line[i - 1] == ' ')) {
          // Not in quotes, which is not examined.
          if (line.substr(0, i).find_first_of("\"'") != std::string_view::npos) return false;
          is_comment = true;
        } else if (c >= 0x80) {
          return false;
        } else if (c != ' ') {
          used = i + 1;
        }
      }
      if (used > 0) lines_.push_back({number, indent, line.substr(0, used)});
    }
    return true;
  }

  bool is_at(std::size_t indent) const {
    return at_ < lines_.size() && lines_[at_].indent == indent;
  }
  bool is_item() const {
    const std::string_view text = lines_[at_].text;
    return text[0] == '-' && (text.size() == 1 || text[1] == ' ');
  }

  bool count() { return ++num_nodes_ <= kMaxYamlNodes; }

  bool begin(YamlNode& node, Kind kind) {
    node.kind = kind;
    node.line = lines_[at_].number;
    return ++depth_ <= kMaxYamlDepth;
  }
  bool end(const YamlNode& node) {
    --depth_;
    return node.kind != Kind::kMapping || !has_equal_keys(node);
  }

  bool parse_mapping(YamlNode& node, std::size_t indent) {
    if (!begin(node, Kind::kMapping) || !is_at(indent)) return false;
    while (is_at(indent) && !is_item()) {
      rest_ = lines_[at_].text;
      if (!add_key(node)) return false;
      YamlNode& value = node.children.emplace_back();
      if (!count() || !parse_value(value, indent, true)) return false;
    }
    return end(node);
  }

  bool parse_sequence(YamlNode& node, std::size_t indent) {
    if (!begin(node, Kind::kSequence)) return false;
    while (is_at(indent) && is_item()) {
      PlainLine& line = lines_[at_];
      rest_ = line.text.substr(1);
      const std::size_t spaces = std::min(rest_.find_first_not_of(' '), rest_.size());
      rest_.remove_prefix(spaces);
      YamlNode& value = node.children.emplace_back();
      if (!count()) return false;
      if (is_key(rest_)) {  // a mapping that begins on this line
        line.indent += 1 + spaces;
        line.text = rest_;
        if (!parse_mapping(value, line.indent)) return false;
        if (at_ < lines_.size() && lines_[at_].indent > indent) return false;
      } else if (!parse_value(value, indent, false)) {
        return false;
      }
    }
    return end(node);
  }

  /// What is left of the line, or the lines below it that are indented further; a sequence that is
  /// the value of a key may have the indentation of the key.
  bool parse_value(YamlNode& value, std::size_t indent, bool of_key) {
    if (!rest_.empty()) {
      if (!parse_inline(value, false) || !rest_.empty()) return false;
      ++at_;
      return at_ == lines_.size() || lines_[at_].indent <= indent;
    }
    ++at_;
    if (at_ == lines_.size()) return false;
    const std::size_t inner = lines_[at_].indent;
    if (is_item()) {
      if (inner < indent || (inner == indent && !of_key)) return false;
      if (!parse_sequence(value, inner)) return false;
    } else if (inner <= indent || !parse_mapping(value, inner)) {
      return false;
    }
    return at_ == lines_.size() || lines_[at_].indent <= indent;
  }

  /// Whether `text` begins with a plain key.
  static bool is_key(std::string_view text) {
    const std::size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || text[0] == '"' || text[0] == '\'')
      return false;
    return is_in(kFirstBytes, text[0]) &&
           std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon),
                       [](char c) { return is_in(kPlainBytes, c); });
  }

  /// Reads "key:" and the spaces after it.
  bool add_key(YamlNode& mapping) {
    bool is_quoted = false;
    std::string_view key;
    if (!take_scalar(key, is_quoted) || !count()) return false;
    if (key.size() > kMaxKeyBytes || (!is_quoted && is_plain_null(key)) || key == "<<")
      return false;
    if (rest_.empty() || rest_[0] != ':' || (rest_.size() > 1 && rest_[1] != ' ')) return false;
    rest_.remove_prefix(1);
    skip_spaces();
    mapping.keys.push_back({std::string(key), lines_[at_].number});
    return true;
  }

  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size())); }

  /// A value on this line, and the spaces after it.
  bool parse_inline(YamlNode& node, bool in_flow) {
    if (rest_.empty()) return false;
    if (rest_[0] == '{' || rest_[0] == '[') return parse_flow(node);
    std::string_view text;
    if (!take_scalar(text, node.quoted)) return false;
    node.line = lines_[at_].number;
    node.kind = !node.quoted && is_plain_null(text) ? Kind::kNull : Kind::kScalar;
    if (node.kind == Kind::kScalar) node.scalar = text;
    // "a: b" after a key, and "a, b" outside of brackets.
    return rest_.empty() || (in_flow && rest_[0] != ':');
  }

  bool parse_flow(YamlNode& node) {
    const bool is_mapping = rest_[0] == '{';
    const char close = is_mapping ? '}' : ']';
    if (!begin(node, is_mapping ? Kind::kMapping : Kind::kSequence)) return false;
    rest_.remove_prefix(1);
    skip_spaces();
    for (bool is_first = true; rest_.empty() || rest_[0] != close; is_first = false) {
      if (!is_first) {
        if (rest_.empty() || rest_[0] != ',') return false;
        rest_.remove_prefix(1);
        skip_spaces();
      }
      if (is_mapping && !add_key(node)) return false;
      YamlNode& value = node.children.emplace_back();
      if (!count() || !parse_inline(value, true)) return false;
    }
    rest_.remove_prefix(1);
    skip_spaces();
    return end(node);
  }

  /// A scalar, and the spaces after it.
  bool take_scalar(std::string_view& text, bool& is_quoted) {
    if (rest_.empty()) return false;
    const char first = rest_[0];
    is_quoted = first == '"' || first == '\'';
    std::size_t size = 0;
    if (is_quoted) {
      const std::size_t end = rest_.find(first, 1);
      if (end == std::string_view::npos) return false;
      text = rest_.substr(1, end - 1);
      if (text.find('\\') != std::string_view::npos) return false;
      size = end + 1;
      if (size < rest_.size() && rest_[size] == first) return false;  // '' in a quote
    } else {
      if (!is_in(kFirstBytes, first)) return false;
      // A sign alone is an item, or the end of a document.
      if ((first == '-' || first == '.') && (rest_.size() < 2 || !is_digit_or_letter(rest_[1])))
        return false;
      while (size < rest_.size() && is_in(kPlainBytes, rest_[size])) ++size;
      text = rest_.substr(0, size);
      text.remove_suffix(text.size() - 1 - text.find_last_not_of(' '));
      if (text.find("  ") != std::string_view::npos) return false;
      // A space before a colon, and what is neither in a scalar nor after it.
      if (text.size() < size && size < rest_.size() && rest_[size] == ':') return false;
    }
    rest_.remove_prefix(size);
    const std::size_t before = rest_.size();
    skip_spaces();
    return before == rest_.size() || rest_.empty() || rest_[0] != ':';
  }

  static bool is_digit_or_letter(char c) {
    return ('0' <= c && c <= '9') || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z');
  }

  std::vector<PlainLine> lines_;
  std::size_t at_ = 0;     // the current line
  std::string_view rest_;  // of it
  int depth_ = 0;
  int num_nodes_ = 1;
};

}  // namespace

std::optional<YamlNode> parse_plain_yaml(std::string_view text) {
  YamlNode root;
  if (!PlainYaml().parse(text, root)) return std::nullopt;
  return root;
}

}  // namespace tilewake
