// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "simulator/engine/memory/stream_channel.hpp"
#include "simulator/hardware/banked_dram_config.hpp"

namespace tilewake {

/// The law of StreamChannel, burst by burst and cycle by cycle where it is not a maximum: every
/// command ever issued is kept, and each new one is compared with all of them. It shares nothing
/// with the fast model but the configuration.
class SlowDram {
 public:
  explicit SlowDram(const BankedDramConfig& config) : c_(config), t_(config.device.timings) {
    for (std::int64_t rank = 0; rank < c_.num_ranks; ++rank) {
      ranks_.emplace_back();
      due_.push_back(c_.device.refresh == DramRefresh::kNone ? kNever : due_time(rank, 0));
    }
  }

  ChannelRun run(std::int64_t first, std::int64_t count, bool write, std::int64_t arrive) {
    ChannelRun result;
    for (std::int64_t i = 0; i < count; ++i) {
      bool hit = true;
      const std::int64_t end = serve(place(first + i), write, arrive, hit);
      if (i == 0) result.data_begin = end - c_.burst_cycles();
      result.data_end = end;
      ++(hit ? result.row_hits : result.row_misses);
    }
    return result;
  }

  std::int64_t num_refreshes(std::int64_t time) {
    std::int64_t count = 0;
    for (std::int64_t rank = 0; rank < c_.num_ranks; ++rank) {
      while (due_[index(rank)] < time) refresh({rank, 0, 0, 0});
      count += ranks_[index(rank)].num_refreshes;
    }
    return count;
  }
  std::int64_t num_activates() const {
    return std::count_if(log_.begin(), log_.end(),
                         [](const Command& c) { return c.kind == Kind::kAct; });
  }

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  enum class Kind { kAct, kPre, kRead, kWrite, kRefresh };
  struct Place {
    std::int64_t rank = 0, group = 0, bank = 0, row = 0;
  };
  struct Command {
    Kind kind;
    Place place;
    std::int64_t time;
  };

  struct Use {
    Place place;
    std::int64_t time;
  };
  struct Rank {
    std::vector<Place> left;  // to be refreshed in this interval
    std::int64_t num_refreshes = 0;
  };

  static bool is_column(Kind kind) { return kind == Kind::kRead || kind == Kind::kWrite; }

  Place place(std::int64_t index) const {
    Place p;
    const DramDevice& d = c_.device;
    for (auto field = d.mapping.rbegin(); field != d.mapping.rend(); ++field) {
      const auto take = [&](std::int64_t extent) {
        const std::int64_t digit = index % extent;
        index /= extent;
        return digit;
      };
      if (*field == DramField::kRow) p.row = take(d.num_rows);
      if (*field == DramField::kRank) p.rank = take(c_.num_ranks);
      if (*field == DramField::kBankGroup) p.group = take(d.num_bank_groups);
      if (*field == DramField::kBank) p.bank = take(d.banks_per_group);
      if (*field == DramField::kColumn) take(d.num_columns / d.burst_length);
    }
    return p;
  }

  static bool same_group(const Place& a, const Place& b) {
    return a.rank == b.rank && a.group == b.group;
  }
  static bool same_bank(const Place& a, const Place& b) {
    return same_group(a, b) && a.bank == b.bank;
  }
  bool concerns(const Command& refresh, const Place& place) const {
    return c_.device.refresh == DramRefresh::kPerBank ? same_bank(refresh.place, place)
                                                      : refresh.place.rank == place.rank;
  }

  /// The least distance of a command of `kind` at `place` from an earlier one; none: -1.
  std::int64_t distance(const Command& before, Kind kind, const Place& place) const {
    const std::int64_t burst = c_.burst_cycles();
    const bool rank = before.place.rank == place.rank;
    const bool group = same_group(before.place, place);
    const bool bank = same_bank(before.place, place);
    std::int64_t least = -1;
    const auto need = [&least](bool applies, std::int64_t cycles) {
      if (applies) least = std::max(least, cycles);
    };
    if (before.kind == Kind::kRefresh) {
      const std::int64_t rfc = c_.device.refresh == DramRefresh::kPerBank ? t_.t_rfc_pb : t_.t_rfc;
      need(concerns(before, place) && (kind == Kind::kAct || kind == Kind::kRefresh), rfc);
      return least;
    }
    if (kind == Kind::kAct) {
      need(before.kind == Kind::kPre && bank, t_.t_rp);
      need(before.kind == Kind::kAct && bank, t_.t_rc);
      need(before.kind == Kind::kAct && group, t_.t_rrd_l);
      need(before.kind == Kind::kAct && rank, t_.t_rrd_s);
    } else if (kind == Kind::kPre) {
      need(before.kind == Kind::kAct && bank, t_.t_ras);
      need(before.kind == Kind::kRead && bank, t_.t_rtp);
      need(before.kind == Kind::kWrite && bank, t_.t_cwl + burst + t_.t_wr);
    } else if (kind == Kind::kRefresh) {
      const Command refresh{kind, place, 0};
      need(before.kind == Kind::kPre && concerns(refresh, before.place), t_.t_rp);
      need(before.kind == Kind::kAct && concerns(refresh, before.place), t_.t_rc);
    } else {
      need(before.kind == Kind::kAct && bank, t_.t_rcd);
      if (!is_column(before.kind)) return least;
      need(true, 1);
      need(rank, t_.t_ccd_s);
      need(group, t_.t_ccd_l);
      // Data follow one another on the bus.
      const auto latency = [this](Kind k) { return k == Kind::kWrite ? t_.t_cwl : t_.t_cl; };
      const bool turns = before.kind == Kind::kRead && kind == Kind::kWrite;
      need(true, std::max<std::int64_t>(1, latency(before.kind) + burst - latency(kind) +
                                               (turns || !rank ? t_.t_rtrs : 0)));
      if (before.kind == Kind::kWrite && kind == Kind::kRead) {
        need(rank, t_.t_cwl + burst + t_.t_wtr_s);
        need(group, t_.t_cwl + burst + t_.t_wtr_l);
      }
    }
    return least;
  }

  std::int64_t earliest(Kind kind, const Place& place) const {
    std::int64_t time = 0;
    std::vector<std::int64_t> acts;
    for (const Command& before : log_) {
      const std::int64_t cycles = distance(before, kind, place);
      if (cycles >= 0) time = std::max(time, before.time + cycles);
      if (before.kind == Kind::kAct && before.place.rank == place.rank) acts.push_back(before.time);
    }
    if (kind == Kind::kAct && acts.size() >= 4) {
      std::sort(acts.begin(), acts.end(), std::greater<>());
      time = std::max(time, acts[3] + t_.t_faw);
    }
    return time;
  }

  /// -1: closed.
  std::int64_t open_row(const Place& place) const {
    for (auto c = log_.rbegin(); c != log_.rend(); ++c) {
      if (c->kind == Kind::kRefresh && concerns(*c, place)) return -1;
      if (!same_bank(c->place, place)) continue;
      if (c->kind == Kind::kPre) return -1;
      if (c->kind == Kind::kAct) return c->place.row;
    }
    return -1;
  }

  static std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

  /// Equal parts of an interval for the banks, in turn in all ranks.
  std::int64_t due_time(std::int64_t rank, std::int64_t number) const {
    const bool one = c_.device.refresh == DramRefresh::kPerBank;
    const std::int64_t parts = (one ? c_.banks_per_rank() : 1) * c_.num_ranks;
    return t_.t_refi * (number * c_.num_ranks + rank + 1) / parts;
  }

  /// Which bank a per-bank refresh takes: of those left idle ones before others and `wanted` last;
  /// idle ones used late first, others used early first.
  Place chosen_bank(const std::vector<Place>& left, const Place& wanted) const {
    const std::int64_t due = due_[index(wanted.rank)];
    const auto last_use = [this](const Place& p) {
      std::int64_t time = -(std::int64_t{1} << 40);
      for (const Use& use : uses_)
        if (same_bank(use.place, p)) time = use.time;
      return time;
    };
    const auto better = [&](const Place& a, const Place& b) {
      const auto level = [&](const Place& p) {
        return same_bank(p, wanted) ? 2 : last_use(p) >= due - t_.t_rc ? 1 : 0;
      };
      if (level(a) != level(b)) return level(a) < level(b);
      return level(a) == 0 ? last_use(a) > last_use(b) : last_use(a) < last_use(b);
    };
    Place best = left.front();
    for (const Place& p : left)
      if (better(p, best)) best = p;
    return best;
  }

  void refresh(const Place& wanted) {
    Rank& rank = ranks_[index(wanted.rank)];
    const DramDevice& d = c_.device;
    std::vector<Place> open;
    Place refreshed = wanted;
    if (rank.left.empty()) {
      for (std::int64_t group = 0; group < d.num_bank_groups; ++group)
        for (std::int64_t bank = 0; bank < d.banks_per_group; ++bank)
          rank.left.push_back({wanted.rank, group, bank, 0});
    }
    if (d.refresh == DramRefresh::kPerBank) {
      refreshed = chosen_bank(rank.left, wanted);
      std::erase_if(rank.left, [&](const Place& p) { return same_bank(p, refreshed); });
      if (open_row(refreshed) >= 0) open.push_back(refreshed);
    } else {
      for (const Place& p : rank.left)
        if (open_row(p) >= 0) open.push_back(p);
    }
    std::int64_t& due = due_[index(wanted.rank)];
    for (std::int64_t now = due, free = now; !open.empty(); ++now) {
      if (now < free) continue;
      const auto ready = std::find_if(
          open.begin(), open.end(), [&](const Place& p) { return earliest(Kind::kPre, p) <= now; });
      if (ready == open.end()) continue;
      log_.push_back({Kind::kPre, *ready, now});
      open.erase(ready);
      free = now + std::max<std::int64_t>(1, t_.t_ppd);
    }
    log_.push_back({Kind::kRefresh, refreshed, std::max(due, earliest(Kind::kRefresh, refreshed))});
    due = due_time(wanted.rank, ++rank.num_refreshes);
    forget();
  }

  std::int64_t serve(const Place& place, bool write, std::int64_t arrive, bool& hit) {
    const auto before = static_cast<std::int64_t>(columns_.size()) - StreamChannel::kWindow;
    if (before >= 0) arrive = std::max(arrive, columns_[static_cast<std::size_t>(before)] + 1);
    const std::int64_t enter = arrive + 1;
    const Kind column = write ? Kind::kWrite : Kind::kRead;
    for (;;) {
      const std::int64_t row = open_row(place);
      const Kind kind = row == place.row ? column : row >= 0 ? Kind::kPre : Kind::kAct;
      if (kind != column) hit = hit && kind == Kind::kPre;
      const std::int64_t time = std::max(enter, earliest(kind, place));
      if (time >= due_[index(place.rank)]) {
        refresh(place);
        continue;
      }
      log_.push_back({kind, place, time});
      if (kind != column) continue;
      columns_.push_back(time);
      uses_.push_back({place, time});
      return time + (write ? t_.t_cwl : t_.t_cl) + c_.burst_cycles();
    }
  }

  /// Drops what can no longer bind, or the log would grow without end: behind a bank's last ACT,
  /// PRE or refresh, and old.
  void forget() {
    if (log_.size() < 600) return;
    std::int64_t horizon = 4 * c_.burst_cycles() + t_.t_rfc + t_.t_rfc_pb + t_.t_refi;
    std::int64_t newest = 0;
    for (const Command& c : log_) newest = std::max(newest, c.time);
    std::vector<Command> kept;
    for (std::size_t i = 0; i < log_.size(); ++i) {
      const Command& c = log_[i];
      const bool opens = c.kind == Kind::kAct && open_row(c.place) == c.place.row;
      if (opens || c.time >= newest - horizon) kept.push_back(c);
    }
    log_ = kept;
  }

  const BankedDramConfig c_;
  const DramTimings t_;
  std::vector<std::int64_t> due_;
  std::vector<Command> log_;
  std::vector<Use> uses_;
  std::vector<std::int64_t> columns_;
  std::vector<Rank> ranks_;
};

}  // namespace tilewake
