package unet

import "fmt"

// Features are what a [T2IAdapter] adds to the U-Net's way down (Mou et al. 2023, section
// 3.2), as tensors or as nodes of a graph.
//
// https://arxiv.org/abs/2302.08453
type Features[T comparable] struct {
	// Levels [N C H W] are for the levels from the top on; those below get none if there
	// are fewer. A feature is added to the output of a level's last block: where the level
	// has attention before the convolution that leads to the next, and else after it.
	Levels []T
	// Mid [N C H W] is added to the middle block's output, as Stable Diffusion XL's
	// adapters do. With the zero value nothing is added there.
	Mid T
}

// featureCount is which features there are, as a part of a plan's key.
type featureCount struct {
	levels int
	mid    bool
}

func countOf[T comparable](f *Features[T]) (n featureCount) {
	var none T
	if f != nil {
		n.levels, n.mid = len(f.Levels), f.Mid != none
	}
	return n
}

// featureName is the name of a plan's input.
func featureName(i int) string { return fmt.Sprintf("feature_%d", i) }

// featureFields returns the fields of as many features for latents [n c h w], -1 standing
// for a size that is not known.
func featureFields[T comparable](u *UNet, f *Features[T], count featureCount, latents dims) ([]field[T], error) {
	if have, most := count.levels, len(u.Config.BlockOutChannels); have > most {
		return nil, fmt.Errorf("features: have %d for the way down, want at most %d, one for each level", have, most)
	}
	n, h, w := latents[0], latents[2], latents[3]
	var all []field[T]
	last := 0
	for _, l := range u.downs {
		if h > 0 {
			h, w = l.size(h, w)
		}
		last = l.out
		if i := l.feature - 1; i >= 0 && i < count.levels {
			all = append(all, field[T]{name: featureName(i), at: &f.Levels[i], shape: []int{n, l.out, h, w}, needed: true})
		}
	}
	if count.mid {
		all = append(all, field[T]{name: "mid_feature", at: &f.Mid, shape: []int{n, last, h, w}, needed: true})
	}
	return all, nil
}
