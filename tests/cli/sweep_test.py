#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `simulate --sweep` and `--set` compute, write and refuse, and what an early end leaves."""
import csv
import io
import itertools
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import time
import unittest

from cli_support import CliTest, EXE, HAS_ASAN, MACHINE, NETWORK, SOURCE, TIMEOUT, WIDE

FILES = ["points.jsonl", "run.yaml", "sweep.csv"]
BITS = ("sweep.csv", "points.jsonl")  # run.yaml tells the time


class SweepTest(CliTest):
    def setUp(self):
        super().setUp()
        self.write("wide.yaml", NETWORK.replace("tiny", "wide").replace("kernel: 1", "kernel: 3"))
        self.write("slow.yaml", MACHINE.replace("num_channels: 2", "num_channels: 1"))
        self.sweep = ["simulate", "--sweep", "--hw", "machine.yaml,slow.yaml", "--net",
                      "tiny.yaml,wide.yaml", "--set", "core.num_cims=8,16", "dram.bus_bytes=2,4,8"]

    def rows_of(self, text):
        version, rest = text.split("\n", 1)
        self.assertEqual(version, "# tilewake-sweep v1")
        return list(csv.DictReader(io.StringIO(rest)))

    def rows(self, *arguments, code=0):
        result = self.run_tilewake(*(arguments or self.sweep), "-q", "--format", "csv")
        self.assertEqual(result.returncode, code, result.stderr)
        return self.rows_of(result.stdout)

    def bytes_of(self, directory):
        return [(self.dir / directory / name).read_bytes() for name in BITS]


class PointTest(SweepTest):
    def test_each_point_equals_the_single_simulation(self):
        rows = self.rows()
        product = itertools.product(("machine.yaml", "slow.yaml"), ("tiny.yaml", "wide.yaml"),
                                    ("8", "16"), ("2", "4", "8"))
        for row, (hardware, network, cims, bus) in zip(rows, product, strict=True):
            with self.subTest((hardware, network, cims, bus)):
                self.assertEqual([row["hardware"], row["network"], row["core.num_cims"],
                                  row["dram.bus_bytes"]], [hardware, network, cims, bus])
                single = json.loads(self.expect_ok(
                    "simulate", "--hw", hardware, "--net", network, "--set",
                    f"core.num_cims={cims}", "--set", f"dram.bus_bytes={bus}", "--format", "json"))
                self.assertEqual((row["status"], row["error"]), ("ok", ""))
                for name in ("total_cycles", "latency_ms", "macs", "effective_macs", "params",
                             "num_layers", "compute_cycles", "stall_dram_cycles",
                             "stall_write_cycles", "dram_read_bytes", "dram_write_bytes",
                             "pe_utilization"):
                    self.assertEqual(row[name], json.dumps(single[name]), name)
                for name in ("machine", "network_hash", "schedule", "version"):
                    self.assertEqual(row[name], single[name], name)
        self.assertEqual(len({row["machine"] for row in rows}), 12)

    def test_set_equals_a_file_with_the_value(self):
        self.write("eight.yaml", MACHINE.replace("num_cims: 16", "num_cims: 8"))
        csv_of = lambda *args: self.expect_ok("simulate", *args, "--net", "tiny.yaml", "--format",
                                              "csv")
        self.assertEqual(csv_of("--hw", "machine.yaml", "--set", "core.num_cims=8"),
                         csv_of("--hw", "eight.yaml"))
        text = self.expect_ok("check", "--hw", "machine.yaml", "--set", "core.num_cims=8")
        self.assertEqual(text.replace("machine.yaml", "eight.yaml"),
                         self.expect_ok("check", "--hw", "eight.yaml"))

    def test_the_formats_tell_the_same(self):
        rows = self.rows()
        points = json.loads(self.expect_ok(*self.sweep, "-q", "--format", "json"))["points"]
        table = self.expect_ok(*self.sweep, "-q").splitlines()
        del table[:table.index("") + 1]  # the fastest points
        self.assertEqual(table[0].split()[:4],
                         ["hardware", "network", "core.num_cims", "dram.bus_bytes"])
        for row, point, line in zip(rows, points, table[1:], strict=True):
            self.assertEqual(point["set"], {key: row[key] for key in point["set"]})
            self.assertEqual(len(point["set"]), 2)
            for name, value in point.items():
                if name not in ("set", "warnings"):
                    self.assertEqual(type(value)(row[name]), value, name)
            self.assertIn(f"{point['total_cycles']:,}", line)

    def test_the_number_of_processes_changes_no_byte(self):
        for jobs in ("1", "2", "7", "100"):
            self.expect_ok(*self.sweep, "-q", "--jobs", jobs, "--out", f"jobs{jobs}")
            self.assertEqual(self.names_in(f"jobs{jobs}"), FILES)
            self.assertEqual(self.bytes_of(f"jobs{jobs}"), self.bytes_of("jobs1"))
        self.assertEqual((self.dir / "jobs1/sweep.csv").read_text(),
                         self.expect_ok(*self.sweep, "-q", "--format", "csv"))

    def test_bare_names_and_names_one_by_one_do_as_well(self):
        networks = SOURCE / "networks"
        rows = self.rows("simulate", "--sweep", "--hw", "midap", "--net",
                         networks / "resnet18.yaml", networks / "squeezenet.yaml")
        self.assertEqual([row["status"] for row in rows], ["ok", "ok"])
        single = json.loads(self.expect_ok("simulate", "--hw", "midap", "--net", "resnet18",
                                           "--format", "json"))
        self.assertEqual(rows[0]["total_cycles"], str(single["total_cycles"]))


class FailureTest(SweepTest):
    def test_a_point_that_fails_stops_no_other(self):
        command = ["simulate", "--sweep", "--hw", "machine.yaml", "--net", "tiny.yaml,wide.yaml",
                   "--set", "core.num_cims=8,12,16"]
        result = self.run_tilewake(*command, "-q", "--out", "run")
        self.assertEqual(result.returncode, 3)
        self.assertRegex(result.stderr, r"\Atilewake: 2 of 6 points failed; machine.yaml, "
                         r"tiny.yaml, core.num_cims=12: machine.yaml:\d+: core.system_width: "
                         r"[^\n]+\n\Z")
        self.assertEqual(result.stdout.count("failed"), 3)  # two lines, one heading
        self.assertEqual(self.names_in("run"), FILES)
        rows = self.rows(*command, code=3)
        self.assertEqual([row["status"] for row in rows], ["ok", "failed", "ok"] * 2)
        for row in rows:
            self.assertEqual(row["total_cycles"] == "", row["status"] == "failed")
            self.assertEqual("core.system_width" in row["error"], row["status"] == "failed")
        points = json.loads(self.run_tilewake(*command, "-q", "--format", "json").stdout)["points"]
        self.assertEqual([point["status"] for point in points], [row["status"] for row in rows])
        self.assertEqual(points[1]["error"], rows[1]["error"])

    def test_what_the_machine_cannot_hold_fails_alone(self):
        self.write("small.yaml", MACHINE.replace("    bytes: 4096", "    bytes: 64"))
        self.write("long.yaml", NETWORK.replace("out_channels: 64", "out_channels: 4096"))
        rows = self.rows("simulate", "--sweep", "--hw", "machine.yaml,small.yaml", "--net",
                         "tiny.yaml,long.yaml", code=3)
        self.assertEqual([row["status"] for row in rows], ["ok", "ok", "ok", "failed"])
        self.assertRegex(rows[3]["error"], r"long\.yaml: .*layer \w+: ")

    def test_a_file_that_cannot_be_read_fails_its_points_and_is_told_at_once(self):
        self.write("broken.yaml", "name: broken\n")
        result = self.run_tilewake("simulate", "--sweep", "--hw", "machine.yaml,nowhere.yaml",
                                   "--net", "tiny.yaml,broken.yaml", "--format", "csv")
        self.assertEqual(result.returncode, 3)
        self.assertEqual([row["status"] for row in self.rows_of(result.stdout)],
                         ["ok", "failed", "failed", "failed"])
        lines = result.stderr.splitlines()
        self.assertRegex(lines[0], "nowhere.yaml: cannot open file: .*; its points fail")
        self.assertRegex(lines[1], "broken.yaml:1: .*; its points fail")
        self.assertRegex(lines[-1],
                         "3 of 4 points failed; machine.yaml, broken.yaml: broken.yaml:1: ")

    def test_a_sweep_of_which_all_fails_prints_and_writes_nothing(self):
        self.expect_error(3, r"4 of 4 points failed; machine.yaml, tiny.yaml, dram.channels=1: "
                          r"machine.yaml:\d+: dram.channels: unknown key; known here: beats_per",
                          "simulate", "--sweep", "--hw", "machine.yaml", "--net",
                          "tiny.yaml,wide.yaml", "--set", "dram.channels=1,2", "-q", "--out", "run")
        self.assertFalse((self.dir / "run").exists())

    def test_a_value_is_checked_like_one_in_the_file(self):
        for setting, pattern in (("core.num_cims=0", "core.num_cims: must be from 1 to 1024"),
                                 ("core.num_cims=0x10", "core.num_cims: cannot read '0x10'"),
                                 ("core.num_cim=1", "core.num_cim: unknown key; known here: "),
                                 ("cor.num_cims=1", "cor: unknown key; known here: "),
                                 ("core=1", "core: must be a mapping"),
                                 ("core.num_cims.x=1", "core.num_cims: "),
                                 ("dram.model=abacus", "dram.model: unknown value 'abacus'"),
                                 ("name=a b", "name: must be 1 to 64 letters")):
            with self.subTest(setting):
                place = r"machine.yaml:\d+: "
                for command in ("check", "--hw"), ("simulate", "--net", "tiny.yaml", "--hw"):
                    self.expect_error(3, rf"\Atilewake: {place}{pattern}.*\(with {setting}\)",
                                      *command, "machine.yaml", "--set", setting)
                self.expect_error(3, f"1 of 1 points failed; .*{place}{pattern}", "simulate",
                                  "--sweep", "-q", "--hw", "machine.yaml", "--net", "tiny.yaml",
                                  "--set", setting)

    def test_a_process_that_dies_is_an_internal_error_of_its_point(self):
        if HAS_ASAN:
            self.skipTest("the sanitizers reserve terabytes")
        layers = "".join(f"  - {{name: l{i}, op: conv2d, out_channels: 16, kernel: 1}}\n"
                         for i in range(20000))
        self.write("long.yaml", "name: long\ninput: {channels: 8, height: 8, width: 8}\n"
                   f"layers:\n{layers}")
        process = subprocess.Popen(
            [EXE, "simulate", "--sweep", "--hw", "machine.yaml", "--net", "tiny.yaml,long.yaml",
             "--jobs", "1", "--format", "csv"], cwd=self.dir, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stderr.readline()  # the first point is done
        child = self.child_of(process.pid)
        if child is not None:
            os.kill(child, signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=TIMEOUT)
        rows = self.rows_of(stdout)
        self.assertEqual(rows[0]["status"], "ok")
        if rows[1]["status"] == "ok":
            self.skipTest("it was done before it could be killed")
        self.assertEqual(process.returncode, 1)
        self.assertEqual(rows[1]["error"], "its process was ended by signal 9")
        self.assertRegex(stderr.splitlines()[-1],
                         "1 of 2 points failed; machine.yaml, long.yaml: its process")

    def child_of(self, process):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            children = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split()
            if children:
                return int(children[0])
        return None


class UsageTest(SweepTest):
    def test_what_is_no_sweep_exits_2_before_any_file_is_read(self):
        base = ["simulate", "--sweep", "--hw", "no.yaml", "--net", "no.yaml"]
        self.write("a,b.yaml", MACHINE)
        for pattern, *arguments in [
                ("option '--hw' is required", "simulate", "--sweep"),
                ("option '--net' is required", "simulate", "--hw", "x", "--sweep"),
                ("--hw: 'no.yaml' is given twice", *base, "--hw", "a,no.yaml"),
                ("--net: a value is missing in 'a,,b'", *base, "--net", "a,,b"),
                ("--hw: 'a,b.yaml' is a file, but", *base, "--hw", "a,b.yaml"),
                ("--set: 'x' is not KEY=VALUE", *base, "--set", "x"),
                ("--set: x is given the value '1' twice", *base, "--set", "x=1,1"),
                ("--set: x is given twice", *base, "--set", "x=1", "--set", "x=2"),
                ("at most 100000 points", *base, "--set",
                 *(f"k{i}={','.join(map(str, range(50)))}" for i in range(3))),
                ("'--jobs' must be an integer from 1", *base, "--jobs", "0"),
                ("--format must be one of table, csv, json", *base, "--format", "yaml"),
                ("--resume needs --out", *base, "--resume"),
                ("--force needs --out", *base, "--force"),
                ("--resume and --force exclude", *base, "--resume", "--force", "--out", "x"),
                ("--timeline", *base, "--timeline"),
                ("'--sweep' cannot be specified more than once", *base, "--sweep"),
                ("--set: core.num_cims is given 2 values; .*'simulate --sweep'",
                 *self.simulate, "--set", "core.num_cims=1,2"),
                ("--set: core.num_cims is given 2 values", "check", "--hw", "no.yaml", "--set",
                 "core.num_cims=1,2"),
        ]:
            with self.subTest(arguments):
                self.expect_error(2, pattern, *arguments)

    def test_help_names_every_option_and_its_default(self):
        text = self.expect_ok("simulate", "--sweep", "--help", env=WIDE)
        lines = re.findall(r"(?m)^ +(?:-\w, )?--\w.*", text)
        self.assertEqual(len(lines), 19)
        for line in lines:
            if "--help" not in line:
                self.assertRegex(line, r"\((required|default: \w+)\)$")
        self.assertIn(f"(default: {len(os.sched_getaffinity(0))})", text)

    def test_progress_and_warnings_go_to_standard_error(self):
        result = self.run_tilewake(*self.sweep, "-v", "--format", "csv")
        self.assertEqual(self.rows_of(result.stdout), self.rows())
        self.assertIn("tilewake: simulated 24 of 24 points (100 %)\n", result.stderr)
        self.assertRegex(result.stderr, r"24 points in \S+ s, \S+ s of CPU\n\Z")


class ResumeTest(SweepTest):
    def resumed(self, *arguments, command=None):
        result = self.run_tilewake(*(command or self.sweep), "--resume", "--out", "run", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stderr

    def test_what_is_there_is_not_simulated_again(self):
        self.expect_ok(*self.sweep, "-q", "--out", "run")
        before = self.bytes_of("run")
        self.assertIn("24 of 24 points were already in the journal", self.resumed())
        self.assertEqual(self.bytes_of("run"), before)

    def test_only_what_has_changed_or_is_new_is_simulated(self):
        self.expect_ok(*self.sweep, "-q", "--out", "run")
        for change, num_there in (
                (lambda: self.write("tiny.yaml", NETWORK + "# a remark\n"), 12),
                (lambda: self.write("slow.yaml", MACHINE.replace("row_cycles: 14.625",
                                                                 "row_cycles: 15")), 12),
                (lambda: self.write("machine.yaml", MACHINE + "# a remark\n"), 24),
                (lambda: self.sweep.append("dram.clock_mhz=1600,800"), 24),
                (lambda: self.sweep.pop(), 24)):
            change()
            before = set((self.dir / "run/points.jsonl").read_bytes().splitlines())
            total = 48 if "clock_mhz" in self.sweep[-1] else 24
            stderr = self.resumed()
            self.assertIn(f"{num_there} of {total} points were already in the journal", stderr)
            self.expect_ok(*self.sweep, "-q", "--out", "fresh", "--force")
            table, journal = self.bytes_of("run")
            fresh_table, fresh_journal = self.bytes_of("fresh")
            self.assertEqual(table, fresh_table)
            self.assertTrue(journal.startswith(fresh_journal))
            # What was done stays, for whoever resumes the sweep as it was.
            self.assertLessEqual(before, set(journal.splitlines()))

    def test_another_build_simulates_all_again(self):
        self.expect_ok(*self.sweep, "-q", "--out", "run")
        before = (self.dir / "run/sweep.csv").read_bytes()
        other = self.dir / "tilewake"
        shutil.copy(EXE, other)
        with other.open("ab") as file:
            file.write(b"another build")
        result = self.run_tilewake(*self.sweep, "--out", "run", "--resume", exe=other)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr,
                         r"run/points.jsonl: 24 lines are damaged or of another build")
        self.assertNotIn("already in the journal", result.stderr)
        self.assertEqual((self.dir / "run/sweep.csv").read_bytes(), before)

    def test_a_journal_that_was_edited_or_cut_off_gives_the_same_bytes(self):
        self.expect_ok(*self.sweep, "-q", "--out", "run")
        before = self.bytes_of("run")
        text = (self.dir / "run/points.jsonl").read_bytes()
        edited = re.sub(rb'"total_cycles":(\d)', rb'"total_cycles":9\1', text, count=5)
        for damaged, num_there in ((edited, 19), (text[:-1], 23),
                                   (text[:len(text) // 2], text[:len(text) // 2].count(b"\n")),
                                   (b"\xff\0nonsense\n" + text, 24), (b"", 0)):
            self.write("run/points.jsonl", "")
            (self.dir / "run/points.jsonl").write_bytes(damaged)
            stderr = self.resumed()
            found = re.search(r"(\d+) of 24 points were already in the journal", stderr)
            self.assertEqual(int(found[1]) if found else 0, num_there)
            self.assertEqual(self.bytes_of("run"), before)

    def test_a_full_disk_ends_the_sweep_and_costs_no_more_than_a_point(self):
        if HAS_ASAN:
            self.skipTest("the sanitizers need files of their own")

        def small_files():
            resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

        self.expect_error(3, "points.jsonl: cannot write file: File too large", *self.sweep, "-q",
                          "--out", "run", preexec_fn=small_files)
        self.assertEqual(self.names_in("run"), ["points.jsonl"])
        self.assertRegex(self.resumed(), r"\b[1-9] of 24 points were already in the journal")
        self.expect_ok(*self.sweep, "-q", "--out", "fresh")
        self.assertEqual(self.bytes_of("run"), self.bytes_of("fresh"))

    def test_a_point_that_failed_is_tried_again(self):
        command = ["simulate", "--sweep", "--hw", "machine.yaml", "--net", "tiny.yaml,late.yaml"]
        self.assertEqual(self.run_tilewake(*command, "--out", "run").returncode, 3)
        self.write("late.yaml", NETWORK.replace("tiny", "late"))
        self.assertIn("1 of 2 points were already in the journal", self.resumed(command=command))
        self.expect_ok(*command, "-q", "--out", "fresh")
        self.assertEqual(self.bytes_of("run"), self.bytes_of("fresh"))

    def test_directories_are_neither_mixed_nor_overwritten(self):
        resume = (*self.sweep, "--out", "run", "--resume")
        self.expect_error(3, "run: holds no sweep to resume", *resume)
        self.expect_ok(*self.simulate, "-q", "--out", "run")
        self.expect_error(3, "run: holds no sweep to resume", *resume)
        self.expect_error(3, r"run: holds a run already \(run.yaml\)", *resume[:-1])
        self.expect_ok(*self.sweep, "-q", "--out", "run", "--force")
        self.assertEqual(self.names_in("run"), FILES)
        self.expect_error(3, "run: holds a sweep already .*--resume .*--force", *resume[:-1])
        self.expect_error(3, "run: holds a run already", *self.simulate, "--out", "run")
        self.expect_ok(*self.simulate, "-q", "--out", "run", "--force")
        self.assertEqual(self.names_in("run"), ["layers.csv", "run.yaml", "summary.json"])
        self.write("file", "")
        for place in ("file", "file/below", "/proc/nowhere"):
            self.expect_error(3, place.split("/below")[0], *self.sweep, "--out", place)

    def test_run_yaml_tells_what_the_sweep_was(self):
        self.expect_ok(*self.sweep, "-q", "--out", "run")
        text = (self.dir / "run/run.yaml").read_text()
        self.assertIn('command: ["tilewake", "simulate", "--sweep", "--hw", ', text)
        self.assertIn("points: 24\nfailed: 0\n", text)
        self.assertRegex(text, r'- \{name: "tiny.yaml", file: "tiny.yaml", hash: fnv1a64:\w{16}\}')
        self.assertIn('- {key: "core.num_cims", values: ["8", "16"]}', text)


class InterruptTest(SweepTest):
    num_points = 60 if HAS_ASAN else 200
    fresh_bytes = None  # of the sweep that nobody disturbed

    def setUp(self):
        super().setUp()
        layers = "".join(f"  - {{name: l{i}, op: conv2d, out_channels: 64, kernel: 3}}\n"
                         for i in range(20 if HAS_ASAN else 400))  # some seconds in all
        self.write("deep.yaml", f"name: deep\ninput: {{channels: 8, height: 32, width: 32}}\n"
                   f"layers:\n{layers}")
        cycles = ",".join(map(str, range(self.num_points)))
        self.sweep = ["simulate", "--sweep", "--hw", "machine.yaml", "--net", "deep.yaml", "--set",
                      f"dram.first_access_cycles={cycles}", "--out", "run"]

    def begin(self, *arguments):
        """The sweep, once the first tenth of its points is done."""
        process = subprocess.Popen([EXE, *self.sweep, *arguments], cwd=self.dir, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # A busy machine reports smaller parts, too.
        while int(re.search(r"simulated (\d+)", process.stderr.readline())[1]) < self.num_points // 10:
            pass
        return process

    def expect_resumed(self):
        """What is there is used, and in the end nothing tells that the sweep ever stopped."""
        result = self.run_tilewake(*self.sweep, "--resume")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.names_in("run"), FILES)
        self.assertEqual(self.bytes_of("run"), self.fresh())
        return int(re.search(r"(\d+) of \d+ points were already in the journal", result.stderr)[1])

    def fresh(self):
        if InterruptTest.fresh_bytes is None:
            self.expect_ok(*self.sweep[:-1], "fresh", "-q")
            InterruptTest.fresh_bytes = self.bytes_of("fresh")
        return InterruptTest.fresh_bytes

    def test_an_interrupt_keeps_what_is_done_and_resume_ends_with_the_same_bytes(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number.name):
                shutil.rmtree(self.dir / "run", ignore_errors=True)
                process = self.begin("--jobs", "2")
                process.send_signal(number)
                stdout, stderr = process.communicate(timeout=TIMEOUT)
                self.assertEqual((process.returncode, stdout), (128 + number, ""))
                lines = stderr.splitlines()
                self.assertEqual(lines[-1], "tilewake: interrupted")
                # Not on a machine so busy that the points at hand take longer than a second.
                match = re.search(r"stopped after (\d+) of \d+ points", stderr)
                self.assertEqual(self.names_in("run"), ["points.jsonl"])
                self.expect_error(3, "run: holds a sweep already", *self.sweep)
                done = self.expect_resumed()
                self.assertEqual(done, int(match[1]) if match else done)

    def test_ctrl_c_on_a_terminal_reaches_the_workers_and_loses_no_point(self):
        process = subprocess.Popen([EXE, *self.sweep, "--jobs", "2"], cwd=self.dir, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   start_new_session=True)
        process.stderr.readline()
        os.killpg(process.pid, signal.SIGINT)
        stdout, stderr = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, stdout), (130, ""))
        self.assertEqual(stderr.count("tilewake: interrupted"), 1)
        match = re.search(r"stopped after (\d+) of", stderr)
        done = self.expect_resumed()
        self.assertEqual(done, int(match[1]) if match else done)

    def test_a_sweep_that_is_killed_can_be_resumed(self):
        process = self.begin("--jobs", "2")
        process.kill()
        process.communicate(timeout=TIMEOUT)
        self.assertEqual(self.names_in("run"), ["points.jsonl"])
        self.assertGreaterEqual(self.expect_resumed(), self.num_points // 10)

    def test_no_worker_outlives_a_sweep_that_is_killed(self):
        process = self.begin("--jobs", "2")
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        workers = children.read_text().split()
        process.kill()
        process.communicate(timeout=TIMEOUT)
        for worker in workers:
            while (stat := pathlib.Path(f"/proc/{worker}/stat")).exists():
                with open(stat) as file:
                    if file.read().rsplit(")", 1)[1].split()[0] == "Z":
                        break  # dead; whoever adopted it has not looked yet
                time.sleep(0.01)

    def test_an_interrupt_leaves_the_sweep_before_alone(self):
        self.sweep[-3] = "dram.first_access_cycles=1,2"
        self.expect_ok(*self.sweep, "-q")
        before = (self.dir / "run/sweep.csv").read_bytes()
        self.sweep[-3] = "dram.first_access_cycles=" + ",".join(map(str, range(self.num_points)))
        process = self.begin("--resume")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(TIMEOUT), 130)
        process.communicate()
        self.assertEqual(self.names_in("run"), FILES)
        self.assertEqual((self.dir / "run/sweep.csv").read_bytes(), before)
        self.expect_resumed()

    def test_without_out_nothing_is_kept_and_that_is_said(self):
        del self.sweep[-2:]
        process = self.begin()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, stdout), (130, ""))
        self.assertRegex(stderr, r"stopped after \d+ of \d+ points; without --out nothing is kept")


if __name__ == "__main__":
    unittest.main()
