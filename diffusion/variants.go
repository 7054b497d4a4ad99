package diffusion

import (
	"fmt"
	"slices"

	"sdgo/internal/model"
	"sdgo/unet"
)

// Variant is a condition of a Guider's own: what the U-Net predicts with the words of
// another when it works otherwise.
type Variant struct {
	// Name is that of the prediction, neither Cond nor Uncond. What has one name is one.
	Name Condition

	// Words is whose words are read: Cond or Uncond. Empty means Cond.
	Words Condition

	// UNet returns the U-Net that predicts it, which shares the weights with u, the one of
	// the run: u.WithPerturbation, say, or u.WithFreeU. It is called once in each run. Nil
	// means u itself.
	UNet func(u *unet.UNet) (*unet.UNet, error)
}

// VariantGuider is a [Guider] that needs predictions of variants of the U-Net, each of which
// costs as much as another. A Guider of the caller's own around another one has the method
// to hand on what that returns, see [VariantsOf].
type VariantGuider interface {
	Guider

	// Variants are what Needs may name beside Cond and Uncond, 8 at most. It is asked once
	// in each run.
	Variants() []Variant
}

// VariantsOf returns the variants that a Guider needs: none if it is no VariantGuider.
func VariantsOf(g Guider) []Variant {
	if v, ok := g.(VariantGuider); ok {
		return v.Variants()
	}
	return nil
}

// maxVariants bounds the ways in which the conditions of a call are chosen.
const maxVariants = 8

// variants are those of a Guider as conditions that a U-Net is asked with.
func variants(g Guider, own *unet.UNet) (list []another, err error) {
	for _, v := range VariantsOf(g) {
		if v.Words == "" {
			v.Words = Cond
		}
		switch {
		case v.Name == "" || v.Name == Cond || v.Name == Uncond:
			return nil, badOption("Guider", "have a variant called %q, want another name than %q and %q", v.Name, Cond, Uncond)
		case v.Words != Cond && v.Words != Uncond:
			return nil, badOption("Guider", "%.100q: have words of %.100q, want %q or %q", v.Name, v.Words, Cond, Uncond)
		case slices.ContainsFunc(list, func(o another) bool { return o.name == v.Name }):
			continue
		case len(list) == maxVariants:
			return nil, badOption("Guider", "have more than %d variants", maxVariants)
		}
		a := another{name: v.Name, words: v.Words}
		if v.UNet != nil {
			if a.net, err = v.UNet(own); err != nil {
				return nil, wrong("Guider", fmt.Errorf("diffusion: guider: %w", err))
			}
			if a.net == nil || !model.Of(a.net).Same(model.Of(own)) {
				return nil, badOption("Guider", "%.100q: have a U-Net that does not share the run's weights, want one made of that by one of its methods", v.Name)
			}
		}
		list = append(list, a)
	}
	return list, nil
}

// Variants implements [VariantGuider].
func (g Rescaled) Variants() []Variant { return VariantsOf(g.Guider) }

// Variants implements [VariantGuider].
func (g LimitedInterval) Variants() []Variant { return VariantsOf(g.Guider) }

// Variants implements [VariantGuider].
func (g Scheduled) Variants() []Variant { return VariantsOf(g.Guider) }

// Variants implements [VariantGuider].
func (g Thresholded) Variants() []Variant { return VariantsOf(g.Guider) }

// Variants implements [VariantGuider].
func (g plusPlus) Variants() []Variant { return VariantsOf(g.Guider) }
