#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast predictions are compared with simulations, and what a calibration and the engine cost.

usage: scripts/speed.py [--repeats N] [--networks NAME,...] MACHINE...

All figures are CPU times (user and system), of whole processes less the start of the program
(`tilewake --version`), and medians of N runs (default 5). For each machine it prints the time of a
calibration, and over the networks of networks/ that the machine runs the median and the smallest
ratio of simulating to predicting. Then it prints the engine's time of ResNet-50 on
edge_systolic_32, and the time of a product of 262,144 x 16,384 x 4,096 on it. Ratios within a run
can be compared, times only on one idle machine. $TILEWAKE_EXE names the program (default:
build/release/tilewake).
"""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("TILEWAKE_EXE", str(ROOT / "build" / "release" / "tilewake"))
GEMM = "Layer,M,N,K,\nllm_ffn,262144,16384,4096,\n"


def cpu_seconds(*arguments):
    """Of one run; nothing if the program refuses."""
    with open(os.devnull, "wb") as null:
        process = subprocess.Popen([PROGRAM, *arguments], stdout=null, stderr=null)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime if process.returncode == 0 else None


def median_ms(repeats, start, *arguments):
    times = [cpu_seconds(*arguments) for _ in range(repeats)]
    return None if None in times else 1e3 * (statistics.median(times) - start)


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
    options = parser.parse_args()
    repeats = options.repeats
    networks = options.networks.split(",") if options.networks else sorted(
        path.stem for path in (ROOT / "networks").glob("*.yaml"))
    start = statistics.median(cpu_seconds("--version") for _ in range(4 * repeats))
    print(f"start of the program: {1e3 * start:.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        for machine in options.machines:
            model = os.path.join(folder, f"{machine}.yaml")
            calibration = cpu_seconds("calibrate", "--hw", machine, "--out", model, "-q")
            ratios = []
            for network in networks:
                simulated = median_ms(repeats, start, "simulate", "--hw", machine, "--net", network, "-q")
                if simulated is None:
                    continue
                predicted = median_ms(repeats, start, "predict", "--model", model, "--net", network, "-q")
                ratios.append((simulated / max(predicted, 1e-3), network, simulated, predicted))
            least, name, simulated, predicted = min(ratios)
            print(f"{machine}: calibration {calibration:.1f} s; predict is {statistics.median(r[0] for r in ratios):.1f} "
                  f"times as fast as simulate in the median of {len(ratios)} networks, {least:.1f} times at least "
                  f"({name}: {simulated:.1f} and {predicted:.1f} ms)", flush=True)
        print(f"engine, resnet50 on edge_systolic_32: {engine_ms(repeats):.2f} ms")
        gemm = os.path.join(folder, "gemm.csv")
        pathlib.Path(gemm).write_text(GEMM, encoding="utf-8")
        print(f"product of 262,144 x 16,384 x 4,096: "
              f"{median_ms(repeats, start, 'simulate', '--hw', 'edge_systolic_32', '--net', gemm, '-q') / 1e3:.2f} s")


if __name__ == "__main__":
    main()
