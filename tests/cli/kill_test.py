# SPDX-License-Identifier: Apache-2.0
"""SIGKILL at random moments, then a rerun or --resume: the result of an undisturbed run, no file of
the tool beside it, every file of the user as it was.

$TILEWAKE_KILLS: kills of each command (default 4), $TILEWAKE_SEED: of the moments.
"""
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from cli_support import EXE, CliTest

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


if __name__ == "__main__":
    unittest.main()
