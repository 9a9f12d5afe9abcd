// SPDX-License-Identifier: Apache-2.0
#include "simulator/explore/explanation.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include <gtest/gtest.h>

#include "simulator/api/data_files.hpp"
#include "simulator/common/error.hpp"
#include "simulator/hardware/machine_keys.hpp"

namespace tilewake {
namespace {

const char* const kMachines[] = {"midap", "midap_lpddr4", "ethos_u65", "edge_systolic_32",
                                 "dsp_like"};

TEST(TimeUseTest, ResourcesOfEveryLayerAddUpToItsCycles) {
  for (const char* name : kMachines) {
    const Machine machine = read_machine(name);
    const Workload workload = read_workload("mobilenet_v2");
    const TimeUse time = measure_time_use(machine, workload);
    const Simulation alone = simulate(machine, workload);
    EXPECT_EQ(time.simulation.summary.total_cycles, alone.summary.total_cycles) << name;
    ASSERT_EQ(time.layers.size(), time.simulation.layers.size());
    for (std::size_t i = 0; i < time.layers.size(); ++i) {
      const ResourceCycles& cycles = time.layers[i];
      EXPECT_EQ(std::accumulate(cycles.begin(), cycles.end(), std::int64_t{0}),
                time.simulation.layers[i].total_cycles);
      for (const std::int64_t part : cycles) EXPECT_GE(part, 0);
    }
  }
}

TEST(TimeUseTest, IdealDramIsNeverWaitedForAndAMachineWithoutFeatureMemoryHasNoPort) {
  for (const char* name : kMachines) {
    const Machine machine = read_machine(name, {{"dram.model", "ideal"}});
    const ResourceCycles ideal = measure_time_use(machine, read_workload("squeezenet")).total();
    const Machine real = read_machine(name);
    const ResourceCycles with_dram = measure_time_use(real, read_workload("squeezenet")).total();
    const auto dram = static_cast<std::size_t>(Resource::kDram);
    EXPECT_LT(ideal[dram], with_dram[dram] / 10 + 1000) << name;
  }
  const Machine none = read_machine("edge_systolic_32", {{"core.feature_memory_bytes", "0"}});
  const ResourceCycles cycles = measure_time_use(none, read_workload("squeezenet")).total();
  EXPECT_EQ(cycles[static_cast<std::size_t>(Resource::kFeaturePort)], 0);
}

TEST(ExplanationTest, EveryChangeIsTheSimulationOfItsMachine) {
  for (const char* name : {"midap_lpddr4", "ethos_u65"}) {
    const Machine machine = read_machine(name);
    const std::vector<Workload> workloads = {read_workload("squeezenet"),
                                             read_workload("resnet18")};
    PointRunner runner(machine.file, workloads, {});
    const Explanation explanation = explain(runner, machine, {});
    ASSERT_GT(explanation.changes.size(), 20U);
    std::vector<const MachineChange*> all;
    for (const MachineChange& change : explanation.limits) all.push_back(&change);
    for (const MachineChange& change : explanation.changes) all.push_back(&change);
    for (const MachineChange* change : all) {
      for (std::size_t i = 0; i < workloads.size(); ++i) {
        try {
          const Machine changed = read_machine(name, change->settings);
          const Summary alone = simulate(changed, workloads[i]).summary;
          if (!change->result.is_ok()) continue;  // the other network does not fit
          EXPECT_EQ(change->result.networks[i].total_cycles, alone.total_cycles);
          EXPECT_EQ(change->result.networks[i].latency_ms, alone.latency_ms);
          EXPECT_EQ(change->result.networks[i].info.machine, alone.info.machine);
        } catch (const InputError&) {
          EXPECT_FALSE(change->result.is_ok()) << change->key();
        }
      }
    }
  }
}

TEST(ExplanationTest, ChangesAreSortedAndSlackIsWhatAltersNoLatency) {
  const Machine machine = read_machine("midap");
  PointRunner runner(machine.file, {read_workload("mobilenet_v2")}, {});
  const Explanation explanation = explain(runner, machine, {});
  const auto ms = [](const MachineChange& c) { return c.result.networks.front().latency_ms; };
  const auto end = std::find_if(explanation.changes.begin(), explanation.changes.end(),
                                [](const MachineChange& c) { return !c.result.is_ok(); });
  const double base = explanation.base.networks.front().latency_ms;
  const double area = explanation.base.networks.front().area_mm2;
  // Free gains by latency, gains by gain per area, losses by latency.
  const auto place = [&](const MachineChange& c) {
    const double gain = 1.0 - ms(c) / base;
    const double more = c.result.networks.front().area_mm2 / area - 1.0;
    if (gain <= 0.0) return std::pair(2, -gain);
    return more <= 0.0 ? std::pair(0, -gain) : std::pair(1, -gain / more);
  };
  for (auto change = explanation.changes.begin(); change + 1 < end; ++change) {
    const auto [group, cost] = place(*change);
    const auto [next_group, next_cost] = place(*(change + 1));
    EXPECT_LE(group, next_group) << change->key();
    if (group == next_group) {
      EXPECT_LE(cost, next_cost + 1e-12) << change->key();
    }
  }
  const auto fastest =
      std::min_element(explanation.changes.begin(), end,
                       [&](const auto& a, const auto& b) { return ms(a) < ms(b); });
  ASSERT_NE(explanation.best(), nullptr);
  EXPECT_EQ(ms(*explanation.best()), ms(*fastest));
  EXPECT_TRUE(std::all_of(end, explanation.changes.end(),
                          [](const MachineChange& c) { return !c.result.error.empty(); }));
  for (const MachineKey& key : explained_keys(machine.config)) {
    bool has_effect = false;
    bool has_result = false;
    for (auto change = explanation.changes.begin(); change != end; ++change) {
      if (change->key() != key.path) continue;
      has_result = true;
      has_effect = has_effect || ms(*change) != explanation.base.networks.front().latency_ms;
    }
    const bool is_slack = std::find(explanation.slack.begin(), explanation.slack.end(), key.path) !=
                          explanation.slack.end();
    EXPECT_EQ(is_slack, has_result && !has_effect) << key.path;
  }
}

TEST(MachineKeysTest, EveryKeyIsFoundByItsPathAndKeepsItsValue) {
  for (const DataFile& file : data_files(DataKind::kMachine)) {
    const Machine machine = read_machine(file.name);
    const std::vector<MachineKey> keys = machine_keys(machine.config);
    ASSERT_GT(keys.size(), 10U);
    for (const MachineKey& key : keys) {
      if (key.kind == MachineKey::Kind::kOther) continue;
      SCOPED_TRACE(file.name + " " + key.path);
      const Machine same = read_machine(file.name, {{key.path, key.text}});
      const std::vector<MachineKey> again = machine_keys(same.config);
      const auto found = std::find_if(again.begin(), again.end(),
                                      [&](const MachineKey& k) { return k.path == key.path; });
      ASSERT_NE(found, again.end());
      EXPECT_EQ(found->text, key.text);
      if (!key.is_number()) {
        EXPECT_NE(std::find(key.choices.begin(), key.choices.end(), key.text), key.choices.end());
      }
    }
  }
}

TEST(DramModelOverrideTest, EveryMachineRunsWithIdealDramAndKeysThatAreSetStayChecked) {
  for (const DataFile& file : data_files(DataKind::kMachine)) {
    SCOPED_TRACE(file.name);
    const Machine ideal = read_machine(file.name, {{"dram.model", "ideal"}});
    EXPECT_TRUE(std::holds_alternative<IdealDramConfig>(ideal.config.dram));
    EXPECT_THROW(read_machine(file.name, {{"dram.model", "ideal"}, {"dram.num_channels", "2"}}),
                 InputError);
    EXPECT_THROW(read_machine(file.name, {{"dram.model", "idael"}}), InputError);
  }
  // A key of the file that no model has is still a mistake.
  InputFile text = read_hardware_file("midap");
  text.text.replace(text.text.find("num_channels:"), 13, "num_chanels: ");
  EXPECT_THROW(read_machine_text(text.text, text.path, {{"dram.model", "ideal"}}), InputError);
}

}  // namespace
}  // namespace tilewake
