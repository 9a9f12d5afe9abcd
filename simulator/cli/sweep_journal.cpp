// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/sweep_journal.hpp"

#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "simulator/api/sweep_figures.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

// Member of the line that ends a share.
constexpr const char* kFinished = "finished";

Json json_of(const Summary& point) {
  Json json;
  json["network_hash"] = point.info.network_hash;
  json.update(figures_json(point));
  return json;
}

}  // namespace

SweepJournal::SweepJournal(const std::string& path, const std::string& build, bool resume)
    : file_(path, build), build_(build) {
  if (resume) read(file_, path);
}

void SweepJournal::read_also(const std::string& path) { read(JournalFile(path, build_), path); }

void SweepJournal::read(const JournalFile& file, const std::string& path) {
  const int num_unusable = file.read([this](const Json& line) {
    if (line.contains(kFinished)) {
      is_finished_ = true;
      return true;
    }
    is_finished_ = false;
    Summary point = figures_of(line);
    if (!line.at("network_hash").is_number_unsigned()) return false;
    point.info.network_hash = line.at("network_hash").get<std::uint64_t>();
    Key key = {point.info.machine, point.info.network_hash};
    points_.insert_or_assign(std::move(key), std::move(point));
    return true;
  });
  if (num_unusable > 0) {
    warning_ = fmt::format(
        "{}: {} {} damaged or of another build of the tool; their points are simulated again", path,
        num_unusable, num_unusable == 1 ? "line is" : "lines are");
  }
}

const Summary* SweepJournal::find(const std::string& machine, std::uint64_t network_hash) const {
  const auto found = points_.find({machine, network_hash});
  return found == points_.end() ? nullptr : &found->second;
}

void SweepJournal::finish() {
  if (is_finished_) return;
  Json line;
  line[kFinished] = true;
  file_.add(line, [this] { return text_of({}); });
}

void SweepJournal::add(const Summary& point) {
  is_finished_ = false;
  file_.add(json_of(point), [this] { return text_of({}); });
}

std::string SweepJournal::text_of(const std::vector<const Summary*>& points) const {
  std::string text;
  std::set<Key> written;
  for (const Summary* point : points) {
    text += file_.line_of(json_of(*point));
    written.insert({point->info.machine, point->info.network_hash});
  }
  for (const auto& [key, point] : points_)
    if (!written.contains(key)) text += file_.line_of(json_of(point));
  return text;
}

}  // namespace tilewake
