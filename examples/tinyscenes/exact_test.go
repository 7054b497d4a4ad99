package tinyscenes_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"sdgo/diffusion"
	"sdgo/examples/tinyscenes"
)

// recommended are the options of the pictures that tests compare.
func recommended() *diffusion.Options {
	return &diffusion.Options{Steps: tinyscenes.Steps, Guidance: tinyscenes.Guidance, Seed: 1}
}

// draw makes a picture as recommended, of a pipeline of any precision.
func draw(t *testing.T, pipe *diffusion.Pipeline, prompt string) []byte {
	t.Helper()
	r, err := pipe.TextToImage(t.Context(), prompt, recommended())
	require.NoError(t, err)
	return r.Images[0].Pix
}

// float32Pipeline is the demo model for all tests of this package that change nothing
// about it. It lives as long as they run.
var float32Pipeline = sync.OnceValues(func() (*diffusion.Pipeline, error) {
	return diffusion.LoadFS(tinyscenes.FS, &diffusion.LoadOptions{Precision: diffusion.Float32})
})

func plain(t *testing.T) *diffusion.Pipeline {
	t.Helper()
	pipe, err := float32Pipeline()
	require.NoError(t, err)
	return pipe
}

// exactPictures has the pictures that were asked for, by prompt.
var exactPictures = map[string][]byte{}

// exact returns the picture of a prompt that all deviations are measured from: in
// float32, with nothing spared. It is made once for all tests, which run one by one.
func exact(t *testing.T, prompt string) []byte {
	t.Helper()
	if exactPictures[prompt] == nil {
		exactPictures[prompt] = draw(t, plain(t), prompt)
	}
	return exactPictures[prompt]
}
