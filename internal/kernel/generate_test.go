package kernel

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The committed assembly is what the generators in _asm write.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the generators")
	}
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command")
	}
	for _, name := range []string{"gemm", "vector"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			run := exec.Command(goTool, "run", ".", dir)
			run.Dir = filepath.Join("_asm", name)
			run.Env = append(os.Environ(), "GOFLAGS=", "GOOS=", "GOARCH=")
			output, err := run.CombinedOutput()
			require.NoError(t, err, "%s", output)
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, f := range files {
				want, err := os.ReadFile(filepath.Join(dir, f.Name()))
				require.NoError(t, err)
				have, err := os.ReadFile(f.Name())
				require.NoError(t, err)
				require.Equal(t, string(want), string(have), "%s is not what `go generate` writes", f.Name())
			}
		})
	}
}
