// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/yaml_document.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "simulator/common/error.hpp"
#include "simulator/common/plain_yaml.hpp"

namespace tilewake {
namespace {

[[noreturn]] void refuse(const std::string& name, int line, const std::string& what) {
  throw InputError(fmt::format("{}:{}: {}", name, std::max(line, 1), what));
}

/// Builds the tree from the parser's events. YAML::Load is not used: it follows aliases, silently
/// keeps the first of two equal keys, and loses the line of a key.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const std::string& name) : name_(name) {}

  YamlNode take_root() { return std::move(root_); }
  const YAML::Mark& last_quoted() const { return last_quoted_; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (num_documents_++ > 0) fail(mark, "more than one document in the file");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, "", anchor, YamlNode::Kind::kNull);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    fail(mark, "aliases ('*name') are not supported; repeat the value");
  }
  void OnAnchor(const YAML::Mark& mark, const std::string&) override {
    fail(mark, "anchors ('&name') are not supported; repeat the value");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (tag == "!") last_quoted_ = mark;
    if (expects_key()) {
      check_node(mark, tag, anchor);
      add_key(mark, value);
      return;
    }
    YamlNode& node = add(mark, tag, anchor, YamlNode::Kind::kScalar);
    node.scalar = value;
    node.quoted = tag == "!";  // yaml-cpp reports this for every scalar that is not plain
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, add(mark, tag, anchor, YamlNode::Kind::kSequence));
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, add(mark, tag, anchor, YamlNode::Kind::kMapping));
  }
  void OnMapEnd() override { close(); }

 private:
  /// An open sequence or mapping. Pointers stay valid: a node's children only grow while none of
  /// them is open.
  struct Open {
    YamlNode* node = nullptr;
    std::set<std::string> names;  // keys so far
  };

  [[noreturn]] void fail(const YAML::Mark& mark, const std::string& what) const {
    refuse(name_, mark.line + 1, what);
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().node->kind == YamlNode::Kind::kMapping &&
           open_.back().node->keys.size() == open_.back().node->children.size();
  }

  void check_node(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (anchor != 0) fail(mark, "anchors ('&name') are not supported; repeat the value");
    if (!tag.empty() && tag != "?" && tag != "!") fail(mark, "tags ('!type') are not supported");
    if (++num_nodes_ > kMaxYamlNodes) {
      fail(mark, fmt::format("more than {} values in the file", kMaxYamlNodes));
    }
  }

  YamlNode& add(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                YamlNode::Kind kind) {
    check_node(mark, tag, anchor);
    if (expects_key()) fail(mark, "a key must be a plain word; is a bracket or brace left open?");
    YamlNode& node = open_.empty() ? root_ : open_.back().node->children.emplace_back();
    node.kind = kind;
    node.line = mark.line + 1;
    return node;
  }

  void add_key(const YAML::Mark& mark, const std::string& key) {
    if (key == "<<") fail(mark, "merge keys ('<<') are not supported; repeat the values");
    Open& mapping = open_.back();
    if (!mapping.names.insert(key).second) {
      const auto& keys = mapping.node->keys;
      const auto first = std::find_if(keys.begin(), keys.end(),
                                      [&key](const YamlNode::Key& k) { return k.name == key; });
      fail(mark, fmt::format("{}: key given twice, first on line {}", printable(key), first->line));
    }
    mapping.node->keys.push_back({key, mark.line + 1});
  }

  void open(const YAML::Mark& mark, YamlNode& node) {
    open_.push_back({&node, {}});
    if (open_.size() > static_cast<std::size_t>(kMaxYamlDepth)) {
      fail(mark, fmt::format("nested deeper than {} levels", kMaxYamlDepth));
    }
  }

  void close() { open_.pop_back(); }

  const std::string& name_;
  YamlNode root_;
  YAML::Mark last_quoted_;
  std::vector<Open> open_;
  int num_documents_ = 0;
  int num_nodes_ = 0;
};

/// Rejects input that yaml-cpp handles badly, before parsing.
void check_bytes(const std::string& text, const std::string& name) {
  int line = 1;
  int depth = 0;
  for (const char c : text) {
    if (c == '\n') ++line;
    // yaml-cpp takes byte 4 as the end of the file and silently drops the rest.
    const bool is_space = c == '\n' || c == '\r' || c == '\t';
    if ((static_cast<unsigned char>(c) < 0x20 && !is_space) || c == 0x7f) {
      refuse(name, line, fmt::format("control character 0x{:02x}", static_cast<int>(c)));
    }
    // The scanner of yaml-cpp reads a run of open brackets to the end, with 200 times their size in
    // memory, before the first parser event. Brackets in quotes and comments count as well, hence
    // the margin.
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > 8 * kMaxYamlDepth) {
      refuse(name, line, fmt::format("brackets nested deeper than {} levels", kMaxYamlDepth));
    }
  }
}

/// yaml-cpp closes an open quote at the end of the file: it would accept a truncated file.
void check_last_quote(const std::string& text, const std::string& name, const YAML::Mark& mark) {
  const auto begin = static_cast<std::size_t>(mark.pos);
  if (mark.pos < 0 || begin >= text.size()) return;
  const char quote = text[begin];
  if (quote != '"' && quote != '\'') return;  // a block scalar, or no quote
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 == text.size() || text[i + 1] != '\'') return;
      ++i;  // '' is an escaped quote
    }
  }
  refuse(name, mark.line + 1, "the quote is not closed");
}

}  // namespace

const YamlNode* YamlNode::find(const std::string& key) const {
  for (std::size_t i = 0; i < keys.size() && i < children.size(); ++i) {
    if (keys[i].name == key) return &children[i];
  }
  return nullptr;
}

YamlNode parse_yaml(const std::string& text, const std::string& name) {
  if (text.size() > kMaxYamlBytes) {
    throw InputError(fmt::format("{}: larger than {} bytes", name, kMaxYamlBytes));
  }
  check_bytes(text, name);
  if (std::optional<YamlNode> root = parse_plain_yaml(text)) return *std::move(root);
  return parse_any_yaml(text, name);
}

YamlNode parse_any_yaml(const std::string& text, const std::string& name) {
  TreeBuilder builder(name);
  bool has_document = false;
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) has_document = true;
  } catch (const YAML::Exception& e) {
    refuse(name, e.mark.line + 1, e.msg);
  }
  if (!has_document) refuse(name, 1, "the file is empty");
  check_last_quote(text, name, builder.last_quoted());
  YamlNode root = builder.take_root();
  if (root.kind != YamlNode::Kind::kMapping) {
    refuse(name, root.line, "expected a mapping at the top level");
  }
  return root;
}

std::string printable(const std::string& text, std::size_t max_bytes) {
  std::string result = text.substr(0, max_bytes);
  for (char& c : result) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
  }
  return text.size() > max_bytes ? result + "..." : result;
}

}  // namespace tilewake
