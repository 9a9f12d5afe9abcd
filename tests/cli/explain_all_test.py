#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The best change that `explain` names, on all shipped machines and five networks."""
import json
import unittest

from cli_support import CliTest, SOURCE

NETWORKS = ("mobilenet_v2", "squeezenet", "resnet18", "efficientnet_b0", "mobilenet_v1")
MACHINES = sorted(path.stem for path in (SOURCE / "hw_configs").glob("*.yaml"))


class BestChangeTest(CliTest):
    def explain(self, *arguments):
        return json.loads(self.expect_ok("explain", "--format", "json", "-q", *arguments))

    def summary(self, *arguments):
        return json.loads(self.expect_ok("simulate", "--format", "json", "-q", *arguments))

    def test_it_is_the_best_and_equals_its_simulation(self):
        for machine in MACHINES:
            for network in NETWORKS:
                with self.subTest(f"{machine} {network}"):
                    explanation = self.explain("--hw", machine, "--net", network)
                    points = explanation["points"]
                    changes = [p for p in points
                               if p["kind"] == "change" and p["status"] == "ok"]
                    best = explanation["best"]
                    self.assertEqual(best["latency_ms"], min(p["latency_ms"] for p in changes))
                    (key, value), = best["set"].items()
                    single = self.summary("--hw", machine, "--net", network, "--set",
                                          f"{key}={value}")
                    base = self.summary("--hw", machine, "--net", network)
                    for name in ("total_cycles", "latency_ms", "machine", "dram_read_bytes", "energy_mj", "area_mm2"):
                        self.assertEqual(best["networks"][0][name], single[name], name)
                        self.assertEqual(points[0]["networks"][0][name], base[name], name)
                    self.assertEqual(best["relative"]["latency"],
                                     single["latency_ms"] / base["latency_ms"] - 1)


if __name__ == "__main__":
    unittest.main()
