// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "simulator/hardware/hardware_config.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/source_files.hpp"

namespace tilewake {

/// The shipped machine, line by line, so that a test can change or drop one key by its full path.
class MidapYaml {
 public:
  MidapYaml() : MidapYaml(read_file(source_path("hw_configs/midap.yaml"))) {}

  /// Another one.
  explicit MidapYaml(const std::string& text) {
    std::vector<std::string> sections;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = text.find('\n', begin);
      lines_.push_back(text.substr(begin, end - begin));
      begin = end + 1;
      const std::string& line = lines_.back();
      const std::size_t indent = line.find_first_not_of(' ');
      if (indent == std::string::npos || line[indent] == '#') continue;
      const std::size_t colon = line.find(':');
      sections.resize(indent / 2);
      sections.push_back(line.substr(indent, colon - indent));
      if (colon + 1 < line.size()) line_of_key_[joined(sections)] = lines_.size() - 1;
    }
  }

  /// Full paths of the keys that hold a value, with the number of their line (from 1).
  std::map<std::string, int> keys() const {
    std::map<std::string, int> result;
    for (const auto& [key, line] : line_of_key_) result[key] = static_cast<int>(line) + 1;
    return result;
  }

  std::string value(const std::string& key) const {
    const std::string& line = lines_[line_of_key_.at(key)];
    const std::size_t begin = line.find(':') + 2;
    const std::string value = line.substr(begin, line.find('#', begin) - begin);
    return value.substr(0, value.find_last_not_of(' ') + 1);
  }

  MidapYaml with(const std::string& key, const std::string& value) const {
    MidapYaml changed = *this;
    std::string& line = changed.lines_[line_of_key_.at(key)];
    line = line.substr(0, line.find(':') + 1) + " " + value;
    return changed;
  }

  /// Another key takes its place, so that its section stays a mapping.
  MidapYaml without(const std::string& key) const {
    MidapYaml changed = *this;
    std::string& line = changed.lines_[line_of_key_.at(key)];
    line.insert(line.find_first_not_of(' '), "not_");
    return changed;
  }

  /// Adds `line` to the section of `key`, right below it.
  MidapYaml with_line_after(const std::string& key, const std::string& line) const {
    MidapYaml changed = *this;
    const std::size_t place = line_of_key_.at(key);
    const std::size_t indent = lines_[place].find_first_not_of(' ');
    changed.lines_.insert(changed.lines_.begin() + static_cast<std::ptrdiff_t>(place) + 1,
                          std::string(indent, ' ') + line);
    return changed;
  }

  std::string text() const {
    std::string result;
    for (const std::string& line : lines_) result += line + "\n";
    return result;
  }

  HardwareConfig read() const { return read_hardware_text(text(), "m.yaml"); }

  std::string error() const {
    return input_error_of([this] { read(); });
  }

 private:
  static std::string joined(const std::vector<std::string>& parts) {
    std::string path;
    for (const std::string& part : parts) path += (path.empty() ? "" : ".") + part;
    return path;
  }

  std::vector<std::string> lines_;
  std::map<std::string, std::size_t> line_of_key_;
};

}  // namespace tilewake
