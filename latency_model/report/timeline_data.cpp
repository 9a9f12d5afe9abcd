// SPDX-License-Identifier: Apache-2.0
#include "latency_model/report/timeline_data.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "simulator/common/error.hpp"
#include "simulator/common/json_document.hpp"

namespace tilewake {
namespace {

using Json = nlohmann::ordered_json;

constexpr JsonLimits kTimelineLimits = {std::size_t{64} << 20, std::size_t{1} << 24, 8};
constexpr std::size_t kMaxRows = 1000;
constexpr std::size_t kMaxSeries = 100;
constexpr std::size_t kMaxLayers = 100'000;
constexpr std::size_t kMaxSlices = 30'000;      // about 400 kB of the page, if slices can be merged
constexpr std::size_t kMostSlices = 1'000'000;  // if not: a slice of each layer in each row
constexpr std::int64_t kNumBins = 400;
constexpr double kMaxCycles = 1e15;  // exact in double

struct TimelineSlice {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t layer = -1;
};

struct CounterStep {
  std::int64_t begin = 0;
  double value = 0.0;
};

/// The file, sorted into rows and counters.
class TimelineReader {
 public:
  TimelineReader(const nlohmann::json& json, const std::string& path, double clock_mhz)
      : path_(path), clock_mhz_(clock_mhz) {
    const nlohmann::json& events = json.at("traceEvents");
    for (const nlohmann::json& event : events) {
      if (event.at("ph") == "M" && event.at("name") == "thread_name") {
        tracks_[event.at("tid").get<std::int64_t>()] = event.at("args").at("name");
      }
    }
    read_layers(events);
    for (const nlohmann::json& event : events) {
      if (event.at("ph") == "X") add_slice(event);
      if (event.at("ph") == "C") add_counter(event);
    }
    for (auto& [key, slices] : rows_) {
      std::stable_sort(slices.begin(), slices.end(),
                       [](const auto& a, const auto& b) { return a.begin < b.begin; });
    }
  }

  /// Why there are too many figures for a page; empty if there are not.
  std::string excess() const {
    if (rows_.size() > kMaxRows) return fmt::format("{} rows", kMaxRows);
    if (counters_.size() > kMaxSeries) return fmt::format("{} counters", kMaxSeries);
    if (layers_.size() > kMaxLayers) return fmt::format("{} layers", kMaxLayers);
    if (num_slices(end_) > kMostSlices) return fmt::format("{} slices", kMostSlices);
    return "";
  }

  Json to_json() const {
    std::int64_t gap = 0;
    while (num_slices(gap) > kMaxSlices) gap = std::max<std::int64_t>(1, 2 * gap);
    Json rows = Json::array();
    for (const auto& [key, slices] : rows_) {
      Json flat = Json::array();
      std::int64_t before = 0;
      for (const TimelineSlice& slice : merged(slices, gap)) {
        flat.push_back(slice.begin - before);
        flat.push_back(slice.end - slice.begin);
        flat.push_back(slice.layer);
        before = slice.begin;
      }
      rows.push_back(
          {{"track", tracks_.at(key.first)}, {"name", key.second}, {"slices", std::move(flat)}});
    }
    return {{"gap_cycles", gap}, {"layers", layers_}, {"rows", rows}, {"series", series()}};
  }

 private:
  using CounterKey = std::pair<std::string, std::string>;  // name, key of its arguments
  using Row = std::pair<std::int64_t, std::string>;        // thread, name of the slices

  std::int64_t cycles(const nlohmann::json& microseconds) const {
    const double value = microseconds.get<double>() * clock_mhz_;
    if (!(value >= 0.0 && value <= kMaxCycles)) {
      throw InputError(path_ + ": is not a timeline: a time is out of range");
    }
    return std::llround(value);
  }

  bool is_layer_track(const nlohmann::json& event) const {
    const auto track = tracks_.find(event.at("tid").get<std::int64_t>());
    return track != tracks_.end() && track->second == "layers";
  }

  void read_layers(const nlohmann::json& events) {
    for (const nlohmann::json& event : events) {
      if (event.at("ph") != "X" || !is_layer_track(event)) continue;
      const std::string name = event.at("name");
      const std::int64_t begin = cycles(event.at("ts"));
      const std::int64_t end = begin + cycles(event.at("dur"));
      layer_index_.emplace(name, static_cast<std::int64_t>(layers_.size()));
      layers_.push_back(Json::array({name, begin, end}));
      end_ = std::max(end_, end);
    }
  }

  void add_slice(const nlohmann::json& event) {
    if (is_layer_track(event)) return;
    const auto tid = event.at("tid").get<std::int64_t>();
    tracks_.emplace(tid, fmt::format("track {}", tid));
    TimelineSlice slice;
    slice.begin = cycles(event.at("ts"));
    slice.end = slice.begin + cycles(event.at("dur"));
    end_ = std::max(end_, slice.end);
    std::string name = event.at("name");
    if (const auto args = event.find("args"); args != event.end() && args->contains("layer")) {
      const auto layer = layer_index_.find(args->at("layer").get<std::string>());
      if (layer != layer_index_.end()) {
        slice.layer = layer->second;
        if (name == layer->first) name = "compute";
      }
    }
    rows_[{tid, name}].push_back(slice);
  }

  void add_counter(const nlohmann::json& event) {
    const std::string name = event.at("name");
    const std::int64_t begin = cycles(event.at("ts"));
    end_ = std::max(end_, begin);
    for (const auto& [key, value] : event.at("args").items()) {
      if (!value.is_number()) continue;
      counters_[{name, key}].push_back({begin, value.get<double>()});
    }
  }

  static std::vector<TimelineSlice> merged(const std::vector<TimelineSlice>& slices,
                                           std::int64_t gap) {
    std::vector<TimelineSlice> result;
    for (const TimelineSlice& slice : slices) {
      if (!result.empty() && gap > 0 && result.back().layer == slice.layer &&
          slice.begin - result.back().end < gap) {
        result.back().end = std::max(result.back().end, slice.end);
      } else {
        result.push_back(slice);
      }
    }
    return result;
  }

  std::size_t num_slices(std::int64_t gap) const {
    if (gap > end_) return 0;
    std::size_t count = 0;
    for (const auto& [key, slices] : rows_) count += merged(slices, gap).size();
    return count;
  }

  std::int64_t bin_cycles() const {
    return std::max<std::int64_t>(1, (end_ + kNumBins - 1) / kNumBins);
  }

  /// Adds `value` x cycles of [begin, end) to the bins.
  void spread(std::int64_t begin, std::int64_t end, double value, std::vector<double>& bins) const {
    const std::int64_t width = bin_cycles();
    while (begin < end) {
      const auto bin = static_cast<std::size_t>(begin / width);
      if (bin >= bins.size()) return;
      const std::int64_t stop = std::min(end, (begin / width + 1) * width);
      bins[bin] += value * static_cast<double>(stop - begin);
      begin = stop;
    }
  }

  Json series_of(const CounterKey& key, const std::vector<double>& bins) const {
    Json values = Json::array();
    for (std::size_t i = 0; i < bins.size(); ++i) {
      const auto begin = static_cast<std::int64_t>(i) * bin_cycles();
      const auto width = static_cast<double>(std::min(bin_cycles(), end_ - begin));
      values.push_back(std::round(bins[i] / width * 1e4) / 1e4);
    }
    return {{"name", key.first},
            {"part", key.second},
            {"bin_cycles", bin_cycles()},
            {"values", values}};
  }

  std::vector<double> empty_bins() const {
    return std::vector<double>(static_cast<std::size_t>((end_ + bin_cycles() - 1) / bin_cycles()));
  }

  Json series() const {
    Json list = Json::array();
    for (auto [key, steps] : counters_) {
      std::stable_sort(steps.begin(), steps.end(),
                       [](const auto& a, const auto& b) { return a.begin < b.begin; });
      std::vector<double> bins = empty_bins();
      for (std::size_t i = 0; i < steps.size(); ++i) {
        spread(steps[i].begin, i + 1 < steps.size() ? steps[i + 1].begin : end_, steps[i].value,
               bins);
      }
      list.push_back(series_of(key, bins));
    }
    std::vector<double> bins = empty_bins();
    bool has_bus = false;
    for (const auto& [key, slices] : rows_) {
      if (tracks_.at(key.first) != "DRAM data bus") continue;
      has_bus = true;
      for (const TimelineSlice& slice : slices) spread(slice.begin, slice.end, 1.0, bins);
    }
    if (has_bus) list.push_back(series_of({"DRAM data bus", "busy share"}, bins));
    return list;
  }

  const std::string& path_;
  double clock_mhz_;
  std::int64_t end_ = 0;
  std::map<std::int64_t, std::string> tracks_;  // by thread
  Json layers_ = Json::array();
  std::map<std::string, std::int64_t> layer_index_;
  std::map<Row, std::vector<TimelineSlice>> rows_;
  std::map<CounterKey, std::vector<CounterStep>> counters_;
};

}  // namespace

nlohmann::ordered_json timeline_data(const std::string& path, double clock_mhz) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) return nullptr;
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size > kTimelineLimits.max_bytes) {
    return fmt::format("timeline.json is larger than {} MiB", kTimelineLimits.max_bytes >> 20);
  }
  try {
    const TimelineReader timeline(read_json_file(path, kTimelineLimits), path, clock_mhz);
    if (const std::string excess = timeline.excess(); !excess.empty()) {
      return "timeline.json has more than " + excess;
    }
    return timeline.to_json();
  } catch (const nlohmann::json::exception& e) {
    throw InputError(fmt::format("{}: is not a timeline: {}", path, json_error_text(e)));
  }
}

}  // namespace tilewake
