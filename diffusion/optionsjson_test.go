package diffusion

import (
	"encoding/json"
	"image"
	"reflect"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/sampler"
	"sdgo/scheduler"
	"sdgo/unet"
)

// Options come out of JSON as they went in.
func TestOptionsJSON(t *testing.T) {
	half := 0.5
	for text, o := range map[string]Options{
		`{}`: {},
		`{"steps":20,"seed":18446744073709551615}`: {Steps: 20, Seed: 1<<64 - 1},
		`{"guidance":0.30000000000000004,"prompt2":"<a> & \"b\"","negative_prompt":"é","keep_outside":true,"sigmas":[14.6,1e-9,0]}`: {
			Guidance: 0.30000000000000004, Prompt2: `<a> & "b"`, NegativePrompt: "é", KeepOutside: true, Sigmas: []float64{14.6, 1e-9, 0},
		},
		`{"mask":"alpha","mask_cells":"sample","output":"latent","new_noise":"philox"}`:          {Mask: MaskAlpha, MaskCells: MaskCellsSample, Output: OutputLatent, NewNoise: PhiloxNoise},
		`{"guidance_interval":{"low":0.1},"reuse":{"interval":3},"token_merging":{"ratio":0.5}}`: {GuidanceInterval: Interval{Low: 0.1}, Reuse: Reuse{Interval: 3}, TokenMerging: unet.TokenMerging{Ratio: 0.5}},
		`{"framing":{"original":{"x":4096,"y":2048}}}`:                                           {Framing: Framing{Original: image.Pt(4096, 2048)}},
		`{"sampler":"dpmpp_2m"}`:                                            {Sampler: sampler.DPMPP2M{}},
		`{"sampler":{"eta":0.5,"name":"euler_ancestral"}}`:                  {Sampler: sampler.EulerAncestral{Eta: &half}},
		`{"sampler":{"churn":{"s":4},"name":"euler"}}`:                      {Sampler: sampler.Euler{Churn: sampler.Churn{S: 4}}},
		`{"sampler":{"end":0,"name":"unipc"}}`:                              {Sampler: sampler.UniPC{Order: 3, BH1: true, LowerOrderFinal: true}},
		`{"regions":[{"prompt":"a","box":{"max":{"x":8,"y":16}}}]}`:         {Regions: []Region{{Prompt: "a", Box: image.Rect(0, 0, 8, 16)}}},
		`{"guider":"apg:scale=9+rescaled:share=0.5+interval:low=1,high=5"}`: {Guider: LimitedInterval{Guider: Rescaled{Share: 0.5, Guider: Projected{Scale: 9}}, Interval: Interval{1, 5}}},
		`{"guider":"apg+scheduled:linear=1/9"}`:                             {Guider: Scheduled{Guider: Projected{}, Scale: LinearScale{1, 9}}},
		`{"seamless":{"x":true},"freeu":{"b1":1.2}}`:                        {Seamless: unet.Seamless{X: true}, FreeU: unet.FreeU{B1: 1.2}},
		`{"boxes":[{"right":0.5,"bottom":1,"phrase":"a boat"}]}`:            {Boxes: []Box{{Right: 0.5, Bottom: 1, Phrase: "a boat"}}},
		`{"watermark":"01"}`:                                                {Watermark: "01"},
	} {
		have, err := json.Marshal(o)
		require.NoError(t, err)
		assert.JSONEq(t, text, string(have))
		assert.Empty(t, o.LeftOut())
		var read Options
		require.NoError(t, json.Unmarshal(have, &read))
		if o.NewNoise != nil { // functions do not compare
			assert.Equal(t, reflect.ValueOf(o.NewNoise).Pointer(), reflect.ValueOf(read.NewNoise).Pointer())
			o.NewNoise, read.NewNoise = nil, nil
		}
		assert.Equal(t, o, read, text)
	}
}

// Every sampler and every schedule with a name goes by it.
func TestNamesInJSON(t *testing.T) {
	for _, info := range sampler.Names() {
		s, err := sampler.ByName(info.Name)
		require.NoError(t, err)
		have, err := json.Marshal(Options{Sampler: s})
		require.NoError(t, err)
		var read Options
		require.NoError(t, json.Unmarshal(have, &read))
		assert.Equal(t, s, read.Sampler, "%s: %s", info.Name, have)
	}
	for _, info := range scheduler.Names() {
		var read Options
		require.NoError(t, json.Unmarshal([]byte(`{"schedule":"`+info.Name+`"}`), &read))
		assert.Equal(t, info.Name, read.Schedule)
	}
}

// wrapping is a sampler of somebody else's.
type wrapping struct{ sampler.Sampler }

// What has no name is left out by name, and what is read stays as it was.
func TestLeftOut(t *testing.T) {
	x := tensor.New(tensor.WithShape(1, 4, 8, 8), tensor.Of(tensor.Float32))
	o := &Options{
		Steps: 3, Cond: x, Latents: x, Adapters: []Adapter{{}}, Embeddings: []Embedding{{Token: "<cat>"}}, Resume: []byte{1},
		OnStep: func(Step) error { return nil }, Wrap: func(d sampler.Denoiser) sampler.Denoiser { return d },
		Sampler: wrapping{sampler.Euler{}}, NewNoise: func(seed uint64) sampler.Noise { return TorchNoise(seed) },
	}
	want := []string{"Cond", "NewNoise", "Sampler", "Adapters", "Embeddings", "Latents", "Wrap", "OnStep", "Resume"}
	assert.ElementsMatch(t, want, o.LeftOut())
	text, err := json.Marshal(o)
	require.NoError(t, err)
	var object struct {
		Steps   int
		LeftOut []string `json:"left_out"`
	}
	require.NoError(t, json.Unmarshal(text, &object))
	assert.Equal(t, 3, object.Steps)
	assert.ElementsMatch(t, want, object.LeftOut)
	require.NoError(t, json.Unmarshal([]byte(`{"steps": 5, "left_out": ["Latents"]}`), o))
	assert.Equal(t, 5, o.Steps)
	assert.Same(t, x, o.Latents)
	assert.Nil(t, (*Options)(nil).LeftOut())
	path := sampler.DPMPP2MSDE{Path: func([]float32, float64, float64) {}}
	assert.Equal(t, []string{"Sampler"}, (&Options{Sampler: path}).LeftOut(), "its noise is a function")
	assert.Equal(t, []string{"Sampler"}, (&Options{Sampler: (*sampler.Euler)(nil)}).LeftOut())
	assert.Empty(t, (&Options{Sampler: &sampler.Euler{}}).LeftOut())
	assert.Equal(t, []string{"Guider"}, (&Options{Guider: drift{}}).LeftOut())
	assert.Equal(t, []string{"Guider"}, (&Options{Guider: Rescaled{Guider: drift{}}}).LeftOut())
	assert.Equal(t, []string{"Regions"}, (&Options{Regions: []Region{{Mask: image.Black}}}).LeftOut())
	assert.Equal(t, []string{"Boxes"}, (&Options{Boxes: []Box{{Picture: x}}}).LeftOut())
}

// What is wrong in JSON is named, with what it may have meant, and nothing is set.
func TestWrongJSON(t *testing.T) {
	for text, want := range map[string]string{
		`{"stpes": 3}`:                              `diffusion: options: have key "stpes", want one of steps, `,
		`{"reuse": {"intervall": 3}}`:               `options: reuse: have key "intervall", want one of interval, `,
		`{"steps": "many"}`:                         `options: steps: have "many", want a whole number`,
		`{"steps": 2.5}`:                            `options: steps: have 2.5, want a whole number`,
		`{"seed": -1}`:                              `options: seed: have -1, want a whole number, 0 or more`,
		`{"keep_outside": 1}`:                       `options: keep_outside: have 1, want true or false`,
		`{"sigmas": 3}`:                             `options: sigmas: have 3, want a list`,
		`{"sigmas": [1, "x"]}`:                      `options: sigmas: number 1: have "x", want a number`,
		`{"sampler": "eulr"}`:                       `options: sampler: have "eulr", want one of euler, `,
		`{"sampler": 3}`:                            `options: sampler: have 3, want a name`,
		`{"sampler": {"name": "euler", "chrn": 1}}`: `options: sampler: euler: have key "chrn", want one of churn, `,
		`{"sampler": {"churn": {}}}`:                `want a name, or an object with a name`,
		`{"new_noise": "cuda"}`:                     `options: new_noise: have "cuda", want philox or torch`,
		`{"guider": "apgg"}`:                        `options: guider: diffusion: guider: "apgg": have name "apgg", want one of cfg, `,
		`{"guider": 3}`:                             `options: guider: have 3, want the text of a guidance`,
		`{"mask": "white"}`:                         `options: mask: have "white", want luminance or alpha`,
		`{"output": 1}`:                             `options: output: have 1, want image or latent`,
		`{"latents": [1]}`:                          `have key "latents", want one of `,
		`{"adapters": []}`:                          `have key "adapters", want one of `,
		`{"on_step": null}`:                         `have key "on_step", want one of `,
		`[]`:                                        `options: json: cannot unmarshal array`,
		`{"framing": {"original": {"z": 1}}}`:       `options: framing: original: have key "z", want one of `,
	} {
		o := Options{Steps: 7, Sampler: sampler.Heun{}}
		err := json.Unmarshal([]byte(text), &o)
		assert.ErrorContains(t, err, want, text)
		assert.Equal(t, Options{Steps: 7, Sampler: sampler.Heun{}}, o)
	}
	assert.Error(t, (*Options)(nil).UnmarshalJSON([]byte(`{}`)))
}

func FuzzOptionsJSON(f *testing.F) {
	f.Add([]byte(`{"sampler": {"name": "euler", "churn": {"s": 1}}, "sigmas": [1, 0], "framing": {"crop": {"x": 1}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var o, again Options
		if json.Unmarshal(text, &o) != nil {
			return
		}
		written, err := json.Marshal(o)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(written, &again), "%s", written)
		o.NewNoise, again.NewNoise = nil, nil
		assert.Equal(t, o, again, "%s", written)
	})
}
