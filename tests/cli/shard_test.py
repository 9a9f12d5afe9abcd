#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--shard and `merge`: the files of one process, whatever the number of shards and however they end.

$TILEWAKE_KILLS: kills of shards (default 10), $TILEWAKE_SEED: of the moments.
"""
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from cli_support import EXE, CliTest

NUM_KILLS = int(os.environ.get("TILEWAKE_KILLS", "10"))
SEED = int(os.environ.get("TILEWAKE_SEED", "1"))
LAUNCHERS = ("SLURM_", "OMPI_", "RANK", "WORLD_SIZE")


class ShardTest(CliTest):
    def setUp(self):
        super().setUp()
        self.sweep = ["simulate", "--sweep", "--hw", "machine.yaml", "--net", "tiny.yaml", "--set",
                      "core.num_cims=8,16", "dram.bus_bytes=2,4,8", "dram.num_channels=1,2", "-q"]
        self.explore = ["explore", "--hw", "machine.yaml", "--net", "tiny.yaml", "--vary",
                        "core.num_cims=8,16", "core.fmem.num_banks=2..8", "dram.num_channels=1,2",
                        "-q"]

    def bytes_of(self, directory):
        names = ("points.jsonl", "sweep.csv", "explore.csv")
        return {name: (self.dir / directory / name).read_bytes() for name in names
                if (self.dir / directory / name).exists()}

    def whole(self, command):
        """The files of one process, and what it prints."""
        text = self.expect_ok(*command, "--out", "whole")
        files = self.bytes_of("whole")
        self.assertEqual(len(files), 2)
        return files, text

    def run_shards(self, command, count, numbers=None):
        for number in numbers or range(1, count + 1):
            text = self.expect_ok(*command, "--out", "run", "--shard", f"{number}/{count}")
            self.assertEqual(text, "")

    def expect_merged(self, files, text=None):
        merged = self.expect_ok("merge", "run", "-q")
        self.assertEqual(self.bytes_of("run"), files)
        self.assertEqual(self.names_in("run"), sorted([*files, "run.yaml"]))
        if text is not None:
            self.assertEqual(merged, text)


class MergeTest(ShardTest):
    def test_any_number_of_shards_gives_the_files_of_one_process(self):
        for command in (self.sweep, self.explore):
            files, text = self.whole(command)
            for count in (1, 2, 5, 20):  # the last has shards without a point
                with self.subTest((command[0], count)):
                    self.run_shards(command, count)
                    self.expect_merged(files, text)
                    shutil.rmtree(self.dir / "run")
            shutil.rmtree(self.dir / "whole")

    def test_points_that_fail_are_told_by_the_merge_as_by_one_process(self):
        command = [*self.sweep[:-4], "core.num_cims=8,0,16,-1", "-q"]
        whole = self.run_tilewake(*command, "--out", "whole")
        self.assertEqual(whole.returncode, 3)
        codes = [self.run_tilewake(*command, "--out", "run", "--shard", f"{i}/2").returncode
                 for i in (1, 2)]
        self.assertEqual(codes, [0, 3])
        merged = self.run_tilewake("merge", "run", "-q")
        self.assertEqual((merged.returncode, merged.stdout, merged.stderr),
                         (3, whole.stdout, whole.stderr))
        self.assertEqual(self.bytes_of("run"), self.bytes_of("whole"))

    def test_a_shard_that_is_repeated_or_runs_twice_at_once_changes_nothing(self):
        files, _ = self.whole(self.sweep)
        command = [EXE, *self.sweep, "--out", "run", "--shard"]
        shards = [subprocess.Popen([*command, f"{number}/3"], cwd=self.dir)
                  for number in (1, 2, 3, 2, 3)]
        self.assertEqual([shard.wait() for shard in shards], [0] * 5)
        self.run_shards(self.sweep, 3, [1, 1])
        self.expect_merged(files)

    def test_a_kill_at_any_moment_and_a_repetition_change_nothing(self):
        dice = random.Random(SEED)
        command = [*self.sweep[:-4], "dram.first_access_cycles=" + ",".join(
            map(str, range(24))), "-q"]
        files, _ = self.whole(command)
        begin = time.monotonic()
        self.run_shards(command, 2)
        seconds = (time.monotonic() - begin) / 2
        for kill in range(NUM_KILLS):
            with self.subTest(kill):
                number = dice.randint(1, 2)
                if (self.dir / "run").exists():
                    shutil.rmtree(self.dir / "run")
                shard = subprocess.Popen([EXE, *command, "--out", "run", "--shard", f"{number}/2"],
                                         cwd=self.dir)
                time.sleep(seconds * dice.uniform(0.0, 1.1))
                shard.send_signal(signal.SIGKILL)
                shard.wait()
                self.run_shards(command, 2)
                self.expect_merged(files)

    def test_a_damaged_line_is_simulated_again(self):
        files, _ = self.whole(self.sweep)
        self.run_shards(self.sweep, 2)
        journal = self.dir / "run/shards/1-of-2.jsonl"
        lines = journal.read_text().splitlines(keepends=True)
        lines[1] = lines[1].replace("latency_ms", "latency_mt")
        journal.write_text("".join(lines))
        self.expect_merged(files)


class RefusalTest(ShardTest):
    def test_shards_that_have_not_ended_are_named(self):
        self.run_shards(self.sweep, 4, [1, 3])
        self.expect_error(3, r"run: 2 of 4 shards have not ended.*: 2/4, 4/4; run 'tilewake simulate "
                             r"\.\.\. --shard 2/4' again", "merge", "run")
        self.run_shards(self.sweep, 4, [2, 4])
        journal = self.dir / "run/shards/2-of-4.jsonl"
        journal.write_bytes(journal.read_bytes()[:-20])  # as a process that was killed leaves it
        self.expect_error(3, "1 of 4 shards have not ended.*: 2/4", "merge", "run")
        self.run_shards(self.sweep, 4, [2])
        self.expect_ok("merge", "run", "-q")

    def test_shards_of_another_command_are_refused(self):
        self.run_shards(self.sweep, 2, [1])
        for command in ([*self.sweep, "--shard", "1/3"], [*self.sweep, "--batch", "2", "--shard", "1/2"],
                        [*self.explore, "--shard", "2/2"]):
            self.expect_error(3, "holds shards of another command", *command, "--out", "run")
        self.expect_error(3, "'tilewake merge run' joins them", *self.sweep, "--out", "run")
        # What does not change the result may differ.
        self.expect_ok(*self.sweep, "--out", "run", "--shard=2/2", "--jobs", "1", "--format=csv")
        self.expect_ok("merge", "run", "-q")
        self.expect_error(3, "holds a run already|holds a sweep already", *self.sweep, "--out", "run", "--shard", "1/2")

    def test_a_shard_needs_its_options(self):
        for shard in ("0/2", "3/2", "1", "1/", "/2", "a/b", "1/0", "-1/2", "1/99999", "1/2/3"):
            self.expect_error(2, "shard", *self.sweep, "--out", "run", "--shard", shard)
        self.expect_error(2, "--shard needs --out", *self.sweep, "--shard", "1/2")
        self.expect_error(2, "--shard excludes", *self.sweep, "--out", "run", "--resume", "--shard", "1/2")
        self.expect_error(2, "--exhaustive", *self.explore, "--evaluations", "6", "--out", "run",
                          "--shard", "1/2")
        self.assertFalse((self.dir / "run").exists())
        self.expect_error(2, "needs one DIR", "merge")
        self.expect_error(3, "there are no shards", "merge", "run")

    def test_other_files_are_kept_or_refused(self):
        self.write("run/shards/notes.txt", "mine")
        self.write("run/shards/shards.json.tmp-1", "mine, too")
        self.run_shards(self.sweep, 2)
        self.expect_ok("merge", "run", "-q")
        self.assertEqual(self.names_in("run/shards"), ["notes.txt", "shards.json.tmp-1"])
        self.write("other/shards/2-of-2.jsonl", "mine")
        self.expect_error(3, "2-of-2.jsonl: would be used", *self.sweep, "--out", "other", "--shard", "1/2")
        self.assertEqual((self.dir / "other/shards/2-of-2.jsonl").read_text(), "mine")

    def test_a_record_that_is_no_record_is_refused(self):
        self.run_shards(self.sweep, 1)
        record = self.dir / "run/shards/shards.json"
        good = record.read_text()
        for old, new in (("shards v1", "shards v9"), ('"simulate"', '"nas"'), ('"count": 1', '"count": -1'),
                         ('"--net"', '"--out"'), ('"count": 1', '"count": "x"'), ("{", "[")):
            record.write_text(good.replace(old, new, 1))
            self.expect_error(3, "shards.json", "merge", "run")
        record.write_text(good)
        self.expect_ok("merge", "run", "-q")


class LauncherTest(ShardTest):
    def run_auto(self, **variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(LAUNCHERS)}
        return subprocess.run([EXE, *self.sweep, "--out", "run", "--shard", "auto"], cwd=self.dir,
                              env={**environment, **variables}, capture_output=True, text=True)

    def test_each_launcher_tells_the_shard(self):
        files, _ = self.whole(self.sweep)
        array = {"SLURM_ARRAY_TASK_MIN": "4", "SLURM_ARRAY_TASK_COUNT": "3",
                 "SLURM_ARRAY_TASK_STEP": "2", "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}
        launchers = ([{**array, "SLURM_ARRAY_TASK_ID": str(4 + 2 * i)} for i in range(3)],
                     [{"SLURM_PROCID": str(i), "SLURM_NTASKS": "3"} for i in range(3)],
                     [{"OMPI_COMM_WORLD_RANK": str(i), "OMPI_COMM_WORLD_SIZE": "3"} for i in range(3)],
                     [{"RANK": str(i), "WORLD_SIZE": "3"} for i in range(3)])
        for processes in launchers:
            with self.subTest(sorted(processes[0])):
                for number, variables in enumerate(processes, 1):
                    self.assertEqual(self.run_auto(**variables).returncode, 0)
                    self.assertTrue((self.dir / f"run/shards/{number}-of-3.jsonl").exists())
                self.expect_merged(files)
                shutil.rmtree(self.dir / "run")

    def test_without_a_launcher_auto_is_refused(self):
        for variables in ({}, {"RANK": "1"}, {"RANK": "x", "WORLD_SIZE": "2"},
                          {"SLURM_ARRAY_TASK_ID": "1"}):
            result = self.run_auto(**variables)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertRegex(result.stderr, "--shard auto")


if __name__ == "__main__":
    unittest.main()
