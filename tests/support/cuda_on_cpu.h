// Runs unmodified CUDA kernel source on the CPU, for tests on machines without a GPU.
// Every thread of a block is a fiber; a barrier is a switch to the next one. Finds wrong indices,
// wrong arithmetic, missing barriers (by running the threads in several orders on poisoned shared
// memory) and barriers that not all threads reach. Says nothing about speed or the memory model.
// Only what the kernels of gpu_ops/kernels use is here.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <random>
#include <type_traits>
#include <utility>
#include <vector>

#ifndef __x86_64__
#include <ucontext.h>
#endif

#define __global__
#define __device__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __shared__ static __attribute__((section("cuda_shared")))

using std::max;
using std::min;

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned a = 1, unsigned b = 1, unsigned c = 1) : x(a), y(b), z(c) {}
};
static dim3 blockIdx, blockDim, gridDim, threadIdx;

extern char __start_cuda_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_cuda_shared[] __attribute__((weak, visibility("hidden")));

namespace emulation {

const int second_half = 1000000;  // of an exchange: nobody gives again before all have read

#ifdef __x86_64__
// A switch of stacks without the system calls of swapcontext, which would take nearly all the time.
struct Context { void* top; };

extern "C" __attribute__((visibility("hidden"))) void switch_stacks(void** from, void* to);
asm(R"(
    .text
    .globl switch_stacks
    .hidden switch_stacks
switch_stacks:
    push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rsp
    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp
    ret
)");

inline void swap(Context* from, Context* to) { switch_stacks(&from->top, to->top); }

inline void start(Context* context, std::vector<char>& stack, void (*entry)()) {
    uintptr_t end = (uintptr_t)(stack.data() + stack.size()) & ~(uintptr_t)15;
    void** top = (void**)end - 2;
    top[1] = nullptr;       // the entry function never returns
    top[0] = (void*)entry;  // where the first switch goes
    context->top = top - 6;
}
#else
typedef ucontext_t Context;

inline void swap(Context* from, Context* to) { swapcontext(from, to); }

inline void start(Context* context, std::vector<char>& stack, void (*entry)()) {
    getcontext(context);
    context->uc_stack.ss_sp = stack.data();
    context->uc_stack.ss_size = stack.size();
    context->uc_link = nullptr;
    makecontext(context, entry, 0);
}
#endif

enum State { ready, at_barrier, in_warp, done };

struct Fiber {
    Context context;
    std::vector<char> stack;
    dim3 index;
    State state = ready;
    int line = 0;        // of the barrier it waits at
    uint64_t given = 0;  // what it shows to its warp, or its vote at a barrier
};

static std::vector<Fiber> fibers;
static std::vector<int> order;
static Context scheduler;
static int current;
static std::function<void()> body;

inline void wait(State state, int line) {
    Fiber& self = fibers[current];
    self.state = state;
    self.line = line;
    swap(&self.context, &scheduler);
}

inline void run_body() {
    body();
    fibers[current].state = done;
    swap(&fibers[current].context, &scheduler);
}

inline void resume(int i) {
    current = i;
    threadIdx = fibers[i].index;
    fibers[i].state = ready;
    swap(&scheduler, &fibers[i].context);
}

// Whether all threads in [from, to) that still run wait in this state, at the same line.
inline bool gathered(int from, int to, State state) {
    int line = 0;
    for (int i = from; i < to; i++) {
        if (fibers[i].state == done) continue;
        if (fibers[i].state != state || (line && fibers[i].line != line)) return false;
        line = fibers[i].line;
    }
    return line != 0;
}

// Runs one warp until its threads are done, wait at a block barrier, or wait for ever. No other
// warp runs meanwhile: whoever forgets a barrier gets as far ahead as it can.
inline void run_warp(int first) {
    int end = min(first + 32, (int)fibers.size());
    do {
        for (int i : order)
            if (i >= first && i < end && fibers[i].state != done) resume(i);
    } while (gathered(first, end, in_warp));
}

inline bool run_block() {
    memset(__start_cuda_shared, 0xff, __stop_cuda_shared - __start_cuda_shared);
    for (Fiber& fiber : fibers) {
        fiber.state = ready;
        start(&fiber.context, fiber.stack, run_body);
    }
    int n = fibers.size();
    do {
        for (int i : order)
            if (i % 32 == 0) run_warp(i);
    } while (gathered(0, n, at_barrier));
    for (const Fiber& fiber : fibers)
        if (fiber.state != done) return false;  // some wait for others that never come
    return true;
}

// schedule: 0 threads in order, 1 in reverse, more: shuffled with that seed.
inline int launch(dim3 grid, dim3 block, unsigned schedule, std::function<void()> kernel) {
    int n = block.x * block.y * block.z;
    fibers.resize(n);
    order.resize(n);
    for (int i = 0; i < n; i++) {
        fibers[i].index = dim3(i % block.x, i / block.x % block.y, i / block.x / block.y);
        fibers[i].stack.resize(32768);
        order[i] = schedule == 1 ? n - 1 - i : i;
    }
    if (schedule > 1) std::shuffle(order.begin(), order.end(), std::mt19937(schedule));
    gridDim = grid;
    blockDim = block;
    body = kernel;
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                blockIdx = dim3(x, y, z);
                if (!run_block()) return 1;
            }
    return 0;
}

template <class T>
constexpr char kind() {
    if (std::is_pointer<T>::value) return 'p';
    if (std::is_floating_point<T>::value) return sizeof(T) == 8 ? 'd' : 'f';
    return sizeof(T) == 8 ? 'l' : 'i';
}

template <class... T, size_t... I>
int launch_packed(void (*kernel)(T...), dim3 grid, dim3 block, unsigned schedule, void** packed,
                  std::index_sequence<I...>) {
    return launch(grid, block, schedule, [=] { kernel(*(T*)packed[I]...); });
}

template <class... T>
int launch_packed(void (*kernel)(T...), dim3 grid, dim3 block, unsigned schedule, void** packed) {
    return launch_packed(kernel, grid, block, schedule, packed, std::index_sequence_for<T...>());
}

template <class... T>
const char* kinds(void (*)(T...)) {
    static const char text[] = {kind<T>()..., 0};
    return text;
}

inline int thread() { return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z); }

// Calls with(i) for every thread of the warp, with what each gave.
template <class With>
inline void exchange(uint64_t given, int line, With with) {
    int first = thread() / 32 * 32;
    fibers[current].given = given;
    wait(in_warp, line);
    for (int i = first; i < min(first + 32, (int)fibers.size()); i++)
        if (fibers[i].state != done) with(i - first, fibers[i].given);
    wait(in_warp, line + second_half);
}

inline int any(bool vote, int line) {
    fibers[current].given = vote;
    wait(at_barrier, line);
    int result = 0;
    for (const Fiber& fiber : fibers) result |= fiber.state != done && fiber.given;
    wait(at_barrier, line + second_half);
    return result;
}

inline unsigned ballot(bool vote, int line) {
    unsigned votes = 0;
    exchange(vote, line, [&](int lane, uint64_t given) { votes |= (given ? 1u : 0u) << lane; });
    return votes;
}

template <class T>
inline T from_lane(T value, int source, int line) {
    static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof(T));
    uint64_t received = bits;
    exchange(bits, line, [&](int lane, uint64_t given) { if (lane == source) received = given; });
    memcpy(&value, &received, sizeof(T));
    return value;
}

}  // namespace emulation

#define __syncthreads() emulation::wait(emulation::at_barrier, __LINE__)
#define __syncwarp() emulation::wait(emulation::in_warp, __LINE__)
#define __syncthreads_or(vote) emulation::any(vote, __LINE__)
#define __ballot_sync(mask, vote) emulation::ballot(vote, __LINE__)
#define __shfl_xor_sync(mask, value, step) \
    emulation::from_lane(value, (emulation::thread() & 31) ^ (step), __LINE__)

inline int __ffs(int bits) { return __builtin_ffs(bits); }
inline int __double2int_rn(double value) { return (int)std::lrint(value); }
inline unsigned __float_as_uint(float value) { unsigned bits; memcpy(&bits, &value, 4); return bits; }
inline float __uint_as_float(unsigned bits) { float value; memcpy(&value, &bits, 4); return value; }
template <class T> inline T atomicAdd(T* at, T more) { T old = *at; *at += more; return old; }
template <class T> inline T atomicMin(T* at, T other) { T old = *at; *at = min(old, other); return old; }
template <class T> inline T atomicMax(T* at, T other) { T old = *at; *at = max(old, other); return old; }

#define LAUNCHER(name)                                                                          \
    extern "C" int launch_##name(const unsigned* grid, const unsigned* block, unsigned schedule, \
                                 void** packed) {                                               \
        return emulation::launch_packed(name, dim3(grid[0], grid[1], grid[2]),                  \
                                        dim3(block[0], block[1], block[2]), schedule, packed);  \
    }                                                                                           \
    extern "C" const char* kinds_##name() { return emulation::kinds(name); }
