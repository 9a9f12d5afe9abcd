#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`nas`: what a run leaves in its directory, when that is replaced and when gone on with."""
import csv
import json
import math
import os
import re
import shutil
import unittest

from cli_support import MACHINE
from nas_test import ARGUMENTS, COMMANDS, NasTest, STEPS, TARGET_MS, events, finished_run, strict_json


NO_PROCESS = 4194305  # Linux numbers its processes up to 4194304


def rows_of(path, mark):
    """The rows of a CSV file whose first line is `mark`."""
    lines = path.read_text().splitlines()
    assert lines[0] == mark, lines[0]
    return list(csv.DictReader(lines[1:]))


class ResultTest(NasTest):
    def setUp(self):
        super().setUp()
        self.run_dir, self.result = finished_run()

    def summary(self):
        return strict_json((self.run_dir / "summary.json").read_text())

    def test_the_directory_holds_what_is_documented_and_nothing_half_written(self):
        self.assertEqual(sorted(p.name for p in self.run_dir.iterdir()), [
            "architecture.yaml", "costs.csv", "decisions.csv", "decisions.log", "deploy",
            "events.out.tfevents.0000000000.tilewake", "layers.csv", "manifest.txt", "metrics.csv",
            "model.onnx", "model.yaml", "run.yaml", "search.ckpt",
            "space.yaml", "steps", "steps.csv", "summary.json", "supergraph.ckpt", "train.ckpt",
            "weights.ckpt"])
        for path in (self.run_dir / "steps").iterdir():
            self.assertRegex(path.name, r"^(search|scale|postprocess|train|evaluate|rank-\w+)"
                             r"\.json$")
            strict_json(path.read_text())

    def test_simulate_takes_the_found_network_and_agrees_with_the_summary(self):
        simulate = ["simulate", "--hw", "machine.yaml", "--net", self.run_dir / "architecture.yaml"]
        simulated = json.loads(self.expect_ok(*simulate, "--format", "json"))
        summary = self.summary()
        for key in ("latency_ms", "total_cycles", "macs", "dram_read_bytes", "dram_write_bytes",
                    "pe_utilization", "machine"):
            self.assertEqual(summary[key], simulated[key], key)
        self.assertEqual(summary["simulated_ms"], simulated["latency_ms"])
        self.assertEqual(self.expect_ok(*simulate, "--format", "csv"),
                         (self.run_dir / "layers.csv").read_text())
        predicted = json.loads(self.expect_ok(
            "predict", "--model", self.run_dir / "model.yaml", "--net",
            self.run_dir / "architecture.yaml", "--format", "json"))
        self.assertAlmostEqual(predicted["latency_ms"], summary["predicted_ms"], delta=1e-6)

    def test_report_reads_what_a_search_leaves(self):
        self.expect_ok("report", self.run_dir, "--out", "page.html")
        page = (self.dir / "page.html").read_text()
        data = json.loads(page.split('id="data">')[1].split("</script>")[0])
        section, = data["sections"]
        self.assertEqual(section["kind"], "search")
        self.assertEqual(section["summary"], self.summary())
        self.assertEqual(len(section["step_files"]), len(list((self.run_dir / "steps").iterdir())))
        for key in ("layers", "metrics", "costs", "decisions", "architecture"):
            self.assertTrue(section[key], key)
        self.assertEqual(len(section["layers"]["predicted_cycles"]), len(section["layers"]["layer"]))

    def test_the_summary_keeps_to_the_limit_and_says_how_good_the_network_is(self):
        summary = self.summary()
        self.assertEqual(summary["target_ms"], TARGET_MS)
        self.assertLessEqual(summary["simulated_ms"], TARGET_MS)
        self.assertGreater(summary["simulated_ms"], 0.8 * TARGET_MS)
        for key in ("accuracy", "validation_accuracy"):
            self.assertTrue(0.0 <= summary[key] <= 1.0, key)
            self.assertTrue(0.0 <= summary["int8"][key] <= 1.0, key)
        for key, share, images in (("standard_error", "accuracy", 500),
                                   ("validation_standard_error", "validation_accuracy", None)):
            for figures in (summary, summary["int8"]):
                variance = figures[share] * (1.0 - figures[share])
                if images:
                    self.assertAlmostEqual(figures[key], math.sqrt(variance / images))
                self.assertTrue(0.0 <= figures[key] < 0.5, key)
        self.assertEqual(summary["network"], "run")

    def test_every_step_is_in_the_tables_and_the_log(self):
        steps = rows_of(self.run_dir / "steps.csv", "# tilewake-steps v1")
        self.assertEqual([row["step"] for row in steps], STEPS)
        self.assertEqual(steps[-1]["simulated_ms"], str(self.summary()["simulated_ms"]))
        log = (self.run_dir / "decisions.log").read_text()
        self.assertEqual(re.findall(r"(?m)^== (.*)", log), ["design", *STEPS])
        self.assertRegex(log, r"(?m)^chosen: stem \d+")
        decisions = rows_of(self.run_dir / "decisions.csv", "# tilewake-decisions v1")
        self.assertEqual([row["text"] for row in decisions],
                         [line for line in log.split("\n") if line and not line.startswith("== ")])
        self.assertEqual(list(dict.fromkeys(row["step"] for row in decisions)), ["design", *STEPS])
        scaled = [row for row in decisions if row["step"] == "scale" and row["kind"] != "note"]
        self.assertEqual([row["kind"] for row in scaled].count("chosen"), 1)
        for row in scaled:
            self.assertEqual(bool(row["accuracy"]), row["kind"] != "rejected", row)
            self.assertEqual("accuracy" in row["text"], bool(row["accuracy"]), row)
        self.assertRegex(log, r"test accuracy [\d.]+ % \(\+-[\d.]+ %\) of 500 images")

    def test_metrics_have_every_phase_and_tensorboard_has_them_too(self):
        rows = rows_of(self.run_dir / "metrics.csv", "# tilewake-metrics v2")
        phases = list(dict.fromkeys(row["phase"] for row in rows))
        self.assertEqual((phases[:2], phases[-1]), (["supergraph", "search"], "train"))
        self.assertTrue(all(re.match(r"rank-[0-9a-f]{16}$", name) for name in phases[2:-1]))
        for phase, steps in (("supergraph", 8), ("search", 12), ("train", 12)):
            self.assertEqual([row["step"] for row in rows if row["phase"] == phase],
                             [str(i) for i in range(1, steps + 1)])
        blocks = {len(row["gates"].split(" | ")) for row in rows if row["gates"]}
        self.assertEqual(len(blocks), 1)
        for row in rows:
            self.assertEqual(bool(row["latency_ms"]), row["phase"] == "search", row)
            self.assertEqual(bool(row["gates"]), row["phase"] == "search", row)
            self.assertGreater(float(row["loss"]), 0.0)
        records = events(next(self.run_dir.glob("events.out.tfevents.*")))
        self.assertEqual(len(records), 1 + len(rows))
        self.assertIn(b"brain.Event:2", records[0])
        self.assertIn(b"train/validation_accuracy", records[-1])

    def test_the_model_is_an_onnx_file_of_ours(self):
        data = (self.run_dir / "model.onnx").read_bytes()
        self.assertEqual(data[:2], b"\x08\x07")  # version 7 of the format
        self.assertIn(b"tilewake", data[:20])
        self.assertGreater(len(data), 4 * self.summary()["params"] * 0.9)

    def test_run_yaml_tells_how_the_run_was_made(self):
        text = (self.run_dir / "run.yaml").read_text()
        command = json.loads(re.search(r"(?m)^command: (.*)", text)[1])
        self.assertEqual(command, ["tilewake", "nas", "run", *ARGUMENTS, "--out", "run"])
        for line in ("complete: true", "seed: 1", f"targets_ms: [{TARGET_MS}]", "device: cpu",
                     '  name: "synthetic"', '  file: "machine.yaml"'):
            self.assertIn(f"\n{line}\n", text)
        for section in ("space", "recipe", "hardware"):
            self.assertRegex(text, rf"(?m)^{section}:\n  ")

    def test_what_is_printed_is_the_table_and_the_result(self):
        self.assertRegex(self.result.stdout, r"\Alimit 0.0140 ms\ntest accuracy ")
        self.assertRegex(self.result.stdout, r"(?m)^step +network ")
        self.assertRegex(self.result.stdout, r"(?m)^networks: ")
        self.assertRegex(self.result.stdout, r"(?m)^test accuracy [\d.]+ % \(\+-[\d.]+ %\), validation [\d.]+ % \(\+-[\d.]+ %\), simulated "
                         r"[\d.]+ ms \([\d.]+ mJ\), estimated [\d.]+ ms \([\d.]+ mJ\), limit 0.0140 ms, [\d,]+ p")
        for line in self.result.stderr.splitlines():
            self.assertRegex(line, r"^tilewake: \S")
        for phase in ("supergraph", "search", "candidate", "train"):
            self.assertRegex(self.result.stderr, rf"(?m)^tilewake: {phase} \d+ of \d+, \d+ %, "
                             r"loss [\d.]+, accuracy [\d.]+ %.*, \d+ images/s, \d+:\d\d left$")

    def test_tables_fit_the_columns_and_hold_the_whole_networks(self):
        self.copy_of_finished_run()
        whole = self.nas(*ARGUMENTS, "--out", "run", "--resume").stdout
        result = self.nas(*ARGUMENTS, "--out", "run", "--resume", env={"COLUMNS": "80"})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertLessEqual(max(map(len, result.stdout.splitlines())), 80)
        network = re.search(r"(?m)^search +(stem .*? px) ", whole)[1]
        self.assertIn(network, re.sub(r"\n +", " ", result.stdout))

    def test_json_is_all_that_is_on_standard_output(self):
        directory = self.copy_of_finished_run()
        result = self.nas(*ARGUMENTS, "--out", "run", "--resume", "--format", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, "the run is in run\n$")
        data = strict_json(result.stdout)
        target, = data["targets"]
        summary = self.summary()
        self.assertEqual([step["step"] for step in target["steps"]], STEPS)
        for key in ("target_ms", "predicted_ms", "simulated_ms", "accuracy", "params"):
            self.assertEqual(target[key], summary[key], key)
        self.assert_same_run(directory)


class MissTest(NasTest):
    def miss(self, target, *extra):
        self.with_model()
        message = self.expect_refused("cheapest network found takes", *self.arguments(
            "--target-ms", target, "--out", "out", *extra, without=["--target-ms"]), code=4)
        match = re.search(r"the cheapest network found takes ([\d.]+) ms: (out/fastest.yaml)$",
                          message)
        self.assertTrue(match, message)
        simulated = json.loads(self.expect_ok("simulate", "--hw", "machine.yaml", "--net",
                                              match[2], "--format", "json"))
        self.assertAlmostEqual(float(match[1]), simulated["latency_ms"], delta=0.0002)
        self.assertIn("\ncomplete: false\n", (self.dir / "out/run.yaml").read_text())
        return message, simulated["latency_ms"]

    def test_a_limit_that_no_network_keeps_to_exits_4_at_once_with_the_fastest(self):
        message, fastest_ms = self.miss("0.0001")
        self.assertIn("no network of the space synthetic keeps to 0.0001 ms", message)
        self.assertGreater(fastest_ms, 0.0001)
        self.assertFalse((self.dir / "out/supergraph.ckpt").exists())

    def test_the_smallest_of_several_limits_counts(self):
        self.assertIn("keeps to 0.0001 ms", self.miss("0.02,0.0001")[0])

    def test_a_limit_that_the_search_does_not_meet_exits_4_with_what_came_closest(self):
        message, _ = self.miss(
            "0.005", "--set", "search.epochs=0.25", "search.options.gates=thresholds",
            "search.options.supernet_ratio=0")
        self.assertIn("no step of the search met 0.0050 ms, nor the 0.0035 ms that it aims at",
                      message)


class DirectoryTest(NasTest):
    def test_a_run_is_neither_replaced_nor_continued_without_being_told_so(self):
        directory = self.copy_of_finished_run()
        before = self.snapshot(directory)
        for name in ("run", "run/", "./run", "run/."):
            self.expect_refused("^tilewake: ", *ARGUMENTS, "--out", name)
        self.assertEqual(self.snapshot(directory), before)

    def test_the_manifest_lists_every_file_of_a_run(self):
        directory = finished_run()[0]
        lines = (directory / "manifest.txt").read_text().splitlines()
        self.assertEqual(lines[1:], sorted(lines[1:]))
        self.assertEqual(sorted(["manifest.txt", *lines[1:]]), sorted(self.snapshot(directory)))

    def test_force_replaces_the_run(self):
        directory = self.copy_of_finished_run()
        self.write(f"run/weights.ckpt.tmp-{NO_PROCESS}-0", "half written")
        self.expect_found(*ARGUMENTS, "--out", "run", "--force", "--seed", "2", command="search")
        self.assertEqual(self.names_in("run"), [
            "costs.csv", "decisions.csv", "decisions.log", "events.out.tfevents.0000000000.tilewake",
            "manifest.txt", "metrics.csv", "model.yaml", "run.yaml", "search.ckpt", "space.yaml",
            "steps", "steps.csv", "supergraph.ckpt"])
        self.assertEqual(self.names_in("run/steps"), ["search.json"])
        self.assertIn("\nseed: 2\n", (directory / "run.yaml").read_text())
        self.assertNotEqual((directory / "metrics.csv").read_text(),
                            (finished_run()[0] / "metrics.csv").read_text())

    def test_force_where_anything_else_is_in_the_run_changes_nothing_and_names_it(self):
        for name in ("mine.txt", "steps.backup/mine.txt", "random-forest/mine.txt",
                     "supernet-notes/mine.txt", "target-practice/mine.txt", "steps/mine.json",
                     "steps/notes/mine.txt", "fastest.yaml", "random-1.ckpt", "target-1ms/mine.txt",
                     "model.yaml.tmp-x-1", f"mine.txt.tmp-{NO_PROCESS}-0",
                     f"steps/mine.json.tmp-{NO_PROCESS}-0", "events.out.tfevents.1.mine"):
            with self.subTest(name):
                directory = self.copy_of_finished_run()
                self.write(f"run/{name}", "mine")
                before = self.snapshot(directory)
                self.expect_refused("mine|fastest.yaml|random-|supernet-|target-|steps|model.yaml",
                                    *ARGUMENTS, "--out", "run", "--force")
                self.assertEqual(self.snapshot(directory), before)
                shutil.rmtree(directory)

    def test_the_device_of_the_machine_is_beside_the_simulated_latency(self):
        whole = strict_json((self.copy_of_finished_run() / "summary.json").read_text())
        self.assertIsNone(whole["device"])
        self.write("machine.yaml", MACHINE + "device: {name: a board, networks: some, error: 0.02}\n")
        device = {"name": "a board", "networks": "some", "error": 0.02, "tau": None}
        pattern = r"device [\d.]+ ms \+- 2 % \(a board; some\)"
        # It is no part of the machine's id: the run resumes, and a model of it stays valid.
        self.assertRegex(self.expect_found(*ARGUMENTS, "--out", "run", "--resume"), pattern)
        self.assertEqual(strict_json((self.dir / "run/summary.json").read_text()), {**whole, "device": device,
                         "hardware_hash": strict_json((self.dir / "run/summary.json").read_text())["hardware_hash"]})
        result = self.expect_found(*ARGUMENTS, "--out", "run", "--resume", "--format", "json")
        self.assertEqual(strict_json(result)["device"], device)
        self.expect_found(*ARGUMENTS, "--out", "fresh")
        for name in ("architecture.yaml", "decisions.log"):
            self.assertRegex((self.dir / "fresh" / name).read_text(), pattern)

    def test_a_resumed_run_leaves_other_files_alone(self):
        directory = self.copy_of_finished_run()
        names = ("mine.txt", "random-forest/mine.txt", "target-practice/mine.txt",
                 "steps/notes.txt", f"mine.txt.tmp-{NO_PROCESS}-0",
                 f"steps/notes.txt.tmp-{NO_PROCESS}-0", "weights.ckpt.tmp-1-0")  # init lives
        for name in names:
            self.write(f"run/{name}", "mine")
        left_over = f"run/steps/search.json.tmp-{NO_PROCESS}-0"
        self.write(left_over, "half written")
        self.expect_found(*ARGUMENTS, "--out", "run", "--resume")
        self.assertFalse((self.dir / left_over).exists())
        for name in names:
            self.assertEqual((directory / name).read_text(), "mine")
            (directory / name).unlink()
        self.assert_same_run(directory)

    def test_a_resumed_run_replaces_no_file_that_it_did_not_write(self):
        directory = self.copy_of_finished_run()
        for name in ("fastest.yaml", "front.csv", "random-0.ckpt", "steps/random-0.json",
                     "target-0.02ms/run.yaml"):
            with self.subTest(name):
                self.write(f"run/{name}", "mine")
                before = self.snapshot(directory)
                self.expect_refused(re.escape(name), *ARGUMENTS, "--out", "run", "--resume")
                self.assertEqual(self.snapshot(directory), before)
                (directory / name).unlink()

    def test_no_symbolic_link_in_a_run_is_followed(self):
        self.with_model()
        outside = self.dir / "outside"
        for name in ("steps", "target-0.02ms", "train.ckpt", "metrics.csv", "manifest.txt",
                     "run.yaml"):
            for option in ("--resume", "--force"):
                with self.subTest(name=name, option=option):
                    directory = self.copy_of_finished_run()
                    if (directory / name).exists():
                        shutil.move(directory / name, outside)
                    else:
                        outside.mkdir()
                    if outside.is_dir():
                        (outside / f"search.json.tmp-{NO_PROCESS}-0").write_text("mine")
                    (directory / name).symlink_to(outside)
                    before = self.snapshot(self.dir)
                    self.expect_refused(re.escape(name), *ARGUMENTS, "--out", "run", option)
                    self.assertEqual(self.snapshot(self.dir), before)
                    shutil.rmtree(directory)
                    shutil.rmtree(outside) if outside.is_dir() else outside.unlink()

    def test_a_pipe_in_a_run_is_refused_at_once(self):
        directory = self.copy_of_finished_run()
        for name in ("run.yaml", "manifest.txt", "steps/search.json", "supergraph.ckpt",
                     "metrics.csv", "costs.csv", "model.yaml", "weights.ckpt"):
            with self.subTest(name):
                content = (directory / name).read_bytes()
                (directory / name).unlink()
                os.mkfifo(directory / name)
                self.expect_refused(re.escape(name), *ARGUMENTS, "--out", "run", "--resume")
                (directory / name).unlink()
                (directory / name).write_bytes(content)

    def test_a_large_sparse_file_in_a_run_is_refused_at_once(self):
        directory = self.copy_of_finished_run()
        for name in ("run.yaml", "manifest.txt", "steps/search.json", "supergraph.ckpt",
                     "metrics.csv", "model.yaml", "weights.ckpt"):
            with self.subTest(name):
                content = (directory / name).read_bytes()
                (directory / "steps/evaluate.json").unlink(missing_ok=True)  # needs the weights
                os.truncate(directory / name, 3 << 30)
                self.expect_refused(re.escape(name), *ARGUMENTS, "--out", "run", "--resume")
                (directory / name).write_bytes(content)

    def test_a_manifest_may_list_only_what_a_search_writes(self):
        directory = self.copy_of_finished_run()
        manifest = (directory / "manifest.txt").read_text()
        self.write("mine.txt", "mine")
        for name in ("../mine.txt", str(self.dir / "mine.txt"), "steps/../../mine.txt", "mine.txt",
                     "steps", "steps/", "", ".", "steps//search.json", "target-1ms/steps/../x",
                     "target-../mine.txt", "manifest.txt", "run.yaml ", "\x1b[31m"):
            with self.subTest(name):
                (directory / "manifest.txt").write_text(f"{manifest}{name}\n")
                before = self.snapshot(self.dir)
                for option in ("--force", "--resume"):
                    self.expect_refused("manifest.txt:", *ARGUMENTS, "--out", "run", option)
                    self.assertEqual(self.snapshot(self.dir), before)
        (directory / "manifest.txt").write_text(f"{manifest}steps/train.js")  # killed here
        self.expect_found(*ARGUMENTS, "--out", "run", "--resume")
        self.assert_same_run(directory)

    def test_a_run_of_an_earlier_version_has_no_manifest_and_is_left_alone(self):
        directory = self.copy_of_finished_run()
        (directory / "manifest.txt").unlink()
        before = self.snapshot(directory)
        for option in ("--force", "--resume"):
            self.expect_refused("^tilewake: run: ", *ARGUMENTS, "--out", "run", option)
        self.assertEqual(self.snapshot(directory), before)

    def test_a_first_run_replaces_nothing_that_is_there(self):
        self.with_model()
        for name in ("fastest.yaml", "steps/search.json"):
            for option in ([], ["--force"]):
                with self.subTest(name=name, option=option):
                    self.write(f"out/{name}", "mine")
                    self.expect_refused(re.escape(name), *ARGUMENTS, "--out", "out", *option)
                    self.assertEqual(list(self.snapshot(self.dir / "out")), [name])
                    (self.dir / "out" / name).unlink()
        self.write("out/mine.txt", "mine")
        self.expect_found(*ARGUMENTS, "--out", "out", command="search")
        self.assertEqual((self.dir / "out/mine.txt").read_text(), "mine")

    def test_force_with_wrong_inputs_keeps_the_old_run(self):
        directory = self.copy_of_finished_run()
        before = self.snapshot(directory)
        self.write("other.yaml", MACHINE.replace("num_cims: 16", "num_cims: 8"))
        for option, value in (("--model", "nosuch.yaml"), ("--hw", "other.yaml"),
                              ("--recipe", "nosuch.yaml"), ("--data", "nosuch")):
            with self.subTest(option):
                self.expect_refused(r"\.yaml: |nosuch: ", *self.arguments(
                    option, value, "--out", "run", "--force", without=[option]))
                self.assertEqual(self.snapshot(directory), before)

    def test_only_a_search_can_be_resumed(self):
        self.with_model()
        (self.dir / "empty").mkdir()
        for name in ("nosuch", "empty"):
            self.expect_refused(f"^tilewake: {name}: ", *ARGUMENTS, "--out", name, "--resume")
        self.assertFalse((self.dir / "nosuch").exists())
        self.expect_ok(*self.simulate, "--out", "simulated", "-q")
        before = self.snapshot(self.dir / "simulated")
        self.expect_refused("simulated: holds a run of another command", *ARGUMENTS, "--out",
                            "simulated", "--resume")
        self.assertEqual(self.snapshot(self.dir / "simulated"), before)

    def test_a_run_is_resumed_with_its_own_settings_or_not_at_all(self):
        directory = self.copy_of_finished_run()
        before = self.snapshot(directory)
        self.write("other.yaml", MACHINE.replace("num_cims: 16", "num_cims: 8"))
        for pattern, *arguments in [
                ("supergraph.ckpt: .*--target-ms was 0.014, is now 0.0141", "--target-ms",
                 "0.0141"),
                ("supergraph.ckpt: .*--seed was 1, is now 2", "--seed", "2"),
                ("supergraph.ckpt: .*supergraph.epochs was 2, is now 3", "--set",
                 "supergraph.epochs=3"),
                ("search.json: .*search.epochs was 3, is now 3.5", "--set", "search.epochs=3.5"),
                ("scale.json: .*ranking.epochs was 1, is now 2", "--set", "ranking.epochs=2"),
                ("train.json: .*train.epochs was 3, is now 4", "--set", "train.epochs=4"),
                ("classes|channels|images", "--space", "cifar"),
                ("model.yaml: is of machine midap@", "--hw", "other.yaml"),
        ]:
            with self.subTest(arguments):
                option = [arguments[0]] if arguments[0] in ARGUMENTS else []
                self.expect_refused(pattern, *self.arguments(*arguments, "--out", "run",
                                                             "--resume", without=option))
                self.assertEqual(self.snapshot(directory), before)
        self.expect_found(*ARGUMENTS, "--out", "run", "--resume")
        self.assert_same_run(directory)

    def test_a_resumed_run_keeps_its_latency_model(self):
        directory = self.copy_of_finished_run()
        before = self.snapshot(directory)
        self.run_tilewake("calibrate", "--hw", "machine.yaml", "--networks", "60", 
                          "--out", "other_model.yaml", "-q")
        self.expect_refused("other_model.yaml: differs from run/model.yaml.*--model",
                            *self.arguments("--model", "other_model.yaml", "--out", "run",
                                            "--resume", without=["--model"]))
        self.assertEqual(self.snapshot(directory), before)
        self.expect_found(*self.arguments("--out", "run", "--resume", without=["--model"]))
        self.assert_same_run(directory)

    def test_a_damaged_file_of_a_run_is_named(self):
        directory = self.copy_of_finished_run()
        for name, text in (("steps/search.json", "{"), ("steps/train.json", "[1]"),
                           ("supergraph.ckpt", "damaged"), ("model.yaml", "damaged")):
            with self.subTest(name):
                good = (directory / name).read_bytes()
                (directory / name).write_text(text)
                self.expect_refused(f"run/{re.escape(name)}", *ARGUMENTS, "--out", "run",
                                    "--resume")
                (directory / name).write_bytes(good)

    def test_the_last_part_of_the_path_names_the_network_where_it_can(self):
        self.with_model()
        (self.dir / "here").mkdir()
        outside = [f"../{word}" if word.endswith(".yaml") else word for word in ARGUMENTS]
        self.expect_found(*outside, "--out", ".", cwd=self.dir / "here")
        self.expect_found(*ARGUMENTS, "--out", "made/there//")
        odd = os.fsdecode(b'a "b\xff')
        strict_json(self.expect_found(*ARGUMENTS, "--out", odd, "--format", "json"))
        for path, name in (("here", "here"), ("made/there", "there"), (odd, "found")):
            text = (self.dir / path / "architecture.yaml").read_text()
            self.assertIn(f'\nname: "{name}"\n', text)


class StepTest(NasTest):
    def test_steps_one_by_one_come_to_what_run_comes_to(self):
        self.with_model()
        for i, command in enumerate(COMMANDS[1:]):
            self.expect_found(*ARGUMENTS, "--out", "run", *["--resume"][:i], command=command)
            steps = rows_of(self.dir / "run/steps.csv", "# tilewake-steps v1")
            self.assertEqual([row["step"] for row in steps], STEPS[:i + 1])
        self.expect_found(*ARGUMENTS, "--out", "run", "--resume")
        self.assert_same_run(self.dir / "run")

    def test_later_settings_may_change_as_long_as_their_step_is_to_come(self):
        self.with_model()
        self.expect_found(*ARGUMENTS, "--out", "run", "--set", "train.epochs=9", command="search")
        self.expect_found(*ARGUMENTS, "--out", "run", "--resume")
        self.assert_same_run(self.dir / "run")

    def test_several_targets_have_a_supergraph_each_and_make_a_front(self):
        self.with_model()
        text = self.expect_found(*self.arguments(
            "--target-ms", f"0.02,{TARGET_MS},0.02", "--out", "out", "--format", "json",
            without=["--target-ms"]))
        targets = strict_json(text)["targets"]
        self.assertEqual([t["target_ms"] for t in targets], [TARGET_MS, 0.02])
        front = rows_of(self.dir / "out/front.csv", "# tilewake-front v1")
        self.assertEqual(len(front), 2)
        for target, row in zip(targets, front):
            directory = self.dir / f"out/target-{target['target_ms']}ms"
            self.assertEqual(target["directory"], str(directory.relative_to(self.dir)))
            summary = strict_json((directory / "summary.json").read_text())
            self.assertLessEqual(summary["simulated_ms"], target["target_ms"])
            self.assertEqual(row.pop("target_mj"), "")
            self.assertGreater(summary["simulated_mj"], 0)
            for key, value in row.items():
                self.assertEqual(float(value), summary[key], key)
            self.expect_ok("simulate", "--hw", "machine.yaml", "--net",
                           directory / "architecture.yaml")
            for name in ("space.yaml", "supergraph.ckpt", "model.onnx", "weights.ckpt", "layers.csv", "steps.csv", "metrics.csv"):
                self.assertTrue((directory / name).exists(), name)
        self.assertEqual(self.names_in("out"), [
            "costs.csv", "front.csv", "manifest.txt", "model.yaml", "run.yaml", "steps",
            f"target-{TARGET_MS}ms", "target-0.02ms"])
        before = {name: self.snapshot(self.dir / "out" / name)
                  for name in (f"target-{TARGET_MS}ms", "target-0.02ms")}
        self.expect_found(*self.arguments("--target-ms", f"0.025,{TARGET_MS},0.02", "--out", "out",
                                          "--resume", without=["--target-ms"]))
        self.assertEqual(len(rows_of(self.dir / "out/front.csv", "# tilewake-front v1")), 3)
        for name, files in before.items():
            self.assertEqual(self.snapshot(self.dir / "out" / name), files)

    def test_random_networks_of_the_same_latency_are_trained_beside_it(self):
        directory = self.copy_of_finished_run()
        data = strict_json(self.expect_found(*ARGUMENTS, "--out", "run", "--resume", "--random",
                                             "1", "--format", "json"))["targets"][0]
        log = (directory / "decisions.log").read_text()
        self.assertIn("== random-0\n", log)
        if "random_validation_accuracy" in data:
            self.assertTrue(0.0 <= data["random_validation_accuracy"] <= 1.0)
            self.assertEqual(data["steps"][-1]["step"], "random-0")
            self.assertLessEqual(data["steps"][-1]["simulated_ms"], data["target_ms"])
        else:
            self.assertIn("none: no random network of the space", log)


if __name__ == "__main__":
    unittest.main()
