// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "nas/export/preprocessing.hpp"

namespace tilewake {

/// Names and values of a model's metadata, in order.
using ModelMetadata = std::vector<std::pair<std::string, std::string>>;

/// The bytes of `model` (onnx_model(): "image" to "logits") with the preprocessing before it and
/// the answer after it: from "images", uint8, N x H x W x C or N x C x H x W, to "scores", float, N
/// x classes, which add up to 1, and "label", int64, N, the class of the highest score (of equals
/// the first). `metadata` and what describes the preprocessing (mean, std, layout, size, resize,
/// labels as JSON) become metadata properties. Throws InputError where the model has no such input
/// and output, or where libonnx rejects the result.
std::string deployed_onnx(const std::string& model, const Preprocessing& preprocessing,
                          ImageLayout layout, const ModelMetadata& metadata);

/// Mean, standard deviation, labels, and whether images are cropped, in the metadata of such a
/// model, which is untrusted. Throws
/// InputError naming `path` where they are missing or do not fit together.
Preprocessing read_preprocessing(const std::string& deployed, const std::string& path);

}  // namespace tilewake
