package inspect

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// How threads share the work is counted without the weights of a model of gigabytes.
func TestThreads(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-model", "sd15", "-threads", "32"}, &out, &out))
	assert.Regexp(t, `(?m)^unet: 32 threads are at most [0-9.]+ times as fast as one; [0-9.]+ % of the work is serial, \d+ phases`, out.String())
	assert.Regexp(t, `(?m)^\d+ +\d+ +\d+ to \d+ +[0-9.]+ +[0-9.]+ % +[0-9.]+ % +[0-9.]+ % +linear$`, out.String())

	var teams []team
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-model", "sd15", "-threads", "1", "-json"}, &out, &out))
	require.NoError(t, json.Unmarshal([]byte(out.String()), &teams))
	require.Len(t, teams, 3)
	for _, one := range teams {
		assert.InDelta(t, 1, one.Speedup, 1e-9, one.Part)
		work := 0.0
		for _, k := range one.Kinds {
			work += k.Work
		}
		assert.InDelta(t, 1, work, 1e-9)
		assert.Len(t, one.Layers, uneven)
	}
	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-model", "sd15", "-threads", "2", "-json", "-layers"}, &out, &out))
	require.NoError(t, json.Unmarshal([]byte(out.String()), &teams))
	assert.Greater(t, len(teams[1].Layers), uneven)
}

// mostSerial is the share of the work that one thread may do alone: with 32 of them a
// thousandth costs 3 % of the time.
const mostSerial = 0.001

// Many threads share the work of Stable Diffusion 1.5 well: where they do not, the tasks of
// a kernel are too few, or do not come out even.
func TestManyThreads(t *testing.T) {
	for _, tt := range []struct {
		threads         int
		clip, unet, vae float64 // the least bound of the speed-up, as a share of the threads
	}{
		{4, 0.9, 0.95, 0.97}, {8, 0.9, 0.93, 0.97}, {16, 0.8, 0.9, 0.97}, {32, 0.75, 0.88, 0.95}, {64, 0.6, 0.75, 0.9},
	} {
		for _, precision := range []string{"float32", "bfloat16"} {
			var out strings.Builder
			var teams []team
			require.NoError(t, run(t.Context(), []string{"-model", "sd15", "-threads", strconv.Itoa(tt.threads), "-precision", precision, "-json"}, &out, &out))
			require.NoError(t, json.Unmarshal([]byte(out.String()), &teams))
			for i, least := range []float64{tt.clip, tt.unet, tt.vae} {
				assert.GreaterOrEqual(t, teams[i].Speedup/float64(tt.threads), least, "%s, %d threads, %s", teams[i].Part, tt.threads, precision)
				assert.LessOrEqual(t, teams[i].Serial, mostSerial, "%s, %d threads, %s", teams[i].Part, tt.threads, precision)
			}
		}
	}
}
