# SPDX-License-Identifier: Apache-2.0
"""Simulates CNNs on NPUs, calibrates latency models and predicts with them.

    import tilewake

    result = tilewake.simulate("resnet50", "midap")
    result.latency_ms, result.summary["dram_read_bytes"]
    pandas.DataFrame(result.layers)                    # a dict of lists, one element a layer

    model = tilewake.calibrate("midap")                # seconds
    tilewake.predict(model, "mobilenet_v2").latency_ms  # microseconds a layer

Units: cycles are NPU cycles, feature maps and weights have one byte a value, or those of `core.element`, 1 MAC = 2 FLOPs. Columns of
a layer: simulator/trace/README.md. Results are equal to those of the program `tilewake`.

Errors: InputError, IoError, UsageError, SimulationError, Interrupted, all derived from Error; the
message is one line. Nothing is printed; warnings are in the results.

Ctrl-C ends long work with KeyboardInterrupt. `progress(done, total)` is called in the calling thread
while the work proceeds (of simulate() and calibrate() at most 20 times a second) and at its end; if
it returns False, the work ends with Interrupted. The GIL is released; simulations in several threads
take turns, sweep() runs simulations in parallel, in processes.
"""
import dataclasses
import json

from . import _sources, _tilewake, machines, networks
from ._tilewake import (DEFAULT_MAX_STEPS, Error, InputError, Interrupted, IoError, LatencyModel,
                        Machine, Network, SimulationError, UsageError, __version__)

__all__ = ["DEFAULT_MAX_STEPS", "Error", "Fit", "InputError", "Interrupted", "IoError",
           "LatencyModel", "Machine", "Network", "Prediction", "Simulation", "SimulationError",
           "UsageError", "__version__", "calibrate", "fit", "load_model", "machines", "networks",
           "predict", "simulate", "sweep", "explain", "explore"]

_LARGEST_MAX_STEPS = 1 << 50


@dataclasses.dataclass(frozen=True, repr=False)
class _Result:
    summary: dict
    layers: dict

    @property
    def total_cycles(self):
        """NPU cycles of the whole network."""
        return self.summary["total_cycles"]

    @property
    def latency_ms(self):
        """Latency of the whole network, of all images of the batch, ms."""
        return self.summary["latency_ms"]

    @property
    def warnings(self):
        """Warnings, each a line."""
        return self.summary["warnings"]

    def __repr__(self):
        return (f"<tilewake.{type(self).__name__} of {self.summary['network']} on "
                f"{self.summary['hardware']}: {self.latency_ms:.4g} ms>")


class Simulation(_Result):
    """The result of simulate().

    summary: totals, with the keys of summary.json: int, float, str, a list of warnings, and as
      `device` what the machine file says of its device, a dict or None
    layers: the columns of layers.csv, in its order: {name: [value of each layer]}; layers are in
      execution order; pandas.DataFrame(result.layers) takes them
    """

    @property
    def energy_mj(self):
        """Energy of the whole network, of all images of the batch, with DRAM, mJ."""
        return self.summary["energy_mj"]


class Prediction(_Result):
    """The result of predict().

    summary: network, hardware, machine, total_cycles, batch, latency_ms, latency_ms_per_image,
      warnings, error_band: 95 % of held-out networks were within this share of the simulator
      (0.01 = 1 %), and energy_mj (None if the model was fitted to traces without energies)
    layers: columns layer, block, op, macs, total_cycles, error_band (None if no such layer was held
      out), in the network's order; cycles add up to the total
    """


def _max_steps(value):
    return _sources.integer("max_steps", value, 1, _LARGEST_MAX_STEPS)


def simulate(network, machine, *, set=None, max_steps=DEFAULT_MAX_STEPS, progress=None):
    """Simulates a network on a machine, exact to the cycle.

    network, machine: what networks.read() and machines.read() read
    set: values of the machine to replace: {"dram.num_channels": 4}
    max_steps: work above this estimate is refused before it starts (1e8: about a minute)
    progress: called with the numbers of simulated and of all layers

    Returns a Simulation. Raises InputError if a file or value is wrong, or the machine cannot hold
    the network; UsageError for a wrong argument; Interrupted, KeyboardInterrupt.
    """
    hardware = machines.read(machine, set=set)
    summary, layers = _tilewake.simulate(networks.read(network), hardware, _max_steps(max_steps),
                                         progress)
    return Simulation(json.loads(summary), layers)


def calibrate(machine, *, set=None, traces=(), designed=False,
              num_networks=_tilewake.DEFAULT_NUM_NETWORKS, num_folds=5, seed=1, progress=None):
    """Fits a latency model to a machine: simulates networks that are designed for it, or reads
    traces, and tests the model on held-out networks.

    machine, set: as in simulate()
    traces: paths of layers.csv, or of directories with one: fit to these instead
    designed: with traces, use designed networks as well
    num_networks: designed networks, 1 to 100,000
    num_folds: of the hold-out, 2 to 100
    seed: of designed networks and folds, 0 to 2^63 - 1; equal seeds give equal models
    progress: called with the numbers of simulated and of all designed networks

    Returns a LatencyModel. Compare its `mape_holdout` with `holdout["roofline_mape"]`. Raises
    InputError for a trace of another machine or version, and for fewer than 2 networks or 20
    layers; Interrupted, KeyboardInterrupt.
    """
    if isinstance(traces, (str, bytes)):
        raise UsageError("traces must be a list of paths")
    return _tilewake.calibrate(
        machines.read(machine, set=set), [_sources.path_bytes(path) for path in traces],
        bool(designed), _sources.integer("num_networks", num_networks, 1, 100_000),
        _sources.integer("num_folds", num_folds, 2, 100),
        _sources.integer("seed", seed, 0, (1 << 63) - 1), progress)


@dataclasses.dataclass(frozen=True, repr=False)
class Fit:
    """The result of fit().

    machine: the fitted Machine
    yaml: the text of its file: the start file with the fitted values, and comments about the fit
    figures: what `tilewake fit --format json` prints: `keys` with their values and whether the data
      determine them; errors `start`, `train` and `holdout` (0.01 = 1 % of the measured latency);
      `baselines` with the errors of simple estimates; `no_better_than` is None, or the baseline
      that the fit does not beat; `warnings`
    """
    machine: Machine
    yaml: str
    figures: dict

    def save(self, path):
        """Writes the machine file. An existing file is replaced atomically. Raises IoError."""
        _tilewake.write_text(self.yaml, _sources.path_bytes(path))

    def __repr__(self):
        return f"<tilewake.Fit of {self.machine.id} to {self.figures['num_rows']} rows>"


def fit(machine, measured, *, set=None, net_dir=None, vary=("default",), num_folds=5,
        num_starts=3, seed=1, jobs=0, progress=None):
    """Fits values of a machine to latencies that were measured on a device, so that simulate()
    reports them. docs/fit.md describes the table, the keys and the method.

    machine, set: the start, as in simulate()
    measured: path of a CSV file with the columns network, latency_ms, and optionally batch, std_ms
      and weight
    net_dir: where its networks are, by default beside it
    vary: keys of the machine: "default", "KEY", "KEY=LOW..HIGH" or "KEY=CHOICE,CHOICE"
    num_folds: of the hold-out, up to 100; 0: none
    num_starts: local searches, 1 to 100
    seed: of the search and the folds, 0 to 2^63 - 1; equal seeds give equal machines
    jobs: processes at a time, at most 1024; 0: as many as there are cores
    progress: called with the numbers of simulated machines and of all that are expected

    Returns a Fit. Raises InputError "file:line: column: what" for a wrong table, and for wrong keys;
    UsageError; Interrupted, KeyboardInterrupt.
    """
    if isinstance(vary, (str, bytes)):
        raise UsageError("vary must be a list of keys")
    directory = b"" if net_dir is None else _sources.path_bytes(net_dir)
    result, yaml, figures = _tilewake.fit(
        machines.read(machine, set=set), _sources.path_bytes(measured), directory,
        [str(key) for key in vary], _sources.integer("num_folds", num_folds, 0, 100),
        _sources.integer("num_starts", num_starts, 1, 100),
        _sources.integer("seed", seed, 0, (1 << 63) - 1), _sources.integer("jobs", jobs, 0, 1024),
        progress)
    return Fit(result, yaml, json.loads(figures))


def load_model(path):
    """Reads the file of a LatencyModel, as LatencyModel.save() and `tilewake calibrate` write it.

    Raises InputError "file:line: key: what", IoError.
    """
    return _tilewake.read_model(_sources.path_bytes(path))


def predict(model, network):
    """Predicts what simulate() would report, in microseconds a layer.

    model: a LatencyModel, or the path of its file
    network: what networks.read() reads

    Returns a Prediction. Raises InputError naming the layer that the machine cannot hold.
    """
    if not isinstance(model, LatencyModel):
        model = load_model(model)
    return Prediction(*_tilewake.predict(model, networks.read(network)))


def sweep(machines, networks, *, set=None, jobs=0, max_steps=DEFAULT_MAX_STEPS, progress=None):
    """Simulates every machine with every network with every combination of values, each point in a
    process. Points are ordered by machine, network, then values; the last key changes fastest.

    machines, networks: lists; elements as in simulate()
    set: values of keys of the machine: {"dram.num_channels": [1, 2, 4]}
    jobs: processes at a time, at most 1024; 0: as many as there are cores
    max_steps: bounds each point
    progress: called with the numbers of finished and of all points

    Returns the columns of sweep.csv, in its order: {name: [value of each point]}. A point that
    fails (a file that cannot be read, a machine that cannot hold the network) has status "failed",
    its error, and None as figures. Raises InputError for a wrong dict or text, or more than 100,000
    points; UsageError; IoError if no process can be started; Interrupted, KeyboardInterrupt, which
    end the processes.
    """
    pairs, originals = _sources.value_lists(set)
    columns = _tilewake.sweep(_points("machines", machines, _machines_read),
                              _points("networks", networks, _networks_read), pairs,
                              _sources.integer("jobs", jobs, 0, 1024), _max_steps(max_steps),
                              progress)
    for key, values in originals.items():
        columns[key] = [values[text] for text in columns[key]]
    return columns


def explain(network, machine, *, set=None, jobs=0, max_steps=DEFAULT_MAX_STEPS, progress=None):
    """What bounds the time of a network on a machine, and what changing each value of the machine
    would do: every number doubled and halved, every flag and word but `core.element` changed, all of them simulated.

    network: as in simulate(); a list of several: changes are judged by the sum of the latencies
    machine, set, max_steps: as in simulate()
    jobs: processes at a time, at most 1024; 0: as many as there are cores
    progress: called with the numbers of simulated and of about all changes

    Returns a dict: "networks" (for each cycles by resource and its roofline), "machine" (its
    figures), "limits" (one resource unlimited: upper bounds), "changes" in the order of `tilewake
    explain` (best for their area first) with figures and "relative" (-0.24: 24 % less), and "slack"
    (keys without effect on the latency). Raises as simulate() does.
    """
    networks_read = [_networks_read(one) for one in _listed(network)]
    return json.loads(_tilewake.explain(networks_read, _machines_read(machine, set=set),
                                        _sources.integer("jobs", jobs, 0, 1024),
                                        _max_steps(max_steps), progress))


def explore(network, machine, vary, *, objectives=("latency", "energy", "area"), limits=None,
            evaluations=2000, exhaustive=False, seed=1, set=None, jobs=0,
            max_steps=DEFAULT_MAX_STEPS, progress=None):
    """The Pareto front of the machines with all combinations of values, for a network or several.

    network, machine, set, max_steps: as in explain()
    vary: values of keys of the machine: {"dram.num_channels": [1, 2, 4]}; numbers are sorted
    objectives: latency, energy, area, dram, memory: figures to minimize
    limits: upper bounds of figures: {"area_mm2": 3}
    evaluations: if there are more combinations, NSGA-II simulates this many
    exhaustive: all combinations, at most 1,000,000
    seed: of NSGA-II
    jobs: processes at a time, at most 1024; 0: as many as there are cores
    progress: called with the numbers of simulated machines and of all

    Returns a dict: "points" ({name: [value of each point]}: the keys, then status, feasible,
    on_front, error and figures, None where a point failed), "front" (numbers of points),
    "grid_size" and "is_exhaustive". Raises as simulate() does, and UsageError.
    """
    ordered = {key: _in_order(values) for key, values in (vary or {}).items()}
    pairs, originals = _sources.value_lists(ordered)
    if not pairs:
        raise UsageError("vary must have at least one key")
    names = _sources.names("objectives", objectives)
    if not names:
        raise UsageError("objectives must have at least one name")
    bounds = [(str(name), _number("limits", value)) for name, value in (limits or {}).items()]
    result = json.loads(_tilewake.explore(
        [_networks_read(one) for one in _listed(network)], _machines_read(machine, set=set), pairs,
        names, bounds, _sources.integer("evaluations", evaluations, 1, 1_000_000),
        bool(exhaustive), _sources.integer("seed", seed, 0, (1 << 63) - 1),
        _sources.integer("jobs", jobs, 0, 1024), _max_steps(max_steps), progress))
    for key, values in originals.items():
        result["points"][key] = [values[text] for text in result["points"][key]]
    return result


def _listed(network):
    """A network, or a list of them, as a list."""
    listed = list(network) if isinstance(network, (list, tuple)) else [network]
    if not listed:
        raise UsageError("network must not be empty")
    return listed


def _in_order(values):
    """Numbers in ascending order, as a search moves from a value to the next."""
    is_list = hasattr(values, "__iter__") and not isinstance(values, (str, bytes))
    if not is_list:
        return values
    values = list(values)
    numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
    return sorted(values) if numbers else values


def _number(name, value):
    """A finite number of at least 0. Raises UsageError."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0.0 <= number < float("inf"):
        raise UsageError(f"{name}: {value!r} is not a number of at least 0")
    return number


_machines_read = machines.read
_networks_read = networks.read


def _points(name, sources, read):
    """Elements for the sweep: names and paths are read there, so that they fail their points."""
    if isinstance(sources, (str, bytes, dict)):
        raise UsageError(f"{name} must be a list")
    elements = []
    for source in sources:
        is_name = hasattr(source, "__fspath__") or (isinstance(source, str)
                                                    and not _sources.is_text(source))
        elements.append(_sources.path_bytes(source) if is_name else read(source))
    return elements


def _save(self, path):
    """Writes the model to a file that load_model() and `tilewake predict --model` read.

    An existing file is replaced atomically. Raises IoError.
    """
    _tilewake.write_model(self, _sources.path_bytes(path))


def _from_yaml(text):
    """The model of a text that to_yaml() returned. Raises InputError."""
    return _tilewake.read_model_text(text, "<text>")


_save.__name__ = _save.__qualname__ = "save"
LatencyModel.save = _save
LatencyModel.load = staticmethod(load_model)
LatencyModel.from_yaml = staticmethod(_from_yaml)
