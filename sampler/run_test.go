package sampler_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// testRun is a run of 6 levels on 8 numbers whose Denoiser also changes the
// state, as inpainting does, and counts its calls.
func testRun(s sampler.Sampler, calls *int) *sampler.Run {
	sigmas := []float64{10, 6, 3, 1, 0.3, 0}
	if _, ok := s.(sampler.PNDM); ok { // each Runge-Kutta step has four levels
		sigmas = []float64{20, 18, 18, 16, 16, 14, 14, 12, 12, 10, 10, 8, 6, 4, 0.1}
	}
	x := make([]float32, 8)
	sampler.NewTorch(1).Normal(x)
	for i := range x {
		x[i] *= 10
	}
	return &sampler.Run{
		Sampler: s, X: x, Sigmas: sigmas,
		Noise: func() sampler.Noise { return sampler.NewTorch(2).Normal },
		Denoise: func(_ context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
			*calls++
			out := make([]float32, len(x))
			x[0] = float32(sigma) / 2
			for i, v := range x {
				out[i] = v / float32(1+sigma*sigma) * float32(i+1)
			}
			unguided := make([]float32, len(x))
			for i, v := range out {
				unguided[i] = v / 2
			}
			return sampler.Estimate{Denoised: out, Uncond: unguided}, nil
		},
	}
}

// finish runs to the end and returns the result and the steps seen.
func finish(t *testing.T, r *sampler.Run) (x []float32, steps []int) {
	for step, err := range r.Steps(t.Context()) {
		require.NoError(t, err)
		x, steps = append([]float32(nil), step.X...), append(steps, step.Index)
	}
	return x, steps
}

// A run that is left after any step, in memory or through bytes, ends as one
// that was not, and calls the model as often.
func TestRunResume(t *testing.T) {
	samplers := all(t)
	samplers["repaint with jumps"] = sampler.RePaint{Jump: 2, Resamples: 3}
	samplers["restart with restarts"] = sampler.Restart{Times: 2, Steps: 2, Low: 0.3, High: 6}
	for name, s := range samplers {
		t.Run(name, func(t *testing.T) {
			var calls int
			whole := testRun(s, &calls)
			want, steps := finish(t, whole)
			wantCalls := calls
			direct := append([]float32(nil), whole.X...)
			r := testRun(s, new(int))
			require.NoError(t, s.Sample(t.Context(), r.Denoise, direct, r.Sigmas, r.Noise()))
			require.Equal(t, direct, want)
			for _, last := range steps {
				calls = 0
				run := testRun(s, &calls)
				for step, err := range run.Steps(t.Context()) {
					require.NoError(t, err)
					if step.Index == last {
						break
					}
				}
				state, err := run.Save()
				require.NoError(t, err)
				if last < steps[len(steps)-1] {
					got, rest := finish(t, run)
					assert.Equal(t, want, got)
					assert.Equal(t, last, steps[len(steps)-len(rest)-1])
					assert.Equal(t, wantCalls, calls)
				}
				restored := testRun(s, &calls)
				restored.X = nil
				calls = 0
				require.NoError(t, restored.Restore(state))
				got, _ := finish(t, restored)
				assert.Equal(t, want, got)
				assert.Less(t, calls, wantCalls)
			}
		})
	}
}

func TestRunErrors(t *testing.T) {
	var calls int
	r := testRun(sampler.Euler{}, &calls)
	denoise := r.Denoise
	broken := errors.New("broken")
	r.Denoise = func(ctx context.Context, x []float32, sigma float64) (sampler.Estimate, error) {
		if calls == 2 {
			return sampler.Estimate{}, broken
		}
		return denoise(ctx, x, sigma)
	}
	var last error
	n := 0
	for _, err := range r.Steps(t.Context()) {
		last = err
		n++
	}
	assert.ErrorIs(t, last, broken)
	assert.Equal(t, 3, n) // two steps, then the error
	r.Denoise = denoise
	x, steps := finish(t, r)
	assert.Equal(t, []int{3, 4, 5}, steps)
	want, _ := finish(t, testRun(sampler.Euler{}, &calls))
	assert.Equal(t, want, x)

	for _, err := range (&sampler.Run{}).Steps(t.Context()) {
		assert.ErrorContains(t, err, "sampler: run: have sampler")
	}
}

// stubborn is a sampler that ignores errors.
type stubborn struct{}

func (stubborn) Sample(ctx context.Context, denoise sampler.Denoiser, x []float32, sigmas []float64, _ sampler.Noise) error {
	for _, sigma := range sigmas[:len(sigmas)-1] {
		_, _ = denoise(ctx, x, sigma)
	}
	return nil
}

func TestRunLeavesAnySampler(t *testing.T) {
	calls := 0
	run := testRun(stubborn{}, &calls)
	for range run.Steps(t.Context()) {
		break
	}
	assert.Equal(t, 1, calls)
}

// A run without a record ends the same and cannot be saved.
func TestRunForget(t *testing.T) {
	want, _ := finish(t, testRun(sampler.Heun{}, new(int)))
	calls := 0
	run := testRun(sampler.Heun{}, &calls)
	run.Forget = true
	for step, err := range run.Steps(t.Context()) {
		require.NoError(t, err)
		if step.Index == 3 {
			break
		}
	}
	got, steps := finish(t, run)
	assert.Equal(t, want, got)
	assert.Equal(t, []int{4, 5}, steps)
	_, err := run.Save()
	assert.ErrorContains(t, err, "forgets")
}

func TestRestoreRefuses(t *testing.T) {
	run := testRun(sampler.Euler{}, new(int))
	for range run.Steps(t.Context()) {
		break
	}
	state, err := run.Save()
	require.NoError(t, err)
	check := func(r *sampler.Run, data []byte, want string) {
		var e *sampler.StateError
		err := r.Restore(data)
		if assert.ErrorAs(t, err, &e) {
			assert.Contains(t, e.Msg, want)
		}
	}
	check(testRun(sampler.DPMPP2M{}, new(int)), state, "have a run of sampler.Euler")
	other := testRun(sampler.Euler{}, new(int))
	other.Sigmas = []float64{1, 0}
	check(other, state, "other levels")
	check(testRun(sampler.Euler{}, new(int)), nil, "have 0 bytes")
	check(testRun(sampler.Euler{}, new(int)), state[:len(state)-1], "checksum")
	for i := range state {
		changed := append([]byte(nil), state...)
		changed[i] ^= 1
		assert.Error(t, testRun(sampler.Euler{}, new(int)).Restore(changed), fmt.Sprint("byte ", i))
	}
}

// The unconditional estimates of CFG++ are part of the state.
func TestRestoreUncond(t *testing.T) {
	s := sampler.DPMPP2M{CFGPlusPlus: true}
	run := testRun(s, new(int))
	for step := range run.Steps(t.Context()) {
		if step.Index == 3 {
			break
		}
	}
	state, err := run.Save()
	require.NoError(t, err)
	plain, err := func() ([]byte, error) {
		run := testRun(sampler.DPMPP2M{}, new(int))
		for step := range run.Steps(t.Context()) {
			if step.Index == 3 {
				break
			}
		}
		return run.Save()
	}()
	require.NoError(t, err)
	assert.InDelta(t, len(plain)+3*8*4, len(state), 10) // three calls of 8 numbers
	assert.Error(t, testRun(s, new(int)).Restore(plain))
	assert.Error(t, testRun(sampler.DPMPP2M{}, new(int)).Restore(state))
	assert.NoError(t, testRun(s, new(int)).Restore(state))
}
