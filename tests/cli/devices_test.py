#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Machines named after devices agree with the measurements of tests/reference/hardware/ as documented."""
import json
import re
import subprocess
import sys
import unittest

from cli_support import CliTest, SOURCE

DATA = SOURCE / "tests/reference/hardware"
# machine, what it is evaluated on (a cell of the documents): file, column, options of the script
CASES = {
    ("raspberry_pi_5", "the other 90, 32 x 32 x 3"):
        ("nb201.csv", "pi5_litert_32x32x3_ms", "--rows", "30", "--rest"),
    ("raspberry_pi_5", "120, 88 x 88 x 1"): ("nb201.csv", "pi5_litert_88x88x1_ms"),
    ("raspberry_pi_5", "120, 52 x 16 x 1"): ("nb201.csv", "pi5_litert_52x16x1_ms"),
    ("pixel_3", "the other 90"): ("fbnet.csv", "pixel3_ms", "--rows", "30", "--rest"),
    ("coral_usb", "the same"): ("published.csv", "coral_usb3_edgetpu"),
    ("coral_dev_board", "the same"): ("published.csv", "coral_devboard_edgetpu"),
    ("eyeriss", "the same"): ("eyeriss.csv", "processing_latency_ms_batch4"),
    ("cortex_a76_int8", "the same"): ("published.csv", "ncnn_sd855plus_A76_2.96GHz_1t_int8"),
    ("ethos_u65", "the same"): ("published.csv", "netspresso_imx93_ethosU65"),
}
MAX_PERCENT = {"raspberry_pi_5": 3.5, "pixel_3": 2.5, "ethos_u65": 8, "eyeriss": 9}  # others: 5
MIN_TAU = 0.9


def documented(path):
    """{(machine, evaluated on): (mean error in %, Kendall's tau)} of the tables of a document."""
    figures = {}
    for line in path.read_text().splitlines():
        cells = [cell.strip().strip("`") for cell in line.strip("|").split("|")]
        if len(cells) >= 6 and (cells[0], cells[3]) in CASES:
            percent = re.match(r"([\d.]+) %", cells[4])
            figures[cells[0], cells[3]] = float(percent.group(1)), float(cells[5])
    return figures


class DevicesTest(CliTest):
    def evaluate(self, machine, file, column, *options):
        subprocess.run([sys.executable, "-B", SOURCE / "scripts/measured_networks.py", DATA / file, column,
                        "--networks", DATA / "networks", "--out", self.dir / "measured", *options],
                       check=True, stderr=subprocess.PIPE)
        text = self.expect_ok("fit", "--evaluate", "--hw", machine,
                              "--measured", self.dir / "measured/table.csv", "--format", "json", "-q", cwd=SOURCE)
        return json.loads(text)["errors"]

    def test_errors_are_bounded_and_as_documented(self):
        documents = [documented(SOURCE / "docs/validation.md"), documented(SOURCE / "README.md")]
        self.assertEqual(list(documents[0]), list(CASES))
        for case, table in CASES.items():
            with self.subTest(case):
                errors = self.evaluate(case[0], *table)
                percent, tau = 100 * errors["mape"], errors["kendall_tau"]
                self.assertLess(percent, MAX_PERCENT.get(case[0], 5))
                self.assertGreater(tau, MIN_TAU)
                for figures in documents:
                    if case in figures:
                        self.assertAlmostEqual(percent, figures[case][0], delta=0.1)
                        self.assertAlmostEqual(tau, figures[case][1], delta=0.003)


if __name__ == "__main__":
    unittest.main()
