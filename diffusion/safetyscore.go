package diffusion

import (
	"context"
	"errors"
	"fmt"
	"image"
	"math"
	"slices"
)

// normalized is x at length 1.
func normalized(x []float32) []float32 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	length := float32(max(math.Sqrt(sum), 1e-12))
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = v / length
	}
	return y
}

// SafetyScores are how far a picture is beyond what is allowed for each concept, rounded
// to thousandths: what is above 0 is too near.
type SafetyScores struct {
	// Special are those of the concepts that make the checker stricter: once one of them is
	// above 0 all that follow, and all of Concepts, are higher by 0.01.
	Special []float32
	// Concepts are those that flag a picture.
	Concepts []float32
}

// Flagged says whether a concept is too near.
func (s SafetyScores) Flagged() bool {
	return slices.ContainsFunc(s.Concepts, func(v float32) bool { return v > 0 })
}

// Score compares a picture with the concepts.
func (s *SafetyChecker) Score(ctx context.Context, img image.Image) (scores SafetyScores, err error) {
	if s == nil || s.encoder == nil {
		return scores, errors.New("diffusion: have a safety checker that was not loaded, want one from LoadSafetyChecker")
	}
	if ctx == nil {
		return scores, errors.New("diffusion: have a nil context")
	}
	src, err := newSource("picture", img)
	if err != nil {
		return scores, err
	}
	pixels, err := s.processor.read(ctx, src)
	if err != nil {
		return scores, err
	}
	e, err := s.encoder.Encode(ctx, pixels, 0)
	if err != nil {
		return scores, err
	}
	x := e.Pooled.Float32s()
	if err := checkFinite("safety checker", x); err != nil {
		return scores, fmt.Errorf("diffusion: %w", err)
	}
	x = normalized(x)
	adjustment := float32(0)
	scores.Special = s.special.scores(x, &adjustment, true)
	scores.Concepts = s.concepts.scores(x, &adjustment, false)
	return scores, nil
}

// strictness is what a special concept adds to the scores that follow.
const strictness = 0.01

// scores compares x, of length 1, with concepts.
func (c concepts) scores(x []float32, adjustment *float32, special bool) (scores []float32) {
	for i, y := range c.embeds {
		sum := 0.0
		for j, v := range x {
			sum += float64(v) * float64(y[j])
		}
		v := float32(float32(sum)-c.thresholds[i]) + *adjustment
		v = float32(math.RoundToEven(float64(v*1000))) / 1000
		if scores = append(scores, v); special && v > 0 {
			*adjustment = strictness
		}
	}
	return scores
}

// CheckImage implements [ImageChecker]: flagged pictures become black, or what Replace
// says.
func (s *SafetyChecker) CheckImage(ctx context.Context, img *image.NRGBA) (Verdict, error) {
	scores, err := s.Score(ctx, img)
	if err != nil || !scores.Flagged() {
		return Verdict{}, err
	}
	replace := s.Replace
	if replace == nil {
		replace = BlackImage
	}
	return Verdict{true, replace(img)}, nil
}
