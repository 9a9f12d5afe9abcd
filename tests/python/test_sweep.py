# SPDX-License-Identifier: Apache-2.0
"""Sweeps equal those of the program."""
import csv
import io

import pytest
import support

import tilewake


def test_columns_and_points_are_those_of_the_program():
    values = {"dram.num_channels": [1, 2], "clock_mhz": [500, 1000.5]}
    arguments = ["simulate", "--sweep", "--hw", "midap,dsp_like", "--net", "resnet18,mobilenet_v1",
                 "--set", "dram.num_channels=1,2", "--set", "clock_mhz=500,1000.5"]
    columns = tilewake.sweep(["midap", "dsp_like"], ["resnet18", "mobilenet_v1"], set=values)
    header = next(csv.reader(io.StringIO(support.run(*arguments, "--format", "csv")
                                         .split("\n", 1)[1])))
    assert list(columns) == header
    points = support.run_json(*arguments)["points"]
    assert {len(column) for column in columns.values()} == {len(points)} == {16}
    for row, point in zip(support.rows_of(columns), points):
        settings = point.pop("set")
        assert {key: str(row[key]) for key in settings} == settings
        point["warnings"] = "; ".join(point["warnings"])
        assert {key: row[key] for key in point} == point
    assert columns["dram.num_channels"][:4] == [1, 1, 2, 2]
    assert columns["clock_mhz"][:2] == [500, 1000.5]


def test_failed_points_have_an_error_and_no_figures():
    columns = tilewake.sweep(["midap", "no_such_machine"], [support.TINY])
    assert columns["status"] == ["ok", "failed"]
    assert columns["total_cycles"][0] > 0 and columns["total_cycles"][1] is None
    assert columns["error"][0] == "" and "no_such_machine" in columns["error"][1]


def test_inputs_in_memory_are_those_of_files():
    machine = tilewake.machines.read("midap", set={"dram.num_channels": 1})
    columns = tilewake.sweep([support.MIDAP, machine, "midap"],
                             [support.TINY, support.TINY_YAML, "resnet18"],
                             set={"clock_mhz": [500]}, jobs=1)
    assert columns["hardware"] == ["midap"] * 9
    assert columns["network"] == ["tiny", "tiny", "resnet18"] * 3
    for base, row in ((0, {}), (3, {"dram.num_channels": 1}), (6, {})):
        for offset, network in enumerate((support.TINY, support.TINY_YAML, "resnet18")):
            result = tilewake.simulate(network, "midap", set={"clock_mhz": 500, **row})
            assert columns["total_cycles"][base + offset] == result.total_cycles
            assert columns["machine"][base + offset] == result.summary["machine"]


def test_bad_inputs_in_memory_are_raised():
    with pytest.raises(tilewake.InputError, match="^<dict>"):
        tilewake.sweep(["midap"], [{"name": "tiny"}])
    with pytest.raises(tilewake.InputError):
        tilewake.sweep([], [support.TINY])
    with pytest.raises(tilewake.InputError):
        tilewake.sweep(["midap"], [support.TINY], set={"clock_mhz": range(1, 100_002)})


def test_number_of_processes_does_not_change_the_result():
    arguments = (["tpu_like_128"], ["mobilenet_v2"])
    values = {"dram.num_channels": [1, 2, 4]}
    assert (tilewake.sweep(*arguments, set=values, jobs=1)
            == tilewake.sweep(*arguments, set=values, jobs=3))
