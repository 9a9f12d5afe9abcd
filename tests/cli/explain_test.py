#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `explain` computes, writes and refuses."""
import csv
import io
import json
import unittest

from cli_support import CliTest, MACHINE, SOURCE

MACHINES = sorted(path.stem for path in (SOURCE / "hw_configs").glob("*.yaml"))


class ExplainTest(CliTest):
    def explain(self, *arguments):
        return json.loads(self.expect_ok("explain", "--format", "json", "-q", *arguments))

    def summary(self, *arguments):
        return json.loads(self.expect_ok("simulate", "--format", "json", "-q", *arguments))

    def test_parts_of_the_time_add_up_to_the_simulation(self):
        single = self.summary("--hw", "machine.yaml", "--net", "tiny.yaml")
        network, = self.explain("--hw", "machine.yaml", "--net", "tiny.yaml")["networks"]
        self.assertEqual(network["total_cycles"], single["total_cycles"])
        self.assertEqual(network["latency_ms"], single["latency_ms"])
        self.assertEqual(sum(r["cycles"] for r in network["resources"]), single["total_cycles"])
        for resource in network["resources"]:
            self.assertLessEqual(len(resource["worst_layers"]), 5)
            for layer in resource["worst_layers"]:
                self.assertLessEqual(layer["cycles"], layer["total_cycles"])

    def test_every_change_is_the_simulation_with_set(self):
        for point in self.explain("--hw", "machine.yaml", "--net", "tiny.yaml")["points"]:
            arguments = ["--hw", "machine.yaml", "--net", "tiny.yaml"]
            for key, value in point.get("set", {}).items():
                arguments += ["--set", f"{key}={value}"]
            with self.subTest(point.get("set")):
                if point["status"] == "failed":
                    self.expect_error(3, ".", "simulate", *arguments)
                    continue
                single = self.summary(*arguments)
                figures, = point["networks"]
                for name in ("machine", "total_cycles", "latency_ms", "dram_read_bytes",
                             "dram_write_bytes", "compute_cycles", "stall_dram_cycles",
                             "energy_mj", "area_mm2"):
                    self.assertEqual(figures[name], single[name], name)
                self.assertEqual(point["latency_ms"], single["latency_ms"])

    def test_several_networks_are_judged_by_their_sum(self):
        self.write("wide.yaml", (self.dir / "tiny.yaml").read_text().replace("tiny", "wide")
                   .replace("kernel: 1", "kernel: 3"))
        both = self.explain("--hw", "machine.yaml", "--net", "tiny.yaml", "wide.yaml")
        self.assertEqual([n["network"] for n in both["networks"]], ["tiny", "wide"])
        for point in both["points"]:
            if point["status"] == "ok":
                self.assertAlmostEqual(point["latency_ms"],
                                       sum(n["latency_ms"] for n in point["networks"]))
        changes = [p["latency_ms"] for p in both["points"]
                   if p["kind"] == "change" and p["status"] == "ok"]
        self.assertEqual(both["best"]["latency_ms"], min(changes))

    def test_formats_files_and_the_other_name_of_the_command_agree(self):
        arguments = ["--hw", "machine.yaml", "--net", "tiny.yaml", "-q"]
        text = self.expect_ok("explain", *arguments, "--format", "csv", "--out", "run")
        self.assertEqual(self.names_in("run"), ["changes.csv", "explain.json", "run.yaml"])
        self.assertEqual((self.dir / "run/changes.csv").read_text(), text)
        data = self.expect_ok("simulate", "--explain", *arguments, "--format", "json")
        self.assertEqual((self.dir / "run/explain.json").read_text(), data)
        version, rest = text.split("\n", 1)
        self.assertEqual(version, "# tilewake-explain v1")
        rows = list(csv.DictReader(io.StringIO(rest)))
        points = json.loads(data)["points"]
        for row, point in zip(rows, points, strict=True):
            self.assertEqual((row["kind"], row["status"]), (point["kind"], point["status"]))
            self.assertEqual(row["set"],
                             " ".join(f"{k}={v}" for k, v in point.get("set", {}).items()))
            if point["status"] == "ok":
                self.assertEqual(float(row["latency_ms"]), point["latency_ms"])
        table = self.expect_ok("explain", *arguments)
        for key in json.loads(data)["slack"]:
            self.assertIn(key, table)
        self.assertEqual(table, self.expect_ok("explain", *arguments, "--jobs", "1"))
        self.expect_error(3, "--force", "explain", *arguments, "--out", "run")
        self.expect_ok("explain", *arguments, "--out", "run", "--force")

    def test_ideal_dram_on_every_machine(self):
        for machine in MACHINES:
            with self.subTest(machine):
                ideal = self.summary("--hw", machine, "--net", "squeezenet", "--set",
                                     "dram.model=ideal")
                real = self.summary("--hw", machine, "--net", "squeezenet")
                self.assertLessEqual(ideal["latency_ms"], real["latency_ms"])
        explained = self.explain("--hw", "midap_lpddr4", "--net", "squeezenet", "--set",
                                 "dram.model=ideal")
        self.assertFalse([p for p in explained["points"]
                          if any(key.startswith("dram.") for key in p.get("set", {}))])

    def test_wrong_arguments_are_refused(self):
        hw, net = ["--hw", "machine.yaml"], ["--net", "tiny.yaml"]
        self.expect_error(2, "twice", "explain", *hw, "--net", "tiny.yaml,tiny.yaml")
        self.expect_error(2, "required|missing", "explain", *hw)
        self.expect_error(2, "one of", "explain", *hw, *net, "--format", "xml")
        self.expect_error(2, "values", "explain", *hw, *net, "--set", "core.num_cims=8,16")
        self.expect_error(3, "core.num_cimms", "explain", *hw, *net, "--set", "core.num_cimms=8")
        self.expect_error(3, "dram.num_chanels", "explain", *hw, *net, "--set",
                          "dram.model=ideal", "dram.num_chanels=8")
        self.expect_error(2, "--out", "explain", *hw, *net, "--force")
        self.expect_error(3, "no such|unknown|known", "explain", "--hw", "nothing", *net)
        self.write("other.yaml", MACHINE)  # a network is not a machine
        self.expect_error(3, "other.yaml", "explain", *hw, "--net", "other.yaml")


if __name__ == "__main__":
    unittest.main()
