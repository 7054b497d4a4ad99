//go:build gpu && cgo && linux

package sim_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"

	"sdgo/internal/cuda/driver"
	"sdgo/internal/cuda/sim"
)

// Main loads the software driver in the place of a real one, once for all tests. Where
// SDGO_CUDA_DRIVER names another library, the tests of results run on that.
func TestMain(m *testing.M) {
	if os.Getenv("SDGO_CUDA_DRIVER") == "" {
		path, err := sim.Build()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Setenv("SDGO_CUDA_DRIVER", path)
	} else {
		real = true
	}
	if err := driver.Open(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

var real bool // not the software driver

// onSim skips what only the software driver can do.
func onSim(t *testing.T) {
	if real {
		t.Skip("this is about the software driver")
	}
}

// machine is a context of its own with a stream, for one test.
type machine struct {
	t      *testing.T
	ctx    cu.CUContext
	stream cu.Stream
}

// newMachine resets the software driver and sets options, given as name, value, name, value.
func newMachine(t *testing.T, options ...any) *machine {
	runtime.LockOSThread() // a context belongs to a thread
	if !real {
		sim.Reset()
		sim.Set("quiet", 1)
		for i := 0; i < len(options); i += 2 {
			sim.Set(options[i].(string), options[i+1].(int))
		}
	}
	dev, err := cu.GetDevice(0)
	require.NoError(t, err)
	ctx, err := dev.MakeContext(cu.SchedAuto)
	require.NoError(t, err)
	t.Cleanup(func() {
		if !real {
			sim.Reset()
		}
		ctx.Destroy()
		runtime.UnlockOSThread()
	})
	stream, err := cu.MakeStream(cu.NonBlocking)
	require.NoError(t, err)
	return &machine{t, ctx, stream}
}

func (m *machine) function(ptx, name string) cu.Function {
	mod, err := cu.LoadData(ptx)
	require.NoError(m.t, err, fault())
	f, err := mod.Function(name)
	require.NoError(m.t, err)
	return f
}

func fault() string {
	if real {
		return ""
	}
	return sim.Fault()
}

// empty is memory of the device without a value.
func (m *machine) empty(bytes int) uint64 {
	p, err := cu.MemAlloc(int64(bytes))
	require.NoError(m.t, err)
	return uint64(p)
}

func upload[T any](m *machine, x []T) uint64 {
	n := len(x) * int(unsafe.Sizeof(x[0]))
	p := m.empty(n)
	require.NoError(m.t, cu.MemcpyHtoD(cu.DevicePtr(p), unsafe.Pointer(&x[0]), int64(n)))
	return p
}

func download[T any](m *machine, p uint64, n int) []T {
	x := make([]T, n)
	require.NoError(m.t, cu.MemcpyDtoH(unsafe.Pointer(&x[0]), cu.DevicePtr(p), int64(n)*int64(unsafe.Sizeof(x[0]))), fault())
	return x
}

// grid is the size of a launch.
type grid struct{ x, y, z, threads, shared int }

// queue launches a function; each argument is an integer or a float32 of up to 8 bytes.
func (m *machine) queue(f cu.Function, g grid, args ...any) error {
	words := make([]uint64, len(args)+1)
	params := make([]unsafe.Pointer, len(args))
	for i, a := range args {
		p := unsafe.Pointer(&words[i])
		switch a := a.(type) {
		case uint64:
			*(*uint64)(p) = a
		case int:
			*(*uint32)(p) = uint32(a)
		case float32:
			*(*float32)(p) = a
		default:
			return errors.New("an argument of another type")
		}
		params[i] = p
	}
	return f.Launch(g.x, max(g.y, 1), max(g.z, 1), g.threads, 1, 1, g.shared, m.stream, params)
}

// run launches a function and waits for it.
func (m *machine) run(f cu.Function, g grid, args ...any) error {
	if err := m.queue(f, g, args...); err != nil {
		return err
	}
	return m.stream.Synchronize()
}

// must run without a fault.
func (m *machine) must(f cu.Function, g grid, args ...any) {
	m.t.Helper()
	require.NoError(m.t, m.run(f, g, args...), fault())
}

// unzipped is a file of testdata.
func unzipped(t *testing.T, name string) string {
	packed, err := os.ReadFile(filepath.Join("testdata", name+".gz"))
	require.NoError(t, err)
	r, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(text)
}
