package diffusion

import (
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
	"sdgo/scheduler"
	"sdgo/unet"
)

// What tells that a model needs few steps, and in which order.
func TestFewSteps(t *testing.T) {
	parse := func(keys string) *scheduler.Config {
		c, err := scheduler.ParseConfig([]byte("{" + keys + "}"))
		require.NoError(t, err)
		return c
	}
	dim, null := 256, (*string)(nil)
	leading := parse(`"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "leading"`)
	trailing := parse(`"_class_name": "EulerAncestralDiscreteScheduler", "timestep_spacing": "trailing"`)
	lcm := parse(`"_class_name": "LCMScheduler"`)
	plain := unet.Config{}
	for name, tt := range map[string]struct {
		u     unet.Config
		s     *scheduler.Config
		names []named
		want  Defaults
	}{
		"none":    {u: plain, want: Defaults{}},
		"plain":   {s: leading, names: []named{{"a", "runwayml/stable-diffusion-v1-5"}, {"b", "hyperreal-tcdx"}}},
		"reads":   {u: unet.Config{TimeCondProjDim: &dim}, s: trailing, want: Defaults{4, 8.5, "LCM", "the U-Net reads the guidance scale (time_cond_proj_dim 256)"}},
		"class":   {s: lcm, want: Defaults{4, 1, "LCM", "the scheduler is LCMScheduler"}},
		"tcd":     {s: parse(`"_class_name": "TCDScheduler"`), want: Defaults{4, 1, "TCD", "the scheduler is TCDScheduler"}},
		"turbo":   {s: trailing, want: Defaults{4, 1, "Turbo", "the scheduler is EulerAncestralDiscreteScheduler with timestep_spacing trailing"}},
		"v":       {s: parse(`"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", "prediction_type": "v_prediction"`)},
		"zero":    {s: parse(`"_class_name": "EulerDiscreteScheduler", "timestep_spacing": "trailing", "prediction_type": "sample", "rescale_betas_zero_snr": true`)},
		"dpm":     {s: parse(`"_class_name": "DPMSolverMultistepScheduler", "timestep_spacing": "trailing"`)},
		"named":   {s: leading, names: []named{{"a", ""}, {"b", "stabilityai/sdxl-turbo"}}, want: Defaults{4, 1, "Turbo", `b is "stabilityai/sdxl-turbo"`}},
		"steps":   {s: lcm, names: []named{{"a", "sdxl_lightning_8step"}}, want: Defaults{8, 1, "Lightning", `a is "sdxl_lightning_8step"`}},
		"hyper":   {s: leading, names: []named{{"a", "Hyper-SDXL-1step-unet"}}, want: Defaults{1, 1, "Hyper", `a is "Hyper-SDXL-1step-unet"`}},
		"version": {s: leading, names: []named{{"a", "xlTurbo_v21steps"}}, want: Defaults{21, 1, "Turbo", `a is "xlTurbo_v21steps"`}},
		"unet":    {u: unet.Config{NameOrPath: "LCM_Dreamshaper_v7"}, s: leading, want: Defaults{4, 1, "LCM", `_name_or_path of the U-Net's config.json is "LCM_Dreamshaper_v7"`}},
		"sdxs": {u: unet.Config{MidBlockType: null, BlockOutChannels: []int{320, 640, 1280}, LayersPerBlock: unet.Ints{1}, DownBlockTypes: []string{"DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"}}, s: leading,
			want: Defaults{1, 1, "SDXS", "the U-Net has three levels of one layer and no middle"}},
		"bk-sdm": {u: unet.Config{MidBlockType: null, BlockOutChannels: []int{320, 640, 1280}, LayersPerBlock: unet.Ints{1}, OnlyCrossAttention: unet.Bools{false}, DownBlockTypes: []string{"CrossAttnDownBlock2D"}}, s: leading},
	} {
		if name != "sdxs" && name != "bk-sdm" {
			mid := "UNetMidBlock2D"
			tt.u.MidBlockType, tt.u.BlockOutChannels = &mid, []int{8}
		}
		assert.Equal(t, tt.want, fewSteps(&tt.u, tt.s, tt.names), name)
	}
}

// A folder's call without options is that with the numbers that its files tell, and
// explicit options win.
func TestDefaultsOfFolder(t *testing.T) {
	const file = "scheduler/scheduler_config.json"
	model := with(t, "tiny-sd15", "", nil)
	model[file] = setKeys(t, model, file, map[string]string{"_class_name": `"EulerDiscreteScheduler"`, "timestep_spacing": `"trailing"`})
	model[indexFile] = setKeys(t, model, indexFile, map[string]string{"scheduler": `["diffusers", "EulerDiscreteScheduler"]`})
	named := maps.Clone(model)
	named[indexFile] = setKeys(t, model, indexFile, map[string]string{"_name_or_path": `"me/tiny-lightning-2step"`})
	for steps, model := range map[int]fstest.MapFS{4: model, 2: named} {
		p, err := LoadFS(model, nil)
		require.NoError(t, err)
		defer p.Close()
		assert.Equal(t, steps, p.Defaults().Steps)
		assert.EqualValues(t, 1, p.Defaults().Guidance)
		draw := func(o *Options) *Result {
			result, err := p.TextToImage(t.Context(), cat, o)
			require.NoError(t, err)
			return result
		}
		none, same := draw(nil), draw(&Options{Steps: steps, Guidance: 1})
		assert.Equal(t, steps, none.Timings.Calls)
		assert.Equal(t, same.Images, none.Images)
		assert.Equal(t, 5, draw(&Options{Steps: 5}).Timings.Calls)
		assert.NotEqual(t, none.Images, draw(&Options{Guidance: 3}).Images)
		assert.Equal(t, 3, draw(&Options{Sigmas: []float64{9, 4, 1, 0}}).Timings.Calls)

		few, err := p.ImageToImage(t.Context(), cat, picture(t, "input.png"), &Options{Strength: 0.15})
		require.NoError(t, err)
		assert.Equal(t, 1, few.Timings.Calls, "more steps, of which the strength leaves one")
		p.Scheduler, err = scheduler.ParseConfig([]byte(`{"_class_name": "DDIMScheduler"}`))
		require.NoError(t, err)
		assert.Equal(t, steps == 2, p.Defaults().Few != "", "the name stays")
	}
	xl := load(t, "tiny-sdxl", nil)
	assert.Equal(t, Defaults{Steps: 50, Guidance: 5}, xl.Defaults())
	assert.Equal(t, Defaults{Steps: 50, Guidance: 7.5}, load(t, "tiny-sd15", nil).Defaults())
	assert.Equal(t, Defaults{}, (*Pipeline)(nil).Defaults())
}

// A single file has no scheduler: that of its kind is taken.
func TestDefaultsOfSingleFile(t *testing.T) {
	for _, tt := range []struct{ model, name, metadata, kind, class string }{
		{"tiny-sd15", "tiny", "", "", "PNDMScheduler"},
		{"tiny-sd15", "tiny-LCM", "", "LCM", "LCMScheduler"},
		{"tiny-sd15", "tiny_tcd", "", "TCD", "TCDScheduler"},
		{"tiny-sd15", "x", "Hyper SD, 2 steps", "Hyper", "DDIMScheduler"},
		{"tiny-sd21-v", "sd_turbo", "", "Turbo", "EulerAncestralDiscreteScheduler"},
		{"tiny-sd15", "tinyLightning_4step", "", "Lightning", "EulerDiscreteScheduler"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var metadata map[string]string
			if tt.metadata != "" {
				metadata = map[string]string{"modelspec.title": tt.metadata}
			}
			files := changedFile(t, golden.SingleFileOf(t, tt.model), tt.model, all, metadata)
			files[tt.name+".safetensors"] = files[tt.model+".safetensors"]
			golden.Tokenizer(t, files, tt.model)
			p, err := Load(onDisk(t, files, tt.name), nil)
			require.NoError(t, err)
			defer p.Close()
			assert.Equal(t, tt.kind, p.Defaults().Few)
			assert.Equal(t, tt.class, p.Scheduler.Class)
			if tt.metadata != "" {
				assert.Contains(t, p.Defaults().Told, "modelspec.title of the metadata is")
				assert.Equal(t, 2, p.Defaults().Steps)
			}
			for _, w := range p.Warnings {
				assert.False(t, strings.Contains(w, "scheduler"), w)
			}
			result, err := p.TextToImage(t.Context(), "", &Options{Width: 64, Height: 64, Output: OutputLatent})
			require.NoError(t, err)
			if tt.kind != "" {
				assert.Equal(t, p.Defaults().Steps, result.Timings.Calls)
			}
		})
	}
}
