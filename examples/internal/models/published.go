package models

import (
	"io/fs"
	"testing/fstest"

	"sdgo/examples/tinyscenes"
	"sdgo/internal/loader"
)

// published is what the files of a published model say of its parts, as far as it is not
// what diffusers takes for keys that are not there.
type published struct {
	text, text2 string // the second is empty where there is none
	unet        string
	scheduler   string // keys beside the noise of training
	class       string // of the scheduler
}

// The text encoders of published models.
const (
	clipL = `{"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "num_hidden_layers": 12}`
	openH = `{"hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16, "num_hidden_layers": 23, "hidden_act": "gelu"}`
	openG = `{"hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 20, "num_hidden_layers": 32, "hidden_act": "gelu", "projection_dim": 1280, "architectures": ["CLIPTextModelWithProjection"]}`
)

// xl are the keys that U-Nets of Stable Diffusion XL share.
const xl = `"cross_attention_dim": 2048, "block_out_channels": [320, 640, 1280], "attention_head_dim": [5, 10, 20],
	"down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"], "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
	"use_linear_projection": true, "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816`

// euler are the noise levels of Stable Diffusion XL.
const euler = "EulerDiscreteScheduler"

var all = map[string]published{
	"sd15": {text: clipL, unet: `{"cross_attention_dim": 768, "sample_size": 64}`},
	"sd21": {text: openH, unet: `{"cross_attention_dim": 1024, "sample_size": 96, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": true}`},
	"sdxl": {
		text: clipL, text2: openG, class: euler, scheduler: `"timestep_spacing": "leading", "steps_offset": 1`,
		unet: `{` + xl + `, "sample_size": 128, "transformer_layers_per_block": [1, 2, 10]}`,
	},
	"ssd-1b": {
		text: clipL, text2: openG, class: euler, scheduler: `"timestep_spacing": "leading", "steps_offset": 1`,
		unet: `{` + xl + `, "sample_size": 128, "mid_block_type": "UNetMidBlock2D",
			"transformer_layers_per_block": [1, 2, 4], "reverse_transformer_layers_per_block": [[4, 4, 10], [2, 1, 1], 1]}`,
	},
	"lcm": {
		text: clipL, class: "LCMScheduler",
		unet: `{"cross_attention_dim": 768, "sample_size": 64, "time_cond_proj_dim": 256}`,
	},
	"turbo": {
		text: openH, class: euler, scheduler: `"timestep_spacing": "trailing"`,
		unet: `{"cross_attention_dim": 1024, "sample_size": 64, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": true}`,
	},
	"sdxl-turbo": {
		text: clipL, text2: openG, class: "EulerAncestralDiscreteScheduler", scheduler: `"timestep_spacing": "trailing"`,
		unet: `{` + xl + `, "sample_size": 64, "transformer_layers_per_block": [1, 2, 10]}`,
	},
}

// The autoencoder that all Stable Diffusions share, and the small one in its place.
const (
	kl = `{"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
		"down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
		"up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]`
	tiny = `{"_class_name": "AutoencoderTiny"}`
)

// folder is the model with random weights, and with the demo model's tokenizer and, where
// the model has no scheduler here, noise levels.
func (p published) folder(taesd bool) fs.FS {
	folder := fstest.MapFS{}
	add := func(name, text string) { folder[name] = &fstest.MapFile{Data: []byte(text)} }
	copied := func(to, from string) {
		if data, err := fs.ReadFile(tinyscenes.FS, from); err == nil {
			add(to, string(data))
		}
	}
	vae := kl
	if p.text2 != "" {
		vae += `, "scaling_factor": 0.13025`
	}
	vae += "}"
	if taesd {
		vae = tiny
	}
	add("text_encoder/config.json", p.text)
	add("unet/config.json", p.unet)
	add("vae/config.json", vae)
	tokenizers := []string{"tokenizer/"}
	index := `{"_class_name": "StableDiffusionPipeline"}`
	if p.text2 != "" {
		add("text_encoder_2/config.json", p.text2)
		tokenizers = append(tokenizers, "tokenizer_2/")
		index = `{"_class_name": "StableDiffusionXLPipeline"}`
	}
	add("model_index.json", index)
	for _, tokenizer := range tokenizers {
		for _, name := range []string{"vocab.json", "merges.txt", "tokenizer_config.json", "special_tokens_map.json"} {
			copied(tokenizer+name, "tokenizer/"+name)
		}
	}
	const scheduler = "scheduler/scheduler_config.json"
	if p.class == "" {
		copied(scheduler, scheduler)
	} else {
		text := `{"_class_name": "` + p.class + `", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"`
		if p.scheduler != "" {
			text += ", " + p.scheduler
		}
		add(scheduler, text+"}")
	}
	return loader.Random{FS: folder}
}
