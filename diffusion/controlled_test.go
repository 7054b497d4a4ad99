package diffusion

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/internal/model"
	"sdgo/sampler"
)

// steeredBoth are options of a short call with a ControlNet and a T2I-Adapter.
func steeredBoth(t testing.TB, p *Pipeline) *Options {
	return &Options{Steps: 3, Width: 64, Height: 64, Seed: 7, Output: OutputLatent, Sampler: sampler.Euler{}, Controls: []Control{
		{Loaded: loadControl(t, p, "sd15"), Image: picture(t, "input.png"), Scale: 0.7, Guess: true},
		{Loaded: loadControl(t, p, "t2i-full"), Image: turned(t), Scale: 0.5},
	}}
}

func finalLatents(t testing.TB, p *Pipeline, o *Options) []float32 {
	t.Helper()
	r, err := p.TextToImage(t.Context(), catPrompt, o)
	require.NoError(t, err)
	return r.Latents.Float32s()
}

// A picture with controls is the same as any member of a batch, on any number of threads,
// in calls at once with others, and beside those that have none.
func TestControlsAreDeterministic(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := steeredBoth(t, p)
	want := finalLatents(t, p, o)
	plain := *o
	plain.Controls = nil
	without := finalLatents(t, p, &plain)
	assert.NotEqual(t, want, without)

	batch := *o
	batch.Seed, batch.Images = 5, 3
	assert.Equal(t, want, finalLatents(t, p, &batch)[2*len(want):], "the third of three")
	one, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{Threads: 1})
	require.NoError(t, err)
	defer one.Close()
	assert.Equal(t, want, finalLatents(t, one, steeredBoth(t, one)), "one thread")

	var calls sync.WaitGroup
	for i := range 6 {
		calls.Go(func() {
			if i%2 == 0 {
				assert.Equal(t, want, finalLatents(t, p, o))
			} else {
				assert.Equal(t, without, finalLatents(t, p, &plain))
			}
		})
	}
	calls.Wait()
}

// With reuse a ControlNet and an adapter that begin and end within the run are computed in
// every call, so that an interval of one gives the exact picture.
func TestControlsWithReuse(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := steeredBoth(t, p)
	o.Steps = 4
	o.Controls[0].Start, o.Controls[1].End = 0.25, 0.6
	want := finalLatents(t, p, o)
	o.Reuse = Reuse{Threshold: 1e-9}
	golden.Close(t, want, finalLatents(t, p, o), tolerance, "nothing is spared")
	o.Reuse = Reuse{Interval: 2}
	r, err := p.TextToImage(t.Context(), catPrompt, o)
	require.NoError(t, err)
	assert.Equal(t, []int{2}, r.Reused)
	assert.NotEqual(t, want, r.Latents.Float32s())
}

// A run that was saved goes on to the same picture, and to none with other controls.
func TestControlsResume(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := steeredBoth(t, p)
	var saved []byte
	o.OnStep = func(s Step) (err error) {
		if s.Step == 1 {
			saved, err = s.Save()
		}
		return err
	}
	want := finalLatents(t, p, o)
	o.Resume = saved
	assert.Equal(t, want, finalLatents(t, p, o))
	o.Controls[0].Scale = 0.6
	_, err := p.TextToImage(t.Context(), catPrompt, o)
	assert.ErrorContains(t, err, "controls")
	o.Controls[0].Scale, o.Controls[0].Image = 0.7, turned(t)
	_, err = p.TextToImage(t.Context(), catPrompt, o)
	assert.ErrorContains(t, err, "control 0")
}

// Windows see their part of what a network reads: one as large as the picture the whole,
// and smaller ones whose edges lie on a T2I-Adapter's cells or between them.
func TestControlsInWindows(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := steeredBoth(t, p)
	o.Width = 128
	want := finalLatents(t, p, o)
	o.Windows = Windows{Width: 128}
	assert.Equal(t, want, finalLatents(t, p, o))
	for _, windows := range []Windows{{Width: 64, Overlap: 32}, {Width: 64, Overlap: 40}, {Width: 64, Overlap: 32, Wrap: true}} {
		o.Windows = windows
		with := finalLatents(t, p, o)
		assert.NotEqual(t, want, with)
		controls := o.Controls
		o.Controls = nil
		assert.NotEqual(t, with, finalLatents(t, p, o))
		o.Controls = controls
	}
}

// A window's part of features is what the network makes of its part of the picture, away
// from the edges.
func TestFeatureWindows(t *testing.T) {
	r := &run{h: 8, w: 16}
	for _, tt := range []struct {
		w  window
		ok bool
	}{{window{0, 4, 8, 8}, true}, {window{0, 3, 8, 8}, false}, {window{2, 0, 6, 8}, true}} {
		v, ok := tt.w.scaled(r.h, r.w, 4, 8)
		assert.Equal(t, tt.ok, ok, tt.w)
		if ok {
			assert.Equal(t, window{tt.w.top / 2, tt.w.left / 2, tt.w.h / 2, tt.w.w / 2}, v)
		}
	}
}

// A network that is closed gives its memory back, once the calls with it have ended, and is
// an error later; one may be closed in a call.
func TestControlClose(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	memory := model.Of(p.UNet).Memory()
	before := memory.InUse()
	l, err := p.LoadControlFS(golden.Networks(t)["sd15"].Folder(t), ".")
	require.NoError(t, err)
	assert.Greater(t, memory.InUse(), before)
	o := &Options{Steps: 2, Width: 64, Height: 64, Output: OutputLatent, Controls: []Control{{Loaded: l, Image: picture(t, "input.png")}}}
	o.OnStep = func(Step) error { return l.Close() }
	_, err = p.TextToImage(t.Context(), catPrompt, o)
	require.NoError(t, err)
	_, err = p.TextToImage(t.Context(), catPrompt, o)
	assert.ErrorIs(t, err, ErrClosed)
	require.NoError(t, l.Close())

	ctx, cancel := context.WithCancel(t.Context())
	o = steeredBoth(t, p)
	o.OnStep = func(Step) error {
		cancel()
		return nil
	}
	_, err = p.TextToImage(ctx, catPrompt, o)
	assert.ErrorIs(t, err, context.Canceled)
}

// What controls take is counted: a limit that has room for a call alone has none for one
// with a ControlNet.
func TestControlMemory(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := steeredBoth(t, p)
	o.Width, o.Height = 512, 512
	need := func(o *Options) int64 {
		r, err := p.newRun(t.Context(), textToImage{}, catPrompt, o)
		require.NoError(t, err)
		defer r.close()
		_, err = r.task.prepare(r)
		require.NoError(t, err)
		n, err := r.need(nil)
		require.NoError(t, err)
		return n.Held + n.Small + n.Turn
	}
	plain := *o
	plain.Controls = nil
	residuals := int64(0)
	for _, s := range o.Controls[0].Loaded.net.ResidualShapes(2, 64, 64) {
		residuals += 4 * int64(s[0]*s[1]*s[2]*s[3])
	}
	assert.Greater(t, need(o), need(&plain)+residuals)
	before := model.Of(p.UNet).Memory().InUse()
	model.Of(p.UNet).Memory().ResetPeak()
	finalLatents(t, p, o)
	assert.LessOrEqual(t, model.Of(p.UNet).Memory().Peak()-before, need(o))
}

// A control with LoRA, token merging and a guidance that asks for one condition at some
// levels.
func TestControlsBeside(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := steeredBoth(t, p)
	want := finalLatents(t, p, o)
	for name, change := range map[string]func(o *Options){
		"interval": func(o *Options) { o.GuidanceInterval = Interval{High: 1} },
		"guider":   func(o *Options) { o.Guider = Projected{Scale: 5} },
		"merging":  func(o *Options) { o.TokenMerging.Ratio = 0.5 },
		"unguided": func(o *Options) { o.Guidance = 1 },
	} {
		other := *o
		change(&other)
		assert.NotEqual(t, want, finalLatents(t, p, &other), name)
	}
}

// Networks in one file are told by name, and what they are for.
func TestInspectControls(t *testing.T) {
	networks := golden.Networks(t)
	for name, want := range map[string]string{
		"sd15": "a ControlNet for text of 32 numbers a token, which no published model has", "sdxl-small": "a ControlNet for Stable Diffusion XL",
		"t2i-full": "a T2I-Adapter for Stable Diffusion 1 or 2", "t2i-xl": "a T2I-Adapter for Stable Diffusion XL",
	} {
		path := filepath.Join(t.TempDir(), "x.safetensors")
		require.NoError(t, os.WriteFile(path, networks[name].File(t, func(_, original string) string { return original }), 0o600))
		r, err := Inspect(path)
		require.NoError(t, err)
		assert.Equal(t, want, r.Name)
		assert.Equal(t, "Pipeline.LoadControl, -control FILE", r.Use)
		assert.Equal(t, len(networks[name].Tensors), r.Count(Used))
	}
}
