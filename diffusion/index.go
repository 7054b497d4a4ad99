package diffusion

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"sdgo/internal/loader"
	"sdgo/internal/nn"
)

// index is a pipeline's model_index.json: which class each part has. The pipeline's
// own class says what task it was saved for, which does not matter here.
type index struct {
	class    string // "" if there is none
	parts    map[string]partClass
	warnings []string
}

// partClass is how model_index.json names a part: as [library, class], or as
// [null, null] for one that is left out.
type partClass struct{ library, class string }

// ours are the parts that we run, with the classes that they may have. A part that
// model_index.json does not list is taken from its folder.
var ours = map[string][]string{
	"tokenizer":    {"CLIPTokenizer", "CLIPTokenizerFast"},
	"text_encoder": {"CLIPTextModel", "CLIPTextModelWithProjection", "CLIPModel"},
	"unet":         {"UNet2DConditionModel"},
	"vae":          {"AutoencoderKL"},
	"scheduler":    nil, // package scheduler knows them
}

// classes are pipelines whose parts need not be listed.
var classes = map[string]bool{
	"StableDiffusionPipeline":              true,
	"StableDiffusionImg2ImgPipeline":       true,
	"StableDiffusionInpaintPipeline":       true,
	"StableDiffusionInpaintPipelineLegacy": true,
}

// readIndex reads model_index.json and wants the parts to be those that we run.
func readIndex(fsys fs.FS) (*index, error) {
	const name = "model_index.json"
	var keys map[string]json.RawMessage
	if err := loader.ReadJSON(fsys, name, &keys); err != nil {
		return nil, err
	}
	x := &index{parts: make(map[string]partClass)}
	for key, raw := range keys {
		if key == "_class_name" {
			var err error
			if x.class, err = nn.ClassName(raw); err != nil {
				return nil, fmt.Errorf("%s: _class_name: %w", name, err)
			}
			continue
		}
		var pair []*string
		if json.Unmarshal(raw, &pair) == nil && len(pair) == 2 {
			x.parts[key] = partClass{text(pair[0]), text(pair[1])}
		}
	}
	if len(x.parts) == 0 && x.class != "" && !classes[x.class] {
		return nil, fmt.Errorf("%s: have a %q, want a StableDiffusionPipeline, or another whose parts are listed", name, x.class)
	}
	for _, part := range slices.Sorted(maps.Keys(ours)) {
		if err := x.check(part); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return x, nil
}

// check wants a part that is listed to have one of its classes.
func (x *index) check(part string) error {
	have, listed := x.parts[part]
	want := ours[part]
	class := strings.TrimPrefix(have.class, "Flax")
	if !listed || class != "" && (want == nil || slices.Contains(want, class)) {
		return nil
	}
	what := "none"
	if have.class != "" {
		what = "a " + have.class
	}
	if want == nil {
		want = []string{"one"}
	}
	return fmt.Errorf("the %s of this %s: have %s, want %s", part, x.name(), what, strings.Join(want, " or "))
}

func (x *index) name() string {
	if x.class == "" {
		return "pipeline"
	}
	return x.class
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
