package kernel

// convRound is a part of a [roundedConv]: some rows of the output of one image, or all
// rows of several.
type convRound struct {
	*roundedConv
	image, images int
	begin         int       // the first pixel of the output
	rows          []int32   // where in an image of x the rows begin that it sees
	find          tapFinder // in the work space

	pixels int
	grid   // of the output
}

func (c *roundedConv) newRound(image, images, from, to int) *convRound {
	r := &convRound{roundedConv: c, image: image, images: images, begin: (image*c.OutH + from) * c.OutW}
	row := c.W * c.words
	place := make(map[int32]int32)
	ys := make([]int32, 0, len(c.ys))
	for _, y := range c.ys[from*c.Stride:][:(to-from-1)*c.Stride+c.KH] {
		at, ok := place[y]
		switch {
		case y < 0:
			at = -1
		case !ok:
			at = int32(len(r.rows) * row)
			place[y] = at
			r.rows = append(r.rows, y)
		}
		ys = append(ys, at)
	}
	r.find = tapFinder{ConvShape: c.ConvShape, ys: ys, xs: c.xs, image: len(r.rows) * row}
	r.find.OutH = to - from
	r.pixels, r.panels = images*r.find.OutH*c.OutW, ceilDiv(c.OutC, panel)
	r.tiles = ceilDiv(r.pixels, tileRows)
	return r
}

// split chooses the products' tasks for a number of threads. More blocks round the weights
// more often, which takes about half the time of a tile.
func (r convRound) split(threads int) *convRound {
	r.blocks = ceilDiv(r.tiles, convTiles)
	r.bands = ceilDiv(r.panels, max(1, convWords/(r.KH*r.KW*r.InC/2)))
	many := max(minTasks, manyTasks*threads)
	if r.tasks() < many {
		r.bands = min(r.panels, ceilDiv(many, r.blocks))
	}
	if r.tasks() < minTasks {
		r.blocks = min(r.tiles, ceilDiv(minTasks, r.bands))
	}
	time := func(blocks int) int {
		return ceilDiv(blocks*r.bands, threads) * (1 + 2*ceilDiv(r.tiles, blocks))
	}
	for blocks := r.blocks + 1; blocks <= r.tiles && r.tasks() < many; blocks++ {
		if pays(time(blocks), time(r.blocks)) {
			r.blocks = blocks
		}
	}
	return &r
}

// convRounded is about how many float32s of the input a task rounds.
const convRounded = 16 << 10

// rounding is the phase that rounds the input.
func (r *convRound) rounding() Phase {
	rows, n, words := r.images*len(r.rows), r.W*r.InC, r.W*r.words
	tasks := max(1, min(rows, rows*n/convRounded))
	return Phase{Tasks: tasks, Work: float64(rows * n * moved), Run: func(task int, _ []float32) {
		for i := rows * task / tasks; i < rows*(task+1)/tasks; i++ {
			image, row := r.image+i/len(r.rows), r.rows[i%len(r.rows)]
			roundPairs(r.work[i*words:][:words], r.x[image*r.H*n+int(row):][:n], r.native)
		}
	}}
}

// products is the phase that multiplies.
func (r *convRound) products() Phase {
	return byThreads(func(threads int) Phase {
		r := r.split(threads)
		tiles := ceilDiv(r.tiles, r.blocks)
		return Phase{
			Tasks:   r.tasks(),
			Scratch: tiles*tileRows*(panel+r.KH*r.KW) + r.wideLen() + r.w.storedLen(r.InC),
			Run:     r.multiply,
			Work:    float64((r.pixels + r.blocks*tileRows/2) * r.w.K * r.OutC / PerWord(BFloat16)),
		}
	})
}

func (r *convRound) multiply(task int, scratch []float32) {
	first, last, left, right := r.byColumns(task)
	taps := r.KH * r.KW
	sums := take(&scratch, (last-first)*tileRows*panel)
	offsets := int32s(take(&scratch, (last-first)*tileRows*taps))
	wide, temp := take(&scratch, r.wideLen()), take(&scratch, r.w.storedLen(r.InC))
	for i := range last - first {
		row, rows := r.tile(first + i)
		r.find.locate(offsets[i*tileRows*taps:], row, rows)
	}

	t := tile{a: r.work, zero: r.zero, ldc: panel}
	for col := left; col < right; col++ {
		cols := min(panel, r.OutC-col*panel)
		t.narrow = cols <= panel/2
		for n, k := range r.chunks {
			t.b = r.weights(wide, temp, col, k)
			t.taps, t.k, t.add = k.taps, k.k, n > 0
			for i := range last - first {
				var row int
				row, t.rows = r.tile(first + i)
				t.offsets = offsets[(i*taps+k.tap)*tileRows:][:k.taps*tileRows]
				t.c = sums[i*tileRows*panel:][:tileRows*panel]
				if t.out = nil; n == len(r.chunks)-1 {
					t.out, t.stride = r.out[(r.begin+row)*r.OutC+col*panel:], r.OutC
				}
				r.nextWeights(&t, col, k, i, last-first)
				if r.native {
					multiplyBF16(&t)
				} else {
					multiply(&t)
				}
				if n == len(r.chunks)-1 {
					r.ep.store(r.out, t.c, r.OutC, r.begin+row, t.rows, col*panel, cols)
				}
			}
		}
	}
}

// tile returns the first pixel of a tile and how many it has, evenly.
func (r *convRound) tile(i int) (row, rows int) {
	row = r.pixels * i / r.tiles
	return row, r.pixels*(i+1)/r.tiles - row
}

// nextWeights makes tile i of n fetch its share of what follows a chunk, which are the
// weights of the next, of the panel or the next panel.
func (r *convRound) nextWeights(t *tile, col int, k chunk, i, n int) {
	if r.w.stored() {
		t.next, t.fetch = nil, 0
		return
	}
	row := (col*r.w.K + (k.tap+k.taps)*r.InC) * panel * r.w.Format.size() / 4
	t.fetch = ceilDiv(2*panel*r.w.Format.size(), n)
	t.next = r.w.Data[min(row+i*t.taps*t.k*t.fetch/4, len(r.w.Data)-1):]
}
