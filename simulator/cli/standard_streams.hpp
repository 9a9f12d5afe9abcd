// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tilewake {

/// To be called first: opens /dev/null for each closed standard stream, so that no other file gets
/// its number, and ignores SIGPIPE, so that writing to a closed pipe is an error.
void prepare_standard_streams();

/// Writes all of `text` to a file descriptor. Returns 0, or errno.
int write_all(int fd, std::string_view text);

/// Writes all of `text` to standard output. A closed pipe (`| head`) is not an error; for any other
/// failure, throws IoError with the system's reason.
void write_result(std::string_view text);

/// The same for text for people: lines longer than output_columns() are broken at blanks.
void write_text(std::string_view text);

/// The columns of a line on standard output: $COLUMNS, or the width of the terminal. 0 where there
/// is neither, as in a pipe: nothing is shortened for programs and files. At least kMinColumns.
std::size_t output_columns();
/// The same for standard error.
std::size_t error_columns();

/// Columns where a text is broken, of which there is no need to keep lines whole: help.
std::size_t text_columns();

inline constexpr std::size_t kMinColumns = 40;
inline constexpr std::size_t kUsualColumns = 80;

/// Writes one line to standard error: "tilewake: " and one_line(text).
void print_error(std::string_view text);

/// Whether the result may be coloured: standard output is a terminal, and NO_COLOR is not set
/// (https://no-color.org).
bool use_color();

}  // namespace tilewake
