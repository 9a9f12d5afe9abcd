#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Joint searches of network and machine: `nas run --hw-space`."""
import csv
import functools
import io
import json
import pathlib
import shutil
import subprocess
import unittest

from cli_support import EXE, SOURCE, TIMEOUT
from nas_test import RECIPE, TEMPORARY, NasTest, strict_json

# A systolic array: its calibration takes half the time of MIDAP's.
MACHINE = (SOURCE / "hw_configs/edge_systolic_32.yaml").read_text()
TARGET_MS = 0.008
# Of the array, area can move to the vector unit.
SPACE = """\
vary:
  core.rows: [16, 32]
  core.cols: [16, 32, 64]
  core.vector_unit.lanes: 32..128
"""
VARY = ["core.rows=16,32", "core.cols=16,32,64", "core.vector_unit.lanes=32..128"]
OTHERS = ["--data", "synthetic", "--recipe", "tiny_recipe.yaml", "--threads", "1", "--target-ms",
          str(TARGET_MS)]
PLAIN = ["--hw", "edge.yaml", "--model", "edge-model.yaml", *OTHERS]
JOINT = [*PLAIN, "--hw-space", "space.yaml", "--hw-rounds", "1"]
# Without a search, in half of the time.
SCALED = ["--method", "mobilenet_v2"]


@functools.lru_cache(maxsize=None)
def edge_model():
    """The latency model of the machine, as text; made once."""
    path = pathlib.Path(TEMPORARY.name) / "edge-model.yaml"
    subprocess.run([EXE, "calibrate", "--hw", SOURCE / "hw_configs/edge_systolic_32.yaml", "-q",
                    "--out", path], check=True, timeout=TIMEOUT, stdout=subprocess.DEVNULL)
    return path.read_text()


def write_inputs(directory):
    (directory / "edge.yaml").write_text(MACHINE)
    (directory / "tiny_recipe.yaml").write_text(RECIPE)
    (directory / "space.yaml").write_text(SPACE)
    (directory / "edge-model.yaml").write_text(edge_model())


@functools.lru_cache(maxsize=None)
def joint_run():
    """A complete joint search, made once: the directory that holds it, and what it printed."""
    directory = pathlib.Path(TEMPORARY.name) / "joint"
    directory.mkdir()
    write_inputs(directory)
    result = subprocess.run([EXE, "nas", "run", *JOINT, "--out", "joint", "--format", "json"],
                            cwd=directory, timeout=TIMEOUT, capture_output=True, text=True,
                            check=False)
    assert result.returncode == 0, result.stderr
    return directory, result


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text().split("\n", 1)[1])))


def costs_of(row):
    """What a front minimizes."""
    return (-float(row["validation_accuracy"]), float(row["latency_ms"]),
            float(row["energy_mj"]), float(row["area_mm2"]))


def dominates(a, b):
    return all(x <= y for x, y in zip(a, b)) and a != b


class JointTest(NasTest):
    def setUp(self):
        super().setUp()
        write_inputs(self.dir)

    def simulated(self, machine, network):
        return json.loads(self.expect_ok("simulate", "-q", "--hw", machine, "--net", network,
                                         "--format", "json"))


class ResultTest(JointTest):
    """Laws of the search that joint_run() made."""

    def setUp(self):
        super().setUp()
        self.top, self.result = joint_run()
        self.joint = self.top / "joint"
        self.pairs = rows_of(self.joint / "pairs.csv")
        self.summary = json.loads((self.joint / "summary.json").read_text())
        self.max_area = self.summary["max_area_mm2"]

    def test_each_search_is_that_of_its_machine_alone(self):
        self.assertEqual([run["name"] for run in self.summary["runs"]], ["fixed", "round-1"])
        self.expect_found(*PLAIN, "--out", "alone/fixed")
        self.assert_same_run(self.joint / "fixed", self.dir / "alone/fixed")
        self.expect_found("--hw", self.joint / "machine-1.yaml", "--model",
                          self.joint / "round-1/model.yaml", *OTHERS, "--out", "alone/round-1")
        self.assert_same_run(self.joint / "round-1", self.dir / "alone/round-1")

    def test_machines_are_those_of_an_exploration_with_the_network_found(self):
        for name in ("fixed", "round-1"):
            self.expect_ok("explore", "-q", "--hw", "edge.yaml", "--net",
                           self.joint / name / "architecture.yaml", "--vary", *VARY, "--exhaustive",
                           "--out", f"explored-{name}")
            keys = [word.split("=")[0] for word in VARY]
            figures = ["latency_ms", "energy_mj", "area_mm2"]
            expected = {tuple(row[k] for k in keys): [float(row[f]) for f in figures]
                        for row in rows_of(self.dir / f"explored-{name}/explore.csv")
                        if row["status"] == "ok"}
            found = {tuple(row[k] for k in keys): [float(row[f]) for f in figures]
                     for row in self.pairs if row["network"] == name}
            self.assertEqual(found, expected)
            self.assertGreater(len(found), 4)

    def test_the_next_machine_is_the_smallest_of_the_fastest_within_the_area(self):
        fixed = [row for row in self.pairs if row["network"] == "fixed"]
        within = [row for row in fixed if float(row["area_mm2"]) <= self.max_area]
        self.assertLess(len(within), len(fixed), "the area excludes no machine")
        least = min(float(row["latency_ms"]) for row in within)
        fast = [row for row in within if float(row["latency_ms"]) <= 1.01 * least]
        smallest = min(fast, key=lambda row: (float(row["area_mm2"]), float(row["latency_ms"])))
        chosen = self.summary["runs"][1]["set"]
        self.assertEqual(chosen, {key: smallest[key] for key in chosen})

    def test_the_front_is_what_nothing_dominates_within_all_limits(self):
        start = self.simulated("edge.yaml", "tiny.yaml")
        self.assertAlmostEqual(self.max_area, start["area_mm2"], places=9)
        within = [row for row in self.pairs if row["within_limits"] == "1"]
        for row in self.pairs:
            is_within = (float(row["latency_ms"]) <= TARGET_MS * (1 + 1e-9) and
                         float(row["area_mm2"]) <= self.max_area)
            self.assertEqual(row["within_limits"] == "1", is_within, row)
            best = is_within and not any(dominates(costs_of(w), costs_of(row)) for w in within)
            self.assertEqual(row["on_front"] == "1", best, row)
        self.assertEqual(rows_of(self.joint / "front.csv"),
                         [row for row in self.pairs if row["on_front"] == "1"])
        self.assertEqual(len(self.summary["front"]), len(rows_of(self.joint / "front.csv")))

    def test_the_best_pair_is_nowhere_worse_than_the_search_on_the_machine_given(self):
        fixed = next(row for row in self.pairs
                     if row["network"] == "fixed" and row["searched"] == "1")
        best = self.summary["best"]
        for a, b in zip(costs_of(best), costs_of(fixed)):
            if best["network"] == "fixed":
                self.assertLessEqual(a, b)
        self.assertLessEqual(-best["validation_accuracy"], costs_of(fixed)[0])
        self.assertLessEqual(best["area_mm2"], self.max_area)
        self.assertLessEqual(best["latency_ms"], TARGET_MS)
        self.assertFalse(any(dominates(costs_of(fixed), costs_of(row)) for row in self.pairs
                             if row["on_front"] == "1"))

    def test_machine_files_have_the_figures_reported(self):
        named = {run["name"]: run for run in self.summary["runs"]}
        for machine, network, figures in [
                ("machine.yaml", "architecture.yaml", self.summary["best"]),
                ("machine-1.yaml", "round-1/architecture.yaml", named["round-1"])]:
            simulated = self.simulated(self.joint / machine, self.joint / network)
            for key in ("latency_ms", "energy_mj", "area_mm2", "peak_chip_bytes"):
                self.assertAlmostEqual(simulated[key], figures[key], places=12, msg=key)
        of_run = json.loads((self.joint / "round-1/summary.json").read_text())
        self.assertEqual(of_run["latency_ms"], named["round-1"]["latency_ms"])

    def test_what_is_printed_is_the_summary(self):
        self.assertEqual(strict_json(self.result.stdout), self.summary)
        manifest = (self.joint / "manifest.txt").read_text()
        for path in self.joint.iterdir():
            if path.is_file() and path.name != "manifest.txt":
                self.assertIn(path.name + "\n", manifest)

    def test_a_finished_search_is_resumed_with_the_same_files(self):
        before = self.snapshot(self.joint)
        self.assertIn("best: the network of", self.run_tilewake(
            "nas", "run", "-q", *JOINT, "--out", "joint", "--resume", cwd=self.top).stdout)
        self.assert_same_joint(before)

    def assert_same_joint(self, before):
        after = self.snapshot(self.joint)
        self.assertEqual(list(after), list(before))
        for name, text in before.items():
            if not name.endswith("run.yaml") and "tfevents" not in name:
                self.assertEqual(after[name], text, name)


class SearchTest(JointTest):
    def test_a_space_of_the_machine_itself_gives_the_plain_search(self):
        self.write("space.yaml", "vary:\n  core.rows: 32\n")
        out = self.expect_found(*JOINT, *SCALED, "--out", "joint")
        self.assertIn("no machine of the space dominates it", out)
        self.expect_found(*PLAIN, *SCALED, "--out", "alone/fixed")
        self.assert_same_run(self.dir / "joint/fixed", self.dir / "alone/fixed")
        self.assertFalse((self.dir / "joint/round-1").exists())
        self.assertEqual((self.dir / "joint/architecture.yaml").read_text(),
                         (self.dir / "alone/fixed/architecture.yaml").read_text())
        self.assertEqual(self.expect_ok("check", "--hw", "joint/machine.yaml", "--keys"),
                         self.expect_ok("check", "--hw", "edge.yaml", "--keys"))

    def test_a_search_killed_twice_goes_on_to_the_same_files(self):
        for resume, search in (([], ""), (["--resume"], "joint search: the network takes")):
            process = subprocess.Popen(
                [EXE, "nas", "run", *JOINT, "--out", "joint", *resume], cwd=self.dir, text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            is_reached = not search
            for line in process.stderr:
                is_reached = is_reached or search in line
                if is_reached and line.startswith("tilewake: train 6 of"):
                    break
            process.kill()
            process.communicate()
            self.assertEqual((self.dir / "joint/round-1").exists(), bool(resume))
            self.assertIn("\ncomplete: false\n", (self.dir / "joint/run.yaml").read_text())
        self.expect_found(*JOINT, "--out", "joint", "--resume")
        theirs = joint_run()[0] / "joint"
        self.assert_same_run(self.dir / "joint/fixed", theirs / "fixed")
        self.assert_same_run(self.dir / "joint/round-1", theirs / "round-1")
        for path in theirs.iterdir():
            if path.is_file() and path.name != "run.yaml":
                self.assertEqual((self.dir / "joint" / path.name).read_text(), path.read_text())

    def test_a_limit_that_the_machine_misses_may_be_met_by_another(self):
        self.write("slow.yaml", MACHINE.replace("clock_mhz: 1000", "clock_mhz: 100"))
        self.write("space.yaml", "vary:\n  clock_mhz: [100, 1000]\n")
        summary = strict_json(self.expect_found(
            "--hw", "slow.yaml", *OTHERS, *SCALED, "--hw-space", "space.yaml", "--out", "joint",
            "--format", "json"))
        self.assertIn("missed", summary["runs"][0])
        self.assertEqual(summary["best"]["network"], "round-1")
        self.assertEqual(summary["best"]["set"], {"clock_mhz": "1000"})
        self.assertLessEqual(summary["best"]["latency_ms"], TARGET_MS)


class RefusedTest(JointTest):
    def test_wrong_command_lines_exit_2(self):
        for pattern, *extra in [
                ("--hw-rounds needs --hw-space", "--hw-rounds", "1"),
                ("--hw-space: no --force", "--hw-space", "space.yaml", "--force")]:
            self.expect_refused(pattern, *PLAIN, "--out", "out", *extra, code=2)
        self.expect_refused("--hw-space: takes one limit", "--hw", "edge.yaml", "--target-ms",
                            "0.01,0.02", "--hw-space", "space.yaml", code=2)
        self.expect_refused("option '--hw-space'", *PLAIN, "--hw-space", "space.yaml", code=2,
                            command="search")
        self.assertFalse((self.dir / "out").exists())

    def test_wrong_spaces_exit_3_with_file_line_and_key(self):
        for pattern, text in [
                ("space.yaml:2: vary.core.rowz: .*did you mean", "vary:\n  core.rowz: 8\n"),
                ("space.yaml:3: max_area_mm2: ", "vary:\n  core.rows: 8\nmax_area_mm2: 0.1\n")]:
            self.write("space.yaml", text)
            self.expect_refused(pattern, *JOINT, "--out", "out")
        self.expect_refused("none.yaml", *PLAIN, "--hw-space", "none.yaml", "--out", "out")
        self.assertFalse((self.dir / "out").exists())

    def test_a_space_without_a_possible_machine_is_refused_before_the_search(self):
        self.write("space.yaml", "vary: {core.unified_buffer_bytes: [1000, 2000]}\n")
        self.expect_refused("no machine of the space is possible.*unified_buffer_bytes", *JOINT,
                            "--out", "out")
        self.assertFalse((self.dir / "out").exists())

    def test_a_damaged_file_of_a_round_is_no_missed_limit(self):
        top, _ = joint_run()
        shutil.copytree(top / "joint", self.dir / "joint")
        path = self.dir / "joint/round-1/model.yaml"
        path.write_text(path.read_text()[:100])
        names = ("summary.json", "front.csv", "pairs.csv", "decisions.log")
        before = [(self.dir / "joint" / name).read_bytes() for name in names]
        self.expect_refused("round-1.*model.yaml", *JOINT, "--out", "joint", "--resume")
        self.assertEqual([(self.dir / "joint" / name).read_bytes() for name in names], before)

    def test_a_machine_without_areas_is_refused(self):
        self.write("edge.yaml", MACHINE.rstrip("\n") + "\nenergy:\n  area: {mac_um2: 0, "
                   "sram_um2: 0, vector_um2: 0, register_um2: 0}\n")
        self.expect_refused("edge_systolic_32 has no area", "--hw", "edge.yaml", *OTHERS,
                            "--hw-space", "space.yaml", "--out", "out")

    def test_directories_of_other_searches_are_left_alone(self):
        top, _ = joint_run()
        before = self.snapshot(top / "joint")
        self.expect_refused("holds a run of another command", *JOINT, "--out",
                            top / "joint/fixed", "--resume")
        self.expect_refused("holds a joint search already", *JOINT, "--out", top / "joint")
        self.expect_refused("holds a run of another command", *PLAIN, "--out", top / "joint",
                            "--resume")
        self.write("space.yaml", "vary:\n  core.rows: 8\n")
        self.expect_refused("space.yaml: differs from .*hw_space.yaml", *JOINT, "--out",
                            top / "joint", "--resume")
        self.assertEqual(self.snapshot(top / "joint"), before)


if __name__ == "__main__":
    unittest.main()
