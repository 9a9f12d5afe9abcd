// SPDX-License-Identifier: Apache-2.0
// The only file that uses c10d. Gloo's headers are a separate package: libgloo-dev of Debian.
#include "nas/training/ranks.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "simulator/common/version.hpp"

#if __has_include(<gloo/rendezvous/store.h>) && \
    __has_include(<torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>)
#define TILEWAKE_HAS_GLOO
#ifndef USE_C10D_GLOO
#define USE_C10D_GLOO  // LibTorch's package does not set what its headers are guarded by
#endif
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Woverloaded-virtual"
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#pragma GCC diagnostic pop
#endif

namespace tilewake {

#ifdef TILEWAKE_HAS_GLOO
namespace {

using RankClock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr auto kBeat = std::chrono::seconds(1);
constexpr auto kMaxSilence = std::chrono::seconds(Ranks::kMaxSilenceSeconds);
// Of a collective: a limit for what no heartbeat shows, such as ranks that call different ones.
constexpr auto kCollectiveTimeout = Milliseconds(std::chrono::hours(1));

/// The first line of an error of LibTorch, whose other lines are a stack.
std::string cause_of(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

/// LibTorch 2.4 and later serve through libuv by default, and fail where they were built without
/// it, as Debian's are. 1.13 has no such option.
template <typename Options>
void without_libuv(Options& options) {
  if constexpr (requires { options.useLibUV; }) options.useLibUV = false;
}

/// A connection to the store of the job: a server of keys and values in rank 0, or in torchrun.
c10::intrusive_ptr<c10d::Store> connected_store(const RankEnvironment& environment,
                                                bool is_server) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(environment.port);
  options.isServer = is_server;
  options.waitWorkers = false;
  options.timeout = Milliseconds(std::chrono::seconds(environment.join_seconds));
  without_libuv(options);
  return c10::make_intrusive<c10d::PrefixStore>(
      "tilewake" + environment.store_prefix,
      c10::make_intrusive<c10d::TCPStore>(environment.host, options));
}

/// Counts up a key of this rank, and watches those of others: rank 0 all of them, the others rank
/// 0, which ends if it loses one.
class Heartbeat {
 public:
  explicit Heartbeat(const RankEnvironment& environment)
      : state_(std::make_shared<State>()),
        thread_([state = state_, environment] { run(*state, environment); }) {}

  /// @param is_stuck  do not wait for the thread, which may wait for a machine that is gone
  void end(bool is_stuck) {
    if (!thread_.joinable()) return;
    {
      const std::lock_guard lock(state_->mutex);
      state_->is_ending = true;
    }
    state_->changed.notify_all();
    is_stuck ? thread_.detach() : thread_.join();
  }
  ~Heartbeat() { end(/*is_stuck=*/true); }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  /// Which rank does not answer, and why.
  std::optional<std::string> lost() const {
    const std::lock_guard lock(state_->mutex);
    if (!state_->error.empty()) return state_->error;
    const RankClock::time_point now = RankClock::now();
    if (now - state_->last_round > kMaxSilence) return "rank 0 does not answer";
    for (const Watched& watched : state_->watched) {
      if (now - watched.last_change > kMaxSilence)
        return fmt::format("rank {} does not answer", watched.rank);
    }
    return {};
  }

 private:
  struct Watched {
    int rank = 0;
    std::int64_t beats = -1;
    RankClock::time_point last_change = RankClock::now();
  };
  struct State {
    std::mutex mutex;
    std::condition_variable changed;
    bool is_ending = false;
    std::string error;
    RankClock::time_point last_round = RankClock::now();
    std::vector<Watched> watched;
  };

  static std::string key_of(int rank) { return fmt::format("beats of rank {}", rank); }

  static void run(State& state, const RankEnvironment& environment) {
    try {
      // A separate connection: the functions of a store block each other.
      const auto store = connected_store(environment, /*is_server=*/false);
      std::vector<Watched> watched;
      for (int rank = 0; rank < environment.world_size; ++rank) {
        if (rank != environment.rank && (environment.rank == 0 || rank == 0))
          watched.push_back({rank, -1, RankClock::now()});
      }
      std::unique_lock lock(state.mutex);
      while (!state.is_ending) {
        lock.unlock();
        store->add(key_of(environment.rank), 1);
        for (Watched& one : watched) {
          const std::int64_t beats = store->add(key_of(one.rank), 0);
          if (beats == one.beats) continue;
          one.beats = beats;
          one.last_change = RankClock::now();
        }
        lock.lock();
        state.last_round = RankClock::now();
        state.watched = watched;
        state.changed.wait_for(lock, kBeat, [&state] { return state.is_ending; });
      }
    } catch (const std::exception&) {
      const std::lock_guard lock(state.mutex);
      state.error = "rank 0 (or torchrun) closed its connection";
    }
  }

  std::shared_ptr<State> state_;  // outlives a detached thread
  std::thread thread_;
};

}  // namespace

/// The process group. After an error it is not destroyed: Gloo would wait for the operation.
class Ranks::Group {
 public:
  explicit Group(const RankEnvironment& environment) : environment_(environment) {
    // c10d warns of addresses that it tries in vain, on standard error.
    ::setenv("TORCH_CPP_LOG_LEVEL", "ERROR", /*overwrite=*/0);
    const bool is_server = environment.rank == 0 && !environment.has_agent_store;
    try {
      store_ = connected_store(environment, is_server);
    } catch (const std::exception& error) {
      if (is_server) {
        throw InputError(
            fmt::format("MASTER_PORT: rank 0 cannot serve at port {}; use a free port ({})",
                        environment.port, cause_of(error)));
      }
      throw InputError(fmt::format(
          "MASTER_ADDR, MASTER_PORT: rank {} cannot reach {}:{} within {} s; start all {} ranks, "
          "or use --distributed off ({})",
          environment.rank, environment.host, environment.port, environment.join_seconds,
          environment.world_size, cause_of(error)));
    }
    wait_for_all();
    check_sizes();
    heartbeat_.emplace(environment);
    try {
      // LibTorch 2.6: the class is a Backend instead of a ProcessGroup, with the same functions.
      const auto options = c10d::ProcessGroupGloo::Options::create(kCollectiveTimeout);
      options->devices.push_back(device_of_host());
      options->threads = 1;
      group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store_, environment.rank,
                                                           environment.world_size, options);
    } catch (const std::exception& error) {
      throw RankLost(
          fmt::format("rank {}: cannot connect to the other ranks: {}; "
                      "GLOO_SOCKET_IFNAME selects the network interface",
                      environment.rank, cause_of(error)));
    }
  }

  ~Group() {
    if (heartbeat_) heartbeat_->end(is_lost_);
    if (!is_lost_) return;
    group_.release();
    store_.release();
  }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  void sum(const std::vector<torch::Tensor>& tensors) {
    std::vector<c10::intrusive_ptr<c10d::Work>> works;
    start([&] {
      for (const torch::Tensor& tensor : tensors) {
        std::vector<torch::Tensor> one = {tensor};
        works.push_back(group_->allreduce(one, c10d::AllreduceOptions()));
      }
    });
    for (const auto& work : works) wait(*work);
  }

  void broadcast(torch::Tensor tensor) {
    c10::intrusive_ptr<c10d::Work> work;
    start([&] {
      std::vector<torch::Tensor> one = {std::move(tensor)};
      work = group_->broadcast(one, c10d::BroadcastOptions());  // from rank 0
    });
    wait(*work);
  }

 private:
  static std::string joined_key(int rank) { return fmt::format("rank {} joined", rank); }

  void wait_for_all() {
    std::vector<std::string> keys;
    for (int rank = 0; rank < environment_.world_size; ++rank) keys.push_back(joined_key(rank));
    try {
      const std::string size = std::to_string(environment_.world_size);
      store_->set(joined_key(environment_.rank),
                  std::vector<std::uint8_t>(size.begin(), size.end()));
      store_->wait(keys, Milliseconds(std::chrono::seconds(environment_.join_seconds)));
    } catch (const std::exception&) {
      std::vector<int> missing;
      try {
        for (int rank = 0; rank < environment_.world_size; ++rank) {
          if (!store_->check({joined_key(rank)})) missing.push_back(rank);
        }
      } catch (const std::exception&) {
        missing = {0};
      }
      throw InputError(fmt::format(
          "rank {}: of {} ranks (WORLD_SIZE, SLURM_NTASKS, OMPI_COMM_WORLD_SIZE), these did not "
          "join within {} s: {}; start all of them, set TILEWAKE_JOIN_SECONDS, or use "
          "--distributed off",
          environment_.rank, environment_.world_size, environment_.join_seconds,
          fmt::join(missing, ", ")));
    }
  }

  /// Other ranks may count on more or fewer of them, and have not come or will not.
  void check_sizes() {
    for (int rank = 0; rank < environment_.world_size; ++rank) {
      const std::vector<std::uint8_t> bytes = store_->get(joined_key(rank));
      const std::string size(bytes.begin(), bytes.end());
      if (size == std::to_string(environment_.world_size)) continue;
      throw InputError(fmt::format(
          "WORLD_SIZE (SLURM_NTASKS, OMPI_COMM_WORLD_SIZE): rank {} has {}, rank {} has {}; all "
          "ranks need the same number",
          environment_.rank, environment_.world_size, rank, size));
    }
  }

  /// GLOO_SOCKET_IFNAME as in PyTorch; otherwise the address of the host's name.
  std::shared_ptr<::gloo::transport::Device> device_of_host() const {
    const char* interface = std::getenv("GLOO_SOCKET_IFNAME");
    if (interface != nullptr && *interface != '\0')
      return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
    if (environment_.host == "127.0.0.1" || environment_.host == "localhost")
      return c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1");
    return c10d::ProcessGroupGloo::createDefaultDevice();
  }

  template <typename Function>
  void start(const Function& function) {
    try {
      function();
    } catch (const std::exception& error) {
      fail(cause_of(error));
    }
  }

  void wait(c10d::Work& work) {
    while (true) {
      try {
        work.wait(Milliseconds(kBeat));
        return;
      } catch (const std::exception& error) {
        if (work.isCompleted()) fail(cause_of(error));
        if (const auto lost = heartbeat_->lost()) fail(*lost);
      }
    }
  }

  [[noreturn]] void fail(const std::string& cause) {
    is_lost_ = true;
    throw RankLost(
        fmt::format("rank {} of {}: lost another rank, whose own message says why; if it was lost "
                    "while it ran, --resume "
                    "continues, also with another number of ranks ({})",
                    environment_.rank, environment_.world_size, cause));
  }

  RankEnvironment environment_;
  c10::intrusive_ptr<c10d::Store> store_;
  std::optional<Heartbeat> heartbeat_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;
  bool is_lost_ = false;
};

Ranks::Ranks(const RankEnvironment& environment)
    : environment_(environment), group_(std::make_unique<Group>(environment)) {}

void Ranks::sum(const std::vector<torch::Tensor>& tensors) { group_->sum(tensors); }

void Ranks::broadcast(std::string& text) {
  constexpr std::size_t kChunk = std::size_t{64} << 20;
  const torch::Tensor size = torch::tensor({static_cast<std::int64_t>(text.size())}, torch::kLong);
  group_->broadcast(size);
  text.resize(static_cast<std::size_t>(size.item<std::int64_t>()));
  for (std::size_t begin = 0; begin < text.size(); begin += kChunk) {
    const std::size_t count = std::min(kChunk, text.size() - begin);
    group_->broadcast(
        torch::from_blob(text.data() + begin, {static_cast<std::int64_t>(count)}, torch::kByte));
  }
}

#else

class Ranks::Group {};

Ranks::Ranks(const RankEnvironment& environment) : environment_(environment) {
  throw InputError(
      "this build trains in one process only: it was compiled without the headers of Gloo "
      "(Debian: libgloo-dev); install them and build again, or use --distributed off");
}

void Ranks::sum(const std::vector<torch::Tensor>& /*tensors*/) {}
void Ranks::broadcast(std::string& /*text*/) {}

#endif

Ranks::~Ranks() = default;

bool Ranks::any(bool value) {
  const torch::Tensor count = torch::tensor({value ? 1 : 0}, torch::kInt);
  sum({count});
  return count.item<int>() > 0;
}

void Ranks::check_same(const std::string& what, std::uint64_t hash) {
  const torch::Tensor hashes = torch::zeros({size()}, torch::kLong);
  auto* values = hashes.data_ptr<std::int64_t>();
  values[rank()] = static_cast<std::int64_t>(hash);
  sum({hashes});
  std::vector<int> differing;
  for (int i = 1; i < size(); ++i) {
    if (values[i] != values[0]) differing.push_back(i);
  }
  if (differing.empty()) return;
  throw RankLost(fmt::format(
      "rank {} of {}: {} of rank {} differ from those of rank 0: all ranks need the same program, "
      "the same files and the same kind of CPU (independent runs: --distributed off)",
      rank(), size(), what, fmt::join(differing, ", ")));
}

std::uint64_t hash_of(const std::vector<torch::Tensor>& tensors) {
  std::uint64_t hash = fnv1a64("");
  for (const torch::Tensor& tensor : tensors) {
    const torch::Tensor bytes = tensor.detach().to(torch::kCPU).contiguous();
    const auto count = static_cast<std::size_t>(bytes.numel()) * bytes.element_size();
    hash = fnv1a64({static_cast<const char*>(bytes.data_ptr()), count}, hash);
  }
  return hash;
}

}  // namespace tilewake
