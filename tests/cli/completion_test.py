#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Completion for shells and the manual page, which are written from the help of the commands."""
import os
import pathlib
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from cli_support import CliTest, EXE, SOURCE, WIDE

HAS_NAS = (EXE.parent / "tilewake-nas").exists()

COMPLETE = r"""
set -u
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_tilewake "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}"
true
"""


@unittest.skipUnless(shutil.which("bash"), "bash is not installed")
class BashTest(CliTest):
    def setUp(self):
        super().setUp()
        self.script = self.write("script", self.expect_ok("completion", "bash"))

    def complete(self, *words, exe=EXE):
        """The completions of the last word, which may be empty; [] leaves it to file names."""
        result = subprocess.run(
            ["bash", "--norc", "-c", COMPLETE, "bash", str(self.script), str(exe), *words],
            cwd=self.dir, capture_output=True, text=True, timeout=60, check=True)
        self.assertEqual(result.stderr, "")
        return result.stdout.splitlines()

    def test_commands(self):
        listed = re.findall(r"(?m)^  (\w+)", self.expect_ok("--help"))
        self.assertEqual(self.complete(""), [*listed, "--help", "--version"])
        self.assertEqual(self.complete("c"), ["check", "calibrate", "convert"])
        self.assertEqual(self.complete("--v"), ["--version"])

    def test_options_are_those_of_the_help(self):
        for command in ("check", "calibrate", "predict", "dram", "convert", "list"):
            with self.subTest(command):
                options = re.findall(r"(?m)^  (?:-\w,|   ) (--[\w-]+)", self.expect_ok(command, "--help"))
                self.assertGreater(len(options), 2)
                self.assertEqual(self.complete(command, "-"), options)
        self.assertEqual(self.complete("simulate", "--res"), ["--resume"])  # of --sweep
        self.assertEqual(self.complete("check", "--hw", "midap", "--ke"), ["--keys"])
        self.assertIn("--net", self.complete("check", "--keys", ""))

    def test_values_that_the_usage_lists(self):
        self.assertEqual(self.complete("simulate", "--format", ""), ["table", "csv", "json"])
        self.assertEqual(self.complete("simulate", "--format", "=", "j"), ["json"])
        self.assertEqual(self.complete("simulate", "--format", "="), ["table", "csv", "json"])
        self.assertEqual(self.complete("dram", "--stream", "s"), ["stride"])
        self.assertEqual(self.complete("list", "m"), ["machines"])
        self.assertEqual(self.complete("schema", ""),
                         ["machine", "network", "recipe", "space", "operator_space", "--help",
                          "--format"])
        self.assertEqual(self.complete("new", "machine", "--kind", ""),
                         ["midap", "systolic", "vector"])
        self.assertEqual(self.complete("list", "machines", "rec"), ["recipes"])

    def test_names_of_machines_and_networks(self):
        machines = sorted(path.stem for path in (SOURCE / "hw_configs").glob("*.yaml"))
        self.assertEqual(self.complete("check", "--hw", ""), machines)
        self.assertEqual(self.complete("check", "--hw", "midap_"), ["midap_lpddr4"])
        self.assertEqual(self.complete("predict", "--net", "resnet"), ["resnet18", "resnet50"])
        self.assertEqual(self.complete("simulate", "--sweep", "--net", "squeezenet,resnet1"),
                         ["squeezenet,resnet18"])

    def test_files_are_left_to_the_shell(self):
        for words in (["predict", "--model", ""], ["simulate", "--out", ""],
                      ["check", "--hw", "./m"], ["check", "--set", "dram"]):
            with self.subTest(words):
                self.assertEqual(self.complete(*words), [])
        self.assertIn("complete -o default", self.script.read_text())

    def test_a_hostile_name_is_quoted_and_not_executed(self):
        self.write("hw_configs/$(touch executed) x.yaml", "")
        names = self.complete("check", "--hw", "$")
        self.assertEqual(names, [r"\$\(touch\ executed\)\ x"])
        self.complete("check", "--hw", "$(touch executed)")
        self.complete("$(touch executed)", "$(touch executed)")
        self.complete("nas", "$(touch executed)", "-")
        self.assertFalse((self.dir / "executed").exists())

    def test_options_of_the_search_are_asked_for(self):
        fake = self.write("bin/tilewake-nas", "#!/bin/sh\n"
                          "echo 'usage: tilewake nas COMMAND'\necho 'commands:'\n"
                          "echo '  run         run it'\necho '  compare     compare them'\n"
                          "echo '  -h, --help  show'\necho '      --target-ms MS  limit'\n")
        fake.chmod(0o755)
        exe = self.dir / "bin/tilewake"
        shutil.copy(EXE, exe)
        self.assertEqual(self.complete("nas", "", exe=exe), ["run", "compare", "--help", "--version"])
        self.assertEqual(self.complete("nas", "run", "--", exe=exe), ["--help", "--target-ms"])
        self.assertEqual(self.complete("nas", "run", "--out", "", exe=exe), [])

    def test_a_missing_program_completes_nothing(self):
        self.assertEqual(self.complete("check", "--hw", "", exe=self.dir / "no"), [])

    def test_bash_accepts_the_script(self):
        subprocess.run(["bash", "-n", str(self.script)], check=True, timeout=60)


class ZshTest(CliTest):
    def test_script_has_every_command_and_option(self):
        text = self.expect_ok("completion", "zsh")
        self.assertTrue(text.startswith("#compdef tilewake\n"))
        for command in re.findall(r"(?m)^  (\w+)", self.expect_ok("--help")):
            self.assertRegex(text, rf"(?m)^    '{command}:")
            self.assertRegex(text, rf"(?m)^    {command}\)$")
        for option in re.findall(r"(?m)^ +(?:-\w, )?(--[\w-]+)", self.expect_ok("dram", "--help")):
            self.assertIn(option, text)
        self.assertIn(":FILE: _tilewake_names machines'", text)
        self.assertIn(":FORMAT:(table csv json)'", text)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_accepts_the_script(self):
        script = self.write("_tilewake", self.expect_ok("completion", "zsh"))
        subprocess.run(["zsh", "-n", str(script)], check=True, timeout=60)


ZSHRC = r"""
PROMPT='$ ' RPROMPT='' LISTMAX=0
setopt no_beep
fpath=("$HOME/functions" $fpath)
autoload -Uz compinit && compinit -u -d "$HOME/dump"
all_matches() { _main_complete; compstate[insert]=all }  # instead of a list
zle -C all-matches complete-word all_matches
report() { print -r -- "$BUFFER" >>"$HOME/lines"; BUFFER='' }
zle -N report
bindkey '^I' all-matches
bindkey '^X' report
"""


@unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
class InteractiveZshTest(CliTest):
    """A real zsh on a terminal: Tab inserts all matches, a key writes the command line to a file."""

    def setUp(self):
        super().setUp()
        self.write("functions/_tilewake", self.expect_ok("completion", "zsh"))
        self.write(".zshrc", ZSHRC)
        self.write("model_a.yaml", "")
        (self.dir / "bin").mkdir()
        (self.dir / "bin" / "tilewake").symlink_to(EXE)
        (self.dir / "bin" / "tilewake-nas").symlink_to("/nonexistent")
        self.lines = self.write("lines", "")
        terminal, other = os.openpty()
        self.addCleanup(os.close, terminal)
        environment = {**os.environ, "HOME": str(self.dir), "ZDOTDIR": str(self.dir), "TERM": "dumb",
                       "COLUMNS": "1000", "PATH": f"{self.dir}/bin:{os.environ['PATH']}"}
        self.zsh = subprocess.Popen(["zsh", "-i"], stdin=other, stdout=other, stderr=other,
                                    cwd=self.dir, env=environment, start_new_session=True)
        os.close(other)
        self.addCleanup(self.zsh.wait)
        self.addCleanup(self.zsh.kill)
        self.terminal = terminal

    def complete(self, line):
        """The words of the command line after Tab."""
        before = self.lines.stat().st_size
        os.write(self.terminal, f"{line}\t\x18".encode())
        deadline = time.monotonic() + 30
        while not self.lines.read_bytes()[before:].endswith(b"\n"):
            self.assertLess(time.monotonic(), deadline, line)
            while select.select([self.terminal], [], [], 0.02)[0]:
                os.read(self.terminal, 65536)
        return self.lines.read_text()[before:].split()

    def test_commands_options_values_names_and_files(self):
        self.assertEqual(self.complete("tilewake sim"), ["tilewake", "simulate"])
        listed = re.findall(r"(?m)^  (\w+)", self.expect_ok("--help"))
        self.assertEqual(set(self.complete("tilewake ")[1:]), set(listed))
        self.assertEqual(self.complete("tilewake dram --chu")[2:], ["--chunk"])
        self.assertEqual(set(self.complete("tilewake simulate --format ")[3:]), {"table", "csv", "json"})
        self.assertEqual(self.complete("tilewake list m")[2:], ["machines"])
        self.assertEqual(set(self.complete("tilewake check --hw mida")[3:]), {"midap", "midap_lpddr4"})
        self.assertEqual(set(self.complete("tilewake predict --net resnet")[3:]), {"resnet18", "resnet50"})
        self.assertEqual(self.complete("tilewake simulate --sweep --net squeezenet,resnet5")[4:],
                         ["squeezenet,resnet50"])
        self.assertEqual(self.complete("tilewake predict --model mod")[3:], ["model_a.yaml"])


class ManualPageTest(CliTest):
    def test_page_has_every_command_and_option(self):
        page = self.expect_ok("man").replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")
        self.assertEqual(page.splitlines()[1].split()[:3], [".TH", "TILEWAKE", "1"])
        for command in re.findall(r"(?m)^  (\w+)", self.expect_ok("--help")):
            self.assertIn(f"\n.SS {command}\n", page)
            if command == "nas":
                continue
            lines = re.findall(r"(?m)^  (?:-\w,|   ) --[\w-]+.*$",
                               self.expect_ok(command, "--help", env=WIDE))
            for line in lines:
                names, text = re.fullmatch(r" +(.*?)  +(.*)", line).groups()
                self.assertIn(f"\n.B {names}\n{text}\n", page)
        self.assertIn("\n.SS simulate --sweep\n", page)

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_groff_formats_it_without_warnings(self):
        result = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], timeout=60,
                                input=self.expect_ok("man"), capture_output=True, text=True,
                                check=True)
        self.assertEqual(result.stderr, "")


class OptionsPageTest(CliTest):
    """The pages of docs/ that are written from the help."""

    def test_page_is_what_the_program_prints(self):
        for program, page in [([], "options.md"), (["nas"], "nas_options.md")]:
            if program and not HAS_NAS:
                continue
            with self.subTest(page):
                self.assertEqual(self.expect_ok(*program, "man", "--format", "markdown"),
                                 (SOURCE / "docs" / page).read_text(), "run scripts/update_docs.sh")

    def test_page_has_every_command_and_option(self):
        page = self.expect_ok("man", "--format", "markdown").replace("\\", "")
        for command in re.findall(r"(?m)^  (\w+)", self.expect_ok("--help")):
            self.assertIn(f"\n| `{command}` | ", page)
            if command == "nas":
                continue
            section = page.split(f"\n## {command}\n")[1].split("\n## ")[0]
            for option in re.findall(r"(?m)^ +(?:-\w, )?(--[\w-]+)", self.expect_ok(command, "--help")):
                self.assertRegex(section, rf"(?m)^\| `(-\w, )?{option}( .*)?` \| ")
        self.assertIn("\n## simulate --sweep\n", page)


class HiddenCommandTest(CliTest):
    def test_help_does_not_list_them(self):
        self.assertNotRegex(self.expect_ok("--help"), "completion|  man ")
        for command in ("completion", "man"):
            self.assertIn("usage: tilewake " + command, self.expect_ok(command, "--help"))

    def test_wrong_arguments_exit_2(self):
        for pattern, *arguments in [
                ("completion: needs one of bash, zsh", "completion"),
                ("completion: needs one of bash, zsh", "completion", "bash", "zsh"),
                ("completion: the shell must be one of bash, zsh, not 'fish'", "completion", "fish"),
                ("unexpected argument 'x'", "man", "x"),
                ("--format must be one of man, markdown", "man", "--format", "html"),
        ]:
            with self.subTest(arguments):
                self.expect_error(2, pattern, *arguments)


class InstallationTest(unittest.TestCase):
    def test_scripts_and_page_are_installed(self):
        build = pathlib.Path(os.environ["TILEWAKE_BUILD_DIR"])
        with tempfile.TemporaryDirectory() as prefix:
            subprocess.run(["cmake", "--install", build, "--prefix", prefix,
                            "--component", "simulator"], check=True, capture_output=True, timeout=300)
            for place, *arguments in [
                    ("share/bash-completion/completions/tilewake", "completion", "bash"),
                    ("share/zsh/site-functions/_tilewake", "completion", "zsh"),
                    ("share/man/man1/tilewake.1", "man")]:
                printed = subprocess.run([EXE, *arguments], check=True, capture_output=True,
                                         timeout=60).stdout
                self.assertEqual((pathlib.Path(prefix) / place).read_bytes(), printed)


if __name__ == "__main__":
    unittest.main()
