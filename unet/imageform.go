package unet

import (
	"encoding/json"
	"fmt"

	G "gorgonia.org/gorgonia"

	"sdgo/internal/nn"
)

// ImageForm is what the work of a prediction depends on of a picture that an adapter
// shows: how many tokens it has, whether there are masks, and the numbers, from 0 and in
// their order, of the CrossAttentions that see it.
type ImageForm struct {
	Tokens     int   `json:"tokens"`
	Masked     bool  `json:"masked"`
	Attentions []int `json:"attentions"`
}

// maxImageTokens bounds the tokens of a picture, and maxShown the pictures of a prediction.
const (
	maxImageTokens = 1 << 16
	maxShown       = 1 << 8
)

// WithImages returns a U-Net whose Check, Values, Plan and Split count pictures of these
// forms beside all else. It shares the weights with u and predicts the same. Closing one
// closes both.
func (u *UNet) WithImages(forms []ImageForm) (*UNet, error) {
	if err := u.loaded(); err != nil {
		return nil, err
	}
	if len(forms) > maxShown {
		return nil, fmt.Errorf("unet: images: have %d, want at most %d", len(forms), maxShown)
	}
	for i, f := range forms {
		if f.Tokens < 1 || f.Tokens > maxImageTokens {
			return nil, fmt.Errorf("unet: images: have %d tokens in number %d, want 1 to %d", f.Tokens, i, maxImageTokens)
		}
		for j, k := range f.Attentions {
			if k < 0 || k >= len(u.cross) || j > 0 && k <= f.Attentions[j-1] {
				return nil, fmt.Errorf("unet: images: have attentions %v in number %d, want increasing numbers from 0 to %d", f.Attentions, i, len(u.cross)-1)
			}
		}
	}
	counting := *u
	counting.images = imageKey(forms)
	return &counting, nil
}

// imageKey are forms as a text, which can be part of a plan's key; "" for none.
func imageKey(forms []ImageForm) string {
	if len(forms) == 0 {
		return ""
	}
	text, err := json.Marshal(forms)
	if err != nil {
		panic(err) // of numbers
	}
	return string(text)
}

// imageNodes adds the inputs for pictures of a key to a graph.
func (u *UNet) imageNodes(g *nn.Graph, key string, latents dims) *Images[*G.Node] {
	if key == "" {
		return nil
	}
	var forms []ImageForm
	if err := json.Unmarshal([]byte(key), &forms); err != nil {
		panic(err) // of our own
	}
	nodes := &Images[*G.Node]{Shown: make([]Shown[*G.Node], len(forms))}
	for i, f := range forms {
		s := &nodes.Shown[i]
		s.Keys, s.Values = make([]*G.Node, len(u.cross)), make([]*G.Node, len(u.cross))
		if f.Masked {
			s.Masks = make([]*G.Node, len(u.Config.BlockOutChannels))
		}
		for _, x := range imageFields(u, i, s, f, latents) {
			*x.at = g.Input(x.name, x.shape...)
		}
	}
	return nodes
}

// nodes are all that there are, in the order of their fields.
func (m *Images[T]) nodes() (all []T) {
	var none T
	if m == nil {
		return nil
	}
	for _, s := range m.Shown {
		for k := range s.Keys {
			if s.Keys[k] != none {
				all = append(all, s.Keys[k], s.Values[k])
			}
		}
		all = append(all, s.Masks...)
	}
	return all
}
