#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`nas bench`: its formats, what it refuses, and that guided search wins on simulated latencies."""
import csv
import io
import unittest

from cli_support import SOURCE
from nas_test import NasTest, strict_json

TABLE = SOURCE / "nas/bench/nas_bench_macro.csv"
METHODS = ["random", "random_near", "evolution", "guided", "proxy", "capacity", "depth"]


class BenchTest(NasTest):
    def small_table(self):
        """Every 20th network: a second of simulation."""
        lines = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
        self.write("small.csv", "\n".join([lines[0], *lines[1::20]]) + "\n")
        return ["nas", "bench", "-q", "--hw", "midap", "--table", "small.csv", "--seeds", "3",
                "--trainings", "4,8", "--limits", "0.5,0.8"]

    def test_formats_have_the_same_figures_and_equal_calls_the_same_bytes(self):
        args = self.small_table()
        text = self.expect_ok(*args, "--format", "json")
        self.assertEqual(self.expect_ok(*args, "--format", "json"), text)
        machine, = strict_json(text)["machines"]
        out = self.expect_ok(*args, "--format", "csv").split("\n", 1)
        self.assertEqual(out[0], "# tilewake-bench v1")
        rows = list(csv.DictReader(io.StringIO(out[1])))
        results = [r for limit in machine["limits"] for r in limit["results"]]
        self.assertEqual(len(rows), 2 * len(METHODS) * 2)
        for row, result in zip(rows, results, strict=True):
            self.assertEqual((row["method"], row["trainings"]),
                             (result["method"], str(result["trainings"])))
            self.assertEqual(float(row["regret"]), result["regret"])
            self.assertGreaterEqual(result["regret"], 0.0)
            self.assertEqual(row["minus_random"] == "", result["method"] == "random")
        self.assertEqual(set(machine["tau"]), {"log_macs", "params", "capacity", "depth"})
        table = self.expect_ok(*args)
        for method in METHODS:
            self.assertIn(f"\n{method} ", table)

    def test_guided_search_beats_random_search_on_a_machine(self):
        text = self.expect_ok("nas", "bench", "-q", "--hw", "vpu_like", "--seeds", "30",
                              "--trainings", "32", "--limits", "0.3,0.7", "--methods",
                              "random,random_near,guided", "--format", "json")
        mean = {r["method"]: r for r in strict_json(text)["mean"]}
        self.assertLess(mean["guided"]["regret"] + 0.001, mean["random_near"]["regret"])
        guided = mean["guided"]
        self.assertLess(guided["minus_random"] + 5 * guided["minus_random_standard_error"], 0.0)

    def test_what_is_no_command_line_exits_2(self):
        for extra in (["--methods", "x"], ["--methods", "guided,guided"], ["--seeds", "0"],
                      ["--trainings", "0"], ["--trainings", "1.5"], ["--trainings", "257"],
                      ["--trainings", "8,8"], ["--limits", "1.1"], ["--limits", "0"],
                      ["--proxy-tau", "2"], ["--hw", ",midap"], ["--format", "xml"]):
            self.assertEqual(self.run_tilewake("nas", "bench", *extra).returncode, 2, extra)

    def test_bad_inputs_exit_3_and_are_named(self):
        self.write("bad.csv", "arch,acc1,acc2,acc3,params\n00000000,1,2,x,387882\n")
        self.expect_error(3, r"bad\.csv:2: acc3: ", "nas", "bench", "-q", "--hw", "midap", "--table",
                          "bad.csv")
        self.expect_error(3, r"nosuch\.csv: ", "nas", "bench", "-q", "--table", "nosuch.csv")
        self.expect_error(3, "--hw midap: a machine of this name", "nas", "bench", "-q", "--hw",
                          "midap,midap")


if __name__ == "__main__":
    unittest.main()
