package ldm

import (
	"slices"
	"strings"

	"sdgo/internal/taesd"
)

// Unsupported is the error for a model of a U-Net that is not run.
type Unsupported struct{ ID, What string }

func (u *Unsupported) Error() string { return "ldm: this is " + u.What + ": it is not supported" }

const (
	unsupported = ", which is not supported"
	transformer = ", a diffusion transformer" + unsupported
	noModel     = ", not a whole model"
	control     = ", which steers a model (Pipeline.LoadControl, -control)"
	adapter     = ", which changes a model (Pipeline.LoadAdapter, -lora)"
	pictures    = ", which makes prompts of pictures (Pipeline.LoadIPAdapter, -ip-adapter)"
	inversion   = ", which gives a model new words (Pipeline.LoadEmbedding, -embedding)"
)

// The kinds of networks that steer a model.
const (
	controlNet = "controlnet"
	t2iAdapter = "t2i-adapter"
)

// Other is a model or file of another kind.
type Other struct {
	ID   string // "sd3", "lora"
	What string // "Stable Diffusion 3, a diffusion transformer, which is not supported"
	word string // a part of the names of its tensors
}

// others are models and files of other kinds. The first that a file has a name of is
// taken.
//
// The names are those by which diffusers and ComfyUI tell the models.
var others = []Other{
	{"control-lora", "a ControlLoRA, a ControlNet as low-rank changes of a U-Net" + unsupported, "lora_controlnet"},
	{"controlnet-union", "a ControlNet Union, which takes pictures of several kinds" + unsupported, "task_embedding"},
	{"controlnet-union", "a ControlNet Union, which takes pictures of several kinds" + unsupported, "control_add_embedding."},
	{"controlnet-xs", "a ControlNet-XS, whose layers read those of the U-Net" + unsupported, "base_to_ctrl."},
	{"controlnet-xs", "a ControlNet-XS, whose layers read those of the U-Net" + unsupported, "enc_zero_convs_out."},
	{"controlnet-difference", "a ControlNet stored as the difference from a model" + unsupported, "difference"},
	{"motion", "a motion module of AnimateDiff" + noModel, "motion_modules."},
	{"lora", "a LoRA" + adapter, "lora_"},
	{"lora", "a LoRA" + adapter, ".lora."},
	{"loha", "a LoHa adapter" + adapter, ".hada_w1"},
	{"lokr", "a LoKr adapter" + adapter, ".lokr_w"},
	{"oft", "an OFT adapter" + adapter, ".oft_"},
	{"textual-inversion", "a textual inversion" + inversion, "string_to_param"},
	{"textual-inversion", "a textual inversion" + inversion, "emb_params"},
	{controlNet, "a ControlNet" + control, "control_model."},
	{controlNet, "a ControlNet" + control, "controlnet_cond_embedding."},
	{controlNet, "a ControlNet" + control, "input_hint_block."},
	{t2iAdapter, "a T2I-Adapter" + control, "adapter.body.0."},
	{t2iAdapter, "a T2I-Adapter" + control, "body.0.in_conv."},
	{t2iAdapter, "a T2I-Adapter" + control, "body.0.block1."},
	{t2iAdapter, "a T2I-Adapter" + control, "body.0.resnets.0.block1."},
	{"ip-adapter", "an IP-Adapter" + pictures, "image_proj."},
	{"ip-adapter", "an IP-Adapter" + pictures, "ip_adapter."},
	{"sd3", "Stable Diffusion 3" + transformer, "joint_blocks."},
	{"flux2", "Flux 2" + transformer, "single_stream_modulation."},
	{"hunyuan-video", "Hunyuan Video" + transformer, "txt_in.individual_token_refiner."},
	{"chroma", "Chroma, which comes from Flux" + transformer, "distilled_guidance_layer."},
	{"flux", "Flux" + transformer, "double_blocks."},
	{"flux", "Flux" + transformer, "single_transformer_blocks."},
	{"hidream", "HiDream" + transformer, "double_stream_blocks."},
	{"auraflow", "AuraFlow" + transformer, "double_layers."},
	{"lumina", "Lumina" + transformer, "cap_embedder."},
	{"ltx", "LTX Video" + transformer, "patchify_proj."},
	{"pixart", "PixArt" + transformer, "adaln_single."},
	{"pixart", "PixArt" + transformer, "t_block.1.weight"},
	{"hunyuan-dit", "Hunyuan-DiT" + transformer, "mlp_t5.0.weight"},
	{"wan", "Wan" + transformer, "head.modulation"},
	{"wan", "Wan" + transformer, "condition_embedder.time_embedder."},
	{"qwen-image", "Qwen-Image" + transformer, ".img_mod.1.weight"},
	{"mochi", "Mochi" + transformer, ".attn.qkv_x.weight"},
	{"sana", "Sana" + transformer, ".cross_attn.kv_linear."},
	{"cosmos", "Cosmos" + transformer, "net.x_embedder.proj."},
	{"cogvideo", "CogVideoX" + transformer, "patch_embed.text_proj."},
	{"cascade", "Würstchen or Stable Cascade" + unsupported, "clip_txt_mapper."},
	{"cascade", "Würstchen or Stable Cascade" + unsupported, "effnet_mapper."},
	{"svd", "Stable Video Diffusion" + unsupported, ".time_stack."},
	{"svd", "Stable Video Diffusion" + unsupported, ".temporal_transformer_blocks."},
	{"t5", "a T5 text encoder" + noModel, "layer.0.SelfAttention."},
	{"upscaler", "an upscaler of pictures, such as ESRGAN" + noModel, ".RDB1."},
	{"upscaler", "an upscaler of pictures, such as ESRGAN" + noModel, ".rdb1."},
	{"safety-checker", "the safety checker of Stable Diffusion 1 (LoadSafetyChecker, -safety-checker)" + noModel, "concept_embeds"},
	{"vision", "the vision half of CLIP" + noModel, "vision_model."},
	{"vision", "the vision half of CLIP" + noModel, "visual.class_embedding"},
}

// other says what else the file holds, or is "".
func (f *file) other() string {
	o, _ := f.otherKind()
	return o.What
}

// otherKind is that of others, a small autoencoder, or a textual inversion.
func (f *file) otherKind() (Other, bool) {
	for _, o := range others {
		if slices.ContainsFunc(f.names, func(name string) bool { return strings.Contains(name, o.word) }) {
			return o, true
		}
	}
	if taesd.Is(f) {
		return Other{ID: "taesd", What: "the small autoencoder TAESD, which LoadOptions.VAE takes (-vae)" + noModel}, true
	}
	if f.inversion() {
		return Other{ID: "textual-inversion", What: "a textual inversion" + inversion}, true
	}
	return Other{}, false
}

// OtherKind says what else than a model or its parts a file holds.
func OtherKind(tensors Tensors) (Other, bool) { return newFile(tensors).otherKind() }

// What a textual inversion without a sign has: a few embeddings of tokens, of no less than
// so many numbers, whose names are tokens.
const (
	maxInversion   = 9
	leastInversion = 16
)

// inversion says whether the file has the form of a textual inversion.
func (f *file) inversion() bool {
	if len(f.names) == 0 || len(f.names) > maxInversion {
		return false
	}
	return !slices.ContainsFunc(f.names, func(name string) bool {
		shape, _, _ := f.Tensor(name)
		n := len(shape)
		return n < 1 || n > 2 || shape[n-1] < leastInversion || strings.Contains(name, ".")
	})
}
