# SPDX-License-Identifier: Apache-2.0
from typing import Any, Mapping, Optional, Sequence, Union

from . import Network as Network, _NetworkSource

def read(source: _NetworkSource, *, input_shape: Optional[Sequence[int]] = None,
         batch: Optional[int] = None,
         input_shapes: Optional[Mapping[str, Sequence[int]]] = None,
         until: Union[str, Sequence[str], None] = None,
         from_: Union[str, Sequence[str], None] = None,
         skip_unsupported: bool = False) -> Network: ...
def from_torch(module: Any, input_shape: Sequence[int]) -> Network: ...
