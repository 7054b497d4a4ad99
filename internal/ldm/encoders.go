package ldm

import "slices"

// textPlaces is where tools put the text encoders, the original code's places first.
var textPlaces = map[string][]string{
	TextEncoder: {
		clipPrefix, openPrefix, firstSGM, textPrefix,
		"text_encoder.", "te.", "te1.", "te.0.transformer.",
		"clip_l.transformer.", "clip_l.", "clip_h.transformer.", "clip_h.",
		"text_encoders.clip_l.transformer.", "text_encoders.clip_l.", "text_encoders.clip_h.transformer.", "text_encoders.clip_h.",
	},
	TextEncoder2: {
		secondSGM, sgmPrefix + "1.transformer.", refinerSGM, sgmPrefix + "0.open_clip.model.", sgmPrefix + "0.open_clip.",
		textPrefix + "1.transformer.", textPrefix + "1.model.",
		"text_encoder_2.", "te2.", "te.1.transformer.", "te.1.",
		"clip_g.transformer.", "clip_g.", "text_encoders.clip_g.transformer.", "text_encoders.clip_g.",
	},
}

// The names that tell a text encoder: of transformers, also without what the oldest files
// lack, and of OpenCLIP.
const (
	tokenTable = "token_embedding.weight"
	clipSign   = textModel + "embeddings." + tokenTable
	oldSign    = "embeddings." + tokenTable
)

// found looks for a text encoder behind one of the prefixes, in whatever names.
func (f *file) found(prefixes []string) (prefix string, open, ok bool) {
	for _, p := range prefixes {
		switch {
		case f.has(p + clipSign), f.has(p + oldSign):
			return p, false, true
		case f.has(p + tokenTable):
			return p, true, true
		}
	}
	return "", false, false
}

// hasEncoder says whether there is a text encoder of that name.
func (f *file) hasEncoder(name string) bool {
	_, _, ok := f.found(textPlaces[name])
	return ok
}

// locate returns the text encoders of a family where the file has them. One that is not
// found has the place of the original code.
func (f *file) locate(family Family) map[string]encoder {
	located := encoders(family)
	for name, e := range located {
		prefix, open, ok := f.found(textPlaces[name])
		if ok {
			e.prefix, e.open = prefix, open
			located[name] = e
		}
	}
	return located
}

// Parts are those of a model of a family, the U-Net first.
func Parts(family Family) []string {
	parts := []string{UNet, VAE}
	for _, name := range []string{TextEncoder, TextEncoder2} {
		if _, ok := encoders(family)[name]; ok {
			parts = append(parts, name)
		}
	}
	return parts
}

// holds says whether the file has a part, or some of it in the place of the original code.
func (f *file) holds(part string, family Family) bool {
	switch part {
	case UNet:
		return f.has(convInWeight)
	case VAE:
		return f.under(vaePrefix+"decoder.") || f.under(vaePrefix+"encoder.")
	}
	return f.hasEncoder(part) || f.under(encoders(family)[part].prefix)
}

// given says whether a part comes from elsewhere.
func (o Options) given(part string) bool { return slices.Contains(o.Given, part) }
