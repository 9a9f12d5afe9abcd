#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How wrong the latency model of a machine is on the shipped networks.

usage: scripts/model_errors.py MACHINE...

Calibrates each machine on networks of its own, then simulates and predicts what it runs of
networks/, and prints a line a machine. $TILEWAKE_EXE names the program (default: build/release/tilewake).
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = os.environ.get("TILEWAKE_EXE", str(ROOT / "build" / "release" / "tilewake"))


def run(*arguments):
    result = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(result.stderr.strip() or f"{PROGRAM} {' '.join(arguments)}: failed")
    return result.stdout


def runs(machine, network):
    """Whether the machine has all layers of the network: MIDAP refuses some."""
    return subprocess.run([PROGRAM, "check", "--hw", machine, "--net", network, "-q"], capture_output=True,
                          check=False).returncode == 0


def errors_of(machine, model, network):
    """Error in % of the network, and of each of its blocks."""
    simulated = json.loads(run("simulate", "--hw", machine, "--net", network, "--format", "json", "-q"))
    predicted = json.loads(run("predict", "--model", model, "--net", network, "--format", "json", "-q"))
    cycles = {layer["layer"]: layer["total_cycles"] for layer in predicted["layers"]}
    blocks = {}
    for layer in simulated["layers"]:
        sums = blocks.setdefault(layer["block"] or layer["layer"], [0, 0])
        sums[0] += layer["total_cycles"]
        sums[1] += cycles[layer["layer"]]
    total = 100 * (predicted["total_cycles"] / simulated["total_cycles"] - 1)
    return total, [100 * (p / s - 1) for s, p in blocks.values() if s > 0]


def main(machines):
    if not machines or machines[0] in ("-h", "--help"):
        sys.exit(__doc__)
    networks = sorted(path.stem for path in (ROOT / "networks").glob("*.yaml"))
    for machine in machines:
        with tempfile.TemporaryDirectory() as folder:
            model = os.path.join(folder, "model.yaml")
            run("calibrate", "--hw", machine, "--out", model, "-q")
            totals, blocks = [], []
            for network in networks:
                if not runs(machine, network):
                    continue
                total, of_blocks = errors_of(machine, model, network)
                totals.append((abs(total), network))
                blocks += map(abs, of_blocks)
        worst, name = max(totals)
        mean = sum(error for error, _ in totals) / len(totals)
        within = 100 * sum(error <= 10 for error in blocks) / len(blocks)
        print(f"{machine}: {len(totals)} networks, mean {mean:.2f} %, largest {worst:.2f} % ({name}); "
              f"{len(blocks)} blocks, {within:.1f} % of them within 10 %", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
