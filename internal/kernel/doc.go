// Package kernel holds the arithmetic of the models: []float32 in, []float32
// out. It knows no graph, no device and no threads: an operation is a list of
// [Phase] values, and the caller spreads their tasks over its workers.
//
// Every operation is written twice: in plain Go, which is the specification,
// and in assembly for AVX2+FMA, AVX-512 and arm64's NEON, which gives the same
// bytes. An output element is one chain of fused multiply-adds over K in one
// order, so neither the vector width nor the partition into tasks changes the
// result. NEON has been run under emulation only: its bytes are tested, its
// speed is not known.
//
// The best instruction set of the processor is used; SDGO_ISA=generic, avx2,
// avx512 or neon asks for a lesser one.
//
// Tensors are channels-last: [N H W C], and [N T D] for tokens.
package kernel

//go:generate go -C _asm generate ./...
