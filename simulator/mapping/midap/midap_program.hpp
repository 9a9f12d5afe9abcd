// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace tilewake {

/// Columns [head, tail) of a feature map, held by (or on their way to) one FMEM bank.
struct MidapFragment {
  int bank = 0;
  std::int64_t head = 0;
  std::int64_t tail = 0;
  friend bool operator==(const MidapFragment&, const MidapFragment&) = default;
};

enum class MidapKind {
  kGemm,        // first convolution, its input laid out as a matrix off line (im2col)
  kConv,        // all CIMs; fully connected layers too
  kExtended,    // depthwise convolution, pooling and moving channels on the extended CIM
  kElementwise  // add and mul on the extended CIM; the second operand comes through WMEM
};

/// One place an output is written to. x runs over stored columns (after a reverse write).
struct MidapOutput {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t channels = 0;     // of the tensor written into (a concat's, if it is a slice)
  std::int64_t slice_begin = 0;  // channel range of the tensor that is this output
  std::int64_t slice_end = 0;
  bool linear = false;         // a copy for a concat beside the main output
  bool reverse_write = false;  // column x is stored at width - 1 - x
  bool write_on_dram = false;
  bool is_virtual = false;               // only reduced, never stored
  std::int64_t pivot = -1;               // first stored column that goes to DRAM; -1: none
  std::vector<MidapFragment> fragments;  // banks, in the order they were given
};

/// What WMEM and BMMEM load for a layer.
struct MidapWeights {
  bool present = false;  // convolution weights, or a second operand
  bool has_bias = false;
  std::int64_t filter_bytes =
      0;  // one "filter": of a convolution, all of a depthwise one, one plane
  std::int64_t num_filters = 0;    // output channels, planes of a second operand, 1 if broadcast
  std::int64_t request_bytes = 0;  // of one WMEM request
  std::int64_t bias_bytes = 0;
  bool once = false;  // stays in WMEM over several PROCESSes; also a broadcast operand
};

struct MidapBehaviour {
  enum class Kind { kLoad, kProcess };
  Kind kind = Kind::kProcess;
  int fragment = 0;  // kLoad: index into input_fragments; kProcess: fragments consumed after it
  std::int64_t condition = -1;  // kLoad: output column whose first slot triggers it; -1: at once
  std::int64_t x_begin = 0;     // kProcess: first and last window corner (inclusive)
  std::int64_t x_last = 0;
};

struct MidapLayer {
  int program_layer = -1;  // index into Program::layers
  MidapKind kind = MidapKind::kConv;

  // Input tensor as it lies in FMEM: for kGemm the matrix (rows as columns x, height 1).
  std::int64_t in_width = 0, in_height = 0, in_channels = 0;
  bool row_aligned = false;       // a tap is `rows_per_tap` whole rows, never straddling one
  std::int64_t rows_per_tap = 1;  // of a row-aligned window

  std::int64_t kernel_width = 1, kernel_height = 1, stride = 1, dilation = 1;
  std::int64_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;  // as executed (flipped)
  std::int64_t out_width = 0, out_height = 0;
  std::int64_t out_channels = 0;  // that the control logic runs over, padded to its lanes
  bool broadcast = false;         // elementwise with a 1x1 second operand
  bool has_reduction = false;     // a global pool is fused in

  std::vector<MidapOutput> outputs;
  std::vector<MidapOutput> reduction_outputs;
  std::vector<MidapFragment> input_fragments;
  MidapWeights weights;
  bool prepared = false;      // the layer before fetches its first weights
  MidapWeights next_weights;  // what this layer fetches for the next weighted one
  std::vector<MidapBehaviour> behaviours;

  /// Computed by all CIMs; the extended CIM does the rest.
  bool on_cims() const { return kind == MidapKind::kGemm || kind == MidapKind::kConv; }
};

struct MidapProgram {
  std::vector<MidapLayer> layers;
};

}  // namespace tilewake
