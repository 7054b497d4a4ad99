package kernel

// Phase is work that splits into independent tasks. Tasks may run in any
// order and at the same time; each writes its own part of the output, so the
// result does not depend on how they are spread over threads. The phases of
// one operation run one after the other.
type Phase struct {
	// Tasks is the number of tasks, for one thread if there is a Split; each should take
	// 0.05 to 1 ms.
	Tasks int
	// Scratch is the number of float32s that one call of Run needs for
	// itself. They hold anything on entry.
	Scratch int
	// Run does one task, 0 ≤ task < Tasks. It allocates nothing.
	Run func(task int, scratch []float32)
	// Split, if not nil, returns the phase cut for a team of so many threads: see
	// [Phase.For]. The bytes are those of any other cut.
	Split func(threads int) Phase

	// Work is what all tasks take, relative to the other phases of an operation, and Size
	// what one takes, relative to the others of the phase: for reports. Zero and nil stand
	// for the same in all.
	Work float64
	Size func(task int) float64
}

// For returns the phase in tasks for a team of so many threads.
func (p Phase) For(threads int) Phase {
	if p.Split == nil {
		return p
	}
	return p.Split(threads)
}

// moved is how many multiplications and additions of a product a core does in the time in
// which it moves a number from one layout to another, about: for [Phase].Work.
const moved = 16

// byThreads is a phase that split cuts for a number of threads.
func byThreads(split func(threads int) Phase) Phase {
	p := split(1)
	p.Split = split
	return p
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
