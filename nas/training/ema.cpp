// SPDX-License-Identifier: Apache-2.0
#include "nas/training/ema.hpp"

#include <algorithm>
#include <cstddef>

#include <fmt/format.h>

#include "nas/training/state_archive.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {

Ema::Ema(const torch::nn::Module& module, double decay) : decay_(decay) {
  if (decay_ == 0.0) return;
  const torch::NoGradGuard no_grad;
  values_ = module.parameters();
  for (const torch::Tensor& buffer : module.buffers()) {
    if (buffer.is_floating_point()) values_.push_back(buffer);  // counters are not averaged
  }
  for (const torch::Tensor& value : values_) averages_.push_back(value.detach().clone());
}

void Ema::update() {
  if (values_.empty()) return;
  const torch::NoGradGuard no_grad;
  const auto n = static_cast<double>(num_updates_++);
  const double decay = std::min(decay_, (1.0 + n) / (10.0 + n));
  // This form keeps constants exact.
  const std::vector<torch::Tensor> differences = at::_foreach_sub(values_, averages_);
  at::_foreach_add_(averages_, differences, 1.0 - decay);
}

void Ema::swap() {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const torch::Tensor value = values_[i].detach().clone();
    values_[i].copy_(averages_[i]);
    averages_[i].copy_(value);
  }
}

void Ema::save(StateArchive& archive) const {
  archive.write("decay", decay_);
  archive.write("num_updates", num_updates_);
  archive.write("averages", averages_);
}

void Ema::load(const StateArchive& archive) {
  const double decay = archive.read_double("decay");
  if (decay != decay_) {
    throw InputError(fmt::format("ema_decay is {}, this run has {}", decay, decay_));
  }
  const std::int64_t num_updates = archive.read_int("num_updates");
  archive.read_into("averages", averages_);
  num_updates_ = num_updates;
}

}  // namespace tilewake
