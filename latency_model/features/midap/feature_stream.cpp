// SPDX-License-Identifier: Apache-2.0
#include "latency_model/features/midap/feature_stream.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "latency_model/features/midap/pass_timing.hpp"
#include "simulator/common/math.hpp"

namespace tilewake::midap {
namespace {

/// Limit of fragments on chip or in flight; machines with more banks are treated as if they had
/// this many.
constexpr std::int64_t kMaxBanks = 32;
/// Maximum number of steps in a period.
constexpr std::int64_t kMaxPeriod = 4;
constexpr std::int64_t kNone = 0;
constexpr std::int64_t kNumMarks = 2 * kMaxPeriod;
/// Times that differ by less are equal, in cycles.
constexpr double kSame = 1e-3;

class Streamer {
 public:
  Streamer(const FeatureStream& stream, bool extrapolate)
      : s_(stream),
        extrapolate_(extrapolate),
        bus_(stream.queue),
        remaining_(stream.remaining),
        fixed_(stream.output_fixed) {
    const std::int64_t resident = std::min(s_.resident, kMaxBanks - 1);
    free_ = std::min(s_.banks, kMaxBanks - 1) - resident;
    tail_ = std::min(resident * s_.bank_columns, s_.in_columns);
    for (; loaded_ < resident; ++loaded_)
      at(loaded_) = {loaded_ * s_.bank_columns,
                     std::min((loaded_ + 1) * s_.bank_columns, s_.in_columns), 0.0};
  }

  StreamTimes run() {
    start();
    while (processed_columns_ < s_.in_columns && !result_.stuck) {
      if (may_load()) {
        request_loads();
      } else if (ready_to_compute()) {
        compute();
        request_loads();
        if (extrapolate_) skip_periods();
      }
    }
    result_.end = now_;
    result_.bus_free = bus_;
    result_.kept = mapped_;
    return result_;
  }

 private:
  struct Fragment {
    std::int64_t head = 0;
    std::int64_t tail = 0;
    double arrival = 0.0;
  };
  /// State at the end of a step, to detect a repetition.
  struct Mark {
    double now = 0.0;
    double bus = 0.0;
    double wait = 0.0;
    std::int64_t processed = 0;
    std::int64_t columns = 0;  // computed from
    std::int64_t tail = 0;     // loaded
    std::int64_t pending = -1;
    std::int64_t mapped = 0;
    std::int64_t loads = 0;
    std::int64_t bubbles = 0;
    double under_way = 0.0;  // sum of the times until pending fragments arrive
  };

  Fragment& at(std::int64_t k) { return fragments_[static_cast<std::size_t>(k % kMaxBanks)]; }
  const Fragment& at(std::int64_t k) const {
    return fragments_[static_cast<std::size_t>(k % kMaxBanks)];
  }

  void wait_until(double time) {
    if (time <= now_) return;
    result_.wait += time - now_;
    now_ = time;
  }

  /// Output fragments that need a bank once everything up to column `tail` is computed.
  std::int64_t banks_needed(std::int64_t tail, bool next_on_chip, std::int64_t wanted) const {
    std::int64_t last = s_.out_columns - 1;
    if (tail < s_.in_columns) {
      const std::int64_t x = tail - 1 + s_.pad - (next_on_chip ? 0 : s_.reach);
      last = std::min(floor_div(x, s_.stride), last);
    }
    if (!s_.reverse) return last < 0 ? 0 : std::min(wanted, last / s_.out_bank_columns + 1);
    const std::int64_t stored = s_.out_columns - 1 - last;
    return std::max<std::int64_t>(wanted - stored / s_.out_bank_columns, 0);
  }

  /// Requests issued before the first computation.
  void start() {
    while (loaded_ == 0 && !result_.stuck) {
      request_loads();
      if (loaded_ == 0) ready_to_compute();
    }
    result_.bubbles = result_.loads;
    delay_in_flight(s_.first_weights, s_.first_weights_begin);
    result_.first_arrival = loaded_ > 0 ? at(0).arrival : 0.0;
    if (!s_.as_planned) now_ = s_.start;
  }

  /// Banks that are not reserved: input that is loaded to stay reserves its own.
  std::int64_t usable() const {
    return s_.usable - (std::min(s_.reserved, loaded_) - std::min(s_.reserved, s_.resident));
  }

  std::int64_t output_banks(std::int64_t remaining) const {
    return std::clamp<std::int64_t>(usable() - remaining, 0, s_.out_fragments);
  }

  /// Whether input is left to load and the output leaves a bank for it.
  bool may_load() const {
    if (tail_ >= s_.in_columns || free_ <= 0) return false;
    if (fixed_) return true;
    const bool any_pending = processed_ < loaded_;
    const std::int64_t first =
        any_pending ? at(processed_).tail : std::min(tail_ + s_.bank_columns, s_.in_columns);
    return free_ - 1 >= banks_needed(first, any_pending, output_banks(remaining_)) - mapped_;
  }

  /// Issues all permitted requests. The banks released by the last computation became free one by
  /// one during its last pass.
  void request_loads() {
    const std::int64_t before = result_.loads;
    while (may_load()) {
      const bool released_just_now = num_reused_ < num_released_;
      load(released_just_now ? released_[static_cast<std::size_t>(num_reused_)] : now_);
      if (released_just_now && ++num_reused_ == num_released_) ++result_.bubbles;
    }
    if (s_.as_planned && result_.loads > before) now_ += 1.0;
  }

  void load(double when) {
    std::int64_t from = tail_;
    if ((s_.tiles ? loaded_ > 0 : loaded_ == processed_ && processed_ > 0) && s_.reach > 0) {
      // Windows across the boundary need the columns before it again.
      from = std::max<std::int64_t>(tail_ - s_.reach, 0);
      from = std::min(ceil_div(from - s_.pad, s_.stride) * s_.stride + s_.pad, tail_);
    }
    const std::int64_t tail = std::min(std::max(from + s_.bank_columns, tail_ + 1), s_.in_columns);
    const auto columns = static_cast<double>(tail - from);
    const double share = columns / static_cast<double>(s_.bank_columns);
    bus_ = std::max(when + s_.latency * share, bus_) + columns * s_.column_load;
    idle_rounds_ = 0;
    at(loaded_++) = {from, tail, bus_};
    tail_ = tail;
    --free_;
    ++result_.loads;
  }

  /// Weights overtake the features in flight.
  void delay_in_flight(double cycles, double begin) {
    for (std::int64_t k = processed_; k < loaded_; ++k)
      if (at(k).arrival > begin) at(k).arrival += cycles;
    if (result_.loads > 0 && bus_ > begin) bus_ += cycles;
  }

  /// Assigns free banks to the output. If they are too few for the next computation, the output
  /// keeps only the banks that it has; written in reverse, it restarts with one bank less. Returns
  /// false if nothing can be computed before another event.
  bool ready_to_compute() {
    // More rounds than there are banks to move between input and output: no progress is possible.
    if (++idle_rounds_ > 2 * kMaxBanks) result_.stuck = true;
    const bool any_pending = processed_ < loaded_;
    if (any_pending && !holds_a_window()) {
      ++remaining_;
      return false;
    }
    if (!fixed_) {
      const std::int64_t wanted = output_banks(s_.tight ? remaining_ : 0);
      claim(wanted - mapped_);
      if (mapped_ >= wanted) {
        fixed_ = true;
      } else if (!any_pending ||
                 banks_needed(at(processed_).tail, loaded_ > processed_ + 1, wanted) > mapped_) {
        start_over();
        return false;
      }
    }
    // No input to compute from, and no bank to load it into.
    if (!any_pending && free_ <= 0) result_.stuck = true;
    return any_pending;
  }

  bool holds_a_window() const {
    const std::int64_t head = at(processed_).head;
    const std::int64_t tail = at(loaded_ - 1).tail;
    return tail == s_.exempt_tail ||
           tail - head + (head == 0 ? s_.window_pad : 0) >= s_.window_columns;
  }

  void claim(std::int64_t banks) {
    const std::int64_t given = std::max<std::int64_t>(std::min(free_, banks), 0);
    mapped_ += given;
    free_ -= given;
  }

  void start_over() {
    fixed_ = !s_.reverse;
    if (fixed_) return;
    free_ += std::exchange(mapped_, 0);
    ++remaining_;
    const std::int64_t held = usable() - free_;
    if (remaining_ < held) return;
    fixed_ = true;
    claim(output_banks(held));
  }

  /// Number of pending fragments that one computation takes: those that have arrived and whose
  /// outputs have a bank, except the one requested last.
  std::int64_t batch_size() const {
    if (!s_.batches) return 1;
    const std::int64_t pending = loaded_ - processed_;
    const std::int64_t most = tail_ < s_.in_columns ? pending - 1 : pending;
    const double begin = std::max(now_, at(processed_).arrival);
    std::int64_t size = 1;
    for (; size < most; ++size) {
      const Fragment& next = at(processed_ + size);
      const auto columns = static_cast<double>(at(processed_ + size - 1).tail - processed_columns_);
      if (next.arrival > begin + columns * s_.column_compute / s_.passes) break;
      if (!fixed_ && banks_needed(next.tail, size + 1 < pending,
                                  output_banks(s_.tight ? remaining_ : 0)) > mapped_)
        break;
    }
    return size;
  }

  void compute() {
    idle_rounds_ = 0;
    const std::int64_t end = processed_ + batch_size();
    if (s_.as_planned) {
      now_ += 1.0;
      if (processed_ == 0) wait_until(s_.start);
    }
    wait_until(at(processed_).arrival);
    const std::int64_t tail = at(end - 1).tail;
    const double pass_cycles = s_.column_compute / s_.passes;
    const auto columns = static_cast<double>(tail - processed_columns_);
    const double slots = columns * s_.column_compute;
    const bool weights = s_.weight_transfer > 0.0 && !(s_.weights_stay && processed_ > 0);
    const double passes = s_.pass_per_column ? columns : s_.passes;
    double cycles = slots;
    if (weights && !s_.pass_per_column) {
      // A pass over few columns ends before the weights of the next one arrive.
      cycles = passes * cycles_per_pass({slots / passes, s_.weight_latency, s_.weight_transfer});
    }
    if (!s_.as_planned && !s_.tiles && end < loaded_) {
      // Windows that reach into the next fragment need it in the first pass.
      const std::int64_t corner =
          (floor_div(tail - 1 - s_.reach + s_.pad, s_.stride) + 1) * s_.stride - s_.pad;
      // A single window processes the columns one by one.
      const std::int64_t first = s_.out_columns == 1 ? tail : corner;
      const auto before = static_cast<double>(std::max(first - processed_columns_, kNone));
      if (corner < tail) wait_until(at(end).arrival - before * pass_cycles);
    }
    // The very first request is counted separately: `first_weights`.
    const double requests = processed_ == 0 && !s_.pass_per_column ? passes - 1.0 : passes;
    if (weights) share_bus(cycles, requests * s_.weight_transfer / cycles, end);
    now_ += cycles;
    result_.wait += cycles - slots;
    result_.last_share = columns / static_cast<double>(s_.in_columns);
    num_released_ = num_reused_ = 0;
    for (; processed_ < end; ++processed_) {
      processed_columns_ = at(processed_).tail;
      if (processed_ < s_.reserved) continue;
      ++free_;
      const auto left = static_cast<double>(tail - processed_columns_);
      released_[static_cast<std::size_t>(num_released_++)] =
          s_.as_planned ? now_ : now_ - left * pass_cycles;
    }
  }

  /// While computing, weights take their share of the bus from the features in flight.
  void share_bus(double cycles, double share, std::int64_t end) {
    if (share <= 0.0) return;
    share = std::min(share, 1.0);
    const auto delayed = [&](double arrival) {
      const double left = arrival - now_;
      if (left <= 0.0) return arrival;
      return left < cycles * (1.0 - share) ? now_ + left / (1.0 - share) : arrival + share * cycles;
    };
    for (std::int64_t k = end; k < loaded_; ++k) at(k).arrival = delayed(at(k).arrival);
    bus_ = delayed(bus_);
  }

  /// Number of columns that can be computed before any discrete state changes.
  std::int64_t columns_until_change() const {
    std::int64_t end = s_.in_columns;
    if (!fixed_) {
      const std::int64_t tail = processed_ < loaded_ ? at(processed_).tail : tail_;
      // The output column that starts the next output fragment, and the input column it needs.
      const std::int64_t last = floor_div(tail - 1 + s_.pad, s_.stride);
      std::int64_t next = (last / s_.out_bank_columns + 1) * s_.out_bank_columns;
      if (s_.reverse) {
        const std::int64_t stored = s_.out_columns - 1 - last;
        next = s_.out_columns - stored / s_.out_bank_columns * s_.out_bank_columns;
      }
      end = std::min(end, next * s_.stride - s_.pad);
    }
    return end - s_.bank_columns - tail_;
  }

  /// Skips periods: if the last steps repeated the ones before them, the next ones do too.
  void skip_periods() {
    Mark mark{now_,
              bus_,
              result_.wait,
              processed_,
              processed_columns_,
              loaded_ - processed_,
              mapped_,
              result_.loads,
              result_.bubbles};
    for (std::int64_t k = processed_; k < loaded_; ++k)
      mark.under_way += std::max(at(k).arrival - now_, 0.0);
    for (std::int64_t period = 1; period <= std::min(num_marks_ / 2, kMaxPeriod); ++period) {
      const Mark& before = mark_ago(period);
      if (!repeats(mark_ago(2 * period), before, mark)) continue;
      const std::int64_t columns = mark.columns - before.columns;
      const std::int64_t count = columns > 0 ? columns_until_change() / columns : 0;
      if (count > 0) jump(before, mark, count);
      break;
    }
    if (std::exchange(jumped_, false)) {
      num_marks_ = 0;  // marks before and after the jump are not comparable
    } else {
      marks_[static_cast<std::size_t>(num_marks_++ % kNumMarks)] = mark;
    }
  }

  const Mark& mark_ago(std::int64_t steps) const {
    return marks_[static_cast<std::size_t>((num_marks_ - steps) % kNumMarks)];
  }

  /// Whether the steps from b to c had the same effect as those from a to b.
  static bool repeats(const Mark& a, const Mark& b, const Mark& c) {
    const auto same = [](double x, double y) { return std::abs(x - y) < kSame; };
    const auto ahead = [](double time, const Mark& mark) { return std::max(time - mark.now, 0.0); };
    return a.pending == b.pending && b.pending == c.pending && a.mapped == b.mapped &&
           b.mapped == c.mapped && b.columns - a.columns == c.columns - b.columns &&
           c.tail - b.tail == c.columns - b.columns &&
           c.processed - b.processed == c.loads - b.loads && same(b.now - a.now, c.now - b.now) &&
           same(ahead(b.bus, b), ahead(c.bus, c)) && same(b.under_way, c.under_way);
  }

  void jump(const Mark& from, const Mark& to, std::int64_t count) {
    const auto times = static_cast<double>(count);
    const double cycles = times * (to.now - from.now);
    const std::int64_t columns = count * (to.columns - from.columns);
    const std::int64_t fragments = count * (to.processed - from.processed);
    std::array<Fragment, kMaxBanks> moved{};
    for (std::int64_t k = processed_; k < loaded_; ++k)
      moved[static_cast<std::size_t>((k + fragments) % kMaxBanks)] = {
          at(k).head + columns, at(k).tail + columns, at(k).arrival + cycles};
    fragments_ = moved;
    now_ += cycles;
    bus_ += cycles;
    processed_ += fragments;
    loaded_ += fragments;
    processed_columns_ += columns;
    tail_ += columns;
    result_.wait += times * (to.wait - from.wait);
    result_.loads += count * (to.loads - from.loads);
    result_.bubbles += count * (to.bubbles - from.bubbles);
    jumped_ = true;
  }

  const FeatureStream& s_;
  const bool extrapolate_;
  double now_ = 0.0;
  double bus_;
  std::int64_t remaining_;              // banks that stay for input
  bool fixed_;                          // the number of output banks is final
  std::int64_t free_ = 0;               // banks
  std::int64_t mapped_ = 0;             // output fragments with a bank
  std::int64_t loaded_ = 0;             // fragments
  std::int64_t processed_ = 0;          // fragments
  std::int64_t tail_ = 0;               // columns loaded
  std::int64_t processed_columns_ = 0;  // columns computed from
  std::array<Fragment, kMaxBanks> fragments_;
  std::array<double, kMaxBanks> released_;
  std::int64_t num_released_ = 0;
  std::int64_t num_reused_ = 0;
  std::int64_t idle_rounds_ = 0;  // since the last load or computation
  std::array<Mark, kNumMarks> marks_;
  std::int64_t num_marks_ = 0;
  bool jumped_ = false;
  StreamTimes result_;
};

}  // namespace

StreamTimes run_stream(const FeatureStream& stream, bool extrapolate) {
  const bool all_there = stream.resident * stream.bank_columns >= stream.in_columns;
  const bool fits = stream.output_fixed ||
                    (!stream.tight && stream.out_fragments <= stream.banks - stream.resident &&
                     stream.out_fragments <= stream.usable);
  if (!all_there || !fits) return Streamer(stream, extrapolate).run();
  // The common case: nothing to load, and space for the whole output.
  StreamTimes times;
  times.end = stream.start + static_cast<double>(stream.in_columns) * stream.column_compute;
  times.bus_free = stream.queue;
  times.kept = stream.output_fixed ? 0 : stream.out_fragments;
  if (!stream.batches && stream.in_columns > 0) {
    const std::int64_t last = (stream.in_columns - 1) % stream.bank_columns + 1;
    times.last_share = static_cast<double>(last) / static_cast<double>(stream.in_columns);
  }
  return times;
}

}  // namespace tilewake::midap
