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
//	SDGO_SIM_ARCH=x86-64 go test -tags gpu ./internal/cuda/sim   # without vectors of eight
//	SDGO_SIM=check=0,threads=1 program                           # options of a program that is no test
//
// What it does not check: races between threads of one block in global memory, the order
// of memory on real hardware, time.
package sim
