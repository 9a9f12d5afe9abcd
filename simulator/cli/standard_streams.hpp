// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace tilewake {

/// To be called first: opens /dev/null for those of the three standard streams that are closed, so
/// that no file of ours gets their number, and makes a vanished reader an error instead of a
/// signal.
void prepare_standard_streams();

/// Writes all of `text` to a file descriptor. Returns 0, or what errno says.
int write_all(int fd, std::string_view text);

/// Writes all of `text` to standard output. A reader that went away (`| head`) has seen enough and
/// is no error; anything else is an InputError with the system's reason.
void write_result(std::string_view text);

/// Writes one line to standard error: "tilewake: " and one_line(text).
void print_error(std::string_view text);

/// Whether the result may be coloured: standard output is a terminal, and NO_COLOR is not set
/// (https://no-color.org).
bool use_color();

}  // namespace tilewake
