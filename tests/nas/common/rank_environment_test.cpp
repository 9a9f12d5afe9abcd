// SPDX-License-Identifier: Apache-2.0
#include "nas/common/rank_environment.hpp"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

using Variables = std::map<std::string, std::string>;

std::optional<RankEnvironment> environment_of(const Variables& variables) {
  return rank_environment([&variables](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

Variables with_value(Variables variables, const std::string& name, const std::string& value) {
  variables[name] = value;
  return variables;
}

const Variables kOfTorchrun = {{"RANK", "3"},          {"WORLD_SIZE", "4"},
                               {"LOCAL_RANK", "1"},    {"MASTER_ADDR", "a"},
                               {"MASTER_PORT", "123"}, {"LOCAL_WORLD_SIZE", "2"}};
const Variables kOfMpirun = {{"OMPI_COMM_WORLD_RANK", "0"},
                             {"OMPI_COMM_WORLD_SIZE", "2"},
                             {"OMPI_COMM_WORLD_LOCAL_RANK", "0"},
                             {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};
const Variables kOfSrun = {{"SLURM_PROCID", "5"},
                           {"SLURM_NTASKS", "8"},
                           {"SLURM_LOCALID", "1"},
                           {"SLURM_STEP_ID", "0"},
                           {"SLURM_STEP_NODELIST", "n[07-09,12]"}};

TEST(RankEnvironment, OfTorchrunNeedsAllItsVariables) {
  const auto environment = environment_of(kOfTorchrun);
  ASSERT_TRUE(environment);
  EXPECT_EQ(environment->rank, 3);
  EXPECT_EQ(environment->world_size, 4);
  EXPECT_EQ(environment->local_rank, 1);
  EXPECT_EQ(environment->local_size, 2);
  EXPECT_EQ(environment->host, "a");
  EXPECT_EQ(environment->port, 123);
  EXPECT_FALSE(environment->has_agent_store);
  for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) {
    Variables without = kOfTorchrun;
    without.erase(name);
    EXPECT_THAT(input_error_of([&] { environment_of(without); }),
                ::testing::HasSubstr(std::string("environment variable ") + name + ":"));
  }
}

TEST(RankEnvironment, NamesTheVariableThatIsInvalid) {
  for (const auto& changed :
       std::vector<std::pair<std::string, std::string>>{{"RANK", "4"},
                                                        {"RANK", "-1"},
                                                        {"RANK", ""},
                                                        {"RANK", "1x"},
                                                        {"RANK", "99999999999999999999"},
                                                        {"WORLD_SIZE", "0"},
                                                        {"WORLD_SIZE", "1025"},
                                                        {"LOCAL_RANK", "4"},
                                                        {"MASTER_PORT", "0"},
                                                        {"MASTER_PORT", "65536"},
                                                        {"TILEWAKE_JOIN_SECONDS", "0"}}) {
    const std::string& name = changed.first;  // clang 14 captures no structured bindings
    const std::string& value = changed.second;
    EXPECT_THAT(input_error_of([&] { environment_of(with_value(kOfTorchrun, name, value)); }),
                ::testing::HasSubstr("environment variable " + name + ":"))
        << value;
  }
}

TEST(RankEnvironment, OfMpirunOnOneMachineNeedsNoAddress) {
  const auto environment = environment_of(kOfMpirun);
  ASSERT_TRUE(environment);
  EXPECT_EQ(environment->host, "127.0.0.1");
  EXPECT_EQ(environment->port, RankEnvironment::kDefaultPort);
  const Variables two_machines = with_value(kOfMpirun, "OMPI_COMM_WORLD_LOCAL_SIZE", "1");
  EXPECT_THAT(input_error_of([&] { environment_of(two_machines); }),
              ::testing::HasSubstr("MASTER_ADDR"));
  EXPECT_EQ(environment_of(with_value(two_machines, "MASTER_ADDR", "b"))->host, "b");
}

TEST(RankEnvironment, OfSrunHasTheFirstNodeOfTheStep) {
  const auto environment = environment_of(kOfSrun);
  ASSERT_TRUE(environment);
  EXPECT_EQ(environment->rank, 5);
  EXPECT_EQ(environment->world_size, 8);
  EXPECT_EQ(environment->host, "n07");
  EXPECT_EQ(environment_of(with_value(kOfSrun, "MASTER_ADDR", "c"))->host, "c");
  Variables batch_script = kOfSrun;
  batch_script.erase("SLURM_STEP_ID");
  EXPECT_FALSE(environment_of(batch_script)) << "there, only one process is started";
}

TEST(RankEnvironment, OneProcessIsNone) {
  EXPECT_FALSE(environment_of({}));
  EXPECT_FALSE(environment_of({{"RANK", "0"}, {"WORLD_SIZE", "1"}}));
  EXPECT_FALSE(environment_of({{"SLURM_ARRAY_TASK_ID", "3"}, {"SLURM_PROCID", "0"}}));
  Variables one_task = with_value(kOfSrun, "SLURM_NTASKS", "1");
  one_task["SLURM_PROCID"] = "0";
  EXPECT_FALSE(environment_of(one_task));
}

TEST(RankEnvironment, TheAgentOfTorchrunHasANewPrefixAfterARestart) {
  Variables variables = with_value(kOfTorchrun, "TORCHELASTIC_USE_AGENT_STORE", "True");
  variables["TORCHELASTIC_RESTART_COUNT"] = "0";
  const auto first = environment_of(variables);
  variables["TORCHELASTIC_RESTART_COUNT"] = "1";
  EXPECT_TRUE(first->has_agent_store);
  EXPECT_NE(first->store_prefix, environment_of(variables)->store_prefix);
}

TEST(FirstHost, OfAListOfSlurm) {
  for (const auto& [list, host] :
       std::vector<std::pair<std::string, std::string>>{{"n1", "n1"},
                                                        {"n1,n2", "n1"},
                                                        {"n[01-04,07],m2", "n01"},
                                                        {"n[3,5]-ib,m", "n3-ib"},
                                                        {"a,n[1-2]", "a"},
                                                        {"n[1-2", "n"},
                                                        {"", ""}}) {
    EXPECT_EQ(first_host(list), host) << list;
  }
}

}  // namespace
}  // namespace tilewake
