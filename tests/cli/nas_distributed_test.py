#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`nas train` and `nas run` by several processes: same result, lost ranks, resuming, environment."""
import csv
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import time
import unittest

from cli_support import EXE, TIMEOUT
from nas_test import ARGUMENTS, NasTest, events, finished_run, strict_json

HAS_GLOO = any(pathlib.Path(prefix, "include/gloo/rendezvous/store.h").exists()
               for prefix in ("/usr", "/usr/local"))
SECONDS_TO_END = 30  # after the loss of a rank
NETWORK = """\
name: small
input: {channels: 1, height: 16, width: 16}
layers:
  - {name: stem, op: conv2d, out_channels: 16, kernel: 3, stride: 2}
  - {name: block, op: mbconv, kernels: [3], expansion_ratios: [2], out_channels: 16, stride: 1}
  - {name: head, op: conv2d, out_channels: 32, kernel: 1}
  - {name: pool, op: global_avg_pool}
  - {name: classifier, op: fully_connected, out_channels: 10}
"""
# An odd batch: the ranks have 16 and 17 images. Validation has an incomplete last batch.
RECIPE = """\
name: short
validation_share: 0.2
train: {epochs: 2, max_images: 660, batch_size: 33, dropout: 0, ema_decay: 0.9,
        schedule: {kind: constant, learning_rate: 0.3}, augmentation: {flip: true}}
"""


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def losses(run):
    with open(run / "metrics.csv", encoding="utf-8") as file:
        rows = [line for line in file if not line.startswith("#")]
    return [float(row["loss"]) for row in csv.DictReader(rows)]


@unittest.skipUnless(HAS_GLOO, "built without the headers of Gloo")
class RanksTest(NasTest):
    def setUp(self):
        super().setUp()
        self.write("net.yaml", NETWORK)
        self.write("recipe.yaml", RECIPE)
        self.temporary = self.dir / "tmp"
        self.temporary.mkdir()
        self.train = ["nas", "train", "--data", "synthetic", "--recipe", "recipe.yaml", "--threads",
                      "1", "--net", "net.yaml"]

    def environment(self, rank, size, port, **more):
        return {**os.environ, "TMPDIR": str(self.temporary), "RANK": str(rank),
                "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port), "OMP_WAIT_POLICY": "PASSIVE", **more}

    def start(self, *arguments, size=2, port=None, **more):
        """One process a rank; the same arguments for all, or a list for each."""
        port = port or free_port()
        of_ranks = arguments if isinstance(arguments[0], list) else [list(arguments)] * size
        processes = [subprocess.Popen([EXE, *map(str, of_ranks[rank])], cwd=self.dir, text=True,
                                      env=self.environment(rank, size, port, **more),
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                     for rank in range(size)]
        self.addCleanup(self.end, processes)
        return processes

    @staticmethod
    def end(processes):
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.communicate()

    @staticmethod
    def results(processes, timeout=TIMEOUT):
        texts = [process.communicate(timeout=timeout) for process in processes]
        return [(process.returncode, *text) for process, text in zip(processes, texts)]

    def expect_trained(self, *arguments, **more):
        """Runs two ranks; only the first one prints, and the other leaves no file."""
        first, second = self.results(self.start(*arguments, **more))
        self.assertEqual((first[0], second), (0, (0, "", "")), first[2])
        self.assertEqual(list(self.temporary.iterdir()), [])
        return first[1]

    def wait_for_steps(self, run, processes):
        """Until the training has written a row of metrics."""
        for _ in range(6000):
            metrics = self.dir / run / "metrics.csv"
            if metrics.exists() and len(metrics.read_text().splitlines()) > 3:
                return
            self.assertEqual([p.poll() for p in processes], [None] * len(processes))
            time.sleep(0.01)
        self.fail("no step was trained")


class TrainTest(RanksTest):
    def test_two_ranks_give_the_same_bytes_again(self):
        printed = self.expect_trained(*self.train, "--out", "a", "-q", "--format", "json")
        summary = strict_json((self.dir / "a/summary.json").read_text())
        self.assertEqual(strict_json(printed), summary)
        shutil.move(self.dir / "a", self.dir / "first")
        self.expect_trained(*self.train, "--out", "a", "-q")
        self.assert_same_run(self.dir / "a", self.dir / "first")

    def test_the_curve_is_that_of_one_process_up_to_statistics_of_the_batch(self):
        whole = [*self.train, "-q", "--set", "train.epochs=6"]
        self.expect_trained(*whole, "--out", "two")
        self.expect_ok(*whole, "--out", "one")
        two, one = losses(self.dir / "two"), losses(self.dir / "one")
        self.assertEqual(len(two), len(one))
        means = [[statistics.fmean(curve[i:i + 20]) for i in range(0, len(curve) - 19, 20)]
                 for curve in (two, one)]
        self.assertLess(means[1][-1], means[1][0] - 0.3)  # it learns
        for a, b in zip(*means):
            self.assertAlmostEqual(a, b, delta=0.15)
        self.assertEqual(sorted(p.name for p in (self.dir / "two").iterdir()),
                         sorted(p.name for p in (self.dir / "one").iterdir()))
        # Without batch normalisation, the only difference is rounding.
        tune = [*self.train[:-1], "one/model.onnx", "-q", "--set",
                "train.schedule.learning_rate=0.01"]
        self.expect_trained(*tune, "--out", "two-tuned")
        self.expect_ok(*tune, "--out", "one-tuned")
        for a, b in zip(losses(self.dir / "two-tuned"), losses(self.dir / "one-tuned")):
            self.assertAlmostEqual(a, b, delta=2e-3)

    def test_an_interrupted_rank_ends_all_and_other_numbers_of_ranks_resume(self):
        whole = [*self.train, "--set", "train.epochs=12", "--out", "run", "-q"]
        processes = self.start(*whole)
        self.wait_for_steps("run", processes)
        processes[1].send_signal(signal.SIGINT)
        codes = [result[0] for result in self.results(processes)]
        self.assertEqual(codes, [130, 130])
        shutil.copytree(self.dir / "run", self.dir / "interrupted")
        self.expect_trained(*whole, "--resume")
        shutil.move(self.dir / "run", self.dir / "resumed")
        self.expect_trained(*whole)
        self.assert_same_run(self.dir / "resumed", self.dir / "run")
        shutil.rmtree(self.dir / "run")
        shutil.move(self.dir / "interrupted", self.dir / "run")
        self.expect_ok(*whole, "--resume")
        self.assertIn("\ncomplete: true\n", (self.dir / "run/run.yaml").read_text())

    def test_a_killed_rank_ends_the_others_and_one_process_resumes(self):
        for killed in (1, 0):
            out = f"run-{killed}"
            whole = [*self.train, "--set", "train.epochs=40", "--out", out, "-q"]
            processes = self.start(*whole)
            self.wait_for_steps(out, processes)
            processes[killed].kill()
            code, printed, error = self.results([processes[1 - killed]], SECONDS_TO_END)[0]
            self.assertEqual((code, printed), (3, ""), error)
            self.assertRegex(error, r"\Atilewake: rank \d of 2: lost another rank[^\n]+--resume")
        self.expect_ok(*whole, "--resume")
        self.assertIn("\ncomplete: true\n", (self.dir / out / "run.yaml").read_text())

    def test_a_rank_that_does_not_answer_ends_the_others(self):
        processes = self.start(*self.train, "--set", "train.epochs=400", "--out", "run", "-q")
        self.wait_for_steps("run", processes)
        processes[1].send_signal(signal.SIGSTOP)
        code, _, error = self.results([processes[0]], SECONDS_TO_END)[0]
        self.assertEqual(code, 3, error)
        self.assertIn("rank 1 does not answer", error)


class EnvironmentTest(RanksTest):
    def test_a_wrong_environment_is_refused_by_the_variable(self):
        for changes, name in (({"WORLD_SIZE": None}, "WORLD_SIZE"),
                              ({"RANK": None}, "RANK"),
                              ({"RANK": "2"}, "RANK"),
                              ({"RANK": "-1"}, "RANK"),
                              ({"RANK": "one"}, "RANK"),
                              ({"WORLD_SIZE": "0"}, "WORLD_SIZE"),
                              ({"WORLD_SIZE": "2000000000000"}, "WORLD_SIZE"),
                              ({"LOCAL_RANK": "x"}, "LOCAL_RANK"),
                              ({"MASTER_ADDR": None}, "MASTER_ADDR"),
                              ({"MASTER_PORT": None}, "MASTER_PORT"),
                              ({"MASTER_PORT": "70000"}, "MASTER_PORT"),
                              ({"MASTER_PORT": ""}, "MASTER_PORT")):
            environment = self.environment(1, 2, 29500)
            environment.update({k: v for k, v in changes.items() if v is not None})
            for key in (k for k, v in changes.items() if v is None):
                del environment[key]
            result = subprocess.run([EXE, *self.train, "--out", "run"], cwd=self.dir, text=True,
                                    env=environment, capture_output=True, timeout=TIMEOUT,
                                    check=False)
            self.assertEqual((result.returncode, result.stdout), (3, ""), changes)
            self.assertRegex(result.stderr, rf"\Atilewake: environment variable {name}: [^\n]+\n\Z")
        self.assertFalse((self.dir / "run").exists())

    def test_ranks_that_do_not_come_are_named(self):
        for rank, pattern in ((1, "MASTER_ADDR, MASTER_PORT: rank 1 cannot reach"),
                              (0, "did not join within 2 s: 1;")):
            result = subprocess.run(
                [EXE, *self.train, "--out", "run"], cwd=self.dir, text=True, capture_output=True,
                env=self.environment(rank, 2, free_port(), TILEWAKE_JOIN_SECONDS="2"),
                timeout=TIMEOUT, check=False)
            self.assertEqual((result.returncode, result.stdout), (3, ""), result.stderr)
            self.assertIn(pattern, result.stderr)
        self.assertFalse((self.dir / "run").exists())

    def test_ranks_with_other_arguments_are_no_job(self):
        results = self.results(self.start([*self.train, "--out", "a", "--seed", "1"],
                                          [*self.train, "--out", "b", "--seed", "2"]))
        self.assertEqual([code for code, _, _ in results], [3, 3])
        for _, _, error in results:
            self.assertIn("arguments", error)

    def start_each(self, directories, sizes, **more):
        """A rank in each directory, which counts on so many ranks."""
        port = free_port()
        processes = [subprocess.Popen(
            [EXE, *self.train, "--out", "run", "-q"], cwd=directory, text=True,
            env=self.environment(rank, sizes[rank], port, **more), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE) for rank, directory in enumerate(directories)]
        self.addCleanup(self.end, processes)
        return self.results(processes)

    def test_ranks_with_other_inputs_are_refused_at_the_start(self):
        other = self.dir / "other"
        other.mkdir()
        (other / "net.yaml").write_text(NETWORK)
        (other / "recipe.yaml").write_text(RECIPE.replace("batch_size: 33", "batch_size: 34"))
        for code, _, error in self.start_each([self.dir, other], [2, 2]):
            self.assertEqual(code, 3, error)
            self.assertIn("the values of the recipe of rank 1 differ", error)
        (other / "recipe.yaml").write_text(RECIPE)
        (other / "net.yaml").write_text(NETWORK.replace("out_channels: 32", "out_channels: 24"))
        shutil.rmtree(self.dir / "run", ignore_errors=True)
        for code, _, error in self.start_each([self.dir, other], [2, 2]):
            self.assertEqual(code, 3, error)
            self.assertRegex(error, "phase train: the settings of rank 1 differ|lost another rank")

    def test_ranks_that_count_on_another_number_are_refused(self):
        results = self.start_each([self.dir, self.dir], [2, 3], TILEWAKE_JOIN_SECONDS="5")
        self.assertEqual([code for code, _, _ in results], [3, 3], results)
        self.assertIn("WORLD_SIZE", results[0][2])

    def test_a_batch_that_is_too_small_for_the_ranks_is_refused(self):
        results = self.results(self.start(*self.train, "--set", "train.batch_size=3", "--out", "a"))
        self.assertEqual([code for code, _, _ in results], [3, 3])
        self.assertIn("batch_size is 3", results[0][2])

    def test_one_process_needs_no_others(self):
        for environment, more in ((self.environment(0, 1, 29500), []),
                                  (self.environment(0, 2, 29500), ["--distributed", "off"])):
            out = f"run-{len(more)}"
            result = subprocess.run([EXE, *self.train, "--out", out, "-q", *more], cwd=self.dir,
                                    env=environment, capture_output=True, text=True,
                                    timeout=TIMEOUT, check=False)
            self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.dir / "run-0/weights.ckpt").read_bytes(),
                         (self.dir / "run-2/weights.ckpt").read_bytes())


class RunTest(RanksTest):
    def test_a_search_leaves_the_files_of_one_process(self):
        self.with_model()
        expected, _ = finished_run()
        self.expect_trained("nas", "run", *ARGUMENTS, "--out", "run", "-q")
        run = self.dir / "run"
        self.assertIn("\ncomplete: true\n", (run / "run.yaml").read_text())

        def names(directory):
            return {str(p.relative_to(directory)) for p in directory.rglob("*")
                    if p.is_file() and "rank-" not in p.name}  # named after the network
        self.assertEqual(names(run), names(expected))
        summary = strict_json((run / "summary.json").read_text())
        simulated = strict_json(self.expect_ok("simulate", "--hw", "machine.yaml", "--net",
                                               run / "architecture.yaml", "--format", "json"))
        self.assertEqual(summary["latency_ms"], simulated["latency_ms"])
        self.assertTrue(events(run / "events.out.tfevents.0000000000.tilewake"))


if __name__ == "__main__":
    unittest.main()
