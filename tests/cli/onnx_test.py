#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Networks from ONNX models and SCALE-Sim topologies, and `convert`."""
import csv
import io
import json
import pathlib
import unittest

from cli_support import CliTest, SOURCE

TOPOLOGY = """\
Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
Conv1, 35, 35, 11, 11, 3, 96, 4,
Conv2, 7, 7, 5, 5, 96, 64, 1,
FC, 1, 1, 1, 1, 256, 100, 1,
"""


# With layers that MIDAP refuses.
NOT_ON_MIDAP = {"bert_tiny", "deit_tiny", "lraspp_mobilenet_v3", "m5", "unet", "yolov8n"}


class OnnxTest(CliTest):
    def convert(self, net="tiny.yaml", out="tiny.onnx"):
        self.expect_ok("convert", "--net", net, "--out", out, "-q")
        return out

    def csv_of(self, net, hardware="machine.yaml"):
        return self.expect_ok("simulate", "--hw", hardware, "--net", net, "--format", "csv")

    def test_shipped_networks_give_the_same_bytes_through_onnx(self):
        for path in sorted((SOURCE / "networks").glob("*.yaml")):
            with self.subTest(path.stem):
                self.convert(path, f"{path.stem}.onnx")
                hardware = "tpu_like_128" if path.stem in NOT_ON_MIDAP else "machine.yaml"
                self.assertEqual(self.csv_of(f"{path.stem}.onnx", hardware), self.csv_of(path, hardware))

    def test_a_configuration_of_scalesim_becomes_a_machine_with_its_cycles(self):
        config = ("[general]\nrun_name = my run\n\n# a comment\n[architecture_presets]\n"
                  "ArrayHeight:    {side}\nArrayWidth : {side}\nIfmapSramSzkB: 64 \n"
                  "FilterSramSzkB: 64\nOfmapSramSzkB: 64\nIfmapOffset: 0\nDataflow : {dataflow}\n"
                  "Bandwidth : 10\n[run_presets]\nInterfaceBandwidth: {bandwidth}\n")
        self.write("net.csv", "Layer,M,N,K,\na,100,50,70,\n")
        folds = {"os": (100, 50, 70 + 16 + 16 - 2), "ws": (70, 50, 100 + 32 + 16 - 2),
                 "is": (70, 100, 50 + 32 + 16 - 2)}
        for dataflow, (rows, columns, cycles) in folds.items():
            self.write("s.cfg", config.format(side=16, dataflow=dataflow, bandwidth="CALC"))
            self.expect_ok("convert", "--hw", "s.cfg", "--out", "s.yaml", "--force", "-q")
            summary = json.loads(self.expect_ok("simulate", "--hw", "s.yaml", "--net", "net.csv",
                                                "--format", "json"))
            self.assertEqual(summary["machine"].split("@")[0], "my_run")
            self.assertEqual(summary["total_cycles"], -(-rows // 16) * -(-columns // 16) * cycles)
        self.write("s.cfg", config.format(side=16, dataflow="ws", bandwidth="USER"))
        self.assertIn("  bus_bytes: 10 ", self.expect_ok("convert", "--hw", "s.cfg"))
        for wrong, pattern in (({"side": 0}, r"s\.cfg:6: ArrayHeight: "),
                               ({"dataflow": "rs"}, r"s\.cfg:12: Dataflow: ")):
            self.write("s.cfg", config.format(**{"side": 16, "dataflow": "ws", "bandwidth": "CALC",
                                                 **wrong}))
            self.expect_error(3, pattern, "convert", "--hw", "s.cfg", "--out", "new.yaml")
        self.write("s.cfg", "[general]\n")
        self.expect_error(3, r"s\.cfg:1: ArrayHeight: missing", "convert", "--hw", "s.cfg")
        self.expect_error(2, "either --net FILE or --hw", "convert")
        self.assertNotIn("new.yaml", self.names_in())

    def test_convert_shows_what_was_read(self):
        self.convert()
        text = self.expect_ok("convert", "--net", "tiny.onnx")
        self.assertEqual(text, self.expect_ok("convert", "--net", "tiny.yaml"))
        self.assertIn("  - {name: stem, op: conv2d, inputs: [input], out_channels: 32, kernel: 3, ",
                      text)
        self.write("plain.yaml", text)
        self.assertEqual(self.csv_of("plain.yaml"), self.csv_of("tiny.yaml"))

    def test_convert_replaces_nothing_without_force(self):
        self.convert()
        self.expect_error(3, "tiny.onnx: exists already; --force replaces it", "convert", "--net",
                          "tiny.yaml", "--out", "tiny.onnx")
        self.expect_ok("convert", "--net", "tiny.yaml", "--out", "tiny.onnx", "--force", "-q")
        self.expect_error(2, "--out must end in .yaml or .onnx", "convert", "--net", "tiny.yaml",
                          "--out", "tiny.pb")
        self.expect_error(2, "--force needs --out", "convert", "--net", "tiny.yaml", "--force")
        self.expect_error(3, "tiny.yaml: is not a directory", "convert", "--net", "tiny.yaml",
                          "--out", "tiny.yaml/x.onnx")

    def test_equal_inputs_give_equal_models(self):
        self.convert(out="a.onnx")
        self.convert(out="b.onnx")
        self.assertEqual((self.dir / "a.onnx").read_bytes(), (self.dir / "b.onnx").read_bytes())

    def test_every_command_takes_a_model(self):
        self.convert()
        self.assertIn("network tiny (tiny.onnx): ok",
                      self.expect_ok("check", "--hw", "machine.yaml", "--net", "tiny.onnx"))
        self.expect_ok("simulate", "--hw", "machine.yaml", "--net", "tiny.onnx", "--out", "run",
                       "--timeline", "-q")
        self.assertIn('file: "tiny.onnx"', (self.dir / "run/run.yaml").read_text())
        self.expect_ok("calibrate", "--hw", "machine.yaml", "--networks", "60", 
                       "--out", "model.yaml", "-q")
        predictions = [self.expect_ok("predict", "--model", "model.yaml", "--net", net, "--format",
                                      "csv", "-q") for net in ("tiny.yaml", "tiny.onnx")]
        self.assertEqual(*predictions)

    def write_unsupported(self):
        """odd.onnx: the pool of tiny.onnx is an operator that is not known."""
        self.convert()
        model = (self.dir / "tiny.onnx").read_bytes()
        self.assertIn(b"GlobalAveragePool", model)
        (self.dir / "odd.onnx").write_bytes(model.replace(b"GlobalAveragePool",
                                                          b"GlobalAveragePoop"))

    def test_a_sweep_takes_the_options_that_its_errors_recommend(self):
        self.write_unsupported()
        sweep = ("simulate", "--sweep", "--hw", "edge_systolic_32", "--net", "odd.onnx,tiny.yaml",
                 "--format", "csv", "-q")
        failed = self.run_tilewake(*sweep)
        self.assertEqual(failed.returncode, 3)
        self.assertIn("--skip-unsupported", failed.stderr)
        for options in (("--skip-unsupported",), ("--until", "head")):
            with self.subTest(options):
                text = self.expect_ok(*sweep, *options).split("\n", 1)[1]
                rows = list(csv.DictReader(io.StringIO(text)))
                for row, (name, arguments) in zip(rows, (("odd.onnx", options), ("tiny.yaml", ())),
                                                  strict=True):
                    single = json.loads(self.expect_ok(
                        "simulate", "--hw", "edge_systolic_32", "--net", name, *arguments,
                        "--format", "json", "-q"))
                    self.assertEqual(row["total_cycles"], str(single["total_cycles"]))
        self.expect_error(2, "--until.* need a .onnx", "simulate", "--sweep", "--hw",
                          "machine.yaml", "--net", "tiny.yaml", "--until", "head")

    def test_a_converted_part_can_be_fitted_and_a_host_layer_is_no_onnx(self):
        self.write_unsupported()
        self.write("table.csv", "network,latency_ms\nodd.onnx,1\n")
        self.expect_error(3, "table.csv:2: .*convert --net", "fit", "--hw", "machine.yaml",
                          "--measured", "table.csv", "--out", "fitted.yaml")
        convert = ("convert", "--net", "odd.onnx", "-q", "--out")
        self.expect_error(3, "host .*--until", *convert, "host.onnx", "--skip-unsupported")
        self.expect_ok(*convert, "host.yaml", "--skip-unsupported")
        self.expect_ok(*convert, "part.onnx", "--until", "head")
        self.expect_ok("simulate", "--hw", "edge_systolic_32", "--net", "part.onnx", "-q")

    def test_the_input_shape_binds_what_a_model_leaves_free(self):
        self.convert()
        for shape in ("1,3,32,32", "1,4,32,32"):
            arguments = (*self.simulate[:3], "--net", "tiny.onnx", "--input-shape", shape, "-q")
            if shape == "1,3,32,32":
                self.expect_ok(*arguments)
            else:
                self.expect_error(3, "tiny.onnx: --input-shape has 4 where input 'image' is fixed",
                                  *arguments)
        for shape in ("1,3,32", "1,3,32,32,", "1,3,-2,32", "1,3,x,32", "a"):
            with self.subTest(shape):
                result = self.run_tilewake(*self.simulate[:3], "--net", "tiny.onnx",
                                           "--input-shape", shape)
                self.assertEqual(result.returncode, 3 if shape == "1,3,32" else 2)
        self.expect_error(3, "tiny.yaml: .*ONNX files", *self.simulate,
                          "--input-shape", "1,3,32,32")
        self.expect_error(2, "--input-shape.* --net", "check", "--hw", "machine.yaml",
                          "--input-shape", "1,3,32,32")

    def test_what_is_no_model_is_one_line(self):
        self.write("bad.onnx", "name: net\n")
        self.expect_error(3, r"bad\.onnx: .*byte \d+: ", *self.simulate[:3], "--net", "bad.onnx")
        self.expect_error(3, r"none\.onnx: cannot open file", *self.simulate[:3], "--net", "none.onnx")

    def test_a_topology_is_simulated_layer_by_layer(self):
        self.write("topo.csv", TOPOLOGY)
        text = self.csv_of("topo.csv").split("\n", 1)[1]
        rows = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual([(row["layer"], row["network"], row["inputs"]) for row in rows],
                         [(n, f"topo/{n}", "input") for n in ("Conv1", "Conv2", "FC")])
        # Each begins on an empty machine: alone it takes as long.
        header = TOPOLOGY.split("\n")[0]
        for row, line in zip(rows, TOPOLOGY.splitlines()[1:], strict=True):
            self.write("topo.csv", f"{header}\n{line}\n")
            alone = list(csv.DictReader(io.StringIO(self.csv_of("topo.csv").split("\n", 1)[1])))
            self.assertEqual(alone, [row])
        self.write("topo.csv", TOPOLOGY)
        summary = json.loads(self.expect_ok("simulate", "--hw", "machine.yaml", "--net", "topo.csv",
                                            "--format", "json"))
        self.assertEqual(summary["network"], "topo")
        self.assertEqual(summary["total_cycles"], sum(int(row["total_cycles"]) for row in rows))
        self.assertEqual(summary["macs"], 7 * 7 * 11 * 11 * 3 * 96 + 9 * 25 * 96 * 64 + 25600)
        table = self.expect_ok("simulate", "--hw", "machine.yaml", "--net", "topo.csv")
        self.assertRegex(table, r"\nConv2 .*\n(.*\n)*total +3 layers")

    def test_a_topology_leaves_a_run_whose_trace_is_read(self):
        self.write("topo.csv", TOPOLOGY)
        self.expect_ok("simulate", "--hw", "machine.yaml", "--net", "topo.csv", "--out", "run", "-q")
        self.assertEqual(self.names_in("run"), ["layers.csv", "run.yaml", "summary.json"])
        # Every row is read before that is said.
        self.expect_error(3, "needs at least 20 measured layers; there are 3", "calibrate", "--hw",
                          "machine.yaml", "--trace", "run", "-q", "--out", "model.yaml")
        self.expect_error(3, "topo.csv: --timeline", "simulate", "--hw",
                          "machine.yaml", "--net", "topo.csv", "--out", "other", "--timeline")

    def test_check_and_predict_take_a_topology_and_convert_does_not(self):
        self.write("topo.csv", TOPOLOGY)
        text = self.expect_ok("check", "--hw", "machine.yaml", "--net", "topo.csv")
        self.assertEqual(text.count("\nnetwork topo/"), 3)
        self.expect_ok("calibrate", "--hw", "machine.yaml", "--networks", "60", 
                       "--out", "model.yaml", "-q")
        lines = self.expect_ok("predict", "--model", "model.yaml", "--net", "topo.csv", "--format",
                               "csv", "-q").splitlines()
        self.assertEqual([line.split(",")[0] for line in lines], ["layer", "Conv1", "Conv2", "FC"])
        self.expect_error(3, "topo.csv: a topology is a list of layers and no network", "convert",
                          "--net", "topo.csv")

    def test_a_wrong_topology_is_named_with_its_line(self):
        self.write("topo.csv", TOPOLOGY.replace("96, 64", "96, x"))
        self.expect_error(3, r"topo\.csv:3: filters: must be an integer", "simulate", "--hw",
                          "machine.yaml", "--net", "topo.csv")


if __name__ == "__main__":
    unittest.main()
