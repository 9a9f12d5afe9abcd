// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

/// Throws IoError unless files can be created in `directory` (empty: the current one), or, where it
/// is missing, in its nearest existing parent. Changes nothing; called before the work starts.
void check_writable(const std::filesystem::path& directory);

/// The same for the directory of `file`, whose name must not be that of a directory ("out/").
/// Throws InputError or IoError.
void check_file_place(const std::string& file);

/// The same; without `force` the file must not exist.
void check_output_file(const std::string& file, bool force);

/// The same; a file that exists must start with `begin`, by which the tool knows its own. `what`
/// names it in the error message: "report of tilewake".
void check_own_output_file(const std::string& file, std::string_view begin, std::string_view what);

/// Whether two paths, of files that need not exist, lead to the same place.
bool is_same_place(const std::string& a, const std::string& b);

/// Creates a directory (none, if the path is empty) and its missing parents; removes those that are
/// empty again, unless keep() is called. Throws IoError.
class NewDirectories {
 public:
  explicit NewDirectories(std::filesystem::path path);
  ~NewDirectories();
  NewDirectories(const NewDirectories&) = delete;
  NewDirectories& operator=(const NewDirectories&) = delete;

  void keep() { is_kept_ = true; }

 private:
  void remove();

  std::vector<std::filesystem::path> made_;
  bool is_kept_ = false;
};

/// Writes a file that the user named, atomically; creates its directory. An interrupt waits for the
/// end, and after an error neither a part of the file nor a new directory remains. Throws IoError.
void write_output_file(const std::string& file, std::string_view text);

}  // namespace tilewake
