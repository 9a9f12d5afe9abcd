# SPDX-License-Identifier: Apache-2.0
"""fit() equals the program."""
import pytest
import support

import tilewake

NETWORK = """\
name: n{i}
input: {{channels: 8, height: 12, width: 12}}
layers:
  - {{name: a, op: conv2d, out_channels: {channels}, kernel: {kernel}}}
  - {{name: b, op: avg_pool, kernel: 3}}
  - {{name: c, op: fully_connected, out_channels: 10}}
"""
KEYS = ["core.efficiency.conv2d", "core.efficiency.pool"]


@pytest.fixture(name="table")
def fixture_table(tmp_path):
    lines = ["network,latency_ms"]
    for i in range(6):
        file = tmp_path / f"n{i}.yaml"
        file.write_text(NETWORK.format(i=i, channels=8 * (i + 1), kernel=1 + 2 * (i % 2)))
        latency = tilewake.simulate(file, "dsp_like", set={KEYS[0]: 0.35}).latency_ms
        lines.append(f"n{i}.yaml,{latency!r}")
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_result_is_that_of_the_program(table, tmp_path):
    fit = tilewake.fit("dsp_like", table, vary=KEYS, num_folds=2, num_starts=1)
    figures = support.run_json("fit", "--hw", "dsp_like", "--measured", table, "--vary", *KEYS,
                               "--folds", 2, "--starts", 1, "--out", tmp_path / "program.yaml")
    fit.save(tmp_path / "new" / "python.yaml")
    assert (tmp_path / "new" / "python.yaml").read_bytes() == (tmp_path / "program.yaml").read_bytes()
    assert {**fit.figures, "out": ""} == {**figures, "out": ""}
    assert fit.machine.id == fit.figures["machine"]
    assert fit.figures["train"]["mape"] < fit.figures["start"]["mape"]


def test_wrong_arguments_are_refused(table):
    with pytest.raises(tilewake.InputError, match="core.lane"):
        tilewake.fit("dsp_like", table, vary=["core.lane"])
    with pytest.raises(tilewake.UsageError):
        tilewake.fit("dsp_like", table, vary="default")
    with pytest.raises(tilewake.InputError, match="none.csv"):
        tilewake.fit("dsp_like", table.parent / "none.csv")


def test_progress_can_end_the_fit(table):
    with pytest.raises(tilewake.Interrupted):
        tilewake.fit("dsp_like", table, vary=KEYS, progress=lambda done, total: False)
