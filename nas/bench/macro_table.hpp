// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nas/evolution/path_space.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// The search space of NAS-Bench-Macro (Su et al., "Prioritized Architecture Sampling with
/// Monto-Carlo Tree Search", CVPR 2021): eight blocks in three stages, each one of three operators.
inline constexpr std::size_t kMacroPositions = 8;
inline constexpr int kMacroChoices = 3;  // 0 identity, 1 MBConv 3x3 of 3, 2 MBConv 5x5 of 6

/// The path of which all paths of the same network have one: identities that change no shape are at
/// the end of their stage. An identity at the start of a stage is a 1x1 convolution and stays.
Path macro_network_path(const Path& path);

/// The network of a path for images of 3x32x32 and 10 classes. Normalisations are folded into
/// biases, as in all networks.
Network macro_network(const Path& path);

/// One of the networks with its measured accuracies.
struct MacroRow {
  Path path;                         // as from macro_network_path
  std::array<double, 3> accuracies;  // on the test images, 0..1, of three trainings
  double mean_accuracy = 0.0;
  std::int64_t params = 0;  // as published
  std::int64_t macs = 0;
  int depth = 0;  // blocks that are MBConv
};

/// Networks trained for real: what a search finds can be compared with the best there is.
class MacroTable {
 public:
  /// Reads the text of a table: lines of comments (#), the names `arch,acc1,acc2,acc3,params`, and
  /// one line per path of 8 digits, with accuracies in percent. Of the paths of one network only
  /// one is kept, and all must have the same figures. Throws InputError naming `name` and the line.
  static MacroTable parse(const std::string& text, const std::string& name);

  /// The distinct networks, sorted by path.
  std::span<const MacroRow> rows() const { return rows_; }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// The row of a path's network; kNone if the table does not have it.
  std::size_t row_of(const Path& path) const;

 private:
  std::vector<MacroRow> rows_;
  std::vector<std::size_t> row_of_;  // of each of the 3^8 paths
};

}  // namespace tilewake
