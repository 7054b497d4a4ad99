package clip

// candidate is a possible merge of the symbol at an index with the next one.
type candidate struct{ rank, at int32 }

// before orders candidates: the lowest rank first, then from left to right.
func (c candidate) before(d candidate) bool {
	return c.rank < d.rank || c.rank == d.rank && c.at < d.at
}

// mergeQueue is a binary heap: each candidate is before the two below it, and the
// first before all. (container/heap would allocate for each, and its Init cannot be
// ended.)
type mergeQueue []candidate

// init makes a heap of candidates in any order.
func (q mergeQueue) init(p *poll) {
	for i := len(q)/2 - 1; i >= 0 && !p.stop(); i-- {
		q.down(i)
	}
}

func (q *mergeQueue) push(c candidate) {
	*q = append(*q, c)
	h := *q
	for i := len(h) - 1; i > 0; {
		above := (i - 1) / 2
		if !h[i].before(h[above]) {
			return
		}
		h[i], h[above] = h[above], h[i]
		i = above
	}
}

func (q *mergeQueue) pop() candidate {
	h := *q
	top, last := h[0], len(h)-1
	h[0] = h[last]
	*q = h[:last]
	q.down(0)
	return top
}

// down moves candidate i to its place among those below it.
func (q mergeQueue) down(i int) {
	for {
		least := i
		for below := 2*i + 1; below <= 2*i+2 && below < len(q); below++ {
			if q[below].before(q[least]) {
				least = below
			}
		}
		if least == i {
			return
		}
		q[i], q[least] = q[least], q[i]
		i = least
	}
}
