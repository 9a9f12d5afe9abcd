# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments, then a rerun or --resume: the result of an undisturbed run, no file of
the tool beside it, every file of the user as it was.

$TILEWAKE_KILLS: kills of each command (default 4), $TILEWAKE_SEED: of the moments.
"""
import os
import random
import resource
import shutil
import signal
import subprocess
import time
import unittest

from cli_support import EXE, SOURCE, CliTest

NUM_KILLS = int(os.environ.get("TILEWAKE_KILLS", "4"))
SEED = int(os.environ.get("TILEWAKE_SEED", "1"))
SWEEP_FILES = ["points.jsonl", "run.yaml", "sweep.csv"]
RUN_FILES = ["layers.csv", "run.yaml", "summary.json"]


class KillTest(CliTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        child = subprocess.Popen(["true"])
        child.wait()
        # Files of the user that look like ours, and are not.
        self.users = {f"work/{name}": f"mine: {name}" for name in (
            "layers.csv", "run.yaml", "points.jsonl", "model.yaml.tmp", "model.yaml.tmp-1",
            f"model.yaml.tmp-{child.pid}-0.bak", f"other.yaml.tmp-{child.pid}-0",
            f"model.yaml.tmp-{os.getpid()}-0")}

    def begin(self):
        shutil.rmtree(self.dir / "work", ignore_errors=True)
        for name, text in self.users.items():
            self.write(name, text)

    def run_in_work(self, *arguments):
        result = self.run_tilewake(*arguments, cwd=self.dir / "work")
        self.assertEqual(result.returncode, 0, result.stderr)

    def kill(self, *arguments, after):
        process = subprocess.Popen([EXE, *arguments], cwd=self.dir / "work",
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def undisturbed(self, *arguments):
        """The seconds of the command."""
        self.begin()
        begin = time.monotonic()
        self.run_in_work(*arguments)
        return time.monotonic() - begin

    def moments(self, seconds):
        for i in range(NUM_KILLS):
            with self.subTest(f"kill {i}"):
                self.begin()
                # Half of them near the end, where the files are written.
                share = self.random.uniform(0.0, 1.2) if i % 2 else self.random.uniform(0.6, 1.1)
                yield seconds * share

    def expect_users_files_kept(self, *ours):
        names = {p.split("/")[1] for p in self.users}
        self.assertEqual(set(self.names_in("work")), names | set(ours))
        for name, text in self.users.items():
            self.assertEqual((self.dir / name).read_text(), text)

    def test_simulate(self):
        command = ["simulate", "--hw", "../machine.yaml", "--net", "../tiny.yaml", "-q", "--out",
                   "run"]
        seconds = self.undisturbed(*command)
        texts = self.texts_in("work/run")
        for moment in self.moments(seconds):
            self.kill(*command, after=moment)
            if not (self.dir / "work/run/run.yaml").exists():
                self.run_in_work(*command)
            self.expect_run(texts)
            self.kill(*command, "--force", after=moment)
            self.run_in_work(*command, "--force")
            self.expect_run(texts)

    def expect_run(self, texts):
        self.assertEqual(self.names_in("work/run"), RUN_FILES)
        for name in ("layers.csv", "summary.json"):
            self.assertEqual((self.dir / "work/run" / name).read_text(), texts[name])
        self.expect_users_files_kept("run")

    def test_sweep(self):
        cycles = ",".join(map(str, range(40)))
        command = ["simulate", "--sweep", "--hw", "../machine.yaml", "--net", "../tiny.yaml",
                   "--set", f"dram.first_access_cycles={cycles}", "-q", "--out", "run"]
        seconds = self.undisturbed(*command)
        texts = self.texts_in("work/run")
        for moment in self.moments(seconds):
            self.kill(*command, after=moment)
            self.kill(*self.continued(command), after=moment / 2)
            self.run_in_work(*self.continued(command))
            self.assertEqual(self.names_in("work/run"), SWEEP_FILES)
            for name in ("points.jsonl", "sweep.csv"):
                self.assertEqual((self.dir / "work/run" / name).read_text(), texts[name])
            self.expect_users_files_kept("run")

    def continued(self, command):
        is_begun = (self.dir / "work/run/points.jsonl").exists()
        return [*command, "--resume"] if is_begun else command

    def test_calibrate(self):
        command = ["calibrate", "--hw", "../machine.yaml", "--networks", "60", "-q", "--out",
                   "model.yaml"]
        seconds = self.undisturbed(*command)
        model = (self.dir / "work/model.yaml").read_bytes()
        for moment in self.moments(seconds):
            self.kill(*command, after=moment)
            self.run_in_work(*command)
            self.assertEqual((self.dir / "work/model.yaml").read_bytes(), model)
            self.expect_users_files_kept("model.yaml")

    def test_an_interrupt_while_a_file_is_written_leaves_no_temporary_file(self):
        self.begin()
        self.run_in_work("simulate", "--hw", "../machine.yaml", "--net", "../tiny.yaml", "-q", "--out", "run")
        commands = {"n.yaml": ["new", "machine", "--kind", "midap", "-q", "--out"],
                    "n.onnx": ["convert", "--net", "../tiny.yaml", "-q", "--out"],
                    "r.html": ["report", "run", "--out"]}
        for name, command in commands.items():
            for number in range(6):
                with self.subTest(f"{command[0]} {number}"):
                    place = self.dir / f"work/new{number}"
                    process = subprocess.Popen([EXE, *command, f"new{number}/{name}"], cwd=self.dir / "work",
                                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    # The temporary file exists for about as long as the disk takes to sync.
                    while process.poll() is None and not list(place.glob("*")):
                        pass
                    process.send_signal(signal.SIGINT)
                    self.assertIn(process.wait(), (0, 130))
                    self.assertIn([p.name for p in place.glob("*")], ([], [name]))
                    shutil.rmtree(place, ignore_errors=True)

    def test_a_full_disk_leaves_neither_a_part_nor_a_directory(self):
        self.begin()
        self.run_in_work("simulate", "--hw", "../machine.yaml", "--net", "../tiny.yaml", "-q", "--out", "run")
        names = self.names_in("work")
        banked = ["simulate", "--hw", SOURCE / "hw_configs/tpu_like_128.yaml", "--net", "../tiny.yaml", "-q"]
        for command in (["report", "run", "--out", "a/b/r.html"], [*banked, "--vcd", "a/b/w.vcd"],
                        [*banked, "--dram-trace", "a/b/t"], [*banked, "--out", "a/b"],
                        ["new", "machine", "--kind", "midap", "--out", "a/b/n.yaml"],
                        ["convert", "--net", "../tiny.yaml", "--out", "a/b/n.onnx"],
                        ["calibrate", "--hw", "../machine.yaml", "--networks", "60", "-q", "--out", "a/b/m.yaml"]):
            with self.subTest(" ".join(map(str, command))):
                self.expect_error(3, "write", *command, cwd=self.dir / "work", preexec_fn=lambda:
                                  resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
                self.assertEqual(self.names_in("work"), names)


if __name__ == "__main__":
    unittest.main()
