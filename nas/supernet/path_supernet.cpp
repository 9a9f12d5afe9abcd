// SPDX-License-Identifier: Apache-2.0
#include "nas/supernet/path_supernet.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>

#include <fmt/format.h>

#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

using torch::Tensor;

void check_positions(const PathSpace& space) {
  int channels = space.stem_width;
  for (std::size_t p = 0; p < space.positions.size(); ++p) {
    const PathPosition& position = space.positions[p];
    if (position.candidates.empty()) {
      throw InputError(fmt::format("position {} of the supernet has no candidates", p));
    }
    if (position.in_channels != channels) {
      throw InputError(fmt::format("position {} of the supernet takes {} channels, but is given {}",
                                   p, position.in_channels, channels));
    }
    channels = position.out_channels;
  }
}

NetworkBlock block_at(const PathSupernetImpl& supernet, const std::vector<int>& path,
                      std::size_t position) {
  const std::vector<NetworkBlock>& candidates = supernet.blocks[position];
  const int index = path[position];
  TORCH_CHECK(index >= 0 && index < static_cast<int>(candidates.size()), "PathSupernet: position ",
              position, " has no candidate ", index);
  return candidates[static_cast<std::size_t>(index)];
}

void check_length(const PathSupernetImpl& supernet, const std::vector<int>& path) {
  TORCH_CHECK(path.size() == supernet.blocks.size(), "PathSupernet: a path of ", path.size(),
              " candidates for ", supernet.blocks.size(), " positions");
}

/// Every parameter and buffer, bit by bit, between modules of the same making.
void copy_state(const torch::nn::Module& from, torch::nn::Module& to) {
  const torch::NoGradGuard no_grad;
  const auto copy_all = [](const auto& sources, auto targets) {
    TORCH_CHECK(sources.size() == targets.size(), "copy_state(): modules differ");
    for (auto& item : targets) item.value().copy_(sources[item.key()]);
  };
  copy_all(from.named_parameters(), to.named_parameters());
  copy_all(from.named_buffers(), to.named_buffers());
}

/// Stem, head and classifier; `To` is a supernet or a network.
template <typename To>
void copy_frame(const PathSupernetImpl& from, To& to) {
  copy_state(*from.stem, *to.stem);
  copy_state(*from.stem_bn, *to.stem_bn);
  copy_state(*from.head, *to.head);
  copy_state(*from.head_bn, *to.head_bn);
  copy_state(*from.classifier, *to.classifier);
}

/// Whether `a` is a network of `path`, on images of whatever size.
bool is_of_path(const Architecture& a, const PathSpace& space, const std::vector<int>& path) {
  if (a.input.channels != space.input.channels || a.num_classes != space.num_classes ||
      a.stem_kernel != space.stem_kernel || a.stem_stride != space.stem_stride ||
      a.stem_width != space.stem_width || a.head_width != space.head_width ||
      a.activation != space.activation || a.se_ratio != space.se_ratio ||
      a.num_blocks() != static_cast<int>(path.size())) {
    return false;
  }
  std::size_t p = 0;
  for (const ArchitectureStage& stage : a.stages) {
    for (std::size_t b = 0; b < stage.blocks.size(); ++b, ++p) {
      const PathPosition& position = space.positions[p];
      const ArchitectureBlock& candidate = position.candidates[static_cast<std::size_t>(path[p])];
      if (stage.width != position.out_channels || (b == 0 ? stage.stride : 1) != position.stride ||
          stage.blocks[b] != candidate) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

PathSupernetImpl::PathSupernetImpl(const PathSpace& path_space) : space(path_space) {
  check_positions(space);
  stem = register_module("stem",
                         conv_without_bias(static_cast<int>(space.input.channels), space.stem_width,
                                           space.stem_kernel, space.stem_stride));
  stem_bn = register_module("stem_bn", batch_norm(space.stem_width));
  int channels = space.stem_width;
  for (const PathPosition& position : space.positions) {
    std::vector<NetworkBlock> candidates;
    for (const ArchitectureBlock& candidate : position.candidates) {
      const std::string name = fmt::format("block{}_{}", blocks.size(), candidates.size());
      candidates.push_back(register_module(
          name,
          make_block(channels, position.out_channels, position.stride, candidate, space.se_ratio)));
    }
    blocks.push_back(candidates);
    channels = position.out_channels;
  }
  head = register_module("head", conv_without_bias(channels, space.head_width, 1, 1));
  head_bn = register_module("head_bn", batch_norm(space.head_width));
  classifier = register_module("classifier", classifier_layer(space.head_width, space.num_classes));
}

Tensor PathSupernetImpl::forward(const Tensor& images, const std::vector<int>& path) {
  check_length(*this, path);
  // Images of one channel have both layouts, and convolutions then choose the slower one.
  Tensor x = stem(images).contiguous(torch::MemoryFormat::ChannelsLast);
  x = normalize_and_activate(stem_bn, x, space.activation);
  for (std::size_t p = 0; p < path.size(); ++p) x = block_at(*this, path, p)->forward(x);
  x = normalize_and_activate(head_bn, head(x), space.activation).mean({2, 3});
  if (is_training() && dropout > 0.0) x = torch::dropout(x, dropout, /*train=*/true);
  return classifier(x);
}

BlockNetwork inherit(PathSupernet& supernet, const Architecture& architecture,
                     const std::vector<int>& path) {
  check_length(*supernet, path);
  std::vector<NetworkBlock> chosen;
  for (std::size_t p = 0; p < path.size(); ++p) chosen.push_back(block_at(*supernet, path, p));
  if (!is_of_path(architecture, supernet->space, path)) {
    throw InputError(fmt::format("architecture '{}' is not that of the path", architecture.name));
  }
  BlockNetwork network(architecture);
  network->to(supernet->classifier->weight.device(), supernet->classifier->weight.scalar_type());
  network->dropout = supernet->dropout;
  network->train(supernet->is_training());
  copy_frame(*supernet, *network);
  for (std::size_t p = 0; p < path.size(); ++p) {
    network->blocks[p]->drop_connect = chosen[p]->drop_connect;
    copy_state(*chosen[p], *network->blocks[p]);
  }
  return network;
}

void inherit_common(const PathSupernet& from, PathSupernet& to) {
  TORCH_CHECK(from->blocks.size() == to->blocks.size(), "inherit_common(): ", from->blocks.size(),
              " and ", to->blocks.size(), " positions");
  copy_frame(*from, *to);
  for (std::size_t p = 0; p < to->blocks.size(); ++p) {
    const std::vector<ArchitectureBlock>& known = from->space.positions[p].candidates;
    const std::vector<ArchitectureBlock>& wanted = to->space.positions[p].candidates;
    for (std::size_t c = 0; c < wanted.size(); ++c) {
      const auto found = std::find(known.begin(), known.end(), wanted[c]);
      if (found == known.end()) continue;
      const auto index = static_cast<std::size_t>(std::distance(known.begin(), found));
      copy_state(*from->blocks[p][index], *to->blocks[p][c]);
    }
  }
}

}  // namespace tilewake
