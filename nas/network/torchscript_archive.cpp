// SPDX-License-Identifier: Apache-2.0
#include "nas/network/torchscript_archive.hpp"

#include <cstddef>
#include <sstream>

#include <torch/script.h>

namespace tilewake {

std::string torchscript_archive(const TorchScript& script) {
  torch::jit::Module module("TilewakeNetwork");
  for (const NamedTensor& named : script.tensors) {
    const torch::Tensor tensor = torch::tensor(named.values).reshape(named.dims);
    const std::size_t dot = named.name.find('.');
    if (dot == std::string::npos) {
      module.register_buffer(named.name, tensor);
      continue;
    }
    const std::string layer = named.name.substr(0, dot);
    if (!module.hasattr(layer)) module.register_module(layer, torch::jit::Module("Layer_" + layer));
    torch::jit::Module submodule = module.attr(layer).toModule();
    submodule.register_parameter(named.name.substr(dot + 1), tensor, /*is_buffer=*/false);
  }
  module.define(script.code);
  module.eval();
  std::ostringstream archive;
  module.save(archive);
  return archive.str();
}

}  // namespace tilewake
