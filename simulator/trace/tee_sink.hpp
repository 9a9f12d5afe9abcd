// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "simulator/engine/events.hpp"

namespace tilewake {

/// Forwards every event to several sinks, in the given order.
class TeeSink : public EventSink {
 public:
  explicit TeeSink(std::vector<EventSink*> sinks) : sinks_(std::move(sinks)) {}

  void on_event(const Event& event) override {
    for (EventSink* sink : sinks_) sink->on_event(event);
  }
  bool wants_details() const override {
    return std::any_of(sinks_.begin(), sinks_.end(),
                       [](const EventSink* sink) { return sink->wants_details(); });
  }
  void on_dram_request(const DramRequest& request) override {
    for (EventSink* sink : sinks_) sink->on_dram_request(request);
  }

 private:
  std::vector<EventSink*> sinks_;
};

}  // namespace tilewake
