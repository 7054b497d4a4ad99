package unet

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/golden"
	"sdgo/safetensors"
)

// A UNet2DModel on pixels, and one on latents, predict what they do in diffusers.
func TestUnconditionalGoldens(t *testing.T) {
	for module, model := range map[string]string{"unet_ddpm": "tiny-ddpm", "unet_ldm_vq": "tiny-ldm-vq"} {
		u := load(t, model, "")
		require.NotNil(t, u.Config.Unconditional)
		assert.Empty(t, u.Config.Warnings)
		c := golden.Open(t, "modules/"+module)
		for _, name := range c.Names() {
			i, after, ok := strings.Cut(name, ".out_t")
			if !ok {
				continue
			}
			var time float64
			_, err := fmt.Sscan(after, &time)
			require.NoError(t, err)
			sample := engine.Tensor(c.Float32s(i+".sample"), c.Shape(i+".sample")...)
			out, err := u.Predict(t.Context(), Input{Latents: sample, Timesteps: []float64{time}})
			require.NoError(t, err)
			golden.Close(t, c.Float32s(name), out.Float32s(), tolerance, module+" "+name)
		}
	}
}

// unconditional loads the model of a case of golden's textless.
func unconditional(t *testing.T, c *golden.Case) *UNet {
	t.Helper()
	var model golden.Named
	c.Decode(&model)
	u, err := LoadFrom(t.Context(), model.Source(t), nil)
	require.NoError(t, err)
	t.Cleanup(func() { u.Close() })
	return u
}

// Every structure predicts what it does in the reference, whole and in parts, asks for the
// tensors that it has there and no other, and has the same derivatives.
func TestUnconditional(t *testing.T) {
	for name, compared := range map[string]int{"ddpm": 0, "guided": 0, "no-middle-norm": 0, "learned": 0, "no-middle": 0} {
		t.Run(name, func(t *testing.T) {
			c := golden.Open(t, "textless/unet-"+name)
			u := unconditional(t, c)
			assert.Empty(t, u.Config.Warnings, "tensors that are not used, or missing")
			in := Input{Latents: engine.Tensor(c.Float32s("sample"), c.Shape("sample")...), Timesteps: []float64{17, 801}}
			if c.Has("class_labels") {
				in.Cond.ClassLabels = engine.Tensor(c.Numbers("class_labels"), c.Shape("class_labels")...)
			}
			out, err := u.Predict(t.Context(), in)
			require.NoError(t, err)
			golden.Close(t, c.Float32s("out"), out.Float32s(), tolerance, name)
			in.Timesteps = []float64{17.5}
			_, err = u.Predict(t.Context(), in)
			if name == "learned" {
				assert.EqualError(t, err, "unet: timesteps: number 0 is 17.5, want a whole number from 0 to 999: the U-Net has learned those alone")
			} else {
				assert.NoError(t, err)
			}
			in.Timesteps = []float64{17, 801}
			s, err := u.Split(u.Branches()/2, 2, 8, 16, 0)
			require.NoError(t, err)
			defer s.Close()
			have, _, err := u.inputs(in)
			require.NoError(t, err)
			assert.Equal(t, have, s.shape, "a prediction is planned as it was counted")
			feature := make([]float32, tensor.Shape(s.FeatureShape()).TotalSize())
			require.NoError(t, s.Head(t.Context(), in))
			require.NoError(t, s.Deep(t.Context(), feature))
			parts, err := s.Tail(t.Context(), feature)
			require.NoError(t, err)
			assert.Equal(t, out.Float32s(), parts.Float32s())

			var info struct {
				Grads map[string]any `json:"all_grads"`
			}
			c.Decode(&info)
			compared = len(info.Grads) + 1
			if c.Has("d_class_labels") {
				compared++
			}
			assert.Equal(t, compared, loss(t, u, c).Compare("loss", false))
		})
	}
}

// The attention layers' old names are read as well.
func TestUnconditionalOldNames(t *testing.T) {
	fsys := golden.Model(t, "tiny-ddpm")
	file, err := safetensors.OpenFS(fsys, "unet/diffusion_pytorch_model.safetensors")
	require.NoError(t, err)
	defer file.Close()
	rename := strings.NewReplacer(".to_q.", ".query.", ".to_k.", ".key.", ".to_v.", ".value.", ".to_out.0.", ".proj_attn.")
	var tensors []safetensors.Tensor
	renamed := 0
	for _, name := range file.Names() {
		x, _ := file.Tensor(name)
		if x.Name = rename.Replace(name); x.Name != name {
			renamed++
		}
		tensors = append(tensors, x)
	}
	assert.Equal(t, 4*2*4, renamed)
	var data strings.Builder
	require.NoError(t, safetensors.Write(&data, tensors, nil))
	config, err := fs.ReadFile(fsys, "unet/config.json")
	require.NoError(t, err)
	old, err := LoadFS(fstest.MapFS{"config.json": {Data: config}, "diffusion_pytorch_model.safetensors": {Data: []byte(data.String())}}, ".", nil)
	require.NoError(t, err)
	defer old.Close()
	in := Input{Latents: golden.Numbers("input.sample", 1, 3, 8, 8), Timesteps: []float64{5}}
	want, err := load(t, "tiny-ddpm", "").Predict(t.Context(), in)
	require.NoError(t, err)
	got, err := old.Predict(t.Context(), in)
	require.NoError(t, err)
	assert.Equal(t, want.Float32s(), got.Float32s())
}

// Levels between which residual blocks halve the size are as those with convolutions.
func TestUnconditionalLevels(t *testing.T) {
	c := golden.Open(t, "textless/unet-guided")
	u := unconditional(t, c)
	sizes := u.LevelSizes(8, 16)
	assert.Equal(t, [][2]int{{8, 16}, {4, 8}, {2, 4}}, sizes)
	in := Input{Latents: engine.Tensor(c.Float32s("sample"), c.Shape("sample")...), Timesteps: []float64{17, 801}}
	in.Cond.ClassLabels = engine.Tensor(c.Numbers("class_labels"), c.Shape("class_labels")...)
	in.Cond.Features = &Features[*tensor.Dense]{}
	for i, channels := range u.Config.BlockOutChannels {
		size := sizes[min(i+1, len(sizes)-1)] // behind what leads to the next level
		in.Cond.Features.Levels = append(in.Cond.Features.Levels, tensor.New(tensor.Of(tensor.Float32), tensor.WithShape(2, channels, size[0], size[1])))
	}
	out, err := u.Predict(t.Context(), in)
	require.NoError(t, err)
	golden.Close(t, c.Float32s("out"), out.Float32s(), tolerance, "with zeros added")
}

func TestUnconditionalErrors(t *testing.T) {
	u := load(t, "tiny-ddpm", "")
	in := Input{Latents: golden.Numbers("input.sample", 1, 3, 8, 8), Timesteps: []float64{5}, Cond: Text(golden.Numbers("input.text", 1, 4, 8))}
	_, err := u.Predict(t.Context(), in)
	assert.EqualError(t, err, "unet: tokens: have them, want none: the U-Net takes ")
	assert.EqualError(t, u.Check(1, 8, 8, 77), "unet: tokens: have 77, want 0: the U-Net is a UNet2DModel, which reads no text")
	assert.NoError(t, u.Check(1, 8, 8, 0))
	guided := unconditional(t, golden.Open(t, "textless/unet-guided"))
	in.Cond = Conditioning[*tensor.Dense]{ClassLabels: golden.Numbers("input.classes", 1)}
	in.Cond.ClassLabels.Float32s()[0] = 5
	_, err = guided.Predict(t.Context(), in)
	assert.EqualError(t, err, "unet: class labels: number 0 is 5, want a whole number from 0 to 4")

	for keys, want := range map[string]string{
		`"down_block_types": ["SkipDownBlock2D"]`:              "down_block_types: have [SkipDownBlock2D], want DownBlock2D or AttnDownBlock2D or ResnetDownsampleBlock2D for each level",
		`"up_block_types": ["CrossAttnUpBlock2D"]`:             "up_block_types: have [CrossAttnUpBlock2D]",
		`"mid_block_type": "UNetMidBlock2DCrossAttn"`:          "mid_block_type",
		`"attention_head_dim": 3`:                              "attention_head_dim: have 3, want a divisor of block_out_channels[0] = 32",
		`"attn_norm_num_groups": 5`:                            "attn_norm_num_groups: have 5, want a divisor",
		`"time_embedding_type": "fourier"`:                     "time_embedding_type: have fourier, want positional or learned",
		`"time_embedding_type": "learned"`:                     "num_train_timesteps: have <nil>, want a positive number",
		`"resnet_time_scale_shift": "spatial"`:                 "resnet_time_scale_shift: have spatial, want default or scale_shift",
		`"downsample_type": "fir"`:                             "downsample_type: have fir, want conv or resnet",
		`"class_embed_type": "projection"`:                     "class_embed_type: have projection, want timestep, identity or null",
		`"layers_per_block": 1000`:                             "layers_per_block: have 1000, want at most 512 in all",
		`"mid_block_scale_factor": 0`:                          "mid_block_scale_factor: have 0",
		`"act_fn": "mish"`:                                     "act_fn: have mish, want silu",
		`"cross_attention_dim": 7, "conditioning_channels": 3`: "conditioning_channels: have a key of a ControlNetModel",
	} {
		const one = `{"_class_name": "UNet2DModel", "block_out_channels": [32], "down_block_types": ["AttnDownBlock2D"], "up_block_types": ["UpBlock2D"], `
		_, err := ParseConfig([]byte(one + keys + "}"))
		if assert.ErrorContains(t, err, want, keys) {
			assert.True(t, strings.HasPrefix(err.Error(), "unet: config: "))
		}
	}
	c, err := ParseConfig([]byte(`{"_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", "sample_size": 32}`))
	require.NoError(t, err)
	h, w := c.Cells()
	assert.Equal(t, [2]int{32, 32}, [2]int{h, w}, "pixels that old versions wrote are what they say")
}
