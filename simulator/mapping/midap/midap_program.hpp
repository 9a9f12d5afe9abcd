// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace tilewake {

/// Columns [head, tail) of a feature map, stored in (or being loaded to) one FMEM bank.
struct MidapFragment {
  int bank = 0;
  std::int64_t head = 0;
  std::int64_t tail = 0;
  friend bool operator==(const MidapFragment&, const MidapFragment&) = default;
};

enum class MidapKind {
  kGemm,        // first convolution, its input laid out as a matrix offline (im2col)
  kConv,        // on all CIMs; includes fully connected layers
  kExtended,    // depthwise convolution, pooling and moved channels on the extended CIM
  kElementwise  // add and mul on the extended CIM; the second operand comes through WMEM
};

/// One destination of an output. x counts stored columns (after a reverse write).
struct MidapOutput {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::int64_t channels = 0;     // of the destination tensor (of the concat, for a slice)
  std::int64_t slice_begin = 0;  // channel range of this output in the tensor
  std::int64_t slice_end = 0;
  bool linear = false;         // a copy for a concat, in addition to the main output
  bool reverse_write = false;  // column x is stored at width - 1 - x
  bool write_on_dram = false;
  bool is_virtual = false;               // only reduced, never stored
  std::int64_t pivot = -1;               // first stored column that goes to DRAM; -1: none
  std::vector<MidapFragment> fragments;  // banks, in the order of assignment
};

/// The WMEM and BMMEM loads of a layer.
struct MidapWeights {
  bool present = false;  // convolution weights, or a second operand
  bool has_bias = false;
  std::int64_t filter_bytes = 0;   // one filter; depthwise: all; second operand: one plane
  std::int64_t num_filters = 0;    // output channels, planes of a second operand, 1 if broadcast
  std::int64_t request_bytes = 0;  // of one WMEM request
  std::int64_t bias_bytes = 0;
  bool once = false;  // stays in WMEM over several PROCESSes; also for a broadcast operand
};

struct MidapBehaviour {
  enum class Kind { kLoad, kProcess };
  Kind kind = Kind::kProcess;
  int fragment = 0;  // kLoad: index into input_fragments; kProcess: fragments consumed after it
  std::int64_t condition = -1;  // kLoad: output column whose first slot triggers it; -1: immediate
  std::int64_t x_begin = 0;     // kProcess: first and last window corner (inclusive)
  std::int64_t x_last = 0;
};

struct MidapLayer {
  int program_layer = -1;  // index into Program::layers
  MidapKind kind = MidapKind::kConv;

  // Input tensor as stored in FMEM: for kGemm the matrix (rows as columns x, height 1).
  std::int64_t in_width = 0, in_height = 0, in_channels = 0;
  bool row_aligned = false;       // a tap is `rows_per_tap` whole rows
  std::int64_t rows_per_tap = 1;  // of a row-aligned window

  std::int64_t kernel_width = 1, kernel_height = 1, stride = 1, dilation = 1;
  std::int64_t pad_top = 0, pad_bottom = 0, pad_left = 0, pad_right = 0;  // as executed (flipped)
  std::int64_t out_width = 0, out_height = 0;
  std::int64_t out_channels = 0;  // iterated by the control logic, padded to its lanes
  bool broadcast = false;         // elementwise with a 1x1 second operand
  bool has_reduction = false;     // a global pool is fused into it

  std::vector<MidapOutput> outputs;
  std::vector<MidapOutput> reduction_outputs;
  std::vector<MidapFragment> input_fragments;
  MidapWeights weights;
  bool prepared = false;      // the previous layer fetches its first weights
  MidapWeights next_weights;  // fetched by this layer for the next one with weights
  std::vector<MidapBehaviour> behaviours;

  /// Computed by all CIMs; other kinds by the extended CIM.
  bool on_cims() const { return kind == MidapKind::kGemm || kind == MidapKind::kConv; }
};

struct MidapProgram {
  std::vector<MidapLayer> layers;
};

}  // namespace tilewake
