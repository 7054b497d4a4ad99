package sampler

// history keeps the last few slopes or estimates of a multistep method, the
// latest first.
type history [][]float32

func newHistory(size, n int) history {
	h := make(history, size)
	for i := range h {
		h[i] = make([]float32, n)
	}
	return h
}

// push drops the oldest entry and returns the space of the latest, to be filled.
func (h history) push() []float32 {
	oldest := h[len(h)-1]
	copy(h[1:], h)
	h[0] = oldest
	return oldest
}
