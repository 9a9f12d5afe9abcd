// SPDX-License-Identifier: Apache-2.0
#include "nas/training/ranks.hpp"

#include <arpa/inet.h>
#include <cstdint>
#include <exception>
#include <functional>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nas/training/phase.hpp"
#include "nas/training/rank_average.hpp"
#include "tests/nas/training/phase_world.hpp"
#include "tests/support/input_error.hpp"

namespace tilewake {
namespace {

int free_port() {
  const int handle = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(handle, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(handle, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(handle);
  return ntohs(address.sin_port);
}

/// Runs `work` as each rank, in a thread; rethrows the error of the first rank that has one.
void as_ranks(int world_size, const std::function<void(Ranks& ranks)>& work) {
  RankEnvironment environment;
  environment.world_size = world_size;
  environment.host = "127.0.0.1";
  environment.port = free_port();
  environment.join_seconds = 30;
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(world_size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world_size; ++rank) {
    threads.emplace_back([&, rank, environment]() mutable {
      try {
        environment.rank = rank;
        Ranks ranks(environment);
        work(ranks);
        ranks.any(false);  // no rank ends before the others
      } catch (...) {
        errors[static_cast<std::size_t>(rank)] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

torch::nn::Sequential unnormalized_network() {
  torch::manual_seed(4);
  return torch::nn::Sequential(torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 5, 3)),
                               torch::nn::ReLU(), torch::nn::Flatten(), torch::nn::Linear(80, 3));
}

torch::Tensor batch_loss(torch::nn::Sequential& network, const Batch& batch) {
  const auto [images, labels] = to_tensors(batch, torch::kCPU);
  return torch::nn::functional::cross_entropy(network->forward(images), labels);
}

Batch second_batch(BatchShare share) {
  const auto loader = tiny_loader(60, 11, true);
  loader->start(1, 1, share);
  Batch batch;
  loader->next(batch);
  return batch;
}

TEST(RankAverage, OfSharesOfABatchIsTheGradientOfTheBatch) {
  torch::nn::Sequential whole = unnormalized_network();
  const torch::Tensor loss = batch_loss(whole, second_batch({}));
  loss.backward();
  for (const int world_size : {2, 3}) {
    std::vector<std::vector<torch::Tensor>> gradients(static_cast<std::size_t>(world_size));
    // The generator of initial weights is common to all threads.
    std::vector<torch::nn::Sequential> networks;
    for (int rank = 0; rank < world_size; ++rank) networks.push_back(unnormalized_network());
    as_ranks(world_size, [&](Ranks& ranks) {
      const auto rank = static_cast<std::size_t>(ranks.rank());
      torch::nn::Sequential& network = networks[rank];
      const Batch batch = second_batch({ranks.rank(), ranks.size()});
      const double share = static_cast<double>(batch.num_images) / 11.0;
      RankAverage average(ranks, *network, network->parameters());
      average.begin_step();
      const torch::Tensor own = batch_loss(network, batch);
      own.backward();
      std::vector<double> sums = {share * own.item<double>(), 1.0};
      average.end_backward(share, sums);
      EXPECT_NEAR(sums[0], loss.item<double>(), 1e-6);
      EXPECT_EQ(sums[1], world_size);
      for (const torch::Tensor& parameter : network->parameters())
        gradients[rank].push_back(parameter.grad());
    });
    for (std::size_t rank = 0; rank < gradients.size(); ++rank) {
      EXPECT_TRUE(all_equal(gradients[rank], gradients[0])) << rank;
      for (std::size_t i = 0; i < gradients[rank].size(); ++i) {
        EXPECT_TRUE(torch::allclose(gradients[rank][i], whole->parameters()[i].grad(), 1e-4, 1e-6));
      }
    }
  }
}

TEST(RankAverage, OfStatisticsIsThatOfTheirChanges) {
  as_ranks(3, [](Ranks& ranks) {
    torch::nn::BatchNorm2d used(4);
    torch::nn::BatchNorm2d unused(4);
    unused->running_mean.fill_(0.1F);
    torch::nn::Module both;
    both.register_module("used", used);
    both.register_module("unused", unused);
    RankAverage average(ranks, both, {});
    average.begin_step();
    const torch::NoGradGuard no_grad;
    used->forward(torch::full({2, 4, 3, 3}, 1.0 + ranks.rank()));  // momentum 0.1
    std::vector<double> sums;
    average.end_backward(ranks.rank() == 2 ? 0.5 : 0.25, sums);
    EXPECT_TRUE(torch::allclose(used->running_mean,
                                torch::full({4}, 0.1 * (0.25 * 1 + 0.25 * 2 + 0.5 * 3))));
    EXPECT_TRUE(torch::equal(unused->running_mean, torch::full({4}, 0.1F)));
  });
}

TEST(Ranks, HaveTheTextOfTheFirst) {
  as_ranks(3, [](Ranks& ranks) {
    for (const std::string& text :
         {std::string(), std::string("a\0b", 3), std::string(99999, 'x')}) {
      std::string own = ranks.is_first() ? text : "other";
      ranks.broadcast(own);
      EXPECT_EQ(own, text);
    }
    EXPECT_TRUE(ranks.any(ranks.rank() == 1));
    EXPECT_FALSE(ranks.any(false));
  });
}

TEST(Ranks, ThatDifferAreNamed) {
  const std::string error = input_error_of([] {
    as_ranks(4, [](Ranks& ranks) {
      ranks.check_same("the weights", 5);
      ranks.check_same("the weights", ranks.rank() == 2 ? 6 : 5);
    });
  });
  EXPECT_THAT(error, ::testing::HasSubstr("the weights of rank 2 differ"));
}

TEST(Ranks, EvaluateAsOneProcess) {
  const auto logits_of = [](const torch::Tensor& images) {
    const torch::Tensor mean = images.mean({1, 2, 3});
    return torch::stack({mean, -mean, 0.1 + 0.0 * mean}, 1);
  };
  for (const int num_images : {1, 25, 27}) {  // with incomplete batches, and empty shares
    const Accuracy expected = evaluate(logits_of, *tiny_loader(num_images, 9, false), torch::kCPU);
    as_ranks(3, [&](Ranks& ranks) {
      const auto loader = tiny_loader(num_images, 9, false);
      const Accuracy accuracy = evaluate(logits_of, *loader, torch::kCPU, &ranks);
      EXPECT_EQ(accuracy.correct, expected.correct);
      EXPECT_EQ(accuracy.num_correct, expected.num_correct);
      EXPECT_NEAR(accuracy.loss, expected.loss, 1e-6);  // sums of a batch are float32
    });
  }
}

}  // namespace
}  // namespace tilewake
