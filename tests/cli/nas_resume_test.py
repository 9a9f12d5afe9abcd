#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`nas`: a run that is interrupted or killed comes, resumed, to the same bit for bit."""
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from cli_support import EXE, TIMEOUT
from nas_test import ARGUMENTS, NasTest, strict_json

# Of the 100 kills that a release is tested with.
NUM_KILLS = int(os.environ.get("TILEWAKE_NUM_KILLS", "4"))


class ResumeTest(NasTest):
    def setUp(self):
        super().setUp()
        self.with_model()

    def start(self, *arguments, **options):
        environment = {k: v for k, v in os.environ.items() if k != "TILEWAKE_DATA_DIR"}
        process = subprocess.Popen([EXE, "nas", "run", *arguments], cwd=self.dir, text=True,
                                   env=environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def resume(self, *arguments):
        """Goes on where there is something to go on with, as a user would."""
        option = ["--resume"] if (self.dir / "run/run.yaml").exists() else []
        return self.expect_found(*arguments, "--out", "run", *option)


class InterruptTest(ResumeTest):
    def interrupt(self, number, beginning, arguments=ARGUMENTS, times=1):
        """Sends a signal after the first line of progress that begins so. Returns the exit code."""
        process = self.start(*arguments, "--out", "run")
        for line in process.stderr:
            if line.startswith(f"tilewake: {beginning}"):
                break
        for _ in range(times):
            process.send_signal(number)
        stdout, stderr = process.communicate(timeout=TIMEOUT)
        self.assertEqual(stdout, "")
        self.assertEqual(stderr.splitlines()[-1], "tilewake: interrupted")
        self.assertIn("\ncomplete: false\n", (self.dir / "run/run.yaml").read_text())
        return process.returncode, stderr

    def test_an_interrupted_phase_is_gone_on_with(self):
        for beginning in ("supergraph 2 of", "search 3 of", "candidate ", "train 2 of"):
            with self.subTest(beginning):
                code, stderr = self.interrupt(signal.SIGINT, beginning)
                self.assertEqual(code, 130)
                self.assertIn("interrupted; all results are kept, --resume continues", stderr)
                printed = self.resume(*ARGUMENTS, "--format", "json")
                self.assertEqual(strict_json(printed)["targets"][0]["directory"], "run")
                self.assert_same_run(self.dir / "run")
                self.remove_run()

    def test_termination_and_hanging_up_do_as_well(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            self.assertEqual(self.interrupt(number, "search 2 of")[0], 128 + number)
            self.resume(*ARGUMENTS)
            self.assert_same_run(self.dir / "run")
            self.remove_run()

    def test_a_second_interrupt_does_not_wait(self):
        self.assertEqual(self.interrupt(signal.SIGINT, "train 2 of", times=2)[0], 130)
        self.resume(*ARGUMENTS)
        self.assert_same_run(self.dir / "run")

    def test_half_a_calibration_is_none(self):
        arguments = self.arguments(without=["--model"])
        code, _ = self.interrupt(signal.SIGINT, "simulated", arguments)
        self.assertEqual(code, 130)
        self.assertEqual(self.names_in("run"), ["manifest.txt", "run.yaml"])
        self.resume(*arguments)
        self.assert_same_run(self.dir / "run")

    def remove_run(self):
        for path in sorted((self.dir / "run").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


class KillTest(ResumeTest):
    def kill_after(self, seconds, *arguments):
        """Whether the run was killed before its end."""
        process = self.start(*arguments, "-q")
        try:
            process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        self.assertIn(process.returncode, (0, -signal.SIGKILL))
        return process.returncode != 0

    def seconds_of(self, *arguments):
        begin = time.monotonic()
        self.expect_found(*arguments, "--out", "timed")
        return time.monotonic() - begin

    def test_a_run_killed_at_any_moment_is_gone_on_with(self):
        seconds = self.seconds_of(*ARGUMENTS)
        moments = random.Random(1)
        for i in range(NUM_KILLS):
            moment = moments.uniform(0.1, 1.0) * seconds
            with self.subTest(f"{i}: after {moment:.3f} s"):
                name = f"{i}/run"
                directory = self.dir / name
                theirs = ("mine.txt", "steps/notes.txt", "weights.ckpt.tmp-1-0")
                for mine in theirs:
                    self.write(f"{name}/{mine}", "mine")
                self.kill_after(moment, *ARGUMENTS, "--out", name)
                option = ["--resume"] if (directory / "run.yaml").exists() else []
                self.expect_found(*ARGUMENTS, "--out", name, *option)
                for mine in theirs:
                    self.assertEqual((directory / mine).read_text(), "mine")
                    (directory / mine).unlink()
                self.assert_same_run(directory)  # and nothing else is there
                shutil.rmtree(directory)

    def test_a_run_killed_again_and_again_comes_to_its_end(self):
        # Without a model it calibrates first. A kill while it does begins that anew, so every try
        # gets more time.
        arguments = self.arguments(without=["--model"])
        moments = random.Random(2)
        share, seconds, num_kills = 0.3, self.seconds_of(*arguments), 0
        option = []
        while self.kill_after(moments.uniform(0.2, share) * seconds, *arguments, "--out", "run",
                              *option):
            option = ["--resume"] if (self.dir / "run/run.yaml").exists() else []
            share, num_kills = share + 0.1, num_kills + 1
        self.assertGreater(num_kills, 1)
        self.assert_same_run(self.dir / "run")


if __name__ == "__main__":
    unittest.main()
