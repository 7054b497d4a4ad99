package diffusion

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"maps"
	"math"
	"os"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// scoreTolerance is one step of the rounded scores: a similarity that lies between two may
// go either way.
const scoreTolerance = 1.001e-3

// The safety checker gives the reference's scores and verdicts.
func TestSafetyChecker(t *testing.T) {
	s, err := LoadSafetyCheckerFS(golden.Model(t, "tiny-safety-checker"), ".", nil)
	require.NoError(t, err)
	defer s.Close()
	c := golden.Open(t, "pipelines/safety_checker")
	var info struct {
		Flagged []bool
		Scores  []struct{ Special, Concept []float32 }
	}
	c.Decode(&info)
	require.Len(t, info.Flagged, 8)
	assert.Contains(t, info.Flagged, true)
	assert.Contains(t, info.Flagged, false)
	off, stricter := 0, 0
	for i, want := range info.Flagged {
		img := rgbImage(c, fmt.Sprintf("image.%d", i))
		scores, err := s.Score(t.Context(), img)
		require.NoError(t, err)
		for k, list := range [][2][]float32{{info.Scores[i].Special, scores.Special}, {info.Scores[i].Concept, scores.Concepts}} {
			require.Len(t, list[1], []int{3, 17}[k])
			for j, v := range list[0] {
				assert.InDelta(t, v, list[1][j], scoreTolerance)
				if v != list[1][j] {
					off++
				}
			}
		}
		for _, v := range scores.Special {
			if v > 0 {
				stricter++
				break
			}
		}
		assert.Equal(t, want, scores.Flagged(), i)
		v, err := s.CheckImage(t.Context(), img)
		require.NoError(t, err)
		assert.Equal(t, want, v.Flagged)
		if want {
			assert.Equal(t, BlackImage(img), v.Replacement)
			assert.Equal(t, color.NRGBA{A: 255}, v.Replacement.NRGBAAt(3, 4))
		} else {
			assert.Nil(t, v.Replacement)
		}
	}
	assert.LessOrEqual(t, off, 2, "scores that were rounded another way, of 160")
	assert.Positive(t, stricter, "pictures that make the checker stricter")
}

// Bounds that no picture has give an empty one, whatever else there is of the image.
func TestBlackImage(t *testing.T) {
	assert.Nil(t, BlackImage(nil))
	assert.Equal(t, image.Rect(2, 3, 5, 7), BlackImage(image.NewNRGBA(image.Rect(2, 3, 5, 7))).Rect)
	for _, absurd := range []image.Rectangle{{}, image.Rect(0, 0, 1<<40, 1<<40), {Min: image.Pt(math.MinInt, 0), Max: image.Pt(math.MaxInt, 1)}, {Max: image.Pt(-1, -1)}} {
		assert.Equal(t, new(image.NRGBA), BlackImage(&image.NRGBA{Rect: absurd}))
	}
}

// A pipeline's checker sees every finished picture, and then that of the call.
func TestCheckers(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, golden.Model(t, "tiny-safety-checker")))
	p, err := LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{SafetyChecker: dir})
	require.NoError(t, err)
	defer p.Close()
	o := &Options{Steps: 1, Images: 3}
	r, err := p.TextToImage(t.Context(), "a photo of a cat", o)
	require.NoError(t, err)
	require.Len(t, r.Flagged, 3)
	for i, img := range r.Images {
		assert.Equal(t, r.Flagged[i], slices.Equal(img.Pix, BlackImage(img).Pix))
	}
	p.Safety = nil
	plain, err := p.TextToImage(t.Context(), "a photo of a cat", o)
	require.NoError(t, err)
	assert.Nil(t, plain.Flagged)

	var seen []*image.NRGBA
	gray := image.NewNRGBA(image.Rect(0, 0, 2, 2))
	o.Checker = CheckFunc(func(ctx context.Context, img *image.NRGBA) (Verdict, error) {
		seen = append(seen, img)
		switch len(seen) {
		case 2:
			return Verdict{Flagged: true}, nil
		case 3:
			return Verdict{Replacement: gray}, nil
		}
		return Verdict{}, nil
	})
	r, err = p.TextToImage(t.Context(), "a photo of a cat", o)
	require.NoError(t, err)
	assert.Equal(t, []bool{false, true, false}, r.Flagged)
	assert.Equal(t, plain.Images, seen)
	assert.Equal(t, []*image.NRGBA{seen[0], seen[1], gray}, r.Images)

	failed := errors.New("failed")
	o.Checker = CheckFunc(func(context.Context, *image.NRGBA) (Verdict, error) { return Verdict{}, failed })
	_, err = p.TextToImage(t.Context(), "a photo of a cat", o)
	assert.ErrorIs(t, err, failed)
	assert.ErrorContains(t, err, "diffusion: check of picture 0: ")
	for _, none := range []ImageChecker{(*SafetyChecker)(nil), CheckFunc(nil)} {
		o.Checker, o.OnStep = none, func(Step) error { return failed }
		_, err = p.TextToImage(t.Context(), "a photo of a cat", o)
		assert.ErrorIs(t, err, ErrOptions)
	}
	o.Checker, o.OnStep = CheckFunc(func(context.Context, *image.NRGBA) (Verdict, error) {
		return Verdict{Replacement: &image.NRGBA{Rect: image.Rect(0, 0, 64, 64)}}, nil
	}), nil
	_, err = p.TextToImage(t.Context(), "a photo of a cat", o)
	assert.ErrorContains(t, err, "diffusion: replacement of picture 0: have a *image.NRGBA with a")
}

func TestSafetyCheckerErrors(t *testing.T) {
	_, err := LoadSafetyCheckerFS(golden.Model(t, "tiny-vision"), ".", nil)
	assert.EqualError(t, err, "diffusion: safety checker: have no special_care_embeds, want a StableDiffusionSafetyChecker")
	model := golden.Model(t, "tiny-safety-checker").(fstest.MapFS)
	wrong := fstest.MapFS{"safety_checker/config.json": model["safety_checker/config.json"], "safety_checker/model.safetensors": model["safety_checker/model.safetensors"],
		"feature_extractor/preprocessor_config.json": {Data: []byte("{}")}}
	_, err = LoadSafetyCheckerFS(wrong, ".", nil)
	assert.ErrorContains(t, err, "makes images of 224×224 pixels, want 30×30")
	for _, name := range []string{"concept_embeds", "special_care_embeds_weights"} { // NaN is above nothing, and would flag nothing
		_, err = LoadSafetyCheckerFS(notANumber(t, model, name), ".", nil)
		assert.EqualError(t, err, "diffusion: safety checker: "+name+": element 0 is NaN, want finite numbers")
	}
	_, err = LoadSafetyChecker(t.TempDir(), nil)
	assert.ErrorContains(t, err, "diffusion: safety checker: ")
	_, err = LoadFS(golden.Model(t, "tiny-sd15"), &LoadOptions{SafetyChecker: t.TempDir()})
	assert.ErrorIs(t, err, ErrOptions)
	var none *SafetyChecker
	_, err = none.Score(t.Context(), image.NewGray(image.Rect(0, 0, 2, 2)))
	assert.ErrorContains(t, err, "was not loaded")
	assert.NoError(t, none.Close())
}

// notANumber returns a safety checker whose tensor of a name, in F16, begins with a NaN.
func notANumber(t *testing.T, model fstest.MapFS, name string) fstest.MapFS {
	const file = "safety_checker/model.safetensors"
	data := slices.Clone(model[file].Data)
	length := binary.LittleEndian.Uint64(data)
	var header map[string]struct {
		DType   string `json:"dtype"`
		Offsets [2]int `json:"data_offsets"`
	}
	require.NoError(t, json.Unmarshal(data[8:8+length], &header))
	require.Equal(t, "F16", header[name].DType)
	binary.LittleEndian.PutUint16(data[8+int(length)+header[name].Offsets[0]:], 0x7e00)
	fsys := maps.Clone(model)
	fsys[file] = &fstest.MapFile{Data: data}
	return fsys
}
