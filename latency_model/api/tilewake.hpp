// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The library: simulates CNNs on NPUs, calibrates latency models and predicts with them.
///
///   #include <tilewake/tilewake.hpp>
///
///   const auto machine = tilewake::read_machine("midap");      // name, path, or ..._text(text)
///   const auto network = tilewake::read_workload("resnet50");  // YAML, ONNX, SCALE-Sim
///   const auto simulation = tilewake::simulate(machine, network);
///   for (const auto& layer : simulation.layers) use(layer.layer, layer.total_cycles);
///   const auto model = tilewake::calibrate(machine).calibration.model;
///   const double ms = tilewake::predict(model, network).latency_ms;
///
/// In CMake: find_package(tilewake CONFIG REQUIRED), target_link_libraries(... tilewake::tilewake).
/// A complete program is in examples/cpp/.
///
/// Units: cycles are NPU cycles, feature maps and weights are bytes (int8), 1 MAC = 2 FLOPs.
/// Feature maps are channels x height x width. Columns of a layer: simulator/trace/README.md.
///
/// Errors are exceptions derived from std::exception: InputError (a file or value is wrong; the
/// message names file, line and key), IoError, Interrupted (a callback stopped the work). Nothing
/// is printed, and the process is not ended; warnings are in the results. Results do not depend on
/// what ran before in the process.
///
/// Simulations in several threads take turns; Sweep runs simulations in parallel, in processes.

#include "latency_model/api/calibrate.hpp"       // calibrate()
#include "latency_model/api/predict.hpp"         // predict()
#include "latency_model/latency_model.hpp"       // LatencyModel, Predictor
#include "latency_model/model_yaml.hpp"          // model.yaml: writer and reader
#include "simulator/api/inputs.hpp"              // read_machine(), read_workload()
#include "simulator/api/simulation.hpp"          // simulate(), NetworkSimulator
#include "simulator/api/sweep.hpp"               // Sweep
#include "simulator/common/error.hpp"            // InputError and the others
#include "simulator/common/version.hpp"          // kVersion
#include "simulator/hardware/hardware_yaml.hpp"  // machine_id(), a machine as YAML
#include "simulator/trace/summary.hpp"           // summary.json
#include "simulator/trace/timeline.hpp"   // TimelineRecorder, a sink for SimulateOptions::events
#include "simulator/trace/trace_csv.hpp"  // layers.csv: writer and reader
