# SPDX-License-Identifier: Apache-2.0
from typing import Mapping, Optional

from . import Machine as Machine, _MachineSource, _Scalar

def read(source: _MachineSource, *, set: Optional[Mapping[str, _Scalar]] = None) -> Machine: ...
