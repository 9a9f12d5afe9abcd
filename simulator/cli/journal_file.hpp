// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include <nlohmann/json.hpp>

namespace tilewake {

/// Finished work, one JSON object a line, appended as it finishes. Each line has a hash of its
/// contents in the member "check" and the build of the tool in "build".
class JournalFile {
 public:
  using Json = nlohmann::ordered_json;

  ///   @param build  of the tool, build_id()
  JournalFile(std::string path, std::string build);
  ~JournalFile();
  JournalFile(const JournalFile&) = delete;
  JournalFile& operator=(const JournalFile&) = delete;

  /// Calls `use` with every line of the file that is whole and of this build; it returns false, or
  /// throws InputError or a JSON exception, if it cannot use the line. Returns the number of lines
  /// that are not used. Throws InputError if the file cannot be read.
  int read(const std::function<bool(const Json& line)>& use) const;

  /// The line for an object, with "build" and "check".
  std::string line_of(const Json& json) const;

  /// Writes the line to the file before it returns; the first one replaces the file by `begin`
  /// before. Throws IoError.
  void add(const Json& json, const std::function<std::string()>& begin);

 private:
  std::string path_;
  std::string build_;
  int file_ = -1;
};

}  // namespace tilewake
