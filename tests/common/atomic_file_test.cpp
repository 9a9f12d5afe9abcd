// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/atomic_file.hpp"

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"
#include "tests/support/source_files.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using ::testing::StartsWith;

std::ptrdiff_t num_files_in(const TempDir& dir) {
  return std::distance(std::filesystem::directory_iterator(dir.path()), {});
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(AtomicFileTest, TextReplacesTheOldFileAndLeavesNoOtherFile) {
  const TempDir dir;
  const std::string path = dir.file("out.csv");
  write_file_atomically(path, "first\n");
  write_file_atomically(path, std::string("sec\0nd", 6));
  EXPECT_EQ(read_file(path), std::string("sec\0nd", 6));
  EXPECT_EQ(num_files_in(dir), 1);
}

TEST(AtomicFileTest, LargeAndEmptyTextsAreWrittenWhole) {
  const TempDir dir;
  const std::string large(10'000'000, 'x');
  write_file_atomically(dir.file("large"), large);
  EXPECT_EQ(read_file(dir.file("large")), large);
  write_file_atomically(dir.file("empty"), "");
  EXPECT_EQ(read_file(dir.file("empty")), "");
}

TEST(AtomicFileTest, PermissionsFollowTheUmask) {
  const TempDir dir;
  const mode_t old = ::umask(027);
  write_file_atomically(dir.file("f"), "x");
  ::umask(old);
  struct stat status {};
  ASSERT_EQ(::stat(dir.file("f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST(AtomicFileTest, MissingDirectoryNamesPathAndReason) {
  const TempDir dir;
  const std::string path = dir.file("none/out.csv");
  EXPECT_EQ(input_error_of([&] { write_file_atomically(path, "x"); }),
            path + ": cannot create file: No such file or directory");
}

TEST(AtomicFileTest, OnlyRegularFilesAreReplaced) {
  const TempDir dir;
  EXPECT_EQ(input_error_of([&] { write_file_atomically(dir.path().string(), "x"); }),
            dir.path().string() + ": exists and is not a regular file");
  EXPECT_EQ(input_error_of([] { write_file_atomically("/dev/null", "x"); }),
            "/dev/null: exists and is not a regular file");
  EXPECT_EQ(num_files_in(dir), 0);
}

TEST(AtomicFileTest, FailedWriteKeepsTheOldFileAndRemovesTheTemporary) {
  const TempDir dir;
  const std::string path = dir.file("out.csv");
  write_file_atomically(path, "old");
  // A file size limit simulates a full disk.
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit{1000, old_limit.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  const std::string error =
      input_error_of([&] { write_file_atomically(path, std::string(100'000, 'x')); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(error, StartsWith(path + ": cannot write file: "));
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(num_files_in(dir), 1);
}

/// The number of a process that ran and is no more.
pid_t dead_process() {
  const pid_t process = ::fork();
  if (process == 0) ::_exit(0);
  int status = 0;
  ::waitpid(process, &status, 0);
  return process;
}

TEST(AtomicFileTest, TemporariesOfKilledProcessesAreRemovedAndNothingElse) {
  const TempDir dir;
  const std::string path = dir.file("out.csv");
  const pid_t dead = dead_process();
  const auto temporary = [&](auto process, const std::string& number) {
    return fmt::format("out.csv.tmp-{}-{}", process, number);
  };
  std::set<std::string> kept = {"out.csv"};
  for (const std::string& name :
       {temporary(::getpid(), "1000"), temporary(dead, "00"), temporary(dead, "1x"),
        temporary(dead, ""), temporary(dead, "-1"), temporary(0, "0"),
        fmt::format("out.csv.tmp-{}", dead), fmt::format("out.csv.tmp-0{}-0", dead),
        fmt::format("out.csv.tmp-{}-0.bak", dead), fmt::format("other.csv.tmp-{}-0", dead),
        fmt::format("xout.csv.tmp-{}-0", dead),
        std::string("out.csv.tmp-99999999999999999999-0")}) {
    write_file(dir.file(name), "of the user");
    kept.insert(name);
  }
  std::filesystem::create_symlink("out.csv", dir.file(temporary(dead, "7")));
  kept.insert(temporary(dead, "7"));
  std::filesystem::create_directory(dir.file(temporary(dead, "8")));
  kept.insert(temporary(dead, "8"));
  write_file(dir.file(temporary(dead, "0")), "half a te");
  write_file(dir.file(temporary(dead, "12")), "");
  const std::string locked = temporary(dead, "13");  // by a process with another PID elsewhere
  write_file(dir.file(locked), "");
  kept.insert(locked);
  const int lock = ::open(dir.file(locked).c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(lock, LOCK_EX), 0);

  // Of a process that had the number of this one before.
  const std::string old = dir.file(temporary(::getpid(), "1001"));
  write_file(old, "");
  using std::chrono::hours;
  std::filesystem::last_write_time(old, std::filesystem::file_time_type::clock::now() - hours(48));

  write_file_atomically(path, "text");
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(dir.path())) {
    found.insert(entry.path().filename().string());
  }
  EXPECT_EQ(found, kept);
  EXPECT_EQ(read_file(path), "text");
  ::close(lock);
}

TEST(AtomicFileTest, ARelativeNameIsCleanedInTheCurrentDirectory) {
  const TempDir dir;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(dir.path());
  write_file(fmt::format("out.tmp-{}-3", dead_process()), "");
  write_file_atomically("out", "text");
  std::filesystem::current_path(before);
  EXPECT_EQ(num_files_in(dir), 1);
}

}  // namespace
}  // namespace tilewake
