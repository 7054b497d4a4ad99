package diffusion

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"strings"

	"sdgo/internal/adapter"
	"sdgo/internal/model"
)

// Adapter is an adapter that was loaded and how much of it a call wants: 1 as it was
// trained, 0 nothing; any number from −1000 to 1000 is taken.
type Adapter struct {
	Loaded *LoadedAdapter
	Weight float64
}

// LoadedAdapter is a change of a model's weights, such as a LoRA (Hu et al. 2022), as
// [Pipeline.LoadAdapter] loads it. It is a value: calls take it in Options.Adapters, and the
// model's own weights stay as they are. Its methods return others that share its tensors.
// It is safe for concurrent use.
//
// https://arxiv.org/abs/2106.09685
type LoadedAdapter struct {
	// Warnings are what the file has that was left out, one sentence each.
	Warnings []string

	loaded *adapter.Loaded
	parts  map[string]float64 // factors, of parts that have another than 1
	blocks map[string]float64
	steps  func(step, steps int) float64
}

// LoadAdapter loads an adapter for the pipeline's model: a LoRA of linear layers and
// convolutions (with a core of Tucker's, too), LoHa, LoKr, OFT, IA³, whole changes of
// weights, biases and norms, and DoRA of any of these, as kohya's scripts, LyCORIS,
// diffusers and PEFT write them. The file is safetensors or one of PyTorch's, of which
// nothing is executed, or a folder that diffusers or PEFT wrote. Modules are found by the
// names that these tools give those of the pipeline's model, in diffusers' or the original
// code's spelling, in the U-Net and the text encoders.
//
// Modules that the model does not have are left out, with a warning; a file that is mostly
// for another model, or has other shapes, is an [*AdapterError], which lists those of its
// modules that matched. The adapter lies in the pipeline's memory, which
// LoadOptions.MaxMemory limits, until Close. A low rank stays one: layers compute it beside
// their own weight. Other kinds are unfolded to a whole matrix for each layer, in half
// precision unless the pipeline's is Float32. On a device an adapter lies there, in the
// type of the pipeline's weights.
func (p *Pipeline) LoadAdapter(path string) (*LoadedAdapter, error) {
	return p.LoadAdapterContext(context.Background(), path)
}

// LoadAdapterContext is [Pipeline.LoadAdapter] that returns ctx's error soon after ctx is
// done.
func (p *Pipeline) LoadAdapterContext(ctx context.Context, path string) (*LoadedAdapter, error) {
	path = filepath.Clean(path) // a folder may end in a slash
	return p.LoadAdapterFSContext(ctx, os.DirFS(filepath.Dir(path)), filepath.Base(path))
}

// LoadAdapterFS is [Pipeline.LoadAdapter] for a file or folder of fsys.
func (p *Pipeline) LoadAdapterFS(fsys fs.FS, name string) (*LoadedAdapter, error) {
	return p.LoadAdapterFSContext(context.Background(), fsys, name)
}

// LoadAdapterFSContext is [Pipeline.LoadAdapterFS] that returns ctx's error soon after ctx
// is done.
func (p *Pipeline) LoadAdapterFSContext(ctx context.Context, fsys fs.FS, name string) (*LoadedAdapter, error) {
	if err := p.ready(); err != nil {
		return nil, err
	}
	if ctx == nil {
		return nil, errors.New("diffusion: have a nil context")
	}
	leave, err := p.calls.Enter("")
	if err != nil {
		return nil, fmt.Errorf("diffusion: %w", err)
	}
	defer leave()
	loaded, err := adapter.Load(ctx, fsys, name, p.adaptable())
	if err != nil {
		return nil, adapterError(fmt.Errorf("diffusion: load adapter: %w", err))
	}
	return &LoadedAdapter{Warnings: loaded.Warnings, loaded: loaded}, nil
}

// adaptable are the parts of a pipeline that adapters change.
func (p *Pipeline) adaptable() map[string]*model.Model {
	models := map[string]*model.Model{adapter.UNet: model.Of(p.UNet)}
	if p.TextEncoder != nil {
		models[adapter.TextEncoder] = model.Of(p.TextEncoder)
	}
	if p.TextEncoder2 != nil {
		models[adapter.TextEncoder2] = model.Of(p.TextEncoder2)
	}
	return models
}

// Close gives the adapter's memory back, once calls that use it have ended. Those that
// begin later are errors, with values that were derived from it, too. An adapter that is
// not closed gives it back when nothing refers to it any more.
func (a *LoadedAdapter) Close() {
	if a.ready() == nil {
		a.loaded.Close()
	}
}

var errNoAdapter = errors.New("have an adapter that was not loaded, want one from LoadAdapter")

func (a *LoadedAdapter) ready() error {
	if a == nil || a.loaded == nil {
		return errNoAdapter
	}
	return nil
}

// derived returns a copy of which change changes something.
func (a *LoadedAdapter) derived(change func(d *LoadedAdapter)) *LoadedAdapter {
	if a == nil {
		return nil
	}
	d := *a
	change(&d)
	return &d
}

// UNet returns an adapter whose weight in the U-Net is multiplied by a factor: 0 leaves
// the U-Net as it is.
func (a *LoadedAdapter) UNet(factor float64) *LoadedAdapter {
	return a.derived(func(d *LoadedAdapter) { d.scale(factor, adapter.UNet) })
}

// TextEncoders returns an adapter whose weight in the text encoders is multiplied by a
// factor.
func (a *LoadedAdapter) TextEncoders(factor float64) *LoadedAdapter {
	return a.derived(func(d *LoadedAdapter) { d.scale(factor, adapter.TextEncoder, adapter.TextEncoder2) })
}

// scale multiplies the factors of parts.
func (a *LoadedAdapter) scale(factor float64, parts ...string) {
	all := maps.Clone(a.parts)
	if all == nil {
		all = make(map[string]float64)
	}
	for _, part := range parts {
		if old, ok := all[part]; ok {
			all[part] = old * factor
		} else {
			all[part] = factor
		}
	}
	a.parts = all
}

// Blocks returns an adapter with a factor for each of some blocks of the model, such as
// "mid_block", "up_blocks.1", "down_blocks.2.attentions.0" or "text_model.encoder.layers.3":
// modules whose names in diffusers begin so. Of several the longest counts, and other
// modules keep their weight. A block that the model does not have is an error of the call.
func (a *LoadedAdapter) Blocks(factors map[string]float64) *LoadedAdapter {
	return a.derived(func(d *LoadedAdapter) { d.blocks = maps.Clone(factors) })
}

// Steps returns an adapter whose weight in the U-Net is multiplied by a factor in each
// step: that which the function returns for step 0, the noisiest, to steps − 1. It is
// called once for each step, before the call begins. Model calls within a step have its
// factor.
func (a *LoadedAdapter) Steps(factor func(step, steps int) float64) *LoadedAdapter {
	return a.derived(func(d *LoadedAdapter) { d.steps = factor })
}

// weight is the adapter's weight of a module.
func (a Adapter) weight(part, module string) float64 {
	w := a.Weight
	if factor, ok := a.Loaded.parts[part]; ok {
		w *= factor
	}
	if factor, ok := a.Loaded.blocks[longestBlock(a.Loaded.blocks, module)]; ok {
		w *= factor
	}
	return w
}

// longestBlock is the block whose factor counts for a module, or "".
func longestBlock(factors map[string]float64, module string) (longest string) {
	for block := range factors {
		if inBlock(module, block) && len(block) > len(longest) {
			longest = block
		}
	}
	return longest
}

// inBlock says whether a module is a block or in it.
func inBlock(module, block string) bool {
	rest, ok := strings.CutPrefix(module, block)
	return ok && block != "" && (rest == "" || rest[0] == '.')
}

// check wants an adapter that was loaded for the pipeline, and finite weights.
func (a Adapter) check(p *Pipeline, i int) error {
	l := a.Loaded
	if err := l.ready(); err != nil {
		return badOption("Adapters", "number %d: %v", i, err)
	}
	for part, m := range p.adaptable() {
		if !l.loaded.For(part, m) {
			return badOption("Adapters", "number %d: have one that was loaded for another model, want one that this pipeline loaded", i)
		}
	}
	if err := checkFactor(i, "weight", a.Weight); err != nil {
		return err
	}
	return l.checkFactors(i)
}

// maxAdapterWeight is far beyond any that makes sense.
const maxAdapterWeight = 1000

// checkFactor wants a finite weight or factor of adapter i.
func checkFactor(i int, what string, w float64) error {
	if err := checkWeight(what, w); err != nil {
		return badOption("Adapters", "number %d: %w", i, err)
	}
	return nil
}

// checkWeight wants a number that makes sense.
func checkWeight(what string, w float64) error {
	if math.IsNaN(w) || math.Abs(w) > maxAdapterWeight {
		return fmt.Errorf("%.80s: have %v, want a number from -%d to %d", what, w, maxAdapterWeight, maxAdapterWeight)
	}
	return nil
}

// checkFactors wants factors of what there is.
func (a *LoadedAdapter) checkFactors(i int) error {
	for part, factor := range a.parts {
		if err := checkFactor(i, part, factor); err != nil {
			return err
		}
	}
	for block, factor := range a.blocks {
		if err := checkFactor(i, block, factor); err != nil {
			return err
		}
		if !a.loaded.ForAny(func(key string) bool { return inBlock(key, block) }) {
			return badOption("Adapters", "number %d: have a factor for the block %.80q, which the model does not have", i, block)
		}
	}
	return nil
}
