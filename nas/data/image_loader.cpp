// SPDX-License-Identifier: Apache-2.0
#include "nas/data/image_loader.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "nas/common/random.hpp"
#include "nas/data/image_preparer.hpp"
#include "simulator/common/error.hpp"

namespace tilewake {
namespace {

constexpr int kMaxResolution = 4096;
constexpr int kMaxThreads = 256;
constexpr std::int64_t kMaxBatchValues = std::int64_t{1} << 30;  // per batch: 4 GiB
constexpr std::int64_t kChunk = 16;                              // images per work item of a thread
constexpr std::int64_t kNumSlots = 3;                            // batches prepared ahead

void check(bool ok, const std::string& message) {
  if (!ok) throw InputError(message);
}

void check_data(const ImageData& data, const ImageSource& source,
                const std::vector<std::int64_t>& indices) {
  const auto channels = static_cast<std::size_t>(data.channels);
  check(data.channels >= 1 && data.mean.size() == channels && data.stddev.size() == channels &&
            std::all_of(data.stddev.begin(), data.stddev.end(), [](float s) { return s > 0; }),
        fmt::format("{}: needs a mean and a positive standard deviation per channel", data.name));
  for (const std::int64_t index : indices)
    check(index >= 0 && index < source.size(),
          fmt::format("{}: image {} does not exist; the source has {}", data.name, index,
                      source.size()));
}

void check_options(const LoaderOptions& options, int channels) {
  const int side = options.resolution;
  const Augmentation& augmentation = options.augmentation;
  check(options.batch_size >= 1, "batch_size: must be at least 1");
  check(side >= 1 && side <= kMaxResolution,
        fmt::format("resolution: must be from 1 to {}, not {}", kMaxResolution, side));
  check(std::int64_t{side} * side * channels <= kMaxBatchValues / options.batch_size,
        fmt::format("batch_size: {} images of {} x {} pixels do not fit in memory",
                    options.batch_size, side, side));
  check(augmentation.pad_crop >= 0 && augmentation.pad_crop <= side,
        fmt::format("pad_crop: must be from 0 to the resolution {}, not {}", side,
                    augmentation.pad_crop));
  check(augmentation.cutout >= 0 && augmentation.cutout <= side,
        fmt::format("cutout: must be from 0 to the resolution {}, not {}", side,
                    augmentation.cutout));
  check(options.num_threads >= 1 && options.num_threads <= kMaxThreads,
        fmt::format("num_threads: must be from 1 to {}, not {}", kMaxThreads, options.num_threads));
}

}  // namespace

/// Threads process chunks of images in order, into a ring of kNumSlots batches. A chunk starts when
/// the slot of its batch is free. mutex_ guards everything except the images themselves.
class ImageLoader::Impl {
 public:
  Impl(const ImageData& data, std::shared_ptr<const ImageSource> source,
       std::vector<std::int64_t> indices, const LoaderOptions& options);
  ~Impl();
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::int64_t num_images() const;
  std::int64_t batches_per_epoch() const { return num_batches_; }
  const LoaderOptions& options() const { return options_; }
  void start(std::int64_t epoch, std::int64_t first_batch, BatchShare share);
  bool next(Batch& batch);

 private:
  struct Slot {
    Batch batch;
    std::int64_t num_chunks_left = 0;
    std::int64_t failed_chunk = 0;
    std::exception_ptr error;  // of the first failed chunk of the batch
  };

  Slot& slot_of(std::int64_t batch) { return slots_[static_cast<std::size_t>(batch % kNumSlots)]; }
  // Of the share of a batch, in the order of the epoch.
  std::int64_t batch_begin(std::int64_t batch) const {
    return batch * options_.batch_size + share_.begin(batch_size(batch));
  }
  std::int64_t batch_end(std::int64_t batch) const {
    return batch * options_.batch_size + share_.end(batch_size(batch));
  }
  std::int64_t batch_size(std::int64_t batch) const {
    const std::int64_t begin = batch * options_.batch_size;
    return std::min(begin + options_.batch_size, static_cast<std::int64_t>(order_.size())) - begin;
  }
  std::int64_t chunks_of(std::int64_t batch) const {  // an empty share has one chunk
    return std::max<std::int64_t>((batch_end(batch) - batch_begin(batch) + kChunk - 1) / kChunk, 1);
  }
  void set_order(std::int64_t epoch);
  void reserve(Batch& batch) const;
  void open_slot(std::int64_t batch);
  bool has_work() const;
  void work(const std::stop_token& stop);
  void fill_chunk(const std::stop_token& stop, std::int64_t batch, std::int64_t chunk,
                  ImagePreparer::ScratchImages& scratch);

  const LoaderOptions options_;
  const int channels_;
  const std::shared_ptr<const ImageSource> source_;
  const ImagePreparer preparer_;
  const std::vector<std::int64_t> indices_;
  const std::int64_t num_batches_;

  std::mutex mutex_;
  std::condition_variable_any work_arrived_;
  std::condition_variable chunk_finished_;
  std::vector<std::int64_t> order_;  // of the images in this epoch
  std::uint64_t epoch_ = 0;
  BatchShare share_;
  bool is_started_ = false;
  std::int64_t next_batch_ = 0;  // the next result of next()
  std::int64_t open_batch_ = 0;  // the batch of the next chunk
  std::int64_t open_chunk_ = 0;
  int num_busy_ = 0;                        // threads that are filling a chunk
  std::atomic<bool> is_cancelled_ = false;  // the chunks in progress will be discarded
  std::array<Slot, kNumSlots> slots_;
  std::vector<std::jthread> threads_;  // last member: they end before anything else is destroyed
};

ImageLoader::Impl::Impl(const ImageData& data, std::shared_ptr<const ImageSource> source,
                        std::vector<std::int64_t> indices, const LoaderOptions& options)
    : options_(options),
      channels_(data.channels),
      source_(std::move(source)),
      preparer_(data, source_, options),
      indices_(std::move(indices)),
      num_batches_((static_cast<std::int64_t>(indices_.size()) +
                    (options.is_training ? 0 : options.batch_size - 1)) /
                   options.batch_size) {
  open_batch_ = num_batches_;  // no work before start()
  for (int i = 0; i < options_.num_threads; ++i)
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
}

ImageLoader::Impl::~Impl() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

std::int64_t ImageLoader::Impl::num_images() const {
  const auto num_indices = static_cast<std::int64_t>(indices_.size());
  return options_.is_training ? num_batches_ * options_.batch_size : num_indices;
}

void ImageLoader::Impl::start(std::int64_t epoch, std::int64_t first_batch, BatchShare share) {
  check(epoch >= 0 && first_batch >= 0 && first_batch <= num_batches_,
        fmt::format("cannot start at batch {} of epoch {}: an epoch has {} batches", first_batch,
                    epoch, num_batches_));
  std::unique_lock lock(mutex_);
  is_cancelled_ = true;
  open_batch_ = num_batches_;
  chunk_finished_.wait(lock, [this] { return num_busy_ == 0; });
  is_cancelled_ = false;
  epoch_ = static_cast<std::uint64_t>(epoch);
  share_ = share;
  set_order(epoch);
  for (Slot& slot : slots_) reserve(slot.batch);
  is_started_ = true;
  next_batch_ = first_batch;
  open_batch_ = first_batch;
  open_chunk_ = 0;
  lock.unlock();
  work_arrived_.notify_all();
}

void ImageLoader::Impl::set_order(std::int64_t epoch) {
  order_ = indices_;
  if (!options_.is_training) return;
  RandomStream random(random_bits(options_.seed, static_cast<std::uint64_t>(epoch)));
  for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[random.below(i)]);
}

bool ImageLoader::Impl::next(Batch& batch) {
  if (!is_started_) start(0, 0, {});
  std::unique_lock lock(mutex_);
  if (next_batch_ == num_batches_) return false;
  Slot& slot = slot_of(next_batch_);
  chunk_finished_.wait(lock,
                       [&] { return open_batch_ > next_batch_ && slot.num_chunks_left == 0; });
  if (slot.error) std::rethrow_exception(slot.error);  // also on later calls
  reserve(batch);
  std::swap(batch, slot.batch);  // the caller's old memory is refilled next
  ++next_batch_;
  lock.unlock();
  work_arrived_.notify_all();
  return true;
}

bool ImageLoader::Impl::has_work() const {
  return open_batch_ < num_batches_ && open_batch_ < next_batch_ + kNumSlots;
}

// On the caller's thread, so that open_slot() does not allocate.
void ImageLoader::Impl::reserve(Batch& batch) const {
  const std::int64_t size = std::min(std::int64_t{options_.batch_size}, num_images());
  batch.labels.reserve(static_cast<std::size_t>(size));
  batch.images.reserve(static_cast<std::size_t>(size * preparer_.values_per_image()));
}

void ImageLoader::Impl::open_slot(std::int64_t batch) {
  Slot& slot = slot_of(batch);
  slot.error = nullptr;
  slot.num_chunks_left = chunks_of(batch);
  slot.batch.num_images = batch_end(batch) - batch_begin(batch);
  slot.batch.height = options_.resolution;
  slot.batch.width = options_.resolution;
  slot.batch.channels = channels_;
  slot.batch.labels.resize(static_cast<std::size_t>(slot.batch.num_images));
  slot.batch.images.resize(
      static_cast<std::size_t>(slot.batch.num_images * preparer_.values_per_image()));
}

void ImageLoader::Impl::work(const std::stop_token& stop) {
  ImagePreparer::ScratchImages scratch;
  std::unique_lock lock(mutex_);
  while (work_arrived_.wait(lock, stop, [this] { return has_work(); }) && !stop.stop_requested()) {
    const std::int64_t batch = open_batch_;
    const std::int64_t chunk = open_chunk_++;
    if (chunk == 0) open_slot(batch);
    if (open_chunk_ == chunks_of(batch)) {
      ++open_batch_;
      open_chunk_ = 0;
    }
    ++num_busy_;
    lock.unlock();
    std::exception_ptr error;
    try {
      fill_chunk(stop, batch, chunk, scratch);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    --num_busy_;
    Slot& slot = slot_of(batch);
    if (error && (!slot.error || chunk < slot.failed_chunk)) {
      slot.error = error;
      slot.failed_chunk = chunk;
    }
    if (--slot.num_chunks_left == 0 || is_cancelled_) chunk_finished_.notify_all();
  }
}

void ImageLoader::Impl::fill_chunk(const std::stop_token& stop, std::int64_t batch,
                                   std::int64_t chunk, ImagePreparer::ScratchImages& scratch) {
  Batch& to = slot_of(batch).batch;
  const std::int64_t begin = batch_begin(batch) + chunk * kChunk;
  const std::int64_t end = std::min(begin + kChunk, batch_end(batch));
  for (std::int64_t position = begin; position < end; ++position) {
    if (is_cancelled_ || stop.stop_requested()) return;
    const std::int64_t index = order_[static_cast<std::size_t>(position)];
    const std::int64_t in_batch = position - batch_begin(batch);
    // Counter 0 is used for the order of the epoch.
    const auto counter = static_cast<std::uint64_t>(position) + 1;
    to.labels[static_cast<std::size_t>(in_batch)] = source_->label(index);
    preparer_.prepare(index, random_bits(options_.seed, epoch_, counter), scratch,
                      to.images.data() + in_batch * preparer_.values_per_image());
  }
}

ImageLoader::ImageLoader(const ImageData& data, std::shared_ptr<const ImageSource> source,
                         std::vector<std::int64_t> indices, const LoaderOptions& options) {
  check_options(options, data.channels);
  check_data(data, *source, indices);
  check(!indices.empty(), data.name + ": no images to load");
  check(!options.is_training || static_cast<std::int64_t>(indices.size()) >= options.batch_size,
        fmt::format("batch_size: {} images do not fill one batch of {}", indices.size(),
                    options.batch_size));
  impl_ = std::make_unique<Impl>(data, std::move(source), std::move(indices), options);
}

ImageLoader::~ImageLoader() = default;

std::int64_t ImageLoader::num_images() const { return impl_->num_images(); }
std::int64_t ImageLoader::batches_per_epoch() const { return impl_->batches_per_epoch(); }
const LoaderOptions& ImageLoader::options() const { return impl_->options(); }
void ImageLoader::start(std::int64_t epoch, std::int64_t first_batch, BatchShare share) {
  impl_->start(epoch, first_batch, share);
}
bool ImageLoader::next(Batch& batch) { return impl_->next(batch); }

}  // namespace tilewake
