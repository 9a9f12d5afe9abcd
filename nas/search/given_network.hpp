// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "nas/export/layer_weights.hpp"
#include "nas/search/run_context.hpp"
#include "nas/search/step_record.hpp"
#include "simulator/network/network.hpp"

namespace tilewake {

/// A network that is trained as it is given, without a search.
struct GivenNetwork {
  Network network;
  LayerWeights weights;  // of all layers, to start from; empty: from the beginning
  bool has_new_classifier = false;
  std::vector<std::string> notes;  // what was changed, for the log
};

/// The network for data of `num_classes` classes: without a softmax at the end, and where it has
/// another number of classes, with that many channels from its last layer with weights on. That
/// layer then loses its weights. Throws InputError where the channels of the input differ from the
/// data's, the input is not square, or the classes cannot be changed.
GivenNetwork given_network(Network network, LayerWeights weights, const ImageData& data);

/// Weights of a bundle (weights.safetensors), by layer; names as module_names(). Tensors of other
/// names are refused with InputError, as are missing ones.
LayerWeights safetensors_weights(const Network& network, std::string_view bytes,
                                 const std::string& path);

/// Trains by the recipe's `train`, in run.directory; resumes. The record has validation_accuracy.
StepRecord train_given(const RunContext& run, const GivenNetwork& given);

/// Test accuracy, latency where run.simulate is set; writes network.yaml, model.onnx and deploy/.
StepRecord evaluate_given(const RunContext& run, const GivenNetwork& given,
                          const StepRecord& trained);

/// Accuracy of a network with all its weights on images of the data set.
Accuracy accuracy_of(const RunContext& run, const GivenNetwork& given, ImageLoader& images);

}  // namespace tilewake
