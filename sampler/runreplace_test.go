package sampler

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// replacing is a run of a sampler over a few levels, of two numbers.
func replacing(s Sampler) *Run {
	return &Run{
		Sampler: s, Sigmas: []float64{10, 5, 2, 1, 0.5, 0.1}, X: []float32{3, -4},
		Noise: func() Noise { return NewTorch(1).Normal },
		Denoise: func(_ context.Context, x []float32, sigma float64) (Estimate, error) {
			d := make([]float32, len(x))
			for i, v := range x {
				d[i] = v / float32(1+sigma*sigma)
			}
			return Estimate{Denoised: d, Uncond: d}, nil
		},
	}
}

// ends is what a run ends with whose state is changed by f after each step.
func ends(t *testing.T, r *Run, f func(step Step)) []float32 {
	t.Helper()
	var x []float32
	for step, err := range r.Steps(t.Context()) {
		require.NoError(t, err)
		f(step)
		x = append([]float32(nil), step.X...)
	}
	return x
}

// With every sampler a state that is replaced by itself changes nothing for those that go on
// from it, and one that is replaced by another is where the run goes on: with nothing in it,
// and noise of its own kind, the run of a sampler without noise ends with nothing.
func TestReplace(t *testing.T) {
	for _, info := range Names() {
		s, err := ByName(info.Name)
		require.NoError(t, err)
		if info.Name == "pndm" || info.Name == "plms" || info.Name == "repaint" {
			continue // of levels of their own
		}
		plain := ends(t, replacing(s), func(Step) {})
		seen := false
		changed := replacing(s)
		have := ends(t, changed, func(step Step) {
			if step.Index >= 2 && step.Index < step.Steps && !seen {
				require.NoError(t, changed.Replace([]float32{100, -100}))
				assert.Equal(t, []float32{100, -100}, step.X)
				seen = true
			}
		})
		if seen {
			assert.NotEqual(t, plain, have, info.Name)
		}
	}
}

// Whoever saves a run after that, and takes it up, gets the same.
func TestReplaceAndResume(t *testing.T) {
	for _, s := range []Sampler{Euler{}, EulerAncestral{}, DPMPP2M{}, UniPC{Order: 3}, SASolver{}, DPMSinglestep{Order: 3}, Heun{}, LMS{}} {
		zero := func(r *Run, at ...int) func(Step) {
			return func(step Step) {
				for _, i := range at {
					if step.Index == i {
						require.NoError(t, r.Replace([]float32{float32(i), 0}))
					}
				}
			}
		}
		whole := replacing(s)
		want := ends(t, whole, zero(whole, 2, 4, 5))
		var state []byte
		r := replacing(s)
		change := zero(r, 2, 4, 5)
		for step, err := range r.Steps(t.Context()) {
			require.NoError(t, err)
			if change(step); step.Index == 4 {
				state, err = r.Save()
				require.NoError(t, err)
				break
			}
		}
		resumed := replacing(s)
		require.NoError(t, resumed.Restore(state))
		assert.Equal(t, want, ends(t, resumed, zero(resumed, 5)), "%T", s)
		assert.Equal(t, want, ends(t, r, zero(r, 5)), "%T: the one that was left", s)
		assert.Equal(t, []float32{5, 0}, want)

		state[len(state)/2] ^= 1
		assert.Error(t, replacing(s).Restore(state))
	}
}

func TestReplaceWrong(t *testing.T) {
	r := replacing(Euler{})
	assert.ErrorContains(t, r.Replace([]float32{1, 2}), "have no step")
	assert.ErrorContains(t, (*Run)(nil).Replace(nil), "have no step")
	ends(t, r, func(Step) { assert.ErrorContains(t, r.Replace(nil), "have 0 numbers, want 2") })
	assert.ErrorContains(t, r.Replace([]float32{1, 2}), "have no step")

	r = replacing(Euler{}) // a record that is too long is forgotten, and the run goes on
	r.Limit = 4*2*3 + 1
	have := ends(t, r, func(step Step) { require.NoError(t, r.Replace([]float32{float32(step.Index), 0})) })
	assert.Equal(t, []float32{5, 0}, have)
	_, err := r.Save()
	assert.ErrorContains(t, err, "grown beyond its limit")
}
