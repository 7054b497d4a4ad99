package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ints is a list that may be written as one number.
type ints []int

func (l *ints) UnmarshalJSON(data []byte) error { return List(data, (*[]int)(l)) }

func TestDecode(t *testing.T) {
	type config struct {
		Layers ints   `json:"layers"`
		Cross  []bool `json:"cross"`
		Width  int    `json:"width"`
	}
	c := config{Width: 7}
	warnings, err := Decode([]byte(`{"_class_name": "x", "layers": 2, "cross": [true, false]}`), "x", &c)
	require.NoError(t, err)
	assert.Empty(t, warnings)
	assert.Equal(t, config{ints{2}, []bool{true, false}, 7}, c)
	for data, want := range map[string]string{
		`{"layers": "two"}`:          `layers: have "two", want an integer or a list of them`,
		`{"width": -Infinity}`:       "width: have -Infinity, want an integer",
		`[]`:                         "cannot unmarshal array",
		`{"_class_name": 7}`:         "_class_name: have 7, want a name or [module, name]",
		`{"_class_name": "y"}`:       "have a y, want a x",
		`{"_class_name": "VQModel"}`: "have a VQModel (an autoencoder with a codebook), want a x",
		`{"_class_name": "SD3Transformer2DModel"}`: "have a SD3Transformer2DModel (a diffusion transformer), want a x",
		`{"num_vq_embeddings": 256}`:               "num_vq_embeddings: have a key of a VQModel (an autoencoder with a codebook), want a x",
		`{"encoder_block_out_channels": [64]}`:     "have a key of an AutoencoderTiny",
		`{"conditioning_channels": 3}`:             "have a key of a ControlNetModel",
		`{"add_attention": true}`:                  "have a key of a UNet2DModel (a U-Net without text)",
		`{"quantization_config": {}}`:              "have quantized weights, want plain ones",
	} {
		_, err := Decode([]byte(data), "x", &c)
		assert.ErrorContains(t, err, want, data)
	}
	err = Verify(Want("a", 1, false, "2"), Want("b", 1, true, "1"), Want("c", "x", false, "y"))
	assert.EqualError(t, err, "a: have 1, want 2; c: have x, want y")
}

// Keys that are not known are left out, with a warning where one may miss them.
func TestUnknownKeys(t *testing.T) {
	for data, want := range map[string][]string{
		`{"new": null, "newer": false, "vq_embed_dim": null, "quantization_config": null}`: nil,
		`{"_name_or_path": "x", "_class_name": null, "_diffusers_version": "0.6.0"}`:       nil,
		`{"_class_name": ["module", "x"]}`:                                                 nil,
		`{"_class_name": "Flaxx"}`:                                                         nil,
		`{"decay": 0.9999, "inv_gamma": 1.0, "min_decay": 0.0, "optimization_step": 37000, "power": 0.6666666666666666, "update_after_step": 0, "use_ema_warmup": true}`: nil,
		`{"widht": 1, "-": ["x"], "Width": NaN}`: {
			`config.json: the key "-" is not known and was left out: have ["x"]`,
			`config.json: the key "Width" is not known and was left out: have NaN`,
			`config.json: the key "widht" is not known and was left out: have 1`,
		},
	} {
		c := struct {
			Width    int      `json:"width"`
			Warnings []string `json:"-"`
		}{Width: 7}
		warnings, err := Decode([]byte(data), "x", &c)
		require.NoError(t, err, data)
		assert.Equal(t, want, warnings, data)
		assert.Equal(t, 7, c.Width)
		assert.Nil(t, c.Warnings)
	}
}
