// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/banked_dram_config.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "simulator/common/math.hpp"
#include "simulator/common/yaml_reader.hpp"
#include "simulator/hardware/dram_presets.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxTiming = 65535;
constexpr double kMaxClockMhz = 1e4;

constexpr DramTimingKey kTimingKeys[] = {
    {"tRCD", &DramTimings::t_rcd, 1, kMaxTiming},
    {"tRP", &DramTimings::t_rp, 1, kMaxTiming},
    {"tCL", &DramTimings::t_cl, 1, kMaxTiming},
    {"tCWL", &DramTimings::t_cwl, 1, kMaxTiming},
    {"tRAS", &DramTimings::t_ras, 1, kMaxTiming},
    {"tRC", &DramTimings::t_rc, 1, kMaxTiming},
    {"tRFC", &DramTimings::t_rfc, 1, kMaxTiming},
    {"tRFCpb", &DramTimings::t_rfc_pb, 0, kMaxTiming},
    {"tREFI", &DramTimings::t_refi, 1, 100'000'000},
    {"tCCD_S", &DramTimings::t_ccd_s, 1, kMaxTiming},
    {"tCCD_L", &DramTimings::t_ccd_l, 1, kMaxTiming},
    {"tFAW", &DramTimings::t_faw, 1, kMaxTiming},
    {"tRRD_S", &DramTimings::t_rrd_s, 1, kMaxTiming},
    {"tRRD_L", &DramTimings::t_rrd_l, 1, kMaxTiming},
    {"tWR", &DramTimings::t_wr, 1, kMaxTiming},
    {"tWTR_S", &DramTimings::t_wtr_s, 1, kMaxTiming},
    {"tWTR_L", &DramTimings::t_wtr_l, 1, kMaxTiming},
    {"tRTP", &DramTimings::t_rtp, 1, kMaxTiming},
    {"tRTRS", &DramTimings::t_rtrs, 0, kMaxTiming},
    {"tPPD", &DramTimings::t_ppd, 0, kMaxTiming},
};

constexpr std::pair<std::string_view, DramRefresh> kRefreshes[] = {
    {"all_bank", DramRefresh::kAllBank},
    {"per_bank", DramRefresh::kPerBank},
    {"none", DramRefresh::kNone},
};

constexpr std::pair<std::string_view, DramScheduling> kSchedulings[] = {
    {"in_order", DramScheduling::kInOrder},
    {"frfcfs", DramScheduling::kFrFcfs},
};

constexpr std::pair<std::string_view, DramField> kFields[] = {
    {"row", DramField::kRow},
    {"rank", DramField::kRank},
    {"bank_group", DramField::kBankGroup},
    {"bank", DramField::kBank},
    {"column", DramField::kColumn},
};

template <typename Names, typename T>
std::string_view name_in(const Names& names, T value) {
  for (const auto& [name, candidate] : names) {
    if (candidate == value) return name;
  }
  return "";
}

// Channel capacities beyond this are refused, so that addresses in bytes fit 64 bits.
constexpr double kMaxChannelBytes = 1e12;

/// The keys of a channel, each from the file or else from the preset.
class DeviceReader {
 public:
  DeviceReader(YamlReader& yaml, std::optional<DramDevice> preset)
      : yaml_(yaml), has_preset_(preset.has_value()), device_(preset.value_or(DramDevice{})) {}

  DramDevice read() {
    device_.clock_mhz = has_preset_ ? yaml_.number("clock_mhz", 1, kMaxClockMhz, device_.clock_mhz)
                                    : yaml_.number("clock_mhz", 1, kMaxClockMhz);
    integer("beats_per_clock", device_.beats_per_clock, 1, 16);
    integer("bus_bytes", device_.bus_bytes, 1, 1024);
    integer("burst_length", device_.burst_length, 1, 256);
    integer("num_bank_groups", device_.num_bank_groups, 1, 16);
    integer("banks_per_group", device_.banks_per_group, 1, 64);
    integer("num_rows", device_.num_rows, 1, 1 << 24);
    integer("num_columns", device_.num_columns, 1, 1 << 16);
    yaml_.check(device_.num_columns % device_.burst_length == 0, "num_columns",
                fmt::format("must be a multiple of burst_length ({})", device_.burst_length));
    for (const DramTimingKey& key : kTimingKeys)
      integer(std::string(key.name), device_.timings.*key.value, key.min, key.max);
    device_.refresh = has_preset_ ? yaml_.choice("refresh", kRefreshes, device_.refresh)
                                  : yaml_.choice("refresh", kRefreshes);
    yaml_.check(device_.refresh != DramRefresh::kPerBank || device_.timings.t_rfc_pb > 0, "refresh",
                "per_bank needs a memory that can: tRFCpb is 0");
    read_mapping();
    return device_;
  }

 private:
  void integer(const std::string& key, std::int64_t& value, std::int64_t min, std::int64_t max) {
    value = has_preset_ ? yaml_.integer(key, min, max, value) : yaml_.integer(key, min, max);
  }

  void read_mapping() {
    if (has_preset_ && !yaml_.has("mapping")) {
      yaml_.strings("mapping", {});
      return;
    }
    const std::vector<std::string> names = yaml_.strings("mapping");
    const auto is_listed = [&](const auto& field) {
      return std::count(names.begin(), names.end(), field.first) == 1;
    };
    yaml_.check(names.size() == std::size(kFields) &&
                    std::all_of(std::begin(kFields), std::end(kFields), is_listed),
                "mapping",
                "must list row, rank, bank_group, bank and column once each, the most significant "
                "first");
    for (std::size_t i = 0; i < names.size(); ++i) {
      device_.mapping[i] =
          std::find_if(std::begin(kFields), std::end(kFields), [&](const auto& field) {
            return field.first == names[i];
          })->second;
    }
    const bool column_last = device_.mapping[4] == DramField::kColumn;
    const bool group_last =
        device_.mapping[4] == DramField::kBankGroup && device_.mapping[3] == DramField::kColumn;
    yaml_.check(column_last || group_last, "mapping",
                "must end in column, or in column, bank_group");
  }

  YamlReader& yaml_;
  const bool has_preset_;
  DramDevice device_;
};

/// More than the time for which refresh, and what must come before and after it, can hold a bank.
std::int64_t longest_refresh(const BankedDramConfig& c) {
  const DramTimings& t = c.device.timings;
  std::int64_t sum = c.burst_cycles() * 2 + c.banks_per_rank() * std::max<std::int64_t>(1, t.t_ppd);
  for (const DramTimingKey& key : kTimingKeys) {
    if (key.value != &DramTimings::t_refi) sum += t.*key.value;
  }
  return sum;
}

std::int64_t extent_of(const BankedDramConfig& c, DramField field) {
  switch (field) {
    case DramField::kRow:
      return c.device.num_rows;
    case DramField::kRank:
      return c.num_ranks;
    case DramField::kBankGroup:
      return c.device.num_bank_groups;
    case DramField::kBank:
      return c.device.banks_per_group;
    case DramField::kColumn:
      return c.bursts_per_row();
  }
  return 1;
}

/// The fields above the rows that a stream has open at a time, the least significant first.
std::span<const DramField> fields_above_row(const BankedDramConfig& c) {
  const bool groups_below = c.device.mapping.back() == DramField::kBankGroup;
  return {c.device.mapping.data(), c.device.mapping.size() - (groups_below ? 2 : 1)};
}

/// Whether a stream goes from a row to the next one of the same bank.
bool stays_in_bank(const BankedDramConfig& c) {
  const auto fields = fields_above_row(c);
  const auto next = std::find_if(fields.rbegin(), fields.rend(),
                                 [&](DramField field) { return extent_of(c, field) > 1; });
  return next != fields.rend() && *next == DramField::kRow;
}

/// DRAM cycles that a stream loses in a refresh interval to the refreshes of all banks of each
/// rank. It waits where it is in the rank when a refresh begins, or comes to it before the end.
double all_bank_loss_cycles(const BankedDramConfig& c, double row_cycles) {
  const DramTimings& t = c.device.timings;
  const auto groups = static_cast<double>(c.interleaved_groups());
  const auto interval = static_cast<double>(t.t_refi);
  double stay = row_cycles;  // in a rank
  const auto fields = fields_above_row(c);
  for (auto field = fields.rbegin(); *field != DramField::kRank; ++field)
    stay *= static_cast<double>(extent_of(c, *field));
  const auto turns = static_cast<double>(c.num_ranks);

  // One precharge after another of what was opened since the last refresh.
  const double visited = stays_in_bank(c) ? 1.0 : interval / row_cycles / turns + 1.0;
  const double open = std::min(static_cast<double>(c.banks_per_rank()), visited * groups);
  const double busy = (open - 1.0) * static_cast<double>(std::max<std::int64_t>(1, t.t_ppd)) +
                      static_cast<double>(t.t_rp + t.t_rfc + t.t_rcd);
  const double approach = std::min(busy, stay * (turns - 1.0));
  return busy + approach * (busy - approach / 2.0) / stay;
}

double refresh_loss_cycles(const BankedDramConfig& c, double row_cycles) {
  const DramTimings& t = c.device.timings;
  switch (c.device.refresh) {
    case DramRefresh::kNone:
      return 0.0;
    case DramRefresh::kAllBank:
      return all_bank_loss_cycles(c, row_cycles);
    case DramRefresh::kPerBank: {
      // The bank in use is refreshed when no other is left in the interval. Streams that go round
      // the banks meet this in about one interval of three, as measured on the presets.
      const double exposed = stays_in_bank(c) ? static_cast<double>(c.interleaved_groups()) : 0.36;
      return exposed * static_cast<double>(t.t_rp + t.t_rfc_pb + t.t_rcd);
    }
  }
  return 0.0;
}

}  // namespace

std::span<const DramTimingKey> dram_timing_keys() { return kTimingKeys; }

std::string_view to_string(DramRefresh refresh) { return name_in(kRefreshes, refresh); }
std::string_view to_string(DramScheduling scheduling) { return name_in(kSchedulings, scheduling); }
std::string_view to_string(DramField field) { return name_in(kFields, field); }

std::int64_t BankedDramConfig::burst_cycles() const {
  return ceil_div(device.burst_length, device.beats_per_clock);
}

std::int64_t BankedDramConfig::interleaved_groups() const {
  return device.mapping.back() == DramField::kBankGroup ? device.num_bank_groups : 1;
}

double BankedDramConfig::stream_step_cycles() const {
  const DramTimings& t = device.timings;
  return std::max(static_cast<double>(std::max(burst_cycles(), t.t_ccd_s)),
                  static_cast<double>(t.t_ccd_l) / static_cast<double>(interleaved_groups()));
}

std::int64_t BankedDramConfig::channel_bytes() const {
  return num_ranks * banks_per_rank() * device.num_rows * device.num_columns * device.bus_bytes;
}

double BankedDramConfig::peak_bytes_per_cycle() const {
  const std::int64_t bytes_per_clock = num_channels * device.bus_bytes * device.beats_per_clock;
  return static_cast<double>(bytes_per_clock) / npu_cycles_per_clock();
}

double BankedDramConfig::sustained_bytes_per_cycle() const {
  const DramTimings& t = device.timings;
  const auto groups = static_cast<double>(interleaved_groups());
  const double bursts = groups * static_cast<double>(bursts_per_row());

  // Rows follow each other at the pace of the bus, or of activates. Where the row is the field
  // right above, the same bank must be closed and opened in between.
  double row_cycles = bursts * stream_step_cycles();
  const double activates =
      groups * std::max(static_cast<double>(t.t_rrd_s), static_cast<double>(t.t_faw) / 4.0);
  row_cycles = std::max(row_cycles, activates);
  if (stays_in_bank(*this)) {
    const double reopen = static_cast<double>(t.t_rtp + t.t_rp + t.t_rcd) - stream_step_cycles();
    row_cycles = std::max(row_cycles + std::max(reopen, 0.0), static_cast<double>(t.t_rc));
  }

  const double refresh =
      1.0 - refresh_loss_cycles(*this, row_cycles) / static_cast<double>(t.t_refi);
  const double bytes_per_clock =
      bursts * static_cast<double>(burst_bytes()) / row_cycles * std::max(refresh, 0.0);
  return std::min(static_cast<double>(num_channels) * bytes_per_clock / npu_cycles_per_clock(),
                  peak_bytes_per_cycle());
}

double BankedDramConfig::first_access_cycles() const {
  const DramTimings& t = device.timings;
  return static_cast<double>(1 + t.t_rp + t.t_rcd + t.t_cl) * npu_cycles_per_clock();
}

BankedDramConfig read_banked_dram_config(YamlReader& yaml, double npu_clock_mhz) {
  BankedDramConfig c;
  std::optional<DramDevice> preset;
  if (yaml.has("preset")) preset = yaml.choice("preset", dram_presets());
  c.num_channels = yaml.integer("num_channels", 1, 1024);
  c.num_ranks = yaml.integer("num_ranks", 1, 16);
  c.interleave_bytes = yaml.integer("interleave_bytes", 1, std::int64_t{1} << 30);
  c.scheduling = yaml.choice("controller", kSchedulings);
  c.device = DeviceReader(yaml, preset).read();
  c.npu_clock_mhz = npu_clock_mhz;

  yaml.check(c.interleave_bytes % c.burst_bytes() == 0, "interleave_bytes",
             fmt::format("must be a multiple of the {} bytes of a burst", c.burst_bytes()));
  const DramDevice& d = c.device;
  const double channel_bytes = static_cast<double>(c.num_ranks * c.banks_per_rank()) *
                               static_cast<double>(d.num_rows) *
                               static_cast<double>(d.num_columns * d.bus_bytes);
  yaml.check(channel_bytes <= kMaxChannelBytes, "num_rows",
             fmt::format("too many: a channel would have {:.3g} bytes, and may have {:.3g}",
                         channel_bytes, kMaxChannelBytes));
  yaml.check(d.timings.t_rc >= d.timings.t_ras, "tRC", "must be at least tRAS");
  const std::int64_t held = longest_refresh(c);
  yaml.check(d.refresh == DramRefresh::kNone || d.timings.t_refi >= 2 * held, "tREFI",
             fmt::format("must be at least {}, twice the sum of the other timings, else refresh "
                         "leaves no time",
                         2 * held));
  yaml.check(c.peak_bytes_per_cycle() >= 1, "clock_mhz",
             "too slow: all channels together must deliver a byte per NPU cycle");
  return c;
}

}  // namespace tilewake
