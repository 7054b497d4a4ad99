package diffusion

import (
	"context"
	"fmt"
	"io/fs"
	"strings"

	"sdgo/internal/ldm"
	"sdgo/internal/loader"
	"sdgo/safetensors/checkpoint"
)

// openSingleFile opens a checkpoint in one file of fsys, in the layout of the original
// code.
func openSingleFile(ctx context.Context, fsys fs.FS, name string, o *LoadOptions) (_ *modelFiles, err error) {
	if o.Variant != "" {
		return nil, wrong("Variant", fmt.Errorf("variant: have %.80q, want none for a model in one file", o.Variant))
	}
	file, err := loader.OpenFile(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	m, err := openLDM(ctx, file, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, architecture(file, err))
	}
	beside, err := readBeside(ctx, fsys, name)
	if err != nil {
		return nil, err
	}
	f := &modelFiles{family: m.Family, close: file.Close}
	prediction := choosePrediction(m, o, beside, file.Metadata())
	if prediction.warning != "" {
		f.warnings = append(f.warnings, name+": "+prediction.warning)
	}
	if err := beside.apply(m, prediction.kind, o); err != nil {
		return nil, fmt.Errorf("%s: %w", beside.name, err)
	}
	for _, w := range m.Warnings() {
		f.warnings = append(f.warnings, name+": "+w)
	}
	if f.schedule, err = beside.schedule(m.Family, prediction.kind); err != nil {
		return nil, fmt.Errorf("%s: %w", beside.name, err)
	}
	f.warnings = append(f.warnings, beside.warnings...)
	f.open = func(_ context.Context, part string) (checkpoint.Source, error) { return m.Parts[part], nil }
	if err := f.singleTokenizers(ctx, fsys, o); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return f, nil
}

// architecture adds to an error what a file of GGUF says of its model, if that is none of
// Stable Diffusion's.
func architecture(file *loader.Folder, err error) error {
	switch what := file.Metadata()["general.architecture"]; what {
	case "", "sd1", "sdxl":
		return err
	default:
		return fmt.Errorf("general.architecture is %.80q: %w", what, err)
	}
}

// schedules are the schedulers of the published models of a family.
var schedules = map[ldm.Family]map[string]any{
	ldm.SD1: {
		"_class_name": "PNDMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
		"beta_schedule": "scaled_linear", "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1,
	},
	ldm.SD2: {
		"_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
		"beta_schedule": "scaled_linear", "set_alpha_to_one": false, "clip_sample": false, "steps_offset": 1,
	},
	ldm.SDXL:        scheduleXL,
	ldm.SDXLRefiner: scheduleXL,
}

var scheduleXL = map[string]any{
	"_class_name": "EulerDiscreteScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
	"beta_schedule": "scaled_linear", "interpolation_type": "linear", "steps_offset": 1, "timestep_spacing": "leading",
}

// The kinds of predictions, in diffusers' words.
const (
	epsilon     = "epsilon"
	vPrediction = "v_prediction"
)

// checkPrediction wants LoadOptions.Prediction to be one of them.
func (o *LoadOptions) checkPrediction() error {
	switch o.Prediction {
	case "", epsilon, vPrediction:
		return nil
	}
	return wrong("Prediction", fmt.Errorf("diffusion: load: prediction: have %.80q, want %s or %s", o.Prediction, epsilon, vPrediction))
}

// prediction is what a model predicts, and how sure that is.
type prediction struct{ kind, warning string }

// choosePrediction says what a model predicts: what the caller says, else a file beside
// it, its tensors, its metadata, or else the published models of the family. Those of
// Stable Diffusion 2 differ: of 768 pixels they predict v, of 512, with a mask or with
// depth, the noise.
func choosePrediction(m *ldm.Model, o *LoadOptions, b *beside, metadata map[string]string) prediction {
	switch {
	case o.Prediction != "":
		return prediction{kind: o.Prediction}
	case b.prediction != "":
		return prediction{kind: b.prediction}
	case m.V:
		return prediction{kind: vPrediction}
	}
	if kind := fromMetadata(metadata); kind != "" {
		return prediction{kind: kind}
	}
	if m.Family != ldm.SD2 || m.Channels != 4 {
		return prediction{kind: epsilon}
	}
	return prediction{vPrediction, "nothing says whether this model of Stable Diffusion 2 predicts v, as that of 768 pixels, or the noise, as that of 512: v was taken (LoadOptions.Prediction)"}
}

// fromMetadata is what the metadata of the model specification say, or "".
//
// https://github.com/Stability-AI/ModelSpec
func fromMetadata(metadata map[string]string) string {
	for _, key := range []string{"modelspec.prediction_type", "modelspec.predict_key"} {
		switch strings.ToLower(metadata[key]) {
		case "v", vPrediction:
			return vPrediction
		case epsilon, "eps":
			return epsilon
		}
	}
	switch architecture := metadata["modelspec.architecture"]; {
	case strings.HasPrefix(architecture, "stable-diffusion-v2-768-v"):
		return vPrediction
	case strings.HasPrefix(architecture, "stable-diffusion-v2-512"):
		return epsilon
	}
	if metadata["global_step"] == stepsOfBase {
		return epsilon
	}
	return ""
}

// stepsOfBase is how long Stable Diffusion 2 of 512 pixels was trained, by which diffusers
// tells it.
const stepsOfBase = "875000"
