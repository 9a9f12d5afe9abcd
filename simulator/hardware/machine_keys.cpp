// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/machine_keys.hpp"

#include <string_view>
#include <utility>
#include <variant>

#include "simulator/common/yaml_fields.hpp"

namespace tilewake {
namespace {

class MachineKeyCollector final : public YamlFields {
 public:
  std::vector<MachineKey> keys;

 private:
  void visit(std::string_view key, const Field& field, const FieldDoc& doc) override {
    MachineKey found;
    if (const auto* number = std::get_if<Number>(&field)) {
      found.kind = MachineKey::Kind::kNumber;
      found.value = number->value;
      found.min = number->range.min;
      found.max = number->range.max;
    } else if (const auto* integer = std::get_if<Integer>(&field)) {
      found.kind = MachineKey::Kind::kInteger;
      found.value = static_cast<double>(integer->value);
      found.min = static_cast<double>(integer->min);
      found.max = static_cast<double>(integer->max);
    } else if (std::holds_alternative<Flag>(field)) {
      found.kind = MachineKey::Kind::kFlag;
      found.choices = {"true", "false"};
    } else if (const auto* word = std::get_if<Word>(&field)) {
      found.kind = MachineKey::Kind::kWord;
      found.choices.assign(word->names.begin(), word->names.end());
    } else {
      found.kind = MachineKey::Kind::kOther;
    }
    found.text = value_text(field);
    add(key, doc, std::move(found));
  }

  void visit_section(std::string_view key, const std::function<void()>& visit,
                     const FieldDoc& /*doc*/) override {
    const std::string outer = path_;
    path_ += std::string(key) + ".";
    visit();
    path_ = outer;
  }

  void visit_items(std::string_view key, const Items& /*items*/, const FieldDoc& doc) override {
    MachineKey found;
    found.kind = MachineKey::Kind::kOther;
    add(key, doc, std::move(found));
  }

  void visit_preset(std::string_view /*key*/, const Presets& /*presets*/,
                    const std::function<void()>& visit, const FieldDoc& /*doc*/) override {
    in_device_ = true;
    visit();
    in_device_ = false;
  }

  void add(std::string_view key, const FieldDoc& doc, MachineKey found) {
    found.path = path_ + std::string(key);
    found.unit = doc.unit;
    found.meaning = doc.meaning;
    found.of_device = in_device_;
    keys.push_back(std::move(found));
  }

  std::string path_;
  bool in_device_ = false;
};

}  // namespace

std::vector<MachineKey> machine_keys(const HardwareConfig& machine) {
  HardwareConfig copy = machine;  // visitors may change it
  MachineKeyCollector collector;
  visit_fields(collector, copy);
  std::erase_if(collector.keys,
                [](const MachineKey& key) { return key.path.starts_with("device."); });
  return std::move(collector.keys);
}

}  // namespace tilewake
