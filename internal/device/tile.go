package device

// tile is a kernel of gemm.cu. Alone and each are the time that it takes for 64 of K,
// where a block has its multiprocessor to itself and for each of those that fill it: in
// µs, fitted to timings of the products of SD 1.5 and SDXL on an H100 with each tile and
// split. On other cards the latter are longer as their multiprocessors are slower, and the
// sums of splits as their memory is.
type tile struct {
	name          string
	bm, bn, bk    int
	stages, older int // of shared memory; older: on sm_75, which lacks the kernel if it is 0
	blocks        int // whose registers a multiprocessor has
	alone, each   float64
}

var tiles = []tile{
	{"128x160", 128, 160, 32, 4, 0, 2, 1.77, 0.773},
	{"128x128", 128, 128, 64, 3, 0, 2, 1.31, 0.493},
	{"128x64", 128, 64, 64, 3, 2, 3, 0.57, 0.416},
	{"64x64", 64, 64, 64, 3, 2, 4, 0.28, 0.216},
}

// What blocks cost beside their products, and splits of K, in µs.
const (
	blockTime   = 5.0
	reduceTime  = 1.85
	reduceMTime = 1.3 // for a million partial sums
)

// splitUnit is a multiple of every tile's bk.
const splitUnit = 64

// splitCounts are the parts that K may be summed in, of splitLeast or more each.
var splitCounts = []int{1, 2, 3, 4, 6, 8, 12, 16}

const (
	splitLeast = 320
	splitSums  = 3_000_000 // the most outputs of which there are partial sums
)

// shared is the dynamic shared memory.
func (c tile) shared(arch int) int {
	stages := c.stages
	if arch < 80 {
		stages = c.older
	}
	return stages * (c.bm + c.bn) * c.bk * 2
}

// resident is how many blocks a multiprocessor runs at once.
func (c tile) resident(arch int) int {
	shared := 100 << 10 // bytes of a multiprocessor
	switch arch {
	case 75:
		shared = 64 << 10
	case 80, 87:
		shared = 164 << 10
	case 90, 100, 103:
		shared = 228 << 10
	}
	const reserved = 1 << 10 // for each block, from sm_80 on
	if arch < 80 {
		return max(1, min(c.blocks, shared/c.shared(arch)))
	}
	return max(1, min(c.blocks, shared/(c.shared(arch)+reserved)))
}

// time estimates a product's time.
func (c tile) time(t Target, m, n, k, splits int) float64 {
	most := c.resident(t.Arch)
	per := float64(ceil(ceil(k, splitUnit), splits))
	blocks := ceil(m, c.bm) * ceil(n, c.bn) * splits
	each := c.each * t.slower()
	wave := func(blocks int) float64 { return max(c.alone, float64(blocks)*each)*per + blockTime }
	time := float64(blocks/(t.SMs*most)) * wave(most)
	if rest := blocks % (t.SMs * most); rest > 0 {
		time += wave(ceil(rest, t.SMs))
	}
	if splits > 1 {
		time += reduceTime + reduceMTime*1e-6*float64(m*n)*float64(splits+1)*t.slowerMemory()
	}
	return time
}

// fastest returns the tile that takes the least time, and it.
func fastest(t Target, m, n, k, splits int) (c tile, time float64) {
	for _, o := range tiles {
		if t.Arch < 80 && o.older == 0 {
			continue
		}
		if x := o.time(t, m, n, k, splits); time == 0 || x < time {
			c, time = o, x
		}
	}
	return c, time
}

// choose returns the tile and the number of splits of K, of steps of the tile each. The
// splits follow from one sample's shape, so that a sample has the same bytes in any
// batch; the order within K does not depend on the tile, but on its splits.
func (p Product) choose(t Target) (c tile, splits, steps int) {
	splits = p.splits(t)
	c, _ = fastest(t, p.M, p.N, p.K, splits)
	per := ceil(ceil(p.K, splitUnit), splits) * splitUnit
	return c, ceil(p.K, per), per / c.bk
}

// splits is how many parts K is summed in: those that are fastest for two samples, as a
// guided step has.
func (p Product) splits(t Target) int {
	splits, best := 1, 0.0
	for _, s := range splitCounts {
		m := 2 * p.Rows
		if s > 1 && (p.K/s < splitLeast || m*p.N > splitSums) {
			break
		}
		if _, time := fastest(t, m, p.N, p.K, s); best == 0 || time < best {
			splits, best = s, time
		}
	}
	return splits
}
