package diffusion

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A run with a Guider's memory that was left after any step goes on as if it had not been,
// also with features that are reused; and not with another Guider.
func TestGuiderResume(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	for _, reuse := range []Reuse{{}, {Interval: 2}} {
		o := quick(4)
		o.Images, o.Guider, o.Reuse, o.GuidanceInterval = 2, drift{0.5}, reuse, Interval{Low: 1}
		want, err := p.TextToImage(t.Context(), prompt, o)
		require.NoError(t, err)
		var states [][]byte
		save := *o
		save.OnStep = func(s Step) error {
			state, err := s.Save()
			states = append(states, state)
			return err
		}
		_, err = p.TextToImage(t.Context(), prompt, &save)
		require.NoError(t, err)
		for step, state := range states {
			rest := *o
			rest.Resume = state
			got, err := p.TextToImage(t.Context(), prompt, &rest)
			require.NoError(t, err)
			assert.Equal(t, want.Images, got.Images, "after step %d", step+1)
		}
		for _, tt := range []struct {
			want   string
			change func(o *Options, state []byte) []byte
		}{
			{`have a run with another guider: "diffusion.drift{ Share: 0.5 }", want "diffusion.drift{ Share: 0.25 }"`, func(o *Options, state []byte) []byte { o.Guider = &drift{0.25}; return state }},
			{`want "diffusion.guiderFunc below 2"`, func(o *Options, state []byte) []byte { o.Guider = guiderFunc{below: 2}; return state }},
			{"have a run with another guid", func(o *Options, state []byte) []byte { o.Guider = nil; return state }},
			{"another guidance interval", func(o *Options, state []byte) []byte { o.GuidanceInterval.High = 3; return state }},
			{"", func(o *Options, state []byte) []byte { o.Guider = &drift{0.5}; return state }},
			{"the checksum does not match", func(_ *Options, state []byte) []byte { state[len(state)/2]++; return state }},
			{"the checksum does not match", func(_ *Options, state []byte) []byte { return state[:len(state)-1] }},
			{"the checksum does not match", func(_ *Options, state []byte) []byte { return state[:len(guideMagic)] }},
			{"have what the Guider keeps of 1 images, want 2", func(o *Options, state []byte) []byte { return state }},
		} {
			rest := *o
			rest.Resume = tt.change(&rest, slices.Clone(states[1]))
			if tt.want == "have what the Guider keeps of 1 images, want 2" {
				g := &guide{run: &run{Options: Options{Images: 1}}, size: 256, states: make([][]float32, 1)}
				g.states[0] = make([]float32, 256)
				rest.Resume, err = g.save(states[1])
				require.NoError(t, err)
			}
			_, err = p.TextToImage(t.Context(), prompt, &rest)
			if tt.want == "" {
				require.NoError(t, err)
				continue
			}
			assert.ErrorContains(t, err, "diffusion: resume: ")
			assert.ErrorContains(t, err, tt.want)
		}
	}
}
