package diffusion

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// A run that was stopped at any step, saved and resumed gives the picture of one
// that was not, and spares the same calls.
func TestReuseResume(t *testing.T) {
	skipInShort(t)
	p := load(t, "tiny-sd15", nil)
	for name, o := range sparing() {
		o.Images = 2
		want, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		var states [][]byte
		save := *o
		save.OnStep = func(s Step) error {
			state, err := s.Save()
			states = append(states, state)
			return err
		}
		same, err := p.TextToImage(t.Context(), prompt, &save)
		require.NoError(t, err)
		assert.Equal(t, want.Images, same.Images, name)
		require.Len(t, states, 8)
		for step, state := range states {
			rest := *o
			rest.Resume = state
			got, err := p.TextToImage(t.Context(), prompt, &rest)
			require.NoError(t, err)
			assert.Equal(t, want.Images, got.Images, "%s after step %d", name, step+1)
			assert.Equal(t, want.Reused, got.Reused, "%s after step %d", name, step+1)
			assert.Equal(t, want.Timings.Calls, got.Timings.Calls, "%s after step %d", name, step+1)
		}
	}
}

func TestReuseResumeErrors(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	stop := errors.New("stop")
	saved := func(o *Options) (state []byte) {
		first := *o
		first.OnStep = func(s Step) (err error) {
			state, err = s.Save()
			require.NoError(t, err)
			return stop
		}
		_, err := p.TextToImage(t.Context(), prompt, &first)
		require.ErrorIs(t, err, stop)
		return state
	}
	plain, reusing := quick(3), quick(3)
	reusing.Reuse = Reuse{Interval: 2}
	without, with := saved(plain), saved(reusing)
	changed := append([]byte(nil), with...)
	changed[len(changed)/2]++
	for _, tt := range []struct {
		want   string
		state  []byte
		change func(*Options)
	}{
		{"diffusion: resume: have a run that was saved with Options.Reuse, want one without", with, func(o *Options) { o.Reuse = Reuse{} }},
		{"diffusion: resume: have a run that was saved without Options.Reuse, want one with {Interval:2 Threshold:0 Branch:2}", without, func(*Options) {}},
		{"saved with reuse {Interval:2 Threshold:0 Branch:2}, want {Interval:3 Threshold:0 Branch:2}", with, func(o *Options) { o.Reuse.Interval = 3 }},
		{"saved run: have 1 images with features of", with, func(o *Options) { o.Images = 2 }},
		{"saved run: have 1 images with features of", with, func(o *Options) { o.Width = 32 }},
		{"the checksum does not match", changed, func(*Options) {}},
		{"the checksum does not match", with[:len(with)-1], func(*Options) {}},
		{"the checksum does not match", with[:len(keptMagic)], func(*Options) {}},
		{"have a run of sampler.EulerAncestral", with, func(o *Options) { o.Sampler = sampler.Euler{} }},
	} {
		o := *reusing
		tt.change(&o)
		o.Resume = tt.state
		_, err := p.TextToImage(t.Context(), prompt, &o)
		assert.ErrorContains(t, err, tt.want)
	}
}
