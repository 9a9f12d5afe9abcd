// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/midap/bank_contents.hpp"

#include <map>

namespace tilewake::midap {
namespace {

/// The banks that a layer touches; true if it uses what earlier layers left there.
std::map<int, bool> banks_of(const MidapLayer& layer) {
  std::vector<bool> is_loaded(layer.input_fragments.size(), false);
  for (const MidapBehaviour& b : layer.behaviours)
    if (b.kind == MidapBehaviour::Kind::kLoad)
      is_loaded[static_cast<std::size_t>(b.fragment)] = true;
  std::map<int, bool> banks;
  for (std::size_t i = 0; i < is_loaded.size(); ++i) {
    bool& uses_content = banks[layer.input_fragments[i].bank];
    uses_content = uses_content || !is_loaded[i];
  }
  for (const auto* outputs : {&layer.outputs, &layer.reduction_outputs})
    for (const MidapOutput& out : *outputs)
      for (const MidapFragment& f : out.fragments) {
        bool& uses_content = banks[f.bank];
        const bool is_part = out.slice_end - out.slice_begin < out.channels;
        uses_content = uses_content || is_part;
      }
  return banks;
}

}  // namespace

void BankContents::reset(const MidapProgram& program, EventSink& sink) {
  occupancy_.reset(sink);
  program_ = &program;
  freed_.assign(program.layers.size(), {});
  if (occupancy_.is_wanted()) find_last_uses();
}

void BankContents::find_last_uses() {
  std::map<int, bool> is_used_later;
  for (std::size_t i = program_->layers.size(); i-- > 0;)
    for (const auto& [bank, uses_content] : banks_of(program_->layers[i])) {
      if (!is_used_later[bank]) freed_[i].push_back(bank);
      is_used_later[bank] = uses_content;
    }
}

void BankContents::begin_layer(std::size_t layer) {
  if (!occupancy_.is_wanted()) return;
  const MidapLayer& l = program_->layers[layer];
  for (const auto* outputs : {&l.outputs, &l.reduction_outputs})
    for (const MidapOutput& out : *outputs)
      for (const MidapFragment& f : out.fragments)
        occupancy_.set_slot(f.bank, (f.tail - f.head) * out.height * out.channels);
}

void BankContents::end_layer(std::size_t layer) {
  if (!occupancy_.is_wanted()) return;
  for (const int bank : freed_[layer]) occupancy_.set_slot(bank, 0);
}

}  // namespace tilewake::midap
