package diffusion

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/unet"
)

// guiderTexts are Guiders and how they are written.
var guiderTexts = map[string]Guider{
	"cfg":                            ClassifierFree{},
	"cfg:scale=9":                    ClassifierFree{Scale: 9},
	"unguided+seg":                   SmoothedEnergy{Guider: Unguided{}},
	"zero-star:scale=6,zero-steps=2": ZeroStar{Scale: 6, ZeroSteps: 2},
	"apg:scale=9,parallel=0.5,norm=15,momentum=-0.75":            Projected{9, 0.5, 15, -0.75},
	"rescaled:scale=5,share=0.7":                                 Rescaled{Scale: 5, Share: 0.7},
	"apg+interval:low=0.5,high=1e+06":                            LimitedInterval{Projected{}, Interval{0.5, 1e6}},
	"scheduled:linear=1/9":                                       Scheduled{Scale: LinearScale{1, 9}},
	"apg+scheduled:cosine=0/1e-07":                               Scheduled{Projected{}, CosineScale{0, 1e-7}},
	"cfg+scheduled:list=1/2.5/3+thresholded:bound=2":             Thresholded{Guider: Scheduled{ClassifierFree{}, ScaleList{1, 2.5, 3}}, Bound: 2},
	"thresholded:percentile=0.9,mimic=2":                         Thresholded{Percentile: 0.9, Mimic: 2},
	"seg:scale=2,blur=inf,layers=mid/up_blocks.1,low=1":          SmoothedEnergy{Scale: 2, Blur: math.Inf(1), Layers: []string{"mid", "up_blocks.1"}, Interval: Interval{Low: 1}},
	`pag:decay=0.5,layers="a+b,c/\"d\""/up_blocks.(0|1)/" "`:     PerturbedAttention{Decay: 0.5, Layers: []string{`a+b,c/"d"`, "up_blocks.(0|1)", " "}},
	"cfg:scale=5+pag:scale=3+rescaled:share=0.7+interval:high=9": LimitedInterval{Rescaled{Share: 0.7, Guider: PerturbedAttention{Guider: ClassifierFree{5}, Scale: 3}}, Interval{High: 9}},
}

// A Guider is what its text says, and its text says what it is.
func TestGuiderText(t *testing.T) {
	for text, want := range guiderTexts {
		got, err := ParseGuider(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, got, text)
		again, err := FormatGuider(got)
		require.NoError(t, err)
		assert.Equal(t, text, again)
	}
	got, err := ParseGuider(" cfg : scale = 5 + pag : layers = mid / \"up\" ")
	require.NoError(t, err)
	assert.Equal(t, PerturbedAttention{Guider: ClassifierFree{5}, Layers: []string{"mid", "up"}}, got)
	text, err := FormatGuider(&Rescaled{Guider: &ZeroStar{Scale: 2}, Share: 1})
	require.NoError(t, err)
	assert.Equal(t, "zero-star:scale=2+rescaled:share=1", text)
	for _, info := range GuiderNames() {
		v, err := guiderCalled(info.Name)
		require.NoError(t, err)
		for _, f := range fieldsOf(v) {
			for _, key := range f.keys {
				assert.Contains(t, info.Description, key, info.Name)
			}
		}
	}
}

// Guidance, FreeU and seamless go into JSON and a picture's text, and come out as they were.
func TestGuiderJSON(t *testing.T) {
	o := Options{
		Guider: Rescaled{Guider: PerturbedAttention{Layers: []string{"mid", "up"}}, Share: 0.5},
		FreeU:  unet.FreeU{B1: 1.2, S2: 0.5}, Seamless: unet.Seamless{X: true},
	}
	text, err := json.Marshal(o)
	require.NoError(t, err)
	assert.JSONEq(t, `{"guider":"pag:layers=mid/up+rescaled:share=0.5","freeu":{"b1":1.2,"s2":0.5},"seamless":{"x":true}}`, string(text))
	assert.Empty(t, o.LeftOut())
	var read Options
	require.NoError(t, json.Unmarshal(text, &read))
	assert.Equal(t, o, read)
	p, err := ParseParameters(Parameters{Prompt: "a house", Options: o}.String())
	require.NoError(t, err)
	assert.Equal(t, o, p.Options)

	require.NoError(t, json.Unmarshal([]byte(`{"guider":null}`), &read))
	assert.Nil(t, read.Guider)
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"guider":"best"}`), &read), `have name "best", want one of cfg`)
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"guider":3}`), &read), "have 3, want the text of a guidance")
	o = Options{Guider: worse{}}
	assert.Equal(t, []string{"Guider"}, o.LeftOut())
}

func TestGuiderTextErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                            `diffusion: guider: "": have name "", want one of cfg, unguided, apg, zero-star`,
		"best":                        `have name "best", want one of cfg`,
		"cfg+apg":                     `"apg": have a guidance before it, want none`,
		"cfg:scale":                   `have "scale", want settings such as scale=5, each once`,
		"cfg:scale=1,scale=2":         "each once",
		"cfg:share=1":                 `have setting "share", want one of ["scale"]`,
		"cfg:scale=x":                 `scale: have "x", want a number`,
		"cfg:scale=nan":               `scale: have "nan", want a number`,
		"cfg:scale=1/2":               "scale: have 2 numbers, want one",
		"zero-star:zero-steps=1.5":    "zero-steps: have 1.5, want a whole number",
		"zero-star:zero-steps=-1":     "diffusion: guider: zero star: have ZeroSteps -1",
		"interval:low=1":              "have nothing before it, want a guidance such as cfg+interval:low=1",
		"unguided+scheduled":          "have a diffusion.Unguided before it, want one with a scale",
		"scheduled":                   "scheduled: have no Scale",
		"scheduled:linear=1":          "linear: have 1 numbers, want the first and the last",
		"scheduled:linear=1/2,list=1": "list: have two schedules, want one",
		`pag:layers="`:                "have a quote that does not end",
		`pag:layers="a"b`:             "want a text between quotes",
		"pag:scale=-1":                "perturbed attention: have a Scale of -1",
		"rescaled:share=2+pag":        "rescaled: have Share 2",
	} {
		_, err := ParseGuider(text)
		assert.ErrorContains(t, err, want, text)
	}
	for _, tt := range []struct {
		guider Guider
		want   string
	}{
		{nil, "diffusion: guider: have nil, want a Guider"},
		{Rescaled{Guider: worse{}}, "have a diffusion.worse, which has no name"},
		{Scheduled{Scale: stepScale{}}, "have a diffusion.stepScale, which has no name"},
	} {
		_, err := FormatGuider(tt.guider)
		assert.ErrorContains(t, err, tt.want)
	}
}

// stepScale is a ScaleSchedule of a caller's own.
type stepScale struct{}

func (stepScale) ScaleAt(step float64, _ int, _ float64) float64 { return step }

// What is parsed is written so that it is parsed again, to the same.
func FuzzGuiderText(f *testing.F) {
	for text := range guiderTexts {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := ParseGuider(text)
		if err != nil {
			return
		}
		written, err := FormatGuider(g)
		require.NoError(t, err)
		again, err := ParseGuider(written)
		require.NoError(t, err, written)
		assert.Equal(t, g, again)
	})
}
