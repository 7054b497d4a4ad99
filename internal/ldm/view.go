package ldm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Options say how a file is read.
type Options struct {
	// EMA takes the averages over training (model_ema.*) for the U-Net.
	EMA bool
	// Given are the parts that come from elsewhere: they need not be in the file, and are
	// not looked at if they are.
	Given []string
	// Family is that of the U-Net, where it comes from elsewhere.
	Family Family
}

// view shows the tensors of a file by the names of the original code, whatever the tool
// that wrote it puts before them.
type view struct {
	Tensors
	names []string          // of the original code, where they have one, in the file's order
	from  map[string]string // what they are in the file
	ema   bool              // averages took the places of weights
}

// wrappers are what trainers put before all names.
var wrappers = []string{"state_dict.", "module."}

// Where tools put the parts, the original code's places first. The sign is a name that
// tells the part.
var (
	unetPrefixes = []string{unetPrefix, "diffusion_model.", "unet.", "model.model.diffusion_model.", "model.", ""}
	unetSign     = "output_blocks.0.0.in_layers.2.weight"
	vaePrefixes  = []string{vaePrefix, "vae.", "model.first_stage_model.", ""}
	vaeSign      = "decoder.up.0.block.0.conv1.weight"
)

// newView finds out what stands before the names.
func newView(t Tensors) *view {
	v := &view{Tensors: t}
	v.names, v.from = unwrapped(t)
	v.move(unetPrefixes, unetPrefix, unetSign)
	v.move(vaePrefixes, vaePrefix, vaeSign)
	if v.from[convInWeight] == "" {
		v.translate(unetPrefixes, unetSignDiffusers, (*Composed).unet)
	}
	if v.from[vaePrefix+vaeSign] == "" {
		v.translate(vaePrefixes, vaeSignDiffusers, (*Composed).vae)
	}
	return v
}

// unwrapped are the names of tensors without what trainers put before them, and what they
// are in the file.
func unwrapped(t Tensors) (names []string, files map[string]string) {
	files = make(map[string]string)
	for _, file := range t.Names() {
		name := file
		for _, w := range wrappers {
			name = strings.TrimPrefix(name, w)
		}
		if _, twice := files[name]; twice {
			name = file
		}
		names, files[name] = append(names, name), file
	}
	return names, files
}

// move gives the tensors of a part the prefix of the original code, if they have another.
// Where there is none, only those that have the words of the part's names are moved.
func (v *view) move(prefixes []string, to, sign string) {
	i := slices.IndexFunc(prefixes, func(p string) bool { return v.from[p+sign] != "" })
	if i < 1 {
		return
	}
	for n, name := range v.names {
		rest, ok := strings.CutPrefix(name, prefixes[i])
		if !ok || !strings.Contains(bareWords[to], " "+firstWord(rest)+" ") {
			continue
		}
		if _, twice := v.from[to+rest]; twice {
			continue
		}
		v.names[n], v.from[to+rest] = to+rest, v.from[name]
		delete(v.from, name)
	}
}

// bareWords are the first words of the names of the parts.
var bareWords = map[string]string{
	unetPrefix: " input_blocks middle_block output_blocks time_embed label_emb out time_embedding ",
	vaePrefix:  " encoder decoder quant_conv post_quant_conv loss ",
}

func firstWord(name string) string {
	word, _, _ := strings.Cut(name, ".")
	return word
}

// average has the averages over training take the places of the weights of the U-Net. In
// their names there are no dots.
func (v *view) average() error {
	const prefix = "model_ema."
	averages := make(map[string]string)
	for _, name := range v.names {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			averages[strings.ReplaceAll(rest, ".", "")] = name
		}
	}
	if len(averages) < leastAverages {
		return ErrNoAverages
	}
	var missing []string
	for _, name := range v.names {
		if !strings.HasPrefix(name, unetPrefix) {
			continue
		}
		short := strings.ReplaceAll(strings.TrimPrefix(name, "model."), ".", "")
		average, ok := averages[short]
		if !ok {
			missing = append(missing, v.from[name])
			continue
		}
		v.from[name], v.from[average] = v.from[average], v.from[name]
	}
	if len(missing) > 0 {
		return fmt.Errorf("ldm: have no averages over training (model_ema.*) of %d tensors, such as %.200s", len(missing), missing[0])
	}
	v.ema = true
	return nil
}

// ErrNoAverages is the error for a file without averages over training, where they are
// wanted.
var ErrNoAverages = errors.New("ldm: have no averages over training (model_ema.*), want some")

// leastAverages is how many there are at least: a decay and a count are no averages.
const leastAverages = 10

// Names implements [Tensors].
func (v *view) Names() []string { return slices.Clone(v.names) }

// Tensor implements [Tensors].
func (v *view) Tensor(name string) (shape []int, dtype string, ok bool) {
	file, ok := v.from[name]
	if !ok {
		return nil, "", false
	}
	return v.Tensors.Tensor(file)
}

// Float32s implements [Tensors].
func (v *view) Float32s(name string, from int, dst []float32) error {
	file, ok := v.from[name]
	if !ok {
		return fmt.Errorf("ldm: no tensor %.200q", name)
	}
	return v.Tensors.Float32s(file, from, dst)
}

// Release implements [Tensors].
func (v *view) Release(name string) {
	if file, ok := v.from[name]; ok {
		v.Tensors.Release(file)
	}
}

// original is what a tensor is called in the file, or would be.
func (v *view) original(name string) string {
	if file, ok := v.from[name]; ok {
		return file
	}
	return name
}
