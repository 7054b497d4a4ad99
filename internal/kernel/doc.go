// Package kernel holds the arithmetic of the models: []float32 in, []float32
// out. It knows no graph, no device and no threads: a kernel is a function that
// returns [Phase] values, and the caller spreads their tasks over its workers.
//
// What takes the time of a picture is written twice: in plain Go, which is the
// specification, and in assembly for AVX2 with FMA, AVX-512, its instructions for
// integers and bfloat16, and arm64's NEON. What moves numbers, and derivatives, are
// plain Go alone. The bytes are the same, but for sums of products of bfloat16 below
// 2⁻¹²⁶. An output element of a product is one chain of fused multiply-adds in one
// order, so neither the vector width nor the partition into tasks changes the
// result. NEON has been run under emulation only: its bytes are tested, its speed is
// not known.
//
// The best instruction set of the processor is used; SDGO_ISA=generic, avx2, avx512,
// vnni or bf16, on arm64 generic or neon, asks for a lesser one.
//
// Tensors are channels-last: [N H W C], and [N T D] for tokens.
package kernel

//go:generate go -C _asm generate ./...
