package diffusion

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/sampler"
	"sdgo/unet"
)

// worse leads away from a U-Net without half of its tokens: guidance of a caller's own with
// a variant of the U-Net.
type worse struct {
	Scale float32
	Ratio float64
}

func (worse) Needs(float64) []Condition { return []Condition{Cond, "worse"} }

func (g worse) Variants() []Variant {
	return []Variant{{Name: "worse", UNet: func(u *unet.UNet) (*unet.UNet, error) {
		return u.WithTokenMerging(unet.TokenMerging{Ratio: g.Ratio})
	}}}
}

func (g worse) Guide(_ context.Context, p *Predictions) (sampler.Estimate, error) {
	good, bad := p.Denoised(Cond), p.Denoised("worse")
	out := make([]float32, len(good))
	for i, d := range good {
		out[i] = d + g.Scale*(d-bad[i])
	}
	return sampler.Estimate{Denoised: out}, nil
}

// An image guided by a variant is the same alone, in a batch, and in a run that was saved,
// also with features that are reused, and stands inside all that takes a Guider.
func TestVariantGuider(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	pag := PerturbedAttention{Guider: ClassifierFree{Scale: 3}, Interval: Interval{Low: 1}}
	for _, g := range []Guider{
		worse{Scale: 2, Ratio: 0.5},
		LimitedInterval{Guider: Rescaled{Share: 0.5, Guider: &pag}, Interval: Interval{Low: 0.5}},
		Thresholded{Guider: SmoothedEnergy{Guider: pag, Layers: []string{"down", "mid"}}},
		Scheduled{Guider: pag, Scale: LinearScale{1, 4}},
	} {
		for _, reuse := range []Reuse{{}, {Interval: 2}} {
			o := quick(4)
			o.Guider, o.Reuse = g, reuse
			two := *o
			two.Images = 2
			var state []byte
			two.OnStep = func(s Step) (err error) {
				if s.Step == 2 {
					state, err = s.Save()
				}
				return err
			}
			both, err := p.TextToImage(t.Context(), prompt, &two)
			require.NoError(t, err)
			o.Seed++
			second, err := p.TextToImage(t.Context(), prompt, o)
			require.NoError(t, err)
			assert.Equal(t, second.Images[0], both.Images[1])
			two.Resume = state
			resumed, err := p.TextToImage(t.Context(), prompt, &two)
			require.NoError(t, err)
			assert.Equal(t, both.Images, resumed.Images)
			o.Guider = nil
			plain, err := p.TextToImage(t.Context(), prompt, o)
			require.NoError(t, err)
			assert.NotEqual(t, plain.Images[0].Pix, second.Images[0].Pix)
		}
	}
}

// varied is a Guider with variants that are wrong.
type variedGuider struct {
	Unguided
	list []Variant
}

func (g variedGuider) Variants() []Variant { return g.list }

func TestVariantErrors(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	other := load(t, "tiny-sd15", nil)
	many := make([]Variant, 9)
	for i := range many {
		many[i].Name = Condition(fmt.Sprint("v", i))
	}
	for _, tt := range []struct {
		guider Guider
		want   string
	}{
		{PerturbedAttention{Layers: []string{"left"}}, `diffusion: guider: unet: perturbation: have layer "left", which matches no self-attention`},
		{PerturbedAttention{Scale: -1}, "diffusion: guider: perturbed attention: have a Scale of -1, want 0 to 1000"},
		{PerturbedAttention{Decay: -1}, "perturbed attention: have Decay -1, want 0 or more"},
		{PerturbedAttention{Interval: Interval{Low: 3, High: 2}}, "perturbed attention: have Interval 3 to 2"},
		{SmoothedEnergy{Blur: -1}, "smoothed energy: have Blur -1, want more than 0, or 0 for infinite"},
		{SmoothedEnergy{Guider: PerturbedAttention{Scale: 2e3}}, "perturbed attention: have a Scale of 2000"},
		{variedGuider{list: []Variant{{Name: Cond}}}, `have a variant called "cond", want another name than "cond" and "uncond"`},
		{variedGuider{list: []Variant{{}}}, `have a variant called ""`},
		{variedGuider{list: []Variant{{Name: "a", Words: "b"}}}, `"a": have words of "b", want "cond" or "uncond"`},
		{variedGuider{list: many}, "have more than 8 variants"},
		{variedGuider{list: []Variant{{Name: "a", UNet: func(*unet.UNet) (*unet.UNet, error) { return other.UNet, nil }}}}, `"a": have a U-Net that does not share the run's weights`},
		{variedGuider{list: []Variant{{Name: "a", UNet: func(*unet.UNet) (*unet.UNet, error) { return nil, nil }}}}, `"a": have a U-Net that does not share`},
	} {
		o := quick(2)
		o.Guider = tt.guider
		_, err := p.TextToImage(t.Context(), prompt, o)
		assert.ErrorContains(t, err, tt.want)
		assert.ErrorIs(t, err, ErrOptions)
	}
}

// Lists of layers that are not the same are not the same prediction, whatever is in them.
func TestPerturbedNames(t *testing.T) {
	seen := map[Condition]bool{}
	for _, layers := range [][]string{{"a", "b"}, {"a,b"}, {`"a,b"`}, {`"a`, `b"`}, {"a", ""}, {"a"}, {""}, nil} {
		for _, g := range []VariantGuider{PerturbedAttention{Layers: layers}, SmoothedEnergy{Layers: layers}} {
			name := g.Variants()[0].Name
			assert.False(t, seen[name], "%q", name)
			seen[name] = true
		}
	}
	assert.Equal(t, Condition("perturbed mid"), PerturbedAttention{}.condition())
	assert.Equal(t, PerturbedAttention{}.condition(), PerturbedAttention{Layers: []string{"mid"}}.condition())
}

// A plan has the calls of the variants, and each has its own.
func TestVariantPlan(t *testing.T) {
	p := load(t, "tiny-sd15", nil)
	o := quick(2)
	plain, err := p.Plan(o)
	require.NoError(t, err)
	o.Guider = PerturbedAttention{}
	pag, err := p.Plan(o)
	require.NoError(t, err)
	require.Len(t, plain.Parts, 3)
	require.Len(t, pag.Parts, 5) // uncond, the weaker one, cond
	flops := func(part *PartPlan) (sum float64) {
		for _, s := range part.Steps {
			sum += s.FLOPs
		}
		return sum
	}
	assert.Less(t, flops(pag.Parts[2]), flops(pag.Parts[1]))
	assert.Equal(t, flops(pag.Parts[1]), flops(pag.Parts[3]))
	o.FreeU.B1 = -1
	_, err = p.Plan(o)
	assert.ErrorContains(t, err, "diffusion: unet: FreeU: have B1 -1")
}
