// SPDX-License-Identifier: Apache-2.0
#include "nas/export/safetensors.hpp"

#include <cassert>
#include <cstddef>

#include <nlohmann/json.hpp>

#include "nas/common/little_endian.hpp"

namespace tilewake {
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
