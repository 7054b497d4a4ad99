package ldm

import (
	"fmt"
	"strings"
)

// unet returns what adds a tensor of a U-Net: the reverse of [file.unet].
func (c *Composed) unet(part Tensors) func(string) bool {
	f := newFile(part)
	places := f.placesOfUNet()
	if f.has("time_embedding.cond_proj.weight") {
		places["time_embedding.cond_proj."] = place{to: unetPrefix + "time_embedding.cond_proj."}
	}
	f.placeDown(places)
	f.placeUp(places)
	return c.placing(places, part)
}

// placesOfUNet are the blocks that a U-Net has once, by what the names of diffusers
// begin with.
func (f *file) placesOfUNet() map[string]place {
	places := make(map[string]place)
	for prefix, p := range unetPlaces {
		places[p.to] = place{to: prefix, residual: p.residual}
	}
	delete(places, "time_embedding.") // with which longer ones begin
	if !f.has("class_embedding.weight") {
		delete(places, "class_embedding.")
	}
	return places
}

// placing returns what adds a tensor of a part that is at one of some places.
func (c *Composed) placing(places map[string]place, part Tensors) func(string) bool {
	return func(tensor string) bool {
		for end := len(tensor); end > 0; end = strings.LastIndexByte(tensor[:end-1], '.') + 1 {
			p, ok := places[tensor[:end]]
			if !ok {
				continue
			}
			rest, ok := p.original(tensor[end:])
			return ok && c.add(p.to+rest, part, tensor)
		}
		return false
	}
}

// original is what the original code calls a tensor of a place, of which rest is what
// comes after in the names of diffusers.
func (p place) original(rest string) (string, bool) {
	if !p.residual {
		return rest, true
	}
	for _, r := range residualNames {
		if after, ok := strings.CutPrefix(rest, r.to); ok {
			return r.from + after, true
		}
	}
	return "", false
}

// placeDown numbers the blocks on the way down: those of a level, and the one that halves
// the sides.
func (f *file) placeDown(places map[string]place) {
	n := 1 // after conv_in
	for i := 0; ; i++ {
		down := fmt.Sprintf("down_blocks.%d.", i)
		layers := f.placeLayers(places, down, inputBlock, n)
		if layers == 0 {
			return
		}
		n += layers
		if sampler := down + "downsamplers.0.conv."; f.has(sampler + "weight") {
			places[sampler] = place{to: fmt.Sprintf("%s%d.0.op.", inputBlock, n)}
			n++
		}
	}
}

// placeLayers numbers the layers of a level, each of a residual block and perhaps
// attention, from n on, and returns how many there are.
func (f *file) placeLayers(places map[string]place, level, block string, n int) int {
	layers := f.count(level + "resnets.%d.conv1.weight")
	for i := range layers {
		to := fmt.Sprintf("%s%d.", block, n+i)
		places[fmt.Sprintf("%sresnets.%d.", level, i)] = place{to: to + "0.", residual: true}
		places[fmt.Sprintf("%sattentions.%d.", level, i)] = place{to: to + "1."}
	}
	return layers
}

// placeUp numbers the blocks on the way up. What doubles the sides stands behind the
// attention of the last block of a level, if it has any.
func (f *file) placeUp(places map[string]place) {
	n := 0
	for i := 0; ; i++ {
		up := fmt.Sprintf("up_blocks.%d.", i)
		layers := f.placeLayers(places, up, outputBlock, n)
		if layers == 0 {
			return
		}
		n += layers
		after := 1
		if f.has(fmt.Sprintf("%sattentions.%d.norm.weight", up, layers-1)) {
			after = 2
		}
		places[up+"upsamplers.0.conv."] = place{to: fmt.Sprintf("%s%d.%d.conv.", outputBlock, n-1, after)}
	}
}
