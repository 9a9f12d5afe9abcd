// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/atomic_file.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>

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

TEST(AtomicFileTest, TextReplacesTheOldFileAndLeavesNothingElseBehind) {
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

TEST(AtomicFileTest, WhatIsNotAFileIsNotReplaced) {
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
  // A limit on the file size stands in for a full disk.
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

}  // namespace
}  // namespace tilewake
