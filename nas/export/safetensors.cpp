// SPDX-License-Identifier: Apache-2.0
#include "nas/export/safetensors.hpp"

#include <bit>
#include <cassert>
#include <cmath>
#include <cstddef>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "nas/common/little_endian.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

using TensorHeader = nlohmann::json;

constexpr std::uint64_t kMaxHeaderBytes = std::uint64_t{16} << 20;
constexpr std::size_t kMaxRankOfTensor = 8;

/// The tensor of an entry of the header. Throws InputError or nlohmann's errors.
NamedTensor tensor_of(const std::string& name, const TensorHeader& entry, std::string_view data) {
  const auto fail_at = [&](const std::string& what) {
    throw InputError(fmt::format("tensor '{}': {}", printable(name), what));
  };
  NamedTensor tensor;
  tensor.name = name;
  if (entry.at("dtype") != "F32") fail_at("is not of type F32, the only one that is read");
  tensor.dims = entry.at("shape").get<std::vector<std::int64_t>>();
  if (tensor.dims.size() > kMaxRankOfTensor) fail_at("has too many dimensions");
  const auto offsets = entry.at("data_offsets").get<std::vector<std::uint64_t>>();
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data.size())
    fail_at("data_offsets are outside of the file");
  const std::uint64_t num_bytes = offsets[1] - offsets[0];
  std::uint64_t num_values = 1;
  for (const std::int64_t dim : tensor.dims) {
    if (dim < 0) fail_at("has a negative dimension");
    if (dim != 0 && num_values > data.size() / static_cast<std::uint64_t>(dim))
      fail_at("is larger than the file");
    num_values *= static_cast<std::uint64_t>(dim);
  }
  if (num_bytes != num_values * sizeof(float))
    fail_at(fmt::format("has {} bytes, its shape needs {}", num_bytes, num_values * sizeof(float)));
  tensor.values.resize(num_values);
  data = data.substr(offsets[0], num_bytes);
  for (std::size_t i = 0; i < num_values; ++i) {
    tensor.values[i] = std::bit_cast<float>(little_endian_at<std::uint32_t>(data, 4 * i));
    if (!std::isfinite(tensor.values[i])) fail_at("has a value that is not finite");
  }
  return tensor;
}

}  // namespace

std::vector<NamedTensor> read_safetensors(std::string_view bytes, const std::string& path) {
  std::vector<NamedTensor> tensors;
  try {
    if (bytes.size() < sizeof(std::uint64_t)) throw InputError("is cut off");
    const auto header_bytes = little_endian_at<std::uint64_t>(bytes, 0);
    if (header_bytes > kMaxHeaderBytes || header_bytes > bytes.size() - sizeof(std::uint64_t))
      throw InputError("its header is longer than the file, or than 16 MiB: no safetensors file");
    bytes.remove_prefix(sizeof(std::uint64_t));
    const TensorHeader header = TensorHeader::parse(bytes.substr(0, header_bytes));
    bytes.remove_prefix(header_bytes);
    for (const auto& [name, entry] : header.items())
      if (name != "__metadata__") tensors.push_back(tensor_of(name, entry, bytes));
  } catch (const InputError& e) {
    throw InputError(fmt::format("{}: {}", path, e.what()));
  } catch (const TensorHeader::exception&) {
    throw InputError(path + ": its header is not that of a safetensors file");
  }
  return tensors;
}

std::string safetensors(const std::vector<NamedTensor>& tensors,
                        const std::vector<std::pair<std::string, std::string>>& metadata) {
  nlohmann::ordered_json header;
  for (const auto& [key, value] : metadata) header["__metadata__"][key] = value;
  std::size_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    const std::size_t end = offset + tensor.values.size() * sizeof(float);
    assert(!header.contains(tensor.name));
    header[tensor.name] = {
        {"dtype", "F32"}, {"shape", tensor.dims}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that values are aligned
  std::string bytes;
  bytes.reserve(8 + text.size() + offset);
  append_little_endian(bytes, std::uint64_t{text.size()});
  bytes += text;
  for (const NamedTensor& tensor : tensors)
    for (const float value : tensor.values) append_little_endian(bytes, value);
  return bytes;
}

}  // namespace tilewake
