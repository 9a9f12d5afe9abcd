// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/sweep_journal.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <set>
#include <unistd.h>

#include <fmt/format.h>

#include "simulator/api/sweep_figures.hpp"
#include "simulator/cli/standard_streams.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/common/error.hpp"
#include "simulator/common/json_document.hpp"
#include "simulator/common/regular_file.hpp"
#include "simulator/common/version.hpp"
#include "simulator/trace/json_string.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

// 100,000 points, the maximum of a sweep, take 100 MB.
constexpr std::size_t kMaxJournalBytes = std::size_t{1} << 28;
constexpr JsonLimits kLineLimits = {std::size_t{1} << 20, 10'000, 4};

std::string text_of_json(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// The object in a line, without its member "check"; none if "check" is not the hash of the others.
std::optional<Json> checked(const std::string& line) {
  Json json;
  try {
    json = parse_ordered_json(line, std::string(SweepJournal::kFileName), kLineLimits);
  } catch (const InputError&) {
    return std::nullopt;
  }
  if (!json.is_object() || !json.contains("check")) return std::nullopt;
  const Json check = json["check"];
  json.erase("check");
  if (check != hash_text(fnv1a64(text_of_json(json)))) return std::nullopt;
  return json;
}

}  // namespace

SweepJournal::SweepJournal(const std::string& path, const std::string& build, bool resume)
    : path_(path), build_(build) {
  if (!resume) return;
  read(read_text_file(path_, kMaxJournalBytes));
}

SweepJournal::~SweepJournal() {
  if (file_ >= 0) ::close(file_);
}

void SweepJournal::read(const std::string& text) {
  int num_unusable = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    // A process that was killed while writing leaves an incomplete line.
    const bool is_whole = end != std::string::npos;
    if (!is_whole || !read_line(text.substr(begin, end - begin))) ++num_unusable;
    begin = is_whole ? end + 1 : text.size();
  }
  if (num_unusable > 0) {
    warning_ = fmt::format(
        "{}: {} {} damaged or of another build of the tool; their points are simulated again",
        path_, num_unusable, num_unusable == 1 ? "line is" : "lines are");
  }
}

bool SweepJournal::read_line(const std::string& line) {
  const std::optional<Json> json = checked(line);
  if (!json) return false;
  try {
    if (json->at("build") != build_) return false;
    Summary point = figures_of(*json);
    if (!json->at("network_hash").is_number_unsigned()) return false;
    point.info.network_hash = json->at("network_hash").get<std::uint64_t>();
    Key key = {point.info.machine, point.info.network_hash};
    points_.insert_or_assign(std::move(key), std::move(point));
    return true;
  } catch (const Json::exception&) {
    return false;
  } catch (const InputError&) {
    return false;
  }
}

const Summary* SweepJournal::find(const std::string& machine, std::uint64_t network_hash) const {
  const auto found = points_.find({machine, network_hash});
  return found == points_.end() ? nullptr : &found->second;
}

std::string SweepJournal::line_of(const Summary& point) const {
  Json json;
  json["build"] = build_;
  json["network_hash"] = point.info.network_hash;
  json.update(figures_json(point));
  json["check"] = hash_text(fnv1a64(text_of_json(json)));
  return text_of_json(json) + "\n";
}

std::string SweepJournal::text_of(const std::vector<const Summary*>& points) const {
  std::string text;
  std::set<Key> written;
  for (const Summary* point : points) {
    text += line_of(*point);
    written.insert({point->info.machine, point->info.network_hash});
  }
  for (const auto& [key, point] : points_)
    if (!written.contains(key)) text += line_of(point);
  return text;
}

void SweepJournal::open() {
  // Drops unusable lines: a line appended to an incomplete one could not be read.
  make_directory_of(path_);
  write_file_atomically(path_, text_of({}));
  file_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file_ < 0) throw IoError(fmt::format("{}: {}", path_, std::strerror(errno)));
}

void SweepJournal::add(const Summary& point) {
  if (file_ < 0) open();
  const int error = write_all(file_, line_of(point));
  if (error != 0) {
    throw IoError(fmt::format("{}: cannot write file: {}", path_, std::strerror(error)));
  }
}

}  // namespace tilewake
