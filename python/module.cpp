// SPDX-License-Identifier: Apache-2.0
/// tilewake._tilewake: what the Python package in tilewake/ calls. Arguments are plain: paths and
/// texts are bytes, settings are pairs of texts. Names, defaults and checks of arguments are in
/// Python; results are dictionaries and lists.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "latency_model/api/tilewake.hpp"
#include "latency_model/fit/fit_json.hpp"
#include "latency_model/fit/fit_key.hpp"
#include "latency_model/fit/fitted_file.hpp"
#include "latency_model/fit/machine_fit.hpp"
#include "latency_model/fit/measured_table.hpp"
#include "python/errors.hpp"
#include "python/explore.hpp"
#include "python/interruptible.hpp"
#include "python/values.hpp"
#include "simulator/api/data_files.hpp"
#include "simulator/common/atomic_file.hpp"
#include "simulator/engine/events.hpp"

namespace py = pybind11;

namespace tilewake::python {

std::timed_mutex& simulation_mutex() {
  static std::timed_mutex the_mutex;
  return the_mutex;
}

namespace {

constexpr const char* kMaxStepsHint = "; raise max_steps";

using Settings = std::vector<std::pair<std::string, std::string>>;

std::vector<YamlOverride> overrides_of(const Settings& settings) {
  std::vector<YamlOverride> overrides;
  for (const auto& [key, value] : settings) overrides.push_back({key, value});
  return overrides;
}

/// A machine, and what replaces values of its file.
struct PyMachine {
  Machine machine;
  std::vector<YamlOverride> overrides;
};

PyMachine read_named_machine(const std::string& name, const Settings& settings) {
  std::vector<YamlOverride> overrides = overrides_of(settings);
  Machine machine = read_machine(name, overrides);
  return {std::move(machine), std::move(overrides)};
}

PyMachine read_machine_in_memory(const std::string& text, const std::string& path,
                                 const Settings& settings) {
  std::vector<YamlOverride> overrides = overrides_of(settings);
  Machine machine = read_machine_text(text, path, overrides);
  return {std::move(machine), std::move(overrides)};
}

PyMachine with_settings(const PyMachine& machine, const Settings& settings) {
  std::vector<YamlOverride> overrides = machine.overrides;
  for (YamlOverride& change : overrides_of(settings)) overrides.push_back(std::move(change));
  const InputFile& file = machine.machine.file;
  Machine changed = read_machine_text(file.text, file.path, overrides);
  return {std::move(changed), std::move(overrides)};
}

/// Ends a simulation between two events of its modules.
class CancelSink final : public EventSink {
 public:
  explicit CancelSink(const WorkMonitor& monitor) : monitor_(monitor) {}
  void on_event(const Event&) override { monitor_.check(); }

 private:
  const WorkMonitor& monitor_;
};

py::tuple simulate_network(const Workload& workload, const PyMachine& machine,
                           std::int64_t max_steps, const py::object& progress) {
  const std::size_t num_networks = workload.networks.size();
  const Simulation result = run_interruptible(progress, [&](WorkMonitor& monitor) {
    CancelSink cancel(monitor);
    SimulateOptions options;
    options.mapping.max_steps = max_steps;
    options.mapping.hint = kMaxStepsHint;
    options.mapping.on_layer = [&](const std::string&, std::size_t, std::size_t) {
      monitor.check();
    };
    options.on_layer = [&](const LayerProgress& layer) {
      const bool is_topology = num_networks > 1;
      const bool is_whole = layer.num_layers == layer.total_layers;
      const std::size_t done = is_topology ? layer.network + (is_whole ? 1 : 0) : layer.num_layers;
      monitor.set_progress(
          static_cast<std::int64_t>(done),
          static_cast<std::int64_t>(is_topology ? num_networks : layer.total_layers));
      return !monitor.is_cancelled();
    };
    options.events = {&cancel};
    return simulate(machine.machine, workload, options);
  });
  return py::make_tuple(text_of(summary_json(result.summary)), layer_columns(result.layers));
}

/// A latency model, and what only its calibration has.
struct PyLatencyModel {
  LatencyModel model;
  std::optional<Evaluation> train;
  std::vector<std::string> warnings;
  std::vector<std::string> left_out;
};

PyLatencyModel calibrate_machine(const PyMachine& machine, const std::vector<std::string>& traces,
                                 bool designed, int num_networks, int num_folds, std::uint64_t seed,
                                 const py::object& progress) {
  CalibrationResult result = run_interruptible(progress, [&](WorkMonitor& monitor) {
    CalibrateOptions options;
    options.traces = traces;
    options.designed = designed;
    options.num_networks = num_networks;
    options.num_folds = num_folds;
    options.seed = seed;
    options.keep_going = [&](int done, int total) {
      monitor.set_progress(done, total);
      return !monitor.is_cancelled();
    };
    return calibrate(machine.machine, options);
  });
  Calibration& calibration = result.calibration;
  return {std::move(calibration.model), std::move(calibration.train),
          std::move(calibration.warnings), std::move(result.left_out)};
}

/// Points are set from the text of the machine: with overrides it is that of all its values.
InputFile file_of(const PyMachine& machine) {
  if (machine.overrides.empty()) return machine.machine.file;
  return {machine.machine.file.path, hardware_yaml(machine.machine.config)};
}

/// The fitted machine, the text of its file, and the figures of the fit as JSON.
py::tuple fit_to_measurements(const PyMachine& machine, const std::string& table_path,
                              const std::string& net_dir, const std::vector<std::string>& vary,
                              int num_folds, int num_starts, std::uint64_t seed,
                              std::size_t num_jobs, const py::object& progress) {
  const Machine start = {file_of(machine), machine.machine.config};
  ProgressReporter reporter(progress);
  MeasuredTable table;
  MachineFit fit;
  {
    const py::gil_scoped_release no_gil;
    std::unique_lock lock(simulation_mutex(), std::defer_lock);
    const auto report = [&](int done, int total) {
      const py::gil_scoped_acquire gil;
      reporter.report(done, total);
    };
    while (!lock.try_lock_for(kLookInterval)) report(0, 1);
    table = read_measured_table(table_path, net_dir);
    FitOptions options;
    options.num_folds = num_folds;
    options.num_starts = num_starts;
    options.seed = seed;
    options.num_jobs = num_jobs;
    options.keep_going = [&](int done, int total) {
      lock.unlock();
      report(done, total);  // an exception ends the fit
      lock.lock();
      return true;
    };
    fit = fit_machine(start, table, parse_fit_keys(vary, start.config, table), options);
  }
  if (!fit.is_complete) throw Interrupted();
  return py::make_tuple(PyMachine{fit.machine, fit.values},
                        text_of(fitted_machine_yaml(fit, table)),
                        text_of(fit_json(fit, table, "").dump()));
}

py::tuple predict_network(const PyLatencyModel& model, const Workload& workload) {
  std::optional<NetworkPrediction> prediction;
  {
    const py::gil_scoped_release no_gil;
    prediction = predict(model.model, workload);
  }
  return py::make_tuple(summary_of(*prediction), layer_columns(*prediction));
}

/// An input of a sweep: the bytes of a name or path, which read() reads, or an object with it.
template <typename Input, typename Object, typename Read, typename Convert>
SweepInput<Input> sweep_input(const py::handle& source, Read read, Convert convert) {
  SweepInput<Input> input;
  try {
    input.value = py::isinstance<py::bytes>(source) ? read(source.cast<std::string>())
                                                    : convert(source.cast<const Object&>());
  } catch (const InputError& e) {
    input.error = e.what();
  }
  return input;
}

Workload with_one_network(Workload workload) {
  static_cast<void>(workload.network());  // throws for a topology
  return workload;
}

py::dict run_sweep(const py::list& machines, const py::list& networks,
                   const std::vector<std::pair<std::string, std::vector<std::string>>>& settings,
                   std::size_t num_jobs, std::int64_t max_steps, const py::object& progress) {
  std::vector<std::string> machine_names;
  std::vector<SweepInput<InputFile>> machine_inputs;
  for (const py::handle source : machines) {
    const bool is_name = py::isinstance<py::bytes>(source);
    machine_names.push_back(is_name ? source.cast<std::string>()
                                    : source.cast<const PyMachine&>().machine.config.name);
    machine_inputs.push_back(
        sweep_input<InputFile, PyMachine>(source, read_hardware_file, file_of));
  }
  std::vector<std::string> network_names;
  std::vector<SweepInput<Workload>> network_inputs;
  for (const py::handle source : networks) {
    const bool is_name = py::isinstance<py::bytes>(source);
    network_names.push_back(is_name ? source.cast<std::string>()
                                    : source.cast<const Workload&>().name);
    network_inputs.push_back(sweep_input<Workload, Workload>(
        source, [](const std::string& name) { return with_one_network(read_workload(name)); },
        with_one_network));
  }
  std::vector<Setting> plan_settings;
  for (const auto& [key, values] : settings) plan_settings.push_back({key, values});
  SweepPlan plan(std::move(machine_names), std::move(network_names), std::move(plan_settings));
  const std::int64_t num_points = plan.size();
  Sweep sweep(std::move(plan), std::move(machine_inputs), std::move(network_inputs));

  ProgressReporter reporter(progress);
  const auto report = [&](std::int64_t done) {
    const py::gil_scoped_acquire gil;
    reporter.report(done, num_points);
  };
  {
    const py::gil_scoped_release no_gil;
    std::unique_lock lock(simulation_mutex(), std::defer_lock);
    while (!lock.try_lock_for(kLookInterval)) report(0);
    SweepOptions options;
    options.num_jobs = num_jobs;
    options.mapping.max_steps = max_steps;
    options.mapping.hint = kMaxStepsHint;
    // An exception ends the processes. Without the lock, the callback may simulate.
    options.keep_going = [&](std::int64_t done) {
      lock.unlock();
      report(done);
      lock.lock();
      return true;
    };
    sweep.run(options);
  }
  return sweep_columns(sweep);
}

/// Simulates points of a machine in processes, while Python reports progress. The lock of
/// simulations is held, except in the callback: run_sweep().
template <typename Work>
auto with_points(const PyMachine& machine, std::vector<Workload> workloads, std::size_t num_jobs,
                 std::int64_t max_steps, std::int64_t num_points, const py::object& progress,
                 Work work) {
  ProgressReporter reporter(progress);
  const auto report = [&](std::int64_t done) {
    const py::gil_scoped_acquire gil;
    reporter.report(std::min(done, num_points), num_points);
  };
  const py::gil_scoped_release no_gil;
  std::unique_lock lock(simulation_mutex(), std::defer_lock);
  while (!lock.try_lock_for(kLookInterval)) report(0);
  PointRunnerOptions options;
  options.num_jobs = num_jobs;
  options.mapping.max_steps = max_steps;
  options.mapping.hint = kMaxStepsHint;
  options.keep_going = [&](std::int64_t done) {
    lock.unlock();
    report(done);
    lock.lock();
    return true;
  };
  PointRunner runner(machine.machine.file, std::move(workloads), options);
  return work(runner, options);
}

std::vector<Workload> workloads_of(const py::list& networks) {
  std::vector<Workload> workloads;
  for (const py::handle network : networks) workloads.push_back(network.cast<const Workload&>());
  return workloads;
}

py::str explain_machine(const py::list& networks, const PyMachine& machine, std::size_t num_jobs,
                        std::int64_t max_steps, const py::object& progress) {
  // Each number is doubled and halved; flags and words have at most a few values.
  const auto num_points =
      static_cast<std::int64_t>(2 * explained_keys(machine.machine.config).size());
  const std::string text = with_points(
      machine, workloads_of(networks), num_jobs, max_steps, num_points, progress,
      [&](PointRunner& runner, const PointRunnerOptions& options) {
        SimulateOptions simulation;
        simulation.mapping = options.mapping;
        return explanation_text(explain(runner, machine.machine, machine.overrides, simulation));
      });
  return text_of(text);
}

py::str explore_machines(const py::list& networks, const PyMachine& machine,
                         const std::vector<std::pair<std::string, std::vector<std::string>>>& vary,
                         const std::vector<std::string>& objective_names,
                         const std::vector<std::pair<std::string, double>>& limits,
                         std::uint64_t max_evaluations, bool exhaustive, std::uint64_t seed,
                         std::size_t num_jobs, std::int64_t max_steps, const py::object& progress) {
  ExploreOptions options;
  options.fixed = machine.overrides;
  for (const auto& [key, values] : vary) options.keys.push_back({key, values});
  for (const std::string& name : objective_names)
    options.objectives.push_back(&objective_named(name, "objectives"));
  for (const auto& [name, value] : limits)
    options.limits.push_back({&objective_named(name, "limits"), value});
  options.max_evaluations = max_evaluations;
  options.exhaustive = exhaustive;
  options.seed = seed;
  const std::uint64_t size = grid_size(options.keys);
  const auto num_points =
      static_cast<std::int64_t>(exhaustive ? size : std::min(size, max_evaluations));
  const std::string text =
      with_points(machine, workloads_of(networks), num_jobs, max_steps, num_points, progress,
                  [&](PointRunner& runner, const PointRunnerOptions& /*options*/) {
                    return exploration_text(explore(runner, options), options);
                  });
  return text_of(text);
}

void add_inputs(py::module_& module) {
  py::class_<PyMachine>(module, "Machine",
                        "An NPU: the values of a machine file. Read-only.\n\n"
                        "Made by tilewake.machines.read().")
      .def_property_readonly(
          "name", [](const PyMachine& m) { return text_of(m.machine.config.name); }, "Its name.")
      .def_property_readonly(
          "id", [](const PyMachine& m) { return text_of(machine_id(m.machine.config)); },
          "Name and hash of all values, as `machine` in results.")
      .def_property_readonly(
          "clock_mhz", [](const PyMachine& m) { return m.machine.config.clock_mhz; },
          "Clock of the NPU, MHz.")
      .def_property_readonly(
          "peak_macs_per_cycle",
          [](const PyMachine& m) { return m.machine.config.peak_macs_per_cycle(); },
          "MACs a cycle with every PE busy.")
      .def(
          "to_yaml", [](const PyMachine& m) { return text_of(hardware_yaml(m.machine.config)); },
          "Every value as the text of a machine file.")
      .def("__repr__", [](const PyMachine& m) {
        return text_of("<tilewake.Machine " + machine_id(m.machine.config) + ">");
      });
  module.def("read_machine", read_named_machine);
  module.def("read_machine_text", read_machine_in_memory);
  module.def("with_settings", with_settings);

  const auto sum = [](const Workload& workload, auto value) {
    std::int64_t total = 0;
    for (const Network& network : workload.networks) total += value(network);
    return total;
  };
  py::class_<Workload>(module, "Network",
                       "A CNN, or the layers of a SCALE-Sim topology. Read-only.\n\n"
                       "Made by tilewake.networks.read().")
      .def_property_readonly(
          "name", [](const Workload& w) { return text_of(w.name); }, "Its name.")
      .def_property_readonly(
          "num_layers",
          [sum](const Workload& w) {
            return sum(w, [](const Network& network) {
              return static_cast<std::int64_t>(network.layers.size());
            });
          },
          "Number of plain layers.")
      .def_property_readonly(
          "macs",
          [sum](const Workload& w) {
            return sum(w, [](const Network& network) { return network.num_macs(); });
          },
          "Multiply-accumulates of one inference, of all its images (1 MAC = 2 FLOPs).")
      .def_property_readonly(
          "batch", [](const Workload& w) { return w.batch(); }, "Images of one inference.")
      .def_property_readonly(
          "params",
          [sum](const Workload& w) {
            return sum(w, [](const Network& network) { return network.num_params(); });
          },
          "Number of weights and biases.")
      .def_property_readonly(
          "warnings", [](const Workload& w) { return w.warnings; },
          "Parts of a model that are left out.")
      .def("__repr__",
           [](const Workload& w) { return text_of("<tilewake.Network " + w.name + ">"); });
  py::class_<ModelOptions>(module, "ModelOptions")
      .def(py::init<>())
      .def("add_input_shape",
           [](ModelOptions& options, std::string name, std::vector<std::int64_t> sizes) {
             options.input_shapes.push_back({std::move(name), std::move(sizes)});
           })
      .def_readwrite("until", &ModelOptions::until)
      .def_readwrite("from_", &ModelOptions::from)
      .def_readwrite("skip_unsupported", &ModelOptions::skip_unsupported)
      .def_property_readonly("is_default", &ModelOptions::is_default);
  module.def("read_network", [](const std::string& name, const ModelOptions& options) {
    return read_workload(name, options);
  });
  module.def("with_batch", with_batch);
  module.def("read_network_text",
             [](const std::string& text, const std::string& path, const ModelOptions& options) {
               return read_workload_text(text, path, options);
             });
}

void add_latency_model(py::module_& module) {
  py::class_<PyLatencyModel>(module, "LatencyModel",
                             "A calibrated latency model of a machine. Read-only.\n\n"
                             "Made by calibrate(), load() or from_yaml().")
      .def_property_readonly(
          "hardware", [](const PyLatencyModel& m) { return text_of(m.model.hardware.name); },
          "Name of the machine.")
      .def_property_readonly(
          "machine", [](const PyLatencyModel& m) { return text_of(m.model.provenance.machine); },
          "Name of the machine and hash of all its values.")
      .def_property_readonly(
          "mape_holdout", [](const PyLatencyModel& m) { return m.model.holdout.layers.mape; },
          "Mean |error| of layers of held-out networks (0.01 = 1 % of the simulated cycles).")
      .def_property_readonly(
          "mape_train",
          [](const PyLatencyModel& m) -> py::object {
            if (!m.train) return py::none();
            return py::float_(m.train->layers.mape);
          },
          "The same of the layers that the model was fitted to; None of a model that was loaded.")
      .def_property_readonly(
          "holdout", [](const PyLatencyModel& m) { return accuracy_of(m.model.holdout); },
          "Errors on held-out networks, relative to the simulated cycles (0.01 = 1 %): "
          "dictionaries\n"
          "`layers`, `networks` and `by_class` with n, mape, median, rmspe, bias, max, p95,\n"
          "within_5, within_10; `kendall_tau`, `spearman`; `roofline_mape` to compare with.")
      .def_property_readonly(
          "warnings", [](const PyLatencyModel& m) { return m.warnings; },
          "Implausible coefficients; empty for a model that was loaded.")
      .def_property_readonly(
          "left_out", [](const PyLatencyModel& m) { return m.left_out; },
          "Designed networks that the machine cannot hold, each with the reason.")
      .def(
          "to_yaml", [](const PyLatencyModel& m) { return text_of(model_yaml(m.model)); },
          "The text of model.yaml. Numbers round-trip exactly.")
      .def("__repr__", [](const PyLatencyModel& m) {
        return text_of("<tilewake.LatencyModel of " + m.model.provenance.machine + ">");
      });
  module.def("read_model", [](const std::string& path) {
    return PyLatencyModel{read_latency_model(path), {}, {}, {}};
  });
  module.def("read_model_text", [](const std::string& text, const std::string& name) {
    return PyLatencyModel{read_latency_model_text(text, name), {}, {}, {}};
  });
  module.def("write_model", [](const PyLatencyModel& model, const std::string& path) {
    make_directory_of(path);
    write_file_atomically(path, model_yaml(model.model));
  });
}

}  // namespace
}  // namespace tilewake::python

PYBIND11_MODULE(_tilewake, module) {
  using namespace tilewake::python;
  module.doc() = "Tilewake's C++ library. Use the package tilewake.";
  module.attr("__version__") = text_of(tilewake::kVersion);
  module.attr("DEFAULT_MAX_STEPS") = tilewake::kDefaultMaxSteps;
  module.attr("DEFAULT_NUM_NETWORKS") = tilewake::CalibrationSet::kDefaultSize;
  add_errors(module);
  add_inputs(module);
  add_latency_model(module);
  module.def("simulate", simulate_network);
  module.def("calibrate", calibrate_machine);
  module.def("predict", predict_network);
  module.def("fit", fit_to_measurements);
  module.def("write_text", [](const std::string& text, const std::string& path) {
    tilewake::make_directory_of(path);
    tilewake::write_file_atomically(path, text);
  });
  module.def("sweep", run_sweep);
  module.def("explain", explain_machine);
  module.def("explore", explore_machines);
}
