#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `fit` finds, writes and refuses, and what an interrupt leaves of it."""
import csv
import io
import json
import random
import re
import signal
import subprocess
import time
import unittest

from cli_support import CliTest, EXE, TIMEOUT

VECTOR = """\
# A device of which we know all values.
name: device
clock_mhz: 1000
core:
  kind: vector
  num_cores: 1
  lanes: 8
  dot_length: 1
  lane_axis: channels           # kept
  local_memory_bytes: 65536
  num_slots: 2
  accumulator_bytes: 4
  fuse_elementwise: false
  efficiency: {conv2d: 0.8, depthwise_conv2d: 0.5, fully_connected: 0.5, pool: 0.5, elementwise: 0.4}
  loop_cycles: 6                # kept, too
  issue_cycles: 300
dram: {model: latency_bandwidth, num_channels: 1, bus_bytes: 4, clock_mhz: 1600, beats_per_clock: 2,
       first_access_cycles: 40, row_cycles: 15, row_bytes: 8192, first_row_bytes: 3584,
       refresh_cycles: 0, refresh_bytes: 89856, first_refresh_bytes: 94976}
"""
VALUES = {"core.efficiency.conv2d": 0.55, "core.efficiency.pool": 0.23, "core.issue_cycles": 900}
KEYS = list(VALUES)
QUICK = ("--folds", "2", "--starts", "1", "-q")


def network(name, seed):
    """Convolutions and pools in different shares, so that their efficiencies can be told apart."""
    rng = random.Random(seed)
    lines = [f"name: {name}", "input: {channels: 8, height: 12, width: 12}", "layers:"]
    for i in range(rng.randint(1, 4)):
        lines.append(f"  - {{name: c{i}, op: conv2d, out_channels: {8 * rng.randint(1, 4)}, "
                     f"kernel: {rng.choice([1, 3])}}}")
    for i in range(rng.randint(0, 3)):
        lines.append(f"  - {{name: p{i}, op: avg_pool, kernel: 3, stride: 1}}")
    lines.append("  - {name: pool, op: global_avg_pool}")
    lines.append("  - {name: classifier, op: fully_connected, out_channels: 10}")
    return "\n".join(lines) + "\n"


class FitTest(CliTest):
    NUM = 10

    def setUp(self):
        super().setUp()
        (self.dir / "machine.yaml").unlink()
        self.write("start.yaml", VECTOR)
        for i in range(self.NUM):
            self.write(f"nets/n{i}.yaml", network(f"n{i}", i))
        self.command = ["fit", "--hw", "start.yaml", "--measured", "nets/table.csv"]

    def latencies(self, machine, settings=()):
        """Of all networks, simulated."""
        words = [f"{key}={value}" for key, value in settings]
        text = self.expect_ok("simulate", "--sweep", "--hw", machine, "--net",
                              *(f"nets/n{i}.yaml" for i in range(self.NUM)),
                              *(word for value in words for word in ("--set", value)), "--format", "csv", "-q")
        rows = csv.DictReader(io.StringIO(text.split("\n", 1)[1]))
        return [float(row["latency_ms"]) for row in rows]

    def write_table(self, latencies, name="nets/table.csv"):
        rows = "".join(f"n{i}.yaml,{latency!r}\n" for i, latency in enumerate(latencies))
        return self.write(name, "# synthetic\nnetwork,latency_ms\n" + rows)

    def fit(self, *arguments):
        return json.loads(self.expect_ok(*self.command, *QUICK, "--format", "json", *arguments))


class ResultTest(FitTest):
    def setUp(self):
        super().setUp()
        self.device = self.latencies("start.yaml", VALUES.items())

    def test_the_latencies_of_a_known_machine_are_recovered(self):
        self.write_table(self.device)
        result = self.fit("--vary", *KEYS)
        self.assertGreater(result["start"]["mape"], 0.1)
        self.assertLess(result["train"]["mape"], 0.01)
        self.assertLess(result["holdout"]["mape"], 0.02)
        self.assertEqual(list(result["keys"]), KEYS)
        self.assertIsNone(result["no_better_than"])
        conv = result["keys"]["core.efficiency.conv2d"]
        self.assertTrue(conv["identified"])
        self.assertLess(abs(conv["value"] / VALUES["core.efficiency.conv2d"] - 1), 0.05)
        self.assertEqual(len(result["fold_mapes"]), 2)

    def test_the_file_reproduces_the_figures_and_keeps_comments(self):
        self.write_table(self.device)
        result = self.fit("--vary", *KEYS, "--out", "new/fitted.yaml")
        text = (self.dir / "new/fitted.yaml").read_text()
        self.assertTrue(text.startswith("# Fitted by tilewake fit\n"))
        self.assertIn("# kept, too", text)
        self.assertNotIn("conv2d: 0.8,", text)
        rows = (self.dir / "new/fitted.fit.csv").read_text().split("\n", 1)[1]
        simulated = [float(row["simulated_ms"]) for row in csv.DictReader(io.StringIO(rows))]
        self.assertEqual(simulated, self.latencies("new/fitted.yaml"))
        evaluation = json.loads(self.expect_ok("fit", "--evaluate", "--hw", "new/fitted.yaml", "--measured",
                                               "nets/table.csv", "--format", "json"))
        self.assertEqual(evaluation["errors"], result["train"])
        self.assertEqual(evaluation["machine"], result["machine"])
        self.assertEqual(list(evaluation["baselines"]), ["constant", "MACs", "MACs + bytes", "roofline"])
        self.assertAlmostEqual(sum(op["share"] for op in evaluation["operators"].values()), 1.0, places=3)
        # The fitted file is a start file again; a file of someone else is not replaced.
        self.expect_ok(*self.command[:2], "new/fitted.yaml", *self.command[3:], *QUICK, "--vary", KEYS[0],
                       "--out", "new/fitted.yaml")
        self.assertEqual((self.dir / "new/fitted.yaml").read_text().count("# Fitted by"), 1)
        self.expect_error(3, r"start\.yaml", *self.command, *QUICK, "--out", "start.yaml")

    def test_results_do_not_depend_on_the_number_of_processes(self):
        self.write_table([ms * (1 + 0.05 * (-1) ** i) for i, ms in enumerate(self.device)])
        for jobs in (1, 3):
            self.expect_ok(*self.command, *QUICK, "--vary", *KEYS[:2], "--jobs", jobs, "--out", f"{jobs}.yaml")
        for ending in ("yaml", "fit.csv"):
            self.assertEqual((self.dir / f"1.{ending}").read_text(), (self.dir / f"3.{ending}").read_text())

    def test_noise_does_not_mislead_more_than_its_size(self):
        rng = random.Random(1)
        self.write_table([ms * rng.gauss(1, 0.05) for ms in self.device])
        self.fit("--vary", *KEYS, "--out", "noisy.yaml")
        self.write_table(self.device, "nets/true.csv")
        errors = json.loads(self.expect_ok("fit", "--evaluate", "--hw", "noisy.yaml", "--measured",
                                           "nets/true.csv", "--format", "json"))["errors"]
        self.assertLess(errors["mape"], 0.05)

    def test_shuffled_latencies_are_no_better_than_a_constant(self):
        shuffled = self.device[:]
        random.Random(3).shuffle(shuffled)
        self.write_table(shuffled)
        result = self.fit("--vary", *KEYS)
        self.assertEqual(result["no_better_than"], "constant")
        self.assertTrue(result["warnings"])

    def test_a_key_without_evidence_keeps_its_value_and_is_named(self):
        self.write_table(self.device)
        result = self.fit("--vary", "core.efficiency.conv2d", "core.efficiency.depthwise_conv2d")
        key = result["keys"]["core.efficiency.depthwise_conv2d"]
        self.assertFalse(key["identified"])
        self.assertLess(abs(key["value"] / 0.5 - 1), 0.02)

    def test_choices_and_integers_are_found(self):
        settings = {"core.lanes": 4, "core.lane_axis": "pixels"}
        self.write_table(self.latencies("start.yaml", settings.items()))
        result = json.loads(self.expect_ok(*self.command, "-q", "--format", "json", "--folds", "0", "--vary",
                                           "core.lanes=2..16", "core.lane_axis=channels,pixels"))
        self.assertEqual({key: value["value"] for key, value in result["keys"].items()}, settings)
        self.assertLess(result["train"]["mape"], 1e-6)
        self.assertIsNone(result["holdout"])


    def test_a_batch_of_the_table_is_that_of_simulate(self):
        rows = ""
        for i in range(2):
            run = json.loads(self.expect_ok("simulate", "--hw", "start.yaml", "--net", f"nets/n{i}.yaml",
                                            "--batch", "3", "--format", "json"))
            rows += f"n{i}.yaml,{run['latency_ms']!r},3\n"
        self.write("nets/table.csv", "network,latency_ms,batch\n" + rows)
        errors = json.loads(self.expect_ok("fit", "--evaluate", "--hw", "start.yaml", "--measured",
                                           "nets/table.csv", "--format", "json"))["errors"]
        self.assertLess(errors["max"], 1e-12)


class InterruptTest(FitTest):
    def test_an_interrupted_fit_keeps_the_best_machine_and_resumes_to_the_same_result(self):
        self.write_table(self.latencies("start.yaml", VALUES.items()))
        command = [*self.command, "--vary", *KEYS, *QUICK]
        self.expect_ok(*command, "--out", "whole.yaml")
        process = subprocess.Popen([EXE, *command, "--out", "machine.yaml"], cwd=self.dir,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        journal = self.dir / "machine.fit.jsonl"
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end and process.poll() is None:
            if journal.exists() and journal.read_text().count("\n") >= 40:
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, 130)
        self.expect_ok("check", "--hw", "./machine.yaml")
        self.expect_error(3, r"machine\.fit\.jsonl", *command)
        # A line that was cut off, and one that was changed, are simulated again.
        lines = journal.read_text().splitlines()
        lines[0] = re.sub(r'"latency_ms":\[[0-9.]+', '"latency_ms":[9', lines[0])
        journal.write_text("\n".join(lines) + '\n{"machine":')
        self.expect_ok(*command, "--resume")
        self.assertFalse(journal.exists())
        for ending in ("yaml", "fit.csv"):
            self.assertEqual((self.dir / f"machine.{ending}").read_text(),
                             (self.dir / f"whole.{ending}").read_text())
        self.expect_error(3, r"machine\.fit\.jsonl", *command, "--resume")


class RefusalTest(FitTest):
    NUM = 2

    def expect_refused(self, table, line, code=3):
        self.write("nets/table.csv", table)
        self.expect_error(code, rf"nets/table\.csv:{line}: ", *self.command, "-q")

    def test_bad_tables_are_refused_with_file_and_line(self):
        head = "network,latency_ms\n"
        for latency in ("-1", "0", "nan", "inf", "1e300", "fast", "", "1,2", "0x10", " 1"):
            self.expect_refused(f"{head}n0.yaml,1\n\n# comment\nn1.yaml,{latency}\n", 5)
        self.expect_refused(f"{head}n0.yaml,1\nn0.yaml,2\n", 3)
        self.expect_refused(f"{head}n0.yaml,1\n../nets/n0.yaml,2\n", 3)
        self.expect_refused(f"{head}n0.yaml,1\nmissing.yaml,2\n", 3)
        self.expect_refused(f"{head}n0.yaml,1\nno_such_network,2\n", 3)
        self.expect_refused(f"{head}n0.yaml,1\n,2\n", 3)
        self.expect_refused(f"{head}n0.yaml,1\n", 2)
        self.expect_refused(head, 1)
        self.expect_refused("", 1)
        self.expect_refused("network,latncy_ms\nn0.yaml,1\n", 1)
        self.expect_refused("network\nn0.yaml\n", 1)
        self.expect_refused("network,latency_ms,network\n", 1)
        self.expect_refused('network,latency_ms\n"n0.yaml,1\nn1.yaml,2\n', 2)
        wide = "network,latency_ms,batch,std_ms,weight\n"
        for row in ("0,0,1", "1.5,0,1", "1,-1,1", "1,0,0", "1,0,nan"):
            self.expect_refused(f"{wide}n0.yaml,1,1,0,1\nn1.yaml,1,{row}\n", 3)
        self.assertFalse((self.dir / "machine.yaml").exists())

    def test_bad_keys_are_refused(self):
        self.write_table([1.0, 2.0])
        for code, words in ((3, ["core.lane"]), (3, ["core.lanes=0..4"]), (3, ["core.lanes=9..12"]),
                            (3, ["core.lanes=2..8.5"]), (2, ["core.lanes=a..b"]), (3, ["core.lanes=8,0"]),
                            (3, ["core.lane_axis=rows"]), (3, ["core.lane_axis=1..2"]), (3, ["core"]),
                            (2, ["core.lanes", "core.lanes"]), (2, ["default", "core.efficiency.conv2d"]),
                            (3, ["name"]), (2, ["core.lanes=1,,2"])):
            self.expect_error(code, "--vary", *self.command, "-q", "--out", "new.yaml", "--vary", *words)
        self.assertFalse((self.dir / "new.yaml").exists())

    def test_a_network_that_does_not_fit_is_refused(self):
        self.write("start.yaml", VECTOR.replace("local_memory_bytes: 65536", "local_memory_bytes: 4"))
        self.expect_refused("network,latency_ms\nn0.yaml,1\nn1.yaml,2\n", 2)


if __name__ == "__main__":
    unittest.main()
