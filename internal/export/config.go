package export

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sdgo/internal/ggml"
	"sdgo/internal/ldm"
	"sdgo/internal/pyjson"
	"sdgo/safetensors/checkpoint"
)

// version is that of the diffusers whose files these are like.
const version = `"0.42.1"`

// defaultsText has the arguments of the classes' constructors in diffusers 0.42.1 and
// transformers 5.23, with which their save_pretrained fills a config.json: of the text
// encoder those that differ from transformers' for all models.
//
//go:embed defaults.json
var defaultsText []byte

var defaults = sync.OnceValues(func() (d map[string]map[string]json.RawMessage, err error) {
	err = json.Unmarshal(defaultsText, &d)
	return d, err
})

// classes are the classes of the parts, as model_index.json has them.
var classes = map[string][2]string{
	ldm.TextEncoder:  {"transformers", "CLIPTextModel"},
	ldm.TextEncoder2: {"transformers", "CLIPTextModelWithProjection"},
	ldm.UNet:         {"diffusers", "UNet2DConditionModel"},
	ldm.VAE:          {"diffusers", "AutoencoderKL"},
	"tokenizer":      {"transformers", "CLIPTokenizer"},
	"tokenizer_2":    {"transformers", "CLIPTokenizer"},
}

// classOf is the class of a part: a VAE may be another that the pipelines take in its place.
func classOf(part string, src checkpoint.Source) [2]string {
	class := classes[part]
	var config struct {
		Class string `json:"_class_name"`
	}
	if err := json.Unmarshal(src.Config(), &config); err == nil && part == ldm.VAE && config.Class != "" {
		class[1] = config.Class
	}
	return class
}

// words reads a JSON object as Python writes it.
func words(text []byte) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := pyjson.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

// config is the config.json of a part: what it has, and the defaults of its class for the
// rest.
func (w *writing) config(part string, src checkpoint.Source) ([]byte, error) {
	all, err := defaults()
	if err != nil {
		return nil, err
	}
	var have map[string]json.RawMessage
	if err := json.Unmarshal(src.Config(), &have); err != nil {
		return nil, err
	}
	class := classOf(part, src)[1]
	text := strings.HasPrefix(class, "CLIPText")
	base := class
	if text {
		base = "CLIPTextModel"
	}
	config := make(map[string]json.RawMessage)
	for key, value := range all[base] {
		config[key] = value
	}
	for key, value := range have {
		config[key] = value
	}
	if text {
		config["architectures"] = json.RawMessage(fmt.Sprintf("[%q]", class))
		delete(config, "dtype")
		config["torch_dtype"] = json.RawMessage(fmt.Sprintf("%q", w.torch(src)))
	} else {
		config["_class_name"] = json.RawMessage(fmt.Sprintf("%q", class))
		config["_diffusers_version"] = json.RawMessage(version)
	}
	if part == ldm.UNet {
		for _, key := range []string{"layers_per_block", "transformer_layers_per_block", "attention_head_dim"} {
			config[key] = single(config[key])
		}
	}
	return pyjson.Indent(config)
}

// single is a list of equal numbers as one of them, which diffusers takes for it.
func single(raw json.RawMessage) json.RawMessage {
	var list []int
	if json.Unmarshal(raw, &list) != nil || len(list) == 0 || slices.ContainsFunc(list, func(n int) bool { return n != list[0] }) {
		return raw
	}
	return json.RawMessage(fmt.Sprint(list[0]))
}

// torch is the name that torch has for the type of the tensors, or of the most exact of
// them.
func (w *writing) torch(src checkpoint.Source) string {
	types := map[ggml.Type]bool{}
	for _, name := range src.Names() {
		_, stored, _ := src.Tensor(name)
		types[w.dtype.of(stored)] = true
	}
	switch {
	case len(types) == 1 && types[ggml.F16]:
		return "float16"
	case len(types) == 1 && types[ggml.BF16]:
		return "bfloat16"
	}
	return "float32"
}
