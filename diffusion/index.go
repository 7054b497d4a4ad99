package diffusion

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"sdgo/internal/config"
	"sdgo/internal/loader"
	"sdgo/internal/regular"
)

const (
	indexFile = "model_index.json"
	maxParts  = 1000 // the largest pipelines of diffusers have 20
)

// index is a pipeline's model_index.json: which class each part has. The pipeline's
// own class says what task it was saved for, which does not matter here.
type index struct {
	class    string // "" if there is none
	name     string // where it came from, or ""
	parts    map[string]string
	warnings []string

	xl        bool // Stable Diffusion XL
	zeroEmpty bool // force_zeros_for_empty_prompt
	more      indexMore
}

// ours are the parts that we run, with the classes that they may have. A part that
// model_index.json does not list is taken from its folder.
var ours = map[string][]string{
	"tokenizer":    {"CLIPTokenizer", "CLIPTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"},
	"text_encoder": {"CLIPTextModel", "CLIPTextModelWithProjection", "CLIPModel"},
	"unet":         {"UNet2DConditionModel"},
	"vae":          {"AutoencoderKL", "AutoencoderTiny"},
	"scheduler":    nil, // package scheduler knows them
}

// oursXL are those that Stable Diffusion XL has beside them.
var oursXL = map[string][]string{
	"tokenizer_2":    ours["tokenizer"],
	"text_encoder_2": {"CLIPTextModelWithProjection"},
}

// spare are parts that make no difference to a picture of a prompt. (The safety checker
// blackens some after they were made.)
var spare = map[string]bool{"safety_checker": true, "feature_extractor": true, "image_encoder": true, "inverse_scheduler": true}

// telling are parts that other models have, and words in the names of pipelines, with
// what they tell of the model.
var telling = []struct{ part, word, what string }{
	{"text_encoder_3", "StableDiffusion3", "Stable Diffusion 3"},
	{"transformer", "Flux", "a diffusion transformer, such as Flux"},
	{"image_normalizer", "UnCLIP", "unCLIP, which reads an embedding of an image"},
	{"prior", "Prior", "a model with a prior"},
	{vqPart, "LDM", "an early latent diffusion model"},
	{"movq", "Kandinsky", "Kandinsky"},
	{"vocoder", "Audio", "a model for sound"},
	{"qformer", "Blip", "BLIP Diffusion"},
}

// readIndex reads model_index.json and wants the parts to be those that we run, but for
// those that the caller names.
func readIndex(ctx context.Context, fsys fs.FS, o *LoadOptions) (*index, error) {
	var keys map[string]json.RawMessage
	if err := loader.ReadJSON(ctx, fsys, indexFile, &keys); err != nil {
		return nil, err
	}
	if len(keys) > maxParts {
		return nil, fmt.Errorf("%s: have %d keys, want at most %d", indexFile, len(keys), maxParts)
	}
	x := &index{parts: make(map[string]string)}
	var err error
	if x.class, err = config.ClassName(keys["_class_name"]); err != nil {
		return nil, fmt.Errorf("%s: _class_name: %w", indexFile, err)
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		class, ok := partClass(keys[key])
		_, known := ours[key]
		_, second := oursXL[key]
		switch known = known || second; {
		case ok && (known || key == vqPart), ok && class != "" && isDir(fsys, key):
			x.parts[key] = class
		case known:
			return nil, fmt.Errorf("%s: %s: have %.80s, want [library, class]", indexFile, key, strings.Join(strings.Fields(string(keys[key])), " "))
		}
	}
	if json.Unmarshal(keys["_name_or_path"], &x.name) != nil { // of another kind: it says nothing
		x.name = ""
	}
	if x.zeroEmpty, err = forcesZeros(keys["force_zeros_for_empty_prompt"]); err != nil {
		return nil, fmt.Errorf("%s: force_zeros_for_empty_prompt: %w", indexFile, err)
	}
	if x.more, err = readIndexMore(keys); err != nil {
		return nil, fmt.Errorf("%s: %w", indexFile, err)
	}
	x.xl = x.isXL(fsys)
	if err := x.check(fsys, o); err != nil {
		have := ""
		if x.class != "" {
			have = fmt.Sprintf("have a %.80q, ", x.class)
		}
		return nil, fmt.Errorf("%s: %swant a StableDiffusionPipeline or another with its parts: %w", indexFile, have, err)
	}
	return x, nil
}

// partClass reads how model_index.json names a part: as [library, class], or as
// [null, null] for one that is left out, whose class is "".
func partClass(raw json.RawMessage) (class string, ok bool) {
	var pair []*string
	if json.Unmarshal(raw, &pair) != nil || len(pair) != 2 {
		return "", false
	}
	if pair[0] == nil || pair[1] == nil {
		return "", true
	}
	return *pair[1], true
}

// forcesZeros reads force_zeros_for_empty_prompt, which diffusers takes as true where it
// is missing.
func forcesZeros(raw json.RawMessage) (bool, error) {
	if raw == nil {
		return true, nil
	}
	var yes *bool
	if json.Unmarshal(raw, &yes) != nil {
		return false, fmt.Errorf("have %.80s, want true or false", raw)
	}
	return yes != nil && *yes, nil
}

// isXL says whether this is Stable Diffusion XL, which has a second text encoder.
func (x *index) isXL(fsys fs.FS) bool {
	class, listed := x.parts["text_encoder_2"]
	return class != "" || !listed && (isDir(fsys, "text_encoder_2") || len(x.parts) == 0 && strings.Contains(x.class, "XL"))
}

// refiner says whether this is the refiner of Stable Diffusion XL, which has the second
// text encoder alone.
func (x *index) refiner() bool {
	class, listed := x.parts["text_encoder"]
	return x.xl && listed && class == ""
}

// varies says whether this is a model that reads embeddings of images in place of a text.
func (x *index) varies(fsys fs.FS) bool {
	return x.parts[imageEncoderFolder] != "" && x.parts["text_encoder"] == "" && !isDir(fsys, "text_encoder") && !x.xl
}

// wanted are the parts that the model must have.
func (x *index) wanted(fsys fs.FS) map[string][]string {
	if x.textless() {
		return x.wantedTextless()
	}
	parts := maps.Clone(ours)
	if x.varies(fsys) {
		parts[imageEncoderFolder] = []string{"CLIPVisionModelWithProjection"}
		delete(parts, "tokenizer")
		delete(parts, "text_encoder")
		return parts
	}
	if x.unclip() {
		parts[imageEncoderFolder] = []string{"CLIPVisionModelWithProjection"}
		parts[normalizerFolder] = []string{"StableUnCLIPImageNormalizer"}
		parts[noisingFolder] = nil // package scheduler knows them
	}
	if x.xl {
		maps.Copy(parts, oursXL)
	}
	if x.refiner() {
		delete(parts, "tokenizer")
		delete(parts, "text_encoder")
	}
	return parts
}

func isDir(fsys fs.FS, name string) bool {
	if !fs.ValidPath(name) {
		return false
	}
	mode, err := regular.Mode(fsys, name)
	return err == nil && mode.IsDir()
}

// check says which parts are missing, or tell that this is another model.
func (x *index) check(fsys fs.FS, o *LoadOptions) error {
	var problems []string
	problem := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, t := range telling {
		if t.part == vqPart && x.textless() {
			continue
		}
		if class := x.parts[t.part]; class != "" && !(t.part == normalizerFolder && x.unclip()) {
			problem("%s, %s, belongs to %s", t.part, config.Describe(class), t.what)
		} else if len(x.parts) == 0 && strings.Contains(x.class, t.word) {
			problem("this is %s", t.what)
		}
	}
	if strings.Contains(x.class, "LatentUpscale") {
		problem("this is a latent upscaler, whose U-Net has blocks of k-diffusion (KDownBlock2D, KCrossAttnDownBlock2D and others)")
	}
	wanted := x.wanted(fsys)
	for _, part := range slices.Sorted(maps.Keys(wanted)) {
		have, listed := x.parts[part]
		want := wanted[part]
		switch {
		case o.gives(part):
		case listed && have == "":
			problem("%s is null", part)
		case !listed && !isDir(fsys, part):
			problem("there is no %s", part)
		case listed && want != nil && !slices.Contains(want, strings.TrimPrefix(have, "Flax")):
			problem("%s is %s, want %s", part, config.Describe(have), want[0])
		}
	}
	if err := config.Verify(problems...); err != nil {
		return err
	}
	for _, part := range slices.Sorted(maps.Keys(x.parts)) {
		ofDepth := part == "feature_extractor" && x.parts["depth_estimator"] != "" // it prepares images for that
		if _, ok := wanted[part]; !ok && x.parts[part] != "" && part != lowResFolder && (!spare[part] || ofDepth) {
			x.warnings = append(x.warnings, fmt.Sprintf("%s: the part %.80q, %s, was left out", indexFile, part, config.Describe(x.parts[part])))
		}
	}
	return nil
}
