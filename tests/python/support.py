# SPDX-License-Identifier: Apache-2.0
"""What the tests of the Python package share: the program to compare with, small inputs.

Run by ctest, or as: PYTHONPATH=build/release/python TILEWAKE_EXE=build/release/tilewake
    TILEWAKE_SOURCE_DIR=. python3 -m pytest tests/python
"""
import json
import os
import pathlib
import subprocess

SOURCE = pathlib.Path(os.environ["TILEWAKE_SOURCE_DIR"]).resolve()
EXE = pathlib.Path(os.environ["TILEWAKE_EXE"]).resolve()

TINY = {
    "name": "tiny",
    "input": {"channels": 3, "height": 32, "width": 32},
    "layers": [
        {"name": "stem", "op": "conv2d", "out_channels": 32, "kernel": 3, "stride": 2},
        {"name": "block", "op": "mbconv", "kernels": [3], "expansion_ratios": [2],
         "out_channels": 32, "stride": 1},
        {"name": "pool", "op": "global_avg_pool"},
        {"name": "classifier", "op": "fully_connected", "out_channels": 10, "bias": False},
    ],
}
TINY_YAML = """\
name: tiny
input: {channels: 3, height: 32, width: 32}
layers:
  - {name: stem, op: conv2d, out_channels: 32, kernel: 3, stride: 2}
  - {name: block, op: mbconv, kernels: [3], expansion_ratios: [2], out_channels: 32, stride: 1}
  - {name: pool, op: global_avg_pool}
  - {name: classifier, op: fully_connected, out_channels: 10, bias: false}
"""
MIDAP = {
    "name": "midap",
    "clock_mhz": 1000,
    "core": {
        "kind": "midap", "num_cims": 16, "system_width": 64,
        "fmem": {"num_banks": 4, "bank_bytes": 262144},
        "wmem": {"bank_bytes": 16384, "extended_bank_bytes": 131072},
        "bmmem": {"bytes": 4096},
        "reduction": {"bytes": 4096},
    },
    "dram": {
        "model": "latency_bandwidth", "num_channels": 2, "bus_bytes": 4, "clock_mhz": 1600,
        "beats_per_clock": 2, "first_access_cycles": 41.25, "row_cycles": 14.625,
        "row_bytes": 8192, "first_row_bytes": 3584, "refresh_cycles": 235,
        "refresh_bytes": 89856, "first_refresh_bytes": 94976,
    },
}
# A second of simulation and more.
LONG = {
    "name": "long",
    "input": {"channels": 512, "height": 128, "width": 128},
    "layers": [{"name": f"conv{i}", "op": "conv2d", "out_channels": 512, "kernel": 3}
               for i in range(1024)],
}


def run(*arguments, code=0):
    """Standard output of the program."""
    result = subprocess.run([str(EXE), *map(str, arguments)], capture_output=True, text=True,
                            check=False, stdin=subprocess.DEVNULL, timeout=120)
    assert result.returncode == code, (arguments, result.stderr)
    return result.stdout


def run_json(*arguments):
    return json.loads(run(*arguments, "--format", "json"))


def simulate_json(network, machine, *arguments):
    return run_json("simulate", "--hw", machine, "--net", network, *arguments)


def rows_of(columns):
    """Columns as a list of dictionaries."""
    return [dict(zip(columns, values)) for values in zip(*columns.values())]
