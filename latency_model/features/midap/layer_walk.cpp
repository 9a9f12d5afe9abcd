// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/midap/layer_walk.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "simulator/common/math.hpp"
#include "simulator/mapping/midap/time_line.hpp"

namespace tilewake::midap {
namespace {

// Cycles; simulator/engine/README.md.
constexpr double kEndToken = 8.0;   // its own slot and the pipe stages after it
constexpr double kBiasStage = 4.0;  // from the issue of an output's last slot to its bias
constexpr double kBegin = 1.0;      // the first pass begins after a bubble
constexpr double kLongAgo = -1e15;
/// Plans whose waits differ by less are equal: the mapper computes in whole cycles.
constexpr double kSameWait = 0.25;

bool requests_weights(const Node& node) {
  return node.has_weights() || node.type == NodeType::kElementwise;
}

}  // namespace

struct LayerWalk::Work {
  Work(const Node& a_node, const Node& an_input, const IssueSlots& issue_slots)
      : node(a_node), in(an_input), slots(issue_slots) {}

  const Node& node;
  const Node& in;
  IssueSlots slots;
  Bus::Request own;                 // one request for its own weights or second operand
  const Node* next = nullptr;       // the layer whose first weights it requests
  Bus::Request ahead;               // one request for those
  bool streams_weights = false;     // one request per pass; otherwise one for all weights, or none
  double first_ready = kLongAgo;    // arrival of the first weights
  double bias = kLongAgo;           // arrival of its biases; initially without overtaking weights
  double first_arrival = kLongAgo;  // arrival of the first features
  bool loads = false;               // features come from DRAM
  double store_cycles = 0.0;        // on the bus, for outputs that go to DRAM
  double busy_until = 0.0;          // earlier stores and loads are on the bus
  double backlog = 0.0;             // latency of a request until then
  LayerCycles cycles;

  PassCosts costs() const { return {slots.pass_slots, own.latency, own.transfer}; }
  PassTimes advanced(const PassTimes& from, double count) const;
  double total_slots() const { return slots.passes * slots.pass_slots; }
  /// Slots from the first slot of the layer to the read of the bias.
  double bias_slots() const { return slots.first_window_slots + kBiasStage; }
  /// Earliest start of the second weight request on the bus.
  double second_request() const { return std::max(kBegin + own.latency, first_ready); }

  struct End {
    double computed = 0.0;  // the last slot was issued
    PassTimes last;         // the pass that requests the next layer's weights
  };
  /// Runs the passes, given the arrival of the first features and of the biases.
  End run_passes(double features, double biases) const;
};

/// Passes whose requests wait for the backlog of the bus, then the others.
PassTimes LayerWalk::Work::advanced(const PassTimes& from, double count) const {
  double left = busy_until - from.begin;
  if (backlog <= own.latency || left <= own.latency) return advance(from, costs(), count);
  PassTimes at = from;
  if (left > backlog) {
    const PassCosts slow{slots.pass_slots, backlog, own.transfer};
    const double gain = cycles_per_pass(slow) - own.transfer;  // of the queue, in a pass
    const double num_slow = std::min(count, std::ceil((left - backlog) / gain));
    at = advance(at, slow, num_slow);
    count -= num_slow;
    left -= num_slow * gain;
  }
  if (count > 0.0 && left > own.latency) {  // the rest of the queue
    at = advance(at, {slots.pass_slots, left, own.transfer}, 1.0);
    count -= 1.0;
  }
  return advance(at, costs(), count);
}

LayerWalk::Work::End LayerWalk::Work::run_passes(double features, double biases) const {
  const double pass = slots.pass_slots;
  if (pass == 0.0) return {kBegin, {kBegin, first_ready}};  // windows in the padding only
  if (!streams_weights) {
    double start = std::max(kBegin, features - 1.0);
    if (node.has_weights()) start = std::max(start, first_ready - 1.0);
    start = std::max(start, biases - bias_slots());
    return {start + total_slots(), {kBegin, first_ready}};
  }
  const PassTimes first{kBegin, first_ready};
  // The second pass may begin later than its weights alone would allow.
  PassTimes at = advanced(first, 1.0);
  at.begin = std::max(at.begin, features + pass - 1.0);
  double index = 1.0;
  if (biases > kLongAgo) {
    const double reads_bias = std::floor((bias_slots() - 1.0) / pass);  // the pass that reads it
    if (reads_bias >= slots.passes) {
      const double computed = advanced(at, slots.passes - 1.0).begin;
      return {std::max(computed, biases - bias_slots() + total_slots()),
              advanced(first, slots.passes - 1.0)};
    }
    at = advanced(at, reads_bias);
    index += reads_bias;
    at.begin = std::max(at.begin, biases + index * pass - bias_slots());
  }
  End end;
  end.last = slots.passes > index ? advanced(at, slots.passes - 1.0 - index)
                                  : advanced(first, slots.passes - 1.0);
  end.computed = advanced(at, slots.passes - index).begin;
  return end;
}

LayerWalk::LayerWalk(const Graph& graph, const PlanningDram& dram, const DispatchConfig& dispatch,
                     double backlog, Schedule schedule)
    : graph_(graph),
      c_(*graph.config),
      dram_(dram),
      dispatch_(dispatch),
      schedule_(schedule),
      prefetches_(graph.nodes.size(), -1),
      prepared_(graph.nodes.size(), false),
      next_(graph.nodes.size(), -1),
      residency_(graph) {
  bus_.backlog = backlog;
}

/// A request for weights, or for a column of the second operand. If the filters of a layer are
/// split, its parts differ: `first` is the prefetched one; otherwise the average is returned.
Bus::Request LayerWalk::weight_request(const Node& node, bool first) const {
  std::int64_t bytes = node.filter_bytes;
  if (node.columns_per_part > 0) {
    bytes = first ? bytes / node.kernel_width * node.columns_per_part
                  : bytes / ceil_div(node.kernel_width, node.columns_per_part);
  }
  if (node.type == NodeType::kConv) bytes *= c_.num_cims;
  if (node.type == NodeType::kElementwise) {
    const Node& operand = graph_.tensor_of(node.inputs[1]);
    bytes = operand.height * operand.channels;
  }
  return bus_request(dram_, bytes);
}

/// The first weights of each layer are requested by the previous one, unless that layer computes
/// them.
void LayerWalk::link_weights(const std::vector<int>& order) {
  int weighted = -1;
  int before = -1;
  for (const int id : order) {
    const Node& node = graph_.at(id);
    if (!node.runs()) continue;
    if (before >= 0) next_[static_cast<std::size_t>(before)] = id;
    if (requests_weights(node)) {
      const bool computed_just_now = node.type == NodeType::kElementwise && before >= 0 &&
                                     graph_.at(before).tensor == node.inputs[1];
      if (weighted >= 0 && !computed_just_now) {
        prepared_[static_cast<std::size_t>(id)] = true;
        prefetches_[static_cast<std::size_t>(weighted)] = id;
      }
      weighted = id;
    }
    before = id;
  }
}

std::vector<LayerCycles> LayerWalk::run(const std::vector<int>& order) {
  link_weights(order);
  std::vector<LayerCycles> all(order.size());
  auto dispatch = static_cast<double>(dispatch_.inference_cycles + dispatch_.layer_cycles);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Node& node = graph_.at(order[i]);
    if (node.runs()) {
      bus_.advance(dispatch);  // what the layer before requested arrives meanwhile
      all[i] = layer(node);
      all[i].dispatch = dispatch;
      dispatch = static_cast<double>(dispatch_.layer_cycles);
    } else if (node.type == NodeType::kFusedPool && schedule_ == Schedule::kReference) {
      residency_.fused_pool(node);
    }
  }
  return all;
}

LayerCycles LayerWalk::layer(const Node& node) {
  Work work(node, graph_.tensor_of(node.inputs[0]), count_issue_slots(graph_, node));
  if (requests_weights(node)) work.own = weight_request(node, false);
  const int next = prefetches_[static_cast<std::size_t>(node.id)];
  if (next >= 0) {
    work.next = &graph_.at(next);
    work.ahead = weight_request(*work.next, true);
  }
  work.streams_weights = node.type == NodeType::kConv || node.type == NodeType::kElementwise;
  work.cycles.slots = work.total_slots();
  work.busy_until = bus_.behind;
  work.backlog = bus_.backlog;

  request_at_start(work);
  work.cycles.weight_wait =
      std::max(0.0, work.run_passes(kLongAgo, kLongAgo).computed - kBegin - work.total_slots());
  stream_features(work);
  wait_for_biases(work);
  request_next_weights(work);

  LayerCycles& cycles = work.cycles;
  if (node.columns_per_part > 0) {
    // If the filters of a layer do not fit WMEM, its parts run one after the other; the last one
    // sums up the partial results in the reduction buffer.
    const std::int64_t further = ceil_div(node.kernel_width, node.columns_per_part) - 1;
    cycles.setup += static_cast<double>(further) * (kBegin + kEndToken);
    cycles.slots += static_cast<double>(ceil_div(graph_.tensor_of(node.id).channels, c_.num_cims));
  }
  if (node.fused_pool >= 0 || node.streamed_pool) {
    const std::int64_t lanes = node.type == NodeType::kConv ? c_.num_cims : c_.system_width;
    cycles.slots += static_cast<double>(ceil_div(graph_.tensor_of(node.id).channels, lanes));
  }
  cycles.write_wait = write_wait(work);
  bus_.advance(cycles.slots + cycles.setup + cycles.weight_wait + cycles.feature_wait +
               cycles.bias_wait + cycles.write_wait);
  // Stored in one piece when the layer ends, after the features that it requested.
  if (bus_.backlog > 0.0 && work.store_cycles > 0.0)
    bus_.behind = bus_.queue = std::max(bus_.queue, 0.0) + work.store_cycles;
  return cycles;
}

/// Requests in the first cycle: its own weights and biases unless prefetched, and the biases of the
/// layer whose weights it prefetches.
void LayerWalk::request_at_start(Work& work) {
  const auto request_bias = [&](const Node& node) {
    const std::int64_t lanes = node.type == NodeType::kConv ? c_.num_cims : c_.system_width;
    if (node.has_bias)
      bus_.request_bias(0.0, bus_request(dram_, round_up(node.op_channels, lanes)));
  };
  if (requests_weights(work.node) && !prepared_[static_cast<std::size_t>(work.node.id)]) {
    bus_.request_weights(0.0, work.own);
    request_bias(work.node);
  }
  if (requests_weights(work.node)) work.first_ready = bus_.weights;
  if (work.node.has_bias) work.bias = bus_.bias;
  if (work.next != nullptr) request_bias(*work.next);
}

FeatureStream LayerWalk::stream_of(const Work& work, const Residency::Layer& found) const {
  const Node& node = work.node;
  const Node& in = work.in;
  FeatureStream s;
  s.in_columns = in.width;
  s.bank_columns = in.bank_columns;
  s.resident = std::min(found.resident, in.num_fragments);
  s.reserved = found.reserved;
  s.exempt_tail = in.width;
  if (node.is_window()) s.window_columns = (node.kernel_width - 1) * node.dilation + 1;
  if (node.gemm) {
    // The mapper compares matrix rows with the image width, and pads them alike.
    s.exempt_tail = graph_.shape_of(node.inputs[0]).width;
    s.window_pad = node.padding.left;
    s.stride = node.height;
  } else if (node.is_window()) {
    s.reach = (node.kernel_width - 1) * node.dilation;
    s.pad = s.window_pad = found.input_flipped ? node.padding.right : node.padding.left;
    s.stride = node.stride;
  }
  s.out_columns = node.width;
  s.out_bank_columns = node.bank_columns;
  s.banks = found.banks;

  const bool elementwise = node.type == NodeType::kElementwise;
  s.passes = work.slots.passes;
  s.pass_per_column = elementwise;
  s.batches = node.type == NodeType::kConv;
  s.start = std::max(kBegin, work.first_ready - 1.0);
  const double computing =
      elementwise ? work.run_passes(kLongAgo, kLongAgo).computed - s.start : work.total_slots();
  s.column_compute = computing / static_cast<double>(in.width);
  s.column_load =
      static_cast<double>(in.height * in.channels) / static_cast<double>(dram_.bytes_per_cycle);
  s.latency = static_cast<double>(dram_.latency_cycles(in.full_bytes));
  s.queue = bus_.queue;
  if (work.streams_weights) {
    s.weight_latency = work.own.latency;
    s.weight_transfer = work.own.transfer;
    s.weights_stay = node.once && !elementwise;
  }
  const bool own_first = work.streams_weights && work.slots.passes > 1.0;
  const Bus::Request& first = own_first ? work.own : work.ahead;
  if (own_first || work.next != nullptr) {
    s.first_weights = first.transfer;
    s.first_weights_begin = bus_.weights_begin(kBegin, first);
  }
  return s;
}

/// The output gets the banks that do not remain for the input. The number that remains is the
/// smallest with the least waiting by the mapper's own estimate.
void LayerWalk::choose_output_banks(const Work& work, const Residency::Layer& found,
                                    FeatureStream& stream) const {
  const Node& node = work.node;
  stream.output_fixed = false;
  stream.out_fragments = node.num_fragments;
  stream.usable = found.usable;
  stream.tight = work.in.num_fragments + node.num_fragments > c_.fmem_num_banks;
  const auto remain = [&](FeatureStream& s, std::int64_t banks) {
    s.remaining = banks;
    s.reverse = node.num_fragments > found.usable - banks;
  };
  remain(stream, 1);
  if (node.type == NodeType::kElementwise) {
    stream.reverse = node.num_fragments >= found.usable;
    return;
  }

  FeatureStream plan = stream;
  plan.as_planned = true;
  plan.queue = plan.start = plan.first_weights = 0.0;
  const auto bandwidth = static_cast<double>(dram_.bytes_per_cycle);
  if (!node.gemm) {  // the mapper plans with unpadded channels
    const Shape& shape = graph_.shape_of(node.inputs[0]);
    plan.column_load = static_cast<double>(shape.height * shape.channels) / bandwidth;
  }
  plan.latency = planning_latency(
      dram_, plan.column_load * bandwidth * static_cast<double>(plan.bank_columns));
  if (node.has_weights()) {
    plan.start = planning_latency(dram_, work.own.transfer * bandwidth) + work.own.transfer;
    if (node.type == NodeType::kConv) plan.start -= last_pass_;
  }
  double least = std::numeric_limits<double>::infinity();
  std::int64_t best = 1;
  for (std::int64_t banks = 1; banks < c_.fmem_num_banks && least > 0.0; ++banks) {
    remain(plan, banks);
    const StreamTimes times = run_stream(plan);
    if (times.stuck) throw PlanFailure("no progress in layer " + node.name);
    if (times.wait > least - kSameWait) continue;
    least = times.wait;
    best = banks;
    // If the output got fewer banks than possible, the rest goes to the input.
    if (times.kept < node.num_fragments && times.kept < found.usable - banks)
      best = found.usable - times.kept;
  }
  remain(stream, best);
}

/// Whether the next layer, and no other, reads the output of `node` through FMEM.
bool LayerWalk::is_read_next(const Node& node) const {
  const int next = next_[static_cast<std::size_t>(node.id)];
  return next >= 0 && node.tensor == node.id && node.copies.empty() &&
         node.next == std::vector<int>{next} && graph_.at(next).inputs[0] == node.id &&
         std::count(graph_.at(next).inputs.begin(), graph_.at(next).inputs.end(), node.id) == 1;
}

/// The plain schedule: the whole input is on chip, or it is loaded tile by tile into two buffers
/// (one if two do not fit). A tile of several banks is modelled as one fragment.
bool LayerWalk::plain_banks(const Work& work, FeatureStream& s) const {
  const std::int64_t banks_per_tile = ceil_div(std::min(s.reach + 1, s.in_columns), s.bank_columns);
  s.resident = 0;
  s.banks = 1;
  s.tiles = true;
  s.batches = false;
  s.window_columns = 1;
  std::int64_t used = banks_per_tile;
  if (plain_resident_ == work.in.id) {
    used = work.in.num_fragments;
    s.bank_columns = s.in_columns;
    s.resident = 1;
  } else if (work.in.num_fragments > banks_per_tile && 2 * banks_per_tile <= c_.fmem_num_banks) {
    used = 2 * banks_per_tile;
    s.banks = 2;
  }
  const bool one_window = s.out_columns == 1 && work.in.num_fragments == banks_per_tile;
  if (s.resident == 0 && one_window && work.node.type == NodeType::kPool) {
    // A single window processes the fragments as they arrive.
    s.banks = banks_per_tile;
    s.tiles = false;
  } else if (s.resident == 0) {
    s.bank_columns *= banks_per_tile;
  }
  return is_read_next(work.node) && work.node.num_fragments <= c_.fmem_num_banks - used;
}

/// Streams the input that is not on chip, and decides what is kept of the output.
void LayerWalk::stream_features(Work& work) {
  const Node& node = work.node;
  const bool plain = schedule_ == Schedule::kPlain;
  const Residency::Layer found = plain ? Residency::Layer{} : residency_.begin(node);
  FeatureStream stream = stream_of(work, found);
  bool keeps_output = false;
  if (plain) {
    keeps_output = plain_banks(work, stream);
  } else if (!node.next.empty() && node.output_stationary < 0) {
    choose_output_banks(work, found, stream);
  }
  const StreamTimes times = run_stream(stream);
  if (times.stuck) throw PlanFailure("no progress in layer " + node.name);
  if (plain) {
    plain_resident_ = keeps_output ? node.id : -1;
  } else {
    residency_.end(node, times.kept, times.loads > 0, stream.reverse);
  }
  const std::int64_t kept_columns =
      plain ? (keeps_output ? node.width : 0) : times.kept * node.bank_columns;
  work.store_cycles = stored_bytes(node, kept_columns) / static_cast<double>(dram_.bytes_per_cycle);
  last_pass_ = 0.0;
  if (node.type != NodeType::kElementwise) {
    last_pass_ = times.last_share * work.slots.pass_slots;
    if (node.type != NodeType::kConv) last_pass_ *= work.slots.passes;
  }

  work.cycles.setup = kBegin + kEndToken;
  if (times.loads == 0) return;
  work.cycles.setup += static_cast<double>(times.bubbles);
  work.loads = true;
  bus_.behind = bus_.queue = times.bus_free;
  if (times.first_arrival > 0.0) work.first_arrival = times.first_arrival;
  const double computed = kBegin + work.total_slots() + work.cycles.weight_wait;
  // A single fragment is waited for once, while weights for the second pass arrive.
  const double end = work.in.num_fragments == 1
                         ? work.run_passes(work.first_arrival, kLongAgo).computed
                         : times.end;
  work.cycles.feature_wait = std::max(0.0, end - computed);
}

/// The wait for biases, and the delay that the layer's weights cause to those of the next one.
void LayerWalk::wait_for_biases(Work& work) {
  const double requests = work.streams_weights ? work.slots.passes - 1.0 : 0.0;
  const auto passed = [&](double bias, double count) {
    return bias +
           work.own.transfer * passing_requests(bias - work.second_request(), work.costs(), count);
  };
  if (work.next != nullptr && work.next->has_bias) bus_.bias = passed(bus_.bias, requests);
  if (!work.loads) {  // otherwise counted in the stream of features
    bus_.queue += requests * work.own.transfer;
    if (bus_.behind > 0.0) bus_.behind += requests * work.own.transfer;
  }
  if (!work.node.has_bias || work.slots.pass_slots == 0.0) return;
  double bias = work.bias;
  bool passed_by_next = work.next != nullptr;
  PassTimes last{kBegin, bus_.weights};
  if (work.streams_weights) {
    const double before = std::floor((work.bias_slots() - 1.0) / work.slots.pass_slots) + 1.0;
    bias = passed(bias, std::min(before, requests));
    // Read in the last pass, which requests the next layer's weights.
    passed_by_next = passed_by_next && before > requests;
    last = work.run_passes(work.first_arrival, kLongAgo).last;
  }
  if (passed_by_next && bias > std::max(last.begin + work.ahead.latency, last.ready))
    bias += work.ahead.transfer;
  work.bias = bias;
  const double without = work.run_passes(work.first_arrival, kLongAgo).computed;
  const double with = work.run_passes(work.first_arrival, bias).computed;
  work.cycles.bias_wait = std::max(0.0, with - without);
}

/// The whole output if it must be in DRAM, otherwise the columns that FMEM does not keep; copies
/// for concats as a whole.
double LayerWalk::stored_bytes(const Node& node, std::int64_t kept_columns) const {
  const Node& tensor = graph_.tensor_of(node.id);
  const std::int64_t lanes = node.type == NodeType::kConv ? c_.num_cims : c_.system_width;
  const auto column_bytes = static_cast<double>(node.height * round_up(node.op_channels, lanes));
  if (tensor.id != node.id && schedule_ == Schedule::kReference)  // part of a concat
    kept_columns = residency_.num_fragments(tensor.id) * tensor.bank_columns;
  double columns = 0.0;
  if (node.fused_pool < 0 || node.dram) {
    columns = static_cast<double>(node.dram || tensor.dram
                                      ? node.width
                                      : std::max<std::int64_t>(node.width - kept_columns, 0));
  }
  std::size_t copies = node.copies.size();
  if (tensor.id != node.id) copies += tensor.copies.size();
  return column_bytes * (columns + static_cast<double>(copies) * static_cast<double>(node.width));
}

/// An output is written in one cycle, except the second operand of a concat and slices of a concat
/// that begin or end within a row: those take one cycle per CIM output. The next output waits.
double LayerWalk::write_wait(const Work& work) const {
  const Node& node = work.node;
  const Node& tensor = graph_.tensor_of(node.id);
  const bool narrow = node.type == NodeType::kConv;
  double writes = 0.0;  // per output, mean over the passes
  const auto add = [&](std::int64_t begin, std::int64_t end) {
    const bool whole = narrow || (begin % c_.system_width == 0 && end % c_.system_width == 0);
    const double groups = node.type == NodeType::kElementwise
                              ? static_cast<double>(ceil_div(node.op_channels, c_.system_width))
                              : work.slots.passes;
    writes += whole ? 1.0 : static_cast<double>(ceil_div(end - begin, c_.num_cims)) / groups;
  };
  add(node.slice_begin, node.slice_end);
  for (const OutputCopy& copy : node.copies)
    add(copy.slice_begin, std::min(copy.slice_begin + node.op_channels, copy.slice_end));
  if (tensor.id != node.id) {
    for (const OutputCopy& copy : tensor.copies) {
      const std::int64_t begin = node.slice_begin + copy.slice_begin;
      add(begin, std::min(begin + node.op_channels, copy.slice_end));
    }
  }
  if (writes <= 1.0 || node.fused_pool >= 0) return 0.0;
  const double slots = work.total_slots();
  const double outputs = static_cast<double>(node.width * node.height) *
                         static_cast<double>(narrow ? ceil_div(node.op_channels, c_.num_cims)
                                                    : rows_per_pixel(node, c_));
  return std::max(0.0, outputs * writes - slots);
}

/// The last pass (the first one of a depthwise convolution) requests the next layer's first
/// weights.
void LayerWalk::request_next_weights(const Work& work) {
  if (!requests_weights(work.node)) return;
  // Waits after the first fragment delay everything that follows.
  const bool streamed = work.in.num_fragments > 1;
  const PassTimes last = work.run_passes(streamed ? kLongAgo : work.first_arrival, work.bias).last;
  bus_.weights = std::max(bus_.weights, last.ready);
  bus_.queue = std::max(bus_.queue, bus_.weights);
  if (work.next == nullptr) return;
  double at = last.begin;
  if (streamed && work.streams_weights && work.slots.passes > 1.0) at += work.cycles.feature_wait;
  bus_.request_weights(at, work.ahead);
}

}  // namespace tilewake::midap
