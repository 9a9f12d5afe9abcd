// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <pybind11/pybind11.h>

namespace tilewake::python {

/// Adds the classes of error.hpp to the module, derived as there, and translates exceptions to
/// them. InputError and UsageError are ValueErrors, too, IoError an OSError, SimulationError a
/// RuntimeError.
void add_errors(pybind11::module_& module);

}  // namespace tilewake::python
