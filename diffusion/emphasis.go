package diffusion

import (
	"errors"
	"math"
)

// weightedText is an embedding [T D] of a chunk with its weights.
type weightedText struct {
	tokens  []float32
	weights []float64 // [T]
	times   int       // how often WebUI has it among the texts of a prompt
}

// weigh puts weights to the embeddings of the same chunk of several texts. Empty is that of an
// empty prompt. What it returns may be what it was given.
func (s Syntax) weigh(texts []weightedText, empty []float32) ([][]float32, error) {
	weigh := scaleKeepingMean
	if s == SyntaxComfyUI {
		weigh = func(texts []weightedText) ([][]float32, error) { return interpolate(texts, empty), nil }
	}
	all, err := weigh(texts)
	for _, tokens := range all {
		if err == nil && checkFinite("", tokens) != nil {
			err = errors.New("the weights are too large: they make embeddings that are not finite")
		}
	}
	return all, err
}

// interpolate is ComfyUI's rule: e + w·(x − e), e being of the empty prompt.
func interpolate(texts []weightedText, empty []float32) [][]float32 {
	var all [][]float32
	for _, t := range texts {
		if !t.weighted() {
			all = append(all, t.tokens)
			continue
		}
		out, width := make([]float32, len(t.tokens)), len(t.tokens)/len(t.weights)
		for i, x := range t.tokens {
			if out[i] = x; t.weights[i/width] != 1 {
				e := empty[i]
				out[i] = float32(float32(x-e)*float32(t.weights[i/width])) + e
			}
		}
		all = append(all, out)
	}
	return all
}

// scaleKeepingMean is WebUI's rule: w·x, and all times the number that makes the mean over all
// texts what it was.
func scaleKeepingMean(texts []weightedText) ([][]float32, error) {
	var before, after float64 // sums
	weighted := false
	for _, t := range texts {
		weighted = weighted || t.weighted()
		width := len(t.tokens) / len(t.weights)
		for i, w := range t.weights {
			sum := 0.0
			for _, x := range t.tokens[i*width : (i+1)*width] {
				sum += float64(x)
			}
			before += float64(t.times) * sum
			after += float64(float64(t.times) * float64(w*sum))
		}
	}
	if weighted && (math.IsNaN(after) || math.IsInf(after, 0)) {
		return nil, errors.New("the weights are too large: they multiply to numbers that are not finite")
	}
	if ratio := before / after; weighted && (ratio == 0 || math.IsNaN(ratio) || math.IsInf(ratio, 0)) {
		return nil, errors.New("the weights leave embeddings whose mean cannot be restored, as it is zero")
	}
	var all [][]float32
	for _, t := range texts {
		if !weighted {
			all = append(all, t.tokens)
			continue
		}
		out, width := make([]float32, len(t.tokens)), len(t.tokens)/len(t.weights)
		for i, x := range t.tokens {
			out[i] = float32(float64(x) * t.weights[i/width] * (before / after))
		}
		all = append(all, out)
	}
	return all, nil
}

// weighted says whether any weight is not 1.
func (t weightedText) weighted() bool {
	for _, w := range t.weights {
		if w != 1 {
			return true
		}
	}
	return false
}
