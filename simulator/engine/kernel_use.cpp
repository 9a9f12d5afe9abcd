// SPDX-License-Identifier: Apache-2.0
#include "simulator/engine/kernel_use.hpp"

#include <cstddef>
#include <stdexcept>
#include <sysc/kernel/sc_cor.h>
#include <utility>

#if defined(__has_feature)  // clang
#if __has_feature(address_sanitizer)
#define TILEWAKE_ADDRESS_SANITIZER
#endif
#elif defined(__SANITIZE_ADDRESS__)  // GCC
#define TILEWAKE_ADDRESS_SANITIZER
#endif

#if defined(TILEWAKE_ADDRESS_SANITIZER)
#include <pthread.h>
#include <sanitizer/common_interface_defs.h>
#endif

// libsystemc references this function from its main(), which our programs do not use.
extern "C" int sc_main(int, char**) { return 0; }

namespace tilewake {
namespace {

thread_local bool is_kernel_in_use = false;

std::mutex& kernel_mutex() {
  static std::mutex the_mutex;
  return the_mutex;
}

/// SystemC announces stack switches to AddressSanitizer, but with null bounds for main(): later
/// exceptions then leave stale stack marks, which look like errors. This announces the stack of
/// main(). No effect without the sanitizer.
void tell_sanitizer_of_main_stack() {
#if defined(TILEWAKE_ADDRESS_SANITIZER)
  pthread_attr_t attributes;
  void* bottom = nullptr;
  std::size_t size = 0;
  pthread_getattr_np(pthread_self(), &attributes);
  pthread_attr_getstack(&attributes, &bottom, &size);
  pthread_attr_destroy(&attributes);
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, bottom, size);
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

/// What switches the stacks of a kernel. An explicit instantiation may name a private member.
template <sc_core::sc_cor_pkg* sc_core::sc_simcontext::*kMember>
struct CoroutinePackage {
  friend sc_core::sc_cor_pkg*& coroutine_package(sc_core::sc_simcontext& kernel) {
    return kernel.*kMember;
  }
};
sc_core::sc_cor_pkg*& coroutine_package(sc_core::sc_simcontext& kernel);
template struct CoroutinePackage<&sc_core::sc_simcontext::m_cor_pkg>;

}  // namespace

void KernelDeleter::operator()(sc_core::sc_simcontext* kernel) const {
  // SystemC 3.0.1 deletes it before the threads, whose destructors read it; 2.3.4 after them.
  const std::unique_ptr<sc_core::sc_cor_pkg> package(
      std::exchange(coroutine_package(*kernel), nullptr));
  delete kernel;
}

KernelUse::KernelUse(sc_core::sc_simcontext* kernel) : lock_(kernel_mutex(), std::defer_lock) {
  if (is_kernel_in_use) throw std::logic_error("a simulator was used from a sink of another");
  lock_.lock();
  is_kernel_in_use = true;
  current_ = sc_core::sc_curr_simcontext;
  default_ = sc_core::sc_default_global_context;
  sc_core::sc_curr_simcontext = kernel;
  sc_core::sc_default_global_context = kernel;
}

KernelUse::~KernelUse() {
  sc_core::sc_curr_simcontext = current_;
  sc_core::sc_default_global_context = default_;
  is_kernel_in_use = false;
}

void KernelUse::start() const {
  sc_core::sc_start();
  tell_sanitizer_of_main_stack();
}

}  // namespace tilewake
