// SPDX-License-Identifier: Apache-2.0
#include "nas/export/torchscript.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/error.hpp"
#include "simulator/network/onnx/onnx_names.hpp"

namespace tilewake {
namespace {

[[noreturn]] void fail_torchscript(const Layer& layer, const std::string& what) {
  throw InputError(fmt::format("TorchScript: layer '{}': {}", layer.name, what));
}

/// An identifier of Python, other than those in `taken`, like the name of the layer.
std::string identifier_of(const std::string& name, std::set<std::string>& taken) {
  std::string text;
  for (const char c : name) text += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text.front())) != 0)
    text.insert(0, "_");
  std::string unique = text;
  for (int i = 2; !taken.insert(unique).second; ++i) unique = fmt::format("{}_{}", text, i);
  return unique;
}

std::string value_name(int index) {
  return index == kNetworkInput ? "image" : fmt::format("v{}", index);
}

std::string activated(const Layer& layer, const std::string& x) {
  switch (layer.activation) {
    case Activation::kNone:
      return x;
    case Activation::kRelu:
      return fmt::format("torch.relu({})", x);
    case Activation::kRelu6:
      return fmt::format("torch.clamp({}, 0., 6.)", x);
    case Activation::kHswish:
      return fmt::format("torch.hardswish({})", x);
    case Activation::kSwish:
      return fmt::format("torch.silu({})", x);
    case Activation::kSigmoid:
      return fmt::format("torch.sigmoid({})", x);
    case Activation::kHsigmoid:
      return fmt::format("torch.hardsigmoid({})", x);
    case Activation::kLeakyRelu:
      return fmt::format("torch.leaky_relu({}, {})", x, kLeakyReluSlope);
    default:
      fail_torchscript(layer, fmt::format("no activation {}", to_string(layer.activation)));
  }
}

std::string bias_of(const Layer& layer, const std::string& module) {
  return layer.bias ? fmt::format("self.{}.bias", module) : "None";
}

/// The expression of a convolution: zeros around the map where the two sides differ, else in the
/// convolution. Negative padding stands for rows that no window reads.
std::string convolution(const Layer& l, const std::string& x, const std::string& module,
                        std::int64_t groups) {
  const Padding& p = l.padding;
  const std::int64_t bottom = std::max<std::int64_t>(p.bottom, 0);
  const std::int64_t right = std::max<std::int64_t>(p.right, 0);
  // A smaller padding at the far end that is not read does not matter either.
  const bool is_symmetric = p.top == bottom && p.left == right;
  const std::string padded = is_symmetric
                                 ? x
                                 : fmt::format("torch.constant_pad_nd({}, [{}, {}, {}, {}], 0.)", x,
                                               p.left, right, p.top, bottom);
  return fmt::format("torch.conv2d({}, self.{}.weight, {}, [{}, {}], [{}, {}], [{}, {}], {})",
                     padded, module, bias_of(l, module), l.stride.height, l.stride.width,
                     is_symmetric ? p.top : 0, is_symmetric ? p.left : 0, l.dilation.height,
                     l.dilation.width, groups);
}

/// The expression of a pool, with what windows read of the padding put around the map before.
std::string pool(const Layer& l, const std::string& x) {
  const Padding& p = l.padding;
  const bool is_max = l.op == Op::kMaxPool;
  if (!is_max && l.dilation != Steps(1)) fail_torchscript(l, "an average pool with dilation");
  const std::string padded =
      fmt::format("torch.constant_pad_nd({}, [{}, {}, {}, {}], {})", x, p.left,
                  std::max<std::int64_t>(p.right, 0), p.top, std::max<std::int64_t>(p.bottom, 0),
                  is_max ? "-3.4028234663852886e+38" : "0.");
  const std::string window = fmt::format("[{}, {}], [{}, {}], [0, 0]", l.kernel_height,
                                         l.kernel_width, l.stride.height, l.stride.width);
  return is_max ? fmt::format("torch.max_pool2d({}, {}, [{}, {}], False)", padded, window,
                              l.dilation.height, l.dilation.width)
                : fmt::format("torch.avg_pool2d({}, {}, False, True)", padded, window);
}

/// Writes the method, one line a layer.
class ScriptWriter {
 public:
  ScriptWriter(const Network& network, const LayerWeights& weights)
      : network_(network), weights_(weights), modules_(module_names(network)) {}

  TorchScript write(const Preprocessing& preprocessing, ImageLayout layout) {
    TorchScript script;
    const std::vector<std::int64_t> by_channel = {1, preprocessing.channels, 1, 1};
    script.tensors = {{"mean", by_channel, preprocessing.mean},
                      {"std", by_channel, preprocessing.stddev}};
    script.code = "def forward(self, images: Tensor) -> Tuple[Tensor, Tensor]:\n";
    line(script, fmt::format("image = (torch.div({}, 255.) - self.mean) / self.std",
                             layout == ImageLayout::kNhwc ? "torch.permute(images, [0, 3, 1, 2])"
                                                          : "images"));
    for (std::size_t i = 0; i < network_.layers.size(); ++i) {
      const Layer& layer = network_.layers[i];
      const std::string& module = modules_[i];
      if (layer.has_weights()) add_weights(script, layer, module);
      line(script, fmt::format("{} = {}", value_name(static_cast<int>(i)),
                               activated(layer, expression(layer, module))));
    }
    const std::string last = value_name(static_cast<int>(network_.layers.size()) - 1);
    line(script, fmt::format("logits = torch.flatten({}, 1)", last));
    line(script, "return torch.softmax(logits, 1), torch.argmax(logits, 1)");
    check_labels(preprocessing);
    return script;
  }

 private:
  static void line(TorchScript& script, const std::string& text) {
    script.code += "    " + text + "\n";
  }

  void add_weights(TorchScript& script, const Layer& layer, const std::string& module) const {
    const auto found = weights_.find(layer.name);
    const std::vector<std::int64_t> dims = weight_dims(layer);
    const auto num_weights =
        std::accumulate(dims.begin(), dims.end(), std::int64_t{1}, std::multiplies<>());
    if (found == weights_.end() ||
        static_cast<std::int64_t>(found->second.weight.size()) != num_weights ||
        static_cast<std::int64_t>(found->second.bias.size()) !=
            (layer.bias ? layer.ofm.channels : 0))
      fail_torchscript(layer, "has no weights, or weights of another size");
    script.tensors.push_back({module + ".weight", dims, found->second.weight});
    if (layer.bias)
      script.tensors.push_back({module + ".bias", {layer.ofm.channels}, found->second.bias});
  }

  void check_labels(const Preprocessing& preprocessing) const {
    const Layer& last = network_.layers.back();
    if (last.ofm.num_elements() != static_cast<std::int64_t>(preprocessing.labels.size()))
      fail_torchscript(last, fmt::format("gives {} values for {} labels", last.ofm.num_elements(),
                                         preprocessing.labels.size()));
  }

  std::string expression(const Layer& l, const std::string& module) const {
    const auto x = [&](std::size_t i) { return value_name(l.inputs[i]); };
    switch (l.op) {
      case Op::kConv2d:
        return convolution(l, x(0), module, l.groups);
      case Op::kDepthwiseConv2d:
        return convolution(l, x(0), module, l.ifm.channels);
      case Op::kFullyConnected:
        return fmt::format(
            "torch.reshape(torch.linear(torch.flatten({}, 1), self.{}.weight, {}), [-1, {}, 1, 1])",
            x(0), module, bias_of(l, module), l.ofm.channels);
      case Op::kMaxPool:
      case Op::kAvgPool:
        return pool(l, x(0));
      case Op::kGlobalAvgPool:
        return fmt::format("torch.mean({}, [2, 3], True)", x(0));
      case Op::kAdd:
        return fmt::format("torch.add({}, {})", x(0), x(1));
      case Op::kMul:
        return fmt::format("torch.mul({}, {})", x(0), x(1));
      case Op::kSub:
        return fmt::format("torch.sub({}, {})", x(0), x(1));
      case Op::kDiv:
        return fmt::format("torch.div({}, {})", x(0), x(1));
      case Op::kConcat: {
        std::vector<std::string> parts;
        for (std::size_t i = 0; i < l.inputs.size(); ++i) parts.push_back(x(i));
        return fmt::format("torch.cat([{}], {})", fmt::join(parts, ", "),
                           static_cast<int>(l.axis) + 1);
      }
      case Op::kChannelSplit:
        return fmt::format("torch.narrow({}, 1, {}, {})", x(0), l.first_channel, l.ofm.channels);
      case Op::kChannelShuffle:
        return fmt::format(
            "torch.reshape(torch.transpose(torch.reshape({}, [-1, {}, {}, {}, {}]), 1, 2), "
            "[-1, {}, {}, {}])",
            x(0), l.groups, l.ifm.channels / l.groups, l.ifm.height, l.ifm.width, l.ofm.channels,
            l.ofm.height, l.ofm.width);
      default:
        fail_torchscript(l, fmt::format("no operator {}", to_string(l.op)));
    }
  }

  const Network& network_;
  const LayerWeights& weights_;
  std::vector<std::string> modules_;
};

}  // namespace

std::vector<std::string> module_names(const Network& network) {
  // What the module has, and keywords of Python that are valid names of layers.
  std::set<std::string> taken = {
      "mean",   "std",      "forward", "training", "self",   "False",   "None",     "True",
      "and",    "as",       "assert",  "async",    "await",  "break",   "class",    "def",
      "del",    "continue", "elif",    "else",     "except", "finally", "for",      "from",
      "global", "if",       "import",  "in",       "is",     "lambda",  "nonlocal", "not",
      "or",     "pass",     "raise",   "return",   "try",    "while",   "with",     "yield"};
  std::vector<std::string> names;
  for (const Layer& layer : network.layers)
    names.push_back(layer.has_weights() ? identifier_of(layer.name, taken) : "");
  return names;
}

TorchScript torchscript(const Network& network, const LayerWeights& weights,
                        const Preprocessing& preprocessing, ImageLayout layout) {
  return ScriptWriter(network, weights).write(preprocessing, layout);
}

}  // namespace tilewake
