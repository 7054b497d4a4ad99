package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"sdgo/diffusion"
)

// made is what -json writes of a run.
type made struct {
	Command string        `json:"command"`
	Prompt  string        `json:"prompt"`
	Model   string        `json:"model"`
	Images  []madeImage   `json:"images"`
	Grid    string        `json:"grid,omitempty"`
	Steps   int           `json:"steps"`
	Calls   int           `json:"calls"` // of the U-Net for each image
	Reused  []int         `json:"reused,omitempty"`
	Cut     []cut         `json:"truncated,omitempty"`
	Seconds secondsOfPart `json:"seconds"`

	Settings *diffusion.Parameters `json:"settings"` // of the first image, for -from
}

// madeImage is a picture.
type madeImage struct {
	File   string `json:"file"`
	Seed   uint64 `json:"seed"`
	Width  int    `json:"width"`
	Height int    `json:"height"`

	Flagged bool `json:"flagged,omitempty"` // by the safety checker
}

// secondsOfPart are the times of a run's parts.
type secondsOfPart struct {
	Load        float64 `json:"load"`
	TextEncoder float64 `json:"text_encoder"`
	VAEEncoder  float64 `json:"vae_encoder"`
	Sampling    float64 `json:"sampling"`
	VAEDecoder  float64 `json:"vae_decoder"`
	Total       float64 `json:"total"` // without loading
}

// printJSON writes what was made for programs.
func (c *Command) printJSON(files []string, grid string, r *diffusion.Result) error {
	t := r.Timings
	m := made{
		Command: c.Name(), Prompt: c.Prompt, Model: c.modelName(), Grid: grid, Steps: c.progress.steps, Calls: t.Calls, Reused: r.Reused,
		Cut: cuts(r), Settings: c.parameters(r, 0),
		Seconds: secondsOfPart{
			Load: c.loading.Seconds(), TextEncoder: t.TextEncoder.Seconds(), VAEEncoder: t.VAEEncoder.Seconds(),
			Sampling: t.Sampling.Seconds(), VAEDecoder: t.VAEDecoder.Seconds(), Total: t.Total.Round(time.Microsecond).Seconds(),
		},
	}
	for i, img := range r.Images {
		size := img.Bounds().Size()
		m.Images = append(m.Images, madeImage{files[i], r.Seeds[i], size.X, size.Y, r.Flagged != nil && r.Flagged[i]})
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.stdout, "%s\n", text); err != nil {
		return fmt.Errorf("-json: standard output: %w", err)
	}
	return nil
}
