package unet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/model"
	"sdgo/internal/nn"
)

// Branches is the number of skip connections, and of layers that each way has:
// conv_in, and the residual blocks and downsamplers below it.
func (u *UNet) Branches() int {
	if u == nil {
		return 0
	}
	return len(u.downs)
}

// LevelBranch returns the skip branch below which nothing of the given level is
// cut off, counted from 1 at the top: the last that this level's up block takes.
func (u *UNet) LevelBranch(level int) (int, error) {
	if err := u.loaded(); err != nil {
		return 0, err
	}
	if levels := len(u.Config.BlockOutChannels); level < 1 || level >= levels {
		return 0, fmt.Errorf("unet: have level %d, want 1 to %d", level, levels-1)
	}
	branch := 0
	for i := range level {
		branch += u.Config.LayersPerBlock.At(i) + 1
	}
	return branch, nil
}

// checkBranch wants a place where the network can be cut.
func (u *UNet) checkBranch(branch int) error {
	if err := u.loaded(); err != nil {
		return err
	}
	if most := len(u.downs) - 1; branch < 1 || branch > most {
		return fmt.Errorf("unet: have skip branch %d, want 1 to %d", branch, most)
	}
	return nil
}

// part is a part of the network.
type part int

const (
	whole part = iota
	head
	deep
	tail
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
	shape  shape // of the last Head's input; before it the usual one
	branch int

	claim        *engine.Claim // nil before the first Head, or if its ctx had one
	block        *engine.Block // nil before the first Head
	skips        []*tensor.Dense
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

// Check reports as an error that the parts, and n bytes that the caller keeps beside
// them, would not fit in the memory allowed.
func (s *Split) Check(n int64, what string) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	for _, p := range []part{head, deep, tail} {
		if err := s.u.model.Check(s.key(p), s.build(p), s.Held()+n, what); err != nil {
			return err
		}
	}
	return nil
}

// what is what the Split's memory is for.
func (s *Split) what() string {
	return fmt.Sprintf("a part of a prediction for latents %v", s.shape.latents.shape())
}

// Held returns the bytes that the Split holds from the first Head to Close.
func (s *Split) Held() int64 { return 4 * int64(s.skipNumbers()) }

func (s *Split) skipNumbers() (n int) {
	if s == nil {
		return 0
	}
	for _, shape := range s.skipShapes {
		n += shape.TotalSize()
	}
	return n
}

// Values returns the bytes of intermediate values of the largest part.
func (s *Split) Values() (most int64, err error) {
	if err := s.begin(); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	return s.values()
}

func (s *Split) values() (most int64, err error) {
	for _, p := range []part{head, deep, tail} {
		n, err := s.u.model.Values(s.key(p), s.build(p))
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

// shapes returns the shapes of the skips.
func (s *Split) shapes() ([]tensor.Shape, error) {
	g := nn.NewGraph(G.NewGraph())
	in := s.u.nodes(g, s.shape)
	var shapes []tensor.Shape
	for _, n := range s.u.head(g, in, s.u.steer(g, in), s.branch) {
		shapes = append(shapes, g.Shape(n).Clone())
	}
	return shapes, g.Err()
}

// take waits for the memory of the skips and takes it.
func (s *Split) take(ctx context.Context) error {
	if s.block != nil {
		return nil
	}
	if !s.u.model.Claimed(ctx) {
		values, err := s.values()
		if err != nil {
			return err
		}
		if s.claim, err = s.u.model.Claim(ctx, engine.Need{What: s.what(), Held: s.Held(), Turn: values, Caller: engine.Goroutine()}); err != nil {
			return err
		}
	}
	var err error
	if s.block, err = engine.Scratch(s.skipNumbers(), "the skips of a divided prediction"); err != nil {
		s.release()
		return fmt.Errorf("unet: %w", err)
	}
	rest := s.block.Data
	for _, shape := range s.skipShapes {
		n := shape.TotalSize()
		s.skips = append(s.skips, engine.Tensor(rest[:n:n], shape...))
		rest = rest[n:]
	}
	return nil
}

// run runs a part.
func (s *Split) run(ctx context.Context, p part, inputs model.Inputs, outputs [][]float32) error {
	if ctx == nil {
		return errors.New("unet: have a nil context")
	}
	if s.claim != nil {
		ctx = s.claim.With(ctx)
	}
	return s.u.model.Run(ctx, s.key(p), s.build(p), inputs, outputs)
}

func (s *Split) key(p part) planKey {
	return planKey{shape: s.shape, part: p, branch: s.branch, merging: s.u.merging}
}

const featureInput = "feature"

func skipInput(i int) string { return fmt.Sprintf("skip%d", i) }

// build makes the graph of a part. Its inputs are the latents, the skip or the
// skips and the feature, and what steers.
func (s *Split) build(p part) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := nn.NewGraph(G.NewGraph())
		in := s.u.nodes(g, s.shape)
		var skips []*G.Node
		if p != head {
			for i, shape := range s.skipShapes {
				skips = append(skips, g.Input(skipInput(i), shape...))
			}
		}
		steer := s.u.steer(g, in)
		switch p {
		case head:
			inputs, outputs = in.images(), s.u.head(g, in, steer, s.branch)
		case deep:
			skip := skips[len(skips)-1]
			inputs, outputs = []*G.Node{skip}, []*G.Node{s.u.deep(g, skip, steer, s.branch)}
		case tail:
			feature := g.Input(featureInput, s.featureShape...)
			inputs, outputs = append(slices.Clone(skips), feature), []*G.Node{s.u.tail(g, skips, feature, steer)}
		}
		return append(inputs, s.u.conditions(in)...), outputs, g.Err()
	}
}

// Head computes the skips for the input, whose shape is the Split's. Deep and Tail
// go on with the same input.
func (s *Split) Head(ctx context.Context, in Input) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.mu.Unlock()
	shape, inputs, err := s.u.inputs(in)
	if err != nil {
		return fmt.Errorf("unet: %w", err)
	}
	if shape.residuals {
		return errors.New("unet: split: have residuals of a ControlNet, want none: a Split does not take them")
	}
	if have, want := shape.size(), s.shape.size(); have != want {
		return fmt.Errorf("unet: split: have an input of %d×[%d %d] and %d tokens, want %d×[%d %d] and %d",
			have[0], have[1], have[2], have[3], want[0], want[1], want[2], want[3])
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	s.shape, s.steering = shape, model.Inputs{}
	for name, x := range inputs {
		if name != latentsInput && name != channelsInput {
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

// Alloc returns memory for n float32s that counts towards the U-Net's limit, as
// for features that are kept. Hold the block as long as its Data is used.
func (s *Split) Alloc(n int, what string) (*engine.Block, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.mu.Unlock()
	if n < 0 {
		return nil, fmt.Errorf("unet: split: memory: have %d numbers, want 0 or more", n)
	}
	if err := nn.CheckSize("unet: split: memory", max(n, 1)); err != nil {
		return nil, err
	}
	return s.u.model.Alloc(n, what)
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
	s.u, s.skips, s.steering = nil, nil, nil
}

// release gives back what take took.
func (s *Split) release() {
	if s.block != nil {
		s.block.Free()
	}
	if s.claim != nil {
		s.claim.Close()
	}
	s.block, s.claim = nil, nil
}
