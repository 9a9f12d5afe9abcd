// SPDX-License-Identifier: Apache-2.0
#include "nas/network/block_network.hpp"

#include <cstddef>
#include <string>

#include "nas/network/normalization.hpp"

namespace tilewake {

BlockNetworkImpl::BlockNetworkImpl(const Architecture& a) : architecture(a) {
  stem = register_module("stem", conv_without_bias(static_cast<int>(a.input.channels), a.stem_width,
                                                   a.stem_kernel, a.stem_stride));
  stem_bn = register_module("stem_bn", batch_norm(a.stem_width));
  int channels = a.stem_width;
  for (const ArchitectureStage& stage : a.stages) {
    for (std::size_t i = 0; i < stage.blocks.size(); ++i) {
      const int stride = i == 0 ? stage.stride : 1;
      const NetworkBlock block =
          make_block(channels, stage.width, stride, stage.blocks[i], a.se_ratio);
      blocks.push_back(register_module("block" + std::to_string(blocks.size()), block));
      channels = stage.width;
    }
  }
  head = register_module("head", conv_without_bias(channels, a.head_width, 1, 1));
  head_bn = register_module("head_bn", batch_norm(a.head_width));
  classifier = register_module("classifier", classifier_layer(a.head_width, a.num_classes));
}

torch::Tensor BlockNetworkImpl::forward(const torch::Tensor& images) {
  // Single-channel images match both layouts; convolutions would then select the slower one.
  torch::Tensor x = stem(images).contiguous(torch::MemoryFormat::ChannelsLast);
  x = normalize_and_activate(stem_bn, x, architecture.activation);
  for (NetworkBlock& block : blocks) x = block(x);
  x = normalize_and_activate(head_bn, head(x), architecture.activation).mean({2, 3});
  if (is_training() && dropout > 0.0) x = torch::dropout(x, dropout, /*train=*/true);
  return classifier(x);
}

void BlockNetworkImpl::set_regularization(double dropout_probability, double last_drop_connect) {
  dropout = dropout_probability;
  const std::size_t last = blocks.empty() ? 0 : blocks.size() - 1;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const double share = last == 0 ? 1.0 : static_cast<double>(i) / static_cast<double>(last);
    blocks[i]->drop_connect = last_drop_connect * share;
  }
}

LayerWeights folded_weights(BlockNetwork& network) {
  const torch::NoGradGuard no_grad;
  LayerWeights weights;
  weights["stem"] = folded_weights(network->stem->weight, network->stem_bn);
  std::size_t index = 0;
  const std::vector<ArchitectureStage>& stages = network->architecture.stages;
  for (std::size_t s = 0; s < stages.size(); ++s) {
    for (std::size_t b = 0; b < stages[s].blocks.size(); ++b) {
      const std::string name = "stage" + std::to_string(s + 1) + "." + std::to_string(b);
      network->blocks[index++]->add_folded_weights(name, weights);
    }
  }
  weights["head"] = folded_weights(network->head->weight, network->head_bn);
  weights["classifier"] = plain_weights(network->classifier->weight, network->classifier->bias);
  return weights;
}

}  // namespace tilewake
