# SPDX-License-Identifier: Apache-2.0
"""Simulations equal those of the program, whatever form their inputs have."""
import csv
import inspect
import io
import pathlib
import threading

import pytest
import support

import tilewake


def without_hashes(summary):
    return {key: value for key, value in summary.items() if not key.endswith("_hash")}


@pytest.mark.parametrize("machine", ["midap", "tpu_like_128", "dsp_like", "midap_lpddr4"])
@pytest.mark.parametrize("network", ["mobilenet_v2", "resnet18"])
def test_figures_are_those_of_the_program(machine, network):
    expected = support.simulate_json(network, machine)
    layers = expected.pop("layers")
    result = tilewake.simulate(network, machine)
    assert result.summary == expected
    assert support.rows_of(result.layers) == layers
    assert result.latency_ms == expected["latency_ms"]
    assert result.total_cycles == expected["total_cycles"]


def test_columns_are_those_of_layers_csv_and_of_equal_length():
    result = tilewake.simulate("resnet18", "midap")
    text = support.run("simulate", "--hw", "midap", "--net", "resnet18", "--format", "csv")
    header = next(csv.reader(io.StringIO(text.split("\n", 1)[1])))
    assert list(result.layers) == header
    assert {len(values) for values in result.layers.values()} == {result.summary["num_layers"]}
    types = {name: {type(value) for value in values} for name, values in result.layers.items()}
    assert all(len(kinds) == 1 and kinds <= {int, float, str, bool} for kinds in types.values())


def test_dictionaries_texts_and_files_are_equal(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(support.TINY_YAML)
    expected = tilewake.simulate(path, "midap")
    assert expected.summary["num_layers"] > 4
    for network in (support.TINY, support.TINY_YAML, str(path), tilewake.networks.read(path)):
        machine_text = (support.SOURCE / "hw_configs/midap.yaml").read_text()
        for machine in (support.MIDAP, machine_text, support.SOURCE / "hw_configs/midap.yaml",
                        tilewake.machines.read("midap")):
            result = tilewake.simulate(network, machine)
            assert result.layers == expected.layers
            assert without_hashes(result.summary) == without_hashes(expected.summary)


def test_equal_machines_have_one_id_and_their_yaml_reads_back():
    machine = tilewake.machines.read(support.MIDAP)
    assert machine.id == tilewake.machines.read("midap").id
    assert tilewake.machines.read(machine.to_yaml()).id == machine.id
    assert (machine.name, machine.clock_mhz, machine.peak_macs_per_cycle) == ("midap", 1000, 1024)


def test_set_replaces_values_as_the_option_does():
    settings = {"dram.num_channels": 1, "clock_mhz": 812.5, "dram.row_cycles": "15"}
    words = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    expected = support.simulate_json("mobilenet_v1", "midap", *words)
    assert tilewake.simulate("mobilenet_v1", "midap", set=settings).summary == {
        key: value for key, value in expected.items() if key != "layers"}
    machine = tilewake.machines.read("midap", set={"clock_mhz": 812.5})
    result = tilewake.simulate("mobilenet_v1", machine, set={"dram.num_channels": 1})
    assert result.total_cycles == tilewake.simulate(
        "mobilenet_v1", "midap", set={"clock_mhz": 812.5, "dram.num_channels": 1}).total_cycles


def test_onnx_is_read_by_path_and_from_bytes(tmp_path):
    path = tmp_path / "tiny.onnx"
    (tmp_path / "tiny.yaml").write_text(support.TINY_YAML)
    support.run("convert", "--net", tmp_path / "tiny.yaml", "--out", path)
    from_path = tilewake.networks.read(path)
    from_bytes = tilewake.networks.read(path.read_bytes())
    assert (from_bytes.macs, from_bytes.params) == (from_path.macs, from_path.params)
    expected = support.simulate_json(path, "midap")
    for network in (from_path, from_bytes):
        assert tilewake.simulate(network, "midap").total_cycles == expected["total_cycles"]


def test_a_part_of_a_model_is_read(tmp_path):
    model = support.SOURCE / "tests/reference/cases/shared_weights.onnx"
    part = tilewake.networks.read(model, until="conv_b", from_=["conv_b"],
                                  input_shapes={"a": (1, 16, 8, 8)})
    assert (part.num_layers, part.macs) == (1, 8 * 8 * 16 * 144)
    assert part.warnings
    path = tmp_path / "tiny.onnx"
    (tmp_path / "tiny.yaml").write_text(support.TINY_YAML)
    support.run("convert", "--net", tmp_path / "tiny.yaml", "--out", path)
    whole = tilewake.networks.read(path)
    assert tilewake.networks.read(path, skip_unsupported=True).macs == whole.macs
    until = support.simulate_json(path, "midap", "--until", "stem")
    assert tilewake.simulate(tilewake.networks.read(path, until="stem"),
                             "midap").summary["macs"] == until["macs"]
    for wrong in ({"until": 5}, {"from_": [""]}, {"input_shapes": {"a": (0,)}}):
        with pytest.raises(tilewake.UsageError):
            tilewake.networks.read(path, **wrong)
    with pytest.raises(tilewake.UsageError):
        tilewake.networks.read(whole, until="stem")
    with pytest.raises(tilewake.InputError, match="did you mean 'stem'"):
        tilewake.networks.read(path, until="sten")


def test_topology_is_a_network_of_layers(tmp_path):
    path = tmp_path / "layers.csv"
    path.write_text("Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, "
                    "Num Filter, Strides,\nc1, 34, 34, 3, 3, 16, 32, 1,\nc2, 34, 34, 3, 3, 16, 64, 1,\n")
    calls = []
    result = tilewake.simulate(path, "tpu_like_128", progress=lambda *call: calls.append(call))
    assert result.summary["num_layers"] == 2
    assert calls[-1] == (2, 2)
    assert result.total_cycles == support.simulate_json(path, "tpu_like_128")["total_cycles"]


def test_numbers_of_other_libraries_are_taken():
    class Number:
        """As NumPy's scalars."""

        def __init__(self, value):
            self.value = value

        def item(self):
            return self.value

    network = {**support.TINY, "input": {"channels": Number(3), "height": 32, "width": 32}}
    result = tilewake.simulate(network, "midap", set={"dram.num_channels": Number(1)})
    assert result.total_cycles == tilewake.simulate(
        support.TINY, "midap", set={"dram.num_channels": 1}).total_cycles


def test_threads_take_turns_and_get_their_results():
    expected = {name: tilewake.simulate(name, "midap").total_cycles
                for name in ("mobilenet_v1", "resnet18", "squeezenet")}
    wrong = []

    def work(name):
        for _ in range(5):
            if tilewake.simulate(name, "midap").total_cycles != expected[name]:
                wrong.append(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in [*expected] * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def resident_bytes():
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


def test_many_simulations_keep_memory_flat():
    machine = tilewake.machines.read("midap")
    network = tilewake.networks.read("mobilenet_v2")
    for _ in range(100):
        tilewake.simulate(network, machine)
    before = resident_bytes()
    for _ in range(400):
        tilewake.simulate(network, machine)
        tilewake.simulate(support.TINY, "tpu_like_128")
    assert resident_bytes() - before < 8 << 20


def test_stubs_name_what_the_package_has():
    import ast
    package = pathlib.Path(tilewake.__file__).parent
    tree = ast.parse((package / "__init__.pyi").read_text())
    functions = {node.name: node.args for node in tree.body if isinstance(node, ast.FunctionDef)}
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    values = {node.target.id for node in tree.body if isinstance(node, ast.AnnAssign)}
    named = {*functions, *classes, *values, "machines", "networks"} - {"_Result"}
    assert named == set(tilewake.__all__)
    for name, arguments in functions.items():
        parameters = [p.arg for p in (*arguments.args, *arguments.kwonlyargs)]
        assert parameters == list(inspect.signature(getattr(tilewake, name)).parameters)
    assert (package / "py.typed").exists()
    for name in tilewake.__all__:
        assert getattr(tilewake, name).__doc__ or name.isupper() or name == "__version__"


def test_version_is_that_of_the_program():
    assert support.run("--version").split()[1] == tilewake.__version__
