// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tilewake {

/// A tensor by its name; `values` are those of `dims`, row-major.
struct NamedTensor {
  std::string name;
  std::vector<std::int64_t> dims;
  std::vector<float> values;
};

/// The bytes of a safetensors file of float32 tensors: the length of a JSON header (8 bytes, little
/// endian), the header, which gives type, shape and place of each tensor, and the values. Format:
/// https://huggingface.co/docs/safetensors. Names must differ.
std::string safetensors(const std::vector<NamedTensor>& tensors,
                        const std::vector<std::pair<std::string, std::string>>& metadata);

/// Reads such a file, which is untrusted: float32 tensors of at most 8 dims, the header at most 16
/// MiB. Throws InputError naming `path` and the tensor.
std::vector<NamedTensor> read_safetensors(std::string_view bytes, const std::string& path);

}  // namespace tilewake
