// SPDX-License-Identifier: Apache-2.0
#include "nas/report/cost_log.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"

namespace tilewake {
namespace {

constexpr const char* kHeader = "# tilewake-costs v1\nstep,trained_images,evaluated_images,seconds\n";

template <typename T>
bool parse(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= T{};
}

}  // namespace

void CostLog::add(const Cost& cost) const {
  if (cost.trained_images == 0 && cost.evaluated_images == 0) return;
  const bool is_new = !std::filesystem::exists(path_);
  std::ofstream file(path_, std::ios::app);
  if (is_new) file << kHeader;
  file << fmt::format("{},{},{},{:.3f}\n", cost.step, cost.trained_images, cost.evaluated_images,
                      cost.seconds);
  file.flush();
  if (!file) throw InputError(path_ + ": cannot be written to");
}

std::vector<Cost> CostLog::totals() const {
  std::vector<Cost> totals;
  if (!std::filesystem::exists(path_)) return totals;
  std::istringstream lines(read_text_file(path_));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (number <= 2) continue;
    Cost cost;
    std::istringstream cells(line);
    std::string trained;
    std::string evaluated;
    std::string seconds;
    std::getline(cells, cost.step, ',');
    std::getline(cells, trained, ',');
    std::getline(cells, evaluated, ',');
    std::getline(cells, seconds);
    if (!parse(trained, cost.trained_images) || !parse(evaluated, cost.evaluated_images) ||
        !parse(seconds, cost.seconds)) {
      throw InputError(fmt::format("{}:{}: no line of costs", path_, number));
    }
    const auto known = std::find_if(totals.begin(), totals.end(),
                                    [&](const Cost& total) { return total.step == cost.step; });
    if (known == totals.end()) {
      totals.push_back(cost);
    } else {
      known->trained_images += cost.trained_images;
      known->evaluated_images += cost.evaluated_images;
      known->seconds += cost.seconds;
    }
  }
  return totals;
}

}  // namespace tilewake
