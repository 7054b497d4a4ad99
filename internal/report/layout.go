package report

import (
	"fmt"
	"strings"
)

// layouts are what a file may hold in place of a model's tensors, and parts of names
// that tell.
var layouts = []struct{ what, names string }{
	{"a LoRA, which is no model", "lora_ .lora. .lora_"},
	{"a ControlNet, which steers a U-Net", "controlnet_cond_embedding. controlnet_down_blocks."},
	{"a model with a codebook (VQModel)", "quantize.embedding.weight"},
	{"the U-Net of Stable Diffusion XL", "add_embedding."},
	{"a checkpoint in one file, in names that diffusers' from_single_file knows", "model.diffusion_model. first_stage_model. input_blocks. encoder.down. decoder.up. transformer.resblocks."},
	{"quantized weights", ".absmax .quant_map .qweight .SCB .weight_scale"},
}

// maxTelling is how many names are looked at.
const maxTelling = 1000

// ForeignLayout says what the names of a file tell that lacks the tensor key, or is "".
func ForeignLayout(names []string, key string) string {
	names = names[:min(len(names), maxTelling)]
	for _, l := range layouts {
		for _, name := range names {
			for part := range strings.FieldsSeq(l.names) {
				if strings.Contains(name, part) {
					return fmt.Sprintf("have tensors of %s, such as %.80q", l.what, name)
				}
			}
		}
	}
	for _, name := range names {
		if prefix, ok := strings.CutSuffix(name, "."+key); ok {
			return fmt.Sprintf("have names with %.80q before them", prefix+".")
		}
	}
	return ""
}
