package diffusion

import (
	"cmp"
	"fmt"
	"strings"

	"sdgo/internal/ldm"
)

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

// prediction is what a model predicts, and what says so. Kind is empty if only a probe
// can tell.
type prediction struct{ kind, by string }

// choosePrediction says what a model predicts: what the caller says, else a file beside
// it, its tensors, its metadata, or else the published models of the family. Those of
// Stable Diffusion 2 differ: of 768 pixels, and its upscaler, they predict v, of 512, with a mask or with
// depth, the noise; one that only makes pictures of text is probed.
func choosePrediction(m *ldm.Model, o *LoadOptions, b *beside, metadata map[string]string) prediction {
	switch {
	case o.Prediction != "":
		return prediction{o.Prediction, "LoadOptions.Prediction"}
	case b.prediction != "":
		return prediction{b.prediction, cmp.Or(b.by, b.name)}
	case m.V:
		return prediction{vPrediction, "the tensor v_pred"}
	case m.EDM != nil && m.EDM.V:
		return prediction{vPrediction, "the tensor " + m.EDM.By}
	case m.EDM != nil:
		return prediction{epsilon, "the tensor " + m.EDM.By}
	}
	if found := fromMetadata(metadata); found.kind != "" {
		return found
	}
	switch {
	case m.Family == ldm.SD2 && m.Channels == 4:
		return prediction{}
	case m.Channels == smallPicture.channels(latentChannels):
		return prediction{vPrediction, "what the published upscaler predicts"}
	}
	return prediction{epsilon, "what published models of " + string(m.Family) + " predict"}
}

// decide keeps what the model predicts and what says so, and returns what is taken for it
// until the U-Net is asked, where only a probe can tell.
func (f *modelFiles) decide(p prediction, how probe) string {
	f.identity.Prediction, f.identity.DecidedBy = p.kind, p.by
	if p.kind != "" {
		return p.kind
	}
	f.probe, f.identity.DecidedBy = &how, probeLater
	return vPrediction // whose pictures are the larger ones
}

// fromMetadata is what the metadata of a file say, such as those of the model
// specification.
//
// https://github.com/Stability-AI/ModelSpec
func fromMetadata(metadata map[string]string) prediction {
	for _, key := range []string{"modelspec.prediction_type", "modelspec.predict_key", "prediction_type"} {
		value, ok := metadata[key]
		if !ok {
			continue
		}
		kind := map[string]string{"v": vPrediction, vPrediction: vPrediction, epsilon: epsilon, "eps": epsilon}[strings.ToLower(value)]
		if kind != "" {
			return prediction{kind, "metadata " + key}
		}
	}
	const key = "modelspec.architecture"
	switch architecture := metadata[key]; {
	case strings.HasPrefix(architecture, "stable-diffusion-v2-768-v"):
		return prediction{vPrediction, "metadata " + key}
	case strings.HasPrefix(architecture, "stable-diffusion-v2-512"):
		return prediction{epsilon, "metadata " + key}
	}
	if metadata["global_step"] == stepsOfBase {
		return prediction{epsilon, "metadata global_step"}
	}
	return prediction{}
}

// stepsOfBase is how long Stable Diffusion 2 of 512 pixels was trained, by which diffusers
// tells it.
const stepsOfBase = "875000"
