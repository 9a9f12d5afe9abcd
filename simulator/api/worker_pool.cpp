// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/worker_pool.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "simulator/common/failure.hpp"

namespace tilewake {
namespace {

std::pair<ExitCode, std::string> outcome_of(const std::function<std::string()>& work) {
  try {
    return {ExitCode::kOk, work()};
  } catch (const std::exception& e) {
    Failure failure = failure_of(e);
    return {failure.code, std::move(failure.text)};
  }
}

/// Before the text of a worker: a text that was cut off is recognised whatever the process left.
struct Header {
  std::uint64_t size = 0;  // bytes of text
  ExitCode code = ExitCode::kInternal;
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count >= 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

/// The life of a worker. It leaves without destructors: what they would do is its parent's.
[[noreturn]] void work_in_child(pid_t parent, int pipe, const std::function<std::string()>& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(static_cast<int>(ExitCode::kInternal));  // it is gone already
  const auto [code, text] = outcome_of(work);
  const Header header{text.size(), code};
  const std::string_view header_bytes(reinterpret_cast<const char*>(&header), sizeof(header));
  const bool is_written = write_all(pipe, header_bytes) && write_all(pipe, text);
  ::_exit(static_cast<int>(is_written ? code : ExitCode::kInternal));
}

}  // namespace

WorkerPool::WorkerPool(std::size_t num_workers) : num_workers_(num_workers) {
  assert(num_workers > 0);
}

WorkerPool::~WorkerPool() {
  for (const Worker& worker : workers_) ::kill(worker.process, SIGKILL);
  for (Worker& worker : workers_) end_of(worker);
}

bool WorkerPool::start(std::int64_t id, const std::function<std::string()>& work) {
  if (workers_.size() >= num_workers_) return false;
  const auto refused = [this](int error) {
    if (!is_idle()) return false;  // fewer at a time then
    throw IoError(fmt::format("cannot start a process: {}", std::strerror(error)));
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return refused(errno);
  const pid_t self = ::getpid();
  const pid_t process = ::fork();
  if (process == 0) work_in_child(self, ends[1], work);
  const int error = errno;
  ::close(ends[1]);
  if (process < 0) {
    ::close(ends[0]);
    return refused(error);
  }
  workers_.push_back({id, process, ends[0], ""});
  return true;
}

std::vector<WorkerPool::Result> WorkerPool::wait(int max_milliseconds) {
  assert(!is_idle());
  std::vector<Result> results;
  while (results.empty()) {
    std::vector<pollfd> pipes;
    for (const Worker& worker : workers_) pipes.push_back({worker.pipe, POLLIN, 0});
    const int num_ready = ::poll(pipes.data(), pipes.size(), max_milliseconds);
    if (num_ready == 0) return results;
    if (num_ready < 0) continue;  // interrupted
    std::vector<Worker> still;
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (pipes[i].revents == 0 || read_from(workers_[i])) {
        still.push_back(std::move(workers_[i]));
      } else {
        results.push_back(end_of(workers_[i]));
      }
    }
    workers_ = std::move(still);
  }
  return results;
}

bool WorkerPool::read_from(Worker& worker) {
  char buffer[1 << 14];
  const ssize_t count = ::read(worker.pipe, buffer, sizeof(buffer));
  if (count < 0) return errno == EINTR;
  worker.text.append(buffer, static_cast<std::size_t>(count));
  return count > 0;
}

WorkerPool::Result WorkerPool::end_of(Worker& worker) {
  ::close(worker.pipe);
  int status = 0;
  pid_t ended = 0;
  while ((ended = ::waitpid(worker.process, &status, 0)) < 0 && errno == EINTR) {
  }
  Result result{worker.id, ExitCode::kInternal, true, std::move(worker.text)};
  Header header;
  if (result.text.size() >= sizeof(header)) {
    std::memcpy(&header, result.text.data(), sizeof(header));
    if (result.text.size() - sizeof(header) == header.size) {
      result.code = header.code;
      result.was_killed = false;
      result.text.erase(0, sizeof(header));
      return result;
    }
  }
  if (ended < 0) {  // SIGCHLD is ignored in this process
    result.text = "its process ended early";
  } else if (WIFEXITED(status)) {
    result.text = fmt::format("its process ended with {}", WEXITSTATUS(status));
  } else {
    result.text = fmt::format("its process was ended by signal {}", WTERMSIG(status));
  }
  return result;
}

}  // namespace tilewake
