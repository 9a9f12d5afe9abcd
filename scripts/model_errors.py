#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How wrong the latency model of a machine is on the shipped networks, or on those of a search.

usage: scripts/model_errors.py [--operators | --dense] MACHINE...

Calibrates each machine on generated networks, then simulates and predicts what it runs of
networks/, and prints a line a machine. With --operators these are 120 random networks of the pool
that searches over operators have, in the frames of nas/spaces/; with --dense only its dense blocks.
$TILEWAKE_EXE names the program (default: build/release/tilewake).
"""
import json
import os
import pathlib
import random
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


# Input, stem's stride and width, stages (width, stride, depth), head, classes: operators_*.yaml.
FRAMES = [((1, 28), 1, 16, [(24, 2, 2), (40, 1, 2), (64, 2, 4), (96, 1, 3)], 256, 10),
          ((1, 28), 2, 16, [(24, 1, 3), (40, 2, 3), (64, 1, 2)], 160, 10),
          ((3, 32), 1, 24, [(32, 1, 2), (48, 2, 3), (80, 2, 3), (128, 1, 3)], 320, 100)]
DENSE = [("conv_unit", kernel, None) for kernel in (3, 5)] + [
    ("convblock", kernel, ratio) for kernel in (3, 5) for ratio in (1, 3, 6)]
OPERATORS = DENSE + [("xception_unit", 3, None)] + [
    (op, kernel, None) for op in ("shuffle_unit", "separable") for kernel in (3, 5, 7)] + [
    ("mbconv", kernel, ratio) for kernel in (3, 5, 7) for ratio in (1, 3, 6)]


def random_network(seed, operators):
    """A network of one of the frames, each width up to doubled, some positions skipped."""
    dice = random.Random(seed)
    (channels, side), stride, stem, stages, head, classes = FRAMES[seed % len(FRAMES)]
    lines = [f"  - {{name: stem, op: conv2d, out_channels: {stem}, kernel: 3, stride: {stride}, activation: relu}}"]
    for stage, (width, stage_stride, depth) in enumerate(stages):
        width = int(width * dice.choice([1, 1, 1.5, 2])) // 8 * 8
        for block in range(depth):
            if block > 0 and dice.random() < 0.15:
                continue
            op, kernel, ratio = dice.choice(operators)
            more = f", expansion_ratios: [{ratio}]" if ratio else ""
            more += ", se_ratio: 0.25" if dice.random() < 0.25 else ""
            lines.append(f"  - {{name: s{stage}.{block}, op: {op}, kernels: [{kernel}]{more}, out_channels: {width}, "
                         f"stride: {1 if block else stage_stride}}}")
    lines += [f"  - {{name: head, op: conv2d, out_channels: {head}, kernel: 1, activation: relu}}",
              "  - {name: pool, op: global_avg_pool}",
              f"  - {{name: classifier, op: fully_connected, out_channels: {classes}}}"]
    return "\n".join([f"name: random_{seed}", f"input: {{channels: {channels}, height: {side}, width: {side}}}",
                      "layers:", *lines, ""])


def networks_in(folder, operators):
    """Paths of 120 random networks of these operators."""
    paths = []
    for seed in range(120):
        paths.append(os.path.join(folder, f"random_{seed}.yaml"))
        pathlib.Path(paths[-1]).write_text(random_network(seed, operators), encoding="utf-8")
    return paths


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
    operators = {"--operators": OPERATORS, "--dense": DENSE}.get(machines[0]) if machines else None
    machines = machines[1:] if operators else machines
    if not machines or machines[0].startswith("-"):
        sys.exit(__doc__)
    networks = sorted(path.stem for path in (ROOT / "networks").glob("*.yaml"))
    for machine in machines:
        with tempfile.TemporaryDirectory() as folder:
            model = os.path.join(folder, "model.yaml")
            run("calibrate", "--hw", machine, "--out", model, "-q")
            if operators:
                networks = networks_in(folder, operators)
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
        print(f"{machine}: {len(totals)} networks, mean {mean:.2f} %, largest {worst:.2f} % ({pathlib.Path(name).stem}); "
              f"{len(blocks)} blocks, {within:.1f} % of them within 10 %", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
