// SPDX-License-Identifier: Apache-2.0
#include "latency_model/holdout_csv.hpp"

#include <cstddef>
#include <iterator>

#include <fmt/format.h>

#include "simulator/common/csv.hpp"

namespace tilewake {

std::string holdout_csv(const Evaluation& evaluation, const std::vector<Case>& layers) {
  fmt::memory_buffer text;
  fmt::format_to(std::back_inserter(text), "{}\n{}\n", kHoldoutFirstLine,
                 "network,layer,op_class,simulated_cycles,predicted_cycles");
  for (const Case& c : layers) {
    fmt::format_to(std::back_inserter(text), "{},{},{},{},{}\n", csv_field(c.network),
                   csv_field(c.layer), evaluation.op_classes[static_cast<std::size_t>(c.op_class)],
                   c.measured, c.predicted);
  }
  return fmt::to_string(text);
}

std::string holdout_path(const std::string& model_path) {
  std::string path = model_path;
  for (const char* ending : {".yaml", ".yml"}) {
    if (path.ends_with(ending)) path.resize(path.rfind('.'));
  }
  return path + ".holdout.csv";
}

}  // namespace tilewake
