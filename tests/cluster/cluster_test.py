#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sweeps and trainings under Slurm and Open MPI on this machine (tests/cluster/setup.sh).

Slurm runs with its state in a temporary directory and needs root. Without the programs the tests
are skipped.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cli"))
from cli_support import EXE  # noqa: E402
from loopback_slurm import LoopbackSlurm, free_port, missing_programs  # noqa: E402
from nas_distributed_test import NETWORK, RECIPE  # noqa: E402
from nas_test import NasTest  # noqa: E402

NUM_SHARDS = 8
SECONDS = 240
SWEEP = ("simulate --sweep --hw machine.yaml --net tiny.yaml --set core.num_cims=8,16 "
         "dram.bus_bytes=1,2,4,8 dram.num_channels=1,2,4,8 -q --out run")
HAS_SLURM = not missing_programs() and os.geteuid() == 0
HAS_MPI = shutil.which("mpirun") is not None
MPIRUN = ["mpirun", "--oversubscribe", "--bind-to", "none",
          *(["--allow-run-as-root"] if os.geteuid() == 0 else [])]


class ClusterTest(NasTest):
    def setUp(self):
        super().setUp()
        self.write("net.yaml", NETWORK)
        self.write("recipe.yaml", RECIPE)

    def expect_merged(self):
        """The shards in run/ give the files of one process."""
        self.expect_ok("merge", "run", "-q")
        self.expect_ok(*SWEEP.split()[:-1], "whole")
        for name in ("points.jsonl", "sweep.csv"):
            self.assertEqual((self.dir / "run" / name).read_bytes(),
                             (self.dir / "whole" / name).read_bytes(), name)

    def train(self, out):
        return ["nas", "train", "--data", "synthetic", "--recipe", "recipe.yaml", "--threads", "1",
                "--net", "net.yaml", "-q", "--out", out]

    def expect_trained_by_hand(self, out):
        """The run is that of two processes started by hand."""
        port = free_port()
        processes = [subprocess.Popen(
            [EXE, *self.train("hand")], cwd=self.dir, stdout=subprocess.DEVNULL,
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank),
                 "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}) for rank in range(2)]
        self.assertEqual([process.wait(SECONDS) for process in processes], [0, 0])
        self.assert_same_run(self.dir / out, self.dir / "hand")


@unittest.skipUnless(HAS_SLURM, f"Slurm: needs root and {', '.join(missing_programs()) or 'all'}")
class SlurmTest(ClusterTest):
    def setUp(self):
        super().setUp()
        state = tempfile.mkdtemp()
        os.chmod(state, 0o755)
        self.addCleanup(shutil.rmtree, state, ignore_errors=True)
        self.slurm = LoopbackSlurm(state, num_cpus=NUM_SHARDS)
        self.addCleanup(self.slurm.close)

    def test_an_array_with_a_killed_and_requeued_task_gives_the_files_of_one_process(self):
        # The third task is killed while it works, and submitted again by Slurm.
        job = self.slurm.submit(f"""#!/bin/sh
#SBATCH --array=1-{NUM_SHARDS}
#SBATCH --requeue
if [ "$SLURM_ARRAY_TASK_ID" = 3 ] && [ "${{SLURM_RESTART_COUNT:-0}}" = 0 ]; then
  {EXE} {SWEEP} --shard auto &
  while [ ! -s run/shards/3-of-{NUM_SHARDS}.jsonl ] && kill -0 $!; do sleep 0.01; done
  kill -9 $!
  scontrol requeue "$SLURM_JOB_ID"
  sleep 600
fi
{EXE} {SWEEP} --shard auto
""", self.dir)
        self.slurm.release_requeued(job)
        self.slurm.wait_for_end(job, SECONDS)
        self.assertEqual(set(self.slurm.state_of(job)), {"COMPLETED"})
        self.expect_merged()

    def test_a_job_of_two_ranks_trains_what_two_processes_train(self):
        command = " ".join(map(str, self.train("slurm")))
        job = self.slurm.submit(f"""#!/bin/sh
#SBATCH --ntasks=2
srun --kill-on-bad-exit=1 {EXE} {command}
""", self.dir)
        self.slurm.wait_for_end(job, SECONDS)
        text = "".join(path.read_text() for path in self.dir.glob("job-*.out"))
        self.assertEqual(self.slurm.state_of(job), ["COMPLETED"], text)
        self.expect_trained_by_hand("slurm")


@unittest.skipUnless(HAS_MPI, "needs mpirun")
class MpiTest(ClusterTest):
    def mpirun(self, count, *arguments):
        result = subprocess.run([*MPIRUN, "-n", str(count), str(EXE), *map(str, arguments)],
                                cwd=self.dir, capture_output=True, text=True, timeout=SECONDS,
                                check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_shards_give_the_files_of_one_process(self):
        self.mpirun(NUM_SHARDS, *SWEEP.split(), "--jobs", "1", "--shard", "auto")
        self.expect_merged()

    def test_two_ranks_train_what_two_processes_train(self):
        self.mpirun(2, *self.train("mpi"))
        self.expect_trained_by_hand("mpi")


if __name__ == "__main__":
    sys.exit(unittest.main())
