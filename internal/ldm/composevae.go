package ldm

import (
	"fmt"
	"strings"
)

// vae returns what adds a tensor of a VAE: the reverse of [file.vae].
func (c *Composed) vae(part Tensors) func(string) bool {
	levels := newFile(part).count("encoder.down_blocks.%d.resnets.0.conv1.weight")
	return func(tensor string) bool {
		if strings.HasPrefix(tensor, "quant_conv.") || strings.HasPrefix(tensor, "post_quant_conv.") {
			return c.add(vaePrefix+tensor, part, tensor)
		}
		half, rest, _ := strings.Cut(tensor, ".")
		for _, n := range vaeNames {
			after, ok := strings.CutPrefix(rest, n.to)
			switch to := vaePrefix + half + "." + n.from + after; {
			case !ok:
			case n.matrix:
				return c.addConv(to, part, tensor)
			default:
				return c.add(to, part, tensor)
			}
		}
		to, ok := originalVAEBlock(half, rest, levels)
		return ok && c.add(vaePrefix+half+"."+to, part, tensor)
	}
}

// addConv adds a matrix [out in] as the convolution of one pixel that it is, [out in 1 1].
func (c *Composed) addConv(to string, part Tensors, tensor string) bool {
	shape, dtype, ok := part.Tensor(tensor)
	if len(shape) == 2 {
		shape = append(shape, 1, 1)
	}
	return ok && c.put(to, composed{part: part, from: []string{tensor}, shape: shape, dtype: dtype})
}

// originalVAEBlock is the name of a tensor in a block of the encoder or decoder: the
// reverse of vaeBlock.
func originalVAEBlock(half, rest string, levels int) (string, bool) {
	words := strings.SplitN(rest, ".", 4) // down_blocks.2.resnets.0.conv1.weight
	if len(words) < 4 {
		return "", false
	}
	direction, ok := strings.CutSuffix(words[0], "_blocks")
	level, isNumber := number(words[1])
	if half == "decoder" {
		level = levels - 1 - level
	}
	if !ok || !isNumber || level < 0 || level >= levels {
		return "", false
	}
	to := fmt.Sprintf("%s.%d.", direction, level)
	switch words[2] {
	case "resnets":
		return to + "block." + strings.Replace(words[3], "conv_shortcut.", "nin_shortcut.", 1), true
	case direction + "samplers":
		after, ok := strings.CutPrefix(words[3], "0.")
		return to + direction + "sample." + after, ok
	}
	return "", false
}
