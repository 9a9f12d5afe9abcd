// SPDX-License-Identifier: Apache-2.0
#include "nas/bench/macro_table.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "nas/space/architecture.hpp"
#include "simulator/common/csv.hpp"
#include "simulator/common/error.hpp"
#include "simulator/network/block_expansion.hpp"
#include "simulator/network/network_builder.hpp"

namespace tilewake {
namespace {

struct MacroStage {
  std::size_t begin;  // its first position
  std::size_t end;
  int width;
};
constexpr MacroStage kMacroStages[] = {{0, 2, 64}, {2, 5, 128}, {5, kMacroPositions, 256}};
constexpr std::size_t kNumMacroPaths = 6561;  // 3^8
constexpr std::size_t kNumMacroColumns = 5;

Path macro_path_at(std::size_t index) {
  Path path(kMacroPositions);
  for (std::size_t i = kMacroPositions; i-- > 0; index /= kMacroChoices)
    path[i] = static_cast<int>(index % kMacroChoices);
  return path;
}

std::size_t macro_index(const Path& path) {
  std::size_t index = 0;
  for (const int choice : path) index = index * kMacroChoices + static_cast<std::size_t>(choice);
  return index;
}

int add_macro_convolution(NetworkBuilder& builder, const std::string& name, int input,
                          std::int64_t channels, std::int64_t kernel, std::int64_t stride,
                          Activation activation) {
  Layer layer;
  layer.name = name;
  layer.inputs = {input};
  layer.activation = activation;
  layer.kernel_height = layer.kernel_width = kernel;
  layer.stride = stride;
  layer.ofm.channels = channels;
  return builder.add(std::move(layer));
}

int add_macro_block(NetworkBuilder& builder, const std::string& name, int input, int choice,
                    int width, bool is_first) {
  const std::int64_t stride = is_first ? 2 : 1;
  if (choice == 0) {
    return is_first
               ? add_macro_convolution(builder, name, input, width, 1, stride, Activation::kNone)
               : input;
  }
  Block block;
  block.name = name;
  block.kernels = {choice == 1 ? 3 : 5};
  block.expansion_ratios = {choice == 1 ? 3 : 6};
  block.out_channels = width;
  block.stride = stride;
  return expand_block(builder, block, input);
}

std::optional<double> macro_number(const std::string& field) {
  double value = 0.0;
  const char* end = field.data() + field.size();
  const auto [rest, error] = std::from_chars(field.data(), end, value);
  if (error != std::errc() || rest != end || !std::isfinite(value)) return std::nullopt;
  return value;
}

Path macro_path_of(const std::string& digits) {
  Path path;
  for (const char digit : digits) {
    if (digit < '0' || digit >= '0' + kMacroChoices) return {};
    path.push_back(digit - '0');
  }
  return path.size() == kMacroPositions ? path : Path();
}

/// What a line says, without MACs and depth. Throws InputError without a place.
MacroRow macro_row_of(std::string_view line) {
  const auto fields = csv_fields(line);
  if (!fields || fields->size() != kNumMacroColumns)
    throw InputError("must be arch,acc1,acc2,acc3,params");
  MacroRow row;
  row.path = macro_path_of(fields->front());
  if (row.path.empty()) {
    throw InputError(
        fmt::format("arch: must be {} digits from 0 to {}", kMacroPositions, kMacroChoices - 1));
  }
  for (std::size_t i = 0; i < row.accuracies.size(); ++i) {
    const auto accuracy = macro_number((*fields)[i + 1]);
    if (!accuracy || *accuracy < 0.0 || *accuracy > 100.0)
      throw InputError(fmt::format("acc{}: must be a percentage from 0 to 100", i + 1));
    row.accuracies[i] = *accuracy / 100.0;
    row.mean_accuracy += row.accuracies[i] / static_cast<double>(row.accuracies.size());
  }
  row.path = macro_network_path(row.path);
  const auto params = macro_number(fields->back());
  if (!params || *params < 0.0 || *params > 1e9 || *params != std::floor(*params))
    throw InputError("params: must be their number");
  row.params = static_cast<std::int64_t>(*params);
  return row;
}

/// Fills in what follows from the network, and checks its parameters.
void complete_macro_row(MacroRow& row) {
  const Network network = macro_network(row.path);
  row.macs = network.num_macs();
  row.depth = static_cast<int>(
      std::count_if(row.path.begin(), row.path.end(), [](int choice) { return choice != 0; }));
  if (const auto params = num_trained_params(network); params != row.params)
    throw InputError(fmt::format("params: the network of this arch has {}", params));
}

}  // namespace

Path macro_network_path(const Path& path) {
  Path moved = path;
  for (const MacroStage& stage : kMacroStages) {
    const auto begin = moved.begin() + static_cast<std::ptrdiff_t>(stage.begin) + 1;
    const auto end = moved.begin() + static_cast<std::ptrdiff_t>(stage.end);
    std::stable_partition(begin, end, [](int choice) { return choice != 0; });
  }
  return moved;
}

Network macro_network(const Path& path) {
  constexpr std::int64_t kSide = 32;
  constexpr std::int64_t kStemWidth = 32;
  constexpr std::int64_t kHeadWidth = 1280;
  constexpr std::int64_t kNumClasses = 10;
  NetworkBuilder builder("macro", {3, kSide, kSide});
  int last =
      add_macro_convolution(builder, "stem", kNetworkInput, kStemWidth, 3, 1, Activation::kRelu);
  for (const MacroStage& stage : kMacroStages) {
    for (std::size_t i = stage.begin; i < stage.end; ++i) {
      last = add_macro_block(builder, fmt::format("block{}", i), last, path[i], stage.width,
                             i == stage.begin);
    }
  }
  last = add_macro_convolution(builder, "head", last, kHeadWidth, 1, 1, Activation::kRelu);
  Layer pool;
  pool.name = "pool";
  pool.op = Op::kGlobalAvgPool;
  pool.inputs = {last};
  last = builder.add(std::move(pool));
  Layer classifier;
  classifier.name = "classifier";
  classifier.op = Op::kFullyConnected;
  classifier.inputs = {last};
  classifier.ofm.channels = kNumClasses;
  builder.add(std::move(classifier));
  return builder.build();
}

MacroTable MacroTable::parse(const std::string& text, const std::string& name) {
  MacroTable table;
  table.row_of_.assign(kNumMacroPaths, kNone);
  bool has_names = false;
  std::size_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line(text.data() + begin, end - begin);
    begin = end + 1;
    ++number;
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    try {
      if (!has_names) {
        if (line != "arch,acc1,acc2,acc3,params")
          throw InputError("the first line must be arch,acc1,acc2,acc3,params");
        has_names = true;
        continue;
      }
      MacroRow row = macro_row_of(line);
      std::size_t& known = table.row_of_[macro_index(row.path)];
      if (known == kNone) {
        complete_macro_row(row);
        known = table.rows_.size();
        table.rows_.push_back(std::move(row));
      } else if (table.rows_[known].accuracies != row.accuracies ||
                 table.rows_[known].params != row.params) {
        throw InputError("arch: has other figures than an earlier line of the same network");
      }
    } catch (const InputError& error) {
      throw InputError(fmt::format("{}:{}: {}", name, number, error.what()));
    }
  }
  if (table.rows_.empty()) throw InputError(fmt::format("{}: has no networks", name));
  std::sort(table.rows_.begin(), table.rows_.end(),
            [](const MacroRow& a, const MacroRow& b) { return a.path < b.path; });
  for (std::size_t i = 0; i < table.rows_.size(); ++i)
    table.row_of_[macro_index(table.rows_[i].path)] = i;
  for (std::size_t i = 0; i < kNumMacroPaths; ++i)
    table.row_of_[i] = table.row_of_[macro_index(macro_network_path(macro_path_at(i)))];
  return table;
}

std::size_t MacroTable::row_of(const Path& path) const { return row_of_[macro_index(path)]; }

}  // namespace tilewake
