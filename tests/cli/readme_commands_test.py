#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of README.md and docs/ work, and print what is shown.

Conventions of these documents:
- A ```yaml block whose first line is `# NAME.yaml` is the file NAME.yaml.
- Commands are in ```sh blocks. Those of the documents of RUN that start with
  `build/release/tilewake` are run in the order of the file, all in one directory: a reader follows
  one document after the other.
- A ```text block directly after a ```sh block shows lines of its standard output, in order.
  Runs of blanks are equal to one blank; `...` is any text, or, alone on a line, any lines.
- Searches are run with `--data synthetic` only. Of all others, and of the commands of
  docs/validation.md, which are long, the options are looked up in `--help`.
"""
import functools
import json
import os
import re
import shlex
import subprocess
import unittest

from cli_support import CliTest, EXE, SOURCE, TIMEOUT

PROGRAM = "build/release/tilewake"
RUN = {"README.md": 4, "docs/tutorial.md": 10, "docs/report.md": 2, "docs/explore.md": 3, "docs/timeline.md": 1}  # commands, at least
LOOKED_UP = ["docs/validation.md"]
LINKED = ["README.md", "CONTRIBUTING.md", *sorted(
    str(path.relative_to(SOURCE)) for path in (SOURCE / "docs").glob("*.md"))]
HAS_NAS = (EXE.parent / "tilewake-nas").exists()


def blocks_of(text):
    """(language, line, body, directly after the block before) of every fenced block."""
    blocks, end = [], None
    for match in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        follows = end is not None and not text[end:match.start()].strip()
        line = text.count("\n", 0, match.start()) + 1
        blocks.append((match[1], line, match[2], follows))
        end = match.end()
    return blocks


def commands_of(body):
    """The commands of a ```sh block as lists of words; `&&` separates commands."""
    commands = []
    for line in body.replace("\\\n", " ").splitlines():
        command = []
        for word in [*shlex.split(line, comments=True), "&&"]:
            if word != "&&":
                command.append(word)
            elif command:
                commands.append(command)
                command = []
    return commands


def missing_line(shown, output):
    """The first line of `shown` that `output` does not have after the lines before; or None."""
    lines = iter([" ".join(line.split()) for line in output.splitlines()])
    for line in shown.splitlines():
        parts = [re.escape(part) for part in " ".join(line.split()).split("...")]
        if any(parts) and not any(re.fullmatch(".*".join(parts), other) for other in lines):
            return line
    return None


@functools.lru_cache(maxsize=None)
def help_of(command):
    """Exit code and text of a command's --help."""
    result = subprocess.run([EXE, *command, "--help"], timeout=TIMEOUT, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return result.returncode, result.stdout


class DocumentTest(CliTest):
    def setUp(self):
        super().setUp()
        for name in ("hw_configs", "networks", "nas"):
            (self.dir / name).symlink_to(SOURCE / name)

    def call(self, words):
        environment = {k: v for k, v in os.environ.items() if k != "TILEWAKE_DATA_DIR"}
        return subprocess.run([EXE, *words], cwd=self.dir, env=environment, timeout=200,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)

    def look_up_options(self, words, place):
        """Fails unless every option of a command is in its --help."""
        first = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
        command = words[:first] + (["--sweep"] if "--sweep" in words else [])
        code, text = help_of(tuple(command))
        self.assertEqual(code, 0, (place, words, text))
        for word in words:
            if re.match(r"--?[a-z]", word):
                self.assertRegex(text, rf"(?<![\w-]){re.escape(word)}(?![\w-])", (place, words))

    def run_document(self, text, name):
        """Runs the commands of a document; returns how many were run."""
        skipped, num_run, output = (), 0, None  # skipped: directories of searches that did not run
        for language, line, body, follows in blocks_of(text):
            place = f"{name}:{line}"
            if language == "yaml" and (file := re.match(r"# ([\w-]+\.yaml)\n", body)):
                self.write(file[1], body)
            elif language == "sh":
                output = ""
                for command in commands_of(body):
                    if command[0] != PROGRAM:
                        continue
                    words = command[1:]
                    is_search = words[0] == "nas"
                    if (is_search and not HAS_NAS) or any(word.startswith(skipped) for word in words):
                        skipped += tuple(after for word, after in zip(words, words[1:])
                                         if word == "--out")
                        output = None
                    elif is_search and "synthetic" not in words:
                        self.look_up_options(words, place)
                    else:
                        result = self.call(words)
                        self.assertEqual(result.returncode, 0, (place, words, result.stderr[-2000:]))
                        num_run += 1
                        if output is not None:
                            output += result.stdout
            elif language == "text" and follows and output is not None:
                self.assertIsNone(missing_line(body, output), f"{place}: not in\n{output}")
        return num_run

    def test_documents_one_after_the_other(self):
        for name, least in RUN.items():
            self.assertGreaterEqual(self.run_document((SOURCE / name).read_text(), name), least, name)

    def test_options_of_long_commands_are_in_the_help(self):
        num_commands = 0
        for name in LOOKED_UP:
            for language, line, body, _ in blocks_of((SOURCE / name).read_text()):
                for command in commands_of(body) if language == "sh" else []:
                    if PROGRAM not in command:
                        continue
                    words = command[command.index(PROGRAM) + 1:]
                    if words[0] != "nas" or HAS_NAS:
                        self.look_up_options(words, f"{name}:{line}")
                        num_commands += 1
        self.assertGreater(num_commands, 5)

    def test_scripts_and_presets_exist(self):
        presets = json.loads((SOURCE / "CMakePresets.json").read_text())
        names = {preset["name"] for kind in ("configure", "build", "test")
                 for preset in presets[f"{kind}Presets"]}
        for name in [*RUN, *LOOKED_UP]:
            for language, line, body, _ in blocks_of((SOURCE / name).read_text()):
                for command in commands_of(body) if language == "sh" else []:
                    if command[0].startswith("scripts/"):
                        self.assertTrue(os.access(SOURCE / command[0], os.X_OK), (name, line))
                    if "--preset" in command:
                        self.assertIn(command[command.index("--preset") + 1], names, (name, line))

    def test_links_lead_to_files_and_headings(self):
        for name in LINKED:
            text = (SOURCE / name).read_text()
            for target in re.findall(r"\]\(([^)\s]+)\)", text):
                if target.startswith("https://"):
                    continue
                file, _, anchor = target.partition("#")
                path = (SOURCE / name).parent / file if file else SOURCE / name
                self.assertTrue(path.exists(), (name, target))
                if anchor:
                    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
                    self.assertIn(anchor, [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
                                           for heading in headings], (name, target))


class StaleDocumentTest(DocumentTest):
    """What the tests above are for: a stale document fails."""

    test_documents_one_after_the_other = test_links_lead_to_files_and_headings = None
    test_options_of_long_commands_are_in_the_help = test_scripts_and_presets_exist = None

    GOOD = f"""\
```sh
{PROGRAM} simulate --hw midap \\
  --net tiny.yaml  # a comment
```

```text
layer  op ...
...
tiny on midap: ... ms, ...
```
"""

    def test_good_document(self):
        self.assertEqual(self.run_document(self.GOOD, "good.md"), 1)

    def test_stale_command(self):
        for old, new in (("--net", "--network"), ("tiny.yaml", "absent.yaml"),
                         ("simulate", "emulate"), ("tiny on", "small on"),
                         ("layer  op", "tiny on midap: ...\nlayer  op")):
            with self.subTest(new):
                stale = self.GOOD.replace(old, new)
                self.assertNotEqual(stale, self.GOOD)
                with self.assertRaises(AssertionError):
                    self.run_document(stale, "stale.md")

    def test_stale_option_of_a_long_command(self):
        self.look_up_options(["simulate", "--hw", "midap", "--net", "tiny.yaml"], "long.md")
        for words in (["simulate", "--hardware", "midap"], ["simulate", "--ne", "x"],
                      ["emulate", "--hw", "midap"]):
            with self.subTest(words), self.assertRaises(AssertionError):
                self.look_up_options(words, "long.md")


if __name__ == "__main__":
    unittest.main()
