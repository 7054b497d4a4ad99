package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/examples/internal/clitest"
	"sdgo/examples/tinyscenes"
)

// Of a model for few steps what is taken is told, and flags win.
func TestFewSteps(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.CopyFS("model", tinyscenes.FS))
	edit(t, "model/model_index.json", "PNDMScheduler", "LCMScheduler")
	small := []string{"-model", "model", "-width", "16", "-height", "16", "-o", "x.png", "a red house"}
	for _, tt := range []struct {
		flags, want []string
		steps       string
	}{
		{nil, []string{": note: a model for few steps, LCM, as the scheduler is LCMScheduler: taken are 4 steps, no guidance, the sampler of LCMScheduler\n"}, "4 steps"},
		{[]string{"-steps", "3"}, []string{"taken are no guidance, the sampler of LCMScheduler\n"}, "3 steps"},
		{[]string{"-steps", "2", "-guidance", "2", "-sampler", "euler"}, nil, "2 steps"},
	} {
		status, _, stderr := clitest.Run(t.Context(), run, append(tt.flags, small...)...)
		require.Equal(t, 0, status, stderr)
		assert.Contains(t, stderr, tt.steps)
		if tt.want == nil {
			assert.NotContains(t, stderr, "note")
		}
		for _, want := range tt.want {
			assert.Contains(t, stderr, want)
		}
	}
}
