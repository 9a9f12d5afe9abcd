// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/banked_dram_config.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/math.hpp"
#include "simulator/common/yaml_fields.hpp"
#include "simulator/common/yaml_reader.hpp"

namespace tilewake {
namespace {

constexpr std::int64_t kMaxTiming = 65535;
constexpr double kMaxClockMhz = 1e4;

constexpr DramTimingKey kTimingKeys[] = {
    {"tRCD", &DramTimings::t_rcd, 1, kMaxTiming, "activate to read or write"},
    {"tRP", &DramTimings::t_rp, 1, kMaxTiming, "precharge to activate"},
    {"tCL", &DramTimings::t_cl, 1, kMaxTiming, "read to its data"},
    {"tCWL", &DramTimings::t_cwl, 1, kMaxTiming, "write to its data"},
    {"tRAS", &DramTimings::t_ras, 1, kMaxTiming, "activate to precharge"},
    {"tRC", &DramTimings::t_rc, 1, kMaxTiming, "activate to activate of a bank"},
    {"tRFC", &DramTimings::t_rfc, 1, kMaxTiming, "refresh of all banks to activate"},
    {"tRFCpb", &DramTimings::t_rfc_pb, 0, kMaxTiming,
     "refresh of one bank to its activate; 0 if not supported"},
    {"tREFI", &DramTimings::t_refi, 1, 100'000'000, "refresh interval of a bank"},
    {"tCCD_S", &DramTimings::t_ccd_s, 1, kMaxTiming, "column to column, other bank group"},
    {"tCCD_L", &DramTimings::t_ccd_l, 1, kMaxTiming, "column to column, same bank group"},
    {"tFAW", &DramTimings::t_faw, 1, kMaxTiming, "activate to the fifth one, of a rank"},
    {"tRRD_S", &DramTimings::t_rrd_s, 1, kMaxTiming, "activate to activate, other bank group"},
    {"tRRD_L", &DramTimings::t_rrd_l, 1, kMaxTiming, "activate to activate, same bank group"},
    {"tWR", &DramTimings::t_wr, 1, kMaxTiming, "end of written data to precharge"},
    {"tWTR_S", &DramTimings::t_wtr_s, 1, kMaxTiming,
     "end of written data to read, other bank group"},
    {"tWTR_L", &DramTimings::t_wtr_l, 1, kMaxTiming,
     "end of written data to read, same bank group"},
    {"tRTP", &DramTimings::t_rtp, 1, kMaxTiming, "read to precharge"},
    {"tRTRS", &DramTimings::t_rtrs, 0, kMaxTiming,
     "gap on the data bus between ranks, and from read to write"},
    {"tPPD", &DramTimings::t_ppd, 0, kMaxTiming,
     "precharge to precharge, when banks are closed for a refresh"},
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

// Larger channel capacities are rejected, so that addresses in bytes fit 64 bits.
constexpr double kMaxChannelBytes = 1e12;

/// Upper bound of the time for which a refresh, including preparation and recovery, blocks a bank.
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

/// The address fields above the rows that a stream keeps open, the least significant first.
std::span<const DramField> fields_above_row(const BankedDramConfig& c) {
  const bool groups_below = c.device.mapping.back() == DramField::kBankGroup;
  return {c.device.mapping.data(), c.device.mapping.size() - (groups_below ? 2 : 1)};
}

/// Whether a stream's next row is in the same bank.
bool stays_in_bank(const BankedDramConfig& c) {
  const auto fields = fields_above_row(c);
  const auto next = std::find_if(fields.rbegin(), fields.rend(),
                                 [&](DramField field) { return extent_of(c, field) > 1; });
  return next != fields.rend() && *next == DramField::kRow;
}

/// DRAM cycles per refresh interval that a stream loses to all-bank refreshes of each rank. It
/// waits in a rank that is being refreshed, or reaches it before the end of the refresh.
double all_bank_loss_cycles(const BankedDramConfig& c, double row_cycles) {
  const DramTimings& t = c.device.timings;
  const auto groups = static_cast<double>(c.interleaved_groups());
  const auto interval = static_cast<double>(t.t_refi);
  double stay = row_cycles;  // in a rank
  const auto fields = fields_above_row(c);
  for (auto field = fields.rbegin(); *field != DramField::kRank; ++field)
    stay *= static_cast<double>(extent_of(c, *field));
  const auto turns = static_cast<double>(c.num_ranks);

  // Precharges of the banks opened since the last refresh, one after another.
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
      // The bank in use is refreshed if no other remains in the interval. Streams that rotate over
      // the banks encounter this in about one interval of three, as measured on the presets.
      const double exposed = stays_in_bank(c) ? static_cast<double>(c.interleaved_groups()) : 0.36;
      return exposed * static_cast<double>(t.t_rp + t.t_rfc_pb + t.t_rcd);
    }
  }
  return 0.0;
}

}  // namespace

std::span<const DramTimingKey> dram_timing_keys() { return kTimingKeys; }

std::string_view to_string(DramRefresh refresh) { return name_of(kRefreshes, refresh); }
std::string_view to_string(DramScheduling scheduling) { return name_of(kSchedulings, scheduling); }
std::string_view to_string(DramField field) { return name_of(kFields, field); }

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

bool BankedDramConfig::overlaps_rows() const {
  const auto fields = fields_above_row(*this);
  const auto row = std::find(fields.rbegin(), fields.rend(), DramField::kRow);
  const bool leaves_group = std::any_of(fields.rbegin(), row, [this](DramField field) {
    const bool is_group = field == DramField::kBankGroup || field == DramField::kRank;
    return is_group && extent_of(*this, field) > 1;
  });
  const std::int64_t shortest_step = std::max(burst_cycles(), device.timings.t_ccd_s);
  return leaves_group && stream_step_cycles() > static_cast<double>(shortest_step);
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

  // Rows follow at the rate of the bus, or of activates. If the row is the field above the columns,
  // the same bank must be closed and opened in between.
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

void visit_fields(YamlFields& fields, BankedDramConfig& c) {
  fields.optional([&] {
    fields.integer("num_channels", c.num_channels, 1, 1024,
                   {"", "identical channels, each with a controller"});
    fields.integer("num_ranks", c.num_ranks, 1, 16,
                   {"", "ranks of a channel: sets of banks that share its bus"});
    fields.integer(
        "interleave_bytes", c.interleave_bytes, 1, std::int64_t{1} << 30,
        {"bytes", "consecutive bytes in a channel before the next one; a multiple of a burst"});
    fields.word("controller", c.scheduling, kSchedulings,
                {"", "order of the bursts of a channel; see below"});
  });
  DramDevice& d = c.device;
  fields.preset(
      "preset", d, dram_presets(),
      [&] {
        fields.number("clock_mhz", d.clock_mhz, {1, kMaxClockMhz},
                      {"MHz", "clock of the timings; exact to 1 Hz"});
        fields.integer("beats_per_clock", d.beats_per_clock, 1, 16,
                       {"", "2 for DDR; 8 for LPDDR5, in CK at WCK:CK = 4:1"});
        fields.integer("bus_bytes", d.bus_bytes, 1, 1024, {"bytes", "width of a channel"});
        fields.integer("burst_length", d.burst_length, 1, 256,
                       {"beats", "of one read or write command"});
        fields.integer("num_bank_groups", d.num_bank_groups, 1, 16, {"", "1: none"});
        fields.integer("banks_per_group", d.banks_per_group, 1, 64, {"", "banks of a bank group"});
        fields.integer("num_rows", d.num_rows, 1, 1 << 24, {"", "of a bank"});
        fields.integer("num_columns", d.num_columns, 1, 1 << 16,
                       {"beats", "of a row; a multiple of `burst_length`"});
        fields.word(
            "refresh", d.refresh, kRefreshes,
            {"", "all banks of a rank every tREFI; or one bank at a time, each every tREFI"});
        fields.order(
            "mapping", d.mapping, kFields,
            {"",
             "fields of an address in a channel, most significant first; ends in column, or "
             "in column, bank_group"});
        for (const DramTimingKey& key : kTimingKeys)
          fields.integer(key.name, d.timings.*key.value, key.min, key.max, {"clocks", key.meaning});
      },
      {"", "kind of memory; it gives the keys below that are missing"});
}

void check_fields(const YamlReader& dram, const BankedDramConfig& c) {
  const DramDevice& d = c.device;
  dram.check(d.num_columns % d.burst_length == 0, "num_columns",
             fmt::format("must be a multiple of burst_length ({})", d.burst_length));
  dram.check(d.refresh != DramRefresh::kPerBank || d.timings.t_rfc_pb > 0, "refresh",
             "per_bank requires a tRFCpb above 0");
  const bool column_last = d.mapping[4] == DramField::kColumn;
  const bool group_last =
      d.mapping[4] == DramField::kBankGroup && d.mapping[3] == DramField::kColumn;
  dram.check(column_last || group_last, "mapping", "must end in column, or in column, bank_group");
  dram.check(c.interleave_bytes % c.burst_bytes() == 0, "interleave_bytes",
             fmt::format("must be a multiple of the {} bytes of a burst", c.burst_bytes()));
  const double channel_bytes = static_cast<double>(c.num_ranks * c.banks_per_rank()) *
                               static_cast<double>(d.num_rows) *
                               static_cast<double>(d.num_columns * d.bus_bytes);
  dram.check(channel_bytes <= kMaxChannelBytes, "num_rows",
             fmt::format("too many: a channel would have {:.3g} bytes; the limit is {:.3g}",
                         channel_bytes, kMaxChannelBytes));
  dram.check(d.timings.t_rc >= d.timings.t_ras, "tRC", "must be at least tRAS");
  const std::int64_t held = longest_refresh(c);
  dram.check(
      d.refresh == DramRefresh::kNone || d.timings.t_refi >= 2 * held, "tREFI",
      fmt::format("must be at least {}, twice the sum of the other timings; otherwise refresh "
                  "leaves no time",
                  2 * held));
  dram.check(c.peak_bytes_per_cycle() >= 1, "clock_mhz",
             "too slow: the bandwidth of all channels must be at least a byte per NPU cycle");
}

}  // namespace tilewake
