package diffusion

import (
	"errors"

	"sdgo/internal/control"
	"sdgo/internal/ldm"
	"sdgo/internal/loader"
)

// tellControl tells a network that steers a model by pictures.
func (r *Report) tellControl(file *loader.Folder) {
	r.Name = "a ControlNet" + forText(textWidth(file))
	if r.Family == "t2i-adapter" {
		r.Name = "a T2I-Adapter"
	}
	_, models, fates, err := control.Find(file, r.Path)
	if errors.Is(err, ldm.ErrNoControlNet) {
		return // as the name of the whole is a problem already
	}
	if err != nil {
		r.problem(err)
		return
	}
	if r.Family == "t2i-adapter" || textWidth(file) == 0 {
		r.Name += " for " + models
	}
	r.Tensors = nil
	r.list(file, fates)
	for i := range r.Tensors {
		if r.Tensors[i].Part != "" {
			r.Tensors[i].Part = "control"
		}
	}
	r.Use = "Pipeline.LoadControl, -control FILE"
}
