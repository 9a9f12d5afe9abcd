// SPDX-License-Identifier: Apache-2.0
#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {
namespace {

// Each figure is the standard's minimum, max(n clocks, nanoseconds) rounded up to clocks. "assumed"
// marks values without a public figure. tRTRS is a property of the controller, not of the device:
// one clock.

constexpr DramMapping kBankAboveColumn = {DramField::kRow, DramField::kRank, DramField::kBankGroup,
                                          DramField::kBank, DramField::kColumn};
constexpr DramMapping kGroupBelowColumn = {DramField::kRow, DramField::kRank, DramField::kBank,
                                           DramField::kColumn, DramField::kBankGroup};

/// JESD209-4 (LPDDR4), one channel of 16 bits, 8 Gb per channel (16 Gb per die).
DramDevice lpddr4_3200() {
  DramDevice d;
  d.clock_mhz = 1600;
  d.beats_per_clock = 2;
  d.bus_bytes = 2;
  d.burst_length = 16;
  d.num_bank_groups = 1;
  d.banks_per_group = 8;
  d.num_rows = 65536;
  d.num_columns = 1024;      // a page of 2 KiB
  d.timings.t_rcd = 29;      // 18 ns
  d.timings.t_rp = 29;       // tRPpb 18 ns
  d.timings.t_cl = 28;       // RL, without DBI
  d.timings.t_cwl = 14;      // WL, set A
  d.timings.t_ras = 68;      // 42 ns
  d.timings.t_rc = 97;       // tRAS + tRPpb
  d.timings.t_rfc = 448;     // tRFCab 280 ns, 8 Gb a channel
  d.timings.t_rfc_pb = 224;  // 140 ns, 8 Gb a channel
  d.timings.t_refi = 6246;   // 3.904 us
  d.timings.t_ccd_s = 8;     // BL/2
  d.timings.t_ccd_l = 8;     // no bank groups
  d.timings.t_faw = 64;      // 40 ns
  d.timings.t_rrd_s = 16;    // 10 ns
  d.timings.t_rrd_l = 16;    // no bank groups
  d.timings.t_wr = 29;       // 18 ns
  d.timings.t_wtr_s = 16;    // 10 ns
  d.timings.t_wtr_l = 16;    // no bank groups
  d.timings.t_rtp = 12;      // 7.5 ns
  d.timings.t_rtrs = 1;      // assumed
  d.timings.t_ppd = 4;       // 4 clocks
  d.refresh = DramRefresh::kAllBank;
  d.mapping = kBankAboveColumn;
  return d;
}

/// JESD209-5 (LPDDR5), one channel of 16 bits, bank-group mode, 16 Gb per channel. Clocks are CK at
/// WCK:CK = 4:1: eight beats each.
DramDevice lpddr5_6400() {
  DramDevice d;
  d.clock_mhz = 800;
  d.beats_per_clock = 8;
  d.bus_bytes = 2;
  d.burst_length = 16;
  d.num_bank_groups = 4;
  d.banks_per_group = 4;
  d.num_rows = 65536;
  d.num_columns = 1024;      // a page of 2 KiB
  d.timings.t_rcd = 15;      // 18 ns
  d.timings.t_rp = 15;       // tRPpb 18 ns
  d.timings.t_cl = 17;       // RL, set 0
  d.timings.t_cwl = 9;       // WL, set A
  d.timings.t_ras = 34;      // 42 ns
  d.timings.t_rc = 49;       // tRAS + tRPpb
  d.timings.t_rfc = 224;     // tRFCab 280 ns, 16 Gb
  d.timings.t_rfc_pb = 112;  // 140 ns, 16 Gb
  d.timings.t_refi = 3124;   // 3.906 us
  d.timings.t_ccd_s = 2;     // BL/n_min, other bank group
  d.timings.t_ccd_l = 4;     // BL/n_max, same bank group
  d.timings.t_faw = 16;      // 20 ns
  d.timings.t_rrd_s = 4;     // 5 ns
  d.timings.t_rrd_l = 4;     // 5 ns: the standard has one figure
  d.timings.t_wr = 28;       // 34 ns
  d.timings.t_wtr_s = 5;     // 6.25 ns
  d.timings.t_wtr_l = 10;    // 12 ns
  d.timings.t_rtp = 6;       // assumed: 7.5 ns, as LPDDR4
  d.timings.t_rtrs = 1;      // assumed
  d.timings.t_ppd = 2;       // 2 clocks
  d.refresh = DramRefresh::kAllBank;
  d.mapping = kGroupBelowColumn;
  return d;
}

/// JESD79-4 (DDR4), a channel of 64 bits of 8 Gb x8 devices (pages of 1 KiB).
DramDevice ddr4() {
  DramDevice d;
  d.beats_per_clock = 2;
  d.bus_bytes = 8;
  d.burst_length = 8;
  d.num_bank_groups = 4;
  d.banks_per_group = 4;
  d.num_rows = 65536;
  d.num_columns = 1024;
  d.timings.t_rfc_pb = 0;  // all banks at once only
  d.timings.t_ccd_s = 4;   // 4 clocks
  d.timings.t_rtrs = 1;    // assumed
  d.timings.t_ppd = 0;     // no such limit
  d.refresh = DramRefresh::kAllBank;
  d.mapping = kGroupBelowColumn;
  return d;
}

DramDevice ddr4_2400() {  // speed bin 2400T, 17-17-17
  DramDevice d = ddr4();
  d.clock_mhz = 1200;
  d.timings.t_rcd = 17;     // 14.16 ns
  d.timings.t_rp = 17;      // 14.16 ns
  d.timings.t_cl = 17;      // the bin
  d.timings.t_cwl = 12;     // first set
  d.timings.t_ras = 39;     // 32 ns
  d.timings.t_rc = 56;      // tRAS + tRP, in clocks
  d.timings.t_rfc = 420;    // tRFC1 350 ns, 8 Gb
  d.timings.t_refi = 9360;  // 7.8 us
  d.timings.t_ccd_l = 6;    // max(5 clocks, 5 ns)
  d.timings.t_faw = 26;     // max(20 clocks, 21 ns)
  d.timings.t_rrd_s = 4;    // max(4 clocks, 3.3 ns)
  d.timings.t_rrd_l = 6;    // max(4 clocks, 4.9 ns)
  d.timings.t_wr = 18;      // 15 ns
  d.timings.t_wtr_s = 3;    // max(2 clocks, 2.5 ns)
  d.timings.t_wtr_l = 9;    // max(4 clocks, 7.5 ns)
  d.timings.t_rtp = 9;      // max(4 clocks, 7.5 ns)
  return d;
}

DramDevice ddr4_3200() {  // speed bin 3200AA, 22-22-22
  DramDevice d = ddr4();
  d.clock_mhz = 1600;
  d.timings.t_rcd = 22;      // 13.75 ns
  d.timings.t_rp = 22;       // 13.75 ns
  d.timings.t_cl = 22;       // the bin
  d.timings.t_cwl = 16;      // first set
  d.timings.t_ras = 52;      // 32 ns
  d.timings.t_rc = 74;       // tRAS + tRP, in clocks
  d.timings.t_rfc = 560;     // tRFC1 350 ns, 8 Gb
  d.timings.t_refi = 12480;  // 7.8 us
  d.timings.t_ccd_l = 8;     // max(5 clocks, 5 ns)
  d.timings.t_faw = 34;      // max(20 clocks, 21 ns)
  d.timings.t_rrd_s = 4;     // max(4 clocks, 2.5 ns)
  d.timings.t_rrd_l = 8;     // max(4 clocks, 4.9 ns)
  d.timings.t_wr = 24;       // 15 ns
  d.timings.t_wtr_s = 4;     // max(2 clocks, 2.5 ns)
  d.timings.t_wtr_l = 12;    // max(4 clocks, 7.5 ns)
  d.timings.t_rtp = 12;      // max(4 clocks, 7.5 ns)
  return d;
}

/// JESD79-5 (DDR5), one subchannel of 32 bits of 16 Gb x8 devices (pages of 1 KiB), bin 4800B. Not
/// modelled: the longer tCCD_L_WR between two writes to a bank group, and same-bank refresh.
DramDevice ddr5_4800() {
  DramDevice d;
  d.clock_mhz = 2400;
  d.beats_per_clock = 2;
  d.bus_bytes = 4;
  d.burst_length = 16;
  d.num_bank_groups = 8;
  d.banks_per_group = 4;
  d.num_rows = 65536;
  d.num_columns = 1024;
  d.timings.t_rcd = 39;     // 16 ns and rounding rules of the bin
  d.timings.t_rp = 39;      // as tRCD
  d.timings.t_cl = 40;      // the bin
  d.timings.t_cwl = 38;     // CL - 2
  d.timings.t_ras = 77;     // 32 ns
  d.timings.t_rc = 116;     // tRAS + tRP, in clocks
  d.timings.t_rfc = 708;    // tRFC1 295 ns, 16 Gb
  d.timings.t_rfc_pb = 0;   // all banks at once only
  d.timings.t_refi = 9360;  // 3.9 us
  d.timings.t_ccd_s = 8;    // 8 clocks
  d.timings.t_ccd_l = 12;   // max(8 clocks, 5 ns)
  d.timings.t_faw = 32;     // max(32 clocks, 13.333 ns)
  d.timings.t_rrd_s = 8;    // 8 clocks
  d.timings.t_rrd_l = 12;   // max(8 clocks, 5 ns)
  d.timings.t_wr = 72;      // 30 ns
  d.timings.t_wtr_s = 6;    // max(4 clocks, 2.5 ns)
  d.timings.t_wtr_l = 24;   // max(16 clocks, 10 ns)
  d.timings.t_rtp = 18;     // max(12 clocks, 7.5 ns)
  d.timings.t_rtrs = 1;     // assumed
  d.timings.t_ppd = 2;      // 2 clocks
  d.refresh = DramRefresh::kAllBank;
  d.mapping = kGroupBelowColumn;
  return d;
}

/// HBM2, one legacy channel of 128 bits, 8 Gb per channel. Most timings of JESD235 are in data
/// sheets that are not public: these are of the configuration HBM2_8Gb_x128 of DRAMsim3, as in
/// tests/reference/dram_golden.csv.
DramDevice hbm2_2000() {
  DramDevice d;
  d.clock_mhz = 1000;
  d.beats_per_clock = 2;
  d.bus_bytes = 16;
  d.burst_length = 4;
  d.num_bank_groups = 4;
  d.banks_per_group = 4;
  d.num_rows = 32768;
  d.num_columns = 128;      // a page of 2 KiB
  d.timings.t_rcd = 14;     // DRAMsim3, like all below
  d.timings.t_rp = 14;      //
  d.timings.t_cl = 14;      //
  d.timings.t_cwl = 4;      //
  d.timings.t_ras = 34;     //
  d.timings.t_rc = 48;      //
  d.timings.t_rfc = 260;    //
  d.timings.t_rfc_pb = 0;   // not given there
  d.timings.t_refi = 3900;  //
  d.timings.t_ccd_s = 1;    // a burst still occupies the bus for two clocks
  d.timings.t_ccd_l = 2;    //
  d.timings.t_faw = 30;     //
  d.timings.t_rrd_s = 4;    //
  d.timings.t_rrd_l = 6;    //
  d.timings.t_wr = 16;      //
  d.timings.t_wtr_s = 6;    //
  d.timings.t_wtr_l = 8;    //
  d.timings.t_rtp = 5;      //
  d.timings.t_rtrs = 2;     //
  d.timings.t_ppd = 0;      //
  d.refresh = DramRefresh::kAllBank;
  d.mapping = kBankAboveColumn;
  return d;
}

}  // namespace

std::vector<std::pair<std::string_view, DramDevice>> dram_presets() {
  return {
      {"LPDDR4-3200", lpddr4_3200()}, {"LPDDR5-6400", lpddr5_6400()}, {"DDR4-2400", ddr4_2400()},
      {"DDR4-3200", ddr4_3200()},     {"DDR5-4800", ddr5_4800()},     {"HBM2-2000", hbm2_2000()},
  };
}

}  // namespace tilewake
