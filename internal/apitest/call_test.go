package apitest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// A call may take this much: far more than any does, and far less than one that hangs
// or takes memory because a number says so.
const (
	longest = 20 * time.Second
	most    = 256 << 20 // bytes
)

// mostFailures is how many failures of a function are shown.
const mostFailures = 3

// random is how many calls with arguments drawn at random each function gets.
const random = 20

// nilReceivers are the types whose methods panic through a nil pointer, each with the
// reason.
var nilReceivers = map[string]string{
	"*noise.Torch":             "a generator, whose methods return numbers alone, as *rand.Rand",
	"*noise.Philox":            "a generator",
	"*noise.Counter":           "a generator",
	"*noise.Brownian":          "a generator",
	"*sampler.StepError":       "an error, as *fs.PathError",
	"*sampler.StateError":      "an error",
	"*safetensors.FormatError": "an error",
	"*safetensors.FaultError":  "an error",
	"*diffusion.LimitError":    "an error",
}

// sized are the functions that return as much as they are asked for, which is spared
// the numbers above a million.
var sized = map[string]bool{
	"(*noise.Torch).Perm": true, // of n numbers
}

// Whatever the arguments, no function and no method of the API panics, hangs or takes
// much memory.
func TestNoPanic(t *testing.T) {
	v := newValues(t)
	t.Chdir(t.TempDir()) // where functions that write a file do so
	called := 0
	for _, name := range slices.Sorted(maps.Keys(functions)) {
		called += v.try(t, name, reflect.ValueOf(functions[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		for _, kind := range []reflect.Type{types[name], reflect.PointerTo(types[name])} {
			if kind.Kind() == reflect.Interface {
				continue
			}
			for i := range kind.NumMethod() {
				m := kind.Method(i)
				if _, ofValue := types[name].MethodByName(m.Name); ofValue && kind != types[name] {
					continue // called before; through a nil pointer Go itself panics
				}
				called += v.try(t, fmt.Sprintf("(%v).%s", kind, m.Name), m.Func)
			}
		}
	}
	assert.Greater(t, called, 20*(len(functions)+len(types)), "calls")
}

// try calls a function with each argument by turns odd and the others zero, or good,
// and with arguments drawn at random.
func (v *values) try(t *testing.T, name string, f reflect.Value) (called int) {
	kind := f.Type()
	closes := strings.HasSuffix(name, ").Close")
	var all [][]reflect.Value
	for i := range kind.NumIn() {
		list := v.of(kind.In(i))
		if _, ok := nilReceivers[kind.In(i).String()]; ok && i == 0 {
			list = slices.DeleteFunc(list, func(x reflect.Value) bool {
				return x.IsNil()
			})
		}
		if sized[name] {
			list = slices.DeleteFunc(list, func(x reflect.Value) bool { return x.CanInt() && x.Int() > 1e6 })
		}
		if closes && i == 0 { // the good one is still needed
			list = list[:max(len(list)-1, 1)]
		}
		all = append(all, list)
	}
	failed := 0
	call := func(args []reflect.Value) {
		if called++; failed >= mostFailures {
			return
		}
		if problem := bounded(f, args); problem != "" {
			failed++
			assert.Fail(t, name, "%s: %s", describe(args), problem)
		}
	}
	for good := range 2 {
		args := make([]reflect.Value, len(all))
		for i, list := range all {
			args[i] = list[good*(len(list)-1)]
		}
		call(args)
		for i, list := range all {
			for _, x := range list {
				changed := slices.Clone(args)
				changed[i] = x
				call(changed)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, uint64(len(name))))
	for range random {
		var args []reflect.Value
		for _, list := range all {
			args = append(args, list[r.IntN(len(list))])
		}
		call(args)
	}
	return called
}

// bounded calls f, and what it returns if that is a func, and says what went wrong.
func bounded(f reflect.Value, args []reflect.Value) string {
	done := make(chan string, 1)
	before := allocated()
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- fmt.Sprintf("panics: %v\n%s", r, where(debug.Stack()))
				return
			}
			done <- ""
		}()
		results := invoke(f, args)
		for _, r := range results {
			if r.Kind() == reflect.Func && !r.IsNil() {
				var zero []reflect.Value
				for i := range r.Type().NumIn() {
					zero = append(zero, accepting(r.Type().In(i)))
				}
				r.Call(zero)
			}
		}
	}()
	select {
	case problem := <-done:
		if taken := allocated() - before; problem == "" && taken > most {
			return fmt.Sprintf("allocates %d MB", taken>>20)
		}
		return problem
	case <-time.After(longest):
		return fmt.Sprintf("has not returned after %v", longest)
	}
}

// accepting is the zero value, or a yield func that wants everything.
func accepting(t reflect.Type) reflect.Value {
	if t.Kind() != reflect.Func || t.NumOut() != 1 || t.Out(0).Kind() != reflect.Bool {
		return reflect.Zero(t)
	}
	return reflect.MakeFunc(t, func([]reflect.Value) []reflect.Value { return []reflect.Value{reflect.ValueOf(true)} })
}

func invoke(f reflect.Value, args []reflect.Value) []reflect.Value {
	if f.Type().IsVariadic() {
		return f.CallSlice(args)
	}
	return f.Call(args)
}

// allocated is the number of bytes that were ever allocated.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// describe shows arguments in short.
func describe(args []reflect.Value) string {
	var list []string
	for _, a := range args {
		s := fmt.Sprintf("%v", a.Type())
		switch a.Kind() {
		case reflect.Pointer, reflect.Interface, reflect.Func:
			if a.IsNil() {
				s += "(nil)"
			} else if a.Kind() == reflect.Pointer && a.Elem().IsZero() {
				s += "(zero)"
			}
		case reflect.Struct, reflect.Slice, reflect.Map:
			if a.IsZero() {
				s += "(zero)"
			} else {
				s += fmt.Sprintf("(%.60v)", fmt.Sprint(a))
			}
		default:
			s += fmt.Sprintf("(%.60v)", fmt.Sprint(a))
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

// where picks this module's lines of a stack.
func where(stack []byte) string {
	var lines []string
	for _, l := range strings.Split(string(stack), "\n") {
		if strings.HasPrefix(l, "\t") && !strings.Contains(l, "/src/") && !strings.Contains(l, "apitest") && len(lines) < 3 {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}
