package kernel

// Phase is work that splits into independent tasks. Tasks may run in any
// order and at the same time; each writes its own part of the output, so the
// result does not depend on how they are spread over threads. The phases of
// one operation run one after the other.
type Phase struct {
	// Tasks is the number of tasks; each should take 0.05 to 1 ms.
	Tasks int
	// Scratch is the number of float32s that one call of Run needs for
	// itself. They hold anything on entry.
	Scratch int
	// Run does one task, 0 ≤ task < Tasks. It allocates nothing.
	Run func(task int, scratch []float32)
}

// take cuts n float32s off the front of a task's scratch.
func take(scratch *[]float32, n int) []float32 {
	x := (*scratch)[:n]
	*scratch = (*scratch)[n:]
	return x
}

// Serial runs the phases on the calling goroutine.
func Serial(phases ...Phase) {
	for _, p := range phases {
		scratch := make([]float32, p.Scratch)
		for i := range p.Tasks {
			p.Run(i, scratch)
		}
	}
}
