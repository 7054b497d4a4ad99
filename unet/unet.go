// Package unet is the denoising network of Stable Diffusion 1, 2 and XL: it predicts
// the noise in latents, or the velocity, at a timestep and for a text.
package unet

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/model"
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

	model   *model.Model
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
	Session *model.Session
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
	model, err := model.Load(ctx, model.Kind{Name: "unet", Class: class, Base: "diffusion_pytorch_model"}, fsys, dir, model.LoadOptions(*o), u.define)
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
	u.downs = []*downLayer{{out: first, conv: p.Conv("conv_in", c.InChannels, first, c.ConvInKernel, 1, op.Same(c.ConvInKernel/2))}}
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
	skips := u.head(g, in, s, 1)
	return u.tail(g, skips, u.deep(g, skips[0], s, 1), s)
}

// steer computes what the layers read beside the latents.
func (u *UNet) steer(g *nn.Graph, in Nodes) steering {
	return steering{
		temb:   u.time.forward(g, in.Timesteps, &in.Cond),
		tokens: in.Cond.Tokens, times: in.Timesteps, merging: u.merging,
		residuals: in.Cond.Residuals,
	}
}

// head maps latents [N C H W] to the first branch skips, each [N H W C].
func (u *UNet) head(g *nn.Graph, in Nodes, s steering, branch int) []*G.Node {
	x := g.ChannelsLast(in.Latents)
	if more := in.Cond.Channels; more != nil {
		x = g.Concat(x, g.ChannelsLast(more))
	}
	var skips []*G.Node
	for _, l := range u.downs[:branch] {
		x = l.forward(g, x, s)
		skips = append(skips, x)
	}
	return skips
}

// deep maps the head's last skip to the feature that enters the tail.
func (u *UNet) deep(g *nn.Graph, skip *G.Node, s steering, branch int) *G.Node {
	x, skips := skip, []*G.Node{skip}
	for _, l := range u.downs[branch:] {
		x = l.forward(g, x, s)
		skips = append(skips, x)
	}
	if u.mid != nil {
		x = u.mid.forward(g, x, s)
	}
	if s.residuals != nil {
		x = g.Add(x, g.ChannelsLast(s.residuals.Mid))
	}
	return u.up(g, u.ups[:len(u.ups)-branch], x, skips, branch-1, s)
}

// tail maps the head's skips and the feature to the prediction [N C H W].
func (u *UNet) tail(g *nn.Graph, skips []*G.Node, feature *G.Node, s steering) *G.Node {
	x := u.up(g, u.ups[len(u.ups)-len(skips):], feature, skips, 0, s)
	x = g.Mark("conv_act", g.SiLU(u.normOut.Forward(g, x)))
	return g.ChannelsFirst(u.convOut.Forward(g, x))
}

// up runs layers of the way up, which take the skips from the last on. The first of
// them is the network's skip number first, for the residuals of a ControlNet.
func (u *UNet) up(g *nn.Graph, layers []*upLayer, x *G.Node, skips []*G.Node, first int, s steering) *G.Node {
	for i, l := range layers {
		at := len(skips) - 1 - i
		skip := skips[at]
		if s.residuals != nil {
			skip = g.Add(skip, g.ChannelsLast(s.residuals.Down[first+at]))
		}
		x = l.forward(g, x, skip, skips[max(at-1, 0)], s)
	}
	return x
}

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
	out := nn.Tensor(u.outShape(s)...)
	if err := u.model.Run(ctx, u.key(s), u.build(s), inputs, [][]float32{out.Float32s()}); err != nil {
		return nil, err
	}
	return out, nil
}

// outShape is the shape of the prediction for an input of a shape.
func (u *UNet) outShape(s shape) []int {
	return []int{s.latents[0], u.Config.OutChannels, s.latents[2], s.latents[3]}
}

// key is the key of the whole network's plan.
func (u *UNet) key(s shape) planKey { return planKey{shape: s, merging: u.merging} }

// build makes the graph for a shape.
func (u *UNet) build(s shape) model.Build {
	return func() (inputs, outputs []*G.Node, err error) {
		g := nn.NewGraph(G.NewGraph())
		in := u.nodes(g, s)
		out := u.forward(g, in)
		return append(u.conditions(in), in.images()...), []*G.Node{out}, g.Err()
	}
}
