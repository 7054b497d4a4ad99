package golden

import (
	"fmt"
	"testing"

	"gorgonia.org/tensor"

	"sdgo/safetensors/checkpoint"
)

// Grounded adds the layers for boxes to a U-Net of tiny-sd15, of an attention_type gated or
// gated-text-image, with numbers that follow from their names.
func Grounded(t testing.TB, o *checkpoint.Overlay, kind string) checkpoint.Source {
	t.Helper()
	set := func(name string, x *tensor.Dense) {
		if err := o.Set(name, x); err != nil {
			t.Fatalf("golden: %v", err)
		}
	}
	linear := func(name string, out, in int, bias bool) {
		set(name+".weight", Numbers(name+".weight", out, in))
		if bias {
			set(name+".bias", Numbers(name+".bias", out))
		}
	}
	const width, features, hidden = 32, 64, 512
	nets, nulls := []string{"linears"}, []string{"null_positive_feature"}
	if kind != "gated" {
		nets, nulls = []string{"linears_text", "linears_image"}, []string{"null_text_feature", "null_image_feature"}
	}
	set("position_net.null_position_feature", Numbers("position_net.null_position_feature", features))
	for i, net := range nets {
		set("position_net."+nulls[i], Numbers("position_net."+nulls[i], width))
		linear("position_net."+net+".0", hidden, width+features, true)
		linear("position_net."+net+".2", hidden, hidden, true)
		linear("position_net."+net+".4", width, hidden, true)
	}
	for block, d := range map[string]int{"down_blocks.0.attentions.0": 16, "mid_block.attentions.0": 32, "up_blocks.1.attentions.0": 16, "up_blocks.1.attentions.1": 16} {
		at := block + ".transformer_blocks.0.fuser."
		linear(at+"linear", d, width, true)
		for _, name := range []string{"to_q", "to_k", "to_v"} {
			linear(at+"attn."+name, d, d, false)
		}
		linear(at+"attn.to_out.0", d, d, true)
		linear(at+"ff.net.0.proj", 8*d, d, true)
		linear(at+"ff.net.2", d, 4*d, true)
		for _, norm := range []string{"norm1", "norm2"} {
			set(at+norm+".weight", Numbers(at+norm+".weight", d))
			set(at+norm+".bias", Numbers(at+norm+".bias", d))
		}
		for _, gate := range []string{"alpha_attn", "alpha_dense"} {
			set(at+gate, tensor.New(tensor.WithShape(1), tensor.WithBacking([]float32{8 * Numbers(at+gate, 1).Float32s()[0]})))
		}
	}
	if err := o.SetConfig("attention_type", kind); err != nil {
		t.Fatal(fmt.Errorf("golden: %w", err))
	}
	return o
}
