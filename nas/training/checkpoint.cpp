// SPDX-License-Identifier: Apache-2.0
#include "nas/training/checkpoint.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/json_document.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/version.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::json;

// A file is: magic, the header's length, the header (JSON), the bytes of all tensors in the order
// of the header, fnv1a64 of everything before. Numbers are 8 bytes, little endian.
constexpr std::string_view kMagic = "tilewake checkpoint 2\n";
constexpr std::size_t kNumberBytes = 8;
constexpr JsonLimits kHeaderLimits = {std::size_t{16} << 20, std::size_t{1} << 20, 16};
constexpr std::size_t kMaxDimensions = 8;
static_assert(std::endian::native == std::endian::little, "tensors are written as in memory");

struct ElementType {
  const char* name;
  torch::ScalarType type;
};
constexpr std::array<ElementType, 6> kElementTypes = {{{"uint8", torch::kByte},
                                                       {"int64", torch::kLong},
                                                       {"float16", torch::kHalf},
                                                       {"bfloat16", torch::kBFloat16},
                                                       {"float32", torch::kFloat},
                                                       {"float64", torch::kDouble}}};

std::size_t bytes_of(const torch::Tensor& tensor) {
  return static_cast<std::size_t>(tensor.numel()) * tensor.element_size();
}

// --- Writing

/// The header of an archive. Its tensors are appended to `tensors`.
Json json_of(const StateArchive& archive, StateArchive::Tensors& tensors);

Json json_of(const StateArchive::Tensors& list, StateArchive::Tensors& tensors) {
  Json json = Json::array();
  for (const torch::Tensor& tensor : list) {
    const auto* const found = std::find_if(
        kElementTypes.begin(), kElementTypes.end(),
        [&tensor](const ElementType& type) { return type.type == tensor.scalar_type(); });
    TORCH_CHECK(found != kElementTypes.end(), "a checkpoint holds no ", tensor.scalar_type());
    json.push_back({{"type", found->name}, {"shape", tensor.sizes().vec()}});
    tensors.push_back(tensor);
  }
  return json;
}

/// JSON has no infinities.
Json json_of(double value) {
  return std::isfinite(value) ? Json(value) : Json(fmt::format("{}", value));
}

Json json_of(const StateArchive::Value& value, StateArchive::Tensors& tensors) {
  switch (value.index()) {
    case 0:
      return {{"int", std::get<std::int64_t>(value)}};
    case 1:
      return {{"double", json_of(std::get<double>(value))}};
    case 2:
      return {{"string", std::get<std::string>(value)}};
    case 3:
      return {{"strings", std::get<StateArchive::Strings>(value)}};
    case 4:
      return {{"tensors", json_of(std::get<StateArchive::Tensors>(value), tensors)}};
    default:
      return {{"archive", json_of(*std::get<StateArchive::Nested>(value), tensors)}};
  }
}

Json json_of(const StateArchive& archive, StateArchive::Tensors& tensors) {
  Json json = Json::object();
  for (const auto& [key, value] : archive.values()) json[key] = json_of(value, tensors);
  return json;
}

void append_number(std::string& text, std::uint64_t number) {
  for (std::size_t i = 0; i < kNumberBytes; ++i) {
    text.push_back(static_cast<char>((number >> (8 * i)) & 0xff));
  }
}

// --- Reading

[[noreturn]] void fail_damaged(const std::string& what) { throw InputError("is damaged: " + what); }

/// Reads a file front to back and hashes what it reads.
class HashedFile {
 public:
  explicit HashedFile(const std::string& path) : file_(path) {
    if (file_.size() > kMaxCheckpointBytes) {
      throw InputError(fmt::format("{}: larger than {} bytes", path, kMaxCheckpointBytes));
    }
  }

  std::size_t num_left() const { return file_.size() - num_read_; }

  void read(void* to, std::size_t count) {
    if (count > num_left() || file_.read(to, count) != count) throw InputError("is cut off");
    num_read_ += count;
    hash_ = fnv1a64({static_cast<const char*>(to), count}, hash_);
  }
  std::string read_text(std::size_t count) {
    std::string text(std::min(count, num_left()), '\0');
    read(text.data(), count);
    return text;
  }
  std::uint64_t read_number() {
    unsigned char bytes[kNumberBytes];
    read(bytes, sizeof bytes);
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < kNumberBytes; ++i) {
      number |= static_cast<std::uint64_t>(bytes[i]) << (8 * i);
    }
    return number;
  }
  std::uint64_t hash() const { return hash_; }

 private:
  RegularFile file_;
  std::size_t num_read_ = 0;
  std::uint64_t hash_ = fnv1a64("");
};

torch::ScalarType element_type_of(const std::string& name) {
  for (const ElementType& type : kElementTypes) {
    if (name == type.name) return type.type;
  }
  fail_damaged(fmt::format("'{}' is no type of a tensor", printable(name)));
}

/// The tensor that an entry of the header describes, not filled. Takes its bytes off `num_left`.
torch::Tensor tensor_of(const Json& json, std::size_t& num_left) {
  const torch::ScalarType type = element_type_of(json.at("type").get<std::string>());
  const Json& dimensions = json.at("shape");
  if (!dimensions.is_array() || dimensions.size() > kMaxDimensions) fail_damaged("a shape is none");
  std::vector<std::int64_t> shape;
  std::size_t num_bytes = torch::elementSize(type);
  bool is_empty = false;
  for (const Json& dimension : dimensions) {
    if (!dimension.is_number_unsigned()) fail_damaged("a shape is none");
    const auto size = dimension.get<std::uint64_t>();
    // Of an empty tensor the other dimensions are bounded as well: LibTorch multiplies them.
    if (size > kMaxCheckpointBytes / num_bytes) fail_damaged("a tensor is larger than the file");
    num_bytes *= std::max<std::size_t>(size, 1);
    is_empty |= size == 0;
    shape.push_back(static_cast<std::int64_t>(size));
  }
  if (is_empty) num_bytes = 0;
  if (num_bytes > num_left) fail_damaged("its tensors are larger than the file");
  num_left -= num_bytes;
  return torch::empty(shape, type);
}

double double_of(const Json& json) {
  if (json.is_number_float()) return json.get<double>();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (json == "inf") return kInfinity;
  if (json == "-inf") return -kInfinity;
  if (json == "nan") return std::numeric_limits<double>::quiet_NaN();
  if (json == "-nan") return -std::numeric_limits<double>::quiet_NaN();
  fail_damaged("a number is none");
}

/// Builds the archive of a header. Its tensors are appended to `tensors`, not filled; their bytes
/// are taken off `num_left`.
class HeaderReader {
 public:
  HeaderReader(StateArchive::Tensors& tensors, std::size_t num_left)
      : tensors_(tensors), num_left_(num_left) {}

  StateArchive archive(const Json& json) {
    StateArchive archive;
    if (!json.is_object()) fail_damaged("its header is no archive");
    for (const auto& [key, value] : json.items()) {
      if (!value.is_object() || value.size() != 1) fail_damaged("its header is no archive");
      const std::string& type = value.begin().key();
      const Json& content = value.begin().value();
      if (type == "int") {
        if (!content.is_number_integer()) fail_damaged("a number is none");
        archive.write(key, content.get<std::int64_t>());
      } else if (type == "double") {
        archive.write(key, double_of(content));
      } else if (type == "string") {
        archive.write(key, content.get<std::string>());
      } else if (type == "strings") {
        archive.write(key, content.get<StateArchive::Strings>());
      } else if (type == "tensors") {
        archive.write(key, tensors(content));
      } else if (type == "archive") {
        archive.write(key, this->archive(content));  // as deep as kHeaderLimits allows
      } else {
        fail_damaged(fmt::format("'{}' is no type of a value", printable(type)));
      }
    }
    return archive;
  }

  std::size_t num_left() const { return num_left_; }

 private:
  StateArchive::Tensors tensors(const Json& json) {
    if (!json.is_array()) fail_damaged("a list of tensors is none");
    StateArchive::Tensors list;
    for (const Json& entry : json) list.push_back(tensor_of(entry, num_left_));
    tensors_.insert(tensors_.end(), list.begin(), list.end());
    return list;
  }

  StateArchive::Tensors& tensors_;
  std::size_t num_left_;
};

StateArchive read_archive(const std::string& path) {
  HashedFile file(path);
  if (file.num_left() < kMagic.size() || file.read_text(kMagic.size()) != kMagic) {
    throw InputError("is no checkpoint of this program version");
  }
  const std::uint64_t header_bytes = file.read_number();
  if (header_bytes > std::min(kHeaderLimits.max_bytes, file.num_left())) {
    fail_damaged("its header is larger than the file");
  }
  const std::string text = file.read_text(static_cast<std::size_t>(header_bytes));
  if (file.num_left() < kNumberBytes) throw InputError("is cut off");
  StateArchive::Tensors tensors;
  HeaderReader reader(tensors, file.num_left() - kNumberBytes);
  StateArchive archive;
  try {
    archive = reader.archive(parse_json(text, "header", kHeaderLimits));
  } catch (const Json::exception& e) {
    fail_damaged(json_error_text(e));
  }
  if (reader.num_left() != 0) fail_damaged("it has more bytes than its header lists");
  for (const torch::Tensor& tensor : tensors) file.read(tensor.data_ptr(), bytes_of(tensor));
  const std::uint64_t hash = file.hash();
  if (file.read_number() != hash) fail_damaged("its hash is not the one that it was written with");
  return archive;
}

// --- Modules

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
      throw InputError(fmt::format("weight '{}' is none of the network", printable(read[i])));
    }
    if (read[i] != expected[i]) {
      throw InputError(
          fmt::format("weight '{}' where the network has '{}'", printable(read[i]), expected[i]));
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

void write_checkpoint(const std::string& path, const std::function<void(StateArchive&)>& save) {
  StateArchive archive;
  save(archive);
  StateArchive::Tensors tensors;
  const std::string header = json_of(archive, tensors).dump();
  std::size_t num_bytes = kMagic.size() + 2 * kNumberBytes + header.size();
  for (const torch::Tensor& tensor : tensors) num_bytes += bytes_of(tensor);
  if (num_bytes > kMaxCheckpointBytes || header.size() > kHeaderLimits.max_bytes) {
    throw InputError(
        fmt::format("{}: the network is too large for a checkpoint of at most {} bytes", path,
                    kMaxCheckpointBytes));
  }
  std::string text;
  text.reserve(num_bytes);
  text += kMagic;
  append_number(text, header.size());
  text += header;
  for (const torch::Tensor& tensor : tensors) {
    text.append(static_cast<const char*>(tensor.data_ptr()), bytes_of(tensor));
  }
  append_number(text, fnv1a64(text));
  write_file_atomically(path, text);
}

void read_checkpoint(const std::string& path,
                     const std::function<void(const StateArchive&)>& load) {
  try {
    load(read_archive(path));
  } catch (const InputError& e) {
    const std::string_view what = e.what();
    const bool has_path = what.substr(0, path.size()) == path;  // of the file system's errors
    throw InputError(has_path ? std::string(what) : fmt::format("{}: {}", path, what));
  }
}

void save_module(StateArchive& archive, const torch::nn::Module& module) {
  const NamedTensors state = named_tensors(module);
  archive.write("names", state.names);
  archive.write("tensors", state.tensors);
}

void load_module(const StateArchive& archive, torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  const NamedTensors state = named_tensors(module);
  check_names(archive.read_strings("names"), state.names);
  const StateArchive::Tensors& read = archive.read_tensors("tensors");
  if (read.size() != state.tensors.size()) throw InputError("names and tensors differ in number");
  for (std::size_t i = 0; i < read.size(); ++i) {
    check_shape(state.names[i], read[i], state.tensors[i]);
  }
  for (std::size_t i = 0; i < read.size(); ++i) state.tensors[i].copy_(read[i]);
}

}  // namespace tilewake
