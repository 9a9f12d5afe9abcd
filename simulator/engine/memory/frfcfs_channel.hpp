// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "simulator/engine/memory/address_map.hpp"
#include "simulator/engine/memory/channel_timing.hpp"

namespace tilewake {

/// One channel that serves open rows first, then the oldest (FR-FCFS), command by command.
///
/// Bursts wait in three stages. In each cycle at most one of them passes from one to the next, and
/// at most one column and one row command (ACT, PRE) are issued:
///
///   1. One burst, in order of arrival, enters the read queue or the write buffer, if that is not
///      full.
///   2. The oldest burst of the read queue whose bank has a place enters the command queue of its
///      bank. Writes pass instead while a batch of writes is drained. A batch begins when the write
///      buffer is full or the read queue is empty, and has the writes that are in the buffer then.
///   3. The banks take turns. A bank issues the first possible of: a column to the open row, the
///      oldest burst first; ACT for its oldest burst; PRE, if its oldest burst needs another row
///      and no burst of its queue needs the open one, or that had kMaxRowHits columns.
///
/// A read or write that has waited for kStarvationCycles ends or begins a batch. Cycles without a
/// possible step are skipped. The sizes are those of DRAMsim3.
class FrFcfsChannel {
 public:
  static constexpr std::size_t kQueueBursts = 32;            // reads; also writes
  static constexpr std::size_t kBankBursts = 8;              // commands of a bank
  static constexpr std::int64_t kMaxRowHits = 4;             // while another row is needed
  static constexpr std::int64_t kStarvationCycles = 10'000;  // memory clock cycles

  /// A burst was issued: its data are on the bus until `data_end`.
  struct Issued {
    std::int64_t run = 0;
    std::int64_t data_end = 0;
    bool row_hit = false;
  };

  explicit FrFcfsChannel(const BankedDramConfig& config);
  void reset();

  /// Adds `count` > 0 consecutive bursts from number `first` (modulo the capacity) that arrive at
  /// cycle `arrive`, in order, not before the time of advance(). `run` is an id of the caller.
  void add(std::int64_t run, std::int64_t first, std::int64_t count, bool write,
           std::int64_t arrive);
  /// Issues commands before cycle `end`, and appends issued bursts to `issued`.
  void advance(std::int64_t end, std::vector<Issued>& issued);

  /// The first cycle at which commands can still be issued.
  std::int64_t now() const { return now_; }
  const ChannelTiming& timing() const { return timing_; }

 private:
  struct Run {
    std::int64_t run = 0;
    std::int64_t next = 0;
    std::int64_t left = 0;
    std::int64_t arrive = 0;
    bool write = false;
  };
  struct Burst {
    std::int64_t run = 0;
    std::int64_t row = 0;
    std::int64_t entered = 0;
    int bank = 0;
    bool write = false;
    bool opened = false;  // its row was opened for it
  };
  using Queue = std::vector<Burst>;  // oldest first
  struct Bank {
    Queue queue;
    std::int64_t row_hits = 0;    // columns to the open row
    std::int64_t idle_until = 0;  // no command can be issued before; other banks only delay it
  };

  bool enter_one();
  bool schedule_one();
  void choose_direction();
  void refresh_what_is_due();
  /// Issues the commands of this cycle; without any, returns a cycle before which none is possible.
  std::int64_t issue(std::vector<Issued>& issued);
  enum class Commands { kAll, kRows, kColumns };
  std::int64_t issue_one(Commands commands, std::vector<Issued>& issued);
  std::int64_t issue_from(int bank, Commands commands, std::vector<Issued>& issued);

  AddressMap map_;
  ChannelTiming timing_;
  int banks_per_rank_ = 1;
  std::deque<Run> runs_;
  Queue reads_;
  Queue writes_;
  std::size_t num_draining_ = 0;  // writes left in the batch
  std::vector<Bank> banks_;
  std::size_t num_commands_ = 0;  // in the queues of all banks
  std::size_t last_bank_ = 0;     // that issued a command
  std::int64_t now_ = 1;
};

}  // namespace tilewake
