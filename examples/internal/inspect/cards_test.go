package inspect

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// With -device it plans for cards that are not there: for all, or for one.
func TestCards(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{"-device", "cuda"}, &out, &out))
	assert.Regexp(t, `(?m)^unet: weights .*, values .*, \d+ operations; ms on paper`, out.String())
	assert.Equal(t, 3, strings.Count(out.String(), "rtx3090  "), "a table for each part")
	assert.Regexp(t, `(?m)^ +conv 3×3 +\d+ .*MiB +[0-9.]+( +[0-9.]+ \([0-9.]+\)){4}$`, out.String())

	out.Reset()
	require.NoError(t, run(t.Context(), []string{"-device", "h100", "-precision", "float32", "-layers"}, &out, &out))
	assert.Regexp(t, `(?m)^down_blocks\.0\.resnets\.0\.conv1 +conv 3×3/1 .* 1 +[0-9.]+ (bytes|MiB) +[0-9.]+ +[0-9.]+ \([0-9.]+\)$`, out.String())
	assert.NotContains(t, out.String(), "a100")
}
