// SPDX-License-Identifier: Apache-2.0
#include "nas/cli/distributed_run.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nas/cli/nas_options.hpp"
#include "nas/cli/search_directory.hpp"
#include "nas/training/checkpoint.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/version.hpp"

namespace tilewake {
namespace {

std::string new_private_directory(int rank) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
  std::string name = (parent / fmt::format("tilewake-rank-{}-XXXXXX", rank)).string();
  if (error || ::mkdtemp(name.data()) == nullptr) {
    throw IoError(fmt::format("{}: cannot create a temporary directory: {}", name,
                              error ? error.message() : std::strerror(errno)));
  }
  return name;
}

}  // namespace

DistributedRun::DistributedRun(const std::string& mode, const Arguments& arguments) {
  check_word("--distributed", mode, {"auto", "off"});
  if (mode == "off") return;
  const std::optional<RankEnvironment> environment =
      rank_environment([](const char* name) { return std::getenv(name); });
  if (!environment) return;
  ranks_ = std::make_unique<Ranks>(*environment);
  local_rank_ = environment->local_rank;
  local_size_ = std::max(environment->local_size, 1);
  ranks_->check_same("the version or the arguments",
                     fnv1a64(fmt::format("{}\n{}", kVersion, fmt::join(arguments, "\n"))));
  if (!ranks_->is_first()) private_directory_ = new_private_directory(ranks_->rank());
}

DistributedRun::~DistributedRun() { remove_private_files(); }

void DistributedRun::remove_private_files() {
  std::error_code error;
  if (!private_directory_.empty()) std::filesystem::remove_all(private_directory_, error);
}

std::string DistributedRun::directory(const std::string& out) const {
  if (private_directory_.empty()) return out;
  // The same name: a network is named after the directory of its run.
  const auto path = std::filesystem::absolute(out).lexically_normal();
  const auto name = (path.has_filename() ? path : path.parent_path()).filename();
  return (std::filesystem::path(private_directory_) / name).string();
}

torch::Device DistributedRun::device(torch::Device chosen) const {
  if (ranks_ == nullptr || !chosen.is_cuda()) return chosen;
  const auto num_devices = static_cast<int>(torch::cuda::device_count());
  if (local_rank_ >= num_devices) {
    throw InputError(
        fmt::format("LOCAL_RANK: rank {} is number {} on its machine, which has {} GPUs",
                    ranks_->rank(), local_rank_, num_devices));
  }
  return {torch::kCUDA, static_cast<torch::DeviceIndex>(local_rank_)};
}

void DistributedRun::share_files(const std::string& directory) const {
  if (ranks_ == nullptr) return;
  std::vector<std::string> names;
  if (is_first()) {
    names.emplace_back(RunManifest::kFileName);
    const RunManifest manifest = search_manifest(directory);
    for (const std::string& name : manifest.listed()) {
      if (std::filesystem::exists(directory + "/" + name)) names.push_back(name);
    }
  }
  std::string number = std::to_string(names.size());
  share(number);
  names.resize(std::stoul(number));
  for (std::string& name : names) {
    share(name);
    const std::string path = directory + "/" + name;
    std::string text;
    if (is_first()) text = read_text_file(path, kMaxCheckpointBytes);
    share(text);
    if (is_first()) continue;
    make_directory_of(path);
    write_file_atomically(path, text);
  }
}

void DistributedRun::share(std::string& text) const {
  if (ranks_ != nullptr) ranks_->broadcast(text);
}

}  // namespace tilewake
