// Package sim is a CUDA driver in software, for tests on machines without a GPU. It
// executes PTX, a warp at a time, and reports what a GPU passes over in silence: races,
// reads of memory and registers that nobody set, access outside of allocations, barriers
// and shuffles that not all lanes reach, bytes used before an asynchronous copy is waited
// for, numbers that become NaN.
//
// It is a shared library in C++, in src, with the entry points of libcuda.so.1 that the
// library uses. [Build] compiles it; package driver loads it in the place of the real one:
//
//	path, err := sim.Build()
//	os.Setenv("SDGO_CUDA_DRIVER", path)
//	driver.Open()
//
// From a shell, with cuda.h in CGO_CFLAGS (-I.../nvidia/cuda_runtime/include) and g++:
//
//	go test -tags gpu ./internal/cuda/sim
//	SDGO_SIM_ARCH=x86-64 go test -tags gpu ./internal/cuda/sim # without vectors of eight
//
// On another processor, emulated, with its compilers in CC and CXX (aarch64-linux-gnu-g++):
//
//	SDGO_SIM_ARCH=armv8-a GOARCH=arm64 CGO_ENABLED=1 QEMU_LD_PREFIX=/usr/aarch64-linux-gnu \
//		go test -tags gpu -exec qemu-aarch64-static ./internal/cuda/sim
//
// The tests of results run on a real driver, too: SDGO_CUDA_DRIVER=libcuda.so.1. A program
// that is no test runs on the software driver with options in its environment, which
// are those of [Set]:
//
//	SDGO_CUDA_DRIVER=$(go run -tags gpu ./internal/cuda/sim/build) SDGO_SIM=check=0,verbose=1 program
//
// Streams run when somebody waits for them, not before: the worst timing that CUDA
// allows. Results are the same bytes on any processor, in any order of blocks and warps.
//
// Where the manuals leave the answer open it is that of an H100 (answers_test.go). As there,
// an error like an illegal address ends all use of CUDA, until [Reset].
//
// What it does not check: races between threads of one block in global memory, the order
// of memory on real hardware, time.
package sim
