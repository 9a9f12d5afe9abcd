#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `calibrate` measures, writes and refuses, and what an interrupt leaves of it."""
import contextlib
import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import unittest

from cli_support import CliTest, EXE, HAS_ASAN, MACHINE, NETWORK, SOURCE, TIMEOUT, WIDE

SHIPPED = ("mobilenet_v1", "mobilenet_v2", "resnet18", "squeezenet", "efficientnet_b0", "s3nas_m",
           "mobilenet_v3_large")
FEW = ("--networks", "60")


class CalibrateTest(CliTest):
    def setUp(self):
        super().setUp()
        self.command = ["calibrate", "--hw", "machine.yaml"]

    def calibrate(self, *arguments, **options):
        return self.run_tilewake(*self.command, *arguments, **options)

    def expect_calibrated(self, *arguments, **options):
        return self.expect_ok(*self.command, "-q", *arguments, **options)

    def expect_refused(self, pattern, *arguments, code=3):
        return self.expect_error(code, pattern, *self.command, "-q", *arguments)

    def expect_missed(self, pattern, *arguments):
        """Exit code 4: the report is printed all the same."""
        result = self.calibrate("-q", *arguments)
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertRegex(result.stderr, r"\Atilewake: [^\n]+\n\Z")
        self.assertRegex(result.stderr, pattern)
        self.assertIn("no model written", result.stdout)

    def model(self, name="model.yaml"):
        return (self.dir / name).read_text()


class PlaceTest(CalibrateTest):
    def test_a_file_that_holds_no_held_out_layers_is_kept(self):
        self.write("model.holdout.csv", "mine")
        self.expect_refused(r"model\.holdout\.csv: ", *FEW, "--holdout")
        self.assertEqual(self.model("model.holdout.csv"), "mine")
        self.assertEqual(self.names_in(), ["machine.yaml", "model.holdout.csv", "tiny.yaml"])
        (self.dir / "model.holdout.csv").unlink()
        for _ in range(2):
            self.expect_calibrated(*FEW, "--holdout")

    def test_the_name_of_a_directory_is_refused(self):
        for name in ("new/", ".", "new/.."):
            self.expect_refused(re.escape(name), *FEW, "--out", name)
        self.assertEqual(self.names_in(), ["machine.yaml", "tiny.yaml"])


class DesignedSetTest(CalibrateTest):
    def test_one_command_makes_a_model_and_says_how_wrong_it_is(self):
        text = self.expect_calibrated(*FEW)
        self.assertRegex(text, r"\Alatency model of midap, fitted to [\d,]+ layers of \d+ networks: "
                         r"designed \(60 networks\), seed 1\n")
        for word in ("MAPE", "RMSPE", "Kendall tau", "roofline", "worst layers", "all layers"):
            self.assertIn(word, text)
        self.assertEqual(text.splitlines()[-1], "model: model.yaml")
        self.assertIn("tilewake-model: 1", self.model())
        self.assertRegex(self.model(), r'machine: "midap@[0-9a-f]{16}"')

    def test_json_has_the_same_figures_and_the_coefficients(self):
        result = json.loads(self.expect_calibrated(*FEW, "--format", "json"))
        self.assertEqual((result["hardware"], result["model"], result["refusal"], result["seed"]),
                         ("midap", "model.yaml", None, 1))
        self.assertEqual(result["mape_holdout"], result["holdout"]["layers"]["mape"])
        self.assertIn(f"mape: {result['mape_holdout']}", self.model())
        self.assertEqual(result["num_layers"], result["holdout"]["layers"]["n"])
        self.assertEqual(list(result["coefficients"]), list(result["holdout"]["by_class"]))

    def test_equal_seeds_give_equal_models(self):
        first = self.expect_calibrated(*FEW, "--out", "a.yaml")
        self.assertEqual(self.expect_calibrated(*FEW, "--out", "b.yaml"),
                         first.replace("a.yaml", "b.yaml"))
        self.expect_calibrated(*FEW, "--seed", "2", "--out", "d.yaml")
        self.assertEqual(self.model("a.yaml"), self.model("b.yaml"))
        self.assertNotEqual(self.model("a.yaml"), self.model("d.yaml"))

    def test_progress_is_one_line_per_ten_percent_off_a_terminal(self):
        lines = self.calibrate(*FEW).stderr.splitlines()
        progress = [line for line in lines if "simulated" in line]
        self.assertEqual(progress, [f"tilewake: simulated {6 * i} of 60 networks ({10 * i} %)"
                                    for i in range(1, 11)])

    def test_progress_is_one_line_that_is_rewritten_on_a_terminal(self):
        try:
            ours, theirs = pty.openpty()
        except OSError as error:
            self.skipTest(f"no terminal to be had here: {error}")
        with contextlib.closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
            process = subprocess.Popen([EXE, *self.command, *FEW], cwd=self.dir, stderr=theirs,
                                       stdout=subprocess.DEVNULL)
            os.close(theirs)
            output = b""
            with contextlib.suppress(OSError):  # how Linux tells that the other end is closed
                while chunk := terminal.read(4096):
                    output += chunk
            self.assertEqual(process.wait(TIMEOUT), 0)
        lines = output.decode().split("\n")
        self.assertRegex(lines[0], r"\A(\rtilewake: simulated \d+ of 60 networks \(\d+ %\) *){60}"
                         r"\r?\Z")
        self.assertEqual([line for line in lines[1:] if "simulated" in line], [])

    def test_a_changed_machine_has_a_model_of_its_own(self):
        self.expect_calibrated(*FEW)
        self.write("machine.yaml", MACHINE.replace("num_banks: 4", "num_banks: 2"))
        self.expect_calibrated(*FEW, "--out", "half.yaml")
        self.assertNotEqual(self.model(), self.model("half.yaml"))

    def test_time_and_memory(self):
        if HAS_ASAN:
            self.skipTest("sanitizers are slow and large")
        command = [EXE, *self.command, "-q"]
        process = subprocess.Popen(command, cwd=self.dir, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        self.assertLess(usage.ru_utime + usage.ru_stime, 60)
        self.assertLess(usage.ru_maxrss, 500 * 1024)


class TraceTest(CalibrateTest):
    """Calibration on what the user measured."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.traces = {}
        for name in SHIPPED:
            result = subprocess.run(
                [EXE, "simulate", "--hw", "hw_configs/midap.yaml", "--net", name, "-q",
                 "--format", "csv"], cwd=SOURCE, text=True, stdout=subprocess.PIPE, timeout=TIMEOUT,
                check=True)
            cls.traces[name] = result.stdout

    def setUp(self):
        super().setUp()
        for name, text in self.traces.items():
            self.write(f"runs/{name}/layers.csv", text)
        self.paths = [f"runs/{name}/layers.csv" for name in self.traces]

    def changed(self, name, change):
        """Writes a copy of a trace whose rows `change` has edited."""
        version, rest = self.traces[name].split("\n", 1)
        rows = list(csv.DictReader(io.StringIO(rest)))
        for row in rows:
            change(row)
        text = io.StringIO()
        writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return self.write("changed.csv", f"{version}\n{text.getvalue()}")

    def test_traces_are_used_instead_of_the_designed_set(self):
        text = self.expect_calibrated("--trace", *self.paths)
        self.assertIn(f"of {len(SHIPPED)} networks: traces runs/mobilenet_v1/layers.csv, ", text)

    def test_directories_of_runs_and_repeated_options_do_as_well(self):
        expected = self.expect_calibrated("--trace", *self.paths, "--format", "json")
        options = []
        for path in self.paths:
            options += ["--trace", os.path.dirname(path)]
        result = json.loads(self.expect_calibrated(*options, "--format", "json"))
        self.assertEqual(result["coefficients"], json.loads(expected)["coefficients"])

    def test_the_designed_set_can_be_used_besides(self):
        text = self.expect_calibrated(*FEW, "--designed", "--trace", self.paths[0])
        self.assertIn("designed (60 networks) and traces runs/mobilenet_v1/layers.csv", text)

    def test_what_is_about_designed_networks_is_refused_without_them(self):
        self.expect_refused("--networks", "--trace", *self.paths, "--networks", "1500", code=2)
        self.expect_calibrated("--trace", self.paths[0], "--designed", *FEW)

    def test_line_ends_of_windows_do_as_well(self):
        expected = self.expect_calibrated("--trace", *self.paths, "--format", "json")
        for path in self.paths:
            file = self.dir / path
            file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
        self.assertEqual(self.expect_calibrated("--trace", *self.paths, "--format", "json"),
                         expected)

    def test_a_poor_model_is_written_with_a_warning(self):
        self.assertNotIn("poor", self.calibrate(*FEW).stderr)

        def twice(row):
            row.update({c: 2 * int(row[c]) for c in row if c.endswith("_cycles")})

        paths = [self.changed(name, twice).rename(self.dir / f"{name}.csv") for name in SHIPPED]
        self.assertRegex(self.calibrate("--trace", *paths).stdout, r"\w+: \w+ is .*plausible range ")

        def slow_and_fast(row):
            extra = int(row["total_cycles"]) * (int(row["index"]) % 3)
            for column in ("total_cycles", "compute_cycles"):
                row[column] = int(row[column]) + extra

        paths = [self.changed(name, slow_and_fast).rename(self.dir / f"{name}.csv")
                 for name in SHIPPED]
        result = self.calibrate("--trace", *paths)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, r"tilewake: the model is inaccurate: MAPE \d+\.\d+ % on "
                         r"held-out networks\n\Z")
        self.assertTrue(self.model())

    def test_a_trace_of_another_machine_is_refused(self):
        self.write("machine.yaml", MACHINE.replace("bus_bytes: 4", "bus_bytes: 2"))
        self.expect_refused(r"runs/mobilenet_v1/layers.csv:3: machine: measured on midap@\w+, but "
                            r"the machine is midap@\w+", "--trace", *self.paths)

    def test_a_trace_of_another_version_is_refused(self):
        path = self.changed("resnet18", lambda row: row.update(version="0.0.9"))
        self.expect_refused(r"changed.csv:3: version: measured with version 0\.0\.9, this is .*: "
                            "simulate again", "--trace", path)

    def test_a_cut_off_trace_is_refused(self):
        text = self.traces["resnet18"]
        end = text.index("\n", len(text) // 2)
        self.write("cut.csv", text[:end - 10])
        self.expect_refused(rf"cut.csv:{text[:end].count(chr(10)) + 1}: .*truncated",
                            "--trace", *self.paths, "cut.csv")
        self.write("cut.csv", "")
        self.expect_refused("cut.csv:1: the file is empty", "--trace", "cut.csv")

    def test_what_is_no_number_is_refused(self):
        for value in ("nan", "inf", "-1", "1e99", "", "x"):
            with self.subTest(value):
                path = self.changed("resnet18", lambda row: row.update(pe_utilization=value))
                if value != "1e99":
                    self.expect_refused("changed.csv:3: pe_utilization: ", "--trace", path)
                path = self.changed("resnet18", lambda row: row.update(total_cycles=value))
                self.expect_refused("changed.csv:3: total_cycles: ", "--trace", path)

    def test_too_few_rows_are_refused_where_the_file_ends(self):
        num_lines = self.traces["resnet18"].count("\n")
        self.expect_refused(rf"runs/resnet18/layers.csv:{num_lines}: calibration needs .* networks",
                            "--trace", "runs/resnet18")
        self.expect_refused("calibration needs .* networks", "--networks", "1")
        for name in ("a", "b"):  # 14 layers altogether
            self.write(f"{name}.yaml", NETWORK.replace("tiny", name))
            self.expect_ok("simulate", "--hw", "machine.yaml", "--net", f"{name}.yaml", "-q",
                           "--out", name)
        self.expect_refused(r"b/layers.csv:\d+: calibration needs at least 20 measured layers; "
                            r"there are 14", "--trace", "a", "b")

    def test_two_traces_are_enough(self):
        text = self.expect_calibrated("--trace", *self.paths[:2])
        self.assertIn("of 2 networks: traces", text)
        self.assertIn("mul: no training data", text)

    def test_what_is_no_trace_is_refused(self):
        self.write("empty/notes.txt", "")
        for path, pattern in (("machine.yaml", "machine.yaml:1: "),
                              ("empty", "empty/layers.csv: "),
                              ("nowhere.csv", "nowhere.csv: "),
                              ("/dev/null", "/dev/null: is not a regular file")):
            with self.subTest(path):
                self.expect_refused(pattern, "--trace", path)

    def test_a_model_that_loses_to_the_roofline_is_not_written(self):
        def as_the_roofline_says(row):
            if row["fused_into"] or row["op"] == "concat":
                return
            n = {key: int(row[key]) for key in ("ic", "ih", "iw", "oc", "oh", "ow", "groups",
                                                "effective_macs", "total_cycles")}
            height, width = map(int, row["kernel"].split("x"))
            maps = n["oc"] * n["oh"] * n["ow"] + n["ic"] * n["ih"] * n["iw"]
            weights = {"conv2d": height * width * n["ic"] // n["groups"] * n["oc"],
                       "depthwise_conv2d": height * width * n["oc"],
                       "fully_connected": n["ic"] * n["ih"] * n["iw"] * n["oc"]}
            cycles = max(n["effective_macs"] / 1024, (maps + weights.get(row["op"], 0)) / 25.6)
            for column in row:
                if column.endswith("_cycles"):
                    row[column] = 0
            row["total_cycles"] = row["compute_cycles"] = round(cycles)

        paths = []
        for name in SHIPPED:
            path = self.changed(name, as_the_roofline_says)
            paths.append(path.rename(self.dir / f"{name}.csv"))
        self.expect_missed("less accurate than the roofline", "--trace", *paths)
        self.assertFalse((self.dir / "model.yaml").exists())


class ModelFileTest(CalibrateTest):
    def test_a_model_of_the_same_machine_is_replaced(self):
        self.expect_calibrated(*FEW)
        before = self.model()
        self.expect_calibrated(*FEW, "--seed", "2")
        self.assertNotEqual(self.model(), before)

    def test_directories_are_made_as_needed(self):
        self.expect_calibrated(*FEW, "--out", "a/b/model.yaml")
        self.assertIn("tilewake-model", self.model("a/b/model.yaml"))

    def test_a_model_of_another_machine_is_replaced_only_by_force(self):
        self.expect_calibrated(*FEW)
        before = self.model()
        self.write("machine.yaml", MACHINE.replace("num_banks: 4", "num_banks: 2"))
        self.expect_refused("model.yaml: is a model of midap@.*--force", *FEW)
        self.assertEqual(self.model(), before)
        self.expect_calibrated(*FEW, "--force")
        self.assertNotEqual(self.model(), before)

    def test_a_model_of_an_older_version_is_replaced(self):
        self.expect_calibrated(*FEW)
        before = self.model()
        self.write("model.yaml", before.replace("version: 0.", "version: 9."))
        self.expect_calibrated(*FEW)
        self.assertEqual(self.model(), before)

    def test_what_is_no_model_is_never_replaced(self):
        files = {"notes.txt": "mine\n", "other.yaml": "name: mine\n", "empty.yaml": "",
                 "cut.yaml": "tilewake-model: 1\n", "binary": "\0\1\2"}
        for name, text in files.items():
            with self.subTest(name):
                self.write(name, text)
                for force in ((), ("--force",)):
                    self.expect_refused(f"{name}.*--out", *FEW, "--out", name, *force)
                self.assertEqual((self.dir / name).read_text(), text)
        (self.dir / "directory").mkdir()
        self.expect_refused("directory: is a directory", *FEW, "--out", "directory")
        self.expect_refused("/dev/null", *FEW, "--out", "/dev/null")

    def test_a_missed_max_mape_writes_nothing(self):
        self.expect_missed(r"MAPE 0\.\d{3} % on held-out layers, more than --max-mape 0\.001; "
                           "model.yaml is not written", *FEW, "--max-mape", "0.001")
        self.assertFalse((self.dir / "model.yaml").exists())
        self.expect_calibrated(*FEW, "--max-mape", "1000")
        before = self.model()
        self.expect_missed(r"model.yaml is unchanged \(MAPE \d+\.\d+ %\)", *FEW, "--seed", "2",
                           "--max-mape", "0.001")
        self.assertEqual(self.model(), before)

    def test_a_directory_that_cannot_be_made_is_an_error(self):
        self.write("file", "")
        for path in ("file/model.yaml", "/proc/nowhere/model.yaml"):
            self.expect_refused(os.path.dirname(path), *FEW, "--out", path)

    def test_a_place_that_cannot_be_written_is_refused_before_the_work(self):
        self.write("file", "")
        paths = ["file/model.yaml", "file/below/model.yaml"]
        if os.geteuid() != 0:  # root may write anywhere
            (self.dir / "locked").mkdir(mode=0o500)
            paths += ["locked/model.yaml", "locked/below/model.yaml"]
        for path in paths:
            with self.subTest(path):
                self.expect_refused(path.split("/")[0], *FEW, "--out", path)


class UsageTest(CalibrateTest):
    def test_help_names_every_option_and_its_default(self):
        text = self.expect_ok("calibrate", "--help", env=WIDE)
        for option, default in (("--trace FILE...", "none"), ("--out FILE", "model.yaml"),
                                ("--max-mape PERCENT", "none"), ("--seed N", "1"),
                                ("--folds K", "5"), ("--networks N", "1500"),
                                ("--designed", "off"), ("--force", "off"),
                                ("--format FORMAT", "table")):
            self.assertRegex(text, rf"{re.escape(option)} .*\(default: {default}\)\n")

    def test_values_out_of_range_are_usage_errors(self):
        for option, values in {"--seed": ("-1", "x", "1.5", "9223372036854775808", "0x10"),
                               "--folds": ("1", "0", "101"), "--networks": ("0", "100001"),
                               "--max-mape": ("nan", "inf", "-1", "x", "1%"),
                               "--format": ("csv", "xml")}.items():
            for value in values:
                with self.subTest((option, value)):
                    self.expect_refused(f"{option}", option, value, code=2)
        self.expect_refused("--trace", "--trace", code=2)
        self.expect_error(2, "--hw", "calibrate")


class InterruptTest(CalibrateTest):
    def interrupt(self, number):
        """Sends the signal once the first tenth of the networks is done."""
        process = subprocess.Popen([EXE, *self.command, "--networks", "400"], cwd=self.dir,
                                   text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stderr.readline()
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=TIMEOUT)
        self.assertEqual(stdout, "")
        self.assertEqual(stderr.splitlines()[-1], "tilewake: interrupted")
        self.assertFalse((self.dir / "model.yaml").exists())
        return process.returncode, stderr

    def test_an_interrupt_leaves_no_file(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                before = self.names_in(".")
                self.assertEqual(self.interrupt(number)[0], 128 + number)
                self.assertEqual(self.names_in("."), before)


if __name__ == "__main__":
    unittest.main()
