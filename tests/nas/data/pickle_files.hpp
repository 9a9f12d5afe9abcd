// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/nas/data/data_files.hpp"

namespace tilewake {

/// Writes what Python 2 writes with protocol 2: the format of the published files of CIFAR.
class PickleWriter {
 public:
  PickleWriter() { op("\x80\x02"); }

  PickleWriter& op(std::string_view bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  PickleWriter& long_text(std::string_view text) {
    op("T");
    append_little(bytes_, text.size(), 4);
    return op(text);
  }
  PickleWriter& text(std::string_view text) {
    op("U");
    bytes_.push_back(static_cast<std::uint8_t>(text.size()));
    return op(text);
  }
  PickleWriter& integer(int value) {
    op("J");
    append_little(bytes_, static_cast<std::uint32_t>(value), 4);
    return *this;
  }
  PickleWriter& integers(const std::vector<int>& values) {
    op("](");
    for (const int value : values) integer(value);
    return op("e");
  }
  PickleWriter& texts(const std::vector<std::string>& values) {
    op("](");
    for (const std::string& value : values) text(value);
    return op("e");
  }
  /// An array of uint8.
  PickleWriter& array(const std::vector<int>& shape, std::string_view elements) {
    op("cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n").integer(0).op("\x85");
    text("b").op("\x87R(").integer(1).op("(");
    for (const int side : shape) integer(side);
    op("tcnumpy\ndtype\n").text("u1").integer(0).integer(1).op("\x87R(").integer(3).text("|");
    op("NNN").integer(-1).integer(-1).integer(0).op("tb\x89");
    return long_text(elements).op("tb");
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

/// A file of images and labels: `pixels` of 3072 bytes each.
inline Bytes pickled_batch(const std::string& key, const std::vector<int>& labels,
                           const Bytes& pixels) {
  const std::string_view elements(reinterpret_cast<const char*>(pixels.data()), pixels.size());
  PickleWriter writer;
  writer.op("}q\x01(").text("batch_label").text("training batch 1 of 5");
  writer.text(key).integers(labels).text("data");
  writer.array({static_cast<int>(labels.size()), 3072}, elements);
  writer.text("filenames").texts(std::vector<std::string>(labels.size(), "a.png")).op("u.");
  return writer.bytes();
}

}  // namespace tilewake
