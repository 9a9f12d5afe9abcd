// SPDX-License-Identifier: Apache-2.0
#include "simulator/mapping/midap/lowering.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/math.hpp"
#include "simulator/mapping/fused_names.hpp"

namespace tilewake::midap {
namespace {

// Cost of each pass of a PROCESS over its columns in the engine, in steps (measured).
constexpr double kPassSteps = 4.0;
constexpr double kReadsAStep = 16.0;  // columns and lines searched per step for a bank's first read

class Lowering {
 public:
  Lowering(const Graph& graph, const std::vector<std::int64_t>& pivots, const DramConfig& dram,
           const MappingOptions& options)
      : graph_(graph),
        c_(*graph.config),
        pivots_(pivots),
        dram_step_bytes_(dram_step_bytes(dram)),
        budget_(options) {
    for (const Node& node : graph.nodes)
      if (node.type == NodeType::kConcat && node.tensor != node.id)
        merged_concats_[node.tensor].push_back(node.id);
  }

  Program run(const std::vector<int>& order, const std::vector<LayerPlan>& plans) {
    auto plan = plans.begin();
    for (const int id : order) {
      const Node& node = graph_.at(id);
      if (node.type == NodeType::kConcat) {
        add_concat_rows(node);
        continue;
      }
      if (node.type == NodeType::kFusedPool) {
        // Other branches may have run in between: the pool's own path comes last.
        const auto position = std::find(executed_.rbegin(), executed_.rend(), node.inputs[0]);
        if (position != executed_.rbegin()) {
          program_.warnings.push_back(fmt::format(
              "layer {}: gets its bank only after other branches ran, as in the reference "
              "schedule; the cycles are optimistic",
              node.name));
        }
        MidapLayer& host = core_.layers[static_cast<std::size_t>(executed_.rend() - position) - 1];
        host.has_reduction = true;
        host.reduction_outputs = outputs(node, *plan);
        check_reduction(node);
        add_row(node, graph_.at(node.inputs[0]).name);
      } else {
        add_row(node, "");
        for (MidapLayer& part : split(node, layer(node, *plan))) {
          core_.layers.push_back(std::move(part));
          executed_.push_back(id);
        }
      }
      ++plan;
    }
    link_weights();
    program_.core = std::move(core_);
    return std::move(program_);
  }

 private:
  void add_row(const Node& node, const std::string& host) {
    program_.layers.push_back({node.layer, host, "", 0.0, 0});
  }

  /// A concat is computed by its producers' writes; its row comes after the last of them.
  void add_concat_rows(const Node& concat) {
    FusedNames hosts;
    for (const int input : concat.inputs) hosts.add(graph_.at(input).name);
    add_merged_rows(concat, hosts.text());
    add_row(concat, hosts.text());
  }

  void add_merged_rows(const Node& concat, const std::string& hosts) {
    for (const int inner : merged_concats_[concat.id]) {
      add_merged_rows(graph_.at(inner), hosts);
      add_row(graph_.at(inner), hosts);
    }
  }

  void check_reduction(const Node& pool) const {
    if (pool.op_channels > c_.reduction_bytes) {
      throw InputError(
          fmt::format("layer {}: {} channels do not fit the reduction buffer of {} entries",
                      pool.name, pool.op_channels, c_.reduction_bytes));
    }
  }

  MidapOutput output(const Node& node, const Node& tensor, std::int64_t begin,
                     std::int64_t end) const {
    MidapOutput out;
    out.width = node.width;
    out.height = node.height;
    out.channels = tensor.channels;
    out.slice_begin = begin;
    out.slice_end = end;
    return out;
  }

  std::vector<MidapOutput> outputs(const Node& node, const LayerPlan& plan) const {
    const Node& tensor = graph_.tensor_of(node.id);
    MidapOutput main = output(node, tensor, node.slice_begin, node.slice_end);
    main.reverse_write = plan.reverse_write;
    main.write_on_dram = node.dram || tensor.dram;
    main.is_virtual = node.fused_pool >= 0 && !node.dram;
    main.pivot = pivots_[static_cast<std::size_t>(tensor.id)];
    for (const MapEntry& entry : plan.output)
      main.fragments.push_back({entry.bank, entry.fragment.head, entry.fragment.tail});
    std::vector<MidapOutput> all{main};
    const auto add_copies = [&](const Node& source, std::int64_t offset) {
      for (const OutputCopy& copy : source.copies) {
        MidapOutput out =
            output(node, graph_.at(copy.concat), offset + copy.slice_begin,
                   std::min(offset + copy.slice_begin + node.op_channels, copy.slice_end));
        out.linear = true;
        out.reverse_write = !plan.input_flipped;
        all.push_back(out);
      }
    };
    add_copies(node, 0);
    if (tensor.id != node.id) add_copies(tensor, node.slice_begin);
    return all;
  }

  MidapLayer layer(const Node& node, const LayerPlan& plan) {
    MidapLayer out;
    out.program_layer = static_cast<int>(program_.layers.size()) - 1;
    switch (node.type) {
      case NodeType::kConv:
        out.kind = node.gemm ? MidapKind::kGemm : MidapKind::kConv;
        break;
      case NodeType::kElementwise:
        out.kind = MidapKind::kElementwise;
        break;
      default:
        out.kind = MidapKind::kExtended;
    }
    const Node& in = graph_.tensor_of(node.inputs[0]);
    out.in_width = in.width;
    out.in_height = in.height;
    out.in_channels = in.channels;
    out.row_aligned = in.channels % c_.system_width == 0;
    if (node.type == NodeType::kConv) {
      const Layer& source = graph_.network->layers[static_cast<std::size_t>(node.layer)];
      const bool grouped = source.groups > 1;
      if (grouped) out.row_aligned = true;
      out.rows_per_tap =
          grouped ? grouped_rows_per_tap(source, c_) : ceil_div(in.channels, c_.system_width);
    }
    out.kernel_width = node.kernel_width;
    out.kernel_height = node.kernel_height;
    out.stride = node.stride;
    out.dilation = node.dilation;
    out.pad_top = node.padding.top;
    out.pad_bottom = node.padding.bottom;
    out.pad_left = plan.input_flipped ? node.padding.right : node.padding.left;
    out.pad_right = plan.input_flipped ? node.padding.left : node.padding.right;
    out.out_width = node.width;
    out.out_height = node.height;
    const bool narrow = node.type == NodeType::kConv;
    out.out_channels = narrow ? round_up(node.op_channels, c_.num_cims)
                              : rows_per_pixel(node, c_) * c_.system_width;
    out.broadcast = node.broadcast;
    out.outputs = outputs(node, plan);
    if (node.streamed_pool) {
      out.has_reduction = true;
      out.reduction_outputs = out.outputs;
      MidapOutput& passing = out.outputs[0];
      out.outputs.resize(1);
      out.out_width = passing.width = in.width;
      out.out_height = passing.height = in.height;
      passing.is_virtual = true;
      passing.fragments.clear();
    }
    for (const InputFragment& fragment : plan.input)
      out.input_fragments.push_back(
          {fragment.bank, fragment.fragment.head, fragment.fragment.tail});
    out.weights = weights(node);
    out.behaviours = behaviours(node, plan, out);
    spend(node, out);
    return out;
  }

  /// Splits a layer whose filters do not fit WMEM into parts of some tap columns each. Partial sums
  /// stay in the reduction buffer; the last part adds them up, which takes the slots of a
  /// reduction.
  std::vector<MidapLayer> split(const Node& node, const MidapLayer& whole) const {
    if (node.columns_per_part == 0) return {whole};
    std::vector<MidapLayer> parts;
    for (std::int64_t begin = 0; begin < node.kernel_width; begin += node.columns_per_part) {
      const std::int64_t end = std::min(begin + node.columns_per_part, node.kernel_width);
      const bool last = end == node.kernel_width;
      MidapLayer part = whole;
      part.kernel_width = end - begin;
      part.pad_left = -begin;
      part.pad_right = end - whole.in_width;
      part.weights.filter_bytes = node.filter_bytes / node.kernel_width * part.kernel_width;
      part.weights.request_bytes = c_.num_cims * part.weights.filter_bytes;
      part.weights.has_bias = whole.weights.has_bias && last;
      part.has_reduction = last;
      part.outputs[0].is_virtual = whole.outputs[0].is_virtual || !last;
      if (!last) part.outputs.resize(1);
      // The first part loads the input of all parts.
      if (begin > 0) part.behaviours.erase(part.behaviours.begin(), part.behaviours.end() - 1);
      part.behaviours.back().x_begin = part.behaviours.back().x_last = begin;
      parts.push_back(std::move(part));
    }
    return parts;
  }

  /// Steps of all passes of one PROCESS.
  double steps_of(const MidapLayer& out, const MidapBehaviour& process) const {
    if (process.x_last < process.x_begin) return 0.0;
    const bool is_window = out.kind == MidapKind::kConv || out.kind == MidapKind::kExtended;
    const std::int64_t stride = is_window ? out.stride : 1;
    const auto columns = static_cast<double>((process.x_last - process.x_begin) / stride + 1);
    if (out.kind == MidapKind::kElementwise) return columns * kPassSteps;  // one pass per column
    const std::int64_t lanes = out.on_cims() ? c_.num_cims : c_.system_width;
    const auto passes = static_cast<double>(out.out_channels / lanes);
    if (!is_window) return passes * kPassSteps;
    const auto lines = static_cast<double>(out.out_height);
    const auto taps = static_cast<double>(out.kernel_width);
    double steps = kPassSteps + (columns + 2.0 * lines) * taps / kReadsAStep;
    // If writes may wait for each other, the engine lists those of every window.
    const MidapOutput& main = out.outputs.front();
    const bool is_aligned = main.slice_begin % c_.system_width == 0 &&
                            (main.slice_end - main.slice_begin) % c_.system_width == 0;
    if (out.outputs.size() > 1 || (!out.on_cims() && !is_aligned)) steps += columns * lines;
    return passes * steps;
  }

  /// Adds the cost of simulating the layer.
  void spend(const Node& node, const MidapLayer& out) {
    double steps = 0.0;
    double bytes = static_cast<double>(out.out_width * out.out_height * node.op_channels);
    const auto column_bytes = static_cast<double>(out.in_height * out.in_channels);
    const MidapWeights& w = out.weights;
    const bool one_request = node.type == NodeType::kDepthwise || !w.present;
    const double weight_bytes = static_cast<double>(w.filter_bytes) *
                                (one_request ? 1.0 : static_cast<double>(w.num_filters));
    ProgramLayer& row = program_.layers.back();
    for (const MidapBehaviour& behaviour : out.behaviours) {
      if (behaviour.kind == MidapBehaviour::Kind::kLoad) {
        const MidapFragment& f = out.input_fragments[static_cast<std::size_t>(behaviour.fragment)];
        bytes += column_bytes * static_cast<double>(f.tail - f.head);
        ++row.milestones;
      } else {
        steps += steps_of(out, behaviour);
        bytes += weight_bytes;
      }
    }
    const std::int64_t parts =
        node.columns_per_part == 0 ? 1 : ceil_div(node.kernel_width, node.columns_per_part);
    row.steps = static_cast<double>(parts) * (steps + bytes / dram_step_bytes_);
    budget_.spend(node.name, row.steps);
  }

  MidapWeights weights(const Node& node) const {
    MidapWeights w;
    if (node.type == NodeType::kConv || node.type == NodeType::kDepthwise) {
      const bool conv = node.type == NodeType::kConv;
      w.present = true;
      w.has_bias = node.has_bias;
      w.filter_bytes = node.filter_bytes;
      w.request_bytes = conv ? c_.num_cims * node.filter_bytes : node.filter_bytes;
      w.bias_bytes = round_up(node.op_channels, conv ? c_.num_cims : c_.system_width);
      w.num_filters = w.bias_bytes;
      w.once = node.once;
      if (w.has_bias && w.bias_bytes > c_.bmmem_bytes) {
        throw InputError(fmt::format("layer {}: {} bytes of biases do not fit BMMEM of {} bytes",
                                     node.name, w.bias_bytes, c_.bmmem_bytes));
      }
    } else if (node.type == NodeType::kElementwise) {
      const Node& operand = graph_.tensor_of(node.inputs[1]);
      w.present = true;
      w.filter_bytes = operand.height * operand.channels;
      w.num_filters = node.broadcast ? 1 : operand.width;
      w.request_bytes = w.filter_bytes;
    }
    return w;
  }

  std::vector<MidapBehaviour> behaviours(const Node& node, const LayerPlan& plan,
                                         const MidapLayer& out) const {
    std::vector<MidapBehaviour> list;
    int emitted = plan.num_initial;
    int processed = 0;
    for (const Action& action : plan.actions) {
      if (action.kind == Action::Kind::kLoad) {
        for (; emitted < action.until; ++emitted) list.push_back(load(emitted, -1));
        continue;
      }
      list.push_back(process(node, plan, out, processed, action));
      for (int i = processed; i < action.until; ++i) {
        const auto index = static_cast<std::size_t>(i);
        if (!plan.input[index].successor_waits) continue;
        const std::int64_t head = plan.input[index + 1].fragment.head;
        std::int64_t condition = head;
        if (node.gemm) {
          condition = ceil_div(head, node.height);
        } else if (node.is_window()) {
          condition = ceil_div(head + out.pad_left, out.stride);
        }
        list.push_back(load(emitted++, condition));
      }
      processed = action.until;
    }
    return list;
  }

  static MidapBehaviour load(int fragment, std::int64_t condition) {
    MidapBehaviour b;
    b.kind = MidapBehaviour::Kind::kLoad;
    b.fragment = fragment;
    b.condition = condition;
    return b;
  }

  static MidapBehaviour process(const Node& node, const LayerPlan& plan, const MidapLayer& out,
                                int begin, const Action& action) {
    const int end = action.until;
    const Fragment& first = plan.input[static_cast<std::size_t>(begin)].fragment;
    const Fragment& last = plan.input[static_cast<std::size_t>(end) - 1].fragment;
    MidapBehaviour b;
    b.kind = MidapBehaviour::Kind::kProcess;
    b.fragment = end;
    b.x_begin = first.head;
    b.x_last = last.tail - 1;
    if (!node.is_window() || node.gemm) return b;
    const std::int64_t reach = (out.kernel_width - 1) * out.dilation;
    if (first.head == 0) {
      b.x_begin = -out.pad_left;
    } else {
      b.x_begin = ceil_div(first.head + out.pad_left, out.stride) * out.stride - out.pad_left;
    }
    const std::int64_t end_corner = out.in_width - 1 - reach + out.pad_right;
    if (last.tail == out.in_width) {
      b.x_last = end_corner;
    } else if (end >= static_cast<int>(plan.input.size()) || !action.next_on_chip) {
      b.x_last = last.tail - 1 - reach;
    }
    b.x_last = std::min(b.x_last, end_corner);
    return b;
  }

  /// Lets each layer fetch the next one's first weights, unless these are not computed yet.
  void link_weights() {
    MidapLayer* previous = nullptr;
    for (std::size_t i = 0; i < core_.layers.size(); ++i) {
      MidapLayer& current = core_.layers[i];
      if (!current.weights.present) continue;
      const Node& node = graph_.at(executed_[i]);
      bool prepared = previous != nullptr;
      if (prepared && node.type == NodeType::kElementwise)
        prepared = graph_.at(executed_[i - 1]).tensor != node.inputs[1];
      current.prepared = prepared;
      if (prepared) previous->next_weights = current.weights;
      previous = &current;
    }
  }

  const Graph& graph_;
  const MidapConfig& c_;
  const std::vector<std::int64_t>& pivots_;
  Program program_;
  MidapProgram core_;
  std::vector<int> executed_;
  std::map<int, std::vector<int>> merged_concats_;  // target concat -> concats merged into it
  double dram_step_bytes_;
  StepBudget budget_;
};

}  // namespace

Program lower(const Graph& graph, const std::vector<int>& order,
              const std::vector<LayerPlan>& plans, const std::vector<std::int64_t>& pivots,
              const DramConfig& dram, const MappingOptions& options) {
  return Lowering(graph, pivots, dram, options).run(order, plans);
}

}  // namespace tilewake::midap
