package ldm

import (
	"slices"
	"strings"
)

// The names of diffusers that tell a U-Net and a VAE.
const (
	unetSignDiffusers = "up_blocks.0.resnets.0.conv1.weight"
	vaeSignDiffusers  = "decoder." + unetSignDiffusers
)

// translate gives the tensors of a part that has the names of diffusers those of the
// original code: by what writes such a part into a file of that.
func (v *view) translate(prefixes []string, sign string, writer func(c *Composed, part Tensors) func(string) bool) {
	i := slices.IndexFunc(prefixes, func(p string) bool { return v.from[p+sign] != "" })
	if i < 0 {
		return
	}
	part := below{v, prefixes[i]}
	c := &Composed{tensors: make(map[string]composed)}
	add := writer(c, part)
	for n, name := range v.names {
		rest, ok := strings.CutPrefix(name, prefixes[i])
		if !ok || !add(today(rest)) {
			continue
		}
		to := c.names[len(c.names)-1]
		if _, twice := v.from[to]; twice {
			continue
		}
		v.names[n], v.from[to] = to, v.from[name]
		delete(v.from, name)
	}
}

// below are the tensors behind a prefix, by the names of diffusers today.
type below struct {
	*view
	prefix string
}

func (b below) Tensor(name string) (shape []int, dtype string, ok bool) {
	for _, name := range []string{name, old(name)} {
		if shape, dtype, ok = b.view.Tensor(b.prefix + name); ok {
			break
		}
	}
	return shape, dtype, ok
}

// oldNames are the layers of attention in the VAE as diffusers called them first.
var oldNames = []string{".query.", ".to_q.", ".key.", ".to_k.", ".value.", ".to_v.", ".proj_attn.", ".to_out.0."}

// today is a name of diffusers as it is now, and old as it was.
func today(name string) string { return toToday.Replace(name) }

var toToday = strings.NewReplacer(oldNames...)

func old(name string) string {
	for i := 0; i < len(oldNames); i += 2 {
		name = strings.ReplaceAll(name, oldNames[i+1], oldNames[i])
	}
	return name
}
