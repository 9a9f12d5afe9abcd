// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "latency_model/calibration.hpp"
#include "latency_model/model_yaml.hpp"
#include "tests/latency_model/fake_features.hpp"

namespace tilewake {

/// A model whose numbers are as crooked as real ones.
inline LatencyModel fake_model() {
  Provenance provenance;
  provenance.set = "a \"strange\" set: 1, #2";
  provenance.seed = 42;
  return calibrate(shipped_machine("midap"), FakeFeatures(), fake_dataset(20, 1, 0.1), provenance,
                   {})
      .model;
}

inline std::string fake_model_yaml() { return model_yaml(fake_model(), make_fake_features); }

}  // namespace tilewake
