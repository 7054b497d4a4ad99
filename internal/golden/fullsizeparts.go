package golden

import "fmt"

// VAE adds the VAE of Stable Diffusion.
func (f *FullSize) VAE() {
	const p, first = "first_stage_model.", 128
	mult := []int{1, 2, 4, 4}
	last := len(mult) - 1
	top := first * mult[last]
	f.layer(p+"encoder.conv_in", first, 3, 3, 3)
	at := first
	for i, m := range mult {
		for j := range 2 {
			f.vaeBlock(fmt.Sprintf("%sencoder.down.%d.block.%d.", p, i, j), at, m*first)
			at = m * first
		}
		if i < last {
			f.layer(fmt.Sprintf("%sencoder.down.%d.downsample.conv", p, i), at, at, 3, 3)
		}
	}
	f.layer(p+"decoder.conv_in", top, 4, 3, 3)
	for _, half := range []string{"encoder.", "decoder."} {
		f.vaeBlock(p+half+"mid.block_1.", top, top)
		f.vaeBlock(p+half+"mid.block_2.", top, top)
		f.layer(p+half+"mid.attn_1.norm", top)
		for _, name := range []string{"q", "k", "v", "proj_out"} {
			f.layer(p+half+"mid.attn_1."+name, top, top, 1, 1)
		}
	}
	f.layer(p+"encoder.norm_out", top)
	f.layer(p+"encoder.conv_out", 8, top, 3, 3)
	for i := last; i >= 0; i-- {
		for j := range 3 {
			f.vaeBlock(fmt.Sprintf("%sdecoder.up.%d.block.%d.", p, i, j), at, mult[i]*first)
			at = mult[i] * first
		}
		if i > 0 {
			f.layer(fmt.Sprintf("%sdecoder.up.%d.upsample.conv", p, i), at, at, 3, 3)
		}
	}
	f.layer(p+"decoder.norm_out", first)
	f.layer(p+"decoder.conv_out", 3, first, 3, 3)
	f.layer(p+"quant_conv", 8, 8, 1, 1)
	f.layer(p+"post_quant_conv", 4, 4, 1, 1)
}

func (f *FullSize) vaeBlock(p string, in, out int) {
	f.layer(p+"norm1", in)
	f.layer(p+"conv1", out, in, 3, 3)
	f.layer(p+"norm2", out)
	f.layer(p+"conv2", out, out, 3, 3)
	if in != out {
		f.layer(p+"nin_shortcut", out, in, 1, 1)
	}
}

// The vocabulary and the length of texts of all text encoders.
const (
	tokens    = 49408
	positions = 77
)

// CLIP adds a text encoder in the names of transformers, ViT-L/14's.
func (f *FullSize) CLIP(p string) {
	const width, layers = 768, 12
	p += "text_model."
	f.Add(p+"embeddings.token_embedding.weight", tokens, width)
	f.Add(p+"embeddings.position_embedding.weight", positions, width)
	f.Add(p+"embeddings.position_ids", 1, positions)
	for i := range layers {
		b := fmt.Sprintf("%sencoder.layers.%d.", p, i)
		for _, name := range []string{"k_proj", "v_proj", "q_proj", "out_proj"} {
			f.layer(b+"self_attn."+name, width, width)
		}
		f.layer(b+"layer_norm1", width)
		f.layer(b+"layer_norm2", width)
		f.layer(b+"mlp.fc1", 4*width, width)
		f.layer(b+"mlp.fc2", width, 4*width)
	}
	f.layer(p+"final_layer_norm", width)
}

// OpenCLIP adds a text encoder in the names of OpenCLIP.
func (f *FullSize) OpenCLIP(p string, width, layers int) {
	f.Add(p+"positional_embedding", positions, width)
	f.Add(p+"token_embedding.weight", tokens, width)
	f.Add(p+"text_projection", width, width)
	f.Add(p+"logit_scale", 1)
	for i := range layers {
		b := fmt.Sprintf("%stransformer.resblocks.%d.", p, i)
		f.Add(b+"attn.in_proj_weight", 3*width, width)
		f.Add(b+"attn.in_proj_bias", 3*width)
		f.layer(b+"attn.out_proj", width, width)
		f.layer(b+"ln_1", width)
		f.layer(b+"ln_2", width)
		f.layer(b+"mlp.c_fc", 4*width, width)
		f.layer(b+"mlp.c_proj", width, 4*width)
	}
	f.layer(p+"ln_final", width)
}

// Schedule adds what the original code keeps of the noise levels.
func (f *FullSize) Schedule() {
	for _, name := range []string{"betas", "alphas_cumprod", "alphas_cumprod_prev", "sqrt_alphas_cumprod", "sqrt_one_minus_alphas_cumprod", "posterior_variance"} {
		f.Add(name, 1000)
	}
}
