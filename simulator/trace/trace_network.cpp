// SPDX-License-Identifier: Apache-2.0
#include "simulator/trace/trace_network.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/yaml_document.hpp"
#include "simulator/network/limits.hpp"
#include "simulator/network/network_builder.hpp"
#include "simulator/network/op_names.hpp"
#include "simulator/trace/trace_columns.hpp"

namespace tilewake {
namespace {

// Not allowed in names (check_name); reserved name (NetworkBuilder::add).
constexpr char kInputSeparator = ';';
constexpr char kDetailSeparator = ';';
constexpr std::string_view kNetworkInputName = "input";

// Keys of NetworkBuilder::add with another name in the trace.
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> kColumnOfKey = {{
    {"", "layer"},
    {"name", "layer"},
    {"out_channels", "oc"},
}};

std::string_view column_of(std::string_view key) {
  for (const auto& [name, column] : kColumnOfKey) {
    if (name == key) return column;
  }
  return key;
}

std::string inputs_text(const Network& network, const Layer& layer) {
  std::string text;
  for (const int input : layer.inputs) {
    if (!text.empty()) text += kInputSeparator;
    if (input == kNetworkInput) {
      text += kNetworkInputName;
    } else {
      text += network.layers[static_cast<std::size_t>(input)].name;
    }
  }
  return text;
}

/// The explicit zeros of a network file for an effective padding: a negative side had zero.
PaddingRule rule_of(Op op, Padding padding) {
  if (op != Op::kConvTranspose2d) {
    padding.bottom = std::max<std::int64_t>(padding.bottom, 0);
    padding.right = std::max<std::int64_t>(padding.right, 0);
  }
  return PaddingRule::explicit_zeros(padding);
}

/// `TraceRow::detail`: "key=value" by ';', where a value differs from its default.
std::string detail_text(const Network& network, const Layer& layer) {
  std::vector<std::string> words;
  if (layer.axis != Axis::kChannels) words.push_back(fmt::format("axis={}", to_string(layer.axis)));
  if (layer.extent != 1) words.push_back(fmt::format("extent={}", layer.extent));
  if (layer.transposed) words.emplace_back("transposed=1");
  if (!layer.view.empty()) words.push_back(fmt::format("view={}", fmt::join(layer.view, "x")));
  if (!layer.order.empty()) words.push_back(fmt::format("order={}", fmt::join(layer.order, "/")));
  if (layer.weights_of >= 0) words.push_back(fmt::format("weights_of={}", layer.weights_of));
  if (layer.own_bias) words.emplace_back("own_bias=1");
  if (!layer.shift) words.emplace_back("shift=0");
  // Where the first layer does not tell.
  const Layer& first = network.layers.front();
  if (&layer == &first &&
      (first.inputs.empty() || first.inputs[0] != kNetworkInput || first.ifm != network.input)) {
    const Shape& shape = network.input;
    words.push_back(fmt::format("input={}x{}x{}", shape.channels, shape.height, shape.width));
  }
  return fmt::format("{}", fmt::join(words, std::string(1, kDetailSeparator)));
}

/// The integers of "3x4x5"; empty where it is none, or has too many.
std::vector<std::int64_t> integers_of(std::string_view text, char separator) {
  constexpr std::size_t kMaxCount = 16;
  std::vector<std::int64_t> values;
  while (values.size() < kMaxCount) {
    const std::size_t end = std::min(text.find(separator), text.size());
    std::int64_t value = 0;
    const auto [last, error] = std::from_chars(text.data(), text.data() + end, value);
    if (error != std::errc() || last != text.data() + end) return {};
    values.push_back(value);
    if (end == text.size()) return values;
    text.remove_prefix(end + 1);
  }
  return {};
}

/// The value of `key` in a detail; empty without.
std::string_view detail_of(std::string_view detail, std::string_view key) {
  while (!detail.empty()) {
    const std::string_view word = detail.substr(0, detail.find(kDetailSeparator));
    if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=')
      return word.substr(key.size() + 1);
    detail.remove_prefix(std::min(word.size() + 1, detail.size()));
  }
  return {};
}

/// Rebuilds the network of the rows `begin` to `end` of a trace.
class Rebuilder {
 public:
  Rebuilder(const TraceFile& trace, std::size_t begin, std::size_t end)
      : trace_(trace), row_of_layer_(end - begin) {
    std::iota(row_of_layer_.begin(), row_of_layer_.end(), begin);
    std::stable_sort(row_of_layer_.begin(), row_of_layer_.end(), [&](std::size_t a, std::size_t b) {
      return trace.rows[a].index < trace.rows[b].index;
    });
    check_indices(end - 1);
  }

  Network rebuild() const {
    NetworkBuilder builder = begin_network();
    for (const std::size_t row : row_of_layer_) {
      try {
        builder.add(layer_of(builder, row), rule_of(at(row).op, at(row).padding));
      } catch (const LayerError& e) {
        trace_.fail(row, column_of(e.key()), e.what());
      }
    }
    Network network = builder.build();
    const std::size_t first = row_of_layer_.front();
    try {
      set_batch(network, at(first).batch);
    } catch (const LayerError& e) {
      trace_.fail(first, e.key(), e.what());
    }
    check_descriptions(network);
    return network;
  }

 private:
  const TraceRow& at(std::size_t row) const { return trace_.rows[row]; }

  void check_indices(std::size_t last_row) const {
    for (std::size_t i = 0; i < row_of_layer_.size(); ++i) {
      const std::size_t row = row_of_layer_[i];
      const auto index = static_cast<std::int64_t>(i);
      if (at(row).index < index) {
        trace_.fail(row, "index",
                    fmt::format("{} is already the index of '{}'", at(row).index,
                                printable(at(row_of_layer_[i - 1]).layer)));
      }
      if (at(row).index > index) {
        trace_.fail(last_row, "index",
                    fmt::format("the rows of '{}' end here without layer {}; the file is "
                                "truncated",
                                printable(at(row).network), index));
      }
    }
    const auto num_rows = static_cast<std::int64_t>(row_of_layer_.size());
    if (at(last_row).num_layers > num_rows) {
      trace_.fail(last_row, "num_layers",
                  fmt::format("the rows of '{}' end here, {} of {}; the file is truncated",
                              printable(at(last_row).network), num_rows, at(last_row).num_layers));
    }
  }

  /// The first layer reads the network input, so its input shape is that of the network.
  NetworkBuilder begin_network() const {
    const std::size_t row = row_of_layer_.front();
    const TraceRow& first = at(row);
    const std::vector<std::int64_t> given = integers_of(detail_of(first.detail, "input"), 'x');
    const Shape input = given.size() == 3 ? Shape{given[0], given[1], given[2]}
                                          : Shape{first.ic, first.ih, first.iw};
    try {
      return {first.network, input};
    } catch (const LayerError& e) {
      trace_.fail(row, e.key() == "input" ? "ic" : "network", e.what());
    }
  }

  /// The layer as passed to NetworkBuilder::add. Fields that the op does not have keep their
  /// defaults.
  Layer layer_of(const NetworkBuilder& builder, std::size_t row) const {
    const TraceRow& measured = at(row);
    Layer layer;
    layer.name = measured.layer;
    layer.block = measured.block;
    layer.op = measured.op;
    layer.inputs = inputs_of(builder, row);
    layer.ofm = {measured.oc, measured.oh, measured.ow};
    if (layer.has_groups()) layer.groups = measured.groups;
    if (layer.op == Op::kChannelSplit || layer.op == Op::kSlice)
      layer.first_channel = measured.first_channel;
    if (layer.has_weights() || layer.is_norm()) layer.bias = measured.bias;
    layer.activation = measured.activation;
    if (layer.has_window() || layer.op == Op::kResize) {
      layer.kernel_height = measured.kernel.height;
      layer.kernel_width = measured.kernel.width;
    }
    if (layer.has_window() || layer.op == Op::kSlice) layer.stride = measured.stride;
    if (layer.has_window()) layer.dilation = measured.dilation;
    if (layer.op == Op::kSlice) layer.padding = {measured.padding.top, measured.padding.left, 0, 0};
    read_detail(measured.detail, layer);
    return layer;
  }

  /// What cannot be read keeps its default, and check_descriptions() tells.
  static void read_detail(std::string_view detail, Layer& layer) {
    for (const auto& [name, axis] : kAxisNames) {
      if (detail_of(detail, "axis") == name) layer.axis = axis;
    }
    const auto number = [&](std::string_view key, std::int64_t fallback) {
      const std::vector<std::int64_t> values =
          integers_of(detail_of(detail, key), kDetailSeparator);
      return values.size() == 1 ? values[0] : fallback;
    };
    layer.extent = number("extent", 1);
    layer.transposed = number("transposed", 0) == 1;
    layer.view = integers_of(detail_of(detail, "view"), 'x');
    for (const std::int64_t factor : integers_of(detail_of(detail, "order"), '/'))
      layer.order.push_back(static_cast<int>(std::clamp<std::int64_t>(factor, -1, 99)));
    layer.weights_of =
        static_cast<int>(std::clamp<std::int64_t>(number("weights_of", -1), -1, kMaxLayers));
    layer.own_bias = number("own_bias", 0) == 1;
    layer.shift = number("shift", 1) == 1;
  }

  std::vector<int> inputs_of(const NetworkBuilder& builder, std::size_t row) const {
    std::vector<int> inputs;
    const std::string& text = at(row).inputs;
    if (text.empty()) return inputs;
    for (std::size_t begin = 0; begin <= text.size();) {
      const std::size_t end = std::min(text.find(kInputSeparator, begin), text.size());
      const std::string name = text.substr(begin, end - begin);
      const int input = name == kNetworkInputName ? kNetworkInput : builder.find(name);
      if (input == NetworkBuilder::kNoLayer) {
        trace_.fail(row, "inputs", fmt::format("'{}' is not an earlier layer", printable(name)));
      }
      inputs.push_back(input);
      begin = end + 1;
    }
    return inputs;
  }

  void check_descriptions(const Network& network) const {
    TraceRow expected;
    for (std::size_t i = 0; i < row_of_layer_.size(); ++i) {
      const std::size_t row = row_of_layer_[i];
      expected = at(row);
      describe_layer(network, static_cast<int>(i), expected);
      if (expected == at(row)) continue;
      for (const TraceColumn& column : kTraceColumns) {
        const std::string is = field_text(at(row), column);
        const std::string should = field_text(expected, column);
        if (is != should) {
          trace_.fail(row, column.name,
                      fmt::format("is {}, but must be {} according to the rest of the network", is,
                                  should));
        }
      }
    }
  }

  const TraceFile& trace_;
  std::vector<std::size_t> row_of_layer_;
};

}  // namespace

std::vector<Measurement> measurements_of(const TraceFile& trace) {
  std::vector<Measurement> measurements;
  std::size_t end = 0;
  for (std::size_t begin = 0; begin < trace.rows.size(); begin = end) {
    const TraceRow& first = trace.rows[begin];
    end = begin + 1;
    while (end < trace.rows.size() && trace.rows[end].network == first.network &&
           trace.rows[end].machine == first.machine) {
      ++end;
    }
    measurements.push_back({Rebuilder(trace, begin, end).rebuild(), first.machine, first.version,
                            std::span(trace.rows).subspan(begin, end - begin), begin});
  }
  return measurements;
}

void describe_layer(const Network& network, int index, TraceRow& row) {
  const Layer& layer = network.layers[static_cast<std::size_t>(index)];
  row.layer = layer.name;
  row.block = layer.block;
  row.op = layer.op;
  row.ic = layer.ifm.channels;
  row.ih = layer.ifm.height;
  row.iw = layer.ifm.width;
  row.oc = layer.ofm.channels;
  row.oh = layer.ofm.height;
  row.ow = layer.ofm.width;
  row.kernel = {layer.kernel_height, layer.kernel_width};
  row.stride = layer.stride;
  row.groups = layer.groups;
  row.macs = network.batch * layer.num_macs();
  row.effective_macs = network.batch * layer.num_effective_macs();
  row.index = index;
  row.num_layers = static_cast<std::int64_t>(network.layers.size());
  row.batch = network.batch;
  row.inputs = inputs_text(network, layer);
  row.dilation = layer.dilation;
  row.padding = layer.padding;
  row.first_channel = layer.first_channel;
  row.bias = (layer.has_weights() || layer.is_norm()) && layer.bias;
  row.activation = layer.activation;
  row.detail = detail_text(network, layer);
  row.network = network.name;
}

}  // namespace tilewake
