// SPDX-License-Identifier: Apache-2.0
#include "nas/data/byte_reader.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <zlib.h>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kStep = std::size_t{1} << 20;

}  // namespace

class ByteReader::Stream {
 public:
  explicit Stream(std::string path) : path_(std::move(path)) {}
  virtual ~Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const std::string& path() const { return path_; }
  /// Returns fewer than `count` bytes only at the end.
  virtual std::size_t read(std::uint8_t* to, std::size_t count) = 0;

 protected:
  [[noreturn]] void fail(const std::string& what) const { throw InputError(path_ + ": " + what); }

 private:
  std::string path_;
};

class ByteReader::PlainStream final : public ByteReader::Stream {
 public:
  explicit PlainStream(RegularFile file) : Stream(file.path()), file_(std::move(file)) {}
  std::size_t read(std::uint8_t* to, std::size_t count) override { return file_.read(to, count); }

 private:
  RegularFile file_;
};

class ByteReader::GzipStream final : public ByteReader::Stream {
 public:
  explicit GzipStream(RegularFile file) : Stream(file.path()), file_(std::move(file)) {
    // 16: a gzip header and its checksum are required.
    if (inflateInit2(&zlib_, 16 + MAX_WBITS) != Z_OK) fail("zlib cannot start");
  }
  ~GzipStream() override { inflateEnd(&zlib_); }

  std::size_t read(std::uint8_t* to, std::size_t count) override {
    zlib_.next_out = to;
    zlib_.avail_out = static_cast<uInt>(count);  // at most kStep
    while (zlib_.avail_out > 0 && !is_at_end_) {
      if (zlib_.avail_in == 0) refill();
      if (zlib_.avail_in == 0) fail("damaged gzip data: unexpected end");
      const int status = inflate(&zlib_, Z_NO_FLUSH);
      if (status == Z_STREAM_END) {
        finish_input();
      } else if (status != Z_OK) {
        fail(
            fmt::format("damaged gzip data: {}", zlib_.msg != nullptr ? zlib_.msg : "no progress"));
      }
    }
    return count - zlib_.avail_out;
  }

 private:
  void refill() {
    zlib_.next_in = input_.data();
    zlib_.avail_in = static_cast<uInt>(file_.read(input_.data(), input_.size()));
  }

  void finish_input() {
    is_at_end_ = true;
    if (zlib_.avail_in == 0) refill();
    if (zlib_.avail_in != 0) fail("unexpected bytes after the gzip data");
  }

  RegularFile file_;
  std::array<std::uint8_t, std::size_t{1} << 16> input_{};
  z_stream zlib_{};
  bool is_at_end_ = false;
};

ByteReader::ByteReader(const std::string& path) {
  RegularFile file(path);
  std::array<std::uint8_t, 2> start{};
  const bool is_gzip = file.read(start.data(), start.size()) == start.size() && start[0] == 0x1f &&
                       start[1] == 0x8b;  // RFC 1952, section 2.3.1
  file.rewind();
  if (is_gzip) {
    stream_ = std::make_unique<GzipStream>(std::move(file));
  } else {
    stream_ = std::make_unique<PlainStream>(std::move(file));
  }
}

ByteReader::~ByteReader() = default;

const std::string& ByteReader::path() const { return stream_->path(); }

std::vector<std::uint8_t> ByteReader::read(std::size_t count) {
  std::vector<std::uint8_t> bytes;
  while (bytes.size() < count) {
    const std::size_t old_size = bytes.size();
    const std::size_t step = std::min(count - old_size, kStep);
    bytes.resize(old_size + step);
    const std::size_t got = stream_->read(bytes.data() + old_size, step);
    if (got < step)
      throw InputError(fmt::format("{}: has {} bytes, expected at least {}", path(),
                                   num_read_ + old_size + got, num_read_ + count));
  }
  num_read_ += count;
  return bytes;
}

void ByteReader::finish() {
  std::uint8_t byte = 0;
  if (stream_->read(&byte, 1) != 0)
    throw InputError(fmt::format("{}: has more than the expected {} bytes", path(), num_read_));
}

std::vector<std::uint8_t> read_file(const std::string& path, std::size_t max_bytes) {
  RegularFile file(path);
  if (file.size() == 0) throw InputError(path + ": the file is empty");
  if (file.size() > max_bytes)
    throw InputError(
        fmt::format("{}: has {} bytes; the limit is {}", path, file.size(), max_bytes));
  std::vector<std::uint8_t> bytes(file.size());
  if (file.read(bytes.data(), bytes.size()) != bytes.size())
    throw InputError(path + ": changed during reading");
  return bytes;
}

}  // namespace tilewake
