// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/scalesim_csv.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/network_builder.hpp"
#include "simulator/network/plain_names.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxHalf = kMaxNameLength / 2 - 1;  // of "topology/layer"
constexpr std::string_view kBlanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// Fields without blanks; a trailing comma does not start a field.
std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  while (true) {
    const std::size_t comma = line.find(',');
    fields.push_back(trimmed(line.substr(0, comma)));
    if (comma == std::string_view::npos) break;
    line.remove_prefix(comma + 1);
  }
  if (fields.size() > 1 && fields.back().empty()) fields.pop_back();
  return fields;
}

class TopologyReader {
 public:
  explicit TopologyReader(const std::string& path)
      : path_(path), stem_(plain_name(std::filesystem::path(path).stem().string(), kMaxHalf)) {}

  std::vector<Network> read(std::string_view text) {
    bool has_header = false;
    while (!text.empty()) {
      ++line_;
      const std::size_t end = text.find('\n');
      const std::vector<std::string_view> fields = fields_of(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (fields.size() == 1 && fields[0].empty()) continue;
      if (has_header) {
        read_layer(fields);
      } else {
        read_header(fields);
        has_header = true;
      }
    }
    if (networks_.empty()) throw InputError(fmt::format("{}: has no layers", path_));
    return std::move(networks_);
  }

 private:
  using Fields = std::vector<std::string_view>;

  [[noreturn]] void fail(std::string_view column, const std::string& what) const {
    const bool has_column = !column.empty();
    throw InputError(
        fmt::format("{}:{}: {}{}{}", path_, line_, column, has_column ? ": " : "", what));
  }

  void read_header(const Fields& fields) {
    if (fields.size() < 4) fail("", "is not a header of a SCALE-Sim topology (layer, sizes ...)");
    if (fields[1].find_first_not_of("0123456789") == std::string_view::npos) {
      fail("", "must be a header; SCALE-Sim ignores a layer on the first line");
    }
    is_product_ = fields[1] == "M" || fields[1] == "m";
  }

  std::int64_t integer(const Fields& fields, std::size_t index, std::string_view column,
                       std::int64_t max) const {
    const std::string_view text = fields[index];
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > max) {
      fail(column, fmt::format("must be an integer from 1 to {}, not '{}'", max,
                               printable(std::string(text))));
    }
    return value;
  }

  void read_layer(const Fields& fields) {
    if (networks_.size() >= static_cast<std::size_t>(kMaxLayers)) {
      fail("", fmt::format("more than {} layers", kMaxLayers));
    }
    if (is_product_) return read_product(fields);
    if (fields.size() != 8 && fields.size() != 9) {
      fail("", fmt::format("has {} fields, expected 8 (name, ifmap height, ifmap width, filter "
                           "height, filter width, channels, filters, stride)",
                           fields.size()));
    }
    constexpr std::array kSizes = std::to_array<std::pair<std::string_view, std::int64_t>>({
        {"ifmap height", kMaxDimension},
        {"ifmap width", kMaxDimension},
        {"filter height", kMaxKernel},
        {"filter width", kMaxKernel},
        {"channels", kMaxDimension},
        {"filters", kMaxDimension},
        {"stride", kMaxStride},
        {"stride of columns", kMaxStride},
    });
    std::array<std::int64_t, kSizes.size()> sizes{};
    for (std::size_t i = 0; i + 1 < fields.size(); ++i) {
      sizes[i] = integer(fields, i + 1, kSizes[i].first, kSizes[i].second);
    }
    const std::int64_t stride = sizes[6];
    if (fields.size() == 9 && sizes[7] != stride) {
      fail("stride of columns", fmt::format("is {}, but the stride of rows is {}; they must be "
                                            "equal",
                                            sizes[7], stride));
    }
    Layer layer;
    layer.kernel_height = sizes[2];
    layer.kernel_width = sizes[3];
    layer.stride = stride;
    layer.ofm.channels = sizes[5];
    const Shape input = {sizes[4], reach(sizes[0], sizes[2], stride, "filter height"),
                         reach(sizes[1], sizes[3], stride, "filter width")};
    add(fields[0], input, std::move(layer));
  }

  void read_product(const Fields& fields) {
    if (fields.size() != 4) {
      fail("", fmt::format("has {} fields, expected 4 (name, M, N, K)", fields.size()));
    }
    Layer layer;
    const std::int64_t rows = integer(fields, 1, "M", kMaxDimension);
    layer.ofm.channels = integer(fields, 2, "N", kMaxDimension);
    add(fields[0], {integer(fields, 3, "K", kMaxDimension), rows, 1}, std::move(layer));
  }

  /// Rows covered by ceil((map - window) / stride) + 1 windows.
  std::int64_t reach(std::int64_t map, std::int64_t window, std::int64_t stride,
                     std::string_view column) const {
    if (window > map) fail(column, fmt::format("{} is larger than the ifmap, {}", window, map));
    return ceil_div(map - window, stride) * stride + window;
  }

  void add(std::string_view given, const Shape& input, Layer layer) {
    layer.name = names_.next(given);
    layer.inputs = {kNetworkInput};
    layer.bias = false;
    try {
      NetworkBuilder builder(fmt::format("{}/{}", stem_, layer.name), input);
      builder.add(std::move(layer), PaddingRule::valid());
      networks_.push_back(builder.build());
    } catch (const LayerError& e) {
      fail(e.key(), e.what());
    }
  }

  const std::string& path_;
  std::string stem_;
  int line_ = 0;
  bool is_product_ = false;
  std::vector<Network> networks_;
  PlainNames names_{kMaxHalf};
};

}  // namespace

std::vector<Network> read_scalesim_topology(const std::string& text, const std::string& path) {
  return TopologyReader(path).read(text);
}

}  // namespace tilewake
