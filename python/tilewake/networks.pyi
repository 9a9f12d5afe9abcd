# SPDX-License-Identifier: Apache-2.0
from typing import Any, Optional, Sequence

from . import Network as Network, _NetworkSource

def read(source: _NetworkSource, *, input_shape: Optional[Sequence[int]] = None,
         batch: Optional[int] = None) -> Network: ...
def from_torch(module: Any, input_shape: Sequence[int]) -> Network: ...
