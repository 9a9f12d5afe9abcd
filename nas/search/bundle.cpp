// SPDX-License-Identifier: Apache-2.0
#include "nas/search/bundle.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "nas/export/deployed_onnx.hpp"
#include "nas/export/preprocessing.hpp"
#include "nas/export/safetensors.hpp"
#include "nas/export/torchscript.hpp"
#include "nas/network/torchscript_archive.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

/// Of the network in floats, or with the accuracies of int8.
ModelMetadata metadata_of(const RunContext& run, const BundledNetwork& bundled,
                          bool is_int8 = false) {
  ModelMetadata metadata = {{"tilewake_version", std::string(kVersion)}, {"data", run.data.name}};
  // The latency is that of the machine's arithmetic.
  const bool has_latency =
      bundled.simulated_ms && (!is_int8 || run.arithmetic == ElementType::kInt8);
  if (has_latency) metadata.emplace_back("machine", run.machine);
  if (bundled.limit_ms)
    metadata.emplace_back("latency_limit_ms", fmt::format("{}", *bundled.limit_ms));
  if (has_latency)
    metadata.emplace_back("simulated_latency_ms", fmt::format("{}", *bundled.simulated_ms));
  const double validation =
      is_int8 ? bundled.int8->validation_accuracy : bundled.validation_accuracy;
  const double test = is_int8 ? bundled.int8->test_accuracy : bundled.test_accuracy;
  metadata.emplace_back("arithmetic", is_int8 ? "int8" : "float32");
  metadata.emplace_back("validation_accuracy", fmt::format("{}", validation));
  metadata.emplace_back("test_accuracy", fmt::format("{}", test));
  return metadata;
}

/// The line about "model_int8.onnx"; empty where there is none.
std::string int8_readme(const BundledNetwork& bundled) {
  if (!bundled.int8)
    return "\nThere is no `model_int8.onnx`: this network does not run in int8; the run's "
           "`steps/evaluate.json` says why.\n";
  return fmt::format(
      "\n`model_int8.onnx` is the same network in int8 (QDQ form), as machines of int8 compute it: "
      "test accuracy {}. It runs like\n"
      "`model.onnx`. On x86-64 CPUs without VNNI set the session option "
      "`session.x64quantprecision` of ONNX Runtime\n"
      "to `1`: without it, sums may saturate.\n",
      as_percent(bundled.int8->test_accuracy));
}

std::string readme(const RunContext& run, const BundledNetwork& bundled, const Preprocessing& p) {
  const bool is_nhwc = run.deploy_layout == ImageLayout::kNhwc;
  const std::string shape = is_nhwc ? fmt::format("{}, {}, {}", p.height, p.width, p.channels)
                                    : fmt::format("{}, {}, {}", p.channels, p.height, p.width);
  return fmt::format(
      "# {name}\n\n"
      "A network of {classes} classes of {data}: test accuracy {accuracy}{latency}.\n"
      "It takes a batch of uint8 images, N x {dims}, values 0 to 255{colour}, and gives `scores` "
      "(N x classes,\n"
      "they add up to 1) and `label` (N), a line of `labels.txt` from 0. Images of another size: "
      "{resize}.\n"
      "`model.onnx` has all of this in its metadata, too. With ONNX Runtime and with PyTorch:\n\n"
      "```python\n"
      "import numpy, onnxruntime, torch\n"
      "images = numpy.zeros((1, {shape}), numpy.uint8)\n"
      "scores, label = onnxruntime.InferenceSession(\"model.onnx\").run([\"scores\", \"label\"], "
      "{{\"images\": images}})\n"
      "scores, label = torch.jit.load(\"model.pt\")(torch.from_numpy(images))\n"
      "```\n\n"
      "`weights.safetensors` has the state dictionary of `model.pt` (batch normalisation is folded "
      "in).\n{int8}",
      fmt::arg("int8", int8_readme(bundled)), fmt::arg("name", bundled.name),
      fmt::arg("classes", p.labels.size()), fmt::arg("data", one_line(run.data.name)),
      fmt::arg("accuracy", as_percent(bundled.test_accuracy)),
      fmt::arg("latency", bundled.simulated_ms
                              ? fmt::format(", {} on {} (simulated)", as_ms(*bundled.simulated_ms),
                                            run.machine)
                              : ""),
      fmt::arg("dims", is_nhwc ? "height x width x channels" : "channels x height x width"),
      fmt::arg("colour", p.channels == 3 ? ", red, green, blue" : ""),
      fmt::arg("resize", resize_rule(p)), fmt::arg("shape", shape));
}

}  // namespace

Preprocessing preprocessing_of(const RunContext& run, const Shape& input) {
  Preprocessing p;
  p.channels = static_cast<int>(input.channels);
  p.height = static_cast<int>(input.height);
  p.width = static_cast<int>(input.width);
  p.mean = run.data.mean;
  p.stddev = run.data.stddev;
  p.crops_centre = run.data.train->varies_in_size();
  for (const std::string& label : run.data.classes) p.labels.push_back(one_line(label));
  return p;
}

void write_bundle(const RunContext& run, const std::string& directory,
                  const BundledNetwork& bundled, const std::string& onnx) {
  const Preprocessing preprocessing = preprocessing_of(run, bundled.network.input);
  const ModelMetadata metadata = metadata_of(run, bundled);
  const TorchScript script =
      torchscript(bundled.network, bundled.weights, preprocessing, run.deploy_layout);
  const auto write = [&](const std::string& name, const std::string& bytes) {
    const std::string path = directory + "/deploy/" + name;
    make_directory_of(path);
    write_file_atomically(path, bytes);
  };
  write("model.onnx", deployed_onnx(onnx, preprocessing, run.deploy_layout, metadata));
  if (bundled.int8) {
    write("model_int8.onnx", deployed_onnx(bundled.int8->qdq, preprocessing, run.deploy_layout,
                                           metadata_of(run, bundled, /*is_int8=*/true)));
  }
  write("model.pt", torchscript_archive(script));
  write("weights.safetensors", safetensors(script.tensors, metadata));
  std::string labels;
  for (const std::string& label : preprocessing.labels) labels += label + "\n";
  write("labels.txt", labels);
  write("README.md", readme(run, bundled, preprocessing));
}

}  // namespace tilewake
