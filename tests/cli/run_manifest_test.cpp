// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/run_manifest.hpp"

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/common/atomic_file.hpp"
#include "simulator/common/output_ledger.hpp"
#include "tests/support/input_error.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using testing::StartsWith;
using Others = RunManifest::Others;

// Linux numbers its processes up to 4194304.
constexpr const char* kTemporary = ".tmp-4194305-0";

/// Runs with files "a", "b" and "sub/c".
RunManifest manifest_of(const std::filesystem::path& directory) {
  return RunManifest(directory, {[](std::string_view name) {
                                   return name == "a" || name == "b" || name == "sub/c";
                                 },
                                 [](std::string_view name) { return name == "sub"; }});
}

class RunManifestTest : public ::testing::Test {
 protected:
  RunManifest manifest() const { return manifest_of(run_); }
  std::string path(const std::string& name) const { return (run_ / name).string(); }
  void write(const std::string& name) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name)) << "text";
  }
  /// A run that wrote these files.
  void write_run(const std::set<std::string>& names) const {
    RunManifest manifest = this->manifest();
    const OutputLedger ledger([&manifest](const std::string& file) { manifest.add(file); });
    for (const std::string& name : names) {
      make_directory_of(path(name));
      write_file_atomically(path(name), "text");
    }
  }
  std::string check_error(Others others) const {
    return input_error_of([&] { manifest().check(others); });
  }
  std::set<std::string> names() const {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(run_))
      found.insert(entry.path().lexically_relative(run_).string());
    return found;
  }

  TempDir dir_;
  const std::filesystem::path run_ = dir_.path() / "run";
};

TEST_F(RunManifestTest, ListsEveryFileThatIsWrittenWhileTheLedgerExists) {
  EXPECT_FALSE(manifest().exists());
  write_run({"a", "sub/c"});
  write_file_atomically(path("b"), "not of the run");
  const RunManifest read = manifest();
  EXPECT_TRUE(read.exists());
  EXPECT_EQ(read.listed(), (std::set<std::string>{"a", "sub/c"}));
}

TEST_F(RunManifestTest, EverySpellingOfAPathIsTheSameFile) {
  RunManifest manifest = manifest_of(dir_.path().string() + "//x/../run/");
  manifest.add(dir_.path().string() + "/run//./a");
  manifest.add(dir_.path().string() + "/run/sub/../sub/c");
  manifest.add(dir_.path().string() + "/elsewhere");
  manifest.add(dir_.path().string() + "/run/below/a");  // of another run
  EXPECT_EQ(manifest.listed(), (std::set<std::string>{"a", "sub/c"}));
}

TEST_F(RunManifestTest, AFileThatIsThereAlreadyIsNotReplaced) {
  write("a");
  std::string error = input_error_of([&] { write_run({"a"}); });
  EXPECT_THAT(error, StartsWith(path("a") + ": "));
  EXPECT_EQ(names(), (std::set<std::string>{"a"}));
  EXPECT_EQ(read_file(path("a")), "text");
}

TEST_F(RunManifestTest, RemovesTheRunAndNothingElse) {
  write_run({"a", "sub/c"});
  write("mine");
  write(std::string("a") + kTemporary);
  write(std::string("mine") + kTemporary);
  write("a.tmp-1-0");  // of a process that runs
  EXPECT_EQ(check_error(Others::kKept), "no error");
  RunManifest manifest = this->manifest();
  manifest.remove_run("a");
  EXPECT_EQ(names(),
            (std::set<std::string>{"mine", std::string("mine") + kTemporary, "a.tmp-1-0"}));
  EXPECT_FALSE(this->manifest().exists());
}

TEST_F(RunManifestTest, ADirectoryWithSomethingElseInItStays) {
  write_run({"sub/c"});
  write("sub/mine");
  RunManifest manifest = this->manifest();
  manifest.remove_run("a");
  EXPECT_EQ(names(), (std::set<std::string>{"sub", "sub/mine"}));
}

TEST_F(RunManifestTest, WhatIsInTheWayIsRefusedByName) {
  write_run({"a"});
  for (const char* name : {"b", "sub/c"}) {
    write(name);
    for (const Others others : {Others::kKept, Others::kRefused})
      EXPECT_THAT(check_error(others), StartsWith(path(name) + ": "));
    std::filesystem::remove(path(name));
  }
  for (const std::string& name : {std::string("mine"), std::string("other/a"), std::string("sub/a"),
                                  std::string("mine") + kTemporary, std::string("a.tmp-1-0")}) {
    write(name);
    EXPECT_EQ(check_error(Others::kKept), "no error") << name;
    EXPECT_THAT(check_error(Others::kRefused), StartsWith(path("")));
    std::filesystem::remove_all(path(name));
    std::filesystem::remove_all(path("other"));
  }
  EXPECT_EQ(check_error(Others::kRefused), "no error");
}

TEST_F(RunManifestTest, SymbolicLinksAreNeverFollowed) {
  write_run({"a"});
  std::filesystem::create_directory(dir_.path() / "outside");
  std::ofstream(dir_.path() / "outside" / (std::string("c") + kTemporary)) << "mine";
  std::filesystem::remove(path("sub"));
  std::filesystem::create_symlink(dir_.path() / "outside", path("sub"));
  EXPECT_THAT(check_error(Others::kKept), StartsWith(path("sub") + ": "));
  std::filesystem::remove(path("sub"));
  std::filesystem::remove(path("a"));
  std::filesystem::create_symlink("/dev/null", path("a"));
  EXPECT_THAT(check_error(Others::kKept), StartsWith(path("a") + ": "));
}

TEST_F(RunManifestTest, AForgedManifestIsRefusedWithItsLine) {
  write_run({"a"});
  const std::string file = path("manifest.txt");
  const std::string good = read_file(file);
  for (const char* line : {"../mine", "/etc/passwd", "sub/../../mine", "mine", "", "sub", "a/"}) {
    std::ofstream(file) << good << line << "\n";
    EXPECT_THAT(input_error_of([&] { manifest(); }), StartsWith(file + ":3: ")) << line;
  }
  std::ofstream(file) << "mine\n";
  EXPECT_THAT(input_error_of([&] { manifest(); }), StartsWith(file + ":1: "));
}

TEST_F(RunManifestTest, CutOffAnywhereItIsReadAndContinued) {
  write_run({"a", "b"});
  const std::string file = path("manifest.txt");
  const std::string whole = read_file(file);
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    std::filesystem::remove_all(run_);
    std::filesystem::create_directory(run_);
    std::ofstream(file) << whole.substr(0, length);
    RunManifest cut = manifest();
    EXPECT_LE(cut.listed().size(), 2U);
    cut.repair();
    cut.add(path("sub/c"));
    EXPECT_TRUE(manifest().lists("sub/c")) << length;
  }
}

TEST_F(RunManifestTest, TidyListsTheFilesThatExistInOrder) {
  write_run({"b"});
  write_run({"a"});
  std::filesystem::remove(path("b"));
  write_run({"sub/c"});
  RunManifest again = this->manifest();
  again.tidy();
  const std::string text = read_file(path("manifest.txt"));
  EXPECT_THAT(text, testing::EndsWith("\na\nsub/c\n"));
}

}  // namespace
}  // namespace tilewake
