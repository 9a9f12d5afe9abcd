// SPDX-License-Identifier: Apache-2.0

// libsystemc refers to this function from a main() of its own, which no program of ours uses.
extern "C" int sc_main(int, char**) { return 0; }
