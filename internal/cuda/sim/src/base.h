// Short names of the numbers, and what all files share.
#pragma once
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef float f32;
typedef double f64;

// LANES is the head of a loop over the 32 lanes of a warp, which the compiler turns
// into vectors of whatever width the machine has.
#define LANES _Pragma("GCC ivdep") for (int l = 0; l < 32; l++)
#define ACTIVE(m) for (int l = 0; l < 32; l++) if ((m) >> l & 1)
#define INLINE static inline __attribute__((always_inline))

// The codes of the driver that kernels end with (cuda.h has the same numbers).
enum {
	E_IMAGE = 200,       // CUDA_ERROR_INVALID_IMAGE
	E_PTX = 218,         // CUDA_ERROR_INVALID_PTX
	E_ADDRESS = 700,     // CUDA_ERROR_ILLEGAL_ADDRESS
	E_TIMEOUT = 702,     // CUDA_ERROR_LAUNCH_TIMEOUT
	E_INSTRUCTION = 715, // CUDA_ERROR_ILLEGAL_INSTRUCTION
	E_MISALIGNED = 716,  // CUDA_ERROR_MISALIGNED_ADDRESS
	E_FAILED = 719,      // CUDA_ERROR_LAUNCH_FAILED: what a GPU would pass over in silence
};

// A Fault is an error of the program under test.
struct Fault : std::runtime_error {
	int code;
	Fault(int code, const std::string& text) : runtime_error(text), code(code) {}
};

// format is sprintf to a string, fault throws one.
std::string format(const char* f, ...) __attribute__((format(printf, 1, 2)));
[[noreturn]] void fault(int code, const char* f, ...) __attribute__((format(printf, 2, 3)));
