// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace tilewake {

class YamlFields;
class YamlReader;

/// JEDEC timings in memory clock cycles: minimum distances between commands.
struct DramTimings {
  std::int64_t t_rcd = 0;     // ACT to column
  std::int64_t t_rp = 0;      // PRE to ACT
  std::int64_t t_cl = 0;      // read to its data
  std::int64_t t_cwl = 0;     // write to its data
  std::int64_t t_ras = 0;     // ACT to PRE
  std::int64_t t_rc = 0;      // ACT to ACT, same bank
  std::int64_t t_rfc = 0;     // refresh of all banks to ACT
  std::int64_t t_rfc_pb = 0;  // refresh of one bank to its ACT; 0: not supported
  std::int64_t t_refi = 0;    // mean interval between two refreshes of a bank
  std::int64_t t_ccd_s = 0;   // column to column, other bank groups
  std::int64_t t_ccd_l = 0;   // column to column, same bank group
  std::int64_t t_faw = 0;     // ACT to the fifth ACT
  std::int64_t t_rrd_s = 0;   // ACT to ACT, other bank groups
  std::int64_t t_rrd_l = 0;   // ACT to ACT, same bank group
  std::int64_t t_wr = 0;      // end of written data to PRE
  std::int64_t t_wtr_s = 0;   // end of written data to read, other bank groups
  std::int64_t t_wtr_l = 0;   // end of written data to read, same bank group
  std::int64_t t_rtp = 0;     // read to PRE
  std::int64_t t_rtrs = 0;    // gap on the data bus between ranks, and from read to write
  std::int64_t t_ppd = 0;     // PRE to PRE
};

/// A timing and its YAML key.
struct DramTimingKey {
  std::string_view name;
  std::int64_t DramTimings::*value;
  std::int64_t min;
  std::int64_t max;
  std::string_view meaning;
};
std::span<const DramTimingKey> dram_timing_keys();

enum class DramRefresh { kNone, kAllBank, kPerBank };
enum class DramScheduling { kInOrder, kFrFcfs };
enum class DramField { kRow, kRank, kBankGroup, kBank, kColumn };
using DramMapping = std::array<DramField, 5>;  // most significant field first

std::string_view to_string(DramRefresh refresh);
std::string_view to_string(DramScheduling scheduling);
std::string_view to_string(DramField field);

/// A memory device, or a rank of lockstep devices: a channel without its usage.
struct DramDevice {
  double clock_mhz = 0.0;            // clock of the timings
  std::int64_t beats_per_clock = 0;  // of the data bus
  std::int64_t bus_bytes = 0;        // of a beat: width of a channel
  std::int64_t burst_length = 0;     // beats per column command
  std::int64_t num_bank_groups = 0;  // 1: no bank groups
  std::int64_t banks_per_group = 0;
  std::int64_t num_rows = 0;
  std::int64_t num_columns = 0;  // beats of a row
  DramTimings timings;
  DramRefresh refresh = DramRefresh::kNone;
  DramMapping mapping{};
};

/// The values of `dram.preset`, e.g. "LPDDR4-3200", each with the standard's figures for one
/// density.
std::vector<std::pair<std::string_view, DramDevice>> dram_presets();

/// DRAM with banks, open rows and refresh: `num_channels` identical channels, each with a
/// controller. Bytes are interleaved over the channels in pieces of `interleave_bytes`.
struct BankedDramConfig {
  DramDevice device;
  std::int64_t num_channels = 1;
  std::int64_t interleave_bytes = 256;  // a multiple of burst_bytes()
  std::int64_t num_ranks = 1;           // per channel
  DramScheduling scheduling = DramScheduling::kInOrder;
  double npu_clock_mhz = 0.0;  // copied from the machine

  /// Bytes of the largest request to one channel: transfers are split into such requests.
  /// `in_order` is valid from this size on.
  static constexpr std::int64_t kChannelRequestBytes = 4096;
  /// Largest requests that a controller accepts before the first of them has ended.
  std::int64_t requests_in_flight() const { return scheduling == DramScheduling::kInOrder ? 2 : 4; }

  std::int64_t burst_bytes() const { return device.burst_length * device.bus_bytes; }
  /// DRAM cycles of a burst on the data bus.
  std::int64_t burst_cycles() const;
  std::int64_t bursts_per_row() const { return device.num_columns / device.burst_length; }
  std::int64_t banks_per_rank() const { return device.num_bank_groups * device.banks_per_group; }
  /// Bank groups that consecutive bursts rotate over: 1, or all if they are the lowest field.
  std::int64_t interleaved_groups() const;
  /// Consecutive bytes of one channel in open rows, one of each interleaved bank group.
  std::int64_t row_bytes() const { return interleaved_groups() * bursts_per_row() * burst_bytes(); }
  /// DRAM cycles between bursts in the middle of a stream.
  double stream_step_cycles() const;
  /// Whether consecutive rows of a stream are in different bank groups (or ranks), but the columns
  /// of one row are limited by tCCD_L. Controllers that reorder overlap two such rows; `in_order`
  /// cannot and is up to 100 % slower, as measured against `frfcfs`.
  bool overlaps_rows() const;
  std::int64_t channel_bytes() const;  // capacity

  /// NPU cycles in one DRAM cycle.
  double npu_cycles_per_clock() const { return npu_clock_mhz / device.clock_mhz; }
  double peak_bytes_per_cycle() const;
  /// Bandwidth of a sequential read stream that is long compared to the refresh interval, in bytes
  /// per NPU cycle: the bus minus refresh, exposed row changes and the rate of activates. A closed
  /// form, within 2 % of the controllers (4 % with several ranks; 8 % with several ranks, per-bank
  /// refresh and interleaved bank groups). Writes are equal, unless the field above the columns is
  /// the row: then each row takes tWR more.
  double sustained_bytes_per_cycle() const;
  /// NPU cycles to the first data of a read that finds another row open, on an idle bus.
  double first_access_cycles() const;
};

/// Fields of a `dram:` section of model banked, and the rules between them.
void visit_fields(YamlFields& fields, BankedDramConfig& c);
void check_fields(const YamlReader& dram, const BankedDramConfig& c);

}  // namespace tilewake
