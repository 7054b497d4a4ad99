// Names and texts of errors, as the driver has them.
#include "context.h"

struct Text {
	int code;
	const char *name, *text;
};
#define NAMED(code, text) {code, #code, text}
static const Text texts[] = {
	NAMED(CUDA_SUCCESS, "no error"),
	NAMED(CUDA_ERROR_INVALID_VALUE, "invalid argument"),
	NAMED(CUDA_ERROR_OUT_OF_MEMORY, "out of memory"),
	NAMED(CUDA_ERROR_NOT_INITIALIZED, "initialization error"),
	NAMED(CUDA_ERROR_DEINITIALIZED, "driver shutting down"),
	NAMED(CUDA_ERROR_DEVICE_UNAVAILABLE, "CUDA-capable device(s) is/are busy or unavailable"),
	NAMED(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected"),
	NAMED(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal"),
	NAMED(CUDA_ERROR_INVALID_CONTEXT, "invalid device context"),
	NAMED(CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device"),
	NAMED(CUDA_ERROR_ECC_UNCORRECTABLE, "uncorrectable ECC error encountered"),
	NAMED(CUDA_ERROR_INVALID_PTX, "a PTX JIT compilation failed"),
	NAMED(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "the provided PTX was compiled with an unsupported toolchain."),
	NAMED(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle"),
	NAMED(CUDA_ERROR_NOT_FOUND, "named symbol not found"),
	NAMED(CUDA_ERROR_NOT_READY, "device not ready"),
	NAMED(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered"),
	NAMED(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "too many resources requested for launch"),
	NAMED(CUDA_ERROR_LAUNCH_TIMEOUT, "the launch timed out and was terminated"),
	NAMED(CUDA_ERROR_ASSERT, "device-side assert triggered"),
	NAMED(CUDA_ERROR_HARDWARE_STACK_ERROR, "hardware stack error"),
	NAMED(CUDA_ERROR_ILLEGAL_INSTRUCTION, "an illegal instruction was encountered"),
	NAMED(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned address"),
	NAMED(CUDA_ERROR_INVALID_ADDRESS_SPACE, "operation not supported on global/shared address space"),
	NAMED(CUDA_ERROR_INVALID_PC, "invalid program counter"),
	NAMED(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure"),
	NAMED(CUDA_ERROR_NOT_PERMITTED, "operation not permitted"),
	NAMED(CUDA_ERROR_NOT_SUPPORTED, "operation not supported"),
	NAMED(CUDA_ERROR_ILLEGAL_STATE, "the operation cannot be performed in the present state"),
	NAMED(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "operation not permitted when stream is capturing"),
	NAMED(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "operation failed due to a previous error during capture"),
	NAMED(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "operation would make the legacy stream depend on a capturing blocking stream"),
	NAMED(CUDA_ERROR_CAPTURED_EVENT, "operation not permitted on an event last recorded in a capturing stream"),
	NAMED(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "attempt to terminate a thread-local capture sequence from another thread"),
	NAMED(CUDA_ERROR_UNKNOWN, "unknown error"),
};

static const Text* find(int code) {
	for (auto& t : texts)
		if (t.code == code) return &t;
	return nullptr;
}
const char* errorName(int code) {
	const Text* t = find(code);
	return t ? t->name : nullptr;
}
const char* errorText(int code) {
	const Text* t = find(code);
	return t ? t->text : nullptr;
}

// The numbers of base.h are those of the header.
static_assert((int)E_IMAGE == (int)CUDA_ERROR_INVALID_IMAGE && (int)E_PTX == (int)CUDA_ERROR_INVALID_PTX && (int)E_ADDRESS == (int)CUDA_ERROR_ILLEGAL_ADDRESS && (int)E_TIMEOUT == (int)CUDA_ERROR_LAUNCH_TIMEOUT);
static_assert((int)E_INSTRUCTION == (int)CUDA_ERROR_ILLEGAL_INSTRUCTION && (int)E_MISALIGNED == (int)CUDA_ERROR_MISALIGNED_ADDRESS && (int)E_FAILED == (int)CUDA_ERROR_LAUNCH_FAILED);

extern "C" {
CUresult cuGetErrorName(CUresult code, const char** s) {
	*s = errorName(code);
	return *s ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
CUresult cuGetErrorString(CUresult code, const char** s) {
	*s = errorText(code);
	return *s ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}
}
