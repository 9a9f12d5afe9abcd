#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fail when a module includes a module above it. Run by ctest (label: lint)."""
import argparse
import pathlib
import re
import sys

NAS_CORE = ["nas/common", "latency_model", "simulator/hardware", "simulator/network",
            "simulator/common"]

# Each module may include itself and what it lists: modules, single headers, or, with a '/' at the
# end, all modules of a directory. A file belongs to the innermost module that holds it.
ALLOWED = {
    "simulator/common": [],
    "simulator/network": ["simulator/common"],
    "simulator/hardware": ["simulator/network", "simulator/common"],
    "simulator/mapping": ["simulator/hardware", "simulator/network", "simulator/common"],
    "simulator/engine": ["simulator/mapping", "simulator/hardware", "simulator/network",
                         "simulator/common"],
    "simulator/trace": ["simulator/engine/events.hpp", "simulator/hardware/device_config.hpp",
                        "simulator/network", "simulator/common"],
    "simulator/energy": ["simulator/trace", "simulator/mapping", "simulator/hardware",
                         "simulator/network", "simulator/common"],
    "simulator/api": ["simulator/engine", "simulator/energy", "simulator/trace", "simulator/mapping", "simulator/hardware",
                      "simulator/network", "simulator/common"],
    "simulator/explore": ["simulator/api", "simulator/engine/events.hpp", "simulator/trace",
                          "simulator/mapping", "simulator/hardware", "simulator/network",
                          "simulator/common"],
    "simulator/cli": ["simulator/"],
    "latency_model": ["simulator/trace", "simulator/mapping", "simulator/hardware",
                      "simulator/network", "simulator/common"],
    "latency_model/api": ["latency_model", "simulator/api", "simulator/trace", "simulator/mapping",
                          "simulator/hardware", "simulator/network", "simulator/common"],
    "latency_model/fit": ["latency_model", "simulator/api", "simulator/trace", "simulator/mapping",
                          "simulator/hardware", "simulator/network", "simulator/common"],
    "latency_model/report": ["latency_model", "latency_model/api", "latency_model/fit", "simulator/"],
    "latency_model/cli": ["latency_model", "latency_model/api", "latency_model/fit",
                          "latency_model/report", "simulator/"],
    "python": ["latency_model", "latency_model/api", "latency_model/fit", "simulator/api",
               "simulator/explore", "simulator/trace",
               "simulator/hardware", "simulator/network", "simulator/common",
               "simulator/engine/events.hpp"],
    "nas/common": ["simulator/common"],
    "nas/data": NAS_CORE,
    "nas/recipe": [*NAS_CORE, "nas/data"],
    "nas/space": NAS_CORE,
    "nas/evolution": NAS_CORE,
    "nas/guided": [*NAS_CORE, "nas/evolution"],
    "nas/bench": [*NAS_CORE, "nas/space", "nas/evolution", "nas/guided", "nas/report"],
    "nas/export": NAS_CORE,
    "nas/quantization": [*NAS_CORE, "nas/data", "nas/export"],
    "nas/functional": [*NAS_CORE, "nas/quantization", "simulator/mapping"],
    "nas/report": [*NAS_CORE, "nas/space", "nas/recipe"],
    "nas/network": [*NAS_CORE, "nas/space", "nas/export", "nas/quantization"],
    "nas/supernet": [*NAS_CORE, "nas/space", "nas/recipe", "nas/network"],
    "nas/training": [*NAS_CORE, "nas/data", "nas/recipe", "nas/report"],
    "nas/search": [*NAS_CORE, "nas/space", "nas/evolution", "nas/guided", "nas/data", "nas/recipe", "nas/export",
                   "nas/quantization", "nas/report", "nas/network", "nas/supernet", "nas/training"],
    "nas/cli": ["nas/", "latency_model", "latency_model/", "simulator/"],
}

# System headers that only the named modules may see.
RESERVED = {
    "systemc": ["simulator/engine"],
    "nlopt": ["latency_model/fit"],
    "torch": ["nas/network", "nas/supernet", "nas/training", "nas/search", "nas/cli"],
    "boost/program_options": ["simulator/cli", "latency_model/cli", "nas/cli"],
    "pybind11": ["python"],
    "spdlog": ["simulator/cli", "latency_model/cli", "nas/cli"],
}


def inside(path, prefixes):
    """True if `path` is one of `prefixes` or lies below one."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in prefixes)


def module_of(path):
    """The innermost module that holds `path`, or None."""
    return max((module for module in ALLOWED if inside(path, [module])), key=len, default=None)


def may_include(module, path):
    """Whether a file of `module` may include our own header `path`."""
    target = module_of(path)
    if target is None:
        return False
    return any(entry in (target, path) or (entry.endswith("/") and target.startswith(entry))
               for entry in [module, *ALLOWED[module]])


def violations(root):
    files = {path for module in ALLOWED for path in (root / module).rglob("*.[hc]pp")}
    for path in sorted(files):
        module = module_of(path.relative_to(root).as_posix())
        for number, line in enumerate(path.read_text().splitlines(), 1):
            where = f"{path.relative_to(root)}:{number}"
            own = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if own and not may_include(module, own[1]):
                yield f"{where}: {module} must not include {own[1]}"
            system = re.match(r"\s*#\s*include\s*<([^>]+?)(?:\.hpp|\.h)?>", line)
            for header, modules in RESERVED.items():
                if system and inside(system[1], [header]) and module not in modules:
                    yield f"{where}: {module} must not include <{header}>"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, help="source tree to check",
                        default=pathlib.Path(__file__).resolve().parent.parent)
    found = list(violations(parser.parse_args().root))
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
