#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`nas space`, `nas compare` and the methods of `nas run`: what they print, leave and refuse."""
import csv
import io
import json
import unittest

from cli_support import SOURCE
from nas_test import ARGUMENTS, NasTest, strict_json

OPERATORS = ["--set", "supernet.max_images=128", "supernet.batch_size=32", "supernet.epochs=2",
             "evolution.population=6", "evolution.parents=2", "evolution.mutations=2",
             "evolution.crossovers=2", "evolution.generations=2",
             "evolution.calibration_images=32", "evolution.validation_images=50",
             "random_search.networks=3", "guided.networks=4", "guided.batch=1"]
POOL = 49  # of them identity, at every position but the first of a stage
POSITIONS = 4
FIRST_POSITIONS = 2


def table_of(text):
    return list(csv.DictReader(io.StringIO(text.split("\n", 1)[1])))


class SpaceTest(NasTest):
    SPACE = ["space", "-q", "--target-ms", "0.02", "--space", "operators_synthetic", "--profile",
             "simulate"]

    def test_every_machine_has_its_space_and_the_table_shows_both(self):
        out = self.expect_ok("nas", "space", "-q", "--hw", "midap,vpu_like", "--target-ms",
                             "0.02,0.1", "--space", "operators_synthetic", "--profile", "simulate",
                             "--out", "spaces")
        self.assertRegex(out, r"midap and vpu_like have \d+ % of their operators in common")
        self.assertEqual(sorted(p.name for p in (self.dir / "spaces").iterdir()), [
            "manifest.txt", "operators-midap.csv", "operators-vpu_like.csv", "run.yaml",
            "space-midap.yaml", "space-vpu_like.yaml"])
        for machine in ("midap", "vpu_like"):
            rows = table_of((self.dir / f"spaces/operators-{machine}.csv").read_text())
            self.assertEqual(len(rows), POOL * POSITIONS - FIRST_POSITIONS)
            for position in {row["position"] for row in rows}:
                kept = [r["operator"] for r in rows
                        if r["position"] == position and r["kept"] == "1"]
                self.assertEqual("identity" in kept, not position.endswith(".0"))
                self.assertTrue(1 <= len(kept) - ("identity" in kept) <= 4)
            for row in rows:
                if row["operator"] == "identity":
                    self.assertEqual(float(row["latency_ms"]) + float(row["score"]), 0)
                    continue
                score = float(row["capacity"]) / float(row["latency_ms"])
                self.assertAlmostEqual(float(row["score"]), score, delta=1e-6)

    def test_formats_say_the_same(self):
        args = ["nas", *self.SPACE, "--hw", "midap"]
        found = strict_json(self.expect_ok(*args, "--format", "json"))["machines"][0]
        rows = table_of(self.expect_ok(*args, "--format", "csv"))
        profiles = [op for position in found["positions"] for op in position["operators"]]
        self.assertEqual([op["operator"] for op in profiles], [r["operator"] for r in rows])
        self.assertEqual([op["kept"] for op in profiles], [r["kept"] == "1" for r in rows])

    def test_one_machine_leaves_a_space_that_a_search_takes(self):
        self.expect_ok("nas", *self.SPACE, "--hw", "midap", "--out", "one")
        text = (self.dir / "one/space.yaml").read_text()
        self.assertIn("operators: [", text)
        self.expect_error(3, "one: ", "nas", *self.SPACE, "--hw", "midap", "--out", "one")
        self.write("one/mine.txt", "mine")
        self.expect_error(3, "one/mine.txt: ", "nas", *self.SPACE, "--hw", "midap", "--out", "one",
                          "--force")
        self.assertEqual((self.dir / "one/space.yaml").read_text(), text)
        (self.dir / "one/mine.txt").unlink()
        self.expect_ok("nas", *self.SPACE, "--hw", "midap", "--out", "one", "--force")
        self.assertEqual((self.dir / "one/space.yaml").read_text(), text)

    def test_models_are_those_of_the_machines_in_their_order(self):
        for machine in ("midap", "vpu_like"):
            self.expect_ok("calibrate", "-q", "--hw", machine, "--networks", "100", "--out", f"{machine}.yaml")
        space = ["nas", "space", "-q", "--target-ms", "0.02", "--space", "operators_synthetic",
                 "--format", "csv"]
        both = ["--hw", "midap,vpu_like"]
        # The calibration of the command has the same networks and seed.
        self.assertEqual(self.expect_ok(*space, *both, "--model", "midap.yaml,vpu_like.yaml"),
                         self.expect_ok(*space, *both))
        self.expect_error(3, r"(midap|vpu_like)\.yaml: ", *space, *both, "--model", "vpu_like.yaml,midap.yaml")
        for extra in (["--model", "midap.yaml"],
                      ["--model", "midap.yaml,vpu_like.yaml", "--profile", "simulate"]):
            self.assertEqual(self.run_tilewake(*space, *both, *extra).returncode, 2, extra)

    def test_what_is_no_command_line_exits_2(self):
        for extra in (["--hw", "midap,vpu_like", "--target-ms", "1,2,3"], ["--hw", ",midap"],
                      ["--hw", "midap", "--keep", "0"], ["--hw", "midap", "--rho", "0"],
                      ["--hw", "midap", "--profile", "guess"], ["--hw", "midap", "--force"]):
            args = ["nas", "space", *extra]
            if "--target-ms" not in extra:
                args += ["--target-ms", "1"]
            self.assertEqual(self.run_tilewake(*args).returncode, 2, args)

    def test_bad_inputs_exit_3_and_are_named(self):
        self.expect_error(3, r"fashion\.yaml:\d+: branches: this is a space of MixConv blocks", "nas",
                          "space", "-q", "--target-ms", "1", "--hw", "midap", "--space", "fashion")
        self.expect_error(3, "--hw midap: a machine of this name", "nas", "space", "-q",
                          "--target-ms", "1", "--hw", "midap,midap")


class MethodsTest(NasTest):
    def test_methods_of_operators_keep_to_the_limit(self):
        self.with_model()
        for method in ("hurricane", "spos", "random", "guided"):
            self.expect_ok("nas", "run", "-q", *ARGUMENTS, *OPERATORS, "--method", method, "--out",
                           method)
            summary = strict_json((self.dir / method / "summary.json").read_text())
            self.assertLessEqual(summary["simulated_ms"], summary["target_ms"])
            rows = table_of((self.dir / method / "costs.csv").read_text())
            self.assertIn("train", [row["step"] for row in rows])
            self.assertIn(f"method: {method}", (self.dir / method / "run.yaml").read_text())

    def test_dense_stages_are_searched_scaled_and_exported(self):
        self.with_model()
        space = (SOURCE / "nas/spaces/synthetic.yaml").read_text()
        space = space.replace("{width: 8, stride: 2}", "{width: 8, stride: 2, block: conv}")
        space = space.replace("{width: 16, stride: 2}", "{width: 16, stride: 2, block: fused}")
        self.write("dense_space.yaml", space)
        self.expect_ok("nas", "run", "-q", *ARGUMENTS, "--space", "dense_space.yaml", "--out", "run")
        found = (self.dir / "run/architecture.yaml").read_text()
        self.assertIn("op: conv_unit", found)
        self.assertIn("op: convblock", found)
        self.assertNotIn("op: mbconv", found)
        summary = strict_json((self.dir / "run/summary.json").read_text())
        self.assertLessEqual(summary["simulated_ms"], summary["target_ms"])
        # The exported model has the same layers as the network file.
        cycles = {json.loads(self.expect_ok("simulate", "-q", "--hw", "machine.yaml", "--net",
                                            f"run/{model}", "--format", "json"))["total_cycles"]
                  for model in ("architecture.yaml", "model.onnx")}
        self.assertEqual(len(cycles), 1)

    def test_a_dense_network_is_scaled_to_the_limit(self):
        self.with_model()
        for method in ("dense", "mobilenet_v3"):
            self.expect_ok("nas", "run", "-q", *ARGUMENTS, "--method", method, "--out", method)
            summary = strict_json((self.dir / method / "summary.json").read_text())
            self.assertLessEqual(summary["simulated_ms"], summary["target_ms"])

    def test_an_unknown_method_exits_2_and_lists_them(self):
        result = self.run_tilewake("nas", "run", "--hw", "midap", "--target-ms", "1", "--method",
                                   "x")
        self.assertEqual(result.returncode, 2)
        self.assertIn("s3nas, flops, random_mixconv, hurricane, spos, random, guided, mobilenet_v2, "
                      "mobilenet_v3, efficientnet_lite, dense",
                      result.stderr)

    def test_options_that_a_method_lacks_exit_2(self):
        for extra in (["--method", "hurricane", "--correlate", "3"],
                      ["--method", "mobilenet_v2", "--random", "1"]):
            result = self.run_tilewake("nas", "run", "--hw", "midap", "--target-ms", "1", *extra)
            self.assertEqual(result.returncode, 2, extra)

    def test_another_method_does_not_go_on_with_a_run(self):
        self.with_model()
        self.expect_ok("nas", "run", "-q", *ARGUMENTS, *OPERATORS, "--method", "spos", "--out",
                       "run")
        result = self.run_tilewake("nas", "run", *ARGUMENTS, *OPERATORS, "--method", "hurricane",
                                   "--out", "run", "--resume")
        self.assertEqual(result.returncode, 3)
        self.assertIn("settings", result.stderr)


class CompareTest(NasTest):
    def test_methods_and_seeds_are_run_once_each_and_compared(self):
        self.with_model()
        args = ["nas", "compare", "-q", *ARGUMENTS, *OPERATORS, "--methods", "spos,mobilenet_v2",
                "--seeds", "2", "--correlate", "3", "--out", "all"]
        out = self.expect_ok(*args)
        self.assertRegex(out, r"spos - mobilenet_v2: [+-]\d+\.\d+ \+-\d+\.\d+ points over 2 seeds")
        self.assertIn("Kendall's tau", out)
        rows = table_of((self.dir / "all/compare.csv").read_text())
        self.assertEqual([(r["method"], r["seed"]) for r in rows],
                         [("spos", "1"), ("mobilenet_v2", "1"), ("spos", "2"),
                          ("mobilenet_v2", "2")])
        for row in rows:
            directory = self.dir / f"all/{row['method']}-{row['target_ms']}ms-seed{row['seed']}"
            summary = strict_json((directory / "summary.json").read_text())
            self.assertEqual(float(row["accuracy"]), summary["accuracy"])
            self.assertEqual(float(row["int8_accuracy"]), summary["int8"]["accuracy"])
            self.assertEqual(float(row["int8_validation_accuracy"]),
                             summary["int8"]["validation_accuracy"])
            self.assertLessEqual(float(row["simulated_ms"]), float(row["target_ms"]))
        self.expect_error(3, "all: holds a comparison already", *args)
        self.assertEqual(self.expect_ok(*args, "--resume"), out)
        found = json.loads(self.expect_ok(*args, "--resume", "--format", "json"))
        self.assertEqual(len(found["runs"]), 4)

    def test_shards_share_the_runs_and_the_result_is_that_of_one_process(self):
        self.with_model()
        args = ["nas", "compare", "-q", *ARGUMENTS, "--methods", "mobilenet_v2,dense", "--seeds",
                "2"]

        def rows_of(directory):  # without the times
            rows = table_of((self.dir / directory / "compare.csv").read_text())
            return [{key: row[key] for key in row if key != "search_seconds"} for row in rows]
        self.expect_ok(*args, "--out", "whole")
        for _ in range(2):  # a shard that runs again changes nothing
            for shard in ("3/3", "1/3"):
                self.assertEqual(self.expect_ok(*args, "--out", "run", "--shard", shard), "")
        self.assertFalse((self.dir / "run/compare.csv").exists())
        # The four runs are divided as 2, 1, 1; the second shard was never started.
        self.assertEqual(len(list((self.dir / "run").glob("*-seed*"))), 3)
        self.expect_ok(*args, "--out", "run")
        self.assertEqual(rows_of("run"), rows_of("whole"))
        self.expect_error(2, "--out", *args, "--shard", "1/3")
        self.expect_error(2, "--resume", *args, "--out", "run", "--shard", "1/3", "--resume")

    def test_other_limits_do_not_continue_a_comparison(self):
        self.with_model()
        args = ["nas", "compare", "-q", *ARGUMENTS, "--methods", "mobilenet_v2", "--seeds", "1",
                "--out", "run"]
        self.expect_ok(*args)
        before = (self.dir / "run/compare.csv").read_bytes()
        self.expect_error(3, "limits", *args, "--resume", "--max-params", "100000000")
        self.assertEqual((self.dir / "run/compare.csv").read_bytes(), before)

    def test_a_teacher_that_a_method_lacks_is_refused_before_anything_runs(self):
        self.with_model()
        self.expect_error(3, "method mobilenet_v2 has no supernet", "nas", "compare", "-q",
                          *ARGUMENTS, "--methods", "s3nas,mobilenet_v2", "--out", "run", "--set",
                          "train.distillation.teacher=supernet")
        self.assertFalse((self.dir / "run").exists())

    def test_what_is_no_command_line_exits_2(self):
        for methods in ("spos,spos", "x", "spos:", ""):
            result = self.run_tilewake("nas", "compare", "--hw", "midap", "--target-ms", "1",
                                       "--methods", methods)
            self.assertEqual(result.returncode, 2, methods)

    def test_options_that_no_method_takes_exit_2(self):
        for methods, option in (("spos,mobilenet_v2", "--random"), ("s3nas,random", "--correlate"),
                                ("spos,random:x", "--space"), ("s3nas,spos:x", "--operators")):
            result = self.run_tilewake("nas", "compare", "--hw", "midap", "--target-ms", "1",
                                       "--methods", methods, option, "3")
            self.assertEqual(result.returncode, 2, methods)
            self.assertIn(f"{option}: n", result.stderr)  # needs another method, no method takes it


if __name__ == "__main__":
    unittest.main()
