package unet

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// some returns an input of seeded numbers.
func some(u *UNet, n, h, w int) Input {
	fill := func(shape ...int) *tensor.Dense {
		t := nn.Tensor(shape...)
		for i, x := 0, uint32(n*h+w); i < t.Size(); i++ {
			x = x*1664525 + 1013904223
			t.Float32s()[i] = float32(x>>8)/(1<<23) - 1
		}
		return t
	}
	in := Input{Latents: fill(n, u.Config.InChannels, h, w), Cond: Text(fill(n, 9, u.Config.CrossAttentionDim.At(0))), Timesteps: []float64{700}}
	if u.Config.NumClassEmbeds != nil {
		in.Cond.ClassLabels = engine.Tensor(slices.Repeat([]float32{3}, n), n)
	}
	if t := u.time.text; t != nil {
		pooled, ids := t.usual()
		in.Cond.PooledText, in.Cond.TimeIDs = fill(n, pooled), fill(n, ids)
	}
	return in
}

// usual returns the shape of the U-Net's inputs.
func usual(t testing.TB, u *UNet, n, h, w, tokens int) shape {
	s, err := u.shape(n, h, w, tokens)
	require.NoError(t, err)
	return s
}

// The parts in turn give the bytes of the whole, wherever it is cut, for sizes
// that are no multiple, and with tokens merged.
func TestSplit(t *testing.T) {
	for _, name := range []string{"tiny-sd15", "tiny-sd15-4blk", "tiny-x4-upscaler", "tiny-sdxl"} {
		plain := load(t, name, "")
		merged, err := plain.WithTokenMerging(TokenMerging{Ratio: 0.4, Levels: 2})
		require.NoError(t, err)
		for _, u := range []*UNet{plain, merged} {
			in := some(u, 2, 11, 16)
			want, err := u.Predict(t.Context(), in)
			require.NoError(t, err)
			for branch := 1; branch < u.Branches(); branch++ {
				s, err := u.Split(branch, 2, 11, 16, 9)
				require.NoError(t, err)
				feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
				require.NoError(t, s.Head(t.Context(), in))
				assert.Len(t, s.Skips(), branch)
				require.NoError(t, s.Deep(t.Context(), feature))
				got, err := s.Tail(t.Context(), feature)
				require.NoError(t, err)
				assert.Equal(t, want.Float32s(), got.Float32s(), "%s, branch %d", name, branch)
				s.Close()
			}
		}
	}
}

// The feature at a level's branch is what diffusers' up block below that level
// gave, and the prediction depends on it.
func TestFeature(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	c := golden.Open(t, "modules/blocks_sd15")
	in := Input{
		Latents:   engine.Tensor(c.Float32s("input.sample"), c.Shape("input.sample")...),
		Cond:      Text(engine.Tensor(c.Float32s("input.encoder_hidden_states"), c.Shape("input.encoder_hidden_states")...)),
		Timesteps: []float64{500},
	}
	whole, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	branch, err := u.LevelBranch(1)
	require.NoError(t, err)
	assert.Equal(t, u.Config.LayersPerBlock.At(0)+1, branch)
	l := in.Latents.Shape()
	s, err := u.Split(branch, l[0], l[2], l[3], in.Cond.Tokens.Shape()[1])
	require.NoError(t, err)
	defer s.Close()
	feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
	require.NoError(t, s.Head(t.Context(), in))
	require.NoError(t, s.Deep(t.Context(), feature))
	golden.Close(t, c.Float32s("up_blocks.0"), golden.ChannelsFirst(feature, s.FeatureShape()), tolerance, "feature")

	// With the feature of another time the prediction is neither time's own.
	later := in
	later.Timesteps = []float64{480}
	require.NoError(t, s.Head(t.Context(), later))
	reused, err := s.Tail(t.Context(), feature)
	require.NoError(t, err)
	own, err := u.Predict(t.Context(), later)
	require.NoError(t, err)
	assert.NotEqual(t, own.Float32s(), reused.Float32s())
	assert.NotEqual(t, whole.Float32s(), reused.Float32s())
}

// Parts built into one graph of the caller's own are the whole, on gorgonia's
// machine.
func TestBuildParts(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	in := some(u, 1, 8, 8)
	want, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	const branch = 3
	g := G.NewGraph()
	nodes := u.nodes(nn.NewGraph(g), usual(t, u, 1, 8, 8, 9))
	skips, err := u.BuildHead(g, nodes, branch)
	require.NoError(t, err)
	feature, err := u.BuildDeep(g, nodes, skips[branch-1], branch)
	require.NoError(t, err)
	out, err := u.BuildTail(g, nodes, skips, feature)
	require.NoError(t, err)
	require.NoError(t, G.Let(nodes.Latents, in.Latents))
	require.NoError(t, G.Let(nodes.Timesteps, engine.Tensor([]float32{700}, 1)))
	require.NoError(t, G.Let(nodes.Cond.Tokens, in.Cond.Tokens))
	var result G.Value
	G.Read(out, &result)
	vm := G.NewTapeMachine(g)
	defer vm.Close()
	require.NoError(t, vm.RunAll())
	assert.Equal(t, want.Float32s(), result.Data().([]float32))
}

func TestSplitErrors(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	in := some(u, 1, 8, 8)
	_, err := u.Split(0, 1, 8, 8, 9)
	assert.EqualError(t, err, "unet: have skip branch 0, want 1 to 3")
	_, err = u.Split(6, 1, 8, 8, 9)
	assert.EqualError(t, err, "unet: have skip branch 6, want 1 to 3")
	_, err = u.BuildHead(G.NewGraph(), Nodes{}, 6)
	assert.EqualError(t, err, "unet: have skip branch 6, want 1 to 3")
	_, err = u.LevelBranch(3)
	assert.EqualError(t, err, "unet: have level 3, want 1 to 1")
	s, err := u.Split(2, 1, 8, 8, 9)
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Tail(t.Context(), nil)
	assert.ErrorContains(t, err, "have no skips yet")
	assert.ErrorContains(t, s.Head(t.Context(), some(u, 1, 8, 9)), "have an input of 1×[8 9] and 9 tokens, want 1×[8 8] and 9")
	require.NoError(t, s.Head(t.Context(), in))
	assert.ErrorContains(t, s.Deep(t.Context(), make([]float32, 3)), "have a feature of 3 numbers, want [1 8 8 32]")

	small, err := LoadFS(golden.Model(t, "tiny-sd15"), "unet", &LoadOptions{MaxMemory: 2 << 20})
	require.NoError(t, err)
	defer small.Close()
	var memory *engine.MemoryError
	_, err = small.Split(2, 1, 512, 512, 77)
	assert.ErrorAs(t, err, &memory)
	_, err = small.Split(1, 1, 120, 120, 77) // the skips fit, the parts do not
	assert.ErrorAs(t, err, &memory)
	require.NoError(t, small.Close())
	_, err = small.Split(1, 1, 8, 8, 9)
	assert.ErrorIs(t, err, model.ErrClosed)
}

// Merging depends on the sample and its time alone, not on the threads or the place
// in a batch; a ratio of zero changes no bit.
func TestTokenMergingDeterministic(t *testing.T) {
	plain := load(t, "tiny-sd15", "")
	off, err := plain.WithTokenMerging(TokenMerging{Levels: 2})
	require.NoError(t, err)
	u, err := plain.WithTokenMerging(TokenMerging{Ratio: 0.5})
	require.NoError(t, err)
	in := some(plain, 1, 16, 16)
	exact, err := plain.Predict(t.Context(), in)
	require.NoError(t, err)
	same, err := off.Predict(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, exact.Float32s(), same.Float32s())
	want, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	assert.NotEqual(t, exact.Float32s(), want.Float32s())

	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, threads := range []int{1, 2, 7} {
		runtime.GOMAXPROCS(threads)
		got, err := u.Predict(t.Context(), in)
		require.NoError(t, err)
		assert.Equal(t, want.Float32s(), got.Float32s(), "%d threads", threads)
	}
	batch := Input{Latents: repeat(in.Latents, 3), Cond: Text(repeat(in.Cond.Tokens, 3)), Timesteps: []float64{900, 700, 1}}
	got, err := u.Predict(t.Context(), batch)
	require.NoError(t, err)
	size := want.Size()
	assert.Equal(t, want.Float32s(), got.Float32s()[size:2*size], "second of three")

	require.NoError(t, u.Check(1, 16, 16, 9))
	tiny, err := u.Predict(t.Context(), some(u, 1, 1, 5)) // no cell of 2×2
	require.NoError(t, err)
	exact, err = plain.Predict(t.Context(), some(u, 1, 1, 5))
	require.NoError(t, err)
	assert.Equal(t, exact.Float32s(), tiny.Float32s())
}

func TestBadTokenMerging(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	for _, tt := range []struct {
		m    TokenMerging
		want string
	}{
		{TokenMerging{Ratio: 0.76}, "unet: token merging: have ratio 0.76, want 0 to 0.75"},
		{TokenMerging{Ratio: -1}, "have ratio -1"},
		{TokenMerging{Ratio: 0.5, Levels: 4}, "unet: token merging: have 4 levels, want 1 to 2, or 0 for 1"},
		{TokenMerging{Ratio: 0.5, Levels: -1}, "have -1 levels"},
	} {
		_, err := u.WithTokenMerging(tt.m)
		assert.ErrorContains(t, err, tt.want)
	}
}

// A Split that is closed, or that another call uses, gives errors and no freed memory.
func TestSplitMisuse(t *testing.T) {
	u := load(t, "tiny-sd15", "")
	s, err := u.Split(1, 1, 8, 8, 77)
	require.NoError(t, err)
	feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
	in := Input{Latents: nn.Tensor(1, 4, 8, 8), Timesteps: []float64{1}, Cond: Text(nn.Tensor(1, 77, u.Config.CrossAttentionDim.At(0)))}
	require.NoError(t, s.Head(t.Context(), in))

	s.mu.Lock() // as a call does
	assert.ErrorContains(t, s.Deep(t.Context(), feature), "unet: split: called while another call runs")
	s.mu.Unlock()

	for _, s := range []*Split{s, {}, nil} {
		s.Close()
		s.Close()
		assert.ErrorContains(t, s.Head(t.Context(), in), "unet: split: have")
		assert.ErrorContains(t, s.Deep(t.Context(), feature), "unet: split: have")
		_, err = s.Tail(t.Context(), feature)
		assert.ErrorContains(t, err, "unet: split: have")
		assert.Empty(t, s.Skips())
	}
}

// A goroutine that has a Split does not wait for itself to close it.
func TestSplitsBesideEachOther(t *testing.T) {
	probe := load(t, "tiny-sd15", "")
	s, err := probe.Split(1, 1, 24, 24, 77)
	require.NoError(t, err)
	defer s.Close()
	values, err := s.values()
	require.NoError(t, err)
	u, err := LoadFS(golden.Model(t, "tiny-sd15"), "unet", &LoadOptions{Precision: "float32", MaxMemory: probe.model.Memory().InUse() + values + s.Held()*3/2})
	require.NoError(t, err)
	defer u.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	in := Input{Latents: nn.Tensor(1, 4, 24, 24), Timesteps: []float64{1}, Cond: Text(nn.Tensor(1, 77, u.Config.CrossAttentionDim.At(0)))}
	for range 2 { // closing the first makes room again
		first, err := u.Split(1, 1, 24, 24, 77)
		require.NoError(t, err)
		require.NoError(t, first.Head(ctx, in))
		second, err := u.Split(1, 1, 24, 24, 77)
		require.NoError(t, err)
		var limit *engine.MemoryError
		assert.ErrorAs(t, second.Head(ctx, in), &limit)
		require.NoError(t, first.Deep(ctx, make([]float32, tensor.Shape(first.FeatureShape()).TotalSize())))
		first.Close()
		second.Close()
	}
}
