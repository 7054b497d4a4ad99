package inspect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/golden"
)

// What is no model says how it is used beside one.
func TestReportOfAdapter(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), []string{loraPath(t)}, &out, &out))
	assert.Contains(t, out.String(), ": a LoRA of rank 4 for text of 32 numbers a token, which no published model has\nfamily lora, ")
	assert.Contains(t, out.String(), "tensors: 198 used, 0 ignored, 0 unused, 0 refused\nuse it beside a model: Pipeline.LoadAdapter, -lora FILE:WEIGHT\nproblems as a whole model:\n  ")
}

// loraPath is the path of a LoRA.
func loraPath(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lora.safetensors")
	require.NoError(t, os.WriteFile(path, golden.File(t, "models/lora/tiny-sd15-kohya.safetensors"), 0o600))
	return path
}

// A model in one file has a plan, too.
func TestPlanOfFile(t *testing.T) {
	dir := t.TempDir()
	files := golden.SingleFile(t, "tiny-sd15")
	golden.Tokenizer(t, files, "tiny-sd15")
	require.NoError(t, os.CopyFS(dir, files))
	path := filepath.Join(dir, "tiny-sd15.safetensors")
	var out, errs strings.Builder
	require.NoError(t, run(t.Context(), []string{"-model", path}, &out, &errs))
	assert.Contains(t, out.String(), "total: weights ")
	assert.Contains(t, errs.String(), "were guessed")
	require.Error(t, run(t.Context(), []string{"-model", filepath.Join(dir, "nosuch")}, &out, &errs))
}

// Numbers have three digits, whatever the size of the model.
func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1.00k", 83_653: "83.7k", 99_949: "99.9k", 99_950: "100k", 999_499: "999k", 999_500: "1.00M",
		9_994_999: "9.99M", 9_995_000: "10.0M", 859_520_964: "860M", 2_567_463_684: "2.57G",
	} {
		assert.Equal(t, want, numbers(n), "%d", n)
	}
}
