// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/scalesim_cfg.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <map>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/error.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/hardware/hardware_config.hpp"

namespace tilewake {
namespace {

constexpr std::string_view kBlanksOfCfg = " \t\r";
constexpr std::int64_t kMaxSideOfCfg = 4096;
constexpr std::int64_t kMaxSramKiB = 2 << 20;  // two slots of the largest buffer

constexpr auto kDataflowsOfCfg = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"os", "output_stationary"},
    {"ws", "weight_stationary"},
    {"is", "input_stationary"},
});

/// Keys that SCALE-Sim's own files have and that change nothing here, in lower case: where operands
/// begin in its traces, sizes of queues of its DRAM, and settings that other keys switch on.
constexpr auto kWithoutMeaning = std::to_array<std::string_view>(
    {"ifmapoffset", "filteroffset", "ofmapoffset", "readrequestbuffer", "writerequestbuffer",
     "memorybanks", "sparserep", "optimizedmapping", "blocksize", "randomnumbergeneratorseed",
     "topology", "topology_file", "save_disk_space"});

/// Keys that switch on what is not modelled, in lower case.
constexpr auto kSwitches = std::to_array<std::string_view>(
    {"sparsitysupport", "useramulatortrace", "ifmapcustomlayout", "filtercustomlayout"});

std::string_view without_blanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanksOfCfg);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanksOfCfg) - begin + 1);
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// Keys of all sections, in lower case: no key is in two of them.
class CfgFile {
 public:
  CfgFile(std::string_view text, const std::string& path) : path_(path) {
    while (!text.empty()) {
      ++line_;
      const std::size_t end = text.find('\n');
      const std::string_view line = without_blanks(text.substr(0, end));
      text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
      if (line.empty() || line[0] == '#' || line[0] == ';' || line[0] == '[') continue;
      const std::size_t separator = line.find_first_of(":=");
      if (separator == std::string_view::npos)
        fail(line_, "",
             fmt::format("'{}' is neither a section nor 'KEY: VALUE' of a SCALE-Sim "
                         "configuration",
                         printable(std::string(line))));
      const std::string_view value = without_blanks(line.substr(separator + 1));
      const std::string key(without_blanks(line.substr(0, separator)));
      if (!values_.emplace(lower_case(key), Value{key, std::string(value), line_}).second)
        fail(line_, key, "is given twice");
    }
  }

  /// The first of `keys` that the file has; they are names that versions give to one value.
  std::string text(std::initializer_list<std::string_view> keys) const {
    for (const std::string_view key : keys)
      if (const auto found = values_.find(lower_case(key)); found != values_.end()) {
        found->second.is_read = true;
        return found->second.text;
      }
    fail(line_, std::string(*keys.begin()), "missing: is this a configuration of SCALE-Sim?");
  }

  std::string text(std::string_view key, const std::string& fallback) const {
    return has(key) ? text({key}) : fallback;
  }

  std::int64_t integer(std::initializer_list<std::string_view> keys, std::int64_t max) const {
    const std::string value = text(keys);
    std::int64_t result = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), result);
    if (error != std::errc{} || end != value.data() + value.size() || result < 1 || result > max)
      fail(line_of(keys), std::string(*keys.begin()),
           fmt::format("must be an integer from 1 to {}, not '{}'", max, printable(value)));
    return result;
  }

  /// Warnings of the keys that nothing has read; throws InputError where one switches on what is
  /// not modelled.
  std::vector<std::string> check_rest() const {
    std::vector<std::string> warnings;
    for (const auto& [key, value] : values_) {
      if (value.is_read || is_one_of(key, kWithoutMeaning)) continue;
      if (is_one_of(key, kSwitches)) {
        const std::string word = lower_case(value.text);
        if (word == "false" || word == "0" || word == "no" || word == "off") continue;
        fail(value.line, value.key,
             fmt::format("'{}' is not modelled; set it to False", printable(value.text)));
      }
      warnings.push_back(fmt::format("{}:{}: {}: is not read: machines have no such value", path_,
                                     value.line, printable(value.key)));
    }
    return warnings;
  }

  [[noreturn]] void fail_at(std::string_view key, const std::string& what) const {
    fail(line_of({key}), std::string(key), what);
  }

 private:
  struct Value {
    std::string key;  // as the file has it
    std::string text;
    int line = 0;
    mutable bool is_read = false;
  };

  static bool is_one_of(std::string_view key, const auto& keys) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  }

  bool has(std::string_view key) const { return values_.contains(lower_case(key)); }

  int line_of(std::initializer_list<std::string_view> keys) const {
    for (const std::string_view key : keys)
      if (const auto found = values_.find(lower_case(key)); found != values_.end())
        return found->second.line;
    return line_;
  }

  [[noreturn]] void fail(int line, const std::string& key, const std::string& what) const {
    throw InputError(
        fmt::format("{}:{}: {}{}{}", path_, std::max(line, 1), key, key.empty() ? "" : ": ", what));
  }

  const std::string& path_;
  std::map<std::string, Value> values_;
  int line_ = 0;
};

std::string_view dataflow_of(const CfgFile& cfg) {
  const std::string given = cfg.text({"Dataflow"});
  for (const auto& [word, name] : kDataflowsOfCfg)
    if (lower_case(given) == word) return name;
  cfg.fail_at("Dataflow", fmt::format("must be os, ws or is, not '{}'", printable(given)));
}

/// Half of an SRAM: it is a double buffer.
std::int64_t slot_bytes(const CfgFile& cfg, std::string_view key, std::string_view old_key) {
  return cfg.integer({key, old_key}, kMaxSramKiB) * 1024 / 2;
}

/// The words of a machine's name.
std::string machine_name(const std::string& run_name) {
  std::string name = run_name.substr(0, 64);
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '.' && c != '-')
      c = '_';
  return name.empty() ? "scalesim" : name;
}

std::string dram_text(const CfgFile& cfg) {
  if (lower_case(cfg.text("InterfaceBandwidth", "CALC")) != "user")
    return "dram:\n"
           "  model: ideal                  # InterfaceBandwidth: CALC; never waited for\n";
  return fmt::format(
      "dram:                           # all operands share it; SCALE-Sim gives each its own\n"
      "  model: latency_bandwidth\n"
      "  num_channels: 1\n"
      "  bus_bytes: {:<18} # Bandwidth, in words of a byte a cycle\n"
      "  clock_mhz: 1000\n"
      "  beats_per_clock: 1\n"
      "  first_access_cycles: 0        # not in the file\n"
      "  row_cycles: 0\n"
      "  row_bytes: 1024\n"
      "  first_row_bytes: 0\n"
      "  refresh_cycles: 0\n"
      "  refresh_bytes: 1024\n"
      "  first_refresh_bytes: 0\n",
      cfg.integer({"Bandwidth"}, kMaxSideOfCfg));
}

}  // namespace

ScalesimMachine machine_of_scalesim_cfg(const std::string& text, const std::string& path) {
  const CfgFile cfg(text, path);
  const std::int64_t rows = cfg.integer({"ArrayHeight"}, kMaxSideOfCfg);
  const std::int64_t cols = cfg.integer({"ArrayWidth"}, kMaxSideOfCfg);
  const std::int64_t banks = std::max(rows, cols);
  const auto buffer = [&](std::string_view name, std::string_view key, std::string_view old_key) {
    return fmt::format(
        "  {}_buffer:\n"
        "    bytes: {:<20} # half of {}: one of two slots\n"
        "    num_slots: 2\n"
        "    num_banks: {:<16} # wide enough for the array\n"
        "    port_bytes: 4\n",
        name, slot_bytes(cfg, key, old_key), key, banks);
  };
  std::string yaml = fmt::format(
      "# A machine of SCALE-Sim: compute cycles follow its formula. What its configuration does "
      "not\n"
      "# say is marked \"assumed\". Every key: hw_configs/README.md.\n"
      "name: \"{}\"\n"
      "clock_mhz: 1000                 # assumed: SCALE-Sim counts cycles\n"
      "\n"
      "core:\n"
      "  kind: systolic\n"
      "  rows: {:<23} # ArrayHeight\n"
      "  cols: {:<23} # ArrayWidth\n"
      "  dataflow: {}\n"
      "  overlap_folds: false          # as in SCALE-Sim\n"
      "  depthwise: array              # as in SCALE-Sim\n",
      machine_name(cfg.text("run_name", "")), rows, cols, dataflow_of(cfg));
  yaml += buffer("input", "IfmapSramSzkB", "IfmapSramSz");
  yaml += buffer("weight", "FilterSramSzkB", "FilterSramSz");
  yaml += buffer("output", "OfmapSramSzkB", "OfmapSramSz");
  yaml += fmt::format(
      "  accumulator_bytes: 4          # assumed\n"
      "  vector_unit:\n"
      "    lanes: {:<20} # assumed; SCALE-Sim has no pools and additions\n"
      "    fuse_elementwise: false\n"
      "\n",
      cols);
  yaml += dram_text(cfg);
  read_hardware_text(yaml, path);  // throws if a rule of machines is broken
  cfg.text("Bandwidth", "");       // of no meaning where it is calculated
  return {std::move(yaml), cfg.check_rest()};
}

}  // namespace tilewake
