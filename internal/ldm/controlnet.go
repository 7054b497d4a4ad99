package ldm

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The names that tell a ControlNet, of the original code and of diffusers.
const (
	hintSign          = "input_hint_block.0.weight"
	hintSignDiffusers = "controlnet_cond_embedding.conv_in.weight"
)

// Where the parts of a ControlNet are among those of a U-Net.
const (
	hintBlock   = unetPrefix + "input_hint_block."
	zeroConvs   = unetPrefix + "zero_convs."
	zeroMiddle  = unetPrefix + "middle_block_out.0."
	controlWord = " input_blocks middle_block time_embed label_emb input_hint_block zero_convs middle_block_out "
)

// controlPrefixes are what tools put before the names of a ControlNet.
var controlPrefixes = []string{"control_model.", "", "controlnet.", "model.control_model.", "control_net."}

// controlPlaces are the blocks that a ControlNet has once.
var controlPlaces = map[string]place{zeroMiddle: {to: "controlnet_mid_block."}}

// ErrNoControlNet is the error for a file without the layers that read a picture.
var ErrNoControlNet = errors.New("want a ControlNet")

// OpenControlNet finds a ControlNet in a file, in the names of the original code or of
// diffusers, and its configuration. The family is that of the models it is for. It is also
// what becomes of each tensor.
func OpenControlNet(tensors Tensors) (*Part, Family, []Fate, error) {
	if o, ok := OtherKind(tensors); ok && o.ID != controlNet {
		return nil, "", nil, fmt.Errorf("ldm: this is %s: want a ControlNet", o.What)
	}
	v := newControlView(tensors)
	if v == nil {
		return nil, "", nil, fmt.Errorf("ldm: have %d tensors, and none of %s or %s: %w", len(tensors.Names()), hintSign, hintSignDiffusers, ErrNoControlNet)
	}
	f := newFile(v)
	f.view = v
	family, err := f.diffusionModel()
	if err != nil {
		return nil, "", nil, err
	}
	p, err := f.controlNet(family)
	if err == nil && len(f.missing) > 0 {
		err = fmt.Errorf("%.200s is missing or not of the kind it should be", f.original(f.missing[0]))
	}
	if err != nil {
		return nil, "", nil, fmt.Errorf("ldm: this is a ControlNet for %s: %w", family, err)
	}
	return p, family, f.fates(map[string]*Part{controlNet: p}), nil
}

// newControlView shows a ControlNet by the names of a U-Net of the original code, and
// nothing else that the file has. It is nil if there is none.
func newControlView(t Tensors) *view {
	names, files := unwrapped(t)
	for _, prefix := range controlPrefixes {
		v := &view{Tensors: t, from: make(map[string]string)}
		original := files[prefix+hintSign] != ""
		if !original && files[prefix+hintSignDiffusers] == "" {
			continue
		}
		for _, name := range names {
			rest, ok := strings.CutPrefix(name, prefix)
			if !ok || original && !strings.Contains(controlWord, " "+firstWord(rest)+" ") {
				continue
			}
			if original {
				rest = unetPrefix + rest
			}
			v.names, v.from[rest] = append(v.names, rest), files[name]
		}
		if !original {
			v.translate([]string{""}, hintSignDiffusers, (*Composed).controlNet)
		}
		return v
	}
	return nil
}

// controlNet returns what adds a tensor of a ControlNet in the names of diffusers.
func (c *Composed) controlNet(part Tensors) func(string) bool {
	f := newFile(part)
	places := f.placesOfUNet()
	f.placeDown(places)
	for to, p := range controlPlaces {
		places[p.to] = place{to: to}
	}
	blocks := f.count("controlnet_cond_embedding.blocks.%d.weight")
	for i := range blocks {
		places[fmt.Sprintf("controlnet_cond_embedding.blocks.%d.", i)] = place{to: fmt.Sprintf("%s%d.", hintBlock, 2*i+2)}
	}
	places["controlnet_cond_embedding.conv_in."] = place{to: hintBlock + "0."}
	places["controlnet_cond_embedding.conv_out."] = place{to: fmt.Sprintf("%s%d.", hintBlock, 2*blocks+2)}
	for i := range f.count("controlnet_down_blocks.%d.weight") {
		places[fmt.Sprintf("controlnet_down_blocks.%d.", i)] = place{to: fmt.Sprintf("%s%d.0.", zeroConvs, i)}
	}
	return c.placing(places, part)
}

// controlNet is the ControlNet.
func (f *file) controlNet(family Family) (*Part, error) {
	places := maps.Clone(unetPlaces)
	maps.Copy(places, controlPlaces)
	down := f.down(places)
	if slices.Contains(down.layers, 0) {
		return nil, errors.New("have no blocks that go down, or a level without any")
	}
	hints := f.placeHint(places)
	for i := range f.count(zeroConvs + "%d.0.weight") {
		places[fmt.Sprintf("%s%d.0.", zeroConvs, i)] = place{to: fmt.Sprintf("controlnet_down_blocks.%d.", i)}
	}
	p := f.placed(places)
	f.controlConfig(p, family, down, hints)
	return p, nil
}

// placeHint finds the layers that embed the picture: the first, pairs of which the second
// halves its sides, and the last. Activations stand between them in the numbers. It
// returns their channels but for the last's.
func (f *file) placeHint(places map[string]place) (channels []int) {
	layers := 0
	for f.has(fmt.Sprintf("%s%d.weight", hintBlock, 2*layers)) {
		layers++
	}
	for i := range layers {
		to := fmt.Sprintf("controlnet_cond_embedding.blocks.%d.", i-1)
		switch i {
		case 0:
			to = "controlnet_cond_embedding.conv_in."
		case layers - 1:
			to = "controlnet_cond_embedding.conv_out."
		}
		from := fmt.Sprintf("%s%d.", hintBlock, 2*i)
		places[from] = place{to: to}
		if i < layers-1 && i%2 == 0 {
			channels = append(channels, f.need(from+"weight", 0))
		}
	}
	return channels
}

// controlConfig sets the config.json of a ControlNet of these tensors.
func (f *file) controlConfig(p *Part, family Family, down tower, hints []int) {
	mid := f.transformers(unetPrefix + "middle_block.1.")
	last := len(down.depth) - 1
	up := tower{depth: make([][]int, last+1)} // as the way down, for the depths
	for i, layers := range down.depth {
		up.depth[last-i] = layers
	}
	config := map[string]any{
		"_class_name":                         "ControlNetModel",
		"in_channels":                         f.need(convInWeight, 1),
		"block_out_channels":                  down.channels,
		"layers_per_block":                    down.layers,
		"down_block_types":                    down.types("DownBlock2D"),
		"transformer_layers_per_block":        newDepths(down, up, mid).down,
		"conditioning_channels":               f.need(hintBlock+"0.weight", 1),
		"conditioning_embedding_out_channels": hints,
	}
	f.middleConfig(config, mid)
	if family == SDXL { // of one without attention nothing else tells
		config["cross_attention_dim"] = widthSDXL
	}
	p.attentionConfig(config)
	f.addition(config, family, 0)
	delete(config, "sample_size")
	p.config = config
	p.guessUNet(family == SD1, down.channels)
}
