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

// sequence implements [device.Sequence].
type sequence struct {
	d               *Device
	inputs, outputs []device.Span
	in, out         [][]float32 // pinned
	pinned          [][]byte
	segments        segments
}

// Prepare implements device.Device.
func (d *Device) Prepare(inputs, outputs []device.Span, launches []device.Launch) (device.Sequence, error) {
	s := &sequence{d: d, inputs: inputs, outputs: outputs, segments: segments{d: d, launches: launches}}
	err := d.do(func() error { return s.prepare() })
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *sequence) prepare() (err error) {
	if s.in, err = s.pin(s.inputs); err != nil {
		return err
	}
	if s.out, err = s.pin(s.outputs); err != nil {
		return err
	}
	if err := s.d.load(s.segments.launches); err != nil {
		return err
	}
	return s.segments.prepare()
}

// Replace implements device.Sequence.
func (s *sequence) Replace(launches []device.Launch) error {
	return s.d.do(func() error {
		if err := s.d.load(launches); err != nil {
			return err
		}
		return s.segments.replace(launches)
	})
}

// load loads the kernels of launches: that is no part of a graph.
func (d *Device) load(launches []device.Launch) error {
	for _, l := range launches {
		if _, err := d.function(l); err != nil {
			return err
		}
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
		if err != nil {
			return err
		}
		return s.segments.ended()
	})
}

// queue queues the copies and segments.
func (s *sequence) queue(ctx context.Context) error {
	for i, span := range s.inputs {
		if err := cu.MemcpyHtoDAsync(cu.DevicePtr(span.Ptr), unsafe.Pointer(unsafe.SliceData(s.in[i])), int64(4*span.N), s.d.stream); err != nil {
			return driver.Wrap("cuMemcpyHtoDAsync", err)
		}
	}
	if err := s.segments.run(ctx); err != nil {
		return err
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
		s.segments.close()
		for _, b := range s.pinned {
			driver.FreePinned(b)
		}
		s.segments, s.pinned = segments{}, nil
		return nil
	})
}
