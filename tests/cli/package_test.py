#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian packages of this build: what they declare and hold, and the program unpacked from them."""
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["TILEWAKE_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["TILEWAKE_BUILD_DIR"])
EXE = pathlib.Path(os.environ["TILEWAKE_EXE"])
HAS_PYTHON = "TILEWAKE_PYTHON:BOOL=ON" in (BUILD / "CMakeCache.txt").read_text()
TOOLS = ("cpack", "dpkg-deb", "dpkg-shlibdeps", "dpkg-query")


def run(*command, **options):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                            check=False, timeout=250, **options)
    assert result.returncode == 0, f"{command}: {result.stdout}\n{result.stderr}"
    return result.stdout


@unittest.skipUnless(all(map(shutil.which, TOOLS)), "not on Debian, or dpkg-dev is missing")
class PackageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="tilewake-package-")
        cls.addClassCleanup(scratch.cleanup)
        cls.dir = pathlib.Path(scratch.name)
        components = "simulator;python" if HAS_PYTHON else "simulator"
        run("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", cls.dir / "packages",
            "-D", f"CPACK_COMPONENTS_ALL={components}",
            "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip")  # faster than xz
        cls.packages = {path.name.split("_")[0]: path
                        for path in (cls.dir / "packages").glob("*.deb")}
        cls.root = cls.dir / "root"
        for package in cls.packages.values():
            run("dpkg-deb", "-x", package, cls.root)

    def field(self, package, name):
        return run("dpkg-deb", "-f", self.packages[package], name).strip()

    def test_each_component_is_a_package_of_this_version(self):
        expected = {"tilewake", *(["python3-tilewake"] if HAS_PYTHON else [])}
        self.assertEqual(set(self.packages), expected)
        version = run(EXE, "--version").split()[1]
        architecture = run("dpkg", "--print-architecture").strip()
        for package in expected:
            self.assertEqual(self.field(package, "Version"), version)
            self.assertEqual(self.field(package, "Architecture"), architecture)
            description = self.field(package, "Description").splitlines()
            self.assertLess(len(description[0]), 80)
            self.assertGreater(len(description), 1)
            self.assertTrue(all(line.startswith(" ") for line in description[1:]))

    def test_dependencies_exist_and_need_neither_torch_nor_a_compiler(self):
        for package in self.packages:
            with self.subTest(package):
                names = re.findall(r"(?:^|, )([a-z0-9.+-]+)", self.field(package, "Depends"))
                self.assertIn("libc6", names)
                self.assertTrue(any(name.startswith("libyaml-cpp") for name in names), names)
                for name in names:
                    self.assertNotRegex(name, "torch|opencv|clang|-dev$|g[+][+]")
                    run("dpkg-query", "-W", name)

    def test_installed_files_are_those_of_a_package(self):
        for package, path in self.packages.items():
            with self.subTest(package):
                for line in run("dpkg-deb", "-c", path).splitlines():
                    mode, owner, *_ = line.split()
                    name = line.split(" ./", 1)[1]
                    self.assertEqual(owner, "root/root")
                    if mode.startswith("d"):
                        self.assertEqual(mode, "drwxr-xr-x", name)
                    elif not mode.startswith("l"):
                        program = name.startswith("usr/bin/")
                        self.assertEqual(mode, "-rwxr-xr-x" if program else "-rw-r--r--", name)
                        self.assertRegex(name, "^usr/(bin|share|lib/python3/dist-packages)/")
                documents = self.root / "usr/share/doc" / package
                self.assertIn("License: Apache-2.0", (documents / "copyright").read_text())
                with gzip.open(documents / "changelog.gz", "rt") as changelog:
                    self.assertIn(self.field(package, "Version"), changelog.readline())

    def test_help_of_shells_and_the_manual_page_are_those_of_the_program(self):
        share = self.root / "usr/share"
        with gzip.open(share / "man/man1/tilewake.1.gz", "rt") as page:
            self.assertEqual(page.read(), run(EXE, "man"))
        self.assertEqual((share / "bash-completion/completions/tilewake").read_text(),
                         run(EXE, "completion", "bash"))
        self.assertEqual((share / "zsh/vendor-completions/_tilewake").read_text(),
                         run(EXE, "completion", "zsh"))

    def run_unpacked(self, *command):
        """In an empty directory, without what this build sets."""
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("TILEWAKE_", "PYTHON"))}
        with tempfile.TemporaryDirectory(dir=self.dir) as empty:
            return run(*command, cwd=empty, env=environment)

    def test_unpacked_program_finds_its_files_and_gives_the_same_figures(self):
        program = self.root / "usr/bin/tilewake"
        arguments = ("simulate", "--hw", "midap", "--net", "mobilenet_v2", "--format", "json")
        self.assertEqual(json.loads(self.run_unpacked(program, *arguments)),
                         json.loads(run(EXE, *arguments, cwd=SOURCE)))
        networks = self.run_unpacked(program, "list", "networks", "--format", "names").split()
        self.assertEqual(networks, sorted(path.stem for path in (SOURCE / "networks").glob("*.yaml")))
        self.assertNotIn(b".debug_info", program.read_bytes())

    @unittest.skipUnless(HAS_PYTHON, "this build has no Python package")
    def test_unpacked_python_package_gives_the_same_figures(self):
        packages = self.root / "usr/lib/python3/dist-packages"
        output = self.run_unpacked(
            sys.executable, "-B", "-c", f"import sys; sys.path.insert(0, {str(packages)!r})\n"
            "import tilewake; print(tilewake.simulate('mobilenet_v2', 'midap').total_cycles)")
        expected = run(EXE, "simulate", "--hw", "midap", "--net", "mobilenet_v2", "--format", "json",
                       cwd=SOURCE)
        self.assertEqual(int(output), json.loads(expected)["total_cycles"])


if __name__ == "__main__":
    unittest.main()
