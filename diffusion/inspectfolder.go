package diffusion

import (
	"context"
	"encoding/json"
	"io/fs"
	"slices"
	"strings"

	"sdgo/internal/config"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/internal/regular"
)

// readOtherFolder reports on a folder that is no pipeline's, or not a whole one: refusal
// says why.
func (r *Report) readOtherFolder(ctx context.Context, g origin, refusal error, o *LoadOptions) error {
	ctx, x, done, err := r.examine(ctx, o)
	if err != nil {
		return err
	}
	defer done()
	class, dirs := looksLike(ctx, g.fsys)
	if len(dirs) == 0 {
		if found, err := r.readFileIn(ctx, g.fsys, refusal); found || err != nil {
			return err
		}
	}
	if class == "" && len(dirs) == 0 {
		return refusal
	}
	r.problem(refusal)
	x.failed = true
	f := &modelFiles{}
	for _, part := range []string{ldm.TextEncoder, ldm.TextEncoder2, imageEncoderFolder, ldm.UNet, ldm.VAE} {
		dir, ok := dirs[part]
		if !ok {
			continue
		}
		src, err := loader.Open(ctx, kinds[part], g.fsys, dir, variantIn(g.fsys, dir, kinds[part], o.Variant))
		if err != nil {
			r.problem(err)
			continue
		}
		if part == ldm.UNet {
			f.family = familyOf(src.Config())
		}
		file := r.Path
		if s, ok := src.(interface{ Path() string }); ok {
			file = s.Path()
		}
		x.part(ctx, part, src, file, false)
	}
	x.finish(f)
	if r.Family == "" {
		r.Family, r.Name = familyOfClass(class), config.Describe(class)+fits(x.p.TextEncoder)+fits(x.p.TextEncoder2)
	}
	if len(r.Parts) == 1 && len(r.Missing) == 0 {
		r.useParts(r.Parts[0].Name)
	}
	if class == safetyClass {
		r.Use = safetyUse
		for i := range r.Tensors {
			if strings.Contains(r.Tensors[i].Name, "_embeds") {
				r.Tensors[i].Fate = Used
			}
		}
	}
	return nil
}

// others are the files of folders that are no part of a model: of adapters, of textual
// inversions, and of networks such as a ControlNet.
var others = []string{
	"pytorch_lora_weights.safetensors", "adapter_model.safetensors", "pytorch_lora_weights.bin", "adapter_model.bin",
	"learned_embeds.safetensors", "learned_embeds.bin", "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin",
}

// readFileIn reports on the first of others in a folder, if there is one.
func (r *Report) readFileIn(ctx context.Context, fsys fs.FS, refusal error) (found bool, err error) {
	for _, name := range others {
		if _, err := regular.Mode(fsys, name); err != nil {
			continue
		}
		file, err := loader.OpenFile(ctx, fsys, name)
		if err != nil {
			return true, err
		}
		defer file.Close()
		r.problem(refusal)
		r.readOther(file, nil)
		return true, nil
	}
	ip := ipFiles{fsys: fsys, name: "."}
	if ip.enter() != nil {
		return false, nil
	}
	file, err := loader.OpenFile(ctx, fsys, ip.name)
	if err != nil {
		return true, err
	}
	defer file.Close()
	r.problem(refusal)
	r.readOther(file, nil)
	return true, nil
}

// looksLike says what class a folder's index or configuration names, and where parts of a
// model are in it.
func looksLike(ctx context.Context, fsys fs.FS) (class string, dirs map[string]string) {
	dirs = make(map[string]string)
	for part := range kinds {
		if part != imageEncoderFolder && isDir(fsys, part) {
			dirs[part] = part
		}
	}
	var keys struct {
		Class         json.RawMessage `json:"_class_name"`
		Architectures []string        `json:"architectures"`
	}
	if loader.ReadJSON(ctx, fsys, indexFile, &keys) == nil {
		class, _ = config.ClassName(keys.Class)
		return class, dirs
	}
	if loader.ReadJSON(ctx, fsys, "config.json", &keys) != nil {
		return "", dirs
	}
	if class, _ = config.ClassName(keys.Class); class == "" && len(keys.Architectures) > 0 {
		class = keys.Architectures[0]
	}
	if class == oursXL[ldm.TextEncoder2][0] { // the first encoder of no published model
		return class, map[string]string{ldm.TextEncoder2: "."}
	}
	if visionClasses[class] != "" {
		dirs[imageEncoderFolder] = "."
	}
	for part, classes := range ours {
		if _, hasWeights := kinds[part]; hasWeights && slices.Contains(classes, class) {
			dirs[part] = "."
		}
	}
	return class, dirs
}

// familyOfClass is the word for a class of diffusers.
func familyOfClass(class string) string {
	for _, c := range []struct{ word, family string }{
		{"StableDiffusion3", "sd3"}, {"SD3", "sd3"}, {"Flux2", "flux2"}, {"Flux", "flux"}, {"PixArt", "pixart"}, {"Wan", "wan"},
		{"Lumina", "lumina"}, {"AuraFlow", "auraflow"}, {"HunyuanDiT", "hunyuan-dit"}, {"HunyuanVideo", "hunyuan-video"},
		{"Sana", "sana"}, {"QwenImage", "qwen-image"}, {"Cosmos", "cosmos"}, {"LTX", "ltx"}, {"Mochi", "mochi"},
		{"CogVideo", "cogvideo"}, {"HiDream", "hidream"}, {"Chroma", "chroma"}, {"Kandinsky", "kandinsky"},
		{"StableCascade", "cascade"}, {"Wuerstchen", "cascade"}, {"StableVideo", "svd"}, {"ControlNet", "controlnet"},
		{"T2IAdapter", "t2i-adapter"}, {"Motion", "motion"}, {"Autoencoder", "vae"}, {"VQModel", "vae"}, {"CLIPText", "text-encoder"},
		{"CLIPVision", "vision"}, {safetyClass, "safety-checker"},
	} {
		if strings.Contains(class, c.word) {
			return c.family
		}
	}
	return ""
}
