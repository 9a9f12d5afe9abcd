// SPDX-License-Identifier: Apache-2.0
#include "nas/space/frame.hpp"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "nas/space/frame_fields.hpp"
#include "simulator/common/math.hpp"
#include "simulator/network/network_builder.hpp"
#include "simulator/network/network_schema.hpp"

namespace tilewake {

namespace {

void visit_input(YamlFields& fields, Frame& frame) {
  fields.section("input", [&] {
    fields.integer("channels", frame.input.channels, 1, SpaceLimits::kMaxWidth);
    fields.integer("height", frame.input.height, 1, SpaceLimits::kMaxSide, {"pixels", ""});
    fields.integer("width", frame.input.width, 1, SpaceLimits::kMaxSide, {"pixels", ""});
  });
}

void visit_num_classes(YamlFields& fields, Frame& frame) {
  fields.integer("num_classes", frame.num_classes, 1, SpaceLimits::kMaxClasses,
                 {"classes", "outputs of the classifier"});
}

void visit_name(YamlFields& fields, Frame& frame) {
  fields.text("name", frame.name, {"", "used in networks and reports"}, kNamePattern);
}

void visit_layers(YamlFields& fields, Frame& frame) {
  fields.section(
      "stem",
      [&] {
        fields.integer("kernel", frame.stem_kernel, 1, SpaceLimits::kMaxKernel, {"pixels", "odd"});
        fields.integer("stride", frame.stem_stride, 1, SpaceLimits::kMaxStride, {"pixels", ""});
        fields.integer("width", frame.stem_width, 1, SpaceLimits::kMaxWidth, {"channels", ""});
      },
      {"", "the first convolution"});
  fields.section(
      "head",
      [&] {
        fields.integer("width", frame.head_width, 1, SpaceLimits::kMaxWidth, {"channels", ""});
      },
      {"", "1x1 convolution before pool and classifier"});
  fields.optional([&] {
    fields.word("activation", frame.activation, kTrainedActivationNames,
                {"", "of stem, blocks and head"});
  });
}

}  // namespace

void visit_fields(YamlFields& fields, Frame& frame) {
  visit_name(fields, frame);
  visit_input(fields, frame);
  visit_num_classes(fields, frame);
  visit_layers(fields, frame);
}

void visit_fields(YamlFields& fields, Frame& frame, AutoFrame& automatic) {
  constexpr std::string_view kAuto = "auto";
  visit_name(fields, frame);
  fields.or_word("input", kAuto, automatic.input, [&] { visit_input(fields, frame); });
  fields.optional([&] {
    fields.integers("sizes", automatic.sizes, 1, SpaceLimits::kMaxSide,
                    {"pixels", "sides that `input: auto` selects from, ascending"});
  });
  fields.or_word("num_classes", kAuto, automatic.num_classes,
                 [&] { visit_num_classes(fields, frame); });
  visit_layers(fields, frame);
}

void follow_data(const YamlReader& root, const AutoFrame& automatic, const DataShape* data,
                 Frame& frame) {
  const std::vector<std::int64_t>& sizes = automatic.sizes;
  root.check(std::adjacent_find(sizes.begin(), sizes.end(), std::greater_equal<>()) == sizes.end(),
             "sizes", "must be ascending and distinct");
  root.check(automatic.input || !root.has("sizes"), "sizes", "is only for `input: auto`");
  const auto check_data = [&](const char* key) {
    root.check(data != nullptr, key, "auto is only valid where images are read: in nas run");
  };
  if (automatic.input) {
    check_data("input");
    const auto larger = std::upper_bound(sizes.begin(), sizes.end(), data->side);
    const std::int64_t side = larger == sizes.begin() ? sizes.front() : *(larger - 1);
    frame.input = {data->channels, side, side};
  }
  if (automatic.num_classes) {
    check_data("num_classes");
    frame.num_classes = data->num_classes;
  }
}

void limit_strides(std::int64_t side, const std::vector<int*>& strides) {
  const auto last_side = [&] {
    std::int64_t last = side;
    for (const int* stride : strides) last = ceil_div(last, std::int64_t{*stride});
    return last;
  };
  for (int* stride : strides) {
    if (last_side() >= kLeastLastSide) return;
    *stride = 1;
  }
}

void limit_spread_strides(std::int64_t side, const std::vector<int*>& strides) {
  std::vector<int*> order;
  for (const std::size_t first : {0U, 1U}) {
    for (std::size_t i = first; i < strides.size(); i += 2) order.push_back(strides[i]);
  }
  limit_strides(side, order);
}

void check_frame(const YamlReader& root, const Frame& frame) {
  located_at(root, "name", [&] { check_name(frame.name, "name"); });
  root.check(frame.stem_kernel % 2 == 1, "stem.kernel", "must be odd");
}

Frame read_frame(YamlReader& root) {
  Frame frame;
  YamlFieldReader fields(root);
  visit_fields(fields, frame);
  fields.throw_errors();
  check_frame(root, frame);
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

void check_kernels(const YamlReader& yaml, const std::vector<int>& kernels) {
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    yaml.check(kernels[i] % 2 == 1, "kernels", fmt::format("must be odd, not {}", kernels[i]));
    yaml.check(i == 0 || kernels[i] > kernels[i - 1], "kernels", "must be ascending and distinct");
  }
}

std::vector<int> read_kernels(YamlReader& yaml) {
  std::vector<int> kernels = read_ints(yaml, "kernels", 1, SpaceLimits::kMaxKernel);
  check_kernels(yaml, kernels);
  return kernels;
}

}  // namespace tilewake
