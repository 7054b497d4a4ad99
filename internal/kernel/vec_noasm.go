//go:build !(amd64 || arm64) || purego

package kernel

// activate sets dst = act(x). dst may be x.
func activate(dst, x []float32, act Activation) { activateGeneric(dst, x, act) }

// gegluRow sets dst = x·gelu(gate), or nearly so: see nearGELU32.
func gegluRow(dst, x, gate []float32, near bool) { gegluRowGeneric(dst, x, gate, near) }

func softmaxColumns(s []float32, keys int, most, sum, rescale []float32) {
	softmaxColumnsGeneric(s, keys, most, sum, rescale)
}

func scaleColumns(x []float32, rows int, f []float32) { scaleColumnsGeneric(x, rows, f) }

// addRow sets dst = a + b. dst may be a or b.
func addRow(dst, a, b []float32) { addRowGeneric(dst, a, b) }

// scaleRow sets dst = f·x. dst may be x.
func scaleRow(dst, x []float32, f float32) { scaleRowGeneric(dst, x, f) }
