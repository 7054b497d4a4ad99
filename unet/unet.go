// Package unet is the denoising network of Stable Diffusion 1 and 2: it predicts
// the noise in latents, or the velocity, at a timestep and for a text.
package unet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/nn"
	"sdgo/internal/op"
)

// UNet is the conditional U-Net of Rombach et al. (2022), diffusers'
// UNet2DConditionModel.
//
//	latents ─ conv_in ─ down 0 ─┬───────── skips ────────┬─ up 3 ─ norm ─ SiLU ─ conv_out ─ out
//	                    down 1 ─┬────────────────────────┬─ up 2
//	                       …        (each level halves)     …
//	                    down 3 ─┴───────── mid ──────────┴─ up 0
//
// It is safe for concurrent use: calls share the weights and nothing else.
//
// https://arxiv.org/abs/2112.10752
type UNet struct {
	// Config is the structure of the model. It must not be changed.
	Config Config

	model   *nn.Model
	time    *timeEmbedding
	downs   []*downLayer // conv_in and what follows, one for each skip
	mid     *midBlock    // nil if the model has none
	ups     []*upLayer   // one for each skip, the last first
	normOut *nn.GroupNorm
	convOut *nn.Conv2D
	merging TokenMerging
}

// LoadOptions say how a U-Net is loaded and run. The zero value is the default.
type LoadOptions struct {
	// Variant names the weight files, as in diffusion_pytorch_model.fp16.safetensors
	// for "fp16". Empty means the files without a variant.
	Variant string
	// Precision is how weights are kept and what the factors of linear layers are:
	// float32, float16, bfloat16 or int8. Empty means float32. See
	// diffusion.LoadOptions.
	Precision string
	// Threads is the number of goroutines of a run. Zero means GOMAXPROCS.
	Threads int
	// MaxMemory limits the bytes of weights and intermediate values. Zero means the
	// memory of the machine or its container. Calls wait for it by order of arrival.
	MaxMemory int64
	// Session is set by the pipeline, whose models share one; else it is nil.
	Session *nn.Session
}

// Load loads the U-Net in a folder with config.json and weights in safetensors,
// as diffusers writes it. Options may be nil.
func Load(dir string, o *LoadOptions) (*UNet, error) { return LoadFS(os.DirFS(dir), ".", o) }

// LoadContext is [Load] that returns ctx's error soon after ctx is done.
func LoadContext(ctx context.Context, dir string, o *LoadOptions) (*UNet, error) {
	return LoadFSContext(ctx, os.DirFS(dir), ".", o)
}

// LoadFS loads the U-Net in the folder dir of fsys. Options may be nil.
func LoadFS(fsys fs.FS, dir string, o *LoadOptions) (*UNet, error) {
	return LoadFSContext(context.Background(), fsys, dir, o)
}

// LoadFSContext is [LoadFS] that returns ctx's error soon after ctx is done.
func LoadFSContext(ctx context.Context, fsys fs.FS, dir string, o *LoadOptions) (*UNet, error) {
	if o == nil {
		o = &LoadOptions{}
	}
	u := &UNet{}
	model, err := nn.LoadModel(ctx, nn.Kind{Name: "unet", Class: class, Base: "diffusion_pytorch_model"}, fsys, dir, nn.LoadOptions(*o), u.define)
	if err != nil {
		return nil, err
	}
	u.model = model
	u.Config.Warnings = append(u.Config.Warnings, model.Warnings()...)
	return u, nil
}

// define decodes the config and asks for the weights.
func (u *UNet) define(config []byte, p *nn.Params) (err error) {
	if u.Config, err = ParseConfig(config); err != nil {
		return err
	}
	p.Unknown(u.Config.Warnings)
	c := &u.Config
	first, levels := c.BlockOutChannels[0], len(c.BlockOutChannels)
	u.time = newTimeEmbedding(p, c)
	u.downs = []*downLayer{{conv: p.Conv("conv_in", c.InChannels, first, c.ConvInKernel, 1, op.Same(c.ConvInKernel/2))}}
	for i := range levels {
		u.downs = append(u.downs, newDownBlock(p.At("down_blocks.%d", i), c, i)...)
	}
	if c.MidBlockType != nil {
		u.mid = newMidBlock(p.At("mid_block"), c)
	}
	for i := range levels {
		u.ups = append(u.ups, newUpBlock(p.At("up_blocks.%d", i), c, i)...)
	}
	u.normOut = p.GroupNorm("conv_norm_out", first, c.NormNumGroups, c.NormEps)
	u.convOut = p.Conv("conv_out", first, c.OutChannels, c.ConvOutKernel, 1, op.Same(c.ConvOutKernel/2))
	return nil
}

// Memory is the account of what the model and those that share it take: in a pipeline
// that was loaded as one, all of them.
func (u *UNet) Memory() *engine.Memory {
	if u.loaded() != nil {
		return nil
	}
	return u.model.Memory()
}

// Close waits for calls in flight and gives the memory back. Graphs made by
// Build give an error if they run after it.
// Calls that begin later return an error that wraps diffusion.ErrClosed. Any number of
// Closes may run at once.
func (u *UNet) Close() error {
	if u.loaded() != nil {
		return nil
	}
	return u.model.Close()
}

// Fingerprint is a short text that tells U-Nets apart by their weights and precision,
// of which it reads a sample. It is empty for one that is closed.
func (u *UNet) Fingerprint() string {
	if u.loaded() != nil {
		return ""
	}
	return u.model.Fingerprint()
}

// loaded wants a U-Net that a constructor made.
func (u *UNet) loaded() error {
	if u == nil || u.model == nil {
		return errors.New("unet: have a U-Net that was not loaded, want one from Load or LoadFS")
	}
	return nil
}

// Build adds the U-Net to the graph g and returns its prediction [N C H W]. The
// graph runs on diffusion.NewMachine and on gorgonia.NewTapeMachine.
func (u *UNet) Build(g *G.ExprGraph, in Nodes) (*G.Node, error) {
	if err := u.checkNodes(g, in, true); err != nil {
		return nil, err
	}
	b := nn.NewGraph(g)
	out := u.forward(b, in)
	if err := b.Err(); err != nil {
		return nil, fmt.Errorf("unet: %w", err)
	}
	return out, nil
}

// WeightNodes returns the nodes of the U-Net's weights in a graph that Build added to,
// by the checkpoint's keys. Their values are the model's own, which all graphs
// share; diffusion.Trainable gives a node numbers that may change.
func (u *UNet) WeightNodes(g *G.ExprGraph) map[string]*G.Node {
	if u.loaded() != nil || g == nil {
		return nil
	}
	return u.model.WeightNodes(g)
}

// forward is the whole network: its three parts, cut anywhere.
func (u *UNet) forward(g *nn.Graph, in Nodes) *G.Node {
	s := u.steer(g, in)
	skips := u.head(g, in.Latents, s, 1)
	return u.tail(g, skips, u.deep(g, skips[0], s, 1), s)
}

// Input is what one prediction is made from.
type Input struct {
	// Latents are [N C H W] of unit variance, C being Config.InChannels. H and W
	// are any size of 1 or more; what the levels halve is rounded up.
	Latents *tensor.Dense
	// Timesteps holds one time for all samples, or one for each: 0..999,
	// fractions allowed.
	Timesteps []float64
	// TimestepRange is the lowest and the highest time of a model that was trained on
	// others than 0 to 999, which the zero value means.
	TimestepRange [2]float64
	// Cond is the text embedding [N T D] of any number of tokens.
	Cond *tensor.Dense
	// ClassLabels holds one label for each sample, for models that have classes
	// (an upscaler's noise level); else it is nil.
	ClassLabels []int
	// TimeCond [N D], D being Config.TimeCondProjDim, is added to the embedding of
	// the times, for models that have such a condition: mostly the guidance scale,
	// see GuidanceEmbedding. With nil nothing is added.
	TimeCond *tensor.Dense
}

// shape is the shape of a plan's inputs.
type shape struct{ n, h, w, tokens int }

// planKey names a plan: the part of the network, cut at a skip branch, or the
// whole.
type planKey struct {
	shape
	part    part
	branch  int
	merging TokenMerging
}

// Predict returns the prediction [N C H W], C being Config.OutChannels: the
// noise, or the velocity, as the model was trained. It returns ctx's error soon
// after ctx is done.
func (u *UNet) Predict(ctx context.Context, in Input) (*tensor.Dense, error) {
	if err := u.loaded(); err != nil {
		return nil, err
	}
	s, inputs, err := u.inputs(in)
	if err != nil {
		return nil, fmt.Errorf("unet: %w", err)
	}
	out := nn.Tensor(s.n, u.Config.OutChannels, s.h, s.w)
	if err := u.model.Run(ctx, u.key(s), u.build(s), inputs, [][]float32{out.Float32s()}); err != nil {
		return nil, err
	}
	return out, nil
}

// Check reports as an error that predicting for n samples of h×w latents and
// the given number of tokens would not fit in the memory allowed. It allocates
// nothing of that size.
func (u *UNet) Check(n, h, w, tokens int) error {
	s, err := u.shape(n, h, w, tokens)
	if err != nil {
		return err
	}
	return u.model.Check(u.key(s), u.build(s), 0, fmt.Sprintf("a prediction for latents [%d %d %d %d]", n, u.Config.InChannels, h, w))
}

// Values returns the bytes of intermediate values of a prediction for n samples of h×w
// latents and the given number of tokens.
func (u *UNet) Values(n, h, w, tokens int) (int64, error) {
	s, err := u.shape(n, h, w, tokens)
	if err != nil {
		return 0, err
	}
	return u.model.Values(u.key(s), u.build(s))
}

// Claim is for pipelines, which claim the memory of a whole call: predictions with a ctx
// that carries the claim take turns of it.
func (u *UNet) Claim(ctx context.Context, need engine.Need) (*engine.Claim, error) {
	if err := u.loaded(); err != nil {
		return nil, err
	}
	return u.model.Claim(ctx, need)
}

// Spare returns how many bytes in small pieces a call could take beside its need if it
// ran alone.
func (u *UNet) Spare(need engine.Need) int64 {
	if u.loaded() != nil {
		return 0
	}
	return u.model.Spare(need)
}

// Plan tells how a prediction for n samples of h×w latents and the given number of
// tokens is computed.
func (u *UNet) Plan(n, h, w, tokens int) (*nn.Plan, error) {
	s, err := u.shape(n, h, w, tokens)
	if err != nil {
		return nil, err
	}
	return u.model.Plan(u.key(s), u.build(s))
}

// shape wants sizes that make sense.
func (u *UNet) shape(n, h, w, tokens int) (shape, error) {
	if err := u.loaded(); err != nil {
		return shape{}, err
	}
	if err := nn.CheckSize("unet: latents", n, u.Config.BlockOutChannels[0], h, w); err != nil {
		return shape{}, err
	}
	if err := nn.CheckSize("unet: cond", n, tokens, u.Config.CrossAttentionDim.At(0)); err != nil {
		return shape{}, err
	}
	return shape{n, h, w, tokens}, nil
}

// key is the key of the whole network's plan.
func (u *UNet) key(s shape) planKey { return planKey{shape: s, merging: u.merging} }

// build makes the graph for a shape.
func (u *UNet) build(s shape) nn.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := nn.NewGraph(G.NewGraph())
		in := u.nodes(g, s)
		out := u.forward(g, in)
		return in.list(), []*G.Node{out}, g.Err()
	}
}

// inputs checks the input and lays it out for a plan of its shape.
func (u *UNet) inputs(in Input) (s shape, inputs [][]float32, err error) {
	c := &u.Config
	latents, err := nn.Floats("latents", in.Latents, -1, c.InChannels, -1, -1)
	if err != nil {
		return s, nil, err
	}
	ls := in.Latents.Shape()
	s = shape{n: ls[0], h: ls[2], w: ls[3]}
	cond, err := nn.Floats("cond", in.Cond, s.n, -1, c.CrossAttentionDim.At(0))
	if err != nil {
		return s, nil, err
	}
	s.tokens = in.Cond.Shape()[1]
	if len(in.Timesteps) != 1 && len(in.Timesteps) != s.n {
		return s, nil, fmt.Errorf("timesteps: have %d, want 1 or %d", len(in.Timesteps), s.n)
	}
	low, high := in.TimestepRange[0], in.TimestepRange[1]
	if in.TimestepRange == [2]float64{} {
		low, high = 0, 999
	}
	for i, t := range in.Timesteps {
		if !(t >= low && t <= high) || math.IsInf(t, 0) {
			return s, nil, fmt.Errorf("timesteps: number %d is %v, want a number from %v to %v", i, t, low, high)
		}
	}
	times := make([]float32, s.n)
	for i := range times {
		times[i] = float32(in.Timesteps[min(i, len(in.Timesteps)-1)])
	}
	inputs = [][]float32{latents, times, cond}
	for _, further := range []func(Input, int) ([]float32, error){u.classLabels, u.timeCond} {
		x, err := further(in, s.n)
		if err != nil {
			return s, nil, err
		}
		if x != nil {
			inputs = append(inputs, x)
		}
	}
	return s, inputs, nil
}

// classLabels returns the labels of n samples, or nil if the model has no classes.
func (u *UNet) classLabels(in Input, n int) ([]float32, error) {
	classes := u.Config.NumClassEmbeds
	if classes == nil {
		if in.ClassLabels != nil {
			return nil, fmt.Errorf("class labels: have %v, want none: the model has no classes", in.ClassLabels)
		}
		return nil, nil
	}
	if len(in.ClassLabels) != n {
		return nil, fmt.Errorf("class labels: have %d, want %d", len(in.ClassLabels), n)
	}
	labels := make([]float32, n)
	for i, l := range in.ClassLabels {
		if l < 0 || l >= *classes {
			return nil, fmt.Errorf("class labels: have %d, want 0 to %d", l, *classes-1)
		}
		labels[i] = float32(l)
	}
	return labels, nil
}

// timeCond returns the condition of n samples, zeros for none, or nil if the model
// takes none.
func (u *UNet) timeCond(in Input, n int) ([]float32, error) {
	dim := u.Config.TimeCondProjDim
	switch {
	case dim == nil && in.TimeCond != nil:
		return nil, fmt.Errorf("time cond: have a tensor %v, want none: the model takes no condition (time_cond_proj_dim)", []int(in.TimeCond.Shape()))
	case dim == nil:
		return nil, nil
	case in.TimeCond == nil:
		return make([]float32, n**dim), nil
	}
	return nn.Floats("time cond", in.TimeCond, n, *dim)
}
