package device

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var h100 = Target{Type: F16, Arch: 90, SMs: 132}

// The tiles and head widths that are chosen from are kernels of the catalogue, within the
// shared memory of their architectures.
func TestCatalogueHasChoices(t *testing.T) {
	const most75, most86 = 64 << 10, 99 << 10 // bytes of shared memory that a block may have
	for _, typ := range []Type{F16, BF16} {
		for _, c := range tiles {
			for _, kind := range []string{"gemm_", "conv_"} {
				assert.NotNil(t, Find(kind+c.name, typ), "%s%s of %v", kind, c.name, typ)
			}
			assert.Equal(t, c.older == 0, Find("gemm_"+c.name, F16).Oldest > 75, c.name)
			assert.LessOrEqual(t, c.shared(75), most75, c.name)
			assert.LessOrEqual(t, c.shared(86), most86, c.name)
			assert.Zero(t, splitUnit%c.bk, c.name)
		}
		for d := range attentionKeys {
			a := Attention{Batch: 1, Heads: 1, HeadDim: d, Queries: 1, Keys: 1}
			l := a.Launches(Target{Type: typ, Arch: 75})
			assert.Equal(t, fmt.Sprintf("attention_%d_%v", d, typ), l[0].Kernel.Name)
			assert.LessOrEqual(t, l[0].Shared, most75)
		}
	}
	for name, k := range Kernels() {
		assert.Equal(t, name, k.Name)
		assert.NotZero(t, k.Threads, name)
		assert.NotEmpty(t, k.Registers, name)
	}
}

// How a product is summed follows from one sample's shape, whatever the batch, so that a
// sample's bytes are the same in any. The parts cover K.
func TestSplitsDoNotDependOnBatch(t *testing.T) {
	for _, p := range []Product{
		{Rows: 64, N: 1280, K: 11520}, {Rows: 256, N: 1280, K: 1280}, {Rows: 4096, N: 320, K: 2880}, {Rows: 77, N: 768, K: 3072}, {Rows: 1, N: 1280, K: 1280},
	} {
		var first, unit int
		for batch := 1; batch <= 16; batch *= 2 {
			p.M = batch * p.Rows
			c, splits, steps := p.choose(h100)
			if batch == 1 {
				first, unit = splits, steps*c.bk
			}
			assert.Equal(t, first, splits, "%+v", p)
			assert.Equal(t, unit, steps*c.bk, "%+v", p)
			assert.GreaterOrEqual(t, splits*steps*c.bk, p.K, "%+v", p)
			assert.Less(t, (splits-1)*steps*c.bk, p.K, "a part with nothing in it: %+v", p)
		}
	}
}

// Each tile is chosen somewhere, on a card with one multiprocessor for products that are
// small enough for a test. Cards without the wide ones choose from the others.
func TestTilesAreChosen(t *testing.T) {
	one := Target{Type: F16, Arch: 90, SMs: 1}
	for name, p := range map[string]Product{
		"64x64": {M: 60, N: 60, K: 144, Rows: 60}, "128x64": {M: 250, N: 60, K: 144, Rows: 250},
		"128x128": {M: 250, N: 124, K: 144, Rows: 250}, "128x160": {M: 250, N: 156, K: 144, Rows: 250},
	} {
		c, _, _ := p.choose(one)
		assert.Equal(t, name, c.name)
		c, _, _ = p.choose(Target{Type: F16, Arch: 75, SMs: 1})
		assert.NotZero(t, c.older, "%s on sm_75", c.name)
	}
	c, splits, _ := Product{M: 512, N: 1280, K: 11520, Rows: 256}.choose(h100)
	assert.Equal(t, "128x128 in 6", fmt.Sprintf("%s in %d", c.name, splits), "within 2 % of the measured best")
}

// What tensor cores do not take goes another way, and the exact GELU is a launch of its
// own.
func TestProductWays(t *testing.T) {
	name := func(target Target, p Product) (names []string) {
		for _, l := range p.Launches(target, 1) {
			names = append(names, l.Kernel.Name)
		}
		return names
	}
	p := Product{M: 8192, N: 320, K: 320, Rows: 4096}
	require.Len(t, name(h100, p), 1)
	assert.Equal(t, []string{"plain_gemm_f32"}, name(Target{Type: F32, Arch: 90, SMs: 132}, p))
	p.K = 321
	assert.Equal(t, []string{"plain_gemm_f16"}, name(h100, p))
	p.Act, p.Residual = GELU, 1
	assert.Equal(t, []string{"plain_gemm_f16", "activate4_f16", "add4_f16"}, name(h100, p))
}
