package diffusion

import (
	"errors"
	"fmt"
	"strings"

	"sdgo/internal/ipadapter"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
)

// visionClasses are classes of models with an image encoder of CLIP in them, beside those
// of whole pipelines, with how they are used.
var visionClasses = map[string]string{
	"CLIPVisionModel": encoderUse, "CLIPVisionModelWithProjection": encoderUse, safetyClass: safetyUse,
}

const (
	safetyClass = "StableDiffusionSafetyChecker"
	encoderUse  = "clip.LoadImageEncoder, -image-encoder PATH"
	safetyUse   = "LoadSafetyChecker, -safety-checker FOLDER"
)

// tellIPAdapter tells an IP-Adapter by its kind, what it is for and what it reads.
func (r *Report) tellIPAdapter(file *loader.Folder) {
	about, err := ipadapter.Describe(file)
	if err != nil {
		r.problem(err)
		var face *ipadapter.FaceError
		if errors.As(err, &face) {
			r.Name = face.What + ", which reads the embedding of a face" + unsupported
		}
		return
	}
	r.Name = fmt.Sprintf("an %v%s, which reads an image encoder: %s", about.Kind, forText(about.Cross), encoderFor(about))
	r.Use = "Pipeline.LoadIPAdapter, -ip-adapter FILE"
	for i := range r.Tensors {
		if r.Tensors[i].Fate = Unused; ipadapter.Reads(r.Tensors[i].Name) {
			r.Tensors[i].Fate = Used
		}
	}
}

// tellVision tells an image encoder in a file by its size.
func (r *Report) tellVision(file *loader.Folder) {
	part, err := ldm.OpenVision(file)
	if err != nil {
		r.problem(err)
		return
	}
	var used []string
	for _, name := range part.Names() {
		used = append(used, part.From(name))
	}
	for i := range r.Tensors {
		r.Tensors[i].Fate = Unused
	}
	r.mark(used, Used)
	width := 0
	if shape, _, ok := part.Tensor("vision_model.embeddings.class_embedding"); ok && len(shape) == 1 {
		width = shape[0]
	}
	r.Name, r.Use = "an image encoder of CLIP"+visionName(width), encoderUse
	if r.Family == "safety-checker" {
		r.Name, r.Use = "the safety checker of Stable Diffusion 1", safetyUse
		for i := range r.Tensors {
			if strings.Contains(r.Tensors[i].Name, "_embeds") {
				r.Tensors[i].Fate = Used
			}
		}
	}
}

// visionName is the name of a published image encoder by its width, or "".
func visionName(width int) string {
	switch width {
	case 768:
		return ", ViT-B"
	case 1024:
		return ", ViT-L"
	case 1280:
		return ", ViT-H"
	case 1664:
		return ", ViT-bigG"
	}
	return ""
}
