package device

// GroupNorm is group normalisation of [N Pixels C], then Act.
type GroupNorm struct {
	X, Gamma, Beta, Out  Ptr
	N, Pixels, C, Groups int
	Eps                  float64
	Act                  Activation
}

// normArgs is NormArgs of norm.cu.
type normArgs struct {
	x, gamma, beta, part, out              Ptr
	pixels, c, groups, chunk, chunks, rows int32
	eps                                    float32
	act                                    int32
}

// chunks says how many pixels the statistics take together, from one sample's shape: a
// hundred chunks, or of eight pixels.
func (g GroupNorm) chunk() int { return max(ceil(g.Pixels, 100), 8) }

// slices are the parts of the channels that blocks apply the norm to: a block reads the
// statistics of its groups alone. A part of a pixel is whole memory transactions, of 32
// bytes or more.
func (g GroupNorm) slices() int {
	for _, n := range []int{4, 2} {
		if g.Groups%n == 0 && g.C/n%16 == 0 {
			return n
		}
	}
	return 1
}

// Work is the bytes of scratch of the launches.
func (g GroupNorm) Work() int { return 8 * g.N * g.Groups * ceil(g.Pixels, g.chunk()) }

// Launches returns the norm's launches.
func (g GroupNorm) Launches(t Target, work Ptr) []Launch {
	args := normArgs{
		x: g.X, gamma: g.Gamma, beta: g.Beta, part: work, out: g.Out,
		pixels: int32(g.Pixels), c: int32(g.C), groups: int32(g.Groups),
		chunk: int32(g.chunk()), chunks: int32(ceil(g.Pixels, g.chunk())),
		eps: float32(g.Eps), act: int32(g.Act),
	}
	wide, v := "", 1
	if g.C%4 == 0 {
		wide, v = "4", 4
	}
	const threads = 256
	lanes := max(1, threads/(g.C/v))
	// A block sets up the numbers of its channels: it should apply some pixels with them.
	slices := g.slices()
	rows := max(ceil(g.N*g.Pixels*slices, 4*t.SMs), 8)
	args.rows = int32(rows)
	bytes := g.N * g.Pixels * g.C * t.Type.Size()
	return []Launch{
		launch("group_stats"+wide, t.Type, [3]int{int(args.chunks), g.N, 1}, 8*lanes*g.C+4*g.Groups, args).moves(bytes),
		launch("group_apply"+wide, t.Type, [3]int{ceil(g.Pixels, rows), g.N, slices}, 12*g.C/slices, args).moves(2 * bytes),
	}
}

// LayerNorm returns the launches that normalise rows of c numbers.
func LayerNorm(t Target, out, x, gamma, beta Ptr, rows, c int, eps float64) []Launch {
	args := normArgs{x: x, gamma: gamma, beta: beta, out: out, pixels: int32(rows), c: int32(c), eps: float32(eps)}
	name := "layer_norm"
	if c%4 == 0 {
		name = "layer_norm4"
	}
	return []Launch{launch(name, t.Type, [3]int{ceil(rows, 8), 1, 1}, 0, args).moves(2 * rows * c * t.Type.Size())}
}
