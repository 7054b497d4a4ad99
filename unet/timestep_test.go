package unet

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/internal/nn"
)

// distilled loads the U-Net that reads the guidance scale.
func distilled(t testing.TB) *UNet {
	u, err := LoadFS(golden.Folder(t, "lcm-time-cond"), "unet", nil)
	require.NoError(t, err)
	t.Cleanup(func() { u.Close() })
	return u
}

// guided returns an input for n samples, each with a scale of its own.
func guided(u *UNet, n int) Input {
	in := some(u, n, 8, 12)
	in.Cond.TimeCond = nn.Tensor(n, *u.Config.TimeCondProjDim)
	for i := range n {
		copy(in.Cond.TimeCond.Float32s()[i**u.Config.TimeCondProjDim:], GuidanceEmbedding(8-float64(i), *u.Config.TimeCondProjDim))
	}
	return in
}

// embeddingTolerance is for sines of phases up to 7000, whose last bits are those
// of the frequencies.
const embeddingTolerance = 1e-3

// The values are those of get_guidance_scale_embedding of diffusers 0.42.1.
func TestGuidanceEmbedding(t *testing.T) {
	assert.Empty(t, GuidanceEmbedding(8, 0), "no width")
	for _, tt := range []struct {
		scale float64
		dim   int
		want  []float32
	}{
		{8, 8, []float32{0.506885409, -0.970479608, 0.586653292, 0.64421761, 0.862013459, -0.241183117, -0.809838235, 0.764842212}},
		{1, 5, []float32{0, 0, 1, 1, 0}},
		{0.5, 6, []float32{0.467771798, 0.958924294, -0.0499791615, -0.883849263, 0.2836622, 0.998750269}},
		{7.5, 4, []float32{-0.0447847396, 0.605186343, -0.998996675, 0.796083868}},
		{8, 32, []float32{0.506885409, -0.542972386, 0.986896515, -0.428729713, -0.336265981, -0.970479608, -0.0969438255, 0.787775159, 0.94231689, 0.395699829, 0.586653292, 0.953117728, -0.956602693, 0.682667792, 0.961797833, 0.64421761, 0.862013459, 0.839750588, -0.161354586, -0.903432786, -0.941767037, -0.241183117, 0.995289862, 0.615962863, 0.334722161, -0.918379903, -0.809838235, -0.302599818, -0.291395456, -0.730728865, 0.273760796, 0.764842212}},
	} {
		golden.Close(t, tt.want, GuidanceEmbedding(tt.scale, tt.dim), embeddingTolerance, fmt.Sprint(tt.scale, " ", tt.dim))
	}
}

// A sample's prediction depends on its own condition; none is the same as zeros,
// and not as any scale.
func TestTimeCond(t *testing.T) {
	u := distilled(t)
	in := guided(u, 2)
	both, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	size := both.DataSize() / 2
	for i := range 2 {
		one := in
		one.Latents, one.Cond.Tokens, one.Cond.TimeCond = sample(in.Latents, i), sample(in.Cond.Tokens, i), sample(in.Cond.TimeCond, i)
		got, err := u.Predict(t.Context(), one)
		require.NoError(t, err)
		assert.Equal(t, both.Float32s()[i*size:(i+1)*size], got.Float32s())
	}

	in.Cond.TimeCond.Zero()
	zeros, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	assert.NotEqual(t, both.Float32s(), zeros.Float32s())
	in.Cond.TimeCond = nil
	none, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, zeros.Float32s(), none.Float32s())
}

// sample returns sample i of x [N ...].
func sample(x *tensor.Dense, i int) *tensor.Dense {
	shape := x.Shape().Clone()
	size := x.DataSize() / shape[0]
	shape[0] = 1
	out := nn.Tensor(shape...)
	copy(out.Float32s(), x.Float32s()[i*size:(i+1)*size])
	return out
}

// Plans, parts and merged tokens read the condition too.
func TestTimeCondEverywhere(t *testing.T) {
	plain := distilled(t)
	merged, err := plain.WithTokenMerging(TokenMerging{Ratio: 0.4, Levels: 2})
	require.NoError(t, err)
	for _, u := range []*UNet{plain, merged} {
		in := guided(u, 2)
		want, err := u.Predict(t.Context(), in)
		require.NoError(t, err)
		s, err := u.Split(1, 2, 8, 12, 9)
		require.NoError(t, err)
		feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
		require.NoError(t, s.Head(t.Context(), in))
		require.NoError(t, s.Deep(t.Context(), feature))
		got, err := s.Tail(t.Context(), feature)
		require.NoError(t, err)
		assert.Equal(t, want.Float32s(), got.Float32s())
		s.Close()
	}
	require.NoError(t, plain.Check(2, 8, 12, 9))
	plan, err := plain.Plan(2, 8, 12, 9)
	require.NoError(t, err)
	var layers []string
	for _, s := range plan.Steps {
		layers = append(layers, s.Layer)
	}
	assert.Contains(t, layers, "time_embedding.cond_proj")
}

// In a caller's graph the condition may be left out.
func TestBuildTimeCond(t *testing.T) {
	u := distilled(t)
	eng, err := engine.New(nil)
	require.NoError(t, err)
	for _, given := range []bool{true, false} {
		in := guided(u, 2)
		g := G.NewGraph()
		nodes := u.nodes(nn.NewGraph(g), usual(t, u, 2, 8, 12, 9))
		if !given {
			in.Cond.TimeCond, nodes.Cond.TimeCond = nil, nil
		}
		want, err := u.Predict(t.Context(), in)
		require.NoError(t, err)
		out, err := u.Build(g, nodes)
		require.NoError(t, err)
		plan, err := engine.NewPlan(append(nodes.images(), u.conditions(nodes)...), []*G.Node{out})
		require.NoError(t, err)
		inputs := [][]float32{in.Latents.Float32s(), {700, 700}, in.Cond.Tokens.Float32s()}
		if given {
			inputs = append(inputs, in.Cond.TimeCond.Float32s())
		}
		got := make([]float32, want.DataSize())
		require.NoError(t, eng.Run(t.Context(), plan, inputs, [][]float32{got}))
		assert.Equal(t, want.Float32s(), got)
	}
}

func TestTimeCondErrors(t *testing.T) {
	u, plain := distilled(t), load(t, "tiny-sd15", "")
	in := guided(u, 2)
	in.Cond.TimeCond = nn.Tensor(1, 32)
	_, err := u.Predict(t.Context(), in)
	assert.EqualError(t, err, "unet: time cond: have shape [1 32], want [2 32]")
	in.Cond.TimeCond = nn.Tensor(2, 16)
	_, err = u.Predict(t.Context(), in)
	assert.EqualError(t, err, "unet: time cond: have shape [2 16], want [2 32]")
	_, err = plain.Predict(t.Context(), in)
	assert.EqualError(t, err, "unet: time cond: have them, want none: the U-Net takes tokens [-1 -1 32], token mask [-1 -1] if any")

	g := nn.NewGraph(G.NewGraph())
	nodes := plain.nodes(g, usual(t, plain, 1, 8, 8, 9))
	nodes.Cond.TimeCond = g.Input("time_cond", 1, 32)
	_, err = plain.Build(nodes.Latents.Graph(), nodes)
	assert.ErrorContains(t, err, "unet: time cond: have them, want none")
	_, err = plain.BuildHead(nodes.Latents.Graph(), nodes, 1)
	assert.ErrorContains(t, err, "unet: time cond: have them, want none")

	folder := golden.Folder(t, "lcm-time-cond")
	for dim, want := range map[string]string{
		"0": "time_cond_proj_dim: have 0, want a positive number", "-1": "have -1", `"32"`: `time_cond_proj_dim: have "32", want an integer or null`,
		"64": "time_embedding.cond_proj.weight: have shape [16 32], want [16 64]",
	} {
		changed := maps.Clone(folder)
		changed["unet/config.json"] = &fstest.MapFile{Data: withKey(t, folder, "time_cond_proj_dim", dim)}
		_, err := LoadFS(changed, "unet", nil)
		assert.ErrorContains(t, err, want)
	}
}

// withKey returns the folder's config with a key that has another value.
func withKey(t *testing.T, folder fs.FS, key, value string) []byte {
	data, err := fs.ReadFile(folder, "unet/config.json")
	require.NoError(t, err)
	var keys map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(data, &keys))
	keys[key] = json.RawMessage(value)
	data, err = json.Marshal(keys)
	require.NoError(t, err)
	return data
}
