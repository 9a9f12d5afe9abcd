#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `simulate` prints and writes, and what a signal or a full disk leaves of it."""
import contextlib
import csv
import io
import json
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import time
import unittest

from cli_support import CliTest, EXE, HAS_ASAN, MACHINE, NETWORK, SOURCE, TIMEOUT


class SimulateTest(CliTest):
    def rows(self):
        text = self.expect_ok(*self.simulate, "--format", "csv")
        version, rest = text.split("\n", 1)
        self.assertEqual(version, "# tilewake-trace v6")
        return list(csv.DictReader(io.StringIO(rest)))

    def summary(self):
        return json.loads(self.expect_ok(*self.simulate, "--format", "json"))

    def test_csv_adds_up_to_the_summary(self):
        rows, summary = self.rows(), self.summary()
        for column in ("total_cycles", "compute_cycles", "setup_cycles", "dispatch_cycles",
                       "stall_dram_cycles",
                       "stall_write_cycles", "dram_read_bytes", "dram_write_bytes", "macs"):
            self.assertEqual(sum(int(row[column]) for row in rows), summary[column], column)
        self.assertEqual(len(rows), summary["num_layers"])
        self.assertEqual({row["layer"] for row in rows if row["fused_into"]}, {"pool"})

    def test_every_row_says_what_was_measured(self):
        summary = self.summary()
        self.assertRegex(summary["machine"], r"^midap@[0-9a-f]{16}$")
        for row in self.rows():
            for column in ("network", "machine", "version"):
                self.assertEqual(row[column], summary[column])

    def test_json_is_the_summary_and_the_rows_of_the_csv(self):
        summary = self.summary()
        for row, layer in zip(self.rows(), summary["layers"], strict=True):
            self.assertEqual(list(row), list(layer))
            for column, value in layer.items():
                self.assertEqual(type(value)(row[column]), value, column)
        self.assertAlmostEqual(summary["latency_ms"], summary["total_cycles"] / 1e6)

    def test_dispatch_is_in_every_format_and_waits_for_no_one(self):
        constants = ("--set", "dispatch.inference_cycles=1000000",
                     "--set", "dispatch.layer_cycles=5000")
        before = self.summary()
        after = json.loads(self.expect_ok(*self.simulate, "--format", "json", *constants))
        executed = sum(not layer["fused_into"] for layer in after["layers"])
        self.assertEqual(after["dispatch_cycles"], 1000000 + 5000 * executed)
        self.assertGreater(after["total_cycles"], before["total_cycles"] + 1000000)
        self.assertIn("dispatch", self.expect_ok(*self.simulate, *constants).splitlines()[0])

    def test_the_first_inference_loads_weights_that_stay_from_dram(self):
        simulate = ["simulate", "--hw", "edge_systolic_32", "--net", "tiny.yaml", "--format",
                    "json", "--set", "core.feature_memory_bytes=1048576"]
        resident = ["--set", "core.resident_weights=true"]
        without = json.loads(self.expect_ok(*simulate))
        self.assertEqual(without["chip_read_weight_bytes"], 0)
        self.assertEqual(json.loads(self.expect_ok(*simulate, "--cold", "-q")), without)
        warm = json.loads(self.expect_ok(*simulate, *resident))
        cold = json.loads(self.expect_ok(*simulate, *resident, "--cold"))
        self.assertEqual({layer["weights_in"] for layer in warm["layers"]}, {"", "chip"})
        self.assertEqual(warm["dram_read_weight_bytes"], 0)
        self.assertGreater(cold["dram_read_weight_bytes"], warm["params"] - 1)
        self.assertLess(warm["total_cycles"], cold["total_cycles"])

    def test_the_table_has_a_line_a_layer_and_the_run_in_the_last(self):
        text = self.expect_ok(*self.simulate)
        summary = self.summary()
        lines = text.splitlines()
        for layer in summary["layers"]:
            line = next(line for line in lines if line.startswith(layer["layer"] + " "))
            if layer["fused_into"]:
                self.assertTrue(line.endswith("-> " + layer["fused_into"]))
            else:
                self.assertIn(f"{layer['total_cycles']:,}", line)
                self.assertRegex(line, r"(compute|DRAM|set-up|write)$")
        self.assertRegex(lines[-1], r"^tiny on midap: \S+ ms, \S+ GMACs, average PE utilization "
                         r"\S+ %, DRAM traffic \S+ MB \(\S+ read, \S+ written\)$")
        self.assertNotIn("schedule", lines[-1])

    def test_columns_of_the_table_stand_below_each_other(self):
        lines = self.expect_ok(*self.simulate).splitlines()
        del lines[:lines.index("") + 1]  # the answer
        column = lines[0].index("op")
        for line in lines[:9]:
            self.assertEqual(line[column - 2:column], "  ")
            self.assertNotEqual(line[column], " ")

    def test_colour_only_on_a_terminal_and_never_with_no_color(self):
        self.assertNotIn("\x1b", self.expect_ok(*self.simulate))
        for env, is_coloured in (({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False),
                                 ({"NO_COLOR": "", "TERM": "dumb"}, False)):
            with self.subTest(env):
                env = {"TERM": "xterm", **env}
                self.assertEqual("\x1b[" in self.terminal_output(env), is_coloured)

    def terminal_output(self, env):
        try:
            ours, theirs = pty.openpty()
        except OSError as error:
            self.skipTest(f"no terminal to be had here: {error}")
        with contextlib.closing(os.fdopen(ours, "rb", buffering=0)) as terminal:
            process = subprocess.Popen([EXE, *self.simulate], cwd=self.dir, stdout=theirs,
                                       stderr=subprocess.PIPE, env={**os.environ, **env})
            os.close(theirs)
            output = b""
            with contextlib.suppress(OSError):  # how Linux tells that the other end is closed
                while chunk := terminal.read(4096):
                    output += chunk
            self.assertEqual(process.communicate()[1], b"")
        return output.decode()

    def test_verbose_tells_what_it_cost_on_standard_error_only(self):
        result = self.run_tilewake(*self.simulate, "--format", "csv", "-v")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, self.expect_ok(*self.simulate, "--format", "csv"))
        self.assertRegex(result.stderr, r"mapping: \S+ ms of CPU")
        self.assertRegex(result.stderr, r"engine: \S+ ms of CPU, \d+ kernel steps, \S+ M simulated")

    def test_equal_inputs_give_equal_bytes(self):
        for name in ("one", "two"):
            self.expect_ok(*self.simulate, "-q", "--timeline", "--out", name)
        (self.dir / "elsewhere").mkdir()
        self.expect_ok("simulate", "--hw", "../machine.yaml", "--net", "../tiny.yaml", "-q",
                       "--timeline", "--out", "three", cwd=self.dir / "elsewhere")
        for file in ("layers.csv", "summary.json", "timeline.json"):
            one = (self.dir / "one" / file).read_bytes()
            self.assertEqual(one, (self.dir / "two" / file).read_bytes())
            self.assertEqual(one, (self.dir / "elsewhere/three" / file).read_bytes())

    def test_another_input_gives_another_hash(self):
        before = self.summary()
        self.write("tiny.yaml", NETWORK + "# a remark\n")
        after = self.summary()
        self.assertNotEqual(before["network_hash"], after["network_hash"])
        self.assertEqual(before["hardware_hash"], after["hardware_hash"])

    def test_a_machine_is_its_values_not_its_text(self):
        before = self.summary()
        self.write("machine.yaml", MACHINE + "# a remark\n")
        self.assertEqual(before["machine"], self.summary()["machine"])
        self.assertNotEqual(before["hardware_hash"], self.summary()["hardware_hash"])

    def test_a_run_costs_little_more_than_its_start(self):
        if HAS_ASAN:
            self.skipTest("sanitizers are slow")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.expect_ok("simulate", "--hw", "midap", "--net", "resnet50", cwd=SOURCE)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.assertLess(cpu, 0.5)  # 0.10 s is the target; a debug build on a busy machine is slower


class OutTest(CliTest):
    def out(self, *arguments, **options):
        return self.run_tilewake(*self.simulate, "--out", *arguments, **options)

    def expect_out(self, *arguments):
        result = self.out(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def expect_refused(self, pattern, *arguments, **options):
        return self.expect_error(3, pattern, *self.simulate, "--out", *arguments, **options)

    def test_a_run_is_these_files(self):
        self.expect_out("run")
        self.assertEqual(self.names_in("run"), ["layers.csv", "run.yaml", "summary.json"])
        self.expect_out("timed", "--timeline")
        self.assertEqual(self.names_in("timed"),
                         ["layers.csv", "run.yaml", "summary.json", "timeline.json"])

    def test_files_hold_what_the_formats_print(self):
        self.expect_out("run")
        self.assertEqual((self.dir / "run/layers.csv").read_text(),
                         self.expect_ok(*self.simulate, "--format", "csv"))
        printed = json.loads(self.expect_ok(*self.simulate, "--format", "json"))
        del printed["layers"]
        self.assertEqual(json.loads((self.dir / "run/summary.json").read_text()), printed)

    def test_run_yaml_tells_where_the_run_came_from(self):
        self.expect_out("a \"run\"")
        text = (self.dir / 'a "run"/run.yaml').read_text()
        self.assertIn('command: ["tilewake", "simulate", "--hw", "machine.yaml", "--net", '
                      '"tiny.yaml", "--out", "a \\"run\\""]', text)
        self.assertRegex(text, r"(?m)^version: \d+\.\d+\.\d+$")
        self.assertRegex(text, r"(?m)^written: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(text, r"(?m)^wall_seconds: \d+\.\d+$")
        self.assertRegex(text, r"(?m)^files: \[layers.csv, summary.json\]$")
        for key in re.findall(r"(?m)^ *(\w+):", MACHINE):
            self.assertRegex(text, rf"(?m)^    +{key}:")

    def test_the_timeline_is_a_chrome_trace_of_the_whole_run(self):
        self.expect_out("run", "--timeline")
        events = json.loads((self.dir / "run/timeline.json").read_text())["traceEvents"]
        summary = json.loads((self.dir / "run/summary.json").read_text())
        tracks = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
        for name in ("layers", "PE array", "DRAM data bus", "FMEM bank 0", "WMEM slot 0",
                     "BMMEM slot 0", "DMA requests 0"):
            self.assertIn(name, tracks.values())
        slices = [(tracks[e["tid"]], e) for e in events if e["ph"] == "X"]
        for track in ("layers", "PE array"):
            cycles = sum(e["args"]["cycles"] for name, e in slices if name == track)
            self.assertEqual(cycles, summary["total_cycles"], track)
        requested = sum(e["args"]["bytes"] for name, e in slices if name.startswith("DMA requests"))
        self.assertEqual(requested, summary["dram_read_bytes"])
        moved = sum(e["args"].get("bytes", 0) for name, e in slices if name == "DRAM data bus")
        filled = sum(e["args"].get("bytes", 0) for name, e in slices
                     if re.match("(FMEM|WMEM|BMMEM) ", name))
        self.assertEqual(moved, filled)
        self.assertGreaterEqual(moved, requested)
        end = max(round(1000 * (e["ts"] + e["dur"])) for name, e in slices if name == "layers")
        self.assertEqual(end, summary["total_cycles"])

    def test_directories_are_made_as_needed(self):
        for path in ("a/b/c", "d/", "./e/../f", str(self.dir / "g")):
            with self.subTest(path):
                self.assertIn(self.out(path).returncode, (0, 3))
        self.assertTrue((self.dir / "a/b/c/run.yaml").exists())
        self.assertTrue((self.dir / "d/run.yaml").exists())
        self.assertTrue((self.dir / "g/run.yaml").exists())

    def test_a_run_is_not_overwritten_without_force(self):
        self.expect_out("run")
        before = (self.dir / "run/run.yaml").read_bytes()
        self.expect_refused("run: holds a run already .*--force", "run")
        self.assertEqual((self.dir / "run/run.yaml").read_bytes(), before)
        self.expect_out("run", "--force")
        self.assertNotEqual((self.dir / "run/run.yaml").read_bytes(), before)

    def test_force_leaves_nothing_of_the_run_before(self):
        self.expect_out("run", "--timeline")
        self.expect_out("run", "--force")
        self.assertEqual(self.names_in("run"), ["layers.csv", "run.yaml", "summary.json"])

    def test_force_refuses_a_directory_with_files_of_the_user(self):
        for name in ("notes.txt", "sweep.csv", "points.jsonl", "timeline.json", "sub/layers.csv",
                     "layers.csv.tmp-1-0", "layers.csv.tmp-notes"):
            with self.subTest(name):
                shutil.rmtree(self.dir / "run", ignore_errors=True)
                self.expect_out("run")
                self.write(f"run/{name}", "mine")
                before = self.texts_in("run")
                self.expect_refused("run/" + re.escape(name.split("/")[0]), "run", "--force")
                self.assertEqual(self.texts_in("run"), before)

    def test_files_that_only_have_the_names_of_a_run_are_kept(self):
        for texts in ({"layers.csv": "mine"}, {"run.yaml": "mine: 1\n", "layers.csv": "mine"},
                      {"run.yaml": "# A search of tilewake.\nfiles: [layers.csv]\n"},
                      {"points.jsonl": "mine"}):
            for options in ((), ("--force",)):
                with self.subTest((texts, options)):
                    shutil.rmtree(self.dir / "run", ignore_errors=True)
                    for name, text in texts.items():
                        self.write(f"run/{name}", text)
                    self.expect_refused(f"run/({'|'.join(texts)})", "run", *options)
                    self.assertEqual(self.texts_in("run"), texts)

    def test_a_link_in_the_place_of_a_file_is_neither_followed_nor_replaced(self):
        self.expect_out("run")
        self.write("mine.csv", "mine")
        (self.dir / "run/layers.csv").unlink()
        (self.dir / "run/layers.csv").symlink_to("../mine.csv")
        self.expect_refused("run/layers.csv", "run", "--force")
        self.assertEqual((self.dir / "mine.csv").read_text(), "mine")
        self.assertTrue((self.dir / "run/layers.csv").is_symlink())

    def test_what_a_killed_run_left_is_replaced(self):
        """Every state of the directory that a kill can leave, and a rerun without --force."""
        self.expect_out("fresh")
        child = subprocess.Popen(["true"])
        child.wait()
        texts = self.texts_in("fresh")
        names = ["layers.csv", "summary.json", "run.yaml"]  # in the order of their renames
        temporary = {name: f"{name}.tmp-{child.pid}-{i}" for i, name in enumerate(names)}
        states = [[temporary[name] for name in names[:i]] for i in range(4)]
        states += [names[:i] + [temporary[name] for name in names[i:]] for i in range(1, 3)]
        for state in states:
            with self.subTest(state):
                shutil.rmtree(self.dir / "run", ignore_errors=True)
                (self.dir / "run").mkdir()
                for name in state:
                    self.write(f"run/{name}", texts[name.split(".tmp")[0]])
                self.expect_out("run")
                self.assertEqual(self.names_in("run"), sorted(names))
                self.assertEqual((self.dir / "run/layers.csv").read_text(), texts["layers.csv"])

    def test_what_cannot_be_a_directory_is_refused(self):
        self.write("file", "")
        (self.dir / "dangling").symlink_to("nowhere/at/all")
        for name in ("file", "file/below", "/dev/null", "/proc/nowhere", "x" * 300, "dangling"):
            with self.subTest(name):
                self.expect_refused(re.escape(name.split("/below")[0]), name)
        self.assertEqual(self.names_in(), ["dangling", "file", "machine.yaml", "tiny.yaml"])

    def test_something_else_in_the_place_of_a_file_is_refused(self):
        (self.dir / "run/layers.csv").mkdir(parents=True)
        self.expect_refused("run/layers.csv", "run", "--force")
        self.assertEqual(self.names_in("run"), ["layers.csv"])

    @unittest.skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_a_directory_that_cannot_be_written_is_refused(self):
        (self.dir / "locked").mkdir(mode=0o500)
        self.expect_refused("Permission denied", "locked")
        self.expect_refused("Permission denied", "locked/below")

    def test_a_full_disk_leaves_nothing_behind(self):
        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

        if HAS_ASAN:
            self.skipTest("the sanitizers need files of their own")
        self.expect_refused("layers.csv: cannot write file", "new/run", preexec_fn=small_files)
        self.assertFalse((self.dir / "new").exists())
        self.expect_out("run")
        before = self.names_in("run")
        self.expect_refused("layers.csv: cannot write file", "run", "--force",
                            preexec_fn=small_files)
        self.assertEqual(self.names_in("run"), before)  # the old run, whole

    def test_a_bad_input_changes_no_run(self):
        self.expect_out("run")
        before = (self.dir / "run/run.yaml").read_bytes()
        self.write("tiny.yaml", "name: broken\n")
        self.expect_refused("tiny.yaml:1", "run", "--force")
        self.assertEqual((self.dir / "run/run.yaml").read_bytes(), before)


class StreamTest(CliTest):
    def test_a_full_or_closed_standard_output_is_an_error(self):
        with open("/dev/full", "w") as full:
            for arguments in (self.simulate, ["--help"], ["check", "--hw", "machine.yaml"]):
                self.expect_error(3, "standard output: cannot write: No space left", *arguments,
                                  stdout=full)
        self.expect_error(3, "standard output: cannot write: Bad file descriptor", *self.simulate,
                          stdout=None, preexec_fn=lambda: os.close(1))

    def test_a_reader_that_goes_away_is_no_error(self):
        read, write = os.pipe()
        os.close(read)
        result = self.run_tilewake(*self.simulate, stdout=write)
        os.close(write)
        self.assertEqual((result.returncode, result.stderr), (0, ""))

    def test_a_closed_standard_error_does_not_end_up_in_a_file(self):
        result = self.run_tilewake(*self.simulate, "-v", "--out", "run", stderr=None,
                                   preexec_fn=lambda: (os.close(0), os.close(2)))
        self.assertEqual(result.returncode, 0)
        for name in self.names_in("run"):
            self.assertNotIn("kernel steps", (self.dir / "run" / name).read_text())

    def test_out_of_memory_is_one_line(self):
        if HAS_ASAN:
            self.skipTest("the sanitizers reserve terabytes")
        layers = "".join(f"  - {{name: l{i}, op: conv2d, out_channels: 16, kernel: 1}}\n"
                         for i in range(50000))
        self.write("long.yaml", "name: long\ninput: {channels: 8, height: 8, width: 8}\n"
                   f"layers:\n{layers}")
        for megabytes in (60, 90, 120):
            limit = megabytes << 20
            result = self.run_tilewake(
                "check", "--hw", "machine.yaml", "--net", "long.yaml",
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
            self.assertIn(result.returncode, (0, 1, 3))
            if result.returncode != 0:
                self.assertRegex(result.stderr, r"\Atilewake: [^\n]+\n\Z")


class InterruptTest(CliTest):
    def setUp(self):
        super().setUp()
        # Takes seconds to read and to simulate.
        layers = "".join(f"  - {{name: l{i}, op: conv2d, out_channels: 512, kernel: 1}}\n"
                         for i in range(50000))
        self.write("long.yaml",
                   f"name: long\ninput: {{channels: 3, height: 64, width: 64}}\nlayers:\n{layers}")

    def interrupted(self, number, delay, **options):
        process = subprocess.Popen(
            [EXE, "simulate", "--hw", "machine.yaml", "--net", "long.yaml", "--out", "run"],
            cwd=self.dir, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
        time.sleep(delay)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=TIMEOUT)
        return process.returncode, stdout, stderr

    def test_an_interrupt_ends_with_130_and_leaves_nothing(self):
        for delay in (0.15, 0.3, 0.6):
            with self.subTest(delay):
                result = self.interrupted(signal.SIGINT, delay)
                self.assertEqual(result, (130, "", "tilewake: interrupted\n"))
                self.assertEqual(self.names_in(), ["long.yaml", "machine.yaml", "tiny.yaml"])

    def test_termination_ends_with_143_and_leaves_nothing(self):
        self.assertEqual(self.interrupted(signal.SIGTERM, 0.3)[0], 143)
        self.assertEqual(self.names_in(), ["long.yaml", "machine.yaml", "tiny.yaml"])


if __name__ == "__main__":
    unittest.main()
