// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace tilewake {

/// A timeline.json (Trace Event Format) as the page needs it, in cycles:
///
///   layers: [[name, begin, end], ...]
///   rows:   [{track, name, slices: [begin, length, layer, ...]}, ...]
///   series: [{name, part, bin_cycles, values: [...]}, ...]
///
/// A row is a track and a kind of slice on it: computation is named `compute`, other slices keep
/// their name. `begin` is relative to the begin of the slice before, `layer` an index of `layers`,
/// or -1. Slices of a row and a layer with a gap of less than `gap_cycles` count as one, so that
/// the page is bounded. Every argument of a counter is a series: its mean in each of up to 400
/// equal bins. So is the busy share (0 to 1) of the track `DRAM data bus`.
///
/// Returns null if there is no file at `path`, and a string, the reason, if it is larger than
/// 64 MiB or has too many rows, counters, layers or slices for a page. Throws InputError if it is
/// not a timeline.
nlohmann::ordered_json timeline_data(const std::string& path, double clock_mhz);

}  // namespace tilewake
