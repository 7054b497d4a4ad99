package unet

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// Perturbation weakens the self-attention of some layers. Guidance leads away from what the
// U-Net then predicts: perturbed-attention guidance (Ahn et al. 2024), where pixels attend
// to themselves alone, and smoothed-energy guidance (Hong 2024), where the queries are
// blurred. Layers that are perturbed merge no tokens.
//
// https://arxiv.org/abs/2403.17377
// https://arxiv.org/abs/2408.00760
type Perturbation struct {
	// Layers are patterns, each of which matches at least one self-attention of
	// [UNet.SelfAttentions]. A pattern is a regular expression for a part of the name, as
	// diffusers' pag_applied_layers: "mid", "down_blocks.1", "up_blocks.(0|1).attentions.0";
	// or as its first version had them: "down.block_1", "down.block_1.attentions_0". Nil
	// means "mid".
	Layers []string `json:"layers"`

	// Blur is the deviation of the Gaussian that blurs the queries, in the layer's pixels.
	// Above 9999 every query becomes the mean of all. Zero means that each pixel attends to
	// itself alone.
	Blur float64 `json:"blur"`
}

// infiniteBlur is the deviation from which on smoothed-energy guidance takes the mean, as
// its authors do.
const infiniteBlur = 9999

// WithPerturbation returns a U-Net with weakened attention that shares the weights with u.
// Closing one closes both. A pattern that matches nothing is an error, which lists what
// there is.
func (u *UNet) WithPerturbation(p Perturbation) (*UNet, error) {
	if err := u.loaded(); err != nil {
		return nil, err
	}
	if !(p.Blur >= 0) {
		return nil, fmt.Errorf("unet: perturbation: have blur %v, want 0 or more", p.Blur)
	}
	if p.Blur > infiniteBlur {
		p.Blur = math.Inf(1)
	}
	layers := p.Layers
	if layers == nil {
		layers = []string{"mid"}
	}
	if len(layers) == 0 {
		return nil, fmt.Errorf("unet: perturbation: have an empty list of layers, want patterns for some of %s", u.attentionBlocks())
	}
	chosen := map[string]bool{}
	for _, pattern := range layers {
		matches, err := layerPattern(pattern)
		if err != nil {
			return nil, fmt.Errorf("unet: perturbation: have layer %q, want a name or a pattern: %w", pattern, err)
		}
		found := false
		for _, name := range u.SelfAttentions() {
			if matches.MatchString(name) {
				chosen[name], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("unet: perturbation: have layer %q, which matches no self-attention, want a pattern for some of %s", pattern, u.attentionBlocks())
		}
	}
	perturbed := *u
	perturbed.perturbation = perturbation{p.Blur, namesOf(chosen)}
	return &perturbed, nil
}

// SelfAttentions are the names of the layers in which pixels attend to pixels, in
// diffusers' spelling, in the order of the network:
// "down_blocks.0.attentions.0.transformer_blocks.0.attn1". Those of a UNet2DModel, which
// cannot be perturbed, are not among them.
func (u *UNet) SelfAttentions() []string {
	if u.loaded() != nil {
		return nil
	}
	var names []string
	for t := range u.transformers() {
		for _, b := range t.blocks {
			if !b.onlyCross {
				names = append(names, b.attn1.path)
			}
		}
	}
	return names
}

// attentionBlocks lists the transformers that have self-attention.
func (u *UNet) attentionBlocks() string {
	var names []string
	for _, name := range u.SelfAttentions() {
		block, _, _ := strings.Cut(name, ".transformer_blocks")
		if !slices.Contains(names, block) {
			names = append(names, block)
		}
	}
	switch {
	case names == nil && u.Config.Unconditional != nil:
		return "none: the attention of a UNet2DModel cannot be perturbed"
	case names == nil:
		return "none: the U-Net has no self-attention"
	}
	return strings.Join(names, ", ")
}

// firstNames are the names of diffusers' first version.
var firstNames = regexp.MustCompile(`^(down|mid|up)(?:\.block_(\d+))?(?:\.attentions_(\d+))?$`)

// maxPattern is the length in bytes of the longest pattern.
const maxPattern = 1000

// layerPattern compiles a pattern.
func layerPattern(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("it has %d bytes, want at most %d", len(pattern), maxPattern)
	}
	if pattern == "" {
		return nil, errors.New("it is empty")
	}
	m := firstNames.FindStringSubmatch(pattern)
	if m == nil || m[2] == "" && m[3] == "" {
		return regexp.Compile(pattern)
	}
	block := `\d+`
	if m[2] != "" {
		block = m[2]
	}
	name := fmt.Sprintf(`^%s_blocks\.%s\.`, m[1], block)
	if m[1] == "mid" { // there is one
		name = `^mid_block\.`
	}
	if m[3] != "" {
		name += `attentions\.` + m[3] + `\.`
	}
	return regexp.Compile(name)
}

// perturbation is a [Perturbation] of known layers. The zero value perturbs none.
type perturbation struct {
	blur   float64
	layers string // their names, each between spaces
}

// namesOf returns the layers of a perturbation.
func namesOf(chosen map[string]bool) string {
	return " " + strings.Join(slices.Sorted(maps.Keys(chosen)), " ") + " "
}

// has says whether a self-attention is perturbed.
func (p perturbation) has(a *attention) bool {
	return p.layers != "" && strings.Contains(p.layers, " "+a.path+" ")
}

// perturbed is the self-attention of x [N H·W C] with one of its products left out: the
// pixels' own values, or attention of blurred queries.
func (a *attention) perturbed(g *nn.Graph, x *G.Node, h, w int, blur float64) *G.Node {
	values := a.v.Forward(g, x)
	if blur > 0 {
		values = a.heads.Forward(g, g.Blur(a.q.Forward(g, x), h, w, blur), a.k.Forward(g, x), values)
	}
	return g.Mark(a.path, a.out.Forward(g, values))
}
