// SPDX-License-Identifier: Apache-2.0
#include "nas/report/decision_log.hpp"

#include "simulator/common/atomic_file.hpp"

namespace tilewake {

void DecisionLog::section(std::string_view title) {
  if (!text_.empty()) text_ += '\n';
  text_.append(title).append("\n").append(title.size(), '-').append("\n");
  write();
}

void DecisionLog::line(std::string_view text) {
  text_.append(text).append("\n");
  write();
}

void DecisionLog::lines(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) text_.append(text).append("\n");
  write();
}

void DecisionLog::write() const {
  make_directory_of(path_);
  write_file_atomically(path_, text_);
}

}  // namespace tilewake
