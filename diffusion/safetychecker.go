package diffusion

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"os"
	"path"

	"sdgo/clip"
	"sdgo/internal/model"
	"sdgo/safetensors/checkpoint"
)

// SafetyChecker is the checker of Stable Diffusion 1, diffusers'
// StableDiffusionSafetyChecker: it compares CLIP's embedding of a picture with those of 17
// concepts, and with 3 that make it stricter. It is safe for concurrent use.
//
// https://arxiv.org/abs/2210.04610
type SafetyChecker struct {
	// Replace returns what takes the place of a flagged picture, or nil for the picture
	// itself. Nil means BlackImage. It must not be changed while calls run.
	Replace func(img *image.NRGBA) *image.NRGBA

	// Warnings are what the files have that was left out, one sentence each.
	Warnings []string

	encoder           *clip.ImageEncoder
	processor         ImageProcessor
	special, concepts concepts
}

// concepts are embeddings to compare with, and the similarity that each one allows.
type concepts struct {
	embeds     [][]float32 // of length 1
	thresholds []float32
}

// LoadSafetyChecker loads the checker at a path: the folder of a pipeline that has one
// (safety_checker and feature_extractor), or the folder of the checker itself, with
// preprocessor_config.json in it or not. Options may be nil.
func LoadSafetyChecker(path string, o *clip.LoadOptions) (*SafetyChecker, error) {
	return LoadSafetyCheckerContext(context.Background(), path, o)
}

// LoadSafetyCheckerContext is [LoadSafetyChecker] that returns ctx's error soon after ctx
// is done.
func LoadSafetyCheckerContext(ctx context.Context, path string, o *clip.LoadOptions) (*SafetyChecker, error) {
	s, err := LoadSafetyCheckerFSContext(ctx, os.DirFS(path), ".", o)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return s, nil
}

// LoadSafetyCheckerFS is [LoadSafetyChecker] for the folder dir of fsys.
func LoadSafetyCheckerFS(fsys fs.FS, dir string, o *clip.LoadOptions) (*SafetyChecker, error) {
	return LoadSafetyCheckerFSContext(context.Background(), fsys, dir, o)
}

// LoadSafetyCheckerFSContext is [LoadSafetyCheckerFS] that returns ctx's error soon after
// ctx is done.
func LoadSafetyCheckerFSContext(ctx context.Context, fsys fs.FS, dir string, o *clip.LoadOptions) (*SafetyChecker, error) {
	if ctx == nil || fsys == nil {
		return nil, errors.New("diffusion: safety checker: have a nil context or file system")
	}
	s, err := loadSafety(ctx, fsys, dir, o)
	if err != nil {
		return nil, fmt.Errorf("diffusion: safety checker: %w", err)
	}
	return s, nil
}

const (
	safetyFolder    = "safety_checker"
	processorFolder = "feature_extractor"
	processorConfig = "preprocessor_config.json"
)

func loadSafety(ctx context.Context, fsys fs.FS, dir string, o *clip.LoadOptions) (_ *SafetyChecker, err error) {
	at, processors := dir, []string{path.Join(dir, processorConfig)}
	if sub := path.Join(dir, safetyFolder); isDir(fsys, sub) {
		at, processors = sub, []string{path.Join(dir, processorFolder, processorConfig), path.Join(sub, processorConfig)}
	}
	variant := ""
	if o != nil {
		variant = o.Variant
	}
	src, err := clip.OpenImageEncoder(ctx, fsys, at, variant)
	if err != nil {
		return nil, err
	}
	s := &SafetyChecker{}
	if s.special, err = readConcepts(src, "special_care_embeds"); err == nil {
		s.concepts, err = readConcepts(src, "concept_embeds")
	}
	if err != nil {
		src.Close()
		return nil, err
	}
	if s.encoder, err = clip.LoadImageEncoderFrom(ctx, src, o); err != nil {
		return nil, err
	}
	if err := s.finish(ctx, fsys, processors); err != nil {
		s.encoder.Close()
		return nil, err
	}
	return s, nil
}

// loadSafety loads the safety checker that the options name. It computes on the processor.
func (p *Pipeline) loadSafety(ctx context.Context, o *LoadOptions) error {
	if o.SafetyChecker == "" {
		return nil
	}
	if unet := model.Of(p.UNet); !unet.Device() {
		ctx = unet.Session().In(ctx)
	}
	var err error
	if p.Safety, err = LoadSafetyCheckerContext(ctx, o.SafetyChecker, &clip.LoadOptions{Precision: o.Precision}); err != nil {
		return wrong("SafetyChecker", err)
	}
	p.warn(safetyFolder+"/", p.Safety.Warnings)
	return nil
}

// finish reads the first of some configurations of the image processor that there is, and
// wants all to fit together.
func (s *SafetyChecker) finish(ctx context.Context, fsys fs.FS, processors []string) error {
	c := &s.encoder.Config
	s.Warnings = c.Warnings
	var err error
	if s.processor, err = readProcessor(ctx, fsys, c.ImageSize, processors...); err != nil {
		return err
	}
	if !s.encoder.Projects() {
		return errors.New("the image encoder has no projection (visual_projection)")
	}
	for _, group := range []concepts{s.special, s.concepts} {
		if have := len(group.embeds[0]); have != c.ProjectionDim {
			return fmt.Errorf("the embeddings of concepts have %d numbers, want %d (projection_dim)", have, c.ProjectionDim)
		}
	}
	return nil
}

// maxConcepts bounds the concepts of a checker; the published one has 17.
const maxConcepts = 1 << 12

// readConcepts reads embeddings [n D] and thresholds [n].
func readConcepts(src checkpoint.Source, name string) (c concepts, err error) {
	shape, _, ok := src.Tensor(name)
	thresholds, _, okThresholds := src.Tensor(name + "_weights")
	switch {
	case !ok || !okThresholds:
		return c, fmt.Errorf("have no %s, want a StableDiffusionSafetyChecker", name)
	case len(shape) != 2 || shape[0] < 1 || shape[0] > maxConcepts || shape[1] < 1 || shape[1] > 1<<16 || len(thresholds) != 1 || thresholds[0] != shape[0]:
		return c, fmt.Errorf("%s, %s_weights: have shapes %v and %v, want [n D] and [n]", name, name, shape, thresholds)
	}
	c.thresholds = make([]float32, shape[0])
	if err := src.Float32s(name+"_weights", 0, c.thresholds); err != nil {
		return c, err
	}
	for i := range shape[0] {
		x := make([]float32, shape[1])
		if err := src.Float32s(name, i*shape[1], x); err != nil {
			return c, err
		}
		if err := checkFinite(name, x); err != nil {
			return c, err
		}
		c.embeds = append(c.embeds, normalized(x))
	}
	return c, checkFinite(name+"_weights", c.thresholds)
}

// Close waits for calls in flight and gives the memory back.
func (s *SafetyChecker) Close() error {
	if s == nil || s.encoder == nil {
		return nil
	}
	return s.encoder.Close()
}

// turn is the most bytes that the checker takes of a model's memory.
func (s *SafetyChecker) turn(m *model.Model) (int64, error) {
	if s == nil || s.encoder == nil || model.Of(s.encoder).Memory() != m.Memory() {
		return 0, nil
	}
	return s.encoder.Values(1, 0)
}
