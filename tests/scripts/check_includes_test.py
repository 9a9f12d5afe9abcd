#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""scripts/check_includes.py finds what it is there to find."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECKER = pathlib.Path(os.environ["TILEWAKE_SOURCE_DIR"]) / "scripts" / "check_includes.py"


def check(path, line):
    """Output of the checker for a tree of one file with one line; empty if it passes."""
    with tempfile.TemporaryDirectory() as root:
        file = pathlib.Path(root) / path
        file.parent.mkdir(parents=True)
        file.write_text(f"// first line\n{line}\n")
        run = subprocess.run([sys.executable, "-B", CHECKER, "--root", root],
                             capture_output=True, text=True, check=False)
        assert run.returncode == (1 if run.stdout else 0), run
        return run.stdout


class CheckIncludesTest(unittest.TestCase):
    def test_a_room_may_include_itself_and_what_is_below(self):
        for header in ("mapping/midap/order.hpp", "hardware/dram_config.hpp", "common/error.hpp"):
            self.assertEqual(check("simulator/mapping/midap/a.hpp",
                                   f'#include "simulator/{header}"'), "")

    def test_a_room_above_is_refused_with_its_place(self):
        self.assertEqual(
            check("simulator/network/a.cpp", '#include "simulator/mapping/mapper.hpp"'),
            "simulator/network/a.cpp:2: simulator/network must not include "
            "simulator/mapping/mapper.hpp\n")

    def test_trace_sees_the_events_of_the_engine_and_nothing_else(self):
        self.assertEqual(check("simulator/trace/a.cpp", '#include "simulator/engine/events.hpp"'), "")
        self.assertNotEqual(check("simulator/trace/a.cpp", '#include "simulator/engine/dma.hpp"'), "")

    def test_the_commands_of_a_module_are_above_it(self):
        model = '#include "latency_model/latency_model.hpp"'
        self.assertEqual(check("latency_model/cli/a.cpp", model), "")
        self.assertNotEqual(check("simulator/cli/a.cpp", model), "")
        self.assertNotEqual(
            check("latency_model/a.cpp", '#include "latency_model/cli/model_file.hpp"'), "")
        self.assertNotEqual(
            check("simulator/engine/a.cpp", '#include "simulator/cli/options.hpp"'), "")

    def test_systemc_stays_in_the_engine(self):
        for line in ("#include <systemc>", "#  include <systemc.h>", "#include <systemc/foo>"):
            self.assertEqual(check("simulator/engine/midap/a.cpp", line), "")
            self.assertIn("must not include <systemc>", check("simulator/mapping/a.cpp", line))

    def test_a_prefix_of_a_name_is_another_name(self):
        self.assertEqual(check("simulator/common/a.cpp", "#include <systemcraft>"), "")
        self.assertNotEqual(check("simulator/network/a.cpp", '#include "simulator/common2/a.hpp"'), "")


if __name__ == "__main__":
    unittest.main()
