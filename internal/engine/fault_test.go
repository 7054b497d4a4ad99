//go:build unix

package engine

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
	"sdgo/internal/mapped"
)

// Tasks that read a file which was cut while it is mapped are an error of the run that
// names the file, on every goroutine of the team.
func TestCutFile(t *testing.T) {
	const size = 1 << 16
	path := filepath.Join(t.TempDir(), "weights")
	require.NoError(t, os.WriteFile(path, make([]byte, size), 0o666))
	file, err := mapped.Open(t.Context(), os.DirFS(filepath.Dir(path)), "weights")
	require.NoError(t, err)
	defer file.Close()
	require.NoError(t, os.Truncate(path, 0))
	data := unsafe.Slice((*float32)(unsafe.Pointer(unsafe.SliceData(file.Bytes()))), size/4)

	const members = 3
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // as Machine.Run
	team := startTeam(members, make([][]float32, members))
	defer team.stop()
	var all sync.WaitGroup // until each member has a task
	all.Add(members)
	err = team.run(&job{Phase: kernel.Phase{Tasks: members, Run: func(int, []float32) {
		all.Done()
		all.Wait()
		kernel.LoadStored(make([]float32, 64), data, 0, ggml.BF16)
	}}})
	var fault *mapped.Fault
	require.ErrorAs(t, err, &fault)
	assert.Equal(t, mapped.Fault{Name: "weights"}, *fault)
	assert.ErrorContains(t, err, "engine: weights: offset 0: cannot be read any more")
}
