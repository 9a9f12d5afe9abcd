#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast predictions are compared with simulations, and what a calibration and the engine cost.

usage: scripts/speed.py [--repeats N] [--networks NAME,...] [--instructions] MACHINE...

Of whole processes less the start of the program (`tilewake --version`): CPU times (user and
system), medians of N runs (default 5) that take turns. For each machine it prints the time of a
calibration, and over the networks of networks/ that the machine runs the median and the smallest
ratio of simulating to predicting. Then it prints the engine's time of ResNet-50 on
edge_systolic_32, and the time of a product of 262,144 x 16,384 x 4,096 on it. Times need an idle
machine. With --instructions, only the ratios are printed, of instructions that valgrind counts:
they are the same on a busy machine. $TILEWAKE_EXE names the program (default:
build/release/tilewake).
"""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("TILEWAKE_EXE", str(ROOT / "build" / "release" / "tilewake"))
GEMM = "Layer,M,N,K,\nllm_ffn,262144,16384,4096,\n"


def cpu_ms(*arguments):
    """Of one run; nothing if the program refuses."""
    with open(os.devnull, "wb") as null, subprocess.Popen([PROGRAM, *arguments], stdout=null, stderr=null) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return 1e3 * (usage.ru_utime + usage.ru_stime) if process.returncode == 0 else None


def millions_of_instructions(*arguments):
    result = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", PROGRAM, *arguments],
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    count = re.search(r"Collected *: *([0-9]+)", result.stderr)
    if count is None:
        sys.exit("valgrind --tool=callgrind counts no instructions: is it installed?")
    return float(count.group(1)) / 1e6 if result.returncode == 0 else None


def costs_of(measure, repeats, commands):
    """Medians, less the start of the program; nothing if the program refuses one."""
    runs = []
    for _ in range(repeats):
        runs.append([measure(*command) for command in commands])
        if None in runs[-1]:
            return None
    start = statistics.median(measure("--version") for _ in range(repeats))
    return [statistics.median(run[i] for run in runs) - start for i in range(len(commands))]


def engine_ms(repeats):
    times = []
    for _ in range(repeats):
        log = subprocess.run([PROGRAM, "simulate", "--hw", "edge_systolic_32", "--net", "resnet50", "-v"],
                             capture_output=True, text=True, check=True).stderr
        times.append(float(re.search(r"engine: ([0-9.]+) ms of CPU", log).group(1)))
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("machines", nargs="+", metavar="MACHINE")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    parser.add_argument("--networks", default="", metavar="NAME,...")
    parser.add_argument("--instructions", action="store_true")
    options = parser.parse_args()
    counts = options.instructions
    measure, repeats, unit = (millions_of_instructions, 1, "M instructions") if counts else (cpu_ms, options.repeats, "ms")
    networks = options.networks.split(",") if options.networks else sorted(
        path.stem for path in (ROOT / "networks").glob("*.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        for machine in options.machines:
            model = os.path.join(folder, f"{machine}.yaml")
            calibration = cpu_ms("calibrate", "--hw", machine, "--out", model, "-q")
            ratios = []
            for network in networks:
                costs = costs_of(measure, repeats, [("simulate", "--hw", machine, "--net", network, "-q"),
                                                    ("predict", "--model", model, "--net", network, "-q")])
                if costs is not None:
                    ratios.append((costs[0] / costs[1], network, *costs))
            least, name, simulated, predicted = min(ratios)
            what = "" if counts else f"calibration {calibration / 1e3:.1f} s; "
            print(f"{machine}: {what}predict is {statistics.median(r[0] for r in ratios):.1f} times as fast as simulate in "
                  f"the median of {len(ratios)} networks, {least:.1f} times at least ({name}: {simulated:.1f} and "
                  f"{predicted:.1f} {unit})", flush=True)
        if counts:
            return
        print(f"engine, resnet50 on edge_systolic_32: {engine_ms(repeats):.2f} ms")
        gemm = os.path.join(folder, "gemm.csv")
        pathlib.Path(gemm).write_text(GEMM, encoding="utf-8")
        seconds = costs_of(measure, repeats, [("simulate", "--hw", "edge_systolic_32", "--net", gemm, "-q")])[0] / 1e3
        print(f"product of 262,144 x 16,384 x 4,096: {seconds:.2f} s")


if __name__ == "__main__":
    main()
