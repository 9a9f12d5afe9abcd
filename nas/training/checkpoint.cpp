// SPDX-License-Identifier: Apache-2.0
#include "nas/training/checkpoint.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "nas/training/archive_value.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

using torch::serialize::InputArchive;
using torch::serialize::OutputArchive;

// A file is: magic, the archive, the archive's length, fnv1a64 of everything before; both numbers
// 8 bytes, little endian.
constexpr std::string_view kMagic = "tilewake checkpoint 1\n";
constexpr std::size_t kNumberBytes = 8;
constexpr std::size_t kTrailerBytes = 2 * kNumberBytes;

void append_number(std::string& text, std::uint64_t number) {
  for (std::size_t i = 0; i < kNumberBytes; ++i) {
    text.push_back(static_cast<char>((number >> (8 * i)) & 0xff));
  }
}

std::uint64_t number_at(std::string_view text, std::size_t position) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < kNumberBytes; ++i) {
    const auto byte = static_cast<unsigned char>(text[position + i]);
    number |= static_cast<std::uint64_t>(byte) << (8 * i);
  }
  return number;
}

std::string read_file(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    throw InputError(path + ": no such file, or no regular file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path + ": cannot open file");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) throw InputError(path + ": cannot read file");
  return text;
}

/// The archive within the file. Only what has the right hash goes to LibTorch's reader, which is
/// not made for damaged files.
std::string_view checked_archive(const std::string& path, std::string_view text) {
  if (text.substr(0, kMagic.size()) != kMagic) {
    throw InputError(path + ": is no checkpoint of this program version");
  }
  const std::size_t overhead = kMagic.size() + kTrailerBytes;
  const std::size_t trailer = text.size() - kTrailerBytes;
  if (text.size() < overhead || number_at(text, trailer) != text.size() - overhead) {
    throw InputError(path +
                     ": is cut off or damaged: its length is not the one it was written with");
  }
  const std::size_t hash = trailer + kNumberBytes;
  if (number_at(text, hash) != fnv1a64(text.substr(0, hash))) {
    throw InputError(path + ": is damaged: its hash is not the one it was written with");
  }
  return text.substr(kMagic.size(), trailer - kMagic.size());
}

struct NamedTensors {
  std::vector<std::string> names;
  std::vector<torch::Tensor> tensors;
};

NamedTensors named_tensors(const torch::nn::Module& module) {
  NamedTensors result;
  for (const auto& item : module.named_parameters()) {
    result.names.push_back(item.key());
    result.tensors.push_back(item.value());
  }
  for (const auto& item : module.named_buffers()) {
    result.names.push_back(item.key());
    result.tensors.push_back(item.value());
  }
  return result;
}

void check_names(const std::vector<std::string>& read, const std::vector<std::string>& expected) {
  for (std::size_t i = 0; i < std::max(read.size(), expected.size()); ++i) {
    if (i >= read.size()) {
      throw InputError(fmt::format("weight '{}' of the network is missing", expected[i]));
    }
    if (i >= expected.size()) {
      throw InputError(fmt::format("weight '{}' is none of the network", read[i]));
    }
    if (read[i] != expected[i]) {
      throw InputError(fmt::format("weight '{}' where the network has '{}'", read[i], expected[i]));
    }
  }
}

void check_shape(const std::string& name, const torch::Tensor& read,
                 const torch::Tensor& expected) {
  if (read.sizes() == expected.sizes() && read.scalar_type() == expected.scalar_type()) return;
  throw InputError(fmt::format("weight '{}' is {}, the network has {}", name, shape_text(read),
                               shape_text(expected)));
}

}  // namespace

void write_checkpoint(const std::string& path, const std::function<void(OutputArchive&)>& save) {
  OutputArchive archive;
  save(archive);
  std::string text(kMagic);
  archive.save_to([&text](const void* data, std::size_t size) {
    text.append(static_cast<const char*>(data), size);
    return size;
  });
  append_number(text, text.size() - kMagic.size());
  append_number(text, fnv1a64(text));
  write_file_atomically(path, text);
}

void read_checkpoint(const std::string& path, const std::function<void(InputArchive&)>& load) {
  const std::string text = read_file(path);
  const std::string_view bytes = checked_archive(path, text);
  try {
    InputArchive archive;
    archive.load_from(bytes.data(), bytes.size(), torch::Device(torch::kCPU));
    load(archive);
  } catch (const InputError& e) {
    throw InputError(path + ": " + e.what());
  } catch (const c10::Error& e) {
    throw InputError(path + ": cannot read checkpoint: " + e.what_without_backtrace());
  }
}

void save_module(OutputArchive& archive, const torch::nn::Module& module) {
  const NamedTensors state = named_tensors(module);
  write_value(archive, "names", state.names);
  write_value(archive, "tensors", state.tensors);
}

void load_module(InputArchive& archive, torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  const NamedTensors state = named_tensors(module);
  check_names(read_strings(archive, "names"), state.names);
  const std::vector<torch::Tensor> read = read_tensors(archive, "tensors");
  if (read.size() != state.tensors.size()) throw InputError("names and tensors differ in number");
  for (std::size_t i = 0; i < read.size(); ++i) {
    check_shape(state.names[i], read[i], state.tensors[i]);
  }
  for (std::size_t i = 0; i < read.size(); ++i) state.tensors[i].copy_(read[i]);
}

}  // namespace tilewake
