package kernel

import "math"

// queryPanel is up to 32 queries of one head, the columns of what is computed.
// Missing ones are zeros.
type queryPanel struct {
	first, n            int
	q                   []float32 // [HeadDim][32], scaled to give scores in units of ln 2
	sums                []float32 // [HeadDim][32]: Σ weight·v
	most, norm, rescale []float32 // [16 or 32]: see softmaxColumns

	// For pairs, whose maxima are near enough: see weighing.
	state []float32 // its sums are norm
	far   []float32 // [1]: not 0 if the scores less m are what is weighed
	off   bool      // the weights will not do

	offsets []int32 // of rows of keys, while they are multiplied
}

func (p *queryPanel) narrow() bool { return len(p.most) <= panel/2 }

// panelLen is the float32s of a panel in a task's scratch.
func (a *attention) panelLen() int {
	n := (2*a.HeadDim + 3) * panel
	if a.pairs {
		n += stateLen
	}
	return n
}

// panel is panel i of the head, number n of those of the task.
func (a *attention) panel(panels []float32, i, n int) queryPanel {
	x := panels[n*a.panelLen():][:a.panelLen()]
	size := a.HeadDim * panel
	p := queryPanel{first: i * panel, n: min(panel, a.Queries-i*panel), q: x[:size], sums: x[size:][:size]}
	columns, x := roundUp(p.n, panel/2), x[2*size:]
	p.most, p.norm, p.rescale = x[:columns], x[panel:][:columns], x[2*panel:][:columns]
	if a.pairs {
		p.far, p.state = x[panel:][:1], x[3*panel:][:stateLen]
		p.norm = p.state[stateSum:][:columns]
	}
	return p
}

// load reads a panel of queries.
func (a *attention) load(p *queryPanel, head int) {
	transposePanel(p.q, a.from(a.q, head, a.Queries, p.first, a.QStride), a.QStride, p.n, a.HeadDim)
	scaleRow(p.q, p.q, float32(float64(a.Scale)*math.Log2E))
	if a.pairs {
		if a.native {
			pairRows(p.q, a.HeadDim/2, panel)
		} else {
			turnRows(p.q, a.HeadDim/2)
		}
		p.start()
		return
	}
	for i := range p.most {
		p.most[i], p.norm[i] = softmaxStart, 0
	}
}

// hide hides from all queries the keys whose number in mask is zero.
func hide(scores, mask []float32) {
	for r, m := range mask {
		if m != 0 {
			continue
		}
		row := scores[r*panel:][:panel]
		for i := range row {
			row[i] = float32(math.Inf(-1))
		}
	}
}

// hideLater hides from query first+i the keys after it, of n from key on.
func hideLater(scores []float32, first, key, n int) {
	for r := max(0, first+1-key); r < n; r++ {
		row := scores[r*panel:][:min(panel, key+r-first)]
		for i := range row {
			row[i] = float32(math.Inf(-1))
		}
	}
}

// store writes a panel's outputs.
func (a *attention) store(p *queryPanel, head int) {
	for i, sum := range p.norm {
		p.norm[i] = 1 / sum
	}
	scaleColumns(p.sums, a.HeadDim, p.norm)
	token, at, rows := a.OutStride, head%a.Heads*a.HeadDim, a.HeadDim
	if a.RoundOut { // pairs of rows are words, which go side by side as numbers do
		pairRows(p.sums, rows/2, len(p.norm))
		token, at, rows = token/2, at/2, rows/2
	}
	at += (head/a.Heads*a.Queries + p.first) * token
	transpose(a.out[at:], token, p.sums, panel, rows, p.n)
}
