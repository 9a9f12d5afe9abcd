// SPDX-License-Identifier: Apache-2.0
#include "latency_model/fit/fit_key.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <optional>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "latency_model/fit/measured_table.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/nearest_name.hpp"
#include "simulator/common/yaml_document.hpp"
#include "simulator/hardware/machine_keys.hpp"

namespace tilewake {
namespace {

const double kFactorOf2 = std::log(2.0);
const double kFactorOf3 = std::log(3.0);

/// nullptr if there is none.
const MachineKey* find(const std::vector<MachineKey>& keys, std::string_view path) {
  for (const MachineKey& key : keys)
    if (key.path == path) return &key;
  return nullptr;
}

/// A key that is fitted by default: its range, and its prior as in FitKey.
struct DefaultKey {
  std::string_view path;
  double low = 0.0;
  double high = 0.0;
  double spread = 0.0;
  double offset = 0.0;
};

// Usual sizes of overheads: the offsets of their scales.
constexpr double kCyclesOfALoop = 4.0;
constexpr double kCyclesOfATile = 200.0;
constexpr double kCyclesOfALayer = 1000.0;

/// Whether a vector processor runs `layer` element by element.
bool is_elementwise(const Layer& layer) {
  const Op op = layer.op;
  return layer.is_elementwise() || layer.moves_data() || layer.is_norm() || op == Op::kConcat ||
         op == Op::kResize || op == Op::kSoftmax || op == Op::kLrn;
}

/// The default keys of all core kinds and DRAM models; a machine has some of them. Ranges are wide:
/// the priors decide.
std::vector<DefaultKey> default_keys(const HardwareConfig& start, const MeasuredTable& table) {
  std::vector<double> latencies;
  for (const MeasuredRow& row : table.rows) latencies.push_back(row.latency_ms);
  std::nth_element(latencies.begin(),
                   latencies.begin() + static_cast<std::ptrdiff_t>(latencies.size() / 2),
                   latencies.end());
  const double median_cycles = latencies[latencies.size() / 2] * 1e3 * start.clock_mhz;
  const auto any_layer = [&](const std::function<bool(const Layer&)>& is_it) {
    for (const MeasuredRow& row : table.rows) {
      for (const Network& network : row.workload.networks) {
        if (std::any_of(network.layers.begin(), network.layers.end(), is_it)) return true;
      }
    }
    return false;
  };
  const auto any = [&](std::initializer_list<Op> of) {
    return any_layer(
        [&](const Layer& layer) { return std::find(of.begin(), of.end(), layer.op) != of.end(); });
  };
  std::vector<DefaultKey> keys;
  const auto efficiency = [&](std::string_view path, bool is_used) {
    if (is_used) keys.push_back({path, 0.01, 1.0, kFactorOf2, 0.0});
  };
  efficiency("core.efficiency.conv2d", any({Op::kConv2d, Op::kConvTranspose2d, Op::kMatmul}));
  efficiency("core.efficiency.depthwise_conv2d", any({Op::kDepthwiseConv2d}));
  efficiency("core.efficiency.fully_connected", any({Op::kFullyConnected}));
  efficiency("core.efficiency.pool",
             any({Op::kMaxPool, Op::kAvgPool, Op::kGlobalAvgPool, Op::kReduce}));
  efficiency("core.efficiency.elementwise", any_layer(is_elementwise));
  const auto relative_speed = [&](std::string_view path, const auto& is_of_kind) {
    // Only where the table has both kinds.
    const bool has_kind =
        any_layer([&](const Layer& l) { return l.op == Op::kConv2d && is_of_kind(l); });
    const bool has_others =
        any_layer([&](const Layer& l) { return l.op == Op::kConv2d && !is_of_kind(l); });
    if (has_kind && has_others) keys.push_back({path, 0.1, 10.0, kFactorOf2, 0.0});
  };
  relative_speed("core.relative_speed.pointwise_conv2d",
                 [](const Layer& l) { return l.kernel_height * l.kernel_width == 1; });
  relative_speed("core.relative_speed.grouped_conv2d", [](const Layer& l) { return l.groups > 1; });
  keys.push_back({"core.loop_cycles", 0.0, 1000.0, 1.0, kCyclesOfALoop});
  keys.push_back({"core.issue_cycles", 0.0, 100'000.0, 1.0, kCyclesOfATile});
  keys.push_back({"core.fold_cycles", 0.0, 100'000.0, 1.0, kCyclesOfATile});
  keys.push_back({"dispatch.layer_cycles", 0.0, median_cycles, 1.0, kCyclesOfALayer});
  keys.push_back({"dispatch.inference_cycles", 0.0, 10.0 * median_cycles, 1.0,
                  std::max(1.0, 0.02 * median_cycles)});
  const std::vector<MachineKey> all = machine_keys(start);
  if (find(all, "dram.efficiency") != nullptr) {
    keys.push_back({"dram.efficiency", 0.02, 1.0, kFactorOf2, 0.0});
  } else if (const MachineKey* clock = find(all, "dram.clock_mhz"); clock != nullptr) {
    // It scales the bandwidth; timings of banks are in its clocks.
    keys.push_back({"dram.clock_mhz", 0.02 * clock->value, 2.0 * clock->value, kFactorOf2, 0.0});
  }
  keys.push_back({"dram.first_access_cycles", 0.0, 100'000.0, 1.0, 50.0});
  return keys;
}

FitKey key_of(const MachineKey& of) {
  FitKey key;
  key.path = of.path;
  key.kind = of.kind == MachineKey::Kind::kInteger  ? FitKey::Kind::kInteger
             : of.kind == MachineKey::Kind::kNumber ? FitKey::Kind::kReal
                                                    : FitKey::Kind::kChoice;
  key.low = of.min;
  key.high = of.max;
  key.start = of.value;
  key.start_text = of.text;
  if (!key.is_number()) {
    key.choices = {of.text};
    for (const std::string& choice : of.choices) {
      if (choice != of.text) key.choices.push_back(choice);
    }
  }
  return key;
}

/// Ranges and prior of a number that --vary names without a range, and of one with a range.
void set_scale(FitKey& key, const std::optional<DefaultKey>& known, bool has_range) {
  if (known) {
    if (!has_range) {
      key.low = std::max(key.low, known->low);
      key.high = std::min(key.high, known->high);
    }
    key.spread = known->spread;
    key.offset = known->offset;
  } else if (!has_range) {
    // A factor of 10 in both directions; from 0, up to 10,000.
    key.low = std::max(key.low, key.start / 10.0);
    key.high = std::min(key.high, key.start > 0.0 ? key.start * 10.0 : 1e4);
    key.spread = kFactorOf3;
  }
  key.low = std::min(key.low, key.start);
  key.high = std::max(key.high, key.start);
  if (key.low > 0.0) {
    key.offset = 0.0;
  } else if (key.offset <= 0.0) {
    key.offset = std::max(key.start, 1e-3 * key.high);
  }
  if (!known && has_range) {
    key.spread = 1.0;
    key.spread = std::max(kFactorOf2, (key.position_of(key.high) - key.position_of(key.low)) / 4.0);
  }
}

double number_in(const std::string& path, std::string_view text) {
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() ||
      !std::isfinite(value)) {
    throw UsageError(fmt::format("--vary {}: '{}' is not a number", printable(path),
                                 printable(std::string(text))));
  }
  return value;
}

void set_range(FitKey& key, std::string_view low, std::string_view high) {
  if (!key.is_number()) {
    throw UsageError(fmt::format("--vary {}: is no number, so it has no range; expected some of {}",
                                 key.path, fmt::join(key.choices, ", ")));
  }
  const double min = number_in(key.path, low);
  const double max = number_in(key.path, high);
  if (min >= max || min < key.low || max > key.high) {
    throw UsageError(fmt::format("--vary {}: {}..{} is not a range within {}..{}", key.path, min,
                                 max, key.low, key.high));
  }
  if (key.kind == FitKey::Kind::kInteger && (min != std::floor(min) || max != std::floor(max))) {
    throw UsageError(fmt::format("--vary {}: is an integer; {}..{} is not", key.path, min, max));
  }
  if (key.start < min || key.start > max) {
    throw UsageError(fmt::format("--vary {}: {}..{} does not contain {}, the value of the machine",
                                 key.path, min, max, key.start));
  }
  key.low = min;
  key.high = max;
}

/// Moves the value of the start file, or of numbers the nearest one, to the front.
void start_with_nearest(const FitKey& key, std::vector<std::string>& choices) {
  const auto distance = [&](const std::string& choice) {
    if (!key.is_number()) return choice == key.start_text ? 0.0 : 1.0;
    return std::abs(number_in(key.path, choice) - key.start);
  };
  const auto nearest = std::min_element(
      choices.begin(), choices.end(),
      [&](const std::string& a, const std::string& b) { return distance(a) < distance(b); });
  std::rotate(choices.begin(), nearest, nearest + 1);
}

/// A number becomes a choice, too, if values are listed.
void set_choices(FitKey& key, std::string_view values) {
  std::vector<std::string> choices;
  std::vector<double> numbers;  // equal ones may be written differently
  for (std::size_t begin = 0; begin <= values.size();) {
    const std::size_t end = std::min(values.find(',', begin), values.size());
    std::string value(values.substr(begin, end - begin));
    if (value.empty()) {
      throw UsageError(fmt::format("--vary {}: an empty value", key.path));
    }
    if (!key.is_number() &&
        std::find(key.choices.begin(), key.choices.end(), value) == key.choices.end()) {
      throw UsageError(fmt::format("--vary {}: {} is none of {}", key.path, printable(value),
                                   fmt::join(key.choices, ", ")));
    }
    if (key.is_number()) {
      const double number = number_in(key.path, value);
      if (number < key.low || number > key.high ||
          (key.kind == FitKey::Kind::kInteger && number != std::floor(number))) {
        throw UsageError(fmt::format("--vary {}: {} is no value from {} to {}", key.path, value,
                                     key.low, key.high));
      }
      if (std::find(numbers.begin(), numbers.end(), number) != numbers.end()) {
        throw UsageError(fmt::format("--vary {}: {} is given twice", key.path, value));
      }
      numbers.push_back(number);
    }
    if (std::find(choices.begin(), choices.end(), value) != choices.end()) {
      throw UsageError(fmt::format("--vary {}: {} is given twice", key.path, value));
    }
    choices.push_back(std::move(value));
    begin = end + 1;
  }
  start_with_nearest(key, choices);
  key.kind = FitKey::Kind::kChoice;
  key.choices = std::move(choices);
}

double scale(const FitKey& key, double value) {
  return key.offset > 0.0 ? std::log1p(value / key.offset) : std::log(value);
}

}  // namespace

double FitKey::position_of(double value) const {
  return (scale(*this, value) - scale(*this, start)) / spread;
}

std::string FitKey::text_at(double position) const {
  const double at = scale(*this, start) + position * spread;
  const double exact = offset > 0.0 ? offset * std::expm1(at) : std::exp(at);
  const double value = std::clamp(exact, low, high);
  if (kind == Kind::kInteger) return fmt::format("{}", std::llround(value));
  // Rounding must not leave the range.
  std::string text = fmt::format("{:.6g}", value);
  double rounded = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), rounded);
  if (rounded < low || rounded > high) text = fmt::format("{}", value);
  return text;
}

std::vector<FitKey> default_fit_keys(const HardwareConfig& start, const MeasuredTable& table) {
  const std::vector<MachineKey> all = machine_keys(start);
  std::vector<FitKey> keys;
  for (const DefaultKey& known : default_keys(start, table)) {
    const MachineKey* of = find(all, known.path);
    if (of == nullptr) continue;
    FitKey key = key_of(*of);
    set_scale(key, known, /*has_range=*/false);
    keys.push_back(std::move(key));
  }
  return keys;
}

std::vector<FitKey> parse_fit_keys(const std::vector<std::string>& texts,
                                   const HardwareConfig& start, const MeasuredTable& table) {
  constexpr std::array<std::string_view, 3> kSelectors = {"core.kind", "dram.model", "dram.preset"};
  const std::vector<MachineKey> all = machine_keys(start);
  const std::vector<DefaultKey> known_keys = default_keys(start, table);
  std::vector<FitKey> keys;
  const auto add = [&keys](FitKey key) {
    for (const FitKey& other : keys) {
      if (other.path == key.path) {
        throw UsageError(fmt::format("--vary {}: is given twice", key.path));
      }
    }
    keys.push_back(std::move(key));
  };
  for (const std::string& text : texts) {
    if (text == "default") {
      for (FitKey& key : default_fit_keys(start, table)) add(std::move(key));
      continue;
    }
    const std::size_t equals = text.find('=');
    const std::string path = text.substr(0, equals);
    const MachineKey* of = find(all, path);
    if (std::find(kSelectors.begin(), kSelectors.end(), path) != kSelectors.end()) {
      throw InputError(fmt::format(
          "--vary {}: selects the values or the kind of other keys, so it cannot be varied; fit "
          "machine files with different values of it one by one",
          path));
    }
    if (path == "device" || path.starts_with("device.")) {
      throw InputError(
          fmt::format("--vary {}: describes the device, so it cannot be varied", printable(path)));
    }
    if (of == nullptr) {
      std::vector<std::string_view> names = {"default"};
      for (const MachineKey& key : all)
        if (key.kind != MachineKey::Kind::kOther) names.emplace_back(key.path);
      throw InputError(fmt::format("--vary {}: is no key of {}{}", printable(path), start.name,
                                   suggestion(path, names)));
    }
    if (of->kind == MachineKey::Kind::kOther)
      throw InputError(fmt::format("--vary {}: is a text or a sequence, which cannot be varied",
                                   printable(path)));
    FitKey key = key_of(*of);
    bool has_range = false;
    if (equals != std::string::npos) {
      const std::string_view values = std::string_view(text).substr(equals + 1);
      const std::size_t dots = values.find("..");
      has_range = dots != std::string_view::npos;
      if (has_range) {
        set_range(key, values.substr(0, dots), values.substr(dots + 2));
      } else {
        set_choices(key, values);
      }
    }
    if (key.is_number()) {
      const auto known = std::find_if(known_keys.begin(), known_keys.end(),
                                      [&](const DefaultKey& k) { return k.path == path; });
      set_scale(key, known == known_keys.end() ? std::nullopt : std::optional(*known), has_range);
    }
    add(std::move(key));
  }
  return keys;
}

}  // namespace tilewake
