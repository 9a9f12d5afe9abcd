# SPDX-License-Identifier: Apache-2.0
"""The install component `python`: complete, movable, and without LibTorch."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import support


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            check=False, timeout=120, **options)
    assert result.returncode == 0, f"{command}: {result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The directory of the installed package, at a place where it was not installed."""
    directory = tmp_path_factory.mktemp("install")
    run("cmake", "--install", os.environ["TILEWAKE_BUILD_DIR"], "--prefix", directory / "prefix",
        "--component", "python")
    (directory / "prefix").rename(directory / "moved")
    return next((directory / "moved").rglob("tilewake/__init__.py")).parent.parent


def run_python(site, *arguments, cwd):
    environment = {key: value for key, value in os.environ.items()
                   if not key.startswith(("TILEWAKE_", "PYTHON"))}
    return run(sys.executable, "-B", *arguments, cwd=cwd,
               env={**environment, "PYTHONPATH": str(site)})


def test_installed_package_finds_its_machines_and_networks(site, tmp_path):
    output = run_python(site, "-c", "import tilewake\nprint(tilewake.__file__)\n"
                        "print(tilewake.simulate('resnet18', 'midap').total_cycles)", cwd=tmp_path)
    file, cycles = output.splitlines()
    assert pathlib.Path(file).is_relative_to(site)
    assert int(cycles) == support.simulate_json("resnet18", "midap")["total_cycles"]
    shipped = {path.name for path in (site / "tilewake").rglob("*.yaml")}
    assert shipped == {path.name for directory in ("hw_configs", "networks")
                       for path in (support.SOURCE / directory).glob("*.yaml")}
    for name in ("__init__.pyi", "machines.pyi", "networks.pyi", "py.typed"):
        assert (site / "tilewake" / name).is_file()


def test_example_runs_with_the_installed_package(site, tmp_path):
    example = shutil.copy(support.SOURCE / "examples/python/simulate.py", tmp_path)
    expected = support.simulate_json("resnet18", "tpu_like_128")
    output = run_python(site, example, "resnet18", "tpu_like_128", cwd=tmp_path)
    assert f"{expected['latency_ms']:.3f} ms" in output.splitlines()[-1]


def test_import_loads_neither_torch_nor_numpy(site, tmp_path):
    code = ("import sys, tilewake\nprint({'torch', 'numpy', 'pandas'} & set(sys.modules))\n"
            "print(any('torch' in line for line in open('/proc/self/maps')))")
    assert run_python(site, "-c", code, cwd=tmp_path) == "set()\nFalse\n"
