package sampler_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
)

// A state has the facts of its run, of which all must be those of the run that takes
// it, and the version of its format.
func TestRestoreFacts(t *testing.T) {
	with := func(facts map[string]string) *sampler.Run {
		run := testRun(sampler.Euler{}, new(int))
		run.Facts = func() map[string]string { return facts }
		return run
	}
	run := with(map[string]string{"prompt": "a cat", "seed": "1"})
	for range run.Steps(t.Context()) {
		break
	}
	state, err := run.Save()
	require.NoError(t, err)
	assert.NoError(t, with(map[string]string{"prompt": "a cat", "seed": "1"}).Restore(state))
	for want, facts := range map[string]map[string]string{
		`have a run with another prompt: "a cat", want "a dog"`: {"prompt": "a dog", "seed": "2"},
		`have a run with another seed: "1", want ""`:            {"prompt": "a cat"},
		`have a run with another mask: "", want "x"`:            {"prompt": "a cat", "seed": "1", "mask": "x"},
		`have a run with another prompt: "a cat", want ""`:      nil,
	} {
		var bad *sampler.StateError
		require.ErrorAs(t, with(facts).Restore(state), &bad)
		assert.Equal(t, want, bad.Msg)
	}

	body := bytes.Replace(state[:len(state)-sha256.Size], []byte(`"version":5`), []byte(`"version":4`), 1)
	sum := sha256.Sum256(body)
	assert.EqualError(t, run.Restore(append(body, sum[:]...)), "sampler: saved run: have version 4, want 5")
	run.X = run.X[:5]
	assert.EqualError(t, run.Restore(state), "sampler: saved run: have a run of 8 numbers, want 5")
}

// A state is that of one sampler with its options, whatever bounds it has, and whatever
// its options point to.
func TestRestoreTellsSamplersApart(t *testing.T) {
	bounded := func(s sampler.Sampler, clip float64) sampler.Sampler {
		return sampler.Bounded(s, sampler.Solver{Clip: clip})
	}
	churn := func(s float64) sampler.Sampler {
		return sampler.Heun{Churn: sampler.Churn{S: s, TMax: math.Inf(1)}}
	}
	half, alsoHalf, none := 0.5, 0.5, 0.0
	for name, tt := range map[string]struct {
		saved, own sampler.Sampler
		same       bool
	}{
		"same bounds":      {bounded(sampler.Heun{}, 1), bounded(sampler.Heun{}, 1), true},
		"other bounds":     {bounded(sampler.Heun{}, 1), bounded(sampler.Heun{}, 2), false},
		"no bounds":        {bounded(sampler.Heun{}, 1), sampler.Heun{}, false},
		"bounded":          {bounded(sampler.Heun{}, 1), bounded(sampler.DPM2{}, 1), false},
		"same infinity":    {churn(0), churn(0), true},
		"beside infinity":  {churn(0), churn(1), false},
		"same pointed to":  {sampler.SEEDS2{Eta: &half}, sampler.SEEDS2{Eta: &alsoHalf}, true},
		"other pointed to": {sampler.SEEDS2{Eta: &half}, sampler.SEEDS2{Eta: &none}, false},
		"nothing":          {sampler.Heun{}, nil, false},
	} {
		state, err := testRun(tt.saved, new(int)).Save()
		require.NoError(t, err, name)
		var bad *sampler.StateError
		if err := testRun(tt.own, new(int)).Restore(state); tt.same {
			assert.NoError(t, err, name)
		} else if assert.ErrorAs(t, err, &bad, name) {
			assert.Contains(t, bad.Msg, "have a run of ", name)
		}
	}
}

// Bytes that are no state are an error, even with the right checksum, and no state
// that is taken breaks a run.
func FuzzRestore(f *testing.F) {
	run := testRun(sampler.Euler{}, new(int))
	for range run.Steps(context.Background()) {
		break
	}
	state, err := run.Save()
	require.NoError(f, err)
	f.Add(state)
	f.Add([]byte("sdgo-run"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = testRun(sampler.Euler{}, new(int)).Restore(data)
		body := data[:max(0, len(data)-sha256.Size)]
		sum := sha256.Sum256(body)
		run := testRun(sampler.Euler{}, new(int))
		if run.Restore(append(slices.Clone(body), sum[:]...)) != nil {
			return
		}
		for step, err := range run.Steps(t.Context()) {
			if err == nil && len(step.X) != len(run.X) {
				t.Errorf("have %d values, want %d", len(step.X), len(run.X))
			}
		}
	})
}
