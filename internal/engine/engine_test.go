package engine_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	G "gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"sdgo/internal/engine"
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

func input(g *G.ExprGraph, name string, shape ...int) *G.Node {
	return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name))
}

func random(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// weight adds a node that holds random numbers.
func weight(g *G.ExprGraph, r *rand.Rand, name string, shape ...int) *G.Node {
	v := op.NewWeight(shape)
	v.Set(op.Arg{Data: random(r, v.Size())}, nil)
	return G.NewTensor(g, tensor.Float32, len(shape), G.WithShape(shape...), G.WithName(name), G.WithValue(v))
}

// randomGraph makes a graph of n operations on images [2 6 4 8].
func randomGraph(t *testing.T, r *rand.Rand, n int) (inputs, outputs []*G.Node) {
	g := G.NewGraph()
	x := input(g, "x", 2, 6, 4, 8)
	y := input(g, "y", 2, 6, 4, 8)
	bias := input(g, "bias", 2, 8)
	images := []*G.Node{x, y}
	pick := func() *G.Node { return images[r.IntN(len(images))] }
	for i := range n {
		name := fmt.Sprint(i)
		var out *G.Node
		var err error
		switch r.IntN(8) {
		case 0:
			out, err = op.Add(pick(), pick())
		case 1:
			out, err = op.Activate(pick(), kernel.SiLU)
		case 2:
			out, err = op.AddPerChannel(pick(), bias)
		case 3:
			out, err = op.Conv2D(pick(), weight(g, r, "w"+name, 8, 8, 3, 3), weight(g, r, "b"+name, 8), 1, op.Same(1))
		case 4: // a view, and back
			if out, err = op.Reshape(pick(), 2, 24, 8); err == nil {
				if out, err = op.Linear(out, weight(g, r, "w"+name, 8, 8), nil); err == nil {
					out, err = op.Reshape(out, 2, 6, 4, 8)
				}
			}
		case 5:
			out, err = op.GroupNorm(pick(), weight(g, r, "g"+name, 8), weight(g, r, "b"+name, 8), 2, 1e-5)
		case 6:
			if out, err = op.Concat(pick(), pick()); err == nil {
				out, err = op.Conv2D(out, weight(g, r, "w"+name, 8, 16, 1, 1), nil, 1, op.Padding{})
			}
		case 7:
			if out, err = op.Upsample(pick(), 12, 8); err == nil {
				out, err = op.Conv2D(out, weight(g, r, "w"+name, 8, 8, 3, 3), nil, 2, op.Same(1))
			}
		}
		require.NoError(t, err)
		images = append(images, out)
	}
	outputs = []*G.Node{images[len(images)-1]}
	if r.IntN(2) == 0 {
		outputs = append(outputs, images[2+r.IntN(len(images)-2)], outputs[0])
	}
	return []*G.Node{x, y, bias}, outputs
}

// reference computes a node by calling every operation's Do, one by one.
func reference(t *testing.T, n *G.Node, values map[*G.Node]G.Value) G.Value {
	if v, ok := values[n]; ok {
		return v
	}
	if n.Op() == nil {
		return n.Value()
	}
	var in []G.Value
	for it := n.Graph().From(n.ID()); it.Next(); {
		in = append(in, reference(t, it.Node().(*G.Node), values))
	}
	v, err := n.Op().Do(in...)
	require.NoError(t, err)
	values[n] = v
	return v
}

// The planned, fused machine gives the bytes of the operations one by one.
func TestRandomGraphs(t *testing.T) {
	eng, err := engine.New(&engine.Options{Threads: 3})
	require.NoError(t, err)
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		inputs, outputs := randomGraph(t, r, 2+r.IntN(25))
		plan, err := engine.NewPlan(inputs, outputs)
		require.NoError(t, err)
		got := make([][]float32, len(outputs))
		for i, n := range outputs {
			got[i] = make([]float32, n.Shape().TotalSize())
		}
		for range 2 { // the second run is on dirty memory
			values := map[*G.Node]G.Value{}
			var data [][]float32
			for _, n := range inputs {
				x := random(r, n.Shape().TotalSize())
				data = append(data, x)
				values[n] = engine.Tensor(x, n.Shape()...)
			}
			require.NoError(t, eng.Run(t.Context(), plan, data, got))
			for i, n := range outputs {
				require.Equal(t, reference(t, n, values).Data(), got[i], "seed %d output %d", seed, i)
			}
		}
	}
}

// chain returns a plan of n convolutions, one after the other.
func chain(t testing.TB, n, side, channels int) *engine.Plan {
	g := G.NewGraph()
	r := rand.New(rand.NewPCG(1, 1))
	x := input(g, "x", 1, side, side, channels)
	y := x
	for i := range n {
		var err error
		y, err = op.Conv2D(y, weight(g, r, fmt.Sprint("w", i), channels, channels, 3, 3), nil, 1, op.Same(1))
		require.NoError(t, err)
	}
	plan, err := engine.NewPlan([]*G.Node{x}, []*G.Node{y})
	require.NoError(t, err)
	return plan
}

// A chain needs two buffers, whatever its length.
func TestArena(t *testing.T) {
	assert.EqualValues(t, 2*4*16*16*32, chain(t, 9, 16, 32).Bytes())
}

// halves is a device whose values take two bytes, in lines of 256, which has no
// Winograd convolution and overwrites nothing.
type halves struct{ op.CPU }

func (halves) Element() int                   { return 2 }
func (halves) Align() int                     { return 256 }
func (halves) InPlace(op.Operation, int) bool { return false }
func (halves) Winograd(kernel.ConvShape) bool { return false }
func (halves) Work(op.Operation) int          { return 0 }
func (halves) Lower(o op.Operation) (op.Operation, error) {
	if strings.HasPrefix(o.String(), "attention") {
		return nil, fmt.Errorf("halves have no form of %v", o)
	}
	if l, ok := o.(op.Lowerer); ok {
		return l.Lower(halves{}), nil
	}
	return o, nil
}

// The planner asks the target for sizes, and an operation that it lacks is an error
// that names it.
func TestTarget(t *testing.T) {
	g := G.NewGraph()
	r := rand.New(rand.NewPCG(1, 1))
	x := input(g, "x", 1, 7, 7, 128)
	y := x
	for i := range 4 {
		var err error
		y, err = op.Conv2D(y, weight(g, r, fmt.Sprint("w", i), 128, 128, 3, 3), nil, 1, op.Same(1))
		require.NoError(t, err)
		y, err = op.Activate(y, kernel.SiLU)
		require.NoError(t, err)
	}
	plan, err := engine.NewPlanFor(halves{}, []*G.Node{x}, []*G.Node{y})
	require.NoError(t, err)
	const value = 2 * 7 * 7 * 128
	assert.EqualValues(t, 2*value, plan.Bytes()) // a multiple of 256
	steps := plan.Steps()
	require.Len(t, steps, 4, "activations are joined with convolutions")
	for _, s := range steps {
		assert.EqualValues(t, value, s.Output)
		assert.NotContains(t, s.Operation.String(), "winograd")
	}

	tokens := input(g, "tokens", 1, 4, 8)
	y, err = op.Attention(tokens, tokens, tokens, 2, false, false)
	require.NoError(t, err)
	_, err = engine.NewPlanFor(halves{}, []*G.Node{tokens}, []*G.Node{y})
	assert.EqualError(t, err, "engine: halves have no form of attention 1×2 heads×4, 4×4")
}

func TestCancel(t *testing.T) {
	const size = 64 * 64 * 32
	eng, err := engine.New(nil)
	require.NoError(t, err)
	plan := chain(t, 400, 64, 32)
	in, out := [][]float32{make([]float32, size)}, [][]float32{make([]float32, size)}
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Millisecond)
	defer cancel()
	err = eng.Run(ctx, plan, in, out)
	assert.ErrorIs(t, err, context.DeadlineExceeded)
	assert.LessOrEqual(t, runtime.NumGoroutine(), before+1, "goroutines left behind")
}

// A run allocates a few small things, whatever the size of the graph.
func TestAllocations(t *testing.T) {
	memory, err := engine.New(nil)
	require.NoError(t, err)
	for _, n := range []int{2, 30} {
		m, err := chain(t, n, 4, 32).NewMachine(&memory.Memory, 2)
		require.NoError(t, err)
		allocs := testing.AllocsPerRun(20, func() {
			if err := m.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
		})
		assert.LessOrEqual(t, allocs, 20.0, "%d operations", n)
		require.NoError(t, m.Close())
	}
}

func TestConcurrentRuns(t *testing.T) {
	eng, err := engine.New(&engine.Options{Threads: 2})
	require.NoError(t, err)
	plan := chain(t, 5, 8, 32)
	r := rand.New(rand.NewPCG(2, 2))
	in := random(r, 8*8*32)
	want := make([]float32, len(in))
	require.NoError(t, eng.Run(t.Context(), plan, [][]float32{in}, [][]float32{want}))
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			got := make([]float32, len(in))
			if assert.NoError(t, eng.Run(t.Context(), plan, [][]float32{in}, [][]float32{got})) {
				assert.Equal(t, want, got)
			}
		})
	}
	wg.Wait()
}

// Who wants a plan that is there does not wait for one that is built.
func TestPlansBesideBuilding(t *testing.T) {
	var plans engine.Plans
	build := func() (inputs, outputs []*G.Node, err error) {
		x := input(G.NewGraph(), "x", 1, 1024)
		y, err := op.Add(x, x)
		return []*G.Node{x}, []*G.Node{y}, err
	}
	want, err := plans.Get("there", build)
	require.NoError(t, err)
	_, err = plans.Get("new", func() (inputs, outputs []*G.Node, err error) {
		got, err := plans.Get("there", nil)
		assert.NoError(t, err)
		assert.Same(t, want, got)
		return build()
	})
	require.NoError(t, err)
}

// Idle machines are few, and none outlives the cache of its plan.
func TestIdle(t *testing.T) {
	eng, err := engine.New(&engine.Options{Threads: 1})
	require.NoError(t, err)
	var plans engine.Plans
	get := func(side int) *engine.Plan {
		plan, err := plans.Get(side, func() (inputs, outputs []*G.Node, err error) {
			g := G.NewGraph()
			x := input(g, "x", side, 1024)
			y, err := op.Add(x, x)
			return []*G.Node{x}, []*G.Node{y}, err
		})
		require.NoError(t, err)
		return plan
	}
	for side := 1; side < 100; side++ {
		require.NoError(t, eng.Run(t.Context(), get(side), [][]float32{make([]float32, 1024*side)}, nil))
	}
	assert.LessOrEqual(t, eng.Memory.InUse(), 18*get(99).Bytes(), "machines of forgotten plans")

	plan := get(1)
	var wg sync.WaitGroup
	for range 100 { // a burst
		wg.Go(func() {
			assert.NoError(t, eng.Run(t.Context(), plan, [][]float32{make([]float32, 1024)}, nil))
		})
	}
	wg.Wait()
	eng.Forget(&plans)
	assert.Zero(t, eng.Memory.InUse())
	assert.GreaterOrEqual(t, eng.Memory.Peak(), get(99).Bytes())
	eng.Memory.ResetPeak()
	assert.Zero(t, eng.Memory.Peak())
}

func TestMemoryLimit(t *testing.T) {
	plan := chain(t, 3, 16, 32)
	eng, err := engine.New(&engine.Options{MaxMemory: plan.Bytes() - 1})
	require.NoError(t, err)
	var limit *engine.MemoryError
	err = eng.Check(plan, 0, "a picture")
	require.ErrorAs(t, err, &limit)
	assert.Equal(t, engine.MemoryError{What: "a picture", Need: plan.Bytes(), Limit: plan.Bytes() - 1}, *limit)
	assert.Equal(t, "engine: a picture needs 65536 bytes beside the 0 bytes in use, more than the limit of 65535 bytes", err.Error())
	in := [][]float32{make([]float32, 16*16*32)}
	assert.ErrorAs(t, eng.Run(t.Context(), plan, in, in), &limit)

	// Idle memory gives way.
	eng, err = engine.New(&engine.Options{MaxMemory: plan.Bytes()})
	require.NoError(t, err)
	require.NoError(t, eng.Run(t.Context(), chain(t, 3, 8, 32), [][]float32{make([]float32, 8*8*32)}, nil))
	assert.NoError(t, eng.Check(plan, 0, "a picture"))
	assert.NoError(t, eng.Run(t.Context(), plan, in, in))

	// Runs that fit one at a time wait for each other.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			out := [][]float32{make([]float32, len(in[0]))}
			assert.NoError(t, eng.Run(t.Context(), plan, in, out))
		})
	}
	wg.Wait()

	_, err = engine.New(&engine.Options{Threads: -1})
	assert.ErrorContains(t, err, "have -1 threads")
	_, err = engine.New(&engine.Options{MaxMemory: -1})
	assert.ErrorContains(t, err, "have a memory limit of -1 bytes")
}

// Where the memory is short, plans that run in turn use one arena, and compute what
// they compute alone.
func TestPlansInTurn(t *testing.T) {
	plans := []*engine.Plan{chain(t, 3, 16, 32), chain(t, 5, 15, 32), chain(t, 4, 8, 32), chain(t, 2, 16, 32)}
	short, err := engine.New(&engine.Options{MaxMemory: plans[0].Bytes()})
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(2, 3))
	for range 3 {
		for i, side := range []int{16, 15, 8, 16} {
			in := [][]float32{random(r, side*side*32)}
			want, got := [][]float32{make([]float32, len(in[0]))}, [][]float32{make([]float32, len(in[0]))}
			alone, err := engine.New(nil)
			require.NoError(t, err)
			require.NoError(t, alone.Run(t.Context(), plans[i], in, want))
			require.NoError(t, short.Run(t.Context(), plans[i], in, got))
			require.Equal(t, want, got, "plan %d", i)
		}
	}
	short.Close()
	assert.Equal(t, plans[0].Bytes(), short.Memory.Allowed(), "memory was not given back")
}

// RunAll takes inputs from and gives outputs to the nodes.
func TestVM(t *testing.T) {
	g := G.NewGraph()
	x := input(g, "x", 2, 3)
	y, err := op.Add(x, x)
	require.NoError(t, err)
	plan, err := engine.NewPlan([]*G.Node{x}, []*G.Node{y})
	require.NoError(t, err)
	eng, err := engine.New(nil)
	require.NoError(t, err)
	m, err := plan.NewMachine(&eng.Memory, 0)
	require.NoError(t, err)
	defer m.Close()
	assert.EqualError(t, m.RunAll(), `engine: input "x" has no value`)
	for _, v := range []float32{1, 2} {
		require.NoError(t, G.Let(x, engine.Tensor([]float32{v, 2, 3, 4, 5, 6}, 2, 3)))
		require.NoError(t, m.RunAll())
		assert.Equal(t, []float32{2 * v, 4, 6, 8, 10, 12}, y.Value().Data())
		m.Reset()
	}
}

// Gorgonia's own operations run beside ours, on scalars too, and their errors are
// the run's.
func TestForeign(t *testing.T) {
	g := G.NewGraph()
	x, y := input(g, "x", 2, 3), input(g, "y", 2, 3)
	sum, err := op.Add(x, y)
	require.NoError(t, err)
	loss := G.Must(G.Mul(G.NewConstant(float32(2)), G.Must(G.Sum(G.Must(G.Square(sum))))))
	plan, err := engine.NewPlan([]*G.Node{x, y}, []*G.Node{loss, G.Must(G.Add(x, y))})
	require.NoError(t, err)
	eng, err := engine.New(nil)
	require.NoError(t, err)
	m, err := plan.NewMachine(&eng.Memory, 2)
	require.NoError(t, err)
	defer m.Close()
	require.NoError(t, G.Let(x, engine.Tensor([]float32{1, 2, 3, 4, 5, 6}, 2, 3)))
	require.NoError(t, G.Let(y, engine.Tensor([]float32{1, 1, 1, 1, 1, 1}, 2, 3)))
	require.NoError(t, m.RunAll())
	assert.Equal(t, float32(2*(4+9+16+25+36+49)), loss.Value().Data())
}

func TestBadGraphs(t *testing.T) {
	g := G.NewGraph()
	x, y := input(g, "x", 2, 3), input(g, "y", 2, 3)
	sum, err := op.Add(x, y)
	require.NoError(t, err)
	_, err = engine.NewPlan([]*G.Node{x}, []*G.Node{sum})
	assert.EqualError(t, err, `engine: node "y" has no value and is no input`)
	_, err = engine.NewPlan([]*G.Node{x, y}, nil)
	assert.EqualError(t, err, "engine: no outputs to compute")
	_, err = engine.NewPlan([]*G.Node{sum}, []*G.Node{sum})
	assert.ErrorContains(t, err, "want a node without an operation")
	double := G.NewMatrix(g, tensor.Float64, G.WithShape(2, 3), G.WithName("double"))
	_, err = engine.NewPlan([]*G.Node{double}, []*G.Node{G.Must(G.Square(double))})
	assert.ErrorContains(t, err, "of float64, want float32")
	_, err = op.Add(x, input(g, "z", 3, 2))
	assert.EqualError(t, err, "op: add: have b [3 2], want [2 3]")
}
