// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/regular_file.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"
#include "tests/support/temp_dir.hpp"

namespace tilewake {
namespace {

using testing::StartsWith;

TEST(RegularFileTest, IsReadInPiecesAndFromTheStart) {
  const TempDir dir;
  std::ofstream(dir.file("a")) << "abcde";
  RegularFile file(dir.file("a"));
  EXPECT_EQ(file.size(), 5U);
  char bytes[8] = {};
  EXPECT_EQ(file.read(bytes, 3), 3U);
  EXPECT_EQ(std::string(bytes, 3), "abc");
  EXPECT_EQ(file.read(bytes, 3), 2U);  // fewer only at the end
  file.rewind();
  RegularFile moved(std::move(file));
  EXPECT_EQ(moved.read(bytes, 8), 5U);
  EXPECT_EQ(std::string(bytes, 5), "abcde");
}

TEST(RegularFileTest, EverythingElseIsRefusedWithoutWaiting) {
  const TempDir dir;
  ASSERT_EQ(::mkfifo(dir.file("pipe").c_str(), 0600), 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string socket_path = dir.file("socket");
  std::strncpy(address.sun_path, socket_path.c_str(), sizeof address.sun_path - 1);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  std::filesystem::create_symlink(dir.file("pipe"), dir.file("link"));
  for (const std::string& path :
       {dir.file("pipe"), socket_path, dir.file("link"), dir.path().string(),
        std::string("/dev/zero"), dir.file("none")}) {
    EXPECT_THAT(input_error_of([&] { read_text_file(path); }), StartsWith(path + ": "));
  }
  ::close(socket);
}

TEST(RegularFileTest, ALargeFileIsRefusedByItsSize) {
  const TempDir dir;
  const std::string path = dir.file("large");
  std::ofstream(path) << "abc";
  EXPECT_EQ(read_text_file(path, 3), "abc");
  EXPECT_THAT(input_error_of([&] { read_text_file(path, 2); }), StartsWith(path + ": "));
  std::filesystem::resize_file(path, std::uintmax_t{1} << 40);  // sparse: reading takes minutes
  EXPECT_THAT(input_error_of([&] { read_text_file(path); }), StartsWith(path + ": "));
}

TEST(RegularFileTest, AFileWithoutASizeIsReadWithinTheLimit) {
  EXPECT_NE(read_text_file("/proc/self/status"), "");  // has size 0
  EXPECT_THAT(input_error_of([] { read_text_file("/proc/self/status", 10); }),
              StartsWith("/proc/self/status: "));
}

}  // namespace
}  // namespace tilewake
