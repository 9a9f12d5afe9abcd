// SPDX-License-Identifier: Apache-2.0
#include "latency_model/trace_cache.hpp"

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/version.hpp"
#include "simulator/network/network_yaml.hpp"
#include "simulator/trace/trace_csv.hpp"

namespace tilewake {
namespace {

namespace fs = std::filesystem;

std::uint64_t hash_of(const Network& network) {
  std::ostringstream text;
  write_network(text, network);
  return fnv1a64(text.str());
}

/// The rows as stored in the file, where the network name is made of the two hashes.
std::vector<TraceRow> stored(std::uint64_t network_hash, std::vector<TraceRow> rows,
                             const std::string& version) {
  for (TraceRow& row : rows) {
    row.network = fmt::format("n{:016x}", network_hash);
    row.version = version;
  }
  const std::string name = fmt::format("n{:016x}.{:016x}", network_hash, fnv1a64(trace_csv(rows)));
  for (TraceRow& row : rows) row.network = name;
  return rows;
}

/// The network hash in such a name; 0 if there is none.
std::uint64_t network_hash_in(const std::string& name) {
  return name.starts_with('n') ? std::strtoull(name.c_str() + 1, nullptr, 16) : 0;
}

std::string directory_in(const char* variable, const char* below) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return "";
  return (fs::path(value) / below).string();
}

}  // namespace

TraceCache::TraceCache(const std::string& path, const std::string& machine,
                       const std::string& version)
    : path_(path), machine_(machine), version_(version) {
  std::error_code error;
  if (!fs::exists(path_, error)) return;
  try {
    read();
  } catch (const InputError& e) {
    entries_.clear();
    num_rows_ = 0;
    warning_ = fmt::format("{}; simulating again", e.what());
  }
}

void TraceCache::read() {
  std::error_code error;
  if (fs::is_regular_file(path_, error) && fs::file_size(path_, error) > kMaxBytes) {
    throw InputError(fmt::format("{}: larger than {} bytes", path_, kMaxBytes));
  }
  TraceFile file = read_trace(path_);
  for (std::size_t i = 0; i < file.rows.size();) {
    const std::string name = file.rows[i].network;
    std::vector<TraceRow> rows;
    for (; i < file.rows.size() && file.rows[i].network == name; ++i) {
      if (file.rows[i].machine != machine_) file.fail(i, "machine", "is not " + machine_);
      if (file.rows[i].version != version_) {
        file.fail(i, "version", "is of another build");
      }
      rows.push_back(std::move(file.rows[i]));
    }
    const std::uint64_t hash = network_hash_in(name);
    rows = stored(hash, std::move(rows), version_);
    if (rows.front().network != name) {
      file.rows[i - 1].network = name;
      file.fail(i - 1, "network", "the rows of this network are damaged");
    }
    if (num_rows_ + rows.size() <= kMaxRows) insert(hash, {std::move(rows), false});
  }
}

void TraceCache::insert(std::uint64_t hash, Entry entry) {
  Entry& place = entries_[hash];
  num_rows_ += entry.rows.size() - place.rows.size();
  place = std::move(entry);
}

void TraceCache::drop_unused() {
  std::erase_if(entries_, [this](const auto& item) {
    const Entry& entry = item.second;
    if (!entry.is_used) num_rows_ -= entry.rows.size();
    return !entry.is_used;
  });
}

std::optional<std::vector<TraceRow>> TraceCache::find(const Network& network) {
  const auto found = entries_.find(hash_of(network));
  if (found == entries_.end()) return std::nullopt;
  found->second.is_used = true;
  std::vector<TraceRow> rows = found->second.rows;
  for (TraceRow& row : rows) {
    row.network = network.name;
    row.version = kVersion;
  }
  return rows;
}

bool TraceCache::add(const Network& network, std::vector<TraceRow> rows) {
  if (num_rows_ + rows.size() > kMaxRows) drop_unused();
  if (num_rows_ + rows.size() > kMaxRows) return false;
  const std::uint64_t hash = hash_of(network);
  insert(hash, {stored(hash, std::move(rows), version_), true});
  is_changed_ = true;
  return true;
}

std::string TraceCache::text() const {
  std::vector<TraceRow> rows;
  rows.reserve(num_rows_);
  for (const auto& [hash, entry] : entries_) {
    rows.insert(rows.end(), entry.rows.begin(), entry.rows.end());
  }
  return trace_csv(rows);
}

void TraceCache::save() {
  if (!is_changed_) return;
  make_directory_of(path_);
  write_file_atomically(path_, text());
  is_changed_ = false;
}

std::string trace_cache_path(const std::string& machine) {
  std::string directory = directory_in("TILEWAKE_CACHE", "");
  if (directory.empty()) directory = directory_in("XDG_CACHE_HOME", "tilewake");
  if (directory.empty()) directory = directory_in("HOME", ".cache/tilewake");
  return directory.empty() ? "" : (fs::path(directory) / (machine + ".csv")).string();
}

}  // namespace tilewake
