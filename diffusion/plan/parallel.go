package plan

// Phase is a part of an operation whose tasks are shared by the threads of the processor.
// The next one begins when all are done.
type Phase struct {
	Tasks int
	// Share is the phase's part of the operation's work, and Longest the part of the phase
	// that the thread does which has most of it: 1 if there is one task, and at best
	// 1/threads.
	Share, Longest float64
}

// Longest is the part of the operation's work after which all threads are done: 1 if it is
// all serial, and at best 1/threads. It is 1 for an operation without phases.
func (o *Operation) Longest() float64 {
	if o == nil || len(o.Phases) == 0 {
		return 1
	}
	sum := 0.0
	for _, p := range o.Phases {
		sum += p.Share * p.Longest
	}
	return sum
}

// Serial is the part of the operation's work that one thread does while all others wait.
func (o *Operation) Serial() (sum float64) {
	if o == nil {
		return 0
	}
	for _, p := range o.Phases {
		if p.Tasks == 1 {
			sum += p.Share
		}
	}
	return sum
}

// Speedup is a bound on how many times as fast as one thread the part's threads are, from
// the counted work of its operations and the tasks that they are cut into (Amdahl 1967).
// Waiting for memory, and for one another, comes on top. It is 0 on a graphics processor.
func (p *Part) Speedup() float64 {
	if p == nil || p.Threads == 0 {
		return 0
	}
	work, longest := 0.0, 0.0
	for i := range p.Steps {
		o := &p.Steps[i]
		work += float64(o.Work)
		longest += float64(o.Work) * o.Longest()
	}
	if longest == 0 {
		return 1
	}
	return work / longest
}
