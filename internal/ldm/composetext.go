package ldm

import (
	"fmt"
	"slices"
	"strings"
)

// openCLIP returns what adds a tensor of a text encoder in the names of OpenCLIP: the
// reverse of [file.openCLIP]. A layer that diffusers leaves out, and a projection with it,
// are zeros, which nobody reads: with them the file has the tensors of a published one.
func (c *Composed) openCLIP(part Tensors, e encoder) func(string) bool {
	layers := newFile(part).count(textModel + "encoder.layers.%d.mlp.fc1.weight")
	blocks := e.prefix + "transformer.resblocks."
	if e.drop > 0 && layers > 0 {
		last := fmt.Sprintf("%sencoder.layers.%d.", textModel, layers-1)
		for _, name := range part.Names() {
			if rest, ok := strings.CutPrefix(name, last); ok {
				c.addZeros(part, name, fmt.Sprintf("%s%d.", blocks, layers), rest)
			}
		}
		shape, dtype, _ := part.Tensor(textModel + "final_layer_norm.weight")
		if len(shape) == 1 {
			c.put(e.prefix+"text_projection", composed{shape: []int{shape[0], shape[0]}, dtype: dtype})
		}
	}
	return func(name string) bool {
		if name == "text_projection.weight" && e.project {
			return c.addTurned(e.prefix+"text_projection", part, name)
		}
		rest, ok := strings.CutPrefix(name, textModel)
		switch {
		case !ok:
			return false
		case rest == "embeddings.token_embedding.weight":
			return c.add(e.prefix+"token_embedding.weight", part, name)
		case rest == "embeddings.position_embedding.weight":
			return c.add(e.prefix+"positional_embedding", part, name)
		}
		if after, ok := strings.CutPrefix(rest, "final_layer_norm."); ok {
			return c.add(e.prefix+"ln_final."+after, part, name)
		}
		layer, rest, _ := strings.Cut(strings.TrimPrefix(rest, "encoder.layers."), ".")
		if _, ok := number(layer); !ok {
			return false
		}
		return c.addLayer(part, name, blocks+layer+".", rest)
	}
}

// thirds are the layers whose matrices are one in OpenCLIP.
var thirds = []string{"self_attn.q_proj.", "self_attn.k_proj.", "self_attn.v_proj."}

// addLayer adds a tensor of a layer, of whose name rest is what comes after.
func (c *Composed) addLayer(part Tensors, name, block, rest string) bool {
	for _, n := range openNames {
		if after, ok := strings.CutPrefix(rest, n.to); ok {
			return c.add(block+n.from+after, part, name)
		}
	}
	i := slices.IndexFunc(thirds, func(third string) bool { return strings.HasPrefix(rest, third) })
	if i < 0 {
		return false
	}
	kind := strings.TrimPrefix(rest, thirds[i])
	t := composed{part: part}
	var dtypes []string
	for _, third := range thirds {
		from := strings.TrimSuffix(name, rest) + third + kind
		shape, dtype, ok := part.Tensor(from)
		if !ok || len(shape) == 0 || t.shape != nil && !slices.Equal(shape[1:], t.shape[1:]) || t.shape != nil && shape[0]*len(dtypes) != t.shape[0] {
			return false
		}
		t.from, dtypes = append(t.from, from), append(dtypes, dtype)
		if t.shape == nil {
			t.shape = shape
			continue
		}
		t.shape[0] += shape[0]
	}
	t.dtype = joined(dtypes)
	return i > 0 || c.put(block+"attn.in_proj_"+kind, t) // added with the first of them
}

// addZeros adds a tensor like one of a layer, of zeros, to another layer.
func (c *Composed) addZeros(part Tensors, name, block, rest string) {
	before := len(c.names)
	if !c.addLayer(part, name, block, rest) || len(c.names) == before {
		return
	}
	added := c.names[before]
	t := c.tensors[added]
	t.part, t.from = nil, nil
	c.tensors[added] = t
}

// addTurned adds a matrix [out in] as [in out].
func (c *Composed) addTurned(to string, part Tensors, name string) bool {
	shape, dtype, ok := part.Tensor(name)
	if !ok || len(shape) != 2 {
		return false
	}
	return c.put(to, composed{part: part, from: []string{name}, shape: []int{shape[1], shape[0]}, dtype: dtype, transposed: true})
}
