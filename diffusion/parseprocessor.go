package diffusion

import (
	"encoding/json"
	"fmt"

	"sdgo/internal/config"
	"sdgo/internal/pyjson"
	"sdgo/internal/quote"
)

// processorFile is a preprocessor_config.json.
type processorFile struct {
	Resize     *bool           `json:"do_resize"`
	CenterCrop *bool           `json:"do_center_crop"`
	DoRescale  *bool           `json:"do_rescale"`
	Normalize  *bool           `json:"do_normalize"`
	Size       json.RawMessage `json:"size"`
	CropSize   json.RawMessage `json:"crop_size"`
	Resample   *int            `json:"resample"`
	Factor     *float64        `json:"rescale_factor"`
	Mean       []float64       `json:"image_mean"`
	Std        []float64       `json:"image_std"`
}

// ParseImageProcessor decodes a preprocessor_config.json. Keys that are missing are as
// [ImageProcessorFor] 224 has them, and keys that say nothing of the picture are left
// out; a value that is not supported is an error that names it.
func ParseImageProcessor(data []byte) (ImageProcessor, error) {
	p := ImageProcessorFor(224)
	file := processorFile{Mean: p.Mean[:], Std: p.Std[:]}
	if err := pyjson.Unmarshal(data, &file); err != nil {
		return p, fmt.Errorf("diffusion: image processor: %w", quote.Error(err))
	}
	off := func(b *bool) bool { return b != nil && !*b }
	size, crop := processorSize{Shortest: p.Shortest}, processorSize{Shortest: p.Crop}
	sizeErr, cropErr := size.parse(file.Size), crop.parse(file.CropSize)
	err := config.Verify(
		config.Want("do_resize", false, !off(file.Resize), "true"),
		config.Want("size", string(file.Size), sizeErr == nil, "a number, shortest_edge, or height and width"),
		config.Want("crop_size", string(file.CropSize), cropErr == nil && crop.Height == crop.Width, "a number, or the same height and width"),
		config.Want("image_mean", file.Mean, len(file.Mean) == 3, "3 numbers"),
		config.Want("image_std", file.Std, len(file.Std) == 3, "3 numbers"),
	)
	if err != nil {
		return p, fmt.Errorf("diffusion: image processor: %w", err)
	}
	p.Shortest, p.Height, p.Width, p.Crop = size.Shortest, size.Height, size.Width, max(crop.Shortest, crop.Height)
	p.Mean, p.Std = [3]float64(file.Mean), [3]float64(file.Std)
	if file.Resample != nil {
		p.Resample = *file.Resample
	}
	if file.Factor != nil {
		p.Rescale = *file.Factor
	}
	if off(file.CenterCrop) {
		p.Crop = 0
	}
	if off(file.DoRescale) {
		p.Rescale = 1
	}
	if off(file.Normalize) {
		p.Mean, p.Std = [3]float64{}, [3]float64{1, 1, 1}
	}
	return p, p.check()
}

// processorSize is a size as image processors write it.
type processorSize struct {
	Shortest int `json:"shortest_edge"`
	Height   int `json:"height"`
	Width    int `json:"width"`
}

// parse decodes a number, or an object in place of what there was.
func (s *processorSize) parse(data json.RawMessage) error {
	if data == nil || pyjson.Empty(data) {
		return nil
	}
	*s = processorSize{}
	if json.Unmarshal(data, &s.Shortest) == nil {
		return nil
	}
	return json.Unmarshal(data, s)
}
