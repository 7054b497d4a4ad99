package diffusion

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/model"
	"sdgo/unet"
)

// adapting are options of a picture that takes some milliseconds.
func adapting(adapters ...Adapter) *Options {
	return &Options{Width: 16, Height: 24, Steps: 3, Seed: 5, Adapters: adapters}
}

// drawn is the picture and the latents of a call.
func drawn(t testing.TB, p *Pipeline, o *Options) string {
	t.Helper()
	r, err := p.TextToImage(t.Context(), "a cat", o)
	if !assert.NoError(t, err) {
		return ""
	}
	return fmt.Sprintf("%x %x", r.Images[0].Pix, r.Latents.Float32s())
}

// Calls at once with different adapters, weights, blocks and steps give the bytes of each
// alone, and one without adapters those of before.
func TestAdaptersAtOnce(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	kohya, peft, old := lora(t, p, "tiny-sd15-kohya"), lora(t, p, "tiny-sd15-peft"), lora(t, p, "tiny-sd15-diffusers-old")
	early := func(step, steps int) float64 { return 1 - float64(step)/float64(steps) }
	calls := []*Options{
		adapting(), adapting(Adapter{kohya, 1}), adapting(Adapter{kohya, 0.5}), adapting(Adapter{peft, 1}), adapting(Adapter{old, 1}),
		adapting(Adapter{kohya, 1}, Adapter{peft, -0.5}), adapting(Adapter{peft, -0.5}, Adapter{kohya, 1}, Adapter{old, 0.2}),
		adapting(Adapter{kohya.UNet(0), 1}), adapting(Adapter{kohya.TextEncoders(0), 1}), adapting(Adapter{kohya.TextEncoders(0.5).UNet(2), 1}),
		adapting(Adapter{kohya.Blocks(map[string]float64{"mid_block": 0, "up_blocks.0": 0.5, "up_blocks": 2}), 1}),
		adapting(Adapter{kohya.Steps(early), 1}), adapting(Adapter{kohya.Steps(early), 1}, Adapter{old, 1}),
		adapting(Adapter{peft.Steps(early).Blocks(map[string]float64{"text_model": 0}), 1}), adapting(Adapter{kohya, 3}), adapting(Adapter{old, -1}),
	}
	alone := make([]string, len(calls))
	seen := make(map[string]int)
	for i, o := range calls {
		alone[i] = drawn(t, p, o)
		if before, ok := seen[alone[i]]; ok {
			t.Errorf("calls %d and %d have the same picture", before, i)
		}
		seen[alone[i]] = i
	}
	var all sync.WaitGroup
	for i, o := range calls {
		all.Go(func() { assert.Equal(t, alone[i], drawn(t, p, o), "call %d", i) })
	}
	all.Wait()
	assert.Equal(t, alone[0], drawn(t, p, adapting()))
}

// Weights of nothing are no adapter at all, and steps of one no steps.
func TestAdapterIdentities(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	a := lora(t, p, "tiny-sd15-kohya")
	always := func(factor float64) func(int, int) float64 { return func(int, int) float64 { return factor } }
	plain, whole := drawn(t, p, adapting()), drawn(t, p, adapting(Adapter{a, 1}))
	require.NotEqual(t, plain, whole)
	assert.Equal(t, plain, drawn(t, p, adapting(Adapter{a, 0})))
	assert.Equal(t, plain, drawn(t, p, adapting(Adapter{a.UNet(0).TextEncoders(0), 1})))
	assert.Equal(t, plain, drawn(t, p, adapting(Adapter{a.Steps(always(0)).TextEncoders(0), 1})))
	assert.Equal(t, whole, drawn(t, p, adapting(Adapter{a.Steps(always(1)), 1})))
	assert.Equal(t, whole, drawn(t, p, adapting(Adapter{a.Blocks(map[string]float64{"mid_block": 1}), 1})))
	assert.Equal(t, drawn(t, p, adapting(Adapter{a.UNet(0.5), 1})), drawn(t, p, adapting(Adapter{a.Steps(always(0.5)), 1})))
	assert.Equal(t, drawn(t, p, adapting(Adapter{a, 0.25})), drawn(t, p, adapting(Adapter{a.UNet(0.5).TextEncoders(0.5), 0.5})))

	// Image 1 of a batch is that of the next seed.
	o := adapting(Adapter{a, 0.8})
	o.Images = 2
	batch, err := p.TextToImage(t.Context(), "a cat", o)
	require.NoError(t, err)
	next := adapting(Adapter{a, 0.8})
	next.Seed++
	one, err := p.TextToImage(t.Context(), "a cat", next)
	require.NoError(t, err)
	assert.Equal(t, one.Images[0].Pix, batch.Images[1].Pix)
}

// hash is that of all weights of a pipeline.
func hash(p *Pipeline) string {
	h := sha256.New()
	for _, part := range []any{p.UNet, p.TextEncoder, p.VAE} {
		for _, w := range model.Of(part).Params() {
			fmt.Fprintln(h, w.Key, w.Value.Data())
		}
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// A thousand adapters that come and go leave the weights and the memory as they were.
func TestAdapterSwaps(t *testing.T) {
	swaps := 1000
	if testing.Short() {
		swaps = 100
	}
	p := load(t, "tiny-sd15", nil)
	files := []string{"tiny-sd15-kohya", "tiny-sd15-peft", "tiny-sd15-diffusers-old"}
	before := hash(p)
	swap := func(i int) {
		a, err := p.LoadAdapterFS(loraFile(t, files[i%3]), "lora.safetensors")
		require.NoError(t, err)
		_, err = p.TextToImage(t.Context(), "a cat", &Options{Width: 8, Height: 8, Steps: 1, Guidance: 1, Adapters: []Adapter{{a, float64(i%7) / 7}}})
		require.NoError(t, err)
		if i%2 == 0 { // the others are collected
			a.Close()
		}
	}
	heap := func() int64 {
		for range 3 { // what was collected is freed after it
			runtime.GC()
		}
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return int64(s.HeapAlloc)
	}
	for i := range 21 { // plans, and machines that are kept
		swap(i)
	}
	was, inUse := heap(), p.engine.Memory.InUse()
	for i := range swaps {
		swap(i)
	}
	const slack = 1 << 20 // of bytes; an adapter has a tenth
	assert.Less(t, heap()-was, int64(slack))
	assert.Eventually(t, func() bool { runtime.GC(); return p.engine.Memory.InUse() <= inUse }, 10*time.Second, 10*time.Millisecond, "memory of adapters is still in use")
	assert.Equal(t, before, hash(p))
}

// A run goes on with its adapters alone.
func TestAdapterResume(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	a, b := lora(t, p, "tiny-sd15-kohya"), lora(t, p, "tiny-sd15-peft")
	half := func(step, steps int) float64 { return float64(step) / 2 }
	o := adapting(Adapter{a.Steps(half), 0.8})
	var saved []byte
	o.OnStep = func(s Step) (err error) {
		if s.Step == 1 {
			saved, err = s.Save()
		}
		return err
	}
	want := drawn(t, p, o)
	again := lora(t, p, "tiny-sd15-kohya") // loaded once more
	resumed := adapting(Adapter{again.Steps(half), 0.8})
	resumed.Resume = saved
	assert.Equal(t, want, drawn(t, p, resumed))
	for name, adapters := range map[string][]Adapter{
		"none": nil, "another": {{b.Steps(half), 0.8}}, "another weight": {{a.Steps(half), 0.7}}, "other steps": {{a, 0.8}},
		"a part": {{a.Steps(half).UNet(0.5), 0.8}}, "a block": {{a.Steps(half).Blocks(map[string]float64{"mid_block": 2}), 0.8}}, "one more": {{a.Steps(half), 0.8}, {b.TextEncoders(0), 0.1}},
	} {
		o := adapting(adapters...)
		o.Resume = saved
		_, err := p.TextToImage(t.Context(), "a cat", o)
		assert.ErrorIs(t, err, ErrOptions, name)
	}
}

// Adapters work together with the other options as weights into which they were merged do.
func TestAdapterOptions(t *testing.T) {
	dir, out, file := golden.ModelDir(t, "tiny-sd15"), filepath.Join(t.TempDir(), "merged"), filepath.Join(t.TempDir(), "a.safetensors")
	require.NoError(t, os.WriteFile(file, golden.File(t, "models/lora/tiny-sd15-kohya.safetensors"), 0o666))
	require.NoError(t, Convert(t.Context(), dir, out, nil, &SaveOptions{DType: "f32", Merge: []MergedAdapter{{file, 0.8}}}))
	p, err := Load(dir, nil)
	require.NoError(t, err)
	defer p.Close()
	merged, err := Load(out, nil)
	require.NoError(t, err)
	defer merged.Close()
	a, err := p.LoadAdapter(file)
	require.NoError(t, err)
	for name, o := range map[string]*Options{
		"reuse":  {Reuse: Reuse{Interval: 2}, Width: 64, Height: 64},
		"merge":  {TokenMerging: unet.TokenMerging{Ratio: 0.5}, Width: 64, Height: 64},
		"skip":   {ClipSkip: 1, Width: 32, Height: 32},
		"others": {Reuse: Reuse{Threshold: 0.1}, GuidanceRescale: 0.5, Width: 32, Height: 32},
	} {
		o.Steps, o.Seed = 4, 3
		want, err := merged.TextToImage(t.Context(), "a cat", o)
		require.NoError(t, err)
		o.Adapters = []Adapter{{a, 0.8}}
		have, err := p.TextToImage(t.Context(), "a cat", o)
		require.NoError(t, err)
		golden.Close(t, want.Latents.Float32s(), have.Latents.Float32s(), tolerance, name)
	}
	o := &Options{Steps: 3, Seed: 1}
	want, err := merged.Inpaint(t.Context(), "a cat", picture(t, "input.png"), picture(t, "mask.png"), o)
	require.NoError(t, err)
	o.Adapters = []Adapter{{a, 0.8}}
	have, err := p.Inpaint(t.Context(), "a cat", picture(t, "input.png"), picture(t, "mask.png"), o)
	require.NoError(t, err)
	golden.Close(t, want.Latents.Float32s(), have.Latents.Float32s(), tolerance, "inpaint")
}

// Adapters that a call cannot take are errors that name the option.
func TestAdapterErrors(t *testing.T) {
	p, other := load(t, "tiny-sd15", nil), load(t, "tiny-sd15", nil)
	a, foreign, closed := lora(t, p, "tiny-sd15-kohya"), lora(t, other, "tiny-sd15-kohya"), lora(t, p, "tiny-sd15-kohya")
	derived := closed.UNet(0.5)
	closed.Close()
	for want, one := range map[string]Adapter{
		"number 0: have an adapter that was not loaded":                              {nil, 1},
		"number 0: have an adapter that was not loaded, want one from":               {&LoadedAdapter{}, 1},
		"number 0: have one that was loaded for another model":                       {foreign, 1},
		"number 0: the adapter is closed":                                            {derived, 1},
		"number 0: weight: have NaN":                                                 {a, math.NaN()},
		"number 0: weight: have 1e+06":                                               {a, 1e6},
		"number 0: unet: have +Inf":                                                  {a.UNet(math.Inf(1)), 1},
		"number 0: mid_block: have NaN":                                              {a.Blocks(map[string]float64{"mid_block": math.NaN()}), 1},
		`number 0: have a factor for the block "mid", which the model does not have`: {a.Blocks(map[string]float64{"mid": 1}), 1},
		`number 0: have a factor for the block "", which the model does not have`:    {a.Blocks(map[string]float64{"": 1}), 1},
		"number 0: step 2: have -Inf, want a number from -1000 to 1000":              {a.Steps(func(step, steps int) float64 { return []float64{1, 2, math.Inf(-1)}[step] }), 1},
	} {
		_, err := p.TextToImage(t.Context(), "a cat", adapting(one))
		var option *OptionError
		require.True(t, errors.As(err, &option), want)
		assert.Equal(t, "Adapters", option.Option)
		assert.ErrorContains(t, err, "diffusion: adapters: "+want)
	}
	_, err := p.TextToImage(t.Context(), "a cat", adapting(make([]Adapter, 65)...))
	assert.ErrorContains(t, err, "diffusion: adapters: have 65, want at most 64")
	assert.Panics(t, func() {
		p.TextToImage(t.Context(), "a cat", adapting(Adapter{a.Steps(func(int, int) float64 { panic("no factor") }), 1}))
	})
	in := p.engine.Memory.InUse()
	a.Close()
	assert.Less(t, p.engine.Memory.InUse(), in, "the call that panicked holds the adapter")

	assert.Nil(t, (*LoadedAdapter)(nil).UNet(1))
	(*LoadedAdapter)(nil).Close()
	_, err = p.LoadAdapter(filepath.Join(t.TempDir(), "none.safetensors"))
	assert.ErrorContains(t, err, "diffusion: load adapter: adapter: ")
	dir := filepath.Join(t.TempDir(), "style")
	require.NoError(t, os.CopyFS(dir, loraFile(t, "tiny-sd15-kohya")))
	_, err = p.LoadAdapter(dir + "/")
	assert.ErrorContains(t, err, "style: have a folder without pytorch_lora_weights.safetensors")
	require.NoError(t, os.Rename(filepath.Join(dir, "lora.safetensors"), filepath.Join(dir, "pytorch_lora_weights.safetensors")))
	inFolder, err := p.LoadAdapter(dir + "/")
	require.NoError(t, err)
	inFolder.Close()
	require.NoError(t, other.Close())
	_, err = other.LoadAdapterFS(loraFile(t, "tiny-sd15-kohya"), "lora.safetensors")
	assert.ErrorIs(t, err, ErrClosed)
}

// An adapter takes memory that the limit counts.
func TestAdapterMemory(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	before := p.engine.Memory.InUse()
	a := lora(t, p, "tiny-sd15-kohya")
	took := p.engine.Memory.InUse() - before
	assert.Greater(t, took, int64(40<<10), "half precision, as the file")
	a.Close()
	assert.Equal(t, before, p.engine.Memory.InUse())
	limited, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{MaxMemory: before + took/2})
	require.NoError(t, err)
	defer limited.Close()
	_, err = limited.LoadAdapterFS(loraFile(t, "tiny-sd15-kohya"), "lora.safetensors")
	assert.ErrorIs(t, err, ErrTooLarge)
}
