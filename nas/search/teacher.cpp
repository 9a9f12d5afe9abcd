// SPDX-License-Identifier: Apache-2.0
#include "nas/search/teacher.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

#include "nas/network/block_network.hpp"
#include "nas/network/layer_network.hpp"
#include "nas/search/network_training.hpp"
#include "nas/search/step_record.hpp"
#include "nas/search/step_settings.hpp"
#include "nas/space/outcome.hpp"
#include "nas/space/scaling.hpp"
#include "nas/training/checkpoint.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

namespace nn = torch::nn::functional;

constexpr std::int64_t kMaxTeacherBytes = std::int64_t{4} << 30;  // of one feature map of a batch
constexpr std::int64_t kBytesPerElement = sizeof(float);

Teacher frozen(TrainableModule module, std::string name, std::int64_t side, std::string identity) {
  for (torch::Tensor& parameter : module.module->parameters()) parameter.set_requires_grad(false);
  return {predictor_of(std::move(module)), std::move(name), static_cast<int>(side),
          std::move(identity)};
}

/// The widest network of full blocks of the space.
Architecture largest_network(const RunContext& run) {
  check_teacher(run);
  Architecture largest =
      scale_width(architecture_of(run.space, full_outcomes(run.space)),
                  run.recipe.train_distillation.teacher_width, run.space.width_divisor);
  largest.name = "teacher";
  return largest;
}

}  // namespace

void check_teacher(const RunContext& run) {
  if (run.recipe.train_distillation.teacher != kSupernetTeacher || searches_mixconv(run.method))
    return;
  throw InputError(fmt::format(
      "recipe {}: train.distillation.teacher: supernet: method {} has no supernet of blocks; give "
      "an ONNX model with weights instead",
      run.recipe.name, to_string(run.method)));
}

std::string distillation_text(const Teacher& teacher, const DistillationRecipe& distillation) {
  return fmt::format("distillation from {}: weight {}, temperature {}", teacher.name,
                     distillation.weight, distillation.temperature);
}

std::shared_ptr<const Teacher> given_teacher(const GivenNetwork& given, const std::string& name,
                                             int batch_size, torch::Device device) {
  std::int64_t largest = 0;  // elements of an image's feature map
  for (const Layer& layer : given.network.layers)
    largest = std::max({largest, layer.ifm.num_elements(), layer.ofm.num_elements()});
  if (largest > kMaxTeacherBytes / kBytesPerElement / batch_size)
    throw InputError(fmt::format(
        "{}: a feature map of the teacher has {} elements an image; a batch of {} would take more "
        "than {} GiB",
        name, largest, batch_size, kMaxTeacherBytes >> 30));
  LayerNetwork network(given.network, LayerNetworkImpl::Normalization::kNone);
  network->set_weights(given.weights);
  network->to(device);
  std::string identity;
  for (const auto& [layer, weight] : given.weights) {
    identity += layer;
    for (const std::vector<float>* values : {&weight.weight, &weight.bias})
      identity.append(reinterpret_cast<const char*>(values->data()),
                      values->size() * sizeof(float));
  }
  return std::make_shared<Teacher>(
      frozen({network.ptr(),
              [network](const torch::Tensor& images) mutable { return network->forward(images); }},
             name, given.network.input.height, hash_of(identity)));
}

std::shared_ptr<const Teacher> teacher_of(const RunContext& run, const Target& target) {
  if (run.teacher || run.recipe.train_distillation.teacher != kSupernetTeacher) return run.teacher;
  const Architecture architecture = largest_network(run);
  const std::string best = target.directory + "/teacher-weights.ckpt";
  const std::string fingerprint =
      step_settings(run, target, "teacher", architecture_text(architecture));
  const StepRecord record =
      do_once(target.directory, "teacher", fingerprint, [&](StepRecord& step) {
        step.architecture = architecture;
        const TrainedNetwork trained = train_network(
            run, architecture, run.recipe.train, "teacher",
            {target.directory, target.directory + "/teacher.ckpt", best, fingerprint});
        step.validation_accuracy = trained.result.best_accuracy;
        step.log.push_back(fmt::format(
            "teacher, the largest network of the supernet with channels x {}: {} parameters, "
            "validation accuracy {}",
            run.recipe.train_distillation.teacher_width, num_trained_params(architecture),
            as_percent(trained.result.best_accuracy)));
      });
  BlockNetwork network(architecture);
  read_checkpoint(best, [&](const StateArchive& archive) { load_module(archive, *network); });
  network->to(run.device);
  Teacher teacher = frozen(trainable(std::move(network)), "the largest network of the supernet",
                           architecture.input.height, hash_of(fingerprint));
  run.log(record.log.back());
  return std::make_shared<Teacher>(std::move(teacher));
}

torch::Tensor taught_loss(const torch::Tensor& logits, const torch::Tensor& images,
                          const torch::Tensor& labels, double label_smoothing,
                          const Teacher* teacher, const DistillationRecipe& distillation) {
  const auto options = nn::CrossEntropyFuncOptions().label_smoothing(label_smoothing);
  const torch::Tensor of_labels = nn::cross_entropy(logits, labels, options);
  if (teacher == nullptr) return of_labels;
  torch::Tensor target;
  {
    const torch::NoGradGuard no_grad;
    const bool fits = images.size(2) == teacher->side && images.size(3) == teacher->side;
    const std::vector<std::int64_t> size = {teacher->side, teacher->side};
    const torch::Tensor seen = fits ? images
                                    : nn::interpolate(images, nn::InterpolateFuncOptions()
                                                                  .size(size)
                                                                  .mode(torch::kBilinear)
                                                                  .align_corners(false));
    target = (teacher->logits(seen) / distillation.temperature).softmax(1);
  }
  const torch::Tensor of_teacher =
      nn::kl_div((logits / distillation.temperature).log_softmax(1), target,
                 nn::KLDivFuncOptions().reduction(torch::kBatchMean));
  const double scale = distillation.temperature * distillation.temperature;
  return (1.0 - distillation.weight) * of_labels + distillation.weight * scale * of_teacher;
}

}  // namespace tilewake
