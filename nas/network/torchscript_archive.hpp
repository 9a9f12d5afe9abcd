// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "nas/export/torchscript.hpp"

namespace tilewake {

/// The bytes of an archive that `torch.jit.load` opens. Only written, never read: its reader runs
/// the code in it.
std::string torchscript_archive(const TorchScript& script);

}  // namespace tilewake
