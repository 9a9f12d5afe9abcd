// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include <pybind11/pybind11.h>

#include "latency_model/api/tilewake.hpp"

namespace tilewake::python {

/// Text of a file or a path as Python has it: bytes that are not UTF-8 become lone surrogates.
pybind11::str text_of(std::string_view text);

/// The columns of layers.csv, in its order: a list for each, with one element a layer. Numbers are
/// int, float or bool; `kernel` and `padding` are text as in the file.
pybind11::dict layer_columns(const std::vector<TraceRow>& rows);

/// The same of a prediction: layer, block, op, macs, total_cycles, error_band (None if unknown).
pybind11::dict layer_columns(const NetworkPrediction& prediction);

/// The columns of sweep.csv, in its order, with one element a point. Figures of failed points are
/// None. The sweep is complete.
pybind11::dict sweep_columns(const Sweep& sweep);

/// The totals of a prediction, with the keys of `tilewake predict --format json`.
pybind11::dict summary_of(const NetworkPrediction& prediction);

/// The errors of a model as nested dictionaries, with the names of Evaluation. Shares, not percent.
pybind11::dict accuracy_of(const Evaluation& evaluation);

}  // namespace tilewake::python
