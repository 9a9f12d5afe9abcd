# SPDX-License-Identifier: Apache-2.0
"""Slurm on this machine only: one controller and one node, with their state in a directory."""
import os
import pathlib
import shutil
import socket
import subprocess
import time

PROGRAMS = ("munged", "mungekey", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue")
NODE = "localhost"  # a name that resolves: rank 0 is found by it


def missing_programs():
    """Names of the programs that are not installed (Debian: slurmctld slurmd slurm-client munge)."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [name for name in PROGRAMS if shutil.which(name, path=path) is None]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class LoopbackSlurm:
    """A cluster of `num_cpus` processors, of which several may share a core. Needs root."""

    def __init__(self, directory, num_cpus):
        self.directory = pathlib.Path(directory)
        self.environment = {**os.environ,
                            "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin",
                            "SLURM_CONF": str(self.directory / "slurm.conf")}
        self.daemons = []
        for name in ("state", "spool", "munge"):
            (self.directory / name).mkdir(mode=0o755)
        key = self.directory / "munge/key"
        self.run("mungekey", "--create", f"--keyfile={key}")
        self.socket = self.directory / "munge/socket"
        (self.directory / "slurm.conf").write_text(f"""\
ClusterName=loopback
SlurmctldHost={socket.gethostname()}(127.0.0.1)
SlurmctldPort={free_port()}
SlurmdPort={free_port()}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={self.socket}
CredType=cred/munge
StateSaveLocation={self.directory}/state
SlurmdSpoolDir={self.directory}/spool
SlurmctldPidFile={self.directory}/slurmctld.pid
SlurmdPidFile={self.directory}/slurmd.pid
SlurmctldLogFile={self.directory}/slurmctld.log
SlurmdLogFile={self.directory}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerType=sched/builtin
ReturnToService=2
MpiDefault=none
JobRequeue=1
MinJobAge=3600
SlurmdParameters=config_overrides
NodeName={NODE} NodeHostname={socket.gethostname()} NodeAddr=127.0.0.1 CPUs={num_cpus} State=UNKNOWN
PartitionName=all Nodes={NODE} Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
""")
        self.start("munged", "--foreground", f"--key-file={key}", f"--socket={self.socket}",
                   f"--pid-file={self.directory}/munge/pid", f"--seed-file={self.directory}/munge/seed",
                   f"--log-file={self.directory}/munge/log", "--force")
        self.wait(self.socket.exists, "munged to listen")
        self.start("slurmctld", "-D", "-i")
        self.start("slurmd", "-D", "-N", NODE)
        self.wait(lambda: "idle" in self.run("sinfo", "-h", "-o", "%t"), "the node to be idle")

    def start(self, *command):
        log = open(self.directory / f"{command[0]}.out", "wb")
        self.daemons.append(subprocess.Popen(command, env=self.environment, stdout=log,
                                             stderr=subprocess.STDOUT))
        log.close()

    def run(self, *command, cwd=None, check=True):
        result = subprocess.run(command, env=self.environment, cwd=cwd, capture_output=True,
                                text=True, timeout=120, check=False)
        if check and result.returncode != 0:
            raise RuntimeError(f"{command} failed: {result.stdout}{result.stderr}")
        return result.stdout

    def submit(self, script, cwd):
        """Submits a batch script; returns its number."""
        path = pathlib.Path(cwd) / "job.sh"
        path.write_text(script)
        return self.run("sbatch", "--parsable", "-o", "job-%A_%a.out", str(path), cwd=cwd).strip()

    def wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if condition():
                    return
            except RuntimeError:
                pass
            time.sleep(0.2)
        logs = "".join(f"== {path.name}\n{path.read_text(errors='replace')[-2000:]}\n"
                       for path in sorted(self.directory.glob("*.log")))
        raise RuntimeError(f"waited {seconds} s for {what}\n{logs}")

    def wait_for_end(self, job, seconds):
        self.wait(lambda: not self.run("squeue", "-h", "-j", job, "-t", "all", "-o", "%T").replace(
            "COMPLETED", "").replace("FAILED", "").replace("CANCELLED", "").strip(),
            f"the end of job {job}", seconds)

    def release_requeued(self, job, seconds=60):
        """Waits for a requeued task of an array and lets it start now: Slurm waits two minutes."""
        def release():
            listed = self.run("squeue", "-h", "-r", "-j", job, "-t", "PD", "-O",
                              "JobArrayID:32,RestartCnt:8")
            for line in listed.splitlines():
                task, restarts = line.split()
                if int(restarts) > 0:
                    self.run("scontrol", "update", f"JobId={task}", "StartTime=now")
                    return True
            return False
        self.wait(release, f"a requeued task of job {job}", seconds)

    def state_of(self, job):
        return self.run("squeue", "-h", "-r", "-j", job, "-t", "all", "-o", "%T").split()

    def close(self):
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in reversed(self.daemons):
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
