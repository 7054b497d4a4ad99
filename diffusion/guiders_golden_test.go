package diffusion

import (
	"context"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/sampler"
)

// guidersTolerance is of single calls, relative to the largest value: roundings of float32,
// where the reference sums in another order.
const guidersTolerance = 2e-6

// guiders is testdata/guiders.json.
type guiders struct {
	Calls     []struct{ Cond, Uncond []float32 }
	Projected []struct {
		Guider Projected
		Want   [][]float32 // of each call
	}
	ZeroStar []struct {
		Guider ZeroStar
		Want   [][]float32
	} `json:"zero_star"`
	Rescaled []struct { // of ZeroStar
		Scale, Share float64
		Want         [][]float32
	}
	Wide        []float32
	Thresholded []struct {
		Guider Thresholded
		Want   []float32
	}
}

func readGuiders(t *testing.T) *guiders {
	data, err := os.ReadFile("testdata/guiders.json")
	require.NoError(t, err)
	var g guiders
	require.NoError(t, json.Unmarshal(data, &g))
	return &g
}

// predictions of one image in each call of a run, by a model that predicts a kind.
func (g *guiders) predictions(kind string) []*Predictions {
	state := make([]float32, len(g.Wide))
	levels := []float64{8, 4, 2, 0}
	var calls []*Predictions
	for i, call := range g.Calls {
		calls = append(calls, &Predictions{
			X: g.Wide, C: 4, H: 4, W: 4, Sigma: levels[i], kind: kind, levels: levels,
			names: []Condition{Uncond, Cond}, outputs: append(append([]float32{}, call.Uncond...), call.Cond...),
			known: map[Condition][]float32{}, keep: func() []float32 { return state },
		})
	}
	return calls
}

func TestProjectedGolden(t *testing.T) {
	g := readGuiders(t)
	require.Len(t, g.Projected, 4)
	for _, tt := range g.Projected {
		for i, p := range g.predictions("sample") {
			est, err := tt.Guider.Guide(t.Context(), p)
			require.NoError(t, err)
			golden.Close(t, tt.Want[i], est.Denoised, guidersTolerance, "call")
			if (tt.Guider == Projected{Scale: 7.5, Parallel: 1}) { // nothing but this
				plain, err := ClassifierFree{}.Guide(t.Context(), g.predictions("sample")[i])
				require.NoError(t, err)
				golden.Close(t, plain.Denoised, est.Denoised, guidersTolerance, "plain")
			}
		}
	}
}

func TestZeroStarGolden(t *testing.T) {
	g := readGuiders(t)
	require.Len(t, g.ZeroStar, 3)
	for _, kind := range []string{"epsilon", "v_prediction", "sample"} {
		for _, tt := range g.ZeroStar {
			for i, p := range g.predictions(kind) {
				want := p.FromOutput(tt.Want[i])
				est, err := tt.Guider.Guide(t.Context(), p)
				require.NoError(t, err)
				golden.Close(t, want, est.Denoised, guidersTolerance, kind)
			}
		}
	}
}

// What another Guider estimates is rescaled as the reference does it on the model's output.
func TestRescaledGolden(t *testing.T) {
	g := readGuiders(t)
	require.Len(t, g.Rescaled, 3)
	for _, kind := range []string{"epsilon", "v_prediction", "sample"} {
		for _, data := range []float64{0, 0.5} {
			for _, tt := range g.Rescaled {
				for i, p := range g.predictions(kind) {
					p.data = data
					want := p.FromOutput(tt.Want[i])
					inner := ZeroStar{Scale: tt.Scale}
					est, err := Rescaled{Share: tt.Share, Guider: inner}.Guide(t.Context(), p)
					require.NoError(t, err)
					golden.Close(t, want, est.Denoised, guidersTolerance, kind)
					again, err := Rescaled{Share: tt.Share, Guider: ZeroStar{}}.WithScale(tt.Scale).Guide(t.Context(), p)
					require.NoError(t, err)
					golden.Close(t, want, again.Denoised, guidersTolerance, kind)
				}
			}
		}
	}
	assert.Equal(t, []Condition{Uncond, Cond}, Rescaled{Guider: given(g.Wide)}.Needs(1))
}

// given estimates what it is.
type given []float32

func (given) Needs(float64) []Condition { return []Condition{Uncond} }

func (g given) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	return sampler.Estimate{Denoised: g}, nil
}

func TestThresholdedGolden(t *testing.T) {
	g := readGuiders(t)
	require.Len(t, g.Thresholded, 4)
	for _, tt := range g.Thresholded {
		tt.Guider.Guider = given(g.Wide)
		assert.Equal(t, []Condition{Uncond}, tt.Guider.Needs(1))
		est, err := tt.Guider.Guide(t.Context(), g.predictions("sample")[0])
		require.NoError(t, err)
		golden.Close(t, tt.Want, est.Denoised, guidersTolerance, "thresholded")
	}
	// A mimic has the bound of what it mimics, here by the largest magnitude.
	p := g.predictions("sample")[0]
	for _, tt := range []struct {
		mimic float64
		like  float64
	}{{0, 1}, {3, 3}} {
		like, err := ClassifierFree{Scale: tt.like}.Guide(t.Context(), g.predictions("sample")[0])
		require.NoError(t, err)
		est, err := Thresholded{Guider: given(g.Wide), Percentile: 1, Mimic: tt.mimic}.Guide(t.Context(), p)
		require.NoError(t, err)
		assert.InEpsilon(t, magnitude(like.Denoised), magnitude(est.Denoised), guidersTolerance)
		assert.Greater(t, magnitude(g.Wide), magnitude(est.Denoised))
	}
	assert.Equal(t, []Condition{Uncond, Cond}, Thresholded{Guider: given(g.Wide)}.Needs(1))
}

func magnitude(x []float32) float64 {
	most := float32(0)
	for _, v := range x {
		most = max(most, v, -v)
	}
	return float64(most)
}
