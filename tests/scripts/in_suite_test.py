#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What scripts/in_suite.sh refuses, with programs in place of those that need root or a network."""
import os
import pathlib
import subprocess
import tempfile
import unittest

SCRIPTS = pathlib.Path(os.environ["TILEWAKE_SOURCE_DIR"]) / "scripts"


class InSuiteTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.dir = pathlib.Path(scratch.name)
        self.programs = self.dir / "programs"
        self.programs.mkdir()
        self.program("id", "echo 0")
        # What runs as a namespace's command: debootstrap's arguments, and what enters the chroot.
        self.program("unshare", f'echo "$@" >>{self.dir}/calls')
        self.program("debootstrap", "exit 1")
        self.chroots = self.dir / "chroots"

    def program(self, name, line):
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)

    def in_suite(self, *arguments, path=None):
        return subprocess.run(
            ["/bin/sh", SCRIPTS / "in_suite.sh", *arguments], capture_output=True, text=True,
            check=False, timeout=60, stdin=subprocess.DEVNULL,
            env={"PATH": path or f"{self.programs}:{os.environ['PATH']}",
                 "TILEWAKE_CHROOTS": str(self.chroots)})

    def ready(self):
        """A chroot that is complete, as far as the script can see."""
        (self.chroots / "trixie/etc/apt/apt.conf.d").mkdir(parents=True)
        (self.chroots / "trixie/.complete").touch()

    def test_wrong_arguments_exit_2(self):
        for arguments in ([], ["trixie"], ["../trixie", "true"], ["", "true"], ["a/b", "true"]):
            self.assertEqual(self.in_suite(*arguments).returncode, 2, arguments)
        self.assertFalse(self.chroots.exists())

    def test_what_is_missing_is_named(self):
        self.program("id", "echo 1000")
        result = self.in_suite("trixie", "true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("root", result.stderr)

        self.program("id", "echo 0")
        (self.programs / "debootstrap").unlink()
        for name in ("sed", "tr", "dirname"):
            self.program(name, f'exec /usr/bin/{name} "$@"')
        result = self.in_suite("trixie", "true", path=str(self.programs))
        self.assertEqual(result.returncode, 1)
        self.assertIn("apt-get install", result.stderr)
        self.program("debootstrap", "exit 1")

        result = self.in_suite("nosuchsuite", "true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("nosuchsuite", result.stderr)

        self.ready()
        self.program("unshare", "exit 1")
        result = self.in_suite("trixie", "true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("mounts", result.stderr)

    def test_a_complete_chroot_is_used_again(self):
        self.ready()
        kept = self.chroots / "trixie/kept"
        kept.write_text("x")
        result = self.in_suite("trixie", "make", "a thing")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(kept.read_text(), "x")
        calls = (self.dir / "calls").read_text()
        self.assertNotIn("debootstrap", calls)
        self.assertIn("make a thing", calls)

    def test_a_failed_command_gives_its_exit_code(self):
        self.ready()
        self.program("unshare", 'case "$*" in *wrong*) exit 7 ;; esac')
        self.assertEqual(self.in_suite("trixie", "wrong").returncode, 7)

    def test_two_runs_at_once_are_refused(self):
        self.ready()
        with subprocess.Popen(["flock", self.chroots / "trixie.lock", "cat"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            holder.stdin.write(b"held\n")
            holder.stdin.flush()
            self.assertEqual(holder.stdout.read(5), b"held\n")
            result = self.in_suite("trixie", "true")
            holder.stdin.close()
        self.assertEqual(result.returncode, 1)
        self.assertIn("another run", result.stderr)


if __name__ == "__main__":
    unittest.main()
