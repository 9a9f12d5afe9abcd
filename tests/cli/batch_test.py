#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several images in one inference: every command carries the batch or refuses it."""
import csv
import io
import json
import unittest

from cli_support import CliTest, NETWORK, SOURCE

TOPOLOGY = "Layer, M, N, K, Batch Size,\nfirst, 20, 30, 40, 3,\nsecond, 5, 6, 7, 3,\n"


class BatchTest(CliTest):
    def setUp(self):
        super().setUp()
        self.write("four.yaml", NETWORK.replace("layers:", "batch: 4\nlayers:"))
        self.env = {"TILEWAKE_DATA_DIR": str(SOURCE)}

    def simulated(self, network, *arguments, machine="dsp_like"):
        return json.loads(self.expect_ok("simulate", "--hw", machine, "--net", network, "--format",
                                         "json", *arguments, env=self.env))

    def test_the_option_replaces_the_batch_of_the_network(self):
        one = self.simulated("tiny.yaml")
        four = self.simulated("four.yaml")
        self.assertEqual((one["batch"], four["batch"]), (1, 4))
        self.assertEqual(one["latency_ms"], one["latency_ms_per_image"])
        self.assertAlmostEqual(four["latency_ms"], 4 * four["latency_ms_per_image"])
        self.assertEqual(four["macs"], 4 * one["macs"])
        self.assertEqual(four["params"], one["params"])
        for row, of_one in zip(four["layers"], one["layers"], strict=True):
            self.assertEqual(row["batch"], 4)
            self.assertEqual(row["macs"], 4 * of_one["macs"])
            self.assertEqual((row["oc"], row["oh"], row["ow"]),
                             (of_one["oc"], of_one["oh"], of_one["ow"]))
        for key in ("total_cycles", "dram_read_bytes", "layers"):
            self.assertEqual(self.simulated("tiny.yaml", "--batch", 4)[key], four[key])
            self.assertEqual(self.simulated("four.yaml", "--batch", 1)[key], one[key])
        self.assertNotEqual(self.simulated("tiny.yaml", "--batch", 4)["network_hash"],
                            one["network_hash"])

    def test_the_table_has_the_time_of_the_batch_and_of_an_image(self):
        four = self.simulated("four.yaml")
        table = self.expect_ok("simulate", "--hw", "dsp_like", "--net", "four.yaml", env=self.env)
        last = table.splitlines()[-1] if "images" in table.splitlines()[-1] else table
        self.assertIn("4 images", last)
        self.assertIn(f"{four['latency_ms_per_image']:.3f}"[:4], last)

    def test_a_trace_with_a_batch_is_read_again(self):
        self.expect_ok("simulate", "--hw", "dsp_like", "--net", "four.yaml", "--out", "run", "-q",
                       env=self.env)
        page = self.run_tilewake("report", "run", "--out", "page.html", env=self.env)
        self.assertEqual(page.returncode, 0, page.stderr)
        version, rest = (self.dir / "run/layers.csv").read_text().split("\n", 1)
        rows = list(csv.DictReader(io.StringIO(rest)))
        rows[1]["batch"] = "3"
        lines = [",".join(row.values()) for row in rows]
        self.write("run/layers.csv", "\n".join([version, ",".join(rows[0]), *lines, ""]))
        self.expect_error(3, r"layers\.csv:4: (macs|batch): ", "calibrate", "--hw", "dsp_like",
                          "--trace", "run", env=self.env)

    def test_midap_takes_one_image(self):
        for command in (["simulate", "--hw", "midap", "--net", "four.yaml"],
                        ["check", "--hw", "midap", "--net", "four.yaml"],
                        ["simulate", "--hw", "midap", "--net", "tiny.yaml", "--batch", 2],
                        ["simulate", "--sweep", "--hw", "midap", "--net", "four.yaml", "-q"]):
            self.expect_error(3, "batch", *command, env=self.env)
        self.assertEqual(self.simulated("four.yaml", "--batch", 1, machine="midap")["batch"], 1)

    def test_a_sweep_mistakes_no_batch_for_another(self):
        def points(*arguments):
            text = self.expect_ok("simulate", "--sweep", "--hw", "dsp_like", "--net", "tiny.yaml",
                                  "--out", "sweep", "--format", "csv", "-q", *arguments,
                                  env=self.env)
            return list(csv.DictReader(io.StringIO(text.split("\n", 1)[1])))
        one = points()
        two = points("--resume", "--batch", 2)
        again = points("--resume")
        self.assertEqual([point[0]["batch"] for point in (one, two, again)], ["1", "2", "1"])
        self.assertGreater(int(two[0]["total_cycles"]), int(one[0]["total_cycles"]))
        self.assertEqual(again, one)

    def test_a_prediction_follows_the_batch(self):
        self.expect_ok("calibrate", "--hw", "dsp_like", "--networks", 60, "--out", "model.yaml",
                       "-q", env=self.env)
        predicted = json.loads(self.expect_ok("predict", "--model", "model.yaml", "--net",
                                              "tiny.yaml", "--batch", 4, "--format", "json", "-q",
                                              env=self.env))
        four = self.simulated("four.yaml")
        self.assertEqual(predicted["batch"], 4)
        self.assertAlmostEqual(predicted["latency_ms_per_image"], predicted["latency_ms"] / 4)
        self.assertLess(abs(predicted["total_cycles"] / four["total_cycles"] - 1), 0.1)

    def test_convert_check_and_list_carry_the_batch(self):
        self.expect_ok("convert", "--net", "four.yaml", "--out", "four.onnx", "-q")
        self.expect_ok("convert", "--net", "four.onnx", "--out", "again.yaml", "-q")
        self.assertIn("batch: 4\n", (self.dir / "again.yaml").read_text())
        self.assertEqual(self.simulated("again.yaml")["total_cycles"],
                         self.simulated("four.yaml")["total_cycles"])
        self.expect_ok("convert", "--net", "tiny.yaml", "--out", "free.onnx", "-q")
        shape = self.simulated("free.onnx", "--input-shape", "4,3,32,32")
        self.assertEqual(shape["total_cycles"], self.simulated("four.yaml")["total_cycles"])
        self.assertRegex(self.expect_ok("check", "--hw", "dsp_like", "--net", "four.yaml",
                                        env=self.env), r"batch +4\n")
        self.write("networks/four.yaml", (self.dir / "four.yaml").read_text())
        listed = json.loads(self.expect_ok("list", "networks", "--format", "json"))["networks"]
        four = next(network for network in listed if network["name"] == "four")
        self.assertEqual(four["batch"], 4)
        self.assertEqual(four["macs"], self.simulated("four.yaml")["macs"])

    def test_a_topology_can_have_a_batch(self):
        self.write("products.csv", TOPOLOGY)
        result = self.simulated("products.csv")
        self.assertEqual(result["batch"], 3)
        self.assertEqual(result["macs"], 3 * (20 * 30 * 40 + 5 * 6 * 7))
        self.assertEqual(self.simulated("products.csv", "--batch", 1)["macs"],
                         20 * 30 * 40 + 5 * 6 * 7)

    def test_wrong_numbers(self):
        for batch in ("0", "-1", "65537", "1.5", "x"):
            self.expect_error(2, "batch", "simulate", "--hw", "dsp_like", "--net", "tiny.yaml",
                              f"--batch={batch}", env=self.env)
            self.write("bad.yaml", NETWORK.replace("layers:", f"batch: {batch}\nlayers:"))
            self.expect_error(3, "bad.yaml:3: batch: ", "simulate", "--hw", "dsp_like", "--net",
                              "bad.yaml", env=self.env)
        self.write("large.yaml", "name: n\ninput: {channels: 1, height: 65536, width: 4096}\n"
                   "layers:\n  - {name: a, op: max_pool, kernel: 1}\n")
        self.expect_error(3, "large.yaml: batch: ", "simulate", "--hw", "dsp_like", "--net",
                          "large.yaml", "--batch", 20, env=self.env)


if __name__ == "__main__":
    unittest.main()
