// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/standard_streams.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <system_error>
#include <unistd.h>

#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"
#include "simulator/common/text_table.hpp"

namespace tilewake {
namespace {

std::size_t columns_of(int fd) {
  std::size_t columns = 0;
  if (const char* text = std::getenv("COLUMNS"); text != nullptr) {
    const std::string_view number = text;
    const auto [end, error] =
        std::from_chars(number.data(), number.data() + number.size(), columns);
    if (error != std::errc{} || end != number.data() + number.size()) columns = 0;
  }
  if (columns == 0) {
    winsize size{};
    if (::isatty(fd) == 1 && ::ioctl(fd, TIOCGWINSZ, &size) == 0) columns = size.ws_col;
  }
  return columns == 0 ? 0 : std::max(columns, kMinColumns);
}

}  // namespace

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      pollfd ready{fd, POLLOUT, 0};
      ::poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

void prepare_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // open() returns the lowest free number, which is `fd`. It is read-only for standard output,
    // because writing to a closed standard output must still fail.
    static_cast<void>(::open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY));
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file larger than `ulimit -f`
}

void write_result(std::string_view text) {
  const int error = write_all(STDOUT_FILENO, text);
  if (error != 0 && error != EPIPE) {
    throw IoError(std::string("standard output: cannot write: ") + std::strerror(error));
  }
}

void write_text(std::string_view text) { write_result(wrapped_lines(text, output_columns())); }

std::size_t output_columns() { return columns_of(STDOUT_FILENO); }

std::size_t error_columns() { return columns_of(STDERR_FILENO); }

std::size_t text_columns() {
  const std::size_t columns = output_columns();
  return columns == 0 ? kUsualColumns : columns;
}

void print_error(std::string_view text) {
  static_cast<void>(write_all(STDERR_FILENO, "tilewake: " + one_line(text) + "\n"));
}

bool use_color() {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool refused = no_color != nullptr && *no_color != '\0';
  const bool is_dumb = term == nullptr || std::strcmp(term, "dumb") == 0;
  return !refused && !is_dumb && ::isatty(STDOUT_FILENO) == 1;
}

}  // namespace tilewake
