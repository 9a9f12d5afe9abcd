// SPDX-License-Identifier: Apache-2.0
#include "simulator/common/output_ledger.hpp"

#include <utility>

namespace tilewake {
namespace {

thread_local OutputLedger* innermost = nullptr;

}  // namespace

OutputLedger::OutputLedger(Note note) : note_(std::move(note)), outer_(innermost) {
  innermost = this;
}

OutputLedger::~OutputLedger() { innermost = outer_; }

void OutputLedger::note(const std::string& path) {
  for (const OutputLedger* ledger = innermost; ledger != nullptr; ledger = ledger->outer_) {
    ledger->note_(path);
  }
}

}  // namespace tilewake
