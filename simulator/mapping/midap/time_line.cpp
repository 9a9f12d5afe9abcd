// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/midap/time_line.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "simulator/common/math.hpp"

namespace tilewake::midap {
namespace {

/// Taps of a window outside one edge, for the output positions next to it: pad, pad - stride, ...
std::vector<std::int64_t> lost_taps(std::int64_t pad, std::int64_t stride) {
  std::vector<std::int64_t> lost;
  for (std::int64_t d = pad; d > 0; d -= stride) lost.push_back(d);
  return lost;
}

/// Average alignment slots of one window column (0 if rows never straddle).
double alignment_overhead(std::int64_t kernel_width, std::int64_t column_bytes, std::int64_t stride,
                          std::int64_t pad_top, std::int64_t row) {
  if (kernel_width == 1) return 0.0;
  const std::int64_t rest = column_bytes % row;
  const std::int64_t quarter = row / 4;
  const bool odd_quarter =
      (rest > 0 && rest <= quarter) || (rest > 2 * quarter && rest <= 3 * quarter);
  const bool half = rest > quarter && rest <= 2 * quarter;
  if (stride % 4 == 0) return pad_top % 4 == 0 ? 0.0 : 1.0;
  if (stride % 2 == 1) return odd_quarter ? 0.75 : (half ? 0.5 : 0.0);
  if (odd_quarter) return pad_top % 2 == 0 ? 0.5 : 1.0;
  if (half) return pad_top % 2 == 0 ? 0.0 : 1.0;
  return 0.0;
}

std::int64_t conv_cycles(const Node& node, std::int64_t in_channels, const MidapConfig& c) {
  struct Edge {
    std::int64_t lost;
    std::int64_t count;
  };
  const auto edges = [&](std::int64_t near, std::int64_t far, std::int64_t extent) {
    std::vector<Edge> all;
    std::int64_t interior = extent;
    for (const std::int64_t pad : {near, far}) {
      for (const std::int64_t lost : lost_taps(pad, node.stride)) all.push_back({lost, 1});
      interior -= pad > 0 ? ceil_div(pad, node.stride) : 0;
    }
    all.push_back({0, interior});
    return all;
  };
  const double overhead = alignment_overhead(node.kernel_width, node.kernel_height * in_channels,
                                             node.stride, node.padding.top, c.system_width);
  std::int64_t cycles = 0;
  for (const Edge& x : edges(node.padding.left, node.padding.right, node.width)) {
    for (const Edge& y : edges(node.padding.top, node.padding.bottom, node.height)) {
      const auto rows = static_cast<double>(
          ceil_div((node.kernel_height - y.lost) * in_channels, c.system_width));
      const std::int64_t groups = ceil_div(node.op_channels, c.num_cims);
      cycles += static_cast<std::int64_t>(static_cast<double>(node.kernel_width - x.lost) *
                                          (rows + overhead) * static_cast<double>(groups) *
                                          static_cast<double>(x.count * y.count));
    }
  }
  return cycles;
}

std::int64_t extended_cycles(const Node& node, const MidapConfig& c) {
  const auto lost_rows = [&](std::int64_t pad) {
    std::int64_t taps = 0;
    for (std::int64_t d = 0; d < pad; d += node.stride) taps += d + 1;
    return taps;
  };
  const std::int64_t vertical = lost_rows(node.padding.top) + lost_rows(node.padding.bottom);
  const std::int64_t horizontal = lost_rows(node.padding.left) + lost_rows(node.padding.right);
  // The reference multiplies vertical losses by the height and horizontal losses by the width.
  const std::int64_t padded = vertical * node.kernel_width * node.height +
                              horizontal * node.kernel_height * node.width - vertical * horizontal;
  const std::int64_t lanes = rows_per_pixel(node, c);
  return node.kernel_width * node.kernel_height * lanes * node.width * node.height - lanes * padded;
}

/// Issue slots of a layer in closed form, with an average for alignment.
std::int64_t static_cycles(const Node& node, std::int64_t in_channels, const MidapConfig& c) {
  if (node.type == NodeType::kElementwise) return 0;
  if (node.gemm)
    return ceil_div(node.kernel_width * node.kernel_height * in_channels, c.system_width) *
           ceil_div(node.op_channels, c.num_cims) * node.width * node.height;
  return node.type == NodeType::kConv ? conv_cycles(node, in_channels, c)
                                      : extended_cycles(node, c);
}

}  // namespace

double planning_latency(const PlanningDram& dram, double bytes) {
  return dram.first_access_cycles +
         dram.row_cycles * std::floor(bytes / static_cast<double>(dram.row_bytes)) +
         dram.refresh_cycles * std::ceil(bytes / static_cast<double>(dram.refresh_bytes));
}

TimeLineLayer describe_for_time_line(const Graph& graph, const Node& node,
                                     std::int64_t bytes_per_cycle) {
  const MidapConfig& c = *graph.config;
  const Shape& in = graph.shape_of(node.inputs[0]);
  const Node& in_tensor = graph.tensor_of(node.inputs[0]);
  std::int64_t bank_bytes = 0;
  std::int64_t rest_bytes = 0;
  if (node.gemm) {
    // Three channels, independent of the image.
    const std::int64_t row = round_up(node.kernel_width * node.kernel_height * 3, c.system_width);
    const std::int64_t rows = std::max<std::int64_t>(c.fmem_bank_bytes / row, 1);
    bank_bytes = rows * row;
    rest_bytes = row * (node.width * node.height % rows);
  } else {
    const std::int64_t column = in.height * in.channels;
    bank_bytes = column * in_tensor.bank_columns;
    // The width of the output, not of the input, as in the reference.
    rest_bytes = column * (node.width % in_tensor.bank_columns);
  }
  if (rest_bytes == 0) rest_bytes = bank_bytes;

  TimeLineLayer layer;
  layer.full_load_cycles = ceil_div(bank_bytes, bytes_per_cycle);
  layer.last_load_cycles = ceil_div(rest_bytes, bytes_per_cycle);
  layer.has_weights = node.has_weights();
  layer.is_conv = node.type == NodeType::kConv;
  layer.once = node.once;
  if (layer.has_weights) {
    const Layer& source = graph.network->layers[static_cast<std::size_t>(node.layer)];
    const std::int64_t bytes = source.num_weights();
    layer.weight_request_bytes = layer.is_conv ? c.num_cims * bytes / node.op_channels : bytes;
    layer.num_weight_requests = ceil_div(node.op_channels, c.num_cims);
    if (layer.is_conv) layer.num_groups = ceil_div(bytes, layer.weight_request_bytes);
  }
  std::int64_t input_bytes = 0;
  for (const int input : node.inputs) input_bytes += graph.shape_of(input).num_elements();
  if (node.gemm) input_bytes = in_tensor.total_bytes;
  const auto cycles = static_cast<double>(static_cycles(node, in.channels, c));
  const auto unit = [&](std::int64_t bytes) {
    return std::ceil(cycles * static_cast<double>(bytes) / static_cast<double>(input_bytes)) /
           static_cast<double>(layer.num_groups);
  };
  layer.full_compute = unit(bank_bytes);
  layer.last_compute = unit(rest_bytes);
  return layer;
}

TimeLine::TimeLine(const TimeLineLayer& layer, const PlanningDram& dram,
                   double previous_process_cycles)
    : layer_(layer), dram_(dram) {
  if (!layer_.has_weights) return;
  if (!layer_.is_conv) {
    request_weights(0.0);
    return;
  }
  request_weights(-previous_process_cycles);
  request_weights(0.0);
}

void TimeLine::request(Class kind, int key, double now, double bytes, double duration) {
  Request r;
  r.start = std::trunc(now + planning_latency(dram_, bytes));
  r.kind = kind;
  r.sequence = next_sequence_++;
  r.key = key;
  r.duration = duration;
  if (kind == Class::kFeature) {
    r.start = std::max(r.start, last_feature_start_);
    last_feature_start_ = r.start;
  }
  const auto before = [](const Request& a, const Request& b) {
    return std::tuple(a.start, a.kind, a.sequence) < std::tuple(b.start, b.kind, b.sequence);
  };
  queue_.insert(std::upper_bound(queue_.begin(), queue_.end(), r, before), r);
}

void TimeLine::request_weights(double now) {
  ++weights_requested_;
  if (weights_requested_ > layer_.num_weight_requests && (layer_.once || !layer_.is_conv)) return;
  const auto bytes = layer_.weight_request_bytes;
  request(Class::kWeight, weights_requested_, now, static_cast<double>(bytes),
          static_cast<double>(ceil_div(bytes, dram_.bytes_per_cycle)));
}

void TimeLine::begin_loads() { now_ += 1; }

void TimeLine::load(int id, bool is_last) {
  const std::int64_t duration = is_last ? layer_.last_load_cycles : layer_.full_load_cycles;
  request(Class::kFeature, id, now_, static_cast<double>(duration * dram_.bytes_per_cycle),
          static_cast<double>(duration));
}

bool TimeLine::serve_one(double until) {
  if (queue_.empty()) return false;
  Request& head = queue_.front();
  const double start = std::max(bus_free_, head.start);
  if (start >= until) return false;
  const double end = start + head.duration;
  if (head.kind == Class::kFeature) {
    const auto weight = std::find_if(queue_.begin() + 1, queue_.end(),
                                     [](const Request& r) { return r.kind == Class::kWeight; });
    if (weight != queue_.end() && weight->start < end && !(end > until && weight->start > until)) {
      const double served = std::max(weight->start - start, 0.0);
      head.duration -= served;
      bus_free_ = start + served;
      std::rotate(queue_.begin(), weight, weight + 1);  // the weights overtake it
      return true;
    }
  }
  if (end > until) {
    head.duration -= until - start;
    bus_free_ = until;
    return false;
  }
  bus_free_ = end;
  queue_.erase(queue_.begin());
  return true;
}

bool TimeLine::pending(Class kind, int key) const {
  return std::any_of(queue_.begin(), queue_.end(),
                     [&](const Request& r) { return r.kind == kind && r.key == key; });
}

double TimeLine::wait_for(Class kind, int key) {
  while (serve_one(now_)) {
  }
  if (!pending(kind, key)) return 0.0;
  TimeLine rest = *this;
  while (rest.pending(kind, key)) rest.serve_one(std::numeric_limits<double>::infinity());
  return rest.bus_free_ - now_;
}

void TimeLine::compute(int begin, int end, bool last_is_final) {
  const auto wait = [&](Class kind, int key) {
    const double cycles = wait_for(kind, key);
    delay_ += cycles;
    now_ += cycles;
  };
  for (std::int64_t group = 0; group < layer_.num_groups; ++group) {
    if (layer_.has_weights) wait(Class::kWeight, ++weights_used_);
    for (int id = begin; id < end; ++id) {
      if (group == 0) wait(Class::kFeature, id);
      now_ += last_is_final && id + 1 == end ? layer_.last_compute : layer_.full_compute;
    }
    if (layer_.is_conv) request_weights(now_);
  }
}

void TimeLine::process(int begin, int end, bool last_is_final) {
  now_ += 1;
  compute(begin, end, last_is_final);
}

double TimeLine::predicted_delay(int begin, int end, bool last_is_final) const {
  TimeLine copy = *this;
  copy.delay_ = 0.0;
  copy.compute(begin, end, last_is_final);
  return copy.delay_;
}

double TimeLine::predicted_delay(int begin, int middle, int end, bool last_is_final) const {
  TimeLine copy = *this;
  copy.delay_ = 0.0;
  copy.compute(begin, middle, last_is_final && middle == end);
  copy.compute(middle, end, last_is_final);
  return copy.delay_;
}

}  // namespace tilewake::midap
