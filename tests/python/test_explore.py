# SPDX-License-Identifier: Apache-2.0
"""explain() and explore() against simulate() and sweep()."""
import pytest
import tilewake

NETWORK = "mobilenet_v2"
MACHINE = "edge_systolic_32"
VARY = {"dram.num_channels": [4, 1, 2], "core.rows": [16, 32]}


def test_every_change_is_the_simulation_of_it():
    found = tilewake.explain(NETWORK, MACHINE)
    base = tilewake.simulate(NETWORK, MACHINE)
    assert found["machine"]["latency_ms"] == base.summary["latency_ms"]
    network = found["networks"][0]
    assert sum(network["resources"].values()) == base.summary["total_cycles"]
    possible = [change for change in found["changes"] if "error" not in change]
    best = min(possible, key=lambda change: change["latency_ms"])
    for change in (best, possible[0], possible[-1]):
        result = tilewake.simulate(NETWORK, MACHINE, set=change["set"])
        assert result.summary["latency_ms"] == change["latency_ms"], change["set"]
        assert change["relative"]["latency"] == pytest.approx(
            change["latency_ms"] / base.summary["latency_ms"] - 1)
    slack = set(found["slack"])
    for change in possible:
        if slack & set(change["set"]):
            assert change["latency_ms"] == base.summary["latency_ms"]


def test_the_front_of_all_points_is_that_of_a_sweep():
    found = tilewake.explore(NETWORK, MACHINE, VARY, objectives=["latency", "energy"])
    points = found["points"]
    assert found["grid_size"] == 6 and found["is_exhaustive"]
    assert points["dram.num_channels"] == [1, 1, 2, 2, 4, 4]
    swept = tilewake.sweep([MACHINE], [NETWORK], set=VARY)
    latency = {(c, r): ms for c, r, ms in zip(swept["dram.num_channels"], swept["core.rows"],
                                              swept["latency_ms"])}
    figures = list(zip(points["latency_ms"], points["energy_mj"]))
    for i, (ms, mj) in enumerate(figures):
        assert ms == latency[points["dram.num_channels"][i], points["core.rows"][i]]
        dominated = any(a <= ms and b <= mj and (a, b) != (ms, mj) for a, b in figures)
        assert points["on_front"][i] == (not dominated and figures.index((ms, mj)) == i)
    assert sorted(found["front"]) == [i for i, on in enumerate(points["on_front"]) if on]


def test_points_beyond_a_limit_are_not_on_the_front():
    free = tilewake.explore(NETWORK, MACHINE, VARY)
    areas = sorted(free["points"]["area_mm2"])
    limit = areas[len(areas) // 2 - 1]
    found = tilewake.explore(NETWORK, MACHINE, VARY, limits={"area_mm2": limit})
    for area, feasible, on_front in zip(found["points"]["area_mm2"], found["points"]["feasible"],
                                        found["points"]["on_front"]):
        assert feasible == (area <= limit)
        assert feasible or not on_front


def test_several_networks_are_judged_together():
    names = [NETWORK, "mobilenet_v1"]
    found = tilewake.explore(names, MACHINE, {"dram.num_channels": [1]}, objectives="latency")
    each = [tilewake.simulate(name, MACHINE, set={"dram.num_channels": 1}).summary["latency_ms"]
            for name in names]
    assert found["points"]["latency_ms"] == [pytest.approx(sum(each))]


@pytest.mark.parametrize("arguments", [
    {"vary": {}}, {"vary": {"core.rows": 3}}, {"vary": VARY, "objectives": ["speed"]},
    {"vary": VARY, "limits": {"area_mm2": -1}}, {"vary": VARY, "evaluations": 0}])
def test_wrong_arguments_are_usage_errors(arguments):
    with pytest.raises(tilewake.UsageError):
        tilewake.explore(NETWORK, MACHINE, **arguments)


def test_progress_may_end_an_exploration():
    with pytest.raises(tilewake.Interrupted):
        tilewake.explore(NETWORK, MACHINE, VARY, progress=lambda done, total: False)
