// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <systemc>

#include "simulator/engine/events.hpp"

namespace tilewake {

/// SystemC has one current kernel a process: modules made from here on live in a new one, at cycle
/// 0. The old one is leaked, since modules of it may still exist.
inline void start_fresh_kernel() {
  sc_core::sc_curr_simcontext = new sc_core::sc_simcontext;
  sc_core::sc_default_global_context = sc_core::sc_curr_simcontext;
}

/// Base of every test that calls sc_start(): it starts from a fresh kernel.
class SimTest : public ::testing::Test {
 protected:
  SimTest() { start_fresh_kernel(); }
};

/// A process with the body of a test, which calls sc_core::wait() to advance time.
class Script : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(Script);
  Script(const sc_core::sc_module_name& name, std::function<void()> body)
      : sc_module(name), body_(std::move(body)) {
    SC_THREAD(serve);
  }

 private:
  void serve() { body_(); }

  const std::function<void()> body_;
};

/// Runs `body` in a separate process until no event is pending.
inline void run_script(std::function<void()> body) {
  const Script script("script", std::move(body));
  sc_core::sc_start();
}

class RecordingSink final : public EventSink {
 public:
  void on_event(const Event& event) override { events.push_back(event); }

  std::vector<Event> of(Unit unit, EventKind kind) const {
    std::vector<Event> result;
    for (const Event& e : events)
      if (e.unit == unit && e.kind == kind) result.push_back(e);
    return result;
  }

  std::vector<Event> events;
};

}  // namespace tilewake
