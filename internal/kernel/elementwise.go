package kernel

import "math"

// taskSize is the number of elements that one task of an elementwise
// operation handles: 10 to 100 µs, and what a core's L2 cache holds.
const taskSize = 1 << 16

// leastTask is the fewest elements that are worth a task: a microsecond or two.
const leastTask = taskSize / 16

// splitRows is a phase over rows of the given width, in tasks of whole rows.
func splitRows(rows, width int, run func(from, to int)) Phase {
	return splitRowsWith(rows, width, 0, func(from, to int, _ []float32) { run(from, to) })
}

// splitRowsWith is splitRows whose tasks have scratch.
func splitRowsWith(rows, width, scratch int, run func(from, to int, scratch []float32)) Phase {
	return byThreads(func(threads int) Phase {
		n := tasksOf(rows, width, leastTask, threads)
		return Phase{Tasks: n, Scratch: scratch, Run: func(task int, scratch []float32) {
			run(rows*task/n, rows*(task+1)/n, scratch)
		}}
	})
}

// tasksOf is how many tasks rows of the given width are, of which one shall have no
// fewer than least elements: of taskSize, or as many as there are threads, or a multiple
// of them.
func tasksOf(rows, width, least, threads int) int {
	width = max(1, width)
	n := ceilDiv(rows, max(1, taskSize/width))
	if n < manyTasks*threads {
		n = max(n, min(roundUp(n, threads), rows*width/least))
	}
	return min(n, rows)
}

// manyTasks are enough for each thread: with more the last ones to end matter little.
const manyTasks = 8

// need panics if x has fewer than n elements: a bug of the caller.
func need(op, name string, x []float32, n int) {
	if len(x) < n {
		panic("kernel: " + op + ": short " + name)
	}
}

// Add sets out = a + b, elementwise. out may be a or b.
func Add(out, a, b []float32) Phase {
	need("add", "out", out, len(a))
	need("add", "b", b, len(a))
	return splitRows(len(a), 1, func(from, to int) {
		addRow(out[from:to], a[from:to], b[from:to])
	})
}

// AddPerChannel adds bias [samples c] to every pixel of x [samples pixels c].
// out may be x.
func AddPerChannel(out, x, bias []float32, samples, pixels, c int) Phase {
	need("add per channel", "out", out, samples*pixels*c)
	need("add per channel", "x", x, samples*pixels*c)
	need("add per channel", "bias", bias, samples*c)
	return splitRows(samples*pixels, c, func(from, to int) {
		for r := from; r < to; r++ {
			addRow(out[r*c:][:c], x[r*c:][:c], bias[r/pixels*c:][:c])
		}
	})
}

func addRowGeneric(dst, a, b []float32) {
	dst, b = dst[:len(a)], b[:len(a)]
	for i, v := range a {
		dst[i] = v + b[i]
	}
}

func scaleRowGeneric(dst, x []float32, f float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = v * f
	}
}

func abs32(x float32) float32 {
	return math.Float32frombits(math.Float32bits(x) &^ (1 << 31))
}
