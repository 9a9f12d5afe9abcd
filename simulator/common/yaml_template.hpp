// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "simulator/common/yaml_fields.hpp"

namespace tilewake {

/// Writes fields as YAML with the meaning, unit and valid values of each as a comment above it.
/// Keys that a preset gives are commented out.
class YamlTemplate final : public YamlFields {
 public:
  const std::string& yaml() const { return yaml_; }

 private:
  void visit(std::string_view key, const Field& field, const FieldDoc& doc) override;
  void visit_section(std::string_view key, const std::function<void()>& visit,
                     const FieldDoc& doc) override;
  void visit_items(std::string_view key, const Items& items, const FieldDoc& doc) override;
  void visit_or_word(std::string_view key, std::string_view word, bool& is_word,
                     const std::function<void()>& visit) override;
  void visit_preset(std::string_view key, const Presets& presets,
                    const std::function<void()>& visit, const FieldDoc& doc) override;

  /// Appends `text` as comment lines of at most 80 columns.
  void comment(const std::string& text);

  std::string yaml_;
  std::string indent_;
  bool is_preset_ = false;
  std::string_view word_;  // that the next fields may have as value
  bool is_word_ = false;   // and have
};

}  // namespace tilewake
