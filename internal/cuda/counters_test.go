//go:build gpu && cgo && linux

package cuda_test

import (
	"maps"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/cuda/sim"
	"sdgo/internal/device"
)

// typical are launches of every kernel of the catalogue, in shapes that networks have but
// for the rows, of which there are fewer. The values are zeros at p. In one piece: a table.
func typical(t device.Target, p device.Ptr) (list []device.Launch) {
	add := func(l ...device.Launch) { list = append(list, l...) }
	one := t
	one.SMs, one.Arch = 1, 90 // so that few rows are enough for wide tiles
	for _, size := range []struct{ m, n int }{{64, 64}, {256, 64}, {256, 128}, {256, 320}} {
		p := device.Product{A: p, W: p, Bias: p, Residual: p, Out: p, M: size.m, N: size.n, K: 640, Rows: size.m}
		add(p.Launches(one, p.Out)...)
		p.K, p.PerSample = 9*64, p.A
		p.Image = &device.Image{H: size.m / 16, W: 16, C: 64, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, OutH: size.m / 16, OutW: 16, SrcH: size.m / 16, SrcW: 16}
		add(p.Launches(one, p.Out)...)
	}
	split := device.Product{A: p, W: p, Bias: p, PerSample: p, Residual: p, Out: p, M: 64, N: 320, K: 1280, Rows: 64}
	add(split.Launches(t, p)...)
	odd := device.Product{A: p, W: p, Bias: p, Residual: p, Out: p, M: 64, N: 64, K: 324, Rows: 64}
	add(odd.Launches(t, p)...)
	odd.K, odd.Image = 36, &device.Image{H: 8, W: 8, C: 4, KW: 3, Stride: 1, PadTop: 1, PadLeft: 1, OutH: 8, OutW: 8, SrcH: 8, SrcW: 8}
	add(odd.Launches(t, p)...)
	for _, d := range []int{40, 64, 80, 160, 48, 96, 512} {
		heads := max(1, 320/d)
		add(device.Attention{Q: p, K: p, V: p, Out: p, Batch: 1, Heads: heads, HeadDim: d, Queries: 64, Keys: 1024, QStride: heads * d, KVStride: heads * d, OutStride: heads * d}.Launches(t)...)
	}
	add(device.Match{N: 1, H: 16, W: 32, C: 320, Merge: 256}.Launches(t, p, p, p+8<<20, p+4<<20)...)
	for _, c := range []int{320, 1280, 325} {
		groups := 32
		if c%32 != 0 {
			groups = 5
		}
		add(device.GroupNorm{X: p, Gamma: p, Beta: p, Out: p, N: 1, Pixels: 1024, C: c, Groups: groups, Eps: 1e-5, Act: device.SiLU}.Launches(t, p)...)
		add(device.LayerNorm(t, p, p, p, p, 64, c, 1e-5)...)
		add(device.Activate(t, p, p, 65*c, device.SiLU)...)
		add(device.Affine(t, p, p, 65*c, 2, -1)...)
		add(device.SoftClamp(t, p, p, 65*c, 3)...)
		add(device.Add(t, p, p, p, 65*c)...)
		add(device.AddPerChannel(t, p, p, p, 1, 64, c)...)
		add(device.GEGLU(t, p, p, 16, c)...)
		add(device.Concat(t, p, p, p, 64, c, c)...)
		add(device.Upsample(t, p, p, 1, 4, 4, c, 8, 8)...)
		add(device.Embed(t, p, p, p, p, 77, 100, c, 77)...)
		add(device.Gather(t, p, p, p, 2, 77, c)...)
		add(device.Transpose(t, p, p, 1, 128, c)...)
		add(filters(t, p, c)...)
		add(device.Narrow(t, p, p, 64*c), device.Widen(t, p, p, 64*c))
	}
	return list
}

// filters are launches of what filters and moves images of c channels.
func filters(t device.Target, p device.Ptr, c int) (list []device.Launch) {
	around := device.Image{H: 8, W: 8, C: c, PadTop: 1, PadLeft: 1, SrcH: 4, SrcW: 4}
	return slices.Concat(
		device.MergeTokens(t, p, p, p, 1, 128, 64, c),
		device.UnmergeTokens(t, p, p, p, p, 1, 128, 64, c),
		device.Nearest(t, p, p, p, 256, 512, 4, false),
		device.Slice(t, p, p, 64, 2*c, c, c),
		device.RepeatPixels(t, p, p, 1, 64, c),
		device.Reverse(t, p, p, 64, 3),
		device.Permute(t, p, p, []int{1, 3, 16, 8, 16, 8}, []int{0, 2, 4, 1, 3, 5}),
		around.Surround(t, p, p, 1, 10, 10, true, true),
		device.Modulate(t, p, p, p, 1, 64, c, true),
		device.ScaleChannels(t, p, p, p, p, 64, c, 0),
		device.ScaleFirst(t, p, p, 64, c, c/2, 2),
		device.Average(t, p, p, 1, 8, 8, c, 4, 4),
		device.Gaussian{N: 16, Half: 3, Sigma: 1}.Blur(t, p, p, 4, c),
		device.SumPixels(t, p, p, 1, 256, c, 1),
		device.ScaleLow(t, p, p, p, 1, 8, 8, c, 0.5),
	)
}

// leastUsed is the share of fetched and written sectors that kernels use at least, and
// mostPasses how many passes over the banks of shared memory they make at most for one
// that is needed.
const leastUsed, mostPasses = 0.80, 1.05

// others are kernels that have other limits: of numbers one by one, whose rows begin in the
// middle of sectors or are read from afar, and of products that tensor cores do not take, which
// read eight numbers of two bytes together. Networks have them at their ends.
var others = []struct {
	kernels      *regexp.Regexp
	used, passes float64
}{
	{regexp.MustCompile("^(average|blur|embed|gather|geglu|layer_norm|group_stats|modulate|permute|repeat|reverse|slice|surround|unmerge_tokens)_"), 0.64, mostPasses},
	{regexp.MustCompile("^group_apply_"), leastUsed, 1.07},
	{regexp.MustCompile("^plain_(gemm|conv)_b?f16$"), 0.45, mostPasses},
	{regexp.MustCompile("^match_best_b?f16$"), 0.42, mostPasses}, // a plain product that writes little
}

// Every kernel uses most of what it moves between memory and the processors, and finds
// what it reads of shared memory in different banks.
func TestCounters(t *testing.T) {
	software(t)
	d := open(t)
	const bytes = 16 << 20
	p, err := d.Alloc(bytes)
	require.NoError(t, err)
	require.NoError(t, d.Upload(p, make([]byte, bytes)))
	for _, typ := range []device.Type{device.F32, device.F16, device.BF16} {
		s, err := d.Prepare(nil, nil, typical(d.Target(typ), p))
		require.NoError(t, err)
		require.NoError(t, s.Run(t.Context()), fault())
		require.NoError(t, s.Close())
	}
	missing := maps.Clone(device.Kernels())
	for _, k := range sim.Kernels() {
		delete(missing, k.Name)
		used, passes := leastUsed, mostPasses
		for _, o := range others {
			if o.kernels.MatchString(k.Name) {
				used, passes = o.used, o.passes
			}
		}
		assert.GreaterOrEqual(t, k.Used(), used, "%s: share of sectors used", k.Name)
		assert.LessOrEqual(t, k.BankFactor(), passes, "%s: passes over banks", k.Name)
	}
	assert.Empty(t, slices.Sorted(maps.Keys(missing)), "kernels that did not run")
}
