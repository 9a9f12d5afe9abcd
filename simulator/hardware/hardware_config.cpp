// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/hardware_config.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/yaml_document.hpp"
#include "simulator/common/yaml_fields.hpp"
#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

constexpr std::size_t kMaxNameLength = 64;
constexpr std::int64_t kMaxDispatchCycles = 1'000'000'000;

// To add a core kind or a DRAM model: one alternative of CoreConfig or DramConfig with its fields
// and rules in separate files, one name in kCoreKinds or kDramModels, one section in
// hw_configs/README.md. CONTRIBUTING.md lists the parts in other modules.

void visit_fields(YamlFields& /*fields*/, IdealDramConfig& /*config*/) {}

void visit_fields(YamlFields& fields, DispatchConfig& c) {
  fields.optional([&] {
    fields.section("dispatch", [&] {
      fields.integer("inference_cycles", c.inference_cycles, 0, kMaxDispatchCycles,
                     {"cycles", "of an inference, before anything else: host, driver"});
      fields.integer("layer_cycles", c.layer_cycles, 0, kMaxDispatchCycles,
                     {"cycles",
                      "of each executed layer, before its first step: commands, descriptors; loads "
                      "that were requested go on"});
    });
  });
}

void check_memory(const YamlReader& core, const FeatureMemory& memory) {
  core.check(!memory.keeps_weights || memory.bytes > 0, "resident_weights",
             "needs a memory to stay in: set feature_memory_bytes, too");
}
void check_sums(const YamlReader& core, ElementType element, std::int64_t accumulator_bytes) {
  core.check(accumulator_bytes >= element_bytes(element), "accumulator_bytes",
             fmt::format("must be at least the {} of an element of type {} (core.element)",
                         element_bytes(element), to_string(element)));
}
void check_fields(const YamlReader& core, const SystolicConfig& config) {
  check_memory(core, config.feature_memory);
  check_sums(core, config.element, config.accumulator_bytes);
  const bool has_unified = config.unified_buffer_bytes > 0;
  bool is_used = false;
  const auto check_buffer = [&](const char* key, const SystolicBuffer& buffer) {
    is_used = is_used || buffer.bytes == 0;
    if (buffer.bytes > 0 || has_unified) return;
    constexpr const char* kMissing =
        "must be given, unless core.unified_buffer_bytes is: a memory for the slots of all "
        "buffers without bytes";
    YamlReader parent = core;
    parent.check(parent.has(key), key, kMissing);
    parent.section(key).check(false, "bytes", kMissing);
  };
  check_buffer("input_buffer", config.input);
  check_buffer("weight_buffer", config.weight);
  check_buffer("output_buffer", config.output);
  core.check(!has_unified || is_used, "unified_buffer_bytes",
             "no buffer is in it: leave out the bytes of those that are (input_buffer.bytes, "
             "weight_buffer.bytes, output_buffer.bytes)");
}
void check_fields(const YamlReader& core, const VectorConfig& config) {
  check_memory(core, config.feature_memory);
  check_sums(core, config.element, config.accumulator_bytes);
}
void check_fields(const YamlReader& /*dram*/, const IdealDramConfig& /*config*/) {}

void set_npu_clock(LatencyBandwidthDramConfig& c, double mhz) { c.npu_clock_mhz = mhz; }
void set_npu_clock(BankedDramConfig& c, double mhz) { c.npu_clock_mhz = mhz; }
void set_npu_clock(IdealDramConfig& /*config*/, double /*mhz*/) {}

/// The name is written to files that other programs read, so it is restricted to plain words.
bool is_plain_word(const std::string& name) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
  return !name.empty() && name.size() <= kMaxNameLength &&
         name.find_first_not_of(kAllowed) == std::string::npos;
}

ElementType element_of(const MidapConfig& /*c*/) { return ElementType::kInt8; }
template <typename Core>
ElementType element_of(const Core& c) {
  return c.element;
}

MachineScale scale_of(const MidapConfig& c) {
  return {c.num_cims, c.system_width, c.fmem_num_banks * c.fmem_bank_bytes, c.wmem_bank_bytes,
          false};
}

MachineScale scale_of(const SystolicConfig& c) {
  const std::int64_t unified = c.unified_buffer_bytes;
  const std::int64_t element = element_bytes(c.element);
  return {c.cols, c.rows,
          (c.input.bytes > 0 ? c.input.num_slots * c.input.bytes : unified / 2) / element,
          (c.weight.bytes > 0 ? c.weight.bytes : unified / 4) / element, true};
}

MachineScale scale_of(const VectorConfig& c) {
  const std::int64_t element = element_bytes(c.element);
  return {c.lanes, c.dot_length, c.local_memory_bytes / 2 / element,
          c.local_memory_bytes / 4 / element, true};
}

/// The keys of a section, without those of the sections in it.
class KeyNames final : public YamlFields {
 public:
  std::set<std::string> names;

 private:
  void visit(std::string_view key, const Field& /*field*/, const FieldDoc& /*doc*/) override {
    names.emplace(key);
  }
  void visit_section(std::string_view key, const std::function<void()>& /*visit*/,
                     const FieldDoc& /*doc*/) override {
    names.emplace(key);
  }
  void visit_items(std::string_view key, const Items& /*items*/, const FieldDoc& /*doc*/) override {
    names.emplace(key);
  }
  void visit_preset(std::string_view key, const Presets& /*presets*/,
                    const std::function<void()>& visit, const FieldDoc& /*doc*/) override {
    names.emplace(key);
    visit();
  }
};

template <std::size_t... I>
DramConfig dram_of_index(std::size_t index, std::index_sequence<I...> /*indices*/) {
  DramConfig dram;
  static_cast<void>(((index == I && (dram.emplace<I>(), true)) || ...));
  return dram;
}

/// The keys of a DRAM model; none of a name that is no model.
std::optional<std::set<std::string>> keys_of_dram_model(const YamlNode* model) {
  if (model == nullptr || model->kind != YamlNode::Kind::kScalar) return std::nullopt;
  const auto found = std::find(kDramModels.begin(), kDramModels.end(), model->scalar);
  if (found == kDramModels.end()) return std::nullopt;
  DramConfig dram = dram_of_index(static_cast<std::size_t>(found - kDramModels.begin()),
                                  std::make_index_sequence<std::variant_size_v<DramConfig>>());
  KeyNames keys;
  std::visit([&](auto& config) { visit_fields(keys, config); }, dram);
  return keys.names;
}

/// Removes the keys of the `dram:` section of a file that only its own model has, if an override
/// selects another one.
void drop_keys_of_former_model(YamlNode& root, const std::vector<YamlOverride>& overrides) {
  const auto change = std::find_if(overrides.rbegin(), overrides.rend(),
                                   [](const YamlOverride& o) { return o.path == "dram.model"; });
  const auto key = std::find_if(root.keys.begin(), root.keys.end(),
                                [](const YamlNode::Key& k) { return k.name == "dram"; });
  if (change == overrides.rend() || key == root.keys.end()) return;
  YamlNode& dram = root.children[static_cast<std::size_t>(key - root.keys.begin())];
  if (dram.kind != YamlNode::Kind::kMapping) return;
  YamlNode model;
  model.kind = YamlNode::Kind::kScalar;
  model.scalar = change->value;
  const auto former = keys_of_dram_model(dram.find("model"));
  const auto present = keys_of_dram_model(&model);
  if (!former || !present) return;
  for (std::size_t i = dram.keys.size(); i-- > 0;) {
    const std::string& name = dram.keys[i].name;
    if (!former->contains(name) || present->contains(name)) continue;
    dram.keys.erase(dram.keys.begin() + static_cast<std::ptrdiff_t>(i));
    dram.children.erase(dram.children.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

bool changes_latency(const YamlOverride& change) {
  return change.path != "name" && !change.path.starts_with("energy.") &&
         !change.path.starts_with("device.");
}

}  // namespace

std::string_view to_string(ElementType type) { return name_of(kElementTypes, type); }

void visit_fields(YamlFields& fields, HardwareConfig& c) {
  fields.text("name", c.name,
              {"", "written to every output file; 1 to 64 letters, digits, `_`, `.`, `-`"},
              "^[A-Za-z0-9_.-]{1,64}$");
  fields.number("clock_mhz", c.clock_mhz, {1, 1e5},
                {"MHz", "clock of the NPU; turns cycles into ms"});
  fields.section("core", [&] {
    fields.alternative("kind", c.core, kCoreKinds, {"", "selects mapper and engine module"});
    std::visit([&](auto& core) { visit_fields(fields, core); }, c.core);
  });
  fields.section("dram", [&] {
    fields.alternative("model", c.dram, kDramModels, {"", "selects the DRAM model"});
    std::visit([&](auto& dram) { visit_fields(fields, dram); }, c.dram);
  });
  visit_fields(fields, c.dispatch);
  visit_fields(fields, c.energy);
  visit_fields(fields, c.device);
}

HardwareConfig read_hardware(YamlReader yaml) {
  HardwareConfig config;
  YamlFieldReader fields(yaml);
  visit_fields(fields, config);
  fields.finish();

  yaml.check(is_plain_word(config.name), "name",
             "must be 1 to 64 letters, digits, '_', '.' or '-'");
  const YamlReader core_section = yaml.section("core");
  std::visit([&](const auto& core) { check_fields(core_section, core); }, config.core);
  const YamlReader dram_section = yaml.section("dram");
  std::visit(
      [&](auto& dram) {
        set_npu_clock(dram, config.clock_mhz);
        check_fields(dram_section, dram);
      },
      config.dram);
  const ElementType element = config.element();
  const ElementType of_energy = config.energy.element;
  if (of_energy != ElementType::kInt8 && element != ElementType::kInt8)
    yaml.section("energy").check(
        false, "element",
        fmt::format("must be left out beside core.element ({}), which sets it; a machine with this "
                    "key alone counts values instead of bytes, and cannot change its type",
                    to_string(element)));
  if (yaml.has("device")) check_fields(yaml.section("device"), config.device);
  return config;
}

ElementType HardwareConfig::element() const {
  return std::visit([](const auto& kind) { return element_of(kind); }, core);
}

ElementType HardwareConfig::arithmetic() const {
  return energy.element == ElementType::kInt8 ? element() : energy.element;
}

std::int64_t HardwareConfig::peak_macs_per_cycle() const {
  return std::visit([](const auto& kind) { return kind.peak_macs_per_cycle(); }, core);
}

MachineScale HardwareConfig::scale() const {
  return std::visit([](const auto& kind) { return scale_of(kind); }, core);
}

HardwareConfig read_hardware(const std::string& path) {
  return read_hardware(YamlReader::from_file(path));
}

HardwareConfig read_hardware_text(const std::string& text, const std::string& name,
                                  const std::vector<YamlOverride>& overrides) {
  YamlNode root = parse_yaml(text, name);
  drop_keys_of_former_model(root, overrides);
  for (const YamlOverride& change : overrides) apply(change, root, name);
  HardwareConfig config = read_hardware(YamlReader::from_document(std::move(root), name));
  if (std::any_of(overrides.begin(), overrides.end(), changes_latency)) config.device = {};
  return config;
}

}  // namespace tilewake
