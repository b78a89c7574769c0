/* How functions are compiled, whatever the compiler. */

#pragma once

#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

#ifdef _MSC_VER /* by default it knows the word of C99 under this name */
#define restrict __restrict
#endif

/* Compiled for wider vectors too, where the system's loader chooses between functions. */
#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif
