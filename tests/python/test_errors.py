# SPDX-License-Identifier: Apache-2.0
"""Errors have the classes of the C++ library and its one-line messages."""
import subprocess

import pytest
import support

import tilewake


def message_of_program(*arguments, code=3):
    result = subprocess.run([str(support.EXE), *map(str, arguments)], capture_output=True,
                            text=True, check=False)
    assert result.returncode == code
    return result.stderr.removeprefix("tilewake: ").rstrip("\n")


def test_classes_are_derived_as_in_cpp():
    assert issubclass(tilewake.InputError, tilewake.Error)
    assert issubclass(tilewake.InputError, ValueError)
    assert issubclass(tilewake.IoError, tilewake.InputError)
    assert issubclass(tilewake.IoError, OSError)
    assert issubclass(tilewake.UsageError, ValueError)
    assert issubclass(tilewake.SimulationError, RuntimeError)
    for error in (tilewake.InputError, tilewake.UsageError, tilewake.Interrupted):
        assert issubclass(error, tilewake.Error) and issubclass(error, Exception)
    assert (tilewake.InputError.exit_code, tilewake.UsageError.exit_code) == (3, 2)


def test_message_is_that_of_the_program(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(support.TINY_YAML.replace("kernel: 3", "kernel: 0"))
    with pytest.raises(tilewake.InputError) as error:
        tilewake.simulate(path, "midap")
    assert str(error.value) == message_of_program("simulate", "--hw", "midap", "--net", path)
    assert str(error.value).startswith(f"{path}:4: layers[0].kernel: ")


def test_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nothing.yaml") as error:
        tilewake.machines.read(tmp_path / "nothing.yaml")
    assert isinstance(error.value, tilewake.IoError)


def test_unknown_names_list_the_known_ones():
    with pytest.raises(tilewake.InputError, match="tpu_like_128"):
        tilewake.machines.read("no_such_machine")
    with pytest.raises(tilewake.InputError, match="resnet50"):
        tilewake.networks.read("no_such_network")


def test_dictionaries_are_checked_as_files():
    with pytest.raises(tilewake.InputError, match=r"^<dict>:\d+: core.num_cims: "):
        tilewake.machines.read({**support.MIDAP, "core": {**support.MIDAP["core"], "num_cims": -1}})
    with pytest.raises(tilewake.InputError, match=r"^<dict>:\d+: colour: "):
        tilewake.networks.read({**support.TINY, "colour": "red"})
    with pytest.raises(tilewake.InputError, match="^<dict>: "):
        tilewake.networks.read({**support.TINY, "layers": object()})
    with pytest.raises(tilewake.InputError, match="clock_mhz"):
        tilewake.machines.read({**support.MIDAP, "clock_mhz": float("nan")})
    with pytest.raises(tilewake.InputError, match=r"^<text>:1: input: "):
        tilewake.networks.read("name: tiny\nlayers: 3\n")
    with pytest.raises(tilewake.InputError, match="^<bytes>.onnx: "):
        tilewake.networks.read(b"\0not a model")


def test_settings_are_checked_as_values_of_the_file():
    with pytest.raises(tilewake.InputError, match="dram.num_channels"):
        tilewake.simulate("resnet18", "midap", set={"dram.num_channels": 0})
    with pytest.raises(tilewake.InputError, match="dram.no_such_key"):
        tilewake.simulate("resnet18", "midap", set={"dram.no_such_key": 1})
    for bad in ({"dram..num_channels": 1}, {"": 1}, {3: 1}, {"dram.num_channels": None},
                {"dram.num_channels": [1, 2]}):
        with pytest.raises(tilewake.UsageError, match="^set: "):
            tilewake.simulate("resnet18", "midap", set=bad)


def test_wrong_arguments_are_refused():
    with pytest.raises(tilewake.UsageError, match="max_steps"):
        tilewake.simulate("resnet18", "midap", max_steps=0)
    with pytest.raises(tilewake.UsageError, match="num_folds"):
        tilewake.calibrate("midap", num_folds=1)
    with pytest.raises(tilewake.UsageError, match="jobs"):
        tilewake.sweep(["midap"], ["resnet18"], jobs=-1)
    with pytest.raises(tilewake.UsageError, match="machines"):
        tilewake.sweep("midap", ["resnet18"])
    with pytest.raises(tilewake.UsageError, match="twice"):
        tilewake.sweep(["midap"], ["resnet18"], set={"dram.num_channels": [1, "1"]})
    with pytest.raises(TypeError):
        tilewake.simulate(3, "midap")


def test_work_above_the_bound_is_refused_before_it_starts():
    with pytest.raises(tilewake.InputError, match="max_steps"):
        tilewake.simulate("resnet18", "midap", max_steps=10)


def test_paths_that_are_not_utf8_are_kept(tmp_path):
    path = bytes(tmp_path) + b"/\xff.yaml"
    with open(path, "w", encoding="ascii") as file:
        file.write(support.TINY_YAML)
    assert tilewake.networks.read(path.decode("utf-8", "surrogateescape")).name == "tiny"
    with pytest.raises(tilewake.IoError):
        tilewake.networks.read((bytes(tmp_path) + b"/\xfe.yaml").decode("utf-8", "surrogateescape"))


def test_without_torch_the_import_error_names_it(monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="PyTorch"):
        tilewake.networks.from_torch(object(), (1, 3, 32, 32))


def test_torch_module_is_exported_to_memory_and_read(monkeypatch, tmp_path):
    import sys
    import types
    (tmp_path / "tiny.yaml").write_text(support.TINY_YAML)
    support.run("convert", "--net", tmp_path / "tiny.yaml", "--out", tmp_path / "tiny.onnx")
    calls = []

    def export(module, inputs, file, opset_version=None, dynamo=True):
        calls.append((inputs, opset_version, dynamo))
        file.write((tmp_path / "tiny.onnx").read_bytes())

    class Tiny:
        """A module without parameters."""

        def parameters(self):
            return iter(())

    torch = types.ModuleType("torch")
    torch.zeros = lambda *sizes, device: sizes
    torch.onnx = types.SimpleNamespace(export=export)
    monkeypatch.setitem(sys.modules, "torch", torch)
    network = tilewake.networks.from_torch(Tiny(), (1, 3, 32, 32))
    assert network.macs == tilewake.networks.read(support.TINY).macs
    assert calls == [(((1, 3, 32, 32),), 17, False)]


def test_a_path_is_not_cut_off_at_a_null_character(tmp_path):
    good = tmp_path / "good.yaml"
    good.write_text(support.TINY_YAML)
    hidden = f"{good}\0.txt"
    model = tilewake.calibrate("midap", num_networks=60)
    for call in (lambda: tilewake.networks.read(hidden), lambda: tilewake.machines.read(hidden),
                 lambda: tilewake.load_model(hidden), lambda: model.save(hidden),
                 lambda: tilewake.calibrate("midap", traces=[hidden]),
                 lambda: tilewake.sweep([hidden], ["resnet50"])):
        with pytest.raises(tilewake.UsageError, match="null"):
            call()
    assert good.read_text() == support.TINY_YAML


def test_numbers_that_python_does_not_print_are_usage_errors():
    huge = 10 ** 5000
    for call in (lambda: tilewake.simulate("resnet50", "midap", max_steps=huge),
                 lambda: tilewake.calibrate("midap", seed=huge),
                 lambda: tilewake.simulate("resnet50", "midap", set={"clock_mhz": huge}),
                 lambda: tilewake.sweep(["midap"], ["resnet50"], set={"clock_mhz": [huge]}),
                 lambda: tilewake.sweep(["midap"], ["resnet50"], jobs="x" * 1000)):
        with pytest.raises(tilewake.UsageError) as error:
            call()
        assert len(str(error.value)) < 300
    with pytest.raises(tilewake.InputError):
        tilewake.machines.read({**support.MIDAP, "clock_mhz": huge})
