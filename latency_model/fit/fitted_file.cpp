// SPDX-License-Identifier: Apache-2.0
#include "latency_model/fit/fitted_file.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>

#include "simulator/common/csv.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/hardware/hardware_yaml.hpp"

namespace tilewake {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Replaces the value after `key:` in a line; false if the line has no such key, or several.
bool replace_in(std::string& line, const std::string& key, const std::string& old_value,
                const std::string& value) {
  const std::size_t comment = std::min(line.find(" #"), line.size());
  std::size_t found = std::string::npos;
  for (std::size_t at = line.find(key); at < comment; at = line.find(key, at + 1)) {
    const bool is_whole = at == 0 || !is_name(line[at - 1]);
    std::size_t after = at + key.size();
    if (!is_whole || after >= line.size() || line[after] != ':') continue;
    after = line.find_first_not_of(' ', after + 1);
    if (after == std::string::npos || line.compare(after, old_value.size(), old_value) != 0)
      continue;
    if (found != std::string::npos) return false;
    found = after;
  }
  if (found == std::string::npos) return false;
  const bool has_comment = comment < line.size();
  const std::size_t end = found + old_value.size();
  std::string tail = line.substr(end);
  // A comment behind the value keeps its column where the lengths allow.
  const std::size_t hash = tail.find('#');
  if (has_comment && hash != std::string::npos && tail.find_first_not_of(' ') == hash) {
    const std::size_t width = old_value.size() + hash;
    tail =
        std::string(value.size() + 1 < width ? width - value.size() : 1, ' ') + tail.substr(hash);
  }
  line = line.substr(0, found) + value + tail;
  return true;
}

std::size_t indent_of(const std::string& line) {
  return std::min(line.find_first_not_of(' '), line.size());
}

/// Sets one value; false if this needs more than a change of one line.
bool set_value(std::string& text, const std::string& path, const YamlOverride& value) {
  const YamlNode root = parse_yaml(text, path);
  const YamlNode* node = &root;
  int section_line = 0;  // of the innermost section that is there; 0: the root
  std::size_t begin = 0;
  std::size_t depth = 0;
  std::string rest = value.path;
  while (!rest.empty()) {
    const std::size_t dot = std::min(rest.find('.', begin), rest.size());
    const std::string key = rest.substr(0, dot);
    const auto found = std::find_if(node->keys.begin(), node->keys.end(),
                                    [&](const YamlNode::Key& k) { return k.name == key; });
    if (found == node->keys.end()) break;
    section_line = found->line;
    node = &node->children[static_cast<std::size_t>(found - node->keys.begin())];
    ++depth;
    rest = dot == rest.size() ? "" : rest.substr(dot + 1);
  }
  std::vector<std::string> lines = lines_of(text);
  if (rest.empty()) {
    if (node->kind != YamlNode::Kind::kScalar || node->quoted) return false;
    const std::string key = value.path.substr(value.path.rfind('.') + 1);
    std::string& line = lines[static_cast<std::size_t>(section_line) - 1];
    if (!replace_in(line, key, node->scalar, value.value)) return false;
  } else {
    if (node->kind != YamlNode::Kind::kMapping) return false;
    // Below the line of its section, with the indentation of the first key there.
    std::size_t indent = 0;
    std::size_t at = lines.size();
    if (depth > 0) {
      const int first = node->keys.empty() ? section_line : node->keys.front().line;
      if (first <= section_line) return false;  // in braces
      indent = indent_of(lines[static_cast<std::size_t>(first) - 1]);
      at = static_cast<std::size_t>(section_line);
    }
    std::vector<std::string> added;
    while (!rest.empty()) {
      const std::size_t dot = rest.find('.');
      const bool is_last = dot == std::string::npos;
      added.push_back(std::string(indent, ' ') + rest.substr(0, dot) + ":" +
                      (is_last ? " " + value.value : ""));
      rest = is_last ? "" : rest.substr(dot + 1);
      indent += 2;
    }
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), added.begin(), added.end());
  }
  text = joined(lines);
  return true;
}

/// The last line of the comments that a fit puts before the start file.
constexpr std::string_view kHeadEnd = "# End of the fit; the start file with the fitted values:";

/// A start file that is itself the result of a fit, without its comments.
std::string without_head(const std::string& text) {
  if (!text.starts_with(kFittedFirstLine)) return text;
  const std::size_t end = text.find(kHeadEnd);
  if (end == std::string::npos) return text;
  return text.substr(std::min(text.find('\n', end), text.size() - 1) + 1);
}

/// Lines of comments that are true of the start file only.
bool is_of_start(const std::string& line) {
  if (line.empty() || line.front() != '#') return false;
  for (const char* claim : {"not fitted to a device", "`tilewake fit` found the values",
                            "docs/validation.md, \"Against devices\""}) {
    if (line.find(claim) != std::string::npos) return true;
  }
  return false;
}

/// Position of the comment after a value, or the end of the line.
std::size_t comment_of(const std::string& line) { return std::min(line.find(" #"), line.size()); }

std::string without_trailing_blanks(const std::string& text) {
  const std::size_t last = text.find_last_not_of(' ');
  return last == std::string::npos ? "" : text.substr(0, last + 1);
}

/// Replaces the comment after a value; it keeps its column where the length allows.
void set_comment(std::string& line, const std::string& comment) {
  const std::size_t column = std::min(line.find('#', comment_of(line)), line.size());
  std::string value = without_trailing_blanks(line.substr(0, comment_of(line)));
  value.resize(std::max(value.size() + 1, column < line.size() ? column : 0), ' ');
  line = value + "# " + comment;
}

/// Comments state which values are fitted: a former "assumed" beside them would be wrong.
std::string with_marks(const std::string& text, const std::string& path,
                       const std::vector<FittedKey>& keys) {
  std::vector<std::string> lines = lines_of(text);
  const YamlNode root = parse_yaml(text, path);
  std::map<int, std::vector<const FittedKey*>> by_line;
  std::set<int> sections;
  for (const FittedKey& key : keys) {
    const YamlNode* node = &root;
    int line = 0;
    for (std::size_t begin = 0; begin <= key.key.path.size();) {
      const std::size_t end = std::min(key.key.path.find('.', begin), key.key.path.size());
      const auto found =
          std::find_if(node->keys.begin(), node->keys.end(), [&](const YamlNode::Key& k) {
            return k.name == key.key.path.substr(begin, end - begin);
          });
      if (found == node->keys.end()) return text;
      if (line > 0) sections.insert(line);
      line = found->line;
      node = &node->children[static_cast<std::size_t>(found - node->keys.begin())];
      begin = end + 1;
    }
    by_line[line].push_back(&key);
  }
  const std::string assumed = "assumed";
  for (const int number : sections) {
    std::string& line = lines[static_cast<std::size_t>(number) - 1];
    const std::size_t at = line.find(assumed, comment_of(line));
    if (at != std::string::npos && !by_line.contains(number))
      line.insert(at + assumed.size(), " where not marked");
  }
  for (const auto& [number, fitted] : by_line) {
    std::string& line = lines[static_cast<std::size_t>(number) - 1];
    std::string comment;
    for (const FittedKey* key : fitted) {
      comment += comment.empty() ? "" : "; ";
      if (fitted.size() > 1) comment += key->key.path.substr(key->key.path.rfind('.') + 1) + " ";
      comment += key->is_identified ? fmt::format("fitted, from {}", key->key.start_text)
                                    : "not determined by the data";
    }
    std::string old = line.substr(comment_of(line));
    old.erase(0, std::min(old.find_first_not_of(" #"), old.size()));
    const auto states = [&](const char* word) { return old.find(word) != std::string::npos; };
    if (!old.empty() && !states("assumed") && !states("fitted") && !states("not determined"))
      comment += fmt::format("; in the start file: {}", old);
    set_comment(line, comment);
  }
  return joined(lines);
}

/// The text of a machine file with another section `device`, or none.
std::string with_device(const std::string& text, const std::string& path,
                        const DeviceConfig& device) {
  HardwareConfig expected = read_hardware_text(text, path);
  expected.device = device;
  std::vector<std::string> lines = lines_of(text);
  const auto line_of = [&](const char* name) -> std::size_t {  // 0: there is none
    const YamlNode root = parse_yaml(joined(lines), path);
    for (const YamlNode::Key& key : root.keys) {
      if (key.name == name) return static_cast<std::size_t>(key.line);
    }
    return 0;
  };
  try {
    if (const std::size_t old = line_of("device"); old > 0) {
      std::size_t end = old;  // after its last line
      while (end < lines.size() && indent_of(lines[end]) > 0) ++end;
      const bool is_apart = old > 1 && lines[old - 2].empty();
      if (is_apart && end < lines.size() && lines[end].empty()) ++end;
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(old) - 1,
                  lines.begin() + static_cast<std::ptrdiff_t>(end));
    }
    if (device.is_known()) {
      HardwareConfig only;
      only.device = device;
      const std::string section = hardware_yaml(only);
      lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(line_of("name")),
                   section.substr(section.rfind("\ndevice:") + 1,
                                  section.size() - section.rfind("\ndevice:") - 2));
    }
    const std::string changed = joined(lines);
    if (hardware_yaml(read_hardware_text(changed, path)) == hardware_yaml(expected)) return changed;
  } catch (const InputError&) {
    // The changed text is no machine file: write all values instead.
  }
  return hardware_yaml(expected);
}

std::string percent_text(double ratio) { return fmt::format("{:.2f} %", 100.0 * ratio); }

std::string errors_text(const MeasuredErrors& errors) {
  return fmt::format("mean error {}, largest {}, Kendall's tau {:.3f}", percent_text(errors.mape),
                     percent_text(errors.max), errors.kendall_tau);
}

std::string key_text(const FittedKey& key) {
  std::string text =
      fmt::format("#   {} {}, in the start file {}", key.key.path, key.value, key.key.start_text);
  if (key.key.is_number()) {
    text += fmt::format(", plausible {} to {}", key.plausible_low(), key.plausible_high());
  }
  if (!key.is_identified) text += "; not determined by the data";
  return text + "\n";
}

}  // namespace

std::string with_values(const std::string& text, const std::string& path,
                        const std::vector<YamlOverride>& values) {
  const HardwareConfig expected = read_hardware_text(text, path, values);
  std::string changed = text;
  bool is_set = true;
  try {
    for (const YamlOverride& value : values) is_set = is_set && set_value(changed, path, value);
    if (is_set && machine_id(read_hardware_text(changed, path)) == machine_id(expected)) {
      return changed;
    }
  } catch (const InputError&) {
    // The changed text is no machine file: write all values instead.
  }
  return hardware_yaml(expected);
}

std::string fitted_machine_yaml(const MachineFit& fit, const MeasuredTable& table) {
  const auto name = [](const std::string& path) {
    return one_line(std::filesystem::path(path).filename().string());
  };
  std::string text = fmt::format("{}\n", kFittedFirstLine);
  text += fmt::format("# {} to {} rows of {} (hash {:016x}) with tilewake {}.\n",
                      name(fit.machine.file.path), table.rows.size(), name(table.file.path),
                      fnv1a64(table.file.text), kVersion);
  text += fmt::format("# Simulated against measured, before: {}.\n", errors_text(fit.start));
  text += fmt::format("# After the fit, on the same rows: {}.\n", errors_text(fit.train));
  if (!fit.holdout_ms.empty()) {
    text +=
        fmt::format("# On rows that were held out, {} folds: {}; standard error of the mean {}.\n",
                    fit.fold_mapes.size(), errors_text(fit.holdout),
                    percent_text(fit.holdout_standard_error()));
  } else {
    text +=
        fmt::format("# No row was held out{}.\n",
                    fit.is_complete ? "" : ": the fit was interrupted; this is its best machine");
  }
  if (!fit.machine.config.device.is_known()) {
    text += fmt::format("# No section `device`: {}.\n",
                        fit.holdout_ms.empty()
                            ? "there is no held-out error"
                            : "a held-out network does not fit on the machine of its fold");
  }
  if (!fit.verdict.empty()) text += fmt::format("# Verdict: {}.\n", fit.verdict);
  text += "# Fitted keys:\n";
  for (const FittedKey& key : fit.keys) text += key_text(key);
  for (const std::string& warning : fit.warnings) {
    text += fmt::format("# Warning: {}.\n", one_line(warning));
  }
  text += kHeadEnd;
  text += '\n';
  const std::string& path = fit.machine.file.path;
  std::vector<std::string> lines = lines_of(without_head(fit.machine.file.text));
  std::erase_if(lines, is_of_start);
  const std::string changed = with_values(joined(lines), path, fit.values);
  return text + with_device(with_marks(changed, path, fit.keys), path, fit.machine.config.device);
}

std::string fit_rows_csv(const MeasuredTable& table, const std::string& machine,
                         const std::vector<double>& start_ms,
                         const std::vector<double>& simulated_ms,
                         const std::vector<double>& holdout_ms) {
  std::string text = fmt::format("{}\n{}\n", kFitRowsFirstLine,
                                 "network,machine,batch,measured_ms,start_ms,simulated_ms,"
                                 "holdout_ms,macs");
  const auto number = [](const std::vector<double>& values, std::size_t i) {
    return values.empty() ? "" : fmt::format("{}", values[i]);
  };
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const MeasuredRow& row = table.rows[i];
    std::int64_t macs = 0;
    for (const Network& network : row.workload.networks) macs += network.num_macs();
    text += fmt::format("{},{},{},{},{},{},{},{}\n", csv_field(row.workload.name),
                        csv_field(machine), row.batch, row.latency_ms, number(start_ms, i),
                        number(simulated_ms, i), number(holdout_ms, i), macs);
  }
  return text;
}

std::string beside_machine(const std::string& machine_path, std::string_view ending) {
  std::string path = machine_path;
  for (const char* old : {".yaml", ".yml"}) {
    if (path.ends_with(old)) path.resize(path.rfind('.'));
  }
  return path + std::string(ending);
}

}  // namespace tilewake
