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
        # The verdict is in the text, too, also without warnings; and in that of a comparison.
        text = self.expect_ok(*self.command, *QUICK, "--vary", *KEYS)
        self.assertRegex(text.splitlines()[1], r"^verdict: no better than a constant")
        evaluate = ("fit", "--evaluate", "--hw", "./machine.yaml", "--measured", "nets/table.csv", "-q")
        self.assertRegex(self.expect_ok(*evaluate), r"(?m)^verdict: no better than")
        self.assertTrue(json.loads(self.expect_ok(*evaluate, "--format", "json"))["no_better_than"])
        self.write_table(self.latencies("start.yaml"), "nets/own.csv")
        evaluate = ("fit", "--evaluate", "--hw", "start.yaml", "--measured", "nets/own.csv", "-q")
        self.assertRegex(self.expect_ok(*evaluate), r"(?m)^verdict: better than")
        self.assertIsNone(json.loads(self.expect_ok(*evaluate, "--format", "json"))["no_better_than"])

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

    def test_only_listed_choices_are_tried_and_those_without_effect_are_not_determined(self):
        self.write_table(self.latencies("start.yaml"))  # 8 lanes
        result = self.fit("--vary", "core.lanes=16,2", "core.fuse_elementwise")
        lanes = result["keys"]["core.lanes"]
        self.assertEqual((lanes["start"], lanes["value"], lanes["identified"]), ("8", "16", True))
        self.assertGreater(result["train"]["mape"], 0.01)
        self.assertEqual(result["start"]["mape"], 0)
        fuse = result["keys"]["core.fuse_elementwise"]  # no network has an elementwise layer
        self.assertEqual((fuse["value"], fuse["identified"]), ("false", False))
        self.assertIn("core.fuse_elementwise", " ".join(result["warnings"]))

    def test_set_changes_the_start(self):
        self.write_table(self.latencies("start.yaml", VALUES.items()))
        settings = [word for item in VALUES.items() for word in ("--set", "{}={}".format(*item))]
        result = self.fit("--vary", *KEYS, *settings)
        self.assertEqual(result["start"]["mape"], 0)
        self.assertEqual(result["keys"]["core.issue_cycles"]["start"], 900)
        self.expect_error(3, r"core\.no_key", *self.command, "--set", "core.no_key=1")

    def test_the_file_states_how_true_it_is_of_its_device(self):
        self.write("start.yaml", "# A class of machine, not fitted to a device: `other` is.\n" + VECTOR.replace(
            "issue_cycles: 300", "issue_cycles: 300           # assumed: some") + "device: {name: old, networks: old, error: 0.5}\n")
        self.write_table([ms * (1 + 0.05 * (-1) ** i) for i, ms in enumerate(self.device)])
        result = self.fit("--vary", *KEYS, "--device", "Board: 1 thread", "--out", "fitted.yaml")
        device = result["device"]
        self.assertEqual((device["name"], device["networks"]), ("Board: 1 thread", "networks of table.csv"))
        self.assertAlmostEqual(device["error"], result["holdout"]["mape"], delta=1e-3 * device["error"])
        text = (self.dir / "fitted.yaml").read_text()
        for lie in ("not fitted to a device", "assumed", "name: old"):
            self.assertNotIn(lie, text)
        self.assertRegex(text, r"issue_cycles: \d+ +# (fitted, from 300|not determined by the data)\n")
        self.assertRegex(text, r"efficiency: \{.*# conv2d fitted, from 0\.8; pool fitted, from 0\.5\n")
        simulate = ("simulate", "--hw", "./fitted.yaml", "--net", "nets/n0.yaml")
        self.assertEqual(json.loads(self.expect_ok(*simulate, "--format", "json"))["device"], device)
        self.assertRegex(self.expect_ok(*simulate), r"(?m)^device: Board: 1 thread: within ")
        self.expect_ok(*simulate, "--out", "run", "-q")
        self.assertEqual(json.loads((self.dir / "run/summary.json").read_text())["device"], device)
        # It is no part of the machine's id, and does not hold for other latencies.
        self.assertEqual(json.loads(self.expect_ok(*simulate, "--format", "json"))["machine"], result["machine"])
        for setting, is_kept in (("energy.node_nm=16", True), ("core.lanes=16", False)):
            other = json.loads(self.expect_ok(*simulate, "--set", setting, "--format", "json"))
            self.assertEqual(other["device"] is not None, is_kept)
        # The fitted file is a start file, too; without folds nothing is stated.
        again = (*self.command[:2], "./fitted.yaml", *self.command[3:], "-q", "--vary", *KEYS, "--out", "again.yaml")
        self.expect_ok(*again, "--folds", "2", "--starts", "1")
        self.assertEqual((self.dir / "again.yaml").read_text().count("\ndevice:"), 1)
        self.expect_ok(*again, "--folds", "0")
        self.assertNotIn("\ndevice:", (self.dir / "again.yaml").read_text())
        self.assertIn("No section `device`", (self.dir / "again.yaml").read_text())

    def test_wrong_statements_of_a_device_are_refused(self):
        for section, key in (("{name: x, networks: y}", "device.error"), ("{name: x, error: 0.1}", "device.networks"),
                             ("{networks: y, error: 0.1}", "device.name"),
                             ("{name: x, networks: y, error: 0}", "device.error"),
                             ("{name: x, networks: y, error: .nan}", "device.error"),
                             ("{name: x, networks: y, error: 0.1, tau: 2}", "device.tau"),
                             ('{name: "x\\n", networks: y, error: 0.1}', "device.name"),
                             ("{name: x, networks: y, error: 0.1, more: 1}", "device.more"), ("3", "device")):
            self.write("wrong.yaml", VECTOR + f"device: {section}\n")
            self.expect_error(3, rf"wrong\.yaml:\d+: {key}: ", "check", "--hw", "./wrong.yaml")
        self.expect_error(2, "--device", *self.command, "--device", "a\nb")

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
    def interrupt(self, command, journal, num_lines):
        """Ends a fit when its journal has that many lines; returns its messages."""
        process = subprocess.Popen([EXE, *command], cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end and process.poll() is None:
            if journal.exists() and journal.read_text().count("\n") >= num_lines:
                break
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=TIMEOUT)
        self.assertEqual(process.returncode, 130)
        return messages

    def test_another_fit_does_not_resume_and_leaves_the_files(self):
        latencies = self.latencies("start.yaml", VALUES.items())
        self.write_table(latencies)
        self.write_table(latencies[::-1], "nets/other.csv")
        self.write("other.yaml", VECTOR.replace("lanes: 8", "lanes: 4"))
        options = {"--hw": ["start.yaml"], "--measured": ["nets/table.csv"], "--vary": KEYS, "--seed": ["1"],
                   "--folds": ["3"], "--starts": ["2"]}
        others = {"--hw": ["other.yaml"], "--measured": ["nets/other.csv"], "--vary": KEYS[:2], "--seed": ["2"],
                  "--folds": ["2"], "--starts": ["1"]}
        names = {"--hw": "machine", "--measured": "table"}
        words = lambda o: ["fit", "-q", *(word for key, values in o.items() for word in (key, *values))]
        self.expect_ok(*words(options), "--out", "whole.yaml")
        journal = self.dir / "machine.fit.jsonl"
        self.interrupt(words(options), journal, 20)
        before = [(self.dir / name).read_bytes() for name in ("machine.yaml", "machine.fit.csv", "machine.fit.jsonl")]
        def refused(command, name):
            self.expect_error(3, rf"machine\.fit\.jsonl: is of another fit: .*{name}", *command, "--resume")
            self.assertEqual(before, [(self.dir / file).read_bytes()
                                      for file in ("machine.yaml", "machine.fit.csv", "machine.fit.jsonl")])
        for key, values in others.items():
            refused(words({**options, key: values}), names.get(key, key))
        text = (self.dir / "nets/n0.yaml").read_text()
        self.write("nets/n0.yaml", text.replace("height: 12", "height: 10"))
        refused(words(options), "networks")
        self.write("nets/n0.yaml", text)
        # A journal without a record of its fit.
        before[2] = before[2].split(b"\n", 1)[1]
        journal.write_bytes(before[2])
        refused(words(options), "first line")
        journal.unlink()
        self.interrupt(words(options), journal, 20)
        self.expect_ok(*words(options), "--resume")
        for ending in ("yaml", "fit.csv"):
            self.assertEqual((self.dir / f"machine.{ending}").read_bytes(), (self.dir / f"whole.{ending}").read_bytes())

    def test_an_interrupted_fit_keeps_the_best_machine_and_resumes_to_the_same_result(self):
        self.write_table(self.latencies("start.yaml", VALUES.items()))
        command = [*self.command, "--vary", *KEYS, *QUICK]
        self.expect_ok(*command, "--out", "whole.yaml")
        journal = self.dir / "machine.fit.jsonl"
        self.interrupt([*command, "--out", "machine.yaml"], journal, 40)
        self.expect_ok("check", "--hw", "./machine.yaml")
        self.expect_error(3, r"machine\.fit\.jsonl", *command)
        # A line that was cut off, and one that was changed, are simulated again.
        lines = journal.read_text().splitlines()
        lines[1] = re.sub(r'"latency_ms":\[[0-9.]+', '"latency_ms":[9', lines[1])
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
        for latency in ("-1", "0", "nan", "inf", "1e300", "fast", "", "1,2", "0x10", "1 2"):
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

    def test_wrong_latencies_are_quoted(self):
        for latency in ("-1", "0", "nan", "fast"):
            self.write("nets/table.csv", f"network,latency_ms\nn0.yaml,1\nn1.yaml,{latency}\n")
            self.expect_error(3, rf"table\.csv:3: latency_ms: must be a positive number of milliseconds, not '{latency}'",
                              *self.command, "-q")

    def test_blanks_around_fields_and_columns_of_notes_are_ignored(self):
        self.write_table([1.0, 2.0], "nets/plain.csv")
        self.write("nets/blank.csv", 'network , latency_ms,\tnote, source\n'
                                     ' n0.yaml, 1.0 ,"a, b ", \n"n1.yaml" , 2.0, , [1]\n')
        plain, blank = (json.loads(self.expect_ok("fit", "--evaluate", "--hw", "start.yaml", "--measured", table,
                                                  "--format", "json")) for table in ("nets/plain.csv", "nets/blank.csv"))
        self.assertEqual(plain["errors"], blank["errors"])
        self.expect_refused("network,latency_ms,remark\nn0.yaml,1,\nn1.yaml,2,\n", 1)
        self.expect_refused('network,latency_ms\nn0.yaml,1 "\nn1.yaml,2\n', 2)

    def test_bad_keys_are_refused(self):
        self.write_table([1.0, 2.0])
        # A key that the machine lacks is bad input, as with --set; a bad value is bad usage.
        for code, words in ((3, ["core.lane"]), (2, ["core.lanes=0..4"]), (2, ["core.lanes=9..12"]),
                            (2, ["core.lanes=2..8.5"]), (2, ["core.lanes=a..b"]), (2, ["core.lanes=8,0"]),
                            (2, ["core.lanes=8,8.0"]), (2, ["core.lane_axis=pixels,pixels"]),
                            (2, ["core.lane_axis=rows"]), (2, ["core.lane_axis=1..2"]), (3, ["core"]),
                            (3, ["device.error"]), (3, ["dram.model=ideal"]),
                            (2, ["core.lanes", "core.lanes"]), (2, ["default", "core.efficiency.conv2d"]),
                            (3, ["name"]), (2, ["core.lanes=1,,2"])):
            self.expect_error(code, "--vary", *self.command, "-q", "--out", "new.yaml", "--vary", *words)
        self.assertFalse((self.dir / "new.yaml").exists())
        for key in ("core.kind=systolic", "dram.preset=LPDDR4-3200"):
            self.expect_error(3, rf"--vary {key.split('=')[0]}: selects ", *self.command, "-q", "--vary", key)

    def test_a_network_that_does_not_fit_is_refused(self):
        self.write("start.yaml", VECTOR.replace("local_memory_bytes: 65536", "local_memory_bytes: 4"))
        self.expect_refused("network,latency_ms\nn0.yaml,1\nn1.yaml,2\n", 2)


if __name__ == "__main__":
    unittest.main()
