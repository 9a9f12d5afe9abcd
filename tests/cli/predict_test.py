#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `predict` prints, and what it refuses."""
import csv
import io
import json
import re
import subprocess
import tempfile
import unittest

from cli_support import CliTest, EXE, MACHINE, TIMEOUT, WIDE


BAND = r"([1-9]\d+|[1-9]\.\d|0\.0{0,2}[1-9]\d)"  # two digits


class PredictTest(CliTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory(prefix="tilewake-cli-") as directory:
            with open(f"{directory}/machine.yaml", "w") as file:
                file.write(MACHINE)
            subprocess.run([EXE, "calibrate", "--hw", "machine.yaml", "--networks", "60", "-q",
                            ], cwd=directory, stdout=subprocess.DEVNULL, check=True,
                           timeout=TIMEOUT)
            with open(f"{directory}/model.yaml") as file:
                cls.model = file.read()

    def setUp(self):
        super().setUp()
        self.write("model.yaml", self.model)
        self.predict = ["predict", "--model", "model.yaml", "--net", "tiny.yaml"]

    def result(self):
        return json.loads(self.expect_ok(*self.predict, "--format", "json"))

    def test_json_adds_up(self):
        result = self.result()
        self.assertEqual((result["network"], result["hardware"]), ("tiny", "midap"))
        self.assertEqual(result["total_cycles"],
                         sum(layer["total_cycles"] for layer in result["layers"]))
        self.assertAlmostEqual(result["latency_ms"], result["total_cycles"] / 1e6)
        self.assertGreater(result["error_band"], 0)
        self.assertEqual(list(result["layers"][0]),
                         ["layer", "block", "op", "total_cycles", "error_band", "energy_uj"])
        self.assertAlmostEqual(result["energy_mj"],
                               1e-3 * sum(layer["energy_uj"] for layer in result["layers"]))
        self.assertGreater(result["energy_error_band"], 0)

    def test_csv_has_the_layers_of_the_json_in_the_order_of_the_file(self):
        text = self.expect_ok(*self.predict, "--format", "csv")
        self.assertTrue(text.startswith("layer,block,op,total_cycles,energy_uj\n"))
        rows = list(csv.DictReader(io.StringIO(text)))
        layers = self.result()["layers"]
        self.assertEqual([row["layer"] for row in rows],
                         ["stem", "block.expand0", "block.depthwise0", "block.project",
                          "block.add", "head", "pool", "classifier"])
        for row, layer in zip(rows, layers, strict=True):
            self.assertEqual(row["total_cycles"], str(layer["total_cycles"]))
            self.assertEqual((row["block"], row["op"]), (layer["block"], layer["op"]))
            self.assertEqual(float(row["energy_uj"]), layer["energy_uj"])

    def test_the_table_has_a_line_a_layer_and_the_total_with_their_errors(self):
        result = self.result()
        lines = self.expect_ok(*self.predict).splitlines()
        for layer in result["layers"]:
            line = next(line for line in lines if line.startswith(layer["layer"] + " "))
            if layer["total_cycles"] == 0:
                self.assertTrue(line.endswith("-"))
            else:
                self.assertRegex(line, rf" {layer['total_cycles']:,} .*\+-{BAND} %$")
        total = next(line for line in lines if line.startswith("total "))
        self.assertRegex(total, rf" {result['total_cycles']:,} +100\.0 % +\+-{BAND} %$")
        self.assertRegex(lines[-1], r"^tiny on midap: \S+ ms predicted; 95 % of the held-out "
                         r"networks were within \S+ % of the simulator$")

    def test_layers_are_those_of_the_simulator(self):
        simulated = self.expect_ok(*self.simulate, "--format", "csv").split("\n", 1)[1]
        rows = {row["layer"]: row for row in csv.DictReader(io.StringIO(simulated))}
        layers = self.result()["layers"]
        self.assertEqual({layer["layer"] for layer in layers}, set(rows))
        for layer in layers:
            self.assertEqual(layer["total_cycles"] == 0,
                             rows[layer["layer"]]["fused_into"] != "", layer["layer"])

    def test_a_class_that_was_never_tested_has_no_error(self):
        head, table = self.model.split("by_class:", 1)
        self.write("model.yaml", head + "by_class:" + re.sub(
            r"(fully_connected: *\{?\s*n: )\d+", r"\g<1>0", table, count=1))
        result = self.run_tilewake(*self.predict)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, r"\A[^\n]*tested on no layers of fully_connected[^\n]*\n\Z")
        line = next(l for l in result.stdout.splitlines() if l.startswith("classifier "))
        self.assertRegex(line, r" % +-$")
        result = json.loads(self.expect_ok(*self.predict, "-q", "--format", "json"))
        self.assertIsNone(result["layers"][-1]["error_band"])

    def test_a_closed_standard_output_is_no_fault_of_the_network(self):
        with open("/dev/full", "w") as full:
            result = self.run_tilewake(*self.predict, stdout=full)
        self.assertEqual(result.returncode, 3)
        self.assertRegex(result.stderr, r"\Atilewake: standard output: [^\n]+\n\Z")

    def test_verbose_tells_what_it_cost(self):
        result = self.run_tilewake(*self.predict, "-v")
        self.assertRegex(result.stderr, r"\Atilewake: predicted 8 layers in \S+ us\n\Z")

    def test_what_is_no_model_is_refused_with_its_line(self):
        cases = {
            "empty.yaml": ("", "empty.yaml:1: "),
            "machine.yaml": (MACHINE, r"machine.yaml:\d+: tilewake-model: missing"),
            "cut.yaml": (self.model[:len(self.model) // 2], r"cut.yaml:\d+: "),
            "nan.yaml": (re.sub(r"(issue_slots): [\d.]+", r"\1: .nan", self.model),
                         r"nan.yaml:\d+: coefficients\..*"),
            "old.yaml": (re.sub(r"version: \S+", "version: 0.0.1", self.model, count=1),
                         r"old.yaml:3: version: .*calibrate again"),
            "changed.yaml": (self.model.replace("bus_bytes: 4", "bus_bytes: 8"),
                             r"changed.yaml:\d+: machine: "),
        }
        for name, (text, pattern) in cases.items():
            with self.subTest(name):
                self.write(name, text)
                self.expect_error(3, pattern, "predict", "--model", name, "--net", "tiny.yaml")
        self.expect_error(3, "nowhere.yaml", "predict", "--model", "nowhere.yaml", "--net",
                          "tiny.yaml")

    def test_a_bad_network_is_refused_with_its_line(self):
        self.write("bad.yaml", "name: bad\ninput: {channels: 3, height: 8, width: 8}\n"
                   "layers:\n  - {name: a, op: conv3d}\n")
        self.expect_error(3, "bad.yaml:4: ", "predict", "--model", "model.yaml", "--net",
                          "bad.yaml")
        self.expect_error(3, "unknown network 'nowhere'", "predict", "--model", "model.yaml",
                          "--net", "nowhere")

    def test_a_network_that_the_machine_cannot_hold_is_refused_with_its_layer(self):
        self.write("huge.yaml", "name: huge\ninput: {channels: 64, height: 8, width: 8}\n"
                   "layers:\n  - {name: first, op: conv2d, out_channels: 5000, kernel: 1}\n"
                   "  - {name: wide, op: depthwise_conv2d, kernel: 7}\n"
                   "  - {name: last, op: conv2d, out_channels: 8, kernel: 1}\n")
        self.expect_error(3, r"huge.yaml: on midap: .*(first|wide)", "predict", "--model",
                          "model.yaml", "--net", "huge.yaml")

    def test_help_names_every_option_and_its_default(self):
        text = self.expect_ok("predict", "--help", env=WIDE)
        self.assertRegex(text, r"--model FILE .*\(required\)\n")
        self.assertRegex(text, r"--net FILE .*\(required\)\n")
        self.assertRegex(text, r"--format FORMAT .*\(default: table\)\n")

    def test_usage_errors(self):
        self.expect_error(2, "--model", "predict", "--net", "tiny.yaml")
        self.expect_error(2, "--net", "predict", "--model", "model.yaml")
        self.expect_error(2, "--format", *self.predict, "--format", "xml")
        self.expect_error(2, "contradict", *self.predict, "-v", "-q")


if __name__ == "__main__":
    unittest.main()
