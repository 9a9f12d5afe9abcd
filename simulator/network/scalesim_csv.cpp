// SPDX-License-Identifier: Apache-2.0
#include "simulator/network/scalesim_csv.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
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

using Fields = std::vector<std::string_view>;

bool is_blank(char c) { return kBlanks.find(c) != std::string_view::npos; }

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return text.substr(0, 0);  // where it is counts
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// The text without a comment: from a `#` at the start, or behind a blank or comma.
std::string_view without_comment(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i)
    if (line[i] == '#' && (i == 0 || line[i - 1] == ',' || is_blank(line[i - 1])))
      return line.substr(0, i);
  return line;
}

/// Fields without blanks around them, separated by `separator`; none for empty ends of a line.
Fields fields_of(std::string_view line, char separator) {
  Fields fields;
  while (true) {
    const std::size_t end = line.find(separator);
    fields.push_back(trimmed(line.substr(0, end)));
    if (end == std::string_view::npos) break;
    line.remove_prefix(end + 1);
  }
  while (!fields.empty() && fields.back().empty()) fields.pop_back();
  return fields;
}

/// Fields of a line separated by commas, or, without any, by tabs.
Fields fields_of(std::string_view line) {
  line = without_comment(line);
  return fields_of(line, line.find(',') == std::string_view::npos ? '\t' : ',');
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

enum class Column {
  kName,
  kMapHeight,
  kMapWidth,
  kFilterHeight,
  kFilterWidth,
  kChannels,
  kFilters,
  kStride,
  kColumnStride,
  kM,
  kN,
  kK,
  kBatch,
  kSparsity,
  kOther
};

struct ColumnRule {
  std::string_view name;  // in error messages
  std::int64_t max = 0;
};

ColumnRule rule_of(Column column) {
  switch (column) {
    case Column::kMapHeight:
      return {"ifmap height", kMaxDimension};
    case Column::kMapWidth:
      return {"ifmap width", kMaxDimension};
    case Column::kFilterHeight:
      return {"filter height", kMaxDimension};
    case Column::kFilterWidth:
      return {"filter width", kMaxDimension};
    case Column::kChannels:
      return {"channels", kMaxDimension};
    case Column::kFilters:
      return {"filters", kMaxDimension};
    case Column::kStride:
      return {"stride", kMaxStride};
    case Column::kColumnStride:
      return {"stride of columns", kMaxStride};
    case Column::kM:
      return {"M", kMaxFeatureMap};
    case Column::kN:
      return {"N", kMaxDimension};
    case Column::kK:
      return {"K", kMaxFeatureMap};
    case Column::kBatch:
      return {"batch", kMaxBatch};
    case Column::kSparsity:
      return {"sparsity", 0};
    case Column::kName:
    case Column::kOther:
      break;
  }
  return {};
}

/// Letters and digits of a column's name in lower case: "Filter Height" and "filter_height" are
/// equal.
std::string plain(std::string_view name) {
  std::string result;
  for (const char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) != 0)
      result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// What a column of this name holds, as SCALE-Sim's files and those made for it name them.
Column column_of(std::string_view name) {
  static constexpr auto kNames = std::to_array<std::pair<std::string_view, Column>>({
      {"layer", Column::kName},
      {"layername", Column::kName},
      {"name", Column::kName},
      {"ifmapheight", Column::kMapHeight},
      {"ifmaph", Column::kMapHeight},
      {"ifmapwidth", Column::kMapWidth},
      {"ifmapw", Column::kMapWidth},
      {"filterheight", Column::kFilterHeight},
      {"filterh", Column::kFilterHeight},
      {"filterwidth", Column::kFilterWidth},
      {"filterw", Column::kFilterWidth},
      {"channels", Column::kChannels},
      {"channel", Column::kChannels},
      {"numfilter", Column::kFilters},
      {"numfilters", Column::kFilters},
      {"numoffilters", Column::kFilters},
      {"filters", Column::kFilters},
      {"stride", Column::kStride},
      {"strides", Column::kStride},
      {"strideheight", Column::kStride},
      {"strideh", Column::kStride},
      {"stridewidth", Column::kColumnStride},
      {"stridew", Column::kColumnStride},
      {"m", Column::kM},
      {"n", Column::kN},
      {"k", Column::kK},
      {"batch", Column::kBatch},
      {"batchsize", Column::kBatch},
      {"sparsity", Column::kSparsity},
      {"sparsityratio", Column::kSparsity},
  });
  const std::string text = plain(name);
  for (const auto& [known, column] : kNames)
    if (known == text) return column;
  return Column::kOther;
}

using Columns = std::vector<Column>;

constexpr auto kConvolution =
    std::to_array({Column::kName, Column::kMapHeight, Column::kMapWidth, Column::kFilterHeight,
                   Column::kFilterWidth, Column::kChannels, Column::kFilters, Column::kStride});
constexpr auto kProduct = std::to_array({Column::kName, Column::kM, Column::kN, Column::kK});

template <typename Wanted>
bool has_all(const Columns& columns, const Wanted& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](Column column) {
    return std::count(columns.begin(), columns.end(), column) == 1;
  });
}

class TopologyReader {
 public:
  explicit TopologyReader(const std::string& path)
      : path_(path), stem_(plain_name(std::filesystem::path(path).stem().string(), kMaxHalf)) {}

  ScalesimTopology read(std::string_view text) {
    while (!text.empty()) {
      ++line_;
      const std::size_t end = text.find('\n');
      const Fields fields = fields_of(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (fields.empty()) continue;
      if (columns_.empty()) {
        read_header(fields);
      } else {
        read_line(fields);
      }
    }
    if (topology_.networks.empty()) {
      const auto& warnings = topology_.warnings;
      throw InputError(fmt::format("{}: has no layers{}{}", path_, warnings.empty() ? "" : "; ",
                                   warnings.empty() ? "" : warnings.back()));
    }
    return std::move(topology_);
  }

 private:
  [[noreturn]] void fail(std::string_view column, const std::string& what) const {
    const bool has_column = !column.empty();
    throw InputError(
        fmt::format("{}:{}: {}{}{}", path_, line_, column, has_column ? ": " : "", what));
  }

  /// Where the header does not name all columns, they are in SCALE-Sim's order; what comes behind
  /// them is found by its name, or is the stride of columns.
  void read_header(const Fields& fields) {
    columns_.clear();
    if (fields.size() < 4) fail("", "is not a header of a SCALE-Sim topology (layer, sizes ...)");
    if (is_number(fields[1]))
      fail("", "must be a header; SCALE-Sim ignores a layer on the first line");
    for (const std::string_view field : fields) columns_.push_back(column_of(field));
    const bool names_twice = check_repeated(fields);
    const auto name = std::find(columns_.begin(), columns_.end(), Column::kName);
    name_column_ = name == columns_.end() ? 0 : static_cast<std::size_t>(name - columns_.begin());
    columns_[name_column_] = Column::kName;
    is_product_ = has_all(columns_, kProduct);
    if (is_product_) return warn_of_unknown(fields);
    if (names_twice || !has_all(columns_, kConvolution)) take_usual_order(fields, names_twice);
    const bool is_usual = std::equal(kConvolution.begin(), kConvolution.end(), columns_.begin());
    if (is_usual && columns_.size() == kConvolution.size())
      columns_.push_back(Column::kColumnStride);
    if (is_usual && columns_[kConvolution.size()] == Column::kOther)
      columns_[kConvolution.size()] = Column::kColumnStride;
    warn_of_unknown(fields);
  }

  /// Whether a size of convolutions is named twice, as "IFMAP Width" in SCALE-Sim's own
  /// DeepSpeech2.csv: SCALE-Sim reads by place and never finds out. Others are refused.
  bool check_repeated(const Fields& fields) {
    bool names_twice = false;
    for (const Column column : columns_) {
      if (column == Column::kOther || std::count(columns_.begin(), columns_.end(), column) == 1)
        continue;
      const bool is_size =
          std::find(kConvolution.begin(), kConvolution.end(), column) != kConvolution.end();
      if (!is_size || fields.size() < kConvolution.size())
        fail(rule_of(column).name, "is in the header twice");
      if (!names_twice)
        topology_.warnings.push_back(
            fmt::format("line {}: the header has '{}' twice; columns are read in SCALE-Sim's order",
                        line_, column == Column::kName ? "layer name" : rule_of(column).name));
      names_twice = true;
    }
    return names_twice;
  }

  /// Columns that are not read, by their names in the header.
  void warn_of_unknown(const Fields& fields) {
    constexpr std::size_t kMaxNamed = 8;
    std::string names;
    std::size_t count = 0;
    for (std::size_t i = 0; i < fields.size() && i < columns_.size(); ++i) {
      if (columns_[i] != Column::kOther || fields[i].empty()) continue;
      if (++count > kMaxNamed) continue;
      names += fmt::format("{}'{}'", names.empty() ? "" : ", ", printable(std::string(fields[i])));
    }
    if (count == 0) return;
    const std::string more =
        count > kMaxNamed ? fmt::format(" and {} more", count - kMaxNamed) : "";
    topology_.warnings.push_back(
        fmt::format("line {}: columns that are not known are not read: {}{}", line_, names, more));
  }

  /// A section may begin with a header of its own.
  static bool is_header(const Fields& fields) {
    Columns columns;
    for (const std::string_view field : fields) columns.push_back(column_of(field));
    return has_all(columns, kConvolution) || has_all(columns, kProduct);
  }

  /// A column that is known must be where SCALE-Sim has it: otherwise the header names another
  /// order and lacks a column.
  void take_usual_order(const Fields& fields, bool names_twice) {
    if (fields.size() < kConvolution.size())
      fail("", fmt::format("names {} columns; expected are layer, ifmap height, ifmap width, "
                           "filter height, filter width, channels, filters, stride, or layer, M, "
                           "N, K, in any order",
                           fields.size()));
    for (std::size_t i = 1; i < columns_.size() && !names_twice; ++i) {
      const auto known = std::find(kConvolution.begin(), kConvolution.end(), columns_[i]);
      if (known == kConvolution.end()) continue;
      if (i < kConvolution.size() && kConvolution[i] == columns_[i]) continue;
      const auto missing =
          std::find_if(kConvolution.begin() + 1, kConvolution.end(), [&](Column column) {
            return std::find(columns_.begin(), columns_.end(), column) == columns_.end();
          });
      fail(rule_of(*missing).name,
           "is not in the header, which has another order than SCALE-Sim's");
    }
    std::string unknown;
    for (std::size_t i = 1; i < kConvolution.size() && !names_twice; ++i) {
      if (columns_[i] == kConvolution[i]) continue;
      unknown += fmt::format("{}'{}' as {}", unknown.empty() ? "" : ", ",
                             printable(std::string(fields[i])), rule_of(kConvolution[i]).name);
    }
    if (!unknown.empty())
      topology_.warnings.push_back(
          fmt::format("line {}: columns are read in SCALE-Sim's order: {}", line_, unknown));
    std::copy(kConvolution.begin(), kConvolution.end(), columns_.begin());
    std::replace_if(
        columns_.begin() + kConvolution.size(), columns_.end(),
        [](Column column) {
          return std::find(kConvolution.begin(), kConvolution.end(), column) != kConvolution.end();
        },
        Column::kOther);
    name_column_ = 0;
  }

  void read_line(Fields fields) {
    const std::size_t num_needed = is_product_ ? kProduct.size() : kConvolution.size();
    split_at_blanks(fields);
    // A name with commas.
    while (name_column_ == 0 && fields.size() > num_needed && !is_number(fields[1])) {
      const char* const begin = fields[0].data();
      const char* const end = fields[1].data() + fields[1].size();
      fields[1] = {begin, static_cast<std::size_t>(end - begin)};
      fields.erase(fields.begin());
    }
    if (std::none_of(fields.begin() + (fields.size() > 1 ? 1 : 0), fields.end(), is_number)) {
      if (is_header(fields)) return read_header(fields);
      topology_.warnings.push_back(fmt::format("line {} has no sizes and is passed over: {}", line_,
                                               printable(std::string(fields.front()))));
      return;
    }
    read_layer(fields);
  }

  /// Separates sizes between which a comma is missing: "56 56".
  static void split_at_blanks(Fields& fields) {
    for (std::size_t i = 1; i < fields.size(); ++i) {
      const std::size_t blank = fields[i].find_first_of(kBlanks);
      if (blank == std::string_view::npos || !is_number(fields[i].substr(0, blank))) continue;
      const std::string_view rest = trimmed(fields[i].substr(blank));
      if (rest.find_first_not_of("0123456789 \t") != std::string_view::npos) continue;
      fields[i] = fields[i].substr(0, blank);
      fields.insert(fields.begin() + static_cast<std::ptrdiff_t>(i) + 1, rest);
    }
  }

  std::int64_t integer(Column column, std::string_view text) const {
    const ColumnRule rule = rule_of(column);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 1 || value > rule.max) {
      fail(rule.name, fmt::format("must be an integer from 1 to {}, not '{}'", rule.max,
                                  printable(std::string(text))));
    }
    return value;
  }

  /// N weights of M are not zero, "2:4"; 1:1, 1 and the like say that none is.
  void check_sparsity(std::string_view text) const {
    const std::size_t colon = text.find(':');
    const std::string_view first = trimmed(text.substr(0, colon));
    const bool is_ratio = colon != std::string_view::npos;
    if (text == "1") return;
    if (is_ratio && is_number(first) && first == trimmed(text.substr(colon + 1))) return;
    fail("sparsity",
         fmt::format("sparse weights ('{}') are not modelled; only 1:1 (or 1) is, for weights "
                     "without a pattern of zeros",
                     printable(std::string(text))));
  }

  struct Sizes {
    std::array<std::int64_t, static_cast<std::size_t>(Column::kOther)> values{};

    std::int64_t& operator[](Column column) { return values[static_cast<std::size_t>(column)]; }
    std::int64_t operator[](Column column) const {
      return values[static_cast<std::size_t>(column)];
    }
  };

  Sizes sizes_of(const Fields& fields) const {
    Sizes sizes;
    for (std::size_t i = 0; i < fields.size() && i < columns_.size(); ++i) {
      const Column column = columns_[i];
      if (column == Column::kSparsity) {
        if (!fields[i].empty()) check_sparsity(fields[i]);
      } else if (column != Column::kOther && column != Column::kName && !fields[i].empty()) {
        sizes[column] = integer(column, fields[i]);
      }
    }
    return sizes;
  }

  std::string_view name_in(const Fields& fields) const {
    const bool has_name = name_column_ < fields.size() && !fields[name_column_].empty();
    return has_name ? fields[name_column_] : std::string_view("layer");
  }

  void read_layer(const Fields& fields) {
    if (topology_.networks.size() >= static_cast<std::size_t>(kMaxLayers)) {
      fail("", fmt::format("more than {} layers", kMaxLayers));
    }
    const Sizes sizes = sizes_of(fields);
    const auto need = [&](const auto& wanted) {
      for (std::size_t i = 1; i < wanted.size(); ++i)
        if (sizes[wanted[i]] == 0) fail(rule_of(wanted[i]).name, "missing");
    };
    if (is_product_) {
      need(kProduct);
      read_product(name_in(fields), sizes);
    } else {
      need(kConvolution);
      read_convolution(name_in(fields), sizes);
    }
  }

  /// M rows of K channels. More than a dimension has become rows and columns, or channels and the
  /// taps of a window as high as the map: the same products in the same number.
  void read_product(std::string_view name, const Sizes& sizes) {
    Layer layer;
    layer.ofm.channels = sizes[Column::kN];
    Shape map = {sizes[Column::kK], sizes[Column::kM], 1};
    if (map.channels > kMaxDimension) {
      layer.kernel_height = factor_of(Column::kK, map.channels, kMaxKernel);
      map = {map.channels / layer.kernel_height, layer.kernel_height, map.height};
      if (map.width > kMaxDimension)
        fail("M", fmt::format("must be at most {} where K is more", kMaxDimension));
    } else if (map.height > kMaxDimension) {
      map.width = factor_of(Column::kM, map.height, kMaxDimension);
      map.height /= map.width;
    }
    add(name, map, std::move(layer), sizes);
  }

  /// The smallest factor of `size` that leaves a dimension.
  std::int64_t factor_of(Column column, std::int64_t size, std::int64_t max) const {
    for (std::int64_t factor = ceil_div(size, kMaxDimension); factor <= max; ++factor)
      if (size % factor == 0) return factor;
    fail(rule_of(column).name,
         fmt::format("{} is larger than {} and has no factor from {} to {} that divides it into "
                     "two dimensions; take a multiple of 64",
                     size, kMaxDimension, ceil_div(size, kMaxDimension), max));
  }

  void read_convolution(std::string_view name, const Sizes& sizes) {
    const std::int64_t stride = sizes[Column::kStride];
    const std::int64_t given = sizes[Column::kColumnStride];
    const std::int64_t column_stride = given != 0 ? given : stride;
    Layer layer;
    layer.kernel_height = sizes[Column::kFilterHeight];
    layer.kernel_width = sizes[Column::kFilterWidth];
    layer.stride = {stride, column_stride};
    layer.ofm.channels = sizes[Column::kFilters];
    Shape map = {
        sizes[Column::kChannels],
        reach(sizes[Column::kMapHeight], layer.kernel_height, stride, "filter height"),
        reach(sizes[Column::kMapWidth], layer.kernel_width, column_stride, "filter width")};
    if (name.find("DP") != std::string_view::npos && map.channels > 1) {
      // SCALE-Sim computes such a layer channel by channel, each with all filters.
      layer.groups = map.channels;
      layer.ofm.channels *= map.channels;
      if (sizes[Column::kFilters] == 1) {
        layer.op = Op::kDepthwiseConv2d;
        layer.groups = 1;
        layer.ofm.channels = map.channels;
      }
    } else {
      fold_window(map, layer);
    }
    for (const auto& [size, column] :
         {std::pair(layer.kernel_height, "filter height"), {layer.kernel_width, "filter width"}})
      if (size > kMaxKernel)
        fail(column, fmt::format("{} is larger than {} and moved over the map", size, kMaxKernel));
    add(name, map, std::move(layer), sizes);
  }

  /// A row of taps as wide as the map, or a column as high, is moved in one direction only: its
  /// taps are channels. So matrix products are written as convolutions. Of larger windows, sides
  /// that no layer can have become channels, too.
  static void fold_window(Shape& map, Layer& layer) {
    const auto folds = [](std::int64_t side, std::int64_t other, std::int64_t size) {
      return side == size && (other == 1 || side > kMaxKernel);
    };
    if (folds(layer.kernel_width, layer.kernel_height, map.width)) {
      map.channels *= std::exchange(map.width, 1);
      layer.kernel_width = 1;
    }
    if (folds(layer.kernel_height, layer.kernel_width, map.height)) {
      map.channels *= std::exchange(map.height, 1);
      layer.kernel_height = 1;
    }
  }

  /// Rows covered by ceil((map - window) / stride) + 1 windows.
  std::int64_t reach(std::int64_t map, std::int64_t window, std::int64_t stride,
                     std::string_view column) const {
    if (window > map) fail(column, fmt::format("{} is larger than the ifmap, {}", window, map));
    return ceil_div(map - window, stride) * stride + window;
  }

  void add(std::string_view given, const Shape& input, Layer layer, const Sizes& sizes) {
    const std::int64_t batch = std::max<std::int64_t>(sizes[Column::kBatch], 1);
    if (!topology_.networks.empty() && batch != topology_.networks.front().batch) {
      fail("batch", fmt::format("is {}, but {} in the first layer; all layers have one batch",
                                batch, topology_.networks.front().batch));
    }
    layer.name = names_.next(given);
    layer.inputs = {kNetworkInput};
    layer.bias = false;
    try {
      NetworkBuilder builder(fmt::format("{}/{}", stem_, layer.name), input);
      builder.add(std::move(layer), PaddingRule::valid());
      topology_.networks.push_back(builder.build());
      set_batch(topology_.networks.back(), batch);
    } catch (const LayerError& e) {
      fail(e.key(), e.what());
    }
  }

  const std::string& path_;
  std::string stem_;
  int line_ = 0;
  Columns columns_;  // of the header; empty before it
  std::size_t name_column_ = 0;
  bool is_product_ = false;
  ScalesimTopology topology_;
  PlainNames names_{kMaxHalf};
};

}  // namespace

ScalesimTopology read_scalesim_topology(const std::string& text, const std::string& path) {
  return TopologyReader(path).read(text);
}

}  // namespace tilewake
