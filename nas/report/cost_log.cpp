// SPDX-License-Identifier: Apache-2.0
#include "nas/report/cost_log.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <sstream>
#include <system_error>

#include <fmt/format.h>

#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"

namespace tilewake {
namespace {

constexpr const char* kCostVersionLine = "# tilewake-costs v1";
constexpr const char* kCostColumns = "step,trained_images,evaluated_images,seconds";

template <typename T>
bool parse_number(const std::string& text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= T{} &&
         value <= std::numeric_limits<T>::max();  // excludes inf and nan
}

void check_head(std::istream& lines, const std::string& path) {
  for (const char* expected : {kCostVersionLine, kCostColumns}) {
    std::string line;
    std::getline(lines, line);
    if (line != expected) {
      throw InputError(fmt::format("{}:{}: not a costs file of this version; expected '{}'", path,
                                   expected == kCostVersionLine ? 1 : 2, expected));
    }
  }
}

}  // namespace

void CostLog::add(const Cost& cost) const {
  if (cost.trained_images == 0 && cost.evaluated_images == 0) return;
  std::string text = std::filesystem::exists(path_)
                         ? read_text_file(path_)
                         : fmt::format("{}\n{}\n", kCostVersionLine, kCostColumns);
  text += fmt::format("{},{},{},{:.3f}\n", cost.step, cost.trained_images, cost.evaluated_images,
                      cost.seconds);
  write_file_atomically(path_, text);
}

std::vector<Cost> CostLog::totals() const {
  std::vector<Cost> totals;
  if (!std::filesystem::exists(path_)) return totals;
  std::istringstream lines(read_text_file(path_));
  check_head(lines, path_);
  int number = 2;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    Cost cost;
    std::istringstream cells(line);
    std::string trained;
    std::string evaluated;
    std::string seconds;
    std::getline(cells, cost.step, ',');
    std::getline(cells, trained, ',');
    std::getline(cells, evaluated, ',');
    std::getline(cells, seconds);
    if (cost.step.empty() || !parse_number(trained, cost.trained_images) ||
        !parse_number(evaluated, cost.evaluated_images) || !parse_number(seconds, cost.seconds)) {
      throw InputError(fmt::format("{}:{}: not a valid line of costs", path_, number));
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
