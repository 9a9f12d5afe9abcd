// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

/// The list of the files in a run's directory that the tool wrote, kept in the directory itself.
/// Only what it lists is ever removed or replaced.
///
/// The file has a head and then one name a line, relative to the directory. A name is added before
/// its file appears. The file is untrusted when it is read: it may list only names that such a run
/// could have written, and no symbolic link in the directory is followed.
///
/// Every function throws InputError naming the file.
class RunManifest {
 public:
  static constexpr std::string_view kFileName = "manifest.txt";

  /// Which names a run may have.
  struct Names {
    bool (*is_file)(std::string_view name);       // "steps/scale.json"
    bool (*is_directory)(std::string_view name);  // "steps", every one above a file
  };
  enum class Others { kKept, kRefused };

  /// Reads the manifest of `directory` if there is one. Changes nothing.
  RunManifest(const std::filesystem::path& directory, Names names);

  /// Throws unless everything in the directory whose name a run may have was written by it: a file
  /// of that name that is not listed, or anything but a regular file (a symbolic link) in its
  /// place, is refused. So is every other entry with `others`. Changes nothing.
  void check(Others others) const;

  bool exists() const { return exists_; }
  bool lists(const std::string& name) const { return listed_.count(name) > 0; }
  const std::set<std::string>& listed() const { return listed_; }

  /// Removes what killed processes left of listed files (stale_temporaries_of() in
  /// atomic_file.hpp). To be called after check().
  void remove_temporary_files() const;

  /// Removes a listed file, if it is there. To be called after check().
  void remove(const std::string& name) const;

  /// Removes all listed files, `last` after the others, then the directories that are empty by
  /// that, then the manifest. To be called after check().
  void remove_run(const std::string& last);

  /// Lists the file at `path`, on disk as well, before it is written; makes the manifest if there
  /// is none. A path outside the directory, or in a directory below that is none of the run's (and
  /// may have a manifest), is ignored. Throws if a file that is not listed is there.
  void add(const std::string& path);

  /// Takes off the half of a line that a process left which was killed while it wrote the manifest.
  void repair();

  /// Rewrites the manifest: the listed files that exist, sorted. So that of a complete run does not
  /// depend on how often it was interrupted.
  void tidy();

 private:
  using Paths = std::vector<std::filesystem::path>;

  /// What check() does. Returns the stale temporary files.
  Paths examine(Others others) const;
  void examine(const std::string& parent, Others others, Paths& temporaries) const;
  bool is_stale_temporary(const std::string& name) const;
  std::filesystem::path path_of(const std::string& name) const { return directory_ / name; }
  bool read();  // false where it was killed while making the file
  void append(const std::string& line, int flags) const;

  std::filesystem::path directory_;
  Names names_;
  std::set<std::string> listed_;
  bool exists_ = false;
  bool is_cut_off_ = false;
};

}  // namespace tilewake
