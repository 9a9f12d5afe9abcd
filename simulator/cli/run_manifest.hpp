// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

/// The list of the files that the tool wrote into a run's directory, kept in the directory itself.
/// Only listed files are ever removed or replaced.
///
/// The file has a head and then one name per line, relative to the directory. A name is added
/// before its file appears. The file is untrusted input: it may list only names that such a run can
/// write, and no symbolic link in the directory is followed.
///
/// Every function throws InputError naming the file.
class RunManifest {
 public:
  static constexpr std::string_view kFileName = "manifest.txt";

  /// Which names a run may have.
  struct Names {
    bool (*is_file)(std::string_view name);       // "steps/scale.json"
    bool (*is_directory)(std::string_view name);  // "steps": every parent of a file
  };
  enum class Others { kKept, kRefused };

  /// Reads the manifest of `directory` if there is one. Changes nothing.
  RunManifest(const std::filesystem::path& directory, Names names);

  /// Throws unless the run wrote every entry of the directory whose name a run may have. Refused
  /// are files of such a name that are not listed, and entries that are not regular files, such as
  /// symbolic links. With Others::kRefused, so is every other entry. Changes nothing.
  void check(Others others) const;

  bool exists() const { return exists_; }
  bool lists(const std::string& name) const { return listed_.contains(name); }
  const std::set<std::string>& listed() const { return listed_; }

  /// Removes the temporary files of listed files that killed processes left (stale_temporaries_of()
  /// in atomic_file.hpp). To be called after check().
  void remove_temporary_files() const;

  /// Removes a listed file, if it is there. To be called after check().
  void remove(const std::string& name) const;

  /// Removes all listed files except `last`, then the directories that are empty now, then `last`
  /// and the manifest. To be called after check().
  void remove_run(const std::string& last);

  /// Lists the file at `path`, on disk as well, before it is written; creates the manifest if there
  /// is none. Ignores a path outside the directory, or in a subdirectory that is not one of the
  /// run's (and may have its own manifest). Throws if an unlisted file is there.
  void add(const std::string& path);

  /// Removes the incomplete last line of a process that was killed while it wrote the manifest.
  void repair();

  /// Rewrites the manifest: the listed files that exist, sorted. The manifest of a complete run
  /// thus does not depend on interruptions.
  void tidy();

 private:
  using Paths = std::vector<std::filesystem::path>;

  /// Implements check(). Returns the stale temporary files.
  Paths examine(Others others) const;
  void examine(const std::string& parent, Others others, Paths& temporaries) const;
  bool is_stale_temporary(const std::string& name) const;
  std::filesystem::path path_of(const std::string& name) const { return directory_ / name; }
  bool read();  // false if the head is incomplete
  void append(const std::string& line, int flags) const;

  std::filesystem::path directory_;
  Names names_;
  std::set<std::string> listed_;
  bool exists_ = false;
  bool is_cut_off_ = false;
};

}  // namespace tilewake
