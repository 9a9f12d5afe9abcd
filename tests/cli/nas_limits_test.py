#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Limits of energy, parameters and memory: `nas run`, `nas space` and `nas compare`."""
import json
import unittest

from nas_methods_test import table_of
from nas_test import MACHINE, TARGET_MS, NasTest, strict_json

# Everything but the leakage is 0, and that is a constant energy per cycle.
LEAKAGE_PJ = 1000.0
PROPORTIONAL = """energy:
  mac_pj: 0
  vector_pj: 0
  clock_pj: 0
  leakage_pj: %s
  registers: {access_pj: 0}
  input_buffer: {read_pj: 0, write_pj: 0}
  weight_buffer: {read_pj: 0, write_pj: 0}
  output_buffer: {read_pj: 0, write_pj: 0}
  chip_memory: {read_pj: 0, write_pj: 0}
  interconnect: {wire_pj: 0}
  dram: {standard: none}
""" % LEAKAGE_PJ


class LimitsTest(NasTest):
    def run_of(self, out, *limits, method="mobilenet_v2", machine="machine.yaml"):
        without = ["--target-ms", *([] if machine == "machine.yaml" else ["--model", "--hw"])]
        extra = [] if machine == "machine.yaml" else ["--hw", machine]
        self.expect_found(*self.arguments(*extra, *limits, "--method", method, "--out", out,
                                          without=without))
        return json.loads((self.dir / out / "summary.json").read_text())

    def test_energy_proportional_to_time_is_as_good_a_limit_as_time(self):
        path = self.write("leaking.yaml", MACHINE.rstrip("\n") + "\n" + PROPORTIONAL)
        by_time = self.run_of("time", "--target-ms", str(TARGET_MS), method="s3nas", machine=path)
        share = by_time["energy_mj"] / by_time["latency_ms"]
        by_energy = self.run_of("energy", "--target-mj", str(share * TARGET_MS), method="s3nas",
                                machine=path)
        self.assertNotIn("target_ms", by_energy)
        self.assertAlmostEqual(by_energy["target_mj"], share * TARGET_MS)
        self.assertEqual(by_energy["params"], by_time["params"])
        self.assertEqual(by_energy["total_cycles"], by_time["total_cycles"])

    def test_a_machine_without_energies_is_refused_before_anything_is_written(self):
        path = self.write("cold.yaml", MACHINE.rstrip("\n") + "\n" + PROPORTIONAL.replace(
            f"leakage_pj: {LEAKAGE_PJ}", "leakage_pj: 0"))
        before = self.names_in()
        self.expect_refused("all energies of machine", *self.arguments(
            "--hw", path, "--target-mj", "1", "--method", "mobilenet_v2", "--out", "out",
            without=["--target-ms", "--model", "--hw"]))
        self.assertEqual(self.names_in(), before)

    def test_the_winner_keeps_to_every_limit_and_a_tighter_one_takes_less(self):
        self.with_model()
        free = self.run_of("free", "--target-ms", str(TARGET_MS))
        self.assertAlmostEqual(free["simulated_mj"], free["energy_mj"], delta=1e-9)
        before = free
        for share in (0.9, 0.75):
            limit = share * free["energy_mj"]
            found = self.run_of(f"energy-{share}", "--target-ms", str(TARGET_MS), "--target-mj",
                                str(limit))
            self.assertLessEqual(found["energy_mj"], limit)
            self.assertLessEqual(found["latency_ms"], TARGET_MS)
            self.assertLessEqual(found["energy_mj"], before["energy_mj"])
            before = found
        found = self.run_of("params", "--target-ms", str(TARGET_MS), "--max-params",
                            str(free["params"] - 1))
        self.assertLess(found["params"], free["params"])

    def test_memory_is_a_limit(self):
        self.with_model()
        free = self.run_of("free", "--target-ms", str(TARGET_MS))
        for option, key in (("--max-dram-kb", "dram_footprint_bytes"),
                            ("--max-memory-kb", "peak_chip_bytes")):
            kilobytes = (free[key] - 1) // 1024
            found = self.run_of(option.strip("-"), "--target-ms", str(TARGET_MS), option,
                                str(kilobytes))
            self.assertLessEqual(found[key], 1024 * kilobytes, option)

    def test_methods_of_operators_keep_to_both_limits(self):
        self.with_model()
        free = self.run_of("free", "--target-ms", str(TARGET_MS), "--set",
                           "random_search.networks=2", method="random")
        limit = 0.9 * free["energy_mj"]
        found = self.run_of("both", "--target-ms", str(TARGET_MS), "--target-mj", str(limit),
                            "--set", "random_search.networks=2", method="random")
        self.assertLessEqual(found["energy_mj"], limit)
        self.assertIn("share_of_limits", (self.dir / "both/operators.csv").read_text())

    def test_what_cannot_be_limited_is_refused_by_name(self):
        self.with_model()
        for name, *limits in (
                ("--target-ms T or --target-mj E",),
                ("several limits", "--target-ms", "0.01,0.02", "--target-mj", "0.1"),
                ("several limits", "--target-mj", "0.01,0.02", "--max-params", "1000"),
                ("flops", "--target-mj", "0.1", "--method", "flops"),
                ("--target-mj", "--target-mj", "x")):
            self.expect_refused(name, *self.arguments(*limits, "--out", "out",
                                                      without=["--target-ms"]), code=2)
        self.expect_error(2, "give --target-ms or --target-mj", "nas", "space", "--hw", "midap",
                          "--target-ms", "1", "--target-mj", "1")

    def test_a_machine_without_energies_has_no_energy_limit(self):
        path = self.write("none.yaml", MACHINE.rstrip("\n") + "\n" +
                          PROPORTIONAL.replace(str(LEAKAGE_PJ), "0"))
        self.expect_refused("energ", *self.arguments(
            "--hw", path, "--target-mj", "1", "--out", "out",
            without=["--target-ms", "--model", "--hw"]), code=3)

    def test_a_space_is_made_for_energy(self):
        args = ["nas", "space", "-q", "--hw", "midap", "--target-mj", "0.05", "--space",
                "operators_synthetic", "--profile", "simulate"]
        rows = table_of(self.expect_ok(*args, "--format", "csv"))
        for row in rows:
            if row["operator"] != "identity":
                self.assertAlmostEqual(float(row["score"]),
                                       float(row["capacity"]) / float(row["energy_mj"]), delta=1e-4)
        found = strict_json(self.expect_ok(*args, "--format", "json"))["machines"][0]
        self.assertEqual(found["target_mj"], 0.05)

    def test_compare_groups_by_energy(self):
        self.with_model()
        out = self.expect_found(*self.arguments(
            "--target-mj", "0.02", "--methods", "mobilenet_v2,dense", "--seeds", "1", "--out",
            "compare", "--format", "csv", without=["--target-ms"]), command="compare")
        for row in table_of(out):
            self.assertEqual((row["target_ms"], row["target_mj"]), ("", "0.02"))
            self.assertLessEqual(float(row["simulated_mj"]), 0.02)


if __name__ == "__main__":
    unittest.main()
