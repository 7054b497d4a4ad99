package unet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// Split evaluates a U-Net in three parts, cut at a skip branch, so that the deep
// part can be left out or its result changed:
//
//	latents ─ conv_in ─ … ─┬────── skips ──────┬─ … ─ conv_out ─ out
//	             head      └──── deep part ────┘  feature   tail
//
// Branch b leaves the first b skips, and the layers of both ways that make and take
// them, outside the deep part. The three in turn give the bytes that Predict gives.
//
// The deep part changes slowly from one timestep to the next, and is most of the
// work. One goroutine may use a Split at a time; any number may share a U-Net.
type Split struct {
	u      *UNet
	shape  shape // of the first Head's input; before it the usual one
	branch int

	claim        *engine.Claim // nil before the first Head, or if its ctx had one
	block        *engine.Block // nil before the first Head
	skips        []*tensor.Dense
	added        map[string][]float32 // residuals and features of the last Head
	skipShapes   []tensor.Shape
	featureShape tensor.Shape
	steering     model.Inputs // of the last Head, beside the latents

	mu sync.Mutex // held by a call; u is nil once it is closed
}

// begin wants a Split that is open and that no other call uses. It must be followed
// by mu.Unlock if it succeeds.
func (s *Split) begin() error {
	if s == nil {
		return errors.New("unet: split: have nil, want one from UNet.Split")
	}
	if !s.mu.TryLock() {
		return errors.New("unet: split: called while another call runs, want one call after the other")
	}
	if s.u == nil {
		s.mu.Unlock()
		return errors.New("unet: split: have one that is closed, or was never made")
	}
	return nil
}

// Split returns a Split at a skip branch, 1 to Branches()-1, for n samples of h×w
// latents and the given number of tokens. It is an error if its parts would not
// fit in the memory allowed. The first Head waits for the memory, which Close gives
// back; what waits on the same goroutine until then is an error if it does not fit beside
// the Split.
func (u *UNet) Split(branch, n, h, w, tokens int) (*Split, error) {
	shape, err := u.shape(n, h, w, tokens)
	if err != nil {
		return nil, err
	}
	if err := u.checkBranch(branch); err != nil {
		return nil, err
	}
	s := &Split{u: u, shape: shape, branch: branch}
	if s.skipShapes, err = s.shapes(); err != nil {
		return nil, fmt.Errorf("unet: %w", err)
	}
	last := s.skipShapes[len(s.skipShapes)-1].Clone()
	last[3] = u.ups[len(u.ups)-branch].in
	s.featureShape = last
	if err := s.Check(0, s.what()); err != nil {
		return nil, err
	}
	return s, nil
}

// Head computes the skips for the input, whose shape is the Split's, and whose conditions
// are in all calls the same fields of the same sizes. Deep and Tail go on with the same
// input.
func (s *Split) Head(ctx context.Context, in Input) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	shape, inputs, err := s.u.inputs(in)
	if err != nil {
		return fmt.Errorf("unet: %w", err)
	}
	if have, want := shape.size(), s.shape.size(); have != want {
		return fmt.Errorf("unet: split: have an input of %d×[%d %d] and %d tokens, want %d×[%d %d] and %d",
			have[0], have[1], have[2], have[3], want[0], want[1], want[2], want[3])
	}
	if s.block != nil && shape != s.shape {
		return errors.New("unet: split: have other conditions than in the first Head, want the same fields of the same sizes")
	}
	s.shape = shape
	if err := s.take(ctx); err != nil {
		return err
	}
	s.steering = model.Inputs{}
	for name, x := range inputs {
		switch added, ok := s.added[name]; {
		case ok:
			copy(added, x)
			s.steering[name] = added
		case name != latentsInput && name != channelsInput:
			s.steering[name] = slices.Clone(x)
		}
	}
	return s.run(ctx, head, inputs, s.numbers())
}

// Skips returns the skips [N H W C] that Head computed, conv_in's first, in the
// Split's own memory: hold the Split, and do not close it, as long as they are used.
// Before the first Head there are none. Tail reads them, and Deep the last one.
func (s *Split) Skips() []*tensor.Dense {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.skips
}

func (s *Split) numbers() [][]float32 {
	var out [][]float32
	for _, t := range s.skips {
		out = append(out, t.Float32s())
	}
	return out
}

// Deep computes the feature that enters the tail, in the order of FeatureShape.
func (s *Split) Deep(ctx context.Context, feature []float32) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	if err := s.ready(feature); err != nil {
		return err
	}
	inputs := maps.Clone(s.steering)
	inputs[skipInput(len(s.skips)-1)] = s.skips[len(s.skips)-1].Float32s()
	return s.run(ctx, deep, inputs, [][]float32{feature})
}

// Tail returns the prediction [N C H W] for the skips and a feature.
func (s *Split) Tail(ctx context.Context, feature []float32) (*tensor.Dense, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if err := s.ready(feature); err != nil {
		return nil, err
	}
	out := nn.Tensor(s.u.outShape(s.shape)...)
	inputs := maps.Clone(s.steering)
	inputs[featureInput] = feature
	for i, t := range s.skips {
		inputs[skipInput(i)] = t.Float32s()
	}
	if err := s.run(ctx, tail, inputs, [][]float32{out.Float32s()}); err != nil {
		return nil, err
	}
	return out, nil
}

// ready wants a Head before, and a feature of the right length.
func (s *Split) ready(feature []float32) error {
	if s.steering == nil {
		return fmt.Errorf("unet: split: have no skips yet, want a call of Head before")
	}
	if have, want := len(feature), s.featureShape.TotalSize(); have != want {
		return fmt.Errorf("unet: split: have a feature of %d numbers, want %v", have, []int(s.featureShape))
	}
	return nil
}

// SkipShapes are the shapes [N H W C] of the skips.
func (s *Split) SkipShapes() [][]int {
	if s == nil {
		return nil
	}
	var shapes [][]int
	for _, shape := range s.skipShapes {
		shapes = append(shapes, slices.Clone(shape))
	}
	return shapes
}

// FeatureShape is the shape [N H W C] of the feature that enters the tail.
func (s *Split) FeatureShape() []int {
	if s == nil {
		return nil
	}
	return slices.Clone(s.featureShape)
}

// Close gives the memory of the skips back, after the call that runs. Later calls are
// errors.
func (s *Split) Close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.u == nil {
		return
	}
	s.release()
	s.u, s.skips, s.added, s.steering = nil, nil, nil, nil
}
