// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace tilewake {

/// Learns of every file that this thread creates or replaces while the ledger exists, before the
/// file appears. So the manifest of a run lists all of its files, whichever module writes them.
/// Ledgers nest; all of them are notified.
class OutputLedger {
 public:
  using Note = std::function<void(const std::string& path)>;

  explicit OutputLedger(Note note);
  ~OutputLedger();
  OutputLedger(const OutputLedger&) = delete;
  OutputLedger& operator=(const OutputLedger&) = delete;

  /// Called by everything that creates files. What a note throws, such as InputError where a file
  /// of the user is in the way, keeps the file from being written.
  static void note(const std::string& path);

 private:
  Note note_;
  OutputLedger* outer_;
};

}  // namespace tilewake
