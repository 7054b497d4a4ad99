package diffusion

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"sdgo/internal/config"
	"sdgo/internal/loader"
	"sdgo/internal/regular"
)

// describeFolder says what a folder without a model_index.json is, or "" if nothing
// tells. It is for error messages.
func describeFolder(ctx context.Context, fsys fs.FS) string {
	var found struct {
		Class         json.RawMessage `json:"_class_name"`
		Architectures []string        `json:"architectures"`
		ModelType     string          `json:"model_type"`
	}
	if err := loader.ReadJSON(ctx, fsys, "config.json", &found); err == nil {
		class, _ := config.ClassName(found.Class)
		switch {
		case class != "":
			return "the folder of " + config.Describe(class) + " alone"
		case len(found.Architectures) > 0:
			return "the folder of " + config.Describe(found.Architectures[0]) + " alone"
		case found.ModelType != "":
			return fmt.Sprintf("the folder of a model of type %.80q", found.ModelType)
		}
		return "the folder of one model alone"
	}
	for _, sign := range signs {
		if _, err := regular.Mode(fsys, sign.file); err == nil {
			return sign.what
		}
	}
	entries, _ := regular.ReadDir(fsys, ".")
	checkpoint := ""
	var parts []string
	for _, e := range entries {
		name := e.Name()
		switch _, part := ours[name]; {
		case !e.IsDir() && singleFile(name):
			checkpoint = name
		case !e.IsDir():
		case part:
			parts = append(parts, name)
		case strings.HasPrefix(name, "models--"):
			return hubCache
		default:
			if _, err := regular.Mode(fsys, path.Join(name, indexFile)); err == nil {
				return fmt.Sprintf("a folder around that of a model, %.80q", name)
			}
		}
	}
	switch {
	case checkpoint != "":
		return fmt.Sprintf("a folder with a checkpoint in one file, %.80q, which can be loaded itself", checkpoint)
	case len(parts) > 0:
		return fmt.Sprintf("a folder with %s and no %s, which save_pretrained of diffusers' pipeline writes", strings.Join(parts, ", "), indexFile)
	case len(entries) == 0:
		return "an empty folder"
	}
	return ""
}

// hubCache is what the hub's client makes of models.
const hubCache = "a folder of the Hugging Face cache, whose models are the folders in models--…/snapshots"

// signs are files that tell what their folder is.
var signs = []struct{ file, what string }{
	{"scheduler_config.json", "the folder of a scheduler alone"},
	{"tokenizer_config.json", "the folder of a tokenizer alone"},
	{"vocab.json", "the folder of a tokenizer alone"},
	{"tokenizer.json", "the folder of a tokenizer alone"},
	{"adapter_config.json", "the folder of a LoRA"},
	{"pytorch_lora_weights.safetensors", "the folder of a LoRA"},
	{"pytorch_lora_weights.bin", "the folder of a LoRA"},
	{"learned_embeds.safetensors", "the folder of a textual inversion"},
	{"learned_embeds.bin", "the folder of a textual inversion"},
	{"ip-adapter_sd15.safetensors", "the folder of an IP-Adapter"},
	{"ip-adapter_sd15.bin", "the folder of an IP-Adapter"},
	{"modular_model_index.json", "the folder of a modular pipeline"},
	{"snapshots", hubCache},
}

// singleFile says whether a file's name is that of a checkpoint in one file.
func singleFile(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".safetensors", ".ckpt", ".pt", ".pth", ".gguf":
		return true
	}
	return false
}
