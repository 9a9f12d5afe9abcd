// SPDX-License-Identifier: Apache-2.0
#include "simulator/api/worker_pool.hpp"

#include <csignal>
#include <cstdlib>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tilewake {
namespace {

using ::testing::HasSubstr;

WorkerPool::Result only_result(const std::function<std::string()>& work) {
  WorkerPool pool(1);
  EXPECT_TRUE(pool.start(5, work));
  const std::vector<WorkerPool::Result> results = pool.wait();
  EXPECT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].id, 5);
  EXPECT_TRUE(pool.is_idle());
  return results[0];
}

TEST(WorkerPoolTest, EachPieceOfWorkGivesItsOwnTextBack) {
  std::map<std::int64_t, std::string> texts;
  WorkerPool pool(3);
  const auto take = [&] {
    for (const WorkerPool::Result& result : pool.wait()) {
      EXPECT_EQ(result.code, ExitCode::kOk);
      EXPECT_TRUE(texts.emplace(result.id, result.text).second);
    }
  };
  for (std::int64_t i = 0; i < 50; ++i) {
    // From nothing to more than a pipe holds.
    while (
        !pool.start(i, [i] { return std::string(static_cast<std::size_t>(i * i * 100), 'x'); })) {
      take();
    }
  }
  while (!pool.is_idle()) take();
  ASSERT_EQ(texts.size(), 50U);
  for (const auto& [id, text] : texts)
    EXPECT_EQ(text.size(), static_cast<std::size_t>(id * id * 100));
}

TEST(WorkerPoolTest, NoMoreThanItsNumberAreAtWork) {
  WorkerPool pool(2);
  const auto forever = [] {
    ::pause();
    return std::string();
  };
  EXPECT_TRUE(pool.start(0, forever));
  EXPECT_TRUE(pool.start(1, forever));
  EXPECT_FALSE(pool.start(2, forever));
}  // and none is waited for

TEST(WorkerPoolTest, WorkHappensInAProcessOfItsOwn) {
  int calls = 0;
  const auto result = only_result([&] {
    ++calls;
    return std::to_string(::getpid());
  });
  EXPECT_EQ(calls, 0);
  EXPECT_NE(result.text, std::to_string(::getpid()));
}

TEST(WorkerPoolTest, WhatIsThrownBecomesACodeAndAText) {
  const auto bad = only_result([]() -> std::string { throw InputError("f:1: no"); });
  EXPECT_EQ(bad.code, ExitCode::kBadInput);
  EXPECT_EQ(bad.text, "f:1: no");
  const auto ours = only_result([]() -> std::string { throw std::logic_error("oops"); });
  EXPECT_EQ(ours.code, ExitCode::kInternal);
  EXPECT_EQ(ours.text, "internal error: oops");
  const auto memory = only_result([]() -> std::string { throw std::bad_alloc(); });
  EXPECT_EQ(memory.code, ExitCode::kInternal);
  EXPECT_EQ(memory.text, "out of memory");
  EXPECT_FALSE(memory.was_killed);
}

TEST(WorkerPoolTest, ProcessThatDiesIsAResultToo) {
  const auto killed = only_result([]() -> std::string {
    ::raise(SIGKILL);
    return "never";
  });
  EXPECT_TRUE(killed.was_killed);
  EXPECT_EQ(killed.code, ExitCode::kInternal);
  EXPECT_THAT(killed.text, HasSubstr("signal 9"));
  const auto left = only_result([]() -> std::string { ::_exit(77); });
  EXPECT_TRUE(left.was_killed);
  EXPECT_THAT(left.text, HasSubstr("ended with 77"));
}

TEST(WorkerPoolTest, EndsAreSeenEvenIfOurParentIgnoredThem) {
  std::signal(SIGCHLD, SIG_IGN);
  const auto bad = only_result([]() -> std::string { throw InputError("no"); });
  EXPECT_EQ(bad.code, ExitCode::kBadInput);
}

}  // namespace
}  // namespace tilewake
