//go:build !(amd64 || arm64) || purego

package kernel

// activate sets dst = act(x). dst may be x.
func activate(dst, x []float32, act Activation) { activateGeneric(dst, x, act) }

// gegluRow sets dst = x·gelu(gate).
func gegluRow(dst, x, gate []float32) { gegluRowGeneric(dst, x, gate) }

// softmaxRow is one step of the online softmax: see softmaxRowGeneric.
func softmaxRow(s []float32, scale, max, sum float32) (newMax, newSum, rescale float32) {
	return softmaxRowGeneric(s, scale, max, sum)
}

// addRow sets dst = a + b. dst may be a or b.
func addRow(dst, a, b []float32) { addRowGeneric(dst, a, b) }

// scaleRow sets dst = f·x. dst may be x.
func scaleRow(dst, x []float32, f float32) { scaleRowGeneric(dst, x, f) }
