// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <torch/torch.h>

#include "nas/recipe/recipe.hpp"
#include "nas/search/given_network.hpp"
#include "nas/search/run_context.hpp"

namespace tilewake {

/// A trained network whose logits another one learns beside the labels.
struct Teacher {
  std::function<torch::Tensor(const torch::Tensor& images)> logits;  // in evaluation mode
  std::string name;                                                  // for the log
  int side = 0;          // of its images; others are resized
  std::string identity;  // of its weights; part of the settings of what it teaches
};

/// Throws InputError where the recipe's teacher is the supernet, and the method searches none of
/// blocks.
void check_teacher(const RunContext& run);

/// Teacher from a network with all its weights, on `device`. Throws InputError where the feature
/// maps of a batch would take too much memory.
std::shared_ptr<const Teacher> given_teacher(const GivenNetwork& given, const std::string& name,
                                             int batch_size, torch::Device device);

/// The teacher of a run by its recipe: run.teacher where it is given; with the teacher `supernet`
/// the largest network of run.space, `teacher_width` times as wide, which is trained here like the
/// winner, once for a target; none if the recipe has none. Throws InputError as check_teacher().
std::shared_ptr<const Teacher> teacher_of(const RunContext& run, const Target& target);

/// "distillation from big.onnx: weight 0.5, temperature 4", for logs.
std::string distillation_text(const Teacher& teacher, const DistillationRecipe& distillation);

/// Cross entropy with the labels and, where there is a teacher, with its softened probabilities:
///   (1 - w) CE(labels, p) + w t^2 KL(q_t || p_t), p_t = softmax(logits / t), q_t of the teacher
/// (Hinton, Vinyals and Dean, arXiv:1503.02531, 2015).
///   @param images  N x C x H x W, as the logits (N x classes) are of
///   @param labels  classes, or probabilities of classes
torch::Tensor taught_loss(const torch::Tensor& logits, const torch::Tensor& images,
                          const torch::Tensor& labels, double label_smoothing,
                          const Teacher* teacher, const DistillationRecipe& distillation);

}  // namespace tilewake
