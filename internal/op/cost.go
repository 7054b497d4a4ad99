package op

import (
	"time"

	"sdgo/internal/kernel"
)

// Cost is the arithmetic of an operation, for reports.
type Cost struct {
	Kind  string  // "conv 3×3", "linear", "attention", …
	FLOPs float64 // of the plain algorithm; a multiplication and an addition are two

	format kernel.Format // of the factors, where no weight tells
	share  float64       // of the matrix kernel's rate in cache, as seen in whole models
}

// Operations that only move or scale numbers count no arithmetic.
var (
	elementwise = Cost{Kind: "elementwise"}
	normalising = Cost{Kind: "norm"}
	moving      = Cost{Kind: "layout and embedding"}
)

// bandwidth is the bytes of output a second of operations without arithmetic of
// account, on one or two threads.
const bandwidth = 20e9

// What a core on paper does in a second, so that counts do not depend on the machine that
// asks: operations of the matrix kernel by the format of the factors, and bytes of output
// of operations without arithmetic of account.
var coreRate = [kernel.Int8 + 1]float64{kernel.Float32: 130e9, kernel.Float16: 130e9, kernel.BFloat16: 260e9, kernel.Int8: 400e9}

const coreBandwidth = 10e9

// Work is what an operation takes of a core on paper. See Time for what it is given.
func (c Cost) Work(format kernel.Format, output int64) time.Duration {
	seconds := float64(output) / coreBandwidth
	if c.FLOPs > 0 && c.share > 0 {
		seconds = c.FLOPs / (coreRate[max(format, c.format)] * c.share)
	}
	return time.Duration(seconds * 1e9)
}

// Time predicts how long an operation takes with weights in a format, that writes a
// number of bytes, on a number of threads.
func (c Cost) Time(format kernel.Format, threads int, output int64) time.Duration {
	seconds := float64(output) / bandwidth
	if c.FLOPs > 0 && c.share > 0 {
		seconds = c.FLOPs / (kernel.Rate(max(format, c.format)) * float64(threads) * c.share)
	}
	return time.Duration(seconds * 1e9)
}
