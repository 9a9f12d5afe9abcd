// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/path_supernet.hpp"

#include <cstddef>
#include <string>

#include <fmt/format.h>

#include "nas/network/normalization.hpp"

namespace tilewake {
namespace {

using torch::Tensor;

NetworkBlock block_at(const PathSupernetImpl& supernet, const OperatorPath& path,
                      std::size_t position) {
  const std::vector<NetworkBlock>& candidates = supernet.blocks[position];
  const int index = path[position];
  TORCH_CHECK(index >= 0 && index < static_cast<int>(candidates.size()), "PathSupernet: position ",
              position, " has no candidate ", index);
  return candidates[static_cast<std::size_t>(index)];
}

void check_length(const PathSupernetImpl& supernet, const OperatorPath& path) {
  TORCH_CHECK(path.size() == supernet.blocks.size(), "PathSupernet: a path of ", path.size(),
              " candidates for ", supernet.blocks.size(), " positions");
}

/// Copies every parameter and buffer exactly between modules of the same structure.
void copy_state(const torch::nn::Module& from, torch::nn::Module& to) {
  const torch::NoGradGuard no_grad;
  const auto copy_all = [](const auto& sources, auto targets) {
    TORCH_CHECK(sources.size() == targets.size(), "copy_state(): modules differ");
    for (auto& item : targets) item.value().copy_(sources[item.key()]);
  };
  copy_all(from.named_parameters(), to.named_parameters());
  copy_all(from.named_buffers(), to.named_buffers());
}

/// Stem, head and classifier.
void copy_frame(const PathSupernetImpl& from, BlockNetworkImpl& to) {
  copy_state(*from.stem, *to.stem);
  copy_state(*from.stem_bn, *to.stem_bn);
  copy_state(*from.head, *to.head);
  copy_state(*from.head_bn, *to.head_bn);
  copy_state(*from.classifier, *to.classifier);
}

}  // namespace

PathSupernetImpl::PathSupernetImpl(const OperatorSpace& operator_space) : space(operator_space) {
  stem = register_module("stem",
                         conv_without_bias(static_cast<int>(space.input.channels), space.stem_width,
                                           space.stem_kernel, space.stem_stride));
  stem_bn = register_module("stem_bn", batch_norm(space.stem_width));
  int channels = space.stem_width;
  for (const OperatorPosition& position : positions_of(space)) {
    std::vector<NetworkBlock> candidates;
    for (const Operator& op : position.operators) {
      if (op.is_identity()) {
        candidates.emplace_back(nullptr);
        continue;
      }
      const std::string name = fmt::format("block{}_{}", blocks.size(), candidates.size());
      candidates.push_back(
          register_module(name, make_block(channels, position.out_channels, position.stride,
                                           block_of(op, space.activation), space.se_ratio)));
    }
    blocks.push_back(candidates);
    channels = position.out_channels;
  }
  head = register_module("head", conv_without_bias(channels, space.head_width, 1, 1));
  head_bn = register_module("head_bn", batch_norm(space.head_width));
  classifier = register_module("classifier", classifier_layer(space.head_width, space.num_classes));
}

Tensor PathSupernetImpl::forward(const Tensor& images, const OperatorPath& path) {
  check_length(*this, path);
  // Single-channel images match both layouts; convolutions would then select the slower one.
  Tensor x = stem(images).contiguous(torch::MemoryFormat::ChannelsLast);
  x = normalize_and_activate(stem_bn, x, space.activation);
  for (std::size_t p = 0; p < path.size(); ++p) {
    NetworkBlock block = block_at(*this, path, p);
    if (!block.is_empty()) x = block(x);
  }
  x = normalize_and_activate(head_bn, head(x), space.activation).mean({2, 3});
  if (is_training() && dropout > 0.0) x = torch::dropout(x, dropout, /*train=*/true);
  return classifier(x);
}

BlockNetwork inherit(PathSupernet& supernet, const OperatorPath& path) {
  check_length(*supernet, path);
  std::vector<NetworkBlock> chosen;
  for (std::size_t p = 0; p < path.size(); ++p) {
    const NetworkBlock block = block_at(*supernet, path, p);
    if (!block.is_empty()) chosen.push_back(block);
  }
  BlockNetwork network(architecture_of(supernet->space, path));
  network->to(supernet->classifier->weight.device(), supernet->classifier->weight.scalar_type());
  network->dropout = supernet->dropout;
  network->train(supernet->is_training());
  copy_frame(*supernet, *network);
  TORCH_CHECK(network->blocks.size() == chosen.size(), "inherit(): networks differ");
  for (std::size_t b = 0; b < chosen.size(); ++b) {
    network->blocks[b]->drop_connect = chosen[b]->drop_connect;
    copy_state(*chosen[b], *network->blocks[b]);
  }
  return network;
}

}  // namespace tilewake
