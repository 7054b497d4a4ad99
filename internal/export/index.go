package export

import (
	"encoding/json"
	"fmt"

	"sdgo/internal/ldm"
	"sdgo/internal/pyjson"
)

// Numbers of channels that go into a U-Net: the latents, and what is concatenated.
const (
	plainChannels   = 4
	depthChannels   = 5
	smallChannels   = 7
	imageChannels   = 8
	inpaintChannels = 9
)

// pipelines are the pipelines of diffusers for a family, by the channels of its U-Net.
var pipelines = map[ldm.Family]map[int]string{
	ldm.SD1: {
		plainChannels: "StableDiffusionPipeline", inpaintChannels: "StableDiffusionInpaintPipeline",
		depthChannels: "StableDiffusionDepth2ImgPipeline", imageChannels: "StableDiffusionInstructPix2PixPipeline",
		smallChannels: "StableDiffusionUpscalePipeline",
	},
	ldm.SDXL: {
		plainChannels: "StableDiffusionXLPipeline", inpaintChannels: "StableDiffusionXLInpaintPipeline",
		imageChannels: "StableDiffusionXLInstructPix2PixPipeline",
	},
	ldm.SDXLRefiner: {plainChannels: "StableDiffusionXLImg2ImgPipeline"},
}

// guided is the pipeline of a model that reads the guidance scale.
const guided = "LatentConsistencyModelPipeline"

// pipeline is the class of diffusers that runs the model.
func (m *Model) pipeline() (string, error) {
	family := m.Family
	if family == ldm.SD2 {
		family = ldm.SD1 // which share theirs
	}
	shape, _, _ := m.Parts[ldm.UNet].Tensor("conv_in.weight")
	if len(shape) < 2 {
		return "", fmt.Errorf("unet: conv_in.weight: have shape %v, want that of a convolution", shape)
	}
	class := pipelines[family][shape[1]]
	if _, _, ok := m.Parts[ldm.UNet].Tensor("time_embedding.cond_proj.weight"); ok && class == pipelines[ldm.SD1][plainChannels] {
		class = guided
	}
	if class == "" {
		return "", fmt.Errorf("have a U-Net of %s with %d channels, for which diffusers has no pipeline", m.Family, shape[1])
	}
	return class, nil
}

// index is the model_index.json. Parts that the pipeline may have and the model does not
// are null.
func (m *Model) index() ([]byte, error) {
	class, err := m.pipeline()
	if err != nil {
		return nil, err
	}
	var scheduler struct {
		Class string `json:"_class_name"`
	}
	if err := pyjson.Unmarshal(m.Scheduler, &scheduler); err != nil {
		return nil, fmt.Errorf("scheduler: %w", err)
	}
	all := map[string]any{
		"_class_name": class, "_diffusers_version": json.RawMessage(version),
		"scheduler": [2]string{"diffusers", scheduler.Class}, "feature_extractor": [2]*string{},
	}
	switch {
	case class == pipelines[ldm.SD1][depthChannels]:
		all["depth_estimator"] = [2]*string{}
	case class == pipelines[ldm.SD1][smallChannels]:
		all["low_res_scheduler"], all["max_noise_level"] = [2]string{"diffusers", "DDPMScheduler"}, m.MostNoise
		all["safety_checker"], all["watermarker"] = [2]*string{}, [2]*string{}
	case m.Family == ldm.SDXL, m.Family == ldm.SDXLRefiner:
		all["force_zeros_for_empty_prompt"] = m.ZeroEmpty
		all["image_encoder"] = [2]*string{}
		all["tokenizer"], all["text_encoder"] = [2]*string{}, [2]*string{} // unless they follow
	default:
		all["safety_checker"], all["image_encoder"] = [2]*string{}, [2]*string{}
		all["requires_safety_checker"] = false
	}
	if m.ScaledImage {
		all["is_cosxl_edit"] = true
	}
	if m.Family == ldm.SDXLRefiner {
		all["requires_aesthetics_score"] = true
	}
	for part, src := range m.Parts {
		all[part] = classOf(part, src)
	}
	for part := range m.Tokenizers {
		all[part] = classes[part]
	}
	return pyjson.Object(all)
}
