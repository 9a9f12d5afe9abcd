#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `explore` computes, writes and refuses, and what an early end leaves."""
import csv
import fcntl
import io
import itertools
import json
import os
import signal
import subprocess
import time
import unittest

from cli_support import CliTest, EXE, TIMEOUT

FILES = ["explore.csv", "points.jsonl", "run.yaml"]


class ExploreTest(CliTest):
    def setUp(self):
        super().setUp()
        self.small = ["explore", "--hw", "machine.yaml", "--net", "tiny.yaml", "-q", "--vary",
                      "core.num_cims=8,16", "core.fmem.num_banks=2..8", "dram.num_channels=1,2"]
        self.large = ["explore", "--hw", "machine.yaml", "--net", "tiny.yaml", "-q", "--vary",
                      "core.num_cims=4..32", "core.system_width=32..128", "core.fmem.num_banks=2..16",
                      "dram.num_channels=1..8", "--evaluations", "60"]

    def rows_of(self, text):
        version, rest = text.split("\n", 1)
        self.assertEqual(version, "# tilewake-explore v1")
        return list(csv.DictReader(io.StringIO(rest)))

    def rows(self, *arguments):
        return self.rows_of(self.expect_ok(*arguments, "--format", "csv"))

    def bytes_of(self, directory):
        return [(self.dir / directory / name).read_bytes() for name in FILES[:2]]


class PointTest(ExploreTest):
    def test_each_point_equals_the_single_simulation(self):
        rows = self.rows(*self.small)
        product = itertools.product(("8", "16"), ("2", "4", "8"), ("1", "2"))
        for row, values in zip(rows, product, strict=True):
            keys = ("core.num_cims", "core.fmem.num_banks", "dram.num_channels")
            self.assertEqual(tuple(row[key] for key in keys), values)
            single = json.loads(self.expect_ok(
                *self.simulate, "--format", "json", "--set",
                *(f"{key}={value}" for key, value in zip(keys, values))))
            self.assertEqual((row["status"], row["error"]), ("ok", ""))
            self.assertEqual(row["machine"], single["machine"])
            self.assertEqual(float(row["latency_ms"]), single["latency_ms"])
            self.assertEqual(float(row["latency_ms:tiny"]), single["latency_ms"])
            for name in ("energy_mj", "area_mm2"):
                self.assertEqual(float(row[name]), single[name], name)
            self.assertEqual(float(row["dram_mb"]),
                             (single["dram_read_bytes"] + single["dram_write_bytes"]) / 1e6)

    def test_the_front_has_all_undominated_points_and_no_other(self):
        rows = self.rows(*self.small, "--objective", "latency,energy,area")
        points = [tuple(float(row[name]) for name in ("latency_ms", "energy_mj", "area_mm2"))
                  for row in rows]
        dominates = lambda a, b: a != b and all(x <= y for x, y in zip(a, b))
        for i, (row, point) in enumerate(zip(rows, points)):
            is_best = not any(dominates(other, point) for other in points)
            is_first = point not in points[:i]
            self.assertEqual(row["on_front"], str(int(is_best and is_first)))

    def test_limits_hold(self):
        free = self.rows(*self.small)
        middle = sorted(float(row["latency_ms"]) for row in free)[len(free) // 2]
        rows = self.rows(*self.small, "--limit", f"latency_ms={middle}")
        for row, other in zip(rows, free, strict=True):
            self.assertEqual(row["latency_ms"], other["latency_ms"])
            self.assertEqual(row["feasible"], str(int(float(row["latency_ms"]) <= middle)))
            self.assertLessEqual(row["on_front"], row["feasible"])
        none = self.rows(*self.small, "--limit", "latency_ms=1e-9")
        self.assertFalse([row for row in none if row["on_front"] == "1"])
        self.assertIn("0 are on the front", self.expect_ok(*self.small, "--limit",
                                                           "latency_ms=1e-9"))

    def test_several_networks_are_added(self):
        self.write("wide.yaml", (self.dir / "tiny.yaml").read_text().replace("tiny", "wide")
                   .replace("kernel: 1", "kernel: 3"))
        both = [word.replace("tiny.yaml", "tiny.yaml,wide.yaml") for word in self.small]
        for row in self.rows(*both):
            self.assertAlmostEqual(float(row["latency_ms"]),
                                   float(row["latency_ms:tiny"]) + float(row["latency_ms:wide"]))

    def test_formats_agree(self):
        rows = self.rows(*self.small)
        data = json.loads(self.expect_ok(*self.small, "--format", "json"))
        front = [row for row in rows if row["on_front"] == "1"]
        self.assertEqual(sorted(p["latency_ms"] for p in data["front"]),
                         sorted(float(row["latency_ms"]) for row in front))
        self.assertEqual((data["grid_size"], data["evaluated"], data["exhaustive"]), (12, 12, True))
        for point in data["front"]:
            single = json.loads(self.expect_ok(
                *self.simulate, "--format", "json", "--set",
                *(f"{key}={value}" for key, value in point["set"].items())))
            self.assertEqual(point["networks"][0]["total_cycles"], single["total_cycles"])

    def test_combinations_that_the_machine_refuses_are_counted(self):
        data = json.loads(self.expect_ok(
            "explore", "--hw", "machine.yaml", "--net", "tiny.yaml", "-q", "--format", "json",
            "--vary", "core.num_cims=8,12,16"))
        self.assertEqual((data["evaluated"], data["failed"]), (3, 1))


class SearchTest(ExploreTest):
    def test_equal_seeds_give_equal_bytes_with_any_number_of_processes(self):
        for jobs in ("1", "2", "5"):
            self.expect_ok(*self.large, "--jobs", jobs, "--out", f"jobs{jobs}")
            self.assertEqual(self.names_in(f"jobs{jobs}"), FILES)
            self.assertEqual(self.bytes_of(f"jobs{jobs}"), self.bytes_of("jobs1"))
        rows = self.rows_of((self.dir / "jobs1/explore.csv").read_text())
        self.assertEqual(len(rows), 60)
        other = self.rows(*self.large, "--seed", "2")
        self.assertNotEqual([row["machine"] for row in rows], [row["machine"] for row in other])

    def test_a_directory_in_use_is_refused_and_one_without_a_run_does_not_remain(self):
        (self.dir / "run").mkdir()
        descriptor = os.open(self.dir / "run", os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self.expect_error(3, "run: another process is writing to it", *self.small, "--out", "run")
        self.assertEqual(self.names_in("run"), [])
        os.close(descriptor)
        self.expect_ok(*self.small, "--out", "run")
        self.expect_error(3, "nothing.yaml", "explore", "--hw", "machine.yaml", "--net", "nothing.yaml",
                          "--vary", "core.num_cims=8,16", "--out", "new/run", "-q")
        self.assertFalse((self.dir / "new").exists())

    def test_an_interrupted_search_prints_its_front_and_resumes_with_the_same_bytes(self):
        self.expect_ok(*self.large, "--out", "whole")
        process = subprocess.Popen(
            [str(EXE), *self.large, "--jobs", "1", "--out", "run", "--format", "json"], cwd=self.dir,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        journal = self.dir / "run/points.jsonl"
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline and process.poll() is None and (
                not journal.exists() or len(journal.read_bytes().splitlines()) < 10):
            time.sleep(0.002)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=TIMEOUT)
        if process.returncode == 130:  # otherwise it was already done
            data = json.loads(stdout)
            self.assertFalse(data["complete"])
            self.assertGreater(len(data["front"]), 0)
            self.assertIn("interrupted", stderr)
            self.assertEqual(self.names_in("run"), ["points.jsonl"])
        self.expect_ok(*self.large, "--out", "run", "--resume")
        self.assertEqual(self.bytes_of("run"), self.bytes_of("whole"))

    def test_a_finished_search_is_resumed_without_a_simulation(self):
        self.expect_ok(*self.large, "--out", "run")
        before = self.bytes_of("run")
        self.expect_error(3, "--resume", *self.large, "--out", "run")
        self.expect_ok(*self.large, "--out", "run", "--resume")
        self.assertEqual(self.bytes_of("run"), before)


class RefusalTest(ExploreTest):
    def test_wrong_arguments_are_refused(self):
        base = ["explore", "--hw", "machine.yaml", "--net", "tiny.yaml"]
        vary = ["--vary", "core.num_cims=8,16"]
        for pattern, *arguments in (
                ("required|missing",),
                ("KEY=VALUE", "--vary", "core.num_cims"),
                ("twice", *vary, "core.num_cims=4"),
                ("twice", "--vary", "core.num_cims=8,8"),
                ("LOW..HIGH", "--vary", "core.num_cims=32..8"),
                ("LOW..HIGH", "--vary", "core.num_cims=a..b"),
                ("latencyy.*latency", *vary, "--objective", "latencyy"),
                ("twice", *vary, "--objective", "latency,latency"),
                ("NAME=VALUE", *vary, "--limit", "latency_ms"),
                ("NAME=VALUE", *vary, "--limit", "latency_ms=fast"),
                ("NAME=VALUE", *vary, "--limit", "latency_ms=-1"),
                ("twice", *vary, "--limit", "latency_ms=1", "latency_ms=2"),
                ("both", *vary, "--set", "core.num_cims=8"),
                ("exclude", *vary, "--exhaustive", "--evaluations", "5"),
                ("--out", *vary, "--resume")):
            with self.subTest(arguments):
                self.expect_error(2, pattern, *base, *arguments)
        ranges = [f"core.fmem.{key}=" + ",".join(map(str, range(1, 2000)))
                  for key in ("num_banks", "bank_bytes")] + [
                      f"dram.{key}=" + ",".join(map(str, range(1, 2000)))
                      for key in ("num_channels", "bus_bytes", "row_bytes")]
        self.expect_error(2, "more than", *base, "--vary", *ranges)
        self.expect_error(3, "no point is possible.*num_cimms", *base, "-q", "--vary",
                          "core.num_cimms=8,16")


if __name__ == "__main__":
    unittest.main()
