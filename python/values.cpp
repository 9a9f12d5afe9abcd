// SPDX-License-Identifier: Apache-2.0
#include "python/values.hpp"

#include <cstdint>
#include <string>
#include <variant>

#include "simulator/api/sweep_figures.hpp"
#include "simulator/trace/json_string.hpp"
#include "simulator/trace/trace_columns.hpp"

namespace py = pybind11;

namespace tilewake::python {
namespace {

py::object value_of(const std::string& value) { return text_of(value); }
py::object value_of(std::int64_t value) { return py::int_(value); }
py::object value_of(double value) { return py::float_(value); }
py::object value_of(bool value) { return py::bool_(value); }
py::object value_of(Op value) { return text_of(to_string(value)); }
py::object value_of(const KernelSize& value) { return text_of(to_string(value)); }
py::object value_of(const Steps& value) {
  if (value.are_equal()) return py::int_(value.height);
  return text_of(to_string(value));
}
py::object value_of(const Padding& value) { return text_of(to_string(value)); }
py::object value_of(Activation value) { return text_of(to_string(value)); }
py::object value_of(const std::vector<std::string>& values) {
  std::string text;  // as in sweep.csv: an element of a table is no list
  for (const std::string& value : values) text += (text.empty() ? "" : "; ") + value;
  return text_of(text);
}

/// A column: value(row) of every row.
template <typename Rows, typename Value>
py::list column(const Rows& rows, Value value) {
  py::list values(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) values[i] = value(rows[i]);
  return values;
}

template <typename T>
py::object field_of(const Summary& summary, T Summary::*field) {
  return value_of(summary.*field);
}
template <typename T>
py::object field_of(const Summary& summary, T RunInfo::*field) {
  return value_of(summary.info.*field);
}

py::dict errors_of(const ErrorSummary& errors) {
  py::dict values;
  values["n"] = errors.n;
  values["mape"] = errors.mape;
  values["median"] = errors.median;
  values["rmspe"] = errors.rmspe;
  values["bias"] = errors.bias;
  values["max"] = errors.max;
  values["p95"] = errors.p95;
  values["within_5"] = errors.within_5;
  values["within_10"] = errors.within_10;
  return values;
}

}  // namespace

py::str text_of(std::string_view text) {
  PyObject* const value =
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "surrogateescape");
  if (value == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(value);
}

py::dict layer_columns(const std::vector<TraceRow>& rows) {
  py::dict columns;
  for (const TraceColumn& trace_column : kTraceColumns) {
    columns[text_of(trace_column.name)] = std::visit(
        [&](const auto field) {
          return column(rows, [field](const TraceRow& row) { return value_of(row.*field); });
        },
        trace_column.field);
  }
  return columns;
}

py::dict layer_columns(const NetworkPrediction& prediction) {
  using Layer = PredictedLayer;
  const std::vector<Layer>& layers = prediction.layers;
  py::dict columns;
  columns["layer"] = column(layers, [](const Layer& layer) { return value_of(layer.layer); });
  columns["block"] = column(layers, [](const Layer& layer) { return value_of(layer.block); });
  columns["op"] = column(layers, [](const Layer& layer) { return value_of(layer.op); });
  columns["macs"] = column(layers, [](const Layer& layer) { return value_of(layer.macs); });
  columns["total_cycles"] =
      column(layers, [](const Layer& layer) { return value_of(layer.cycles); });
  columns["error_band"] = column(layers, [](const Layer& layer) -> py::object {
    if (!layer.error_band) return py::none();
    return value_of(*layer.error_band);
  });
  columns["energy_uj"] = column(layers, [](const Layer& layer) -> py::object {
    if (!layer.energy_uj) return py::none();
    return value_of(*layer.energy_uj);
  });
  return columns;
}

py::dict sweep_columns(const Sweep& sweep) {
  const SweepPlan& plan = sweep.plan();
  const std::vector<SweepResult>& results = sweep.results();
  std::vector<SweepPoint> points;
  for (std::int64_t i = 0; i < plan.size(); ++i) points.push_back(plan.point(i));
  py::dict columns;
  columns["hardware"] = column(
      points, [&](const SweepPoint& point) { return text_of(plan.hardware()[point.hardware]); });
  columns["network"] = column(
      points, [&](const SweepPoint& point) { return text_of(plan.networks()[point.network]); });
  for (std::size_t i = 0; i < plan.settings().size(); ++i) {
    columns[text_of(plan.settings()[i].key)] =
        column(points, [i](const SweepPoint& point) { return text_of(point.settings[i].value); });
  }
  columns["status"] = column(
      results, [](const SweepResult& result) { return text_of(result.summary ? "ok" : "failed"); });
  const auto figure = [&](auto value) {
    return column(results, [&](const SweepResult& result) -> py::object {
      if (!result.summary) return py::none();
      return value(*result.summary);
    });
  };
  columns["network_hash"] =
      figure([](const Summary& summary) { return text_of(hash_text(summary.info.network_hash)); });
  for (const SweepColumn& sweep_column : kSweepColumns) {
    columns[text_of(sweep_column.name)] = std::visit(
        [&](const auto field) {
          return figure([field](const Summary& summary) { return field_of(summary, field); });
        },
        sweep_column.field);
  }
  columns["version"] = column(results, [](const SweepResult&) { return text_of(kVersion); });
  columns["error"] =
      column(results, [](const SweepResult& result) { return text_of(result.error); });
  return columns;
}

py::dict summary_of(const NetworkPrediction& prediction) {
  py::dict values;
  values["network"] = text_of(prediction.network);
  values["hardware"] = text_of(prediction.hardware);
  values["machine"] = text_of(prediction.machine);
  values["total_cycles"] = prediction.total_cycles;
  values["batch"] = prediction.batch;
  values["latency_ms"] = prediction.latency_ms;
  values["latency_ms_per_image"] = prediction.ms_per_image();
  values["error_band"] = prediction.error_band;
  values["energy_mj"] = prediction.energy_mj ? value_of(*prediction.energy_mj) : py::none();
  values["energy_error_band"] =
      prediction.energy_mj ? value_of(prediction.energy_error_band) : py::none();
  values["warnings"] = column(prediction.warnings, text_of);
  return values;
}

py::dict accuracy_of(const Evaluation& evaluation) {
  py::dict by_class;
  for (std::size_t i = 0; i < evaluation.by_class.size(); ++i) {
    by_class[text_of(evaluation.op_classes[i])] = errors_of(evaluation.by_class[i]);
  }
  py::dict values;
  values["layers"] = errors_of(evaluation.layers);
  values["networks"] = errors_of(evaluation.networks);
  values["by_class"] = std::move(by_class);
  values["kendall_tau"] = evaluation.kendall_tau;
  values["spearman"] = evaluation.spearman;
  values["roofline_mape"] = evaluation.roofline_mape;
  return values;
}

}  // namespace tilewake::python
