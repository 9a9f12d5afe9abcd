// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tilewake {

/// decisions.log: what a run tried, with figures, and why each candidate won or lost. Text for
/// people, in the order of the decisions and without times, so that a resumed run, which takes the
/// same decisions again, writes the same text again.
///
/// The text is kept here and the file replaced in one step with every addition: no reader ever sees
/// half a line. Throws InputError naming the file where it cannot be written.
class DecisionLog {
 public:
  /// Begins empty; a file that is there is replaced at the first addition.
  explicit DecisionLog(std::string path) : path_(std::move(path)) {}

  /// A title with a rule below, an empty line above.
  void section(std::string_view title);

  /// One line; a line break begins another.
  void line(std::string_view text);

  /// Several at once, which costs one write.
  void lines(const std::vector<std::string>& texts);

  const std::string& text() const { return text_; }

 private:
  void write() const;

  std::string path_;
  std::string text_;
};

}  // namespace tilewake
