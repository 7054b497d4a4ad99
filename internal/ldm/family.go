package ldm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// others are models and files of other kinds, by parts of the names of their tensors.
var others = []struct{ word, what string }{
	{"joint_blocks.", "Stable Diffusion 3, a diffusion transformer, which is not supported"},
	{"double_blocks.", "Flux or another diffusion transformer, which is not supported"},
	{"double_layers.", "AuraFlow, a diffusion transformer, which is not supported"},
	{"cap_embedder.", "Lumina or another diffusion transformer, which is not supported"},
	{"single_transformer_blocks.", "Flux or another diffusion transformer, which is not supported"},
	{"transformer_blocks.0.adaln_single.", "PixArt or LTX, a diffusion transformer, which is not supported"},
	{"adaln_single.", "PixArt or LTX, a diffusion transformer, which is not supported"},
	{"clip_txt_mapper.", "Würstchen or Stable Cascade, which is not supported"},
	{"control_model.", "a ControlNet, not a whole model"},
	{"controlnet_cond_embedding.", "a ControlNet, not a whole model"},
	{"motion_modules.", "a motion module of AnimateDiff, not a whole model"},
	{"image_proj.", "an IP-Adapter, not a whole model"},
	{"lora_", "a LoRA, not a whole model"},
	{".lora_", "a LoRA, not a whole model"},
	{".hada_w1", "a LoHa adapter, not a whole model"},
	{".lokr_w1", "a LoKr adapter, not a whole model"},
	{"string_to_param", "a textual inversion, not a whole model"},
	{"emb_params", "a textual inversion, not a whole model"},
}

// alone are parts of a model, by the names of tensors.
var alone = []struct{ name, what string }{
	{"down_blocks.0.resnets.0.norm1.weight", "a U-Net alone, in the names of diffusers"},
	{"input_blocks.0.0.weight", "a U-Net alone"},
	{"diffusion_model.input_blocks.0.0.weight", "a U-Net alone"},
	{convInWeight, "a U-Net"},
	{"encoder.down_blocks.0.resnets.0.norm1.weight", "a VAE alone, in the names of diffusers"},
	{"encoder.down.0.block.0.norm1.weight", "a VAE alone"},
	{vaePrefix + "encoder.conv_in.weight", "a VAE"},
	{"decoder.layers.3.conv.0.weight", "the decoder of a TAESD"},
	{"text_model.embeddings.token_embedding.weight", "a text encoder alone"},
	{"transformer.resblocks.0.ln_1.weight", "a text encoder alone, in the names of OpenCLIP"},
	{clipPrefix + textModel + "embeddings.token_embedding.weight", "a text encoder"},
	{openPrefix + "token_embedding.weight", "a text encoder in the names of OpenCLIP"},
}

// family says what the model is, or in its error what else the file holds.
func (f *file) family() (Family, error) {
	if f.has(convInWeight) && f.under(vaePrefix) {
		if family, err := f.diffusionModel(); family != "" || err != nil {
			return family, err
		}
	}
	const want = "want a whole model of Stable Diffusion 1, 2 or XL in the layout of the original code (model.diffusion_model.*, first_stage_model.*, and cond_stage_model.* or conditioner.*)"
	for _, o := range others {
		if slices.ContainsFunc(f.names, func(name string) bool { return strings.Contains(name, o.word) }) {
			return "", fmt.Errorf("ldm: this is %s: %s", o.what, want)
		}
	}
	var parts []string
	for _, a := range alone {
		if f.has(a.name) {
			parts = append(parts, a.what)
		}
	}
	if len(parts) > 0 {
		return "", fmt.Errorf("ldm: this is %s, and nothing else: %s", strings.Join(parts, " and "), want)
	}
	if len(f.names) == 0 {
		return "", fmt.Errorf("ldm: have no tensors, %s", want)
	}
	return "", fmt.Errorf("ldm: have %d tensors, such as %.200q: %s", len(f.names), f.names[0], want)
}

// diffusionModel tells the families apart of which the file has a U-Net and a VAE; "" if
// there is no text encoder.
func (f *file) diffusionModel() (Family, error) {
	label := f.dim(unetPrefix+"label_emb.0.0.weight", 1)
	switch {
	case f.has(unetPrefix + "label_emb.weight"):
		return "", errors.New("ldm: this is an upscaler, whose U-Net reads a small picture (label_emb.weight): it is not supported")
	case f.has("edm_mean") || f.has("edm_vpred.sigma_max"):
		return "", errors.New("ldm: this is Playground 2.5, CosXL or another model with the noise levels of EDM (edm_mean, edm_vpred), which is not supported")
	case f.under(secondSGM):
		return SDXL, nil
	case f.under(refinerSGM):
		return SDXLRefiner, nil
	case label > 0 && f.under(openPrefix):
		return "", errors.New("ldm: this is unCLIP of Stable Diffusion 2, whose U-Net reads the embedding of an image (label_emb): it is not supported")
	case f.under(openPrefix):
		return SD2, nil
	case f.under(clipPrefix):
		return SD1, nil
	}
	return "", nil
}

// trained are names that say nothing of a model that runs: schedules of noise, averages
// over training, counters.
var (
	trained = []string{
		"model_ema.", "betas", "alphas_cumprod", "sqrt_", "log_one_minus_", "posterior_",
		"embedding_manager", "denoiser.", "v_pred", "global_step", "loss.",
		vaePrefix + "loss.", "cond_stage_model.logit_scale", "lvlb_weights", "logvar",
		"model.diffusion_model_ema.", "scale_factor",
	}
	trainedEnds = []string{".position_ids", ".logit_scale", ".attn_mask", ".num_batches_tracked"}
)

// ignored says whether a tensor says nothing of a model that runs.
func ignored(name string) bool {
	return slices.ContainsFunc(trained, func(s string) bool { return strings.HasPrefix(name, s) }) ||
		slices.ContainsFunc(trainedEnds, func(s string) bool { return strings.HasSuffix(name, s) })
}

// unused are the tensors that no part has, though they may matter.
func (f *file) unused() (names []string) {
	for _, name := range f.names {
		if !f.used[name] && !ignored(name) {
			names = append(names, name)
		}
	}
	return names
}
