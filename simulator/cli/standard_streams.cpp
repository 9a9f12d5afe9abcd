// SPDX-License-Identifier: Apache-2.0
#include "simulator/cli/standard_streams.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "simulator/common/error.hpp"
#include "simulator/common/one_line.hpp"

namespace tilewake {

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
