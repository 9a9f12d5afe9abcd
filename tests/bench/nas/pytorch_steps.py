#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares training steps with those of the same networks in Python PyTorch (Debian: python3-torch).

Both train on one thread, in turns, so that other load on the machine hits both alike:
  largest   the largest network of nas/spaces/fashion.yaml with depths 3, 3, 3, 2
  search    the supernet of that space: superkernels, thresholds, straight-through gates, without
            equal-selection dropout. Python's has no latency loss, which favours Python.

usage: pytorch_steps.py BENCHMARKS [--batch N] [--rounds N] [--layout channels_last|contiguous]
  BENCHMARKS  build/bench/tests/bench/nas_benchmarks
"""
import argparse
import json
import statistics
import subprocess
import time

import torch
from torch import nn
from torch.nn import functional as F

STEM, HEAD, CLASSES = 16, 256, 10
STAGES = [(24, 2, 3), (40, 1, 3), (64, 2, 3), (96, 1, 2)]  # width, stride, depth
BRANCHES = [(3, 5), (3, 5), (3, 5, 7)]  # kernels; expansion ratio 2 each, or none


def conv(num_in, num_out, kernel, stride=1, groups=1):
    return nn.Conv2d(num_in, num_out, kernel, stride, kernel // 2, groups=groups, bias=False)


class Block(nn.Module):
    """What does not differ between a network and the supernet; `depthwise` and `mask` do."""

    def __init__(self, num_in, num_out, stride, depthwise):
        super().__init__()
        self.expand, self.expand_bn = conv(num_in, 6 * num_in, 1), nn.BatchNorm2d(6 * num_in)
        self.depthwise, self.depthwise_bn = depthwise, nn.BatchNorm2d(6 * num_in)
        self.project, self.project_bn = conv(6 * num_in, num_out, 1), nn.BatchNorm2d(num_out)
        self.has_skip = stride == 1 and num_in == num_out

    def forward(self, x):
        y = F.relu(self.expand_bn(self.expand(x)))
        y, mask = self.depthwise(y)
        y = F.relu(self.depthwise_bn(y))
        weight = self.project.weight if mask is None else self.project.weight * mask
        y = self.project_bn(F.conv2d(y, weight))
        return x + y if self.has_skip else y


class MixConv(nn.Module):
    def __init__(self, num_in, stride):
        super().__init__()
        self.channels = [4 * num_in, 2 * num_in]
        self.convs = nn.ModuleList(
            conv(c, c, k, stride, c) for c, k in zip(self.channels, [5, 7]))

    def forward(self, x):
        parts = torch.split(x, self.channels, 1)
        return torch.cat([c(p) for c, p in zip(self.convs, parts)], 1), None


class Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx, margin):
        ctx.save_for_backward(margin)
        return (margin >= 0).to(margin.dtype)

    @staticmethod
    def backward(ctx, gradient):
        sigmoid = torch.sigmoid(ctx.saved_tensors[0])
        return gradient * sigmoid * (1 - sigmoid)


class SuperKernel(nn.Module):
    """A branch: kernels within one another, and one expansion ratio that may vanish."""

    def __init__(self, channels, kernels, stride):
        super().__init__()
        largest = kernels[-1]
        self.conv = conv(channels, channels, largest, stride, channels)
        self.kernel_thresholds = nn.Parameter(torch.zeros(len(kernels) - 1))
        self.channel_threshold = nn.Parameter(torch.zeros(1))
        windows = []
        for k in kernels:
            edge = (largest - k) // 2
            windows.append(F.pad(torch.ones(k, k), (edge, edge, edge, edge)))
        rings = [windows[0]] + [b - a for a, b in zip(windows, windows[1:])]
        self.register_buffer("rings", torch.stack(rings))

    def forward(self, x):
        weight = self.conv.weight
        mask, nested = self.rings[0], 1.0
        for ring, threshold in zip(self.rings[1:], self.kernel_thresholds):
            norm = (weight * ring).pow(2).sum().div(ring.sum() * weight.shape[0]).sqrt()
            nested = nested * Step.apply(norm - threshold)
            mask = mask + nested * ring
        masked = weight * mask
        gate = Step.apply(masked.pow(2).mean().sqrt() - self.channel_threshold)
        y = F.conv2d(x, masked, None, self.conv.stride, self.conv.padding, 1, weight.shape[0])
        return y, gate.expand(weight.shape[0])


class SuperKernels(nn.Module):
    def __init__(self, num_in, stride):
        super().__init__()
        self.channels = [2 * num_in] * len(BRANCHES)
        self.branches = nn.ModuleList(SuperKernel(2 * num_in, k, stride) for k in BRANCHES)

    def forward(self, x):
        parts = torch.split(x, self.channels, 1)
        pairs = [branch(part) for branch, part in zip(self.branches, parts)]
        mask = torch.cat([gate for _, gate in pairs])
        return torch.cat([y for y, _ in pairs], 1), mask.view(1, -1, 1, 1)


class Network(nn.Module):
    def __init__(self, depthwise):
        super().__init__()
        layers = [conv(1, STEM, 3), nn.BatchNorm2d(STEM), nn.ReLU()]
        width = STEM
        for out, stride, depth in STAGES:
            for block in range(depth):
                step = stride if block == 0 else 1
                layers.append(Block(width, out, step, depthwise(width, step)))
                width = out
        layers += [conv(width, HEAD, 1), nn.BatchNorm2d(HEAD), nn.ReLU(),
                   nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(HEAD, CLASSES)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return self.layers(x)


class Steps:
    """Steps of training of a network in Python."""

    def __init__(self, network, batch, layout):
        self.network = network.to(memory_format=layout).train()
        self.images = torch.randn(batch, 1, 28, 28).contiguous(memory_format=layout)
        self.labels = torch.randint(CLASSES, (batch,))
        self.optimizer = torch.optim.SGD(
            network.parameters(), lr=1e-9, momentum=0.9, nesterov=True, weight_decay=5e-5)

    def images_per_second(self, seconds):
        self.step()
        begin, steps = time.process_time(), 0
        while time.process_time() - begin < seconds:
            self.step()
            steps += 1
        return steps * len(self.labels) / (time.process_time() - begin)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(self.network(self.images), self.labels).backward()
        self.optimizer.step()


def ours(program, name, batch, seconds):
    """Images per CPU second of one of our benchmarks."""
    text = subprocess.run(
        [program, f"--benchmark_filter=^step/{name}/batch:{batch}/", f"--benchmark_min_time={seconds}",
         "--benchmark_format=json"], check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True).stdout
    return json.loads(text)["benchmarks"][0]["items_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("benchmarks")
    parser.add_argument("--batch", type=int, default=64, choices=[64, 128])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="CPU time of each measurement")
    parser.add_argument("--layout", default="channels_last", choices=["channels_last", "contiguous"])
    options = parser.parse_args()
    torch.set_num_threads(1)
    layout = (torch.channels_last if options.layout == "channels_last"
              else torch.contiguous_format)
    print(f"PyTorch {torch.__version__}, batch {options.batch}, images per CPU second of one thread")
    for name, depthwise in [("largest", MixConv), ("search", SuperKernels)]:
        python = Steps(Network(depthwise), options.batch, layout)
        pairs = []
        for _ in range(options.rounds):
            pairs.append((ours(options.benchmarks, name, options.batch, options.seconds),
                          python.images_per_second(options.seconds)))
        ratio = statistics.median(a / b for a, b in pairs)
        print(f"{name}: ours {statistics.median(a for a, _ in pairs):.0f}, "
              f"Python {statistics.median(b for _, b in pairs):.0f}, "
              f"ratio {ratio:.2f} (median of {options.rounds})", flush=True)


if __name__ == "__main__":
    main()
