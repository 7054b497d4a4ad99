package infotext

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Comfy is what a graph of ComfyUI's says of a picture, as far as one sampler and what
// leads to it tell.
type Comfy struct {
	Prompt, Negative   string
	Prompt2, Negative2 string // for the second text encoder, if they differ
	Seed               uint64
	Steps              int
	CFG                float64
	Sampler, Scheduler string
	Denoise            float64 // 0 if the graph does not say
	Width, Height      int     // 0 of a picture that was made from an image
	FromImage          bool
	Model              string
	SkippedLayers      int // of the text encoder
	Other              []Field
}

// Lora is the name of the fields in Other that say which adapters the model had.
const Lora = "Lora"

// node is one of a graph.
type node struct {
	Class  string                     `json:"class_type"`
	Inputs map[string]json.RawMessage `json:"inputs"`
}

// graph is a graph by the ids of its nodes.
type graph map[string]node

// deepest is how many links are followed.
const deepest = 32

// ParseComfy reads a graph in the form of ComfyUI's API, which it writes into pictures as
// "prompt". Values that nodes of other makers compute are not told.
func ParseComfy(text []byte) (Comfy, error) {
	var g graph
	if err := json.Unmarshal(text, &g); err != nil {
		return Comfy{}, fmt.Errorf("ComfyUI's prompt: %w", err)
	}
	n, ok := g.sampler()
	if !ok {
		return Comfy{}, errors.New("ComfyUI's prompt: have no sampler's node, want one such as KSampler")
	}
	var c Comfy
	var seed json.Number
	g.find(n, &seed, "seed", "noise_seed")
	c.Seed, _ = strconv.ParseUint(seed.String(), 10, 64)
	g.find(n, &c.Steps, "steps")
	g.find(n, &c.CFG, "cfg")
	g.find(n, &c.Sampler, "sampler_name")
	g.find(n, &c.Scheduler, "scheduler")
	g.find(n, &c.Denoise, "denoise")
	c.size(g, n)
	c.model(g, n)
	c.texts(g, n)
	return c, nil
}

// sampler returns the first node that samples, by its id: one that begins with no image, if
// there is one.
func (g graph) sampler() (found node, ok bool) {
	for _, id := range slices.SortedFunc(maps.Keys(g), byNumber) {
		n := g[id]
		if !strings.Contains(n.Class, "Sampler") {
			continue
		}
		if _, linked := g.follow(n, "latent_image"); !linked {
			continue
		}
		var c Comfy
		if c.size(g, n); !c.FromImage {
			return n, true
		}
		if !ok {
			found, ok = n, true
		}
	}
	return found, ok
}

// byNumber puts ids in order, whole numbers by their value.
func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// follow returns the node that an input is linked to.
func (g graph) follow(n node, input string) (next node, ok bool) {
	var link []json.RawMessage
	var id string
	if json.Unmarshal(n.Inputs[input], &link) != nil || len(link) != 2 || json.Unmarshal(link[0], &id) != nil {
		return node{}, false
	}
	next, ok = g[id]
	return next, ok
}

// find sets value to an input of the node of one of some names, or of the nodes that say
// how to sample.
func (g graph) find(n node, value any, names ...string) bool {
	nodes := []node{n}
	for _, input := range []string{"noise", "guider", "sampler", "sigmas"} {
		if next, ok := g.follow(n, input); ok {
			nodes = append(nodes, next)
		}
	}
	for _, n := range nodes {
		for _, name := range names {
			if raw, ok := n.Inputs[name]; ok && json.Unmarshal(raw, value) == nil {
				return true
			}
		}
	}
	return false
}

// size follows the latents to where they come from.
func (c *Comfy) size(g graph, n node) {
	n, ok := g.follow(n, "latent_image")
	for range deepest {
		if !ok {
			break
		}
		if _, encoded := n.Inputs["pixels"]; encoded {
			c.FromImage = true
			return
		}
		next, linked := g.follow(n, "samples")
		if !linked && json.Unmarshal(n.Inputs["width"], &c.Width) == nil {
			_ = json.Unmarshal(n.Inputs["height"], &c.Height) // else 0, as not told
			return
		}
		n, ok = next, linked
	}
	c.FromImage = true
}

// model follows the model to the file that it comes from.
func (c *Comfy) model(g graph, n node) {
	if next, ok := g.follow(n, "guider"); ok {
		n = next
	}
	n, ok := g.follow(n, "model")
	for range deepest {
		if !ok {
			return
		}
		for _, name := range []string{"ckpt_name", "unet_name"} {
			if json.Unmarshal(n.Inputs[name], &c.Model) == nil && c.Model != "" {
				return
			}
		}
		var lora string
		var strength float64
		if json.Unmarshal(n.Inputs["lora_name"], &lora) == nil && json.Unmarshal(n.Inputs["strength_model"], &strength) == nil {
			c.Other = append(c.Other, Field{Lora, fmt.Sprintf("%s:%g", lora, strength)})
		} else if n.Class != "" {
			c.Other = append(c.Other, Field{"Node", n.Class})
		}
		n, ok = g.follow(n, "model")
	}
}

// texts follows the conditions to their texts.
func (c *Comfy) texts(g graph, n node) {
	if next, ok := g.follow(n, "guider"); ok {
		n = next
	}
	for _, side := range []struct {
		inputs       []string
		first, other *string
	}{{[]string{"positive", "conditioning"}, &c.Prompt, &c.Prompt2}, {[]string{"negative"}, &c.Negative, &c.Negative2}} {
		encoder, ok := g.encoder(n, side.inputs)
		if !ok {
			continue
		}
		for _, name := range []string{"text", "text_l"} {
			if text, ok := g.text(encoder, name); ok {
				*side.first = text
			}
		}
		if text, ok := g.text(encoder, "text_g"); ok && text != *side.first {
			*side.other = text
		}
		if clip, ok := g.follow(encoder, "clip"); ok {
			var layer int
			if json.Unmarshal(clip.Inputs["stop_at_clip_layer"], &layer) == nil && layer < -1 {
				c.SkippedLayers = -1 - layer
			}
		}
	}
}

// encoder follows a condition through nodes that change it, back to the node of its text.
func (g graph) encoder(n node, inputs []string) (node, bool) {
	inputs = append(slices.Clone(inputs), "conditioning", "conditioning_1", "conditioning_to")
	for range deepest {
		next, ok := node{}, false
		for _, input := range inputs {
			if next, ok = g.follow(n, input); ok {
				break
			}
		}
		if !ok {
			return node{}, false
		}
		for _, name := range []string{"text", "text_l", "text_g"} {
			if _, ok := next.Inputs[name]; ok {
				return next, true
			}
		}
		n = next
	}
	return node{}, false
}

// text returns an input that is a text, or that of the nodes that it is linked to.
func (g graph) text(n node, name string) (text string, ok bool) {
	names := []string{name}
	for range deepest {
		linked := false
		for _, name := range names {
			if json.Unmarshal(n.Inputs[name], &text) == nil && n.Inputs[name] != nil {
				return text, true
			}
			if next, ok := g.follow(n, name); ok {
				n, linked = next, true
				break
			}
		}
		if !linked {
			return "", false
		}
		names = []string{"text", "string", "value", "prompt", "wildcard_text"}
	}
	return "", false
}
