#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Simulates a network on a machine: simulate.py [NETWORK [MACHINE]]"""
import sys

import tilewake

network, machine = (sys.argv[1:] + ["resnet50", "midap"][len(sys.argv[1:]):])[:2]
result = tilewake.simulate(network, machine)
slowest = sorted(zip(result.layers["total_cycles"], result.layers["layer"]), reverse=True)[:5]
for cycles, layer in slowest:
    print(f"{layer:30} {cycles:12,} cycles")
print(f"{network} on {machine}: {result.latency_ms:.3f} ms, "
      f"PE utilization {100 * result.summary['pe_utilization']:.1f} %")
