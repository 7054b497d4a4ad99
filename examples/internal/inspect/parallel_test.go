package inspect

import (
	"encoding/json"
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
