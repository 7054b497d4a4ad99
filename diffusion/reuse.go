package diffusion

import (
	"context"
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/unet"
)

// Reuse spares the deep part of the U-Net, which changes slowly, in some of the
// calls: what it gave in an earlier one, the feature that enters the way up at a
// skip branch, is used once more, and the layers above the branch alone are
// computed. Interval and Threshold each turn it on; with both, the deep part is
// computed when either asks for it. The first call always computes it, and so does
// the first after the guidance interval begins or ends.
//
// Every image decides for itself, and for its two halves under guidance together,
// so that it is the same alone and in any batch. A sampler of two calls a step
// counts as it calls: calls of the denoiser, not steps.
//
// On the demo model with 25 steps, an interval of 3 spares 38 % of the U-Net's
// arithmetic, and the pictures are 52 dB from the exact ones (PSNR; the worst of 18
// is 46 dB); a threshold of 0.1 spares 29 % at 50 dB (44). Beyond an interval of 3
// or a threshold of 0.1 now and then a picture gets another composition. On Stable
// Diffusion 1 an interval of 3 spares 41 %. README.md has a table.
//
// What is kept counts towards LoadOptions.MaxMemory: at 512×512 pixels under
// guidance, Stable Diffusion 1 keeps 21 MB an image, and with a threshold 31 MB.
type Reuse struct {
	// Interval computes the deep part in every Interval-th call, as DeepCache does
	// with its uniform steps (Ma, Fang and Wang 2023). 1 computes it in every one.
	// Zero means that the interval does not ask for it.
	//
	// https://arxiv.org/abs/2312.00858
	Interval int `json:"interval"`

	// Threshold computes the deep part once the output of the first layers, those
	// above the branch on the way down, has changed by this much since the last
	// time: the sum over calls of ‖f−f′‖₁/‖f′‖₁, f′ being the output of the call
	// before. That is the criterion of TeaCache (Liu et al. 2024, equations 4 and
	// 5) without its fitted polynomial, on the first block as in First Block Cache.
	// Zero means that the change does not ask for it; near zero, every call is
	// computed.
	//
	// https://arxiv.org/abs/2411.19108
	Threshold float64 `json:"threshold"`

	// Branch is the skip branch, counted from the top as in DeepCache's paper: how
	// many skip connections, each with its layers on both ways, every call
	// computes. A level has one more of them than layers; Stable Diffusion 1 and 2
	// have three a level, twelve in all. The smaller, the faster and the less
	// exact. Zero means the whole top level; 1 is DeepCache's own default.
	Branch int `json:"branch"`
}

// on says whether any call may reuse a feature.
func (o Reuse) on() bool { return o.Interval > 1 || o.Interval == 0 && o.Threshold > 0 }

// keeper runs the U-Net for a run whose calls reuse features. A nil *keeper is
// that of a run that does not.
type keeper struct {
	Reuse
	texts  int // at most in a call
	splits map[batch]*unet.Split
	memory *engine.Block
	images []kept

	feature, first int // numbers that are kept of an image, see kept

	calls int // of the denoiser
}

// kept is what is kept of one image.
type kept struct {
	feature []float32 // [texts H W C], of which the last full call wrote the first
	first   []float32 // the head's output in the last call, with a threshold
	state   keptState
}

// keptState is the part that decides.
type keptState struct {
	Conditions string  `json:"conditions"` // of the call that computed the feature; "": none did
	At         int     `json:"at"`         // that call, from 1
	Change     float64 `json:"change"`     // since then
	Reused     int     `json:"reused"`     // calls that reused a feature
}

// newKeeper returns a keeper for the run's conditions. It has no memory yet.
func (r *run) newKeeper() (*keeper, error) {
	k := &keeper{Reuse: r.Reuse, splits: map[batch]*unet.Split{}, images: make([]kept, r.Images)}
	for _, c := range r.conditions {
		k.texts += len(r.forms[c])
	}
	var err error
	if k.Branch == 0 {
		if k.Branch, err = r.net.LevelBranch(1); err != nil {
			return nil, fmt.Errorf("reuse: %w", err)
		}
	}
	var s *unet.Split
	for _, conditions := range r.choices() {
		for _, b := range r.batches(conditions) {
			if k.splits[b] != nil {
				continue
			}
			if s, err = r.controls.on(b.on(r.net)).Split(k.Branch, b.texts, r.h, r.w, b.tokens); err != nil {
				return nil, fmt.Errorf("reuse: %w", err)
			}
			k.splits[b] = s
			k.feature = k.texts * tensor.Shape(s.FeatureShape()).TotalSize() / b.texts
			if k.Threshold > 0 {
				shapes := s.SkipShapes()
				k.first = k.texts * tensor.Shape(shapes[len(shapes)-1]).TotalSize() / b.texts
			}
		}
	}
	if err := s.Check(k.features(), keptUse); err != nil {
		return nil, fmt.Errorf("reuse: %w", err)
	}
	return k, nil
}

// keptUse is what the memory is for that is kept of images.
const keptUse = "the features that a run keeps"

// features is the bytes that are kept of all images.
func (k *keeper) features() int64 { return 4 * int64(len(k.images)) * int64(k.feature+k.first) }

// held is the bytes that are kept between calls.
func (k *keeper) held() int64 {
	if k == nil {
		return 0
	}
	n := k.features()
	for _, s := range k.splits {
		n += s.Held()
	}
	return n
}

// values is the most bytes that a part of the U-Net takes while it runs.
func (k *keeper) values() (most int64, err error) {
	for _, s := range k.splits {
		n, err := s.Values()
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

// alloc takes the memory of what is kept between calls, which the run has claimed.
func (k *keeper) alloc() (err error) {
	if k == nil {
		return nil
	}
	feature, first := k.feature, k.first
	if k.memory, err = engine.Scratch(int(k.features()/4), keptUse); err != nil {
		return fmt.Errorf("diffusion: reuse: %w", err)
	}
	rest := k.memory.Data
	for i := range k.images {
		k.images[i].feature, rest = rest[:feature:feature], rest[feature:]
		k.images[i].first, rest = rest[:first:first], rest[first:]
	}
	return nil
}

func (k *keeper) close() {
	for _, s := range k.splits {
		s.Close()
	}
	if k.memory != nil {
		k.memory.Free()
	}
}

// begin counts a call of the denoiser.
func (k *keeper) begin() {
	if k != nil {
		k.calls++
	}
}

// reused returns for each image how many calls reused a feature.
func (k *keeper) reused() []int {
	if k == nil {
		return nil
	}
	out := make([]int, len(k.images))
	for i, image := range k.images {
		out[i] = image.state.Reused
	}
	return out
}

// predict runs the U-Net with conditions of these names for image i, once for each
// input, of a batch, without its deep part if it may.
func (k *keeper) predict(ctx context.Context, i int, conditions string, batches []batch, inputs []unet.Input) (outputs [][]float32, err error) {
	image := &k.images[i]
	var firsts [][]float32 // what the heads gave
	splits := make([]*unet.Split, len(inputs))
	for j, in := range inputs {
		s := k.splits[batches[j]]
		if err := s.Head(ctx, in); err != nil {
			return nil, err
		}
		skips := s.Skips()
		splits[j], firsts = s, append(firsts, skips[len(skips)-1].Float32s())
	}
	stale := k.stale(image, firsts, conditions)
	if stale {
		image.state.Conditions, image.state.At, image.state.Change = conditions, k.calls, 0
	} else {
		image.state.Reused++
	}
	rest := image.feature
	for j, s := range splits {
		var feature []float32
		n := len(image.feature) / k.texts * inputs[j].Latents.Shape()[0]
		feature, rest = rest[:n], rest[n:]
		if stale {
			if err := s.Deep(ctx, feature); err != nil {
				return nil, err
			}
		}
		y, err := s.Tail(ctx, feature)
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, y.Float32s())
	}
	return outputs, nil
}

// stale says whether the image's feature must be computed in this call, whose
// heads gave firsts.
func (k *keeper) stale(image *kept, firsts [][]float32, conditions string) bool {
	state := &image.state
	stale := state.Conditions != conditions || k.Interval > 0 && k.calls-state.At >= k.Interval
	if k.Threshold > 0 {
		if state.Conditions == conditions {
			state.Change += change(firsts, image.first)
			stale = stale || !(state.Change < k.Threshold)
		}
		rest := image.first
		for _, first := range firsts {
			rest = rest[copy(rest, first):]
		}
	}
	return stale
}

// change is ‖x−before‖₁/‖before‖₁, x being parts one after the other.
func change(parts [][]float32, before []float32) float64 {
	var difference, size float64
	for _, x := range parts {
		for i, v := range x {
			difference += math.Abs(float64(v) - float64(before[i]))
			size += math.Abs(float64(before[i]))
		}
		before = before[len(x):]
	}
	return difference / size
}
