// SPDX-License-Identifier: Apache-2.0
#include "nas/space/frame.hpp"

#include <fmt/format.h>

#include "simulator/network/network_builder.hpp"
#include "simulator/network/op_names.hpp"

namespace tilewake {
namespace {

void read_stem(YamlReader stem, Frame& frame) {
  frame.stem_kernel = read_int(stem, "kernel", 1, SpaceLimits::kMaxKernel);
  stem.check(frame.stem_kernel % 2 == 1, "kernel", "must be odd");
  frame.stem_stride = read_int(stem, "stride", 1, SpaceLimits::kMaxStride);
  frame.stem_width = read_int(stem, "width", 1, SpaceLimits::kMaxWidth);
  stem.finish();
}

Shape read_input_shape(YamlReader input) {
  Shape shape;
  shape.channels = input.integer("channels", 1, SpaceLimits::kMaxWidth);
  shape.height = input.integer("height", 1, SpaceLimits::kMaxSide);
  shape.width = input.integer("width", 1, SpaceLimits::kMaxSide);
  input.finish();
  return shape;
}

}  // namespace

Frame read_frame(YamlReader& root) {
  Frame frame;
  frame.name = root.required<std::string>("name");
  located_at(root, "name", [&] { check_name(frame.name, "name"); });
  frame.input = read_input_shape(root.section("input"));
  frame.num_classes = read_int(root, "num_classes", 1, SpaceLimits::kMaxClasses);
  read_stem(root.section("stem"), frame);
  YamlReader head = root.section("head");
  frame.head_width = read_int(head, "width", 1, SpaceLimits::kMaxWidth);
  head.finish();
  frame.activation = root.choice("activation", kActivationNames, frame.activation);
  return frame;
}

std::string frame_text(const Frame& frame) {
  // Names hold no quotes and no backslashes (check_name): in quotes they need no escapes.
  return fmt::format(
      "name: \"{}\"\n"
      "input: {{channels: {}, height: {}, width: {}}}\n"
      "num_classes: {}\n"
      "stem: {{kernel: {}, stride: {}, width: {}}}\n"
      "head: {{width: {}}}\n"
      "activation: {}\n",
      frame.name, frame.input.channels, frame.input.height, frame.input.width, frame.num_classes,
      frame.stem_kernel, frame.stem_stride, frame.stem_width, frame.head_width,
      to_string(frame.activation));
}

int read_int(YamlReader& yaml, const std::string& key, int min, int max) {
  return static_cast<int>(yaml.integer(key, min, max));
}

std::vector<int> read_ints(YamlReader& yaml, const std::string& key, int min, int max) {
  std::vector<int> values;
  for (const std::int64_t value : yaml.integers(key, min, max))
    values.push_back(static_cast<int>(value));
  return values;
}

std::vector<int> read_kernels(YamlReader& yaml) {
  std::vector<int> kernels = read_ints(yaml, "kernels", 1, SpaceLimits::kMaxKernel);
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    yaml.check(kernels[i] % 2 == 1, "kernels", fmt::format("must be odd, not {}", kernels[i]));
    yaml.check(i == 0 || kernels[i] > kernels[i - 1], "kernels", "must be ascending and distinct");
  }
  return kernels;
}

}  // namespace tilewake
