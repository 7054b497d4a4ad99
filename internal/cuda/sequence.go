//go:build gpu && cgo && linux

package cuda

import (
	"context"
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"sdgo/internal/cuda/driver"
	"sdgo/internal/cuda/kernels"
	"sdgo/internal/device"
)

// segment is how many launches are replayed at once. Two segments are on their way at a
// time, so that the device does not wait for the host, and a run that is cancelled ends
// soon.
const segment = 16

// sequence implements [device.Sequence].
type sequence struct {
	d               *Device
	inputs, outputs []device.Span
	in, out         [][]float32 // pinned
	pinned          [][]byte
	graphs          []*driver.Graph
	passed          [2]cu.Event // at the ends of segments, by turns
}

// Prepare implements device.Device.
func (d *Device) Prepare(inputs, outputs []device.Span, launches []device.Launch) (device.Sequence, error) {
	s := &sequence{d: d, inputs: inputs, outputs: outputs}
	err := d.do(func() error { return s.prepare(launches) })
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *sequence) prepare(launches []device.Launch) (err error) {
	if s.in, err = s.pin(s.inputs); err != nil {
		return err
	}
	if s.out, err = s.pin(s.outputs); err != nil {
		return err
	}
	for i := range s.passed {
		if s.passed[i], err = cu.MakeEvent(cu.DisableTiming); err != nil {
			return driver.Wrap("cuEventCreate", err)
		}
	}
	for _, l := range launches { // loading a module is no part of a graph
		if _, err := s.d.function(l); err != nil {
			return err
		}
	}
	for len(launches) > 0 {
		part := launches[:min(segment, len(launches))]
		launches = launches[len(part):]
		g, err := driver.Capture(s.d.stream, func() error {
			for _, l := range part {
				if err := s.d.launch(l); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		s.graphs = append(s.graphs, g)
	}
	return nil
}

// pin allocates host memory for parts of the device's.
func (s *sequence) pin(spans []device.Span) (list [][]float32, err error) {
	for _, span := range spans {
		b, err := driver.AllocPinned(4 * max(span.N, 1))
		if err != nil {
			return nil, err
		}
		s.pinned = append(s.pinned, b)
		list = append(list, unsafe.Slice((*float32)(unsafe.Pointer(&b[0])), span.N))
	}
	return list, nil
}

// function loads a launch's kernel, and lets it have the shared memory that it wants.
func (d *Device) function(l device.Launch) (*function, error) {
	f := d.functions[l.Kernel.Name]
	if f == nil {
		m, ok := d.modules[l.Kernel.Module]
		if !ok {
			text, err := kernels.PTX(l.Kernel.Module, d.arch)
			if err != nil {
				return nil, err
			}
			if m, err = cu.LoadData(text); err != nil {
				return nil, fmt.Errorf("%w (loading the module %s)", driver.Wrap("cuModuleLoadData", err), l.Kernel.Module)
			}
			d.modules[l.Kernel.Module] = m
		}
		at, err := m.Function(l.Kernel.Name)
		if err != nil {
			return nil, fmt.Errorf("%w (%s)", driver.Wrap("cuModuleGetFunction", err), l.Kernel.Name)
		}
		f = &function{Function: at}
		d.functions[l.Kernel.Name] = f
	}
	if l.Shared > f.shared {
		if l.Shared+l.Kernel.Shared > d.shared {
			return nil, fmt.Errorf("cuda: %s wants %d bytes of shared memory, %s has %d", l.Kernel.Name, l.Shared+l.Kernel.Shared, d.name, d.shared)
		}
		if err := driver.SetShared(f.Function, l.Shared); err != nil {
			return nil, err
		}
		f.shared = l.Shared
	}
	return f, nil
}

// launch queues a launch. Its argument, one struct, is passed as the words that it is
// made of: cu copies eight bytes for each.
func (d *Device) launch(l device.Launch) error {
	f, err := d.function(l)
	if err != nil {
		return err
	}
	words := make([]unsafe.Pointer, len(l.Args))
	for i := range words {
		words[i] = unsafe.Pointer(&l.Args[i])
	}
	err = f.Launch(l.Grid[0], l.Grid[1], l.Grid[2], l.Kernel.Threads, 1, 1, l.Shared, d.stream, words)
	if err != nil {
		return fmt.Errorf("%w (in %s)", driver.Wrap("cuLaunchKernel", err), l.Kernel.Name)
	}
	return nil
}

// Input implements device.Sequence.
func (s *sequence) Input(i int) []float32 { return s.in[i] }

// Output implements device.Sequence.
func (s *sequence) Output(i int) []float32 { return s.out[i] }

// Run implements device.Sequence.
func (s *sequence) Run(ctx context.Context) error {
	return s.d.do(func() error {
		err := s.queue(ctx)
		if wait := driver.Wrap("cuStreamSynchronize", s.d.stream.Synchronize()); err == nil {
			err = wait
		}
		return err
	})
}

// queue queues the copies and segments, but no more than two at a time.
func (s *sequence) queue(ctx context.Context) error {
	for i, span := range s.inputs {
		if err := cu.MemcpyHtoDAsync(cu.DevicePtr(span.Ptr), unsafe.Pointer(unsafe.SliceData(s.in[i])), int64(4*span.N), s.d.stream); err != nil {
			return driver.Wrap("cuMemcpyHtoDAsync", err)
		}
	}
	for i, g := range s.graphs {
		passed := s.passed[i%len(s.passed)]
		if i >= len(s.passed) {
			if err := passed.Synchronize(); err != nil {
				return driver.Wrap("cuEventSynchronize", err)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := g.Launch(s.d.stream); err != nil {
			return err
		}
		if err := passed.Record(s.d.stream); err != nil {
			return driver.Wrap("cuEventRecord", err)
		}
	}
	for i, span := range s.outputs {
		if err := cu.MemcpyDtoHAsync(unsafe.Pointer(unsafe.SliceData(s.out[i])), cu.DevicePtr(span.Ptr), int64(4*span.N), s.d.stream); err != nil {
			return driver.Wrap("cuMemcpyDtoHAsync", err)
		}
	}
	return nil
}

// Close implements device.Sequence.
func (s *sequence) Close() error {
	return s.d.do(func() error {
		for _, g := range s.graphs {
			g.Destroy()
		}
		for _, e := range s.passed {
			if (e != cu.Event{}) {
				cu.DestroyEvent(&e)
			}
		}
		for _, b := range s.pinned {
			driver.FreePinned(b)
		}
		s.graphs, s.pinned = nil, nil
		return nil
	})
}
