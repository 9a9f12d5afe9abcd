// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace tilewake {

/// Lets the C library keep memory that training frees instead of returning it to the kernel: call
/// it once, before the first tensor. glibc maps every block over 32 MiB anew and unmaps it when
/// freed, so that each step of a large batch pays for page faults and zeroed pages. Measured at
/// batch 128 on feature maps of 28x28 to 32x32: 2.2 to 2.6 times the images per second without
/// that; nothing is gained where every tensor is below 32 MiB. What the process holds is then its
/// peak use until it ends, and the peak is about half higher, as blocks of different sizes leave
/// gaps. Does nothing with another C library.
void configure_allocator();

/// Threads of one operation; LibTorch's default is 1. On a machine that is busy with other work,
/// more threads than free cores are many times slower than one, because OpenMP's waiting threads
/// spin (OMP_WAIT_POLICY=PASSIVE, set before the program starts, is the remedy). Results are equal
/// bit by bit for equal numbers of threads alone. Throws InputError where `num_threads` is below 1.
void set_num_threads(int num_threads);

}  // namespace tilewake
