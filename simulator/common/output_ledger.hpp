// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

namespace tilewake {

/// Is notified of every file that this thread creates or replaces during the ledger's lifetime,
/// before the file is created. The manifest of a run therefore lists all of its files, independent
/// of the writing module. Ledgers nest; all of them are notified.
class OutputLedger {
 public:
  using Note = std::function<void(const std::string& path)>;

  explicit OutputLedger(Note note);
  ~OutputLedger();
  OutputLedger(const OutputLedger&) = delete;
  OutputLedger& operator=(const OutputLedger&) = delete;

  /// Called by all code that creates files. An exception of a note, such as InputError if a user's
  /// file is in the way, prevents the write.
  static void note(const std::string& path);

 private:
  Note note_;
  OutputLedger* outer_;
};

}  // namespace tilewake
