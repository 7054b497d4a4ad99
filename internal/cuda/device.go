//go:build gpu && cgo && linux

package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"gorgonia.org/cu"

	"sdgo/internal/cuda/driver"
	"sdgo/internal/device"
)

// errClosed is returned for work on a device that was closed.
var errClosed = errors.New("cuda: the device is closed")

// Device implements [device.Device].
type Device struct {
	name   string
	arch   int
	sms    int
	memory int64
	shared int // bytes of shared memory that a block may have

	clock, memoryClock, busWidth int // kHz and bits, for predictions

	work chan func()   // nil ends the thread
	done chan struct{} // closed when the thread has ended
	stop sync.Once

	// Of the thread alone.
	context   cu.CUContext
	stream    cu.Stream
	modules   map[string]cu.Module
	functions map[string]*function
	staging   []byte // pinned
	lost      error

	segmentTime time.Duration // the most that a segment should take
	pace        float64       // how much longer launches take than on paper
}

var _ device.Device = (*Device)(nil)

// function is a kernel that was loaded.
type function struct {
	cu.Function
	shared int // bytes of dynamic shared memory that it may have
}

// Open opens the device with an index, counted from 0. Close it.
func Open(index int) (device.Device, error) {
	if err := driver.Open(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDriver, err)
	}
	n, err := cu.NumDevices()
	if err != nil {
		return nil, driver.Wrap("cuDeviceGetCount", err)
	}
	if index < 0 || index >= n {
		return nil, fmt.Errorf("cuda: have device %d, want one of the %d there are, counted from 0", index, n)
	}
	d := &Device{work: make(chan func()), done: make(chan struct{}), segmentTime: segmentTime, pace: paceAtFirst,
		modules: make(map[string]cu.Module), functions: make(map[string]*function)}
	opened := make(chan error)
	go d.serve(index, opened)
	if err := <-opened; err != nil {
		return nil, err
	}
	return d, nil
}

// serve is the device's thread.
func (d *Device) serve(index int, opened chan<- error) {
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	defer close(d.done)
	err := d.seen(d.open(cu.Device(index)))
	opened <- err
	if err != nil {
		d.destroy()
		return
	}
	for work := <-d.work; work != nil; work = <-d.work {
		work()
	}
	d.destroy()
}

// do runs a function on the device's thread and waits for it.
func (d *Device) do(f func() error) (err error) {
	ran := make(chan struct{})
	work := func() {
		defer close(ran)
		if err = d.lost; err == nil {
			err = d.seen(f())
		}
	}
	select {
	case d.work <- work:
		<-ran
		return err
	case <-d.done:
		return errClosed
	}
}

// seen notes an error after which the driver refuses everything, also to devices that
// are opened later.
func (d *Device) seen(err error) error {
	if e := (*driver.Error)(nil); errors.As(err, &e) && e.Sticky() {
		d.lost = fmt.Errorf("%w (%w)", ErrLost, err)
		return d.lost
	}
	return err
}

// open makes the context, on the thread.
func (d *Device) open(dev cu.Device) (err error) {
	if d.context, err = dev.MakeContext(cu.SchedAuto); err != nil {
		return driver.Wrap("cuCtxCreate", err)
	}
	if d.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return driver.Wrap("cuStreamCreate", err)
	}
	if d.name, err = dev.Name(); err != nil {
		return driver.Wrap("cuDeviceGetName", err)
	}
	var major, minor int
	for _, a := range []struct {
		attribute cu.DeviceAttribute
		to        *int
	}{
		{cu.ComputeCapabilityMajor, &major}, {cu.ComputeCapabilityMinor, &minor},
		{cu.MultiprocessorCount, &d.sms}, {sharedOptIn, &d.shared},
		{cu.ClockRate, &d.clock}, {cu.MemoryClockRate, &d.memoryClock}, {cu.GlobalMemoryBusWidth, &d.busWidth},
	} {
		if *a.to, err = dev.Attribute(a.attribute); err != nil {
			return driver.Wrap("cuDeviceGetAttribute", err)
		}
	}
	if d.arch = 10*major + minor; d.arch < oldest {
		return fmt.Errorf("cuda: %s has compute capability %d.%d, want 7.5 or later", d.name, major, minor)
	}
	free, _, err := cu.MemInfo()
	if err != nil {
		return driver.Wrap("cuMemGetInfo", err)
	}
	d.memory = free
	d.staging, err = driver.AllocPinned(stagingBytes)
	return err
}

// sharedOptIn is CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, which cu has no
// name for.
const sharedOptIn cu.DeviceAttribute = 97

// oldest is the first architecture whose tensor cores the kernels know.
const oldest = 75

// destroy gives everything back. What fails then has no one to tell.
func (d *Device) destroy() {
	if d.staging != nil {
		driver.FreePinned(d.staging)
	}
	if (d.context != cu.CUContext{}) {
		d.context.Destroy()
	}
}

// Close waits for work in flight and destroys the context, with all that was allocated
// in it.
func (d *Device) Close() error {
	d.stop.Do(func() { d.work <- nil })
	<-d.done
	return nil
}

// String names the card.
func (d *Device) String() string { return d.name }

// Target implements device.Device.
func (d *Device) Target(t device.Type) device.Target {
	const transfers = 2 // at a tick of the memory's clock
	return device.Target{Type: t, Arch: d.arch, SMs: d.sms, Clock: float64(d.clock) / 1e6,
		Bandwidth: transfers * float64(d.memoryClock) * float64(d.busWidth) / 8 / 1e6}
}

// Memory implements device.Device.
func (d *Device) Memory() int64 { return d.memory }

// Alloc implements device.Device.
func (d *Device) Alloc(bytes int64) (p device.Ptr, err error) {
	err = d.do(func() error {
		at, err := cu.MemAlloc(bytes)
		p = device.Ptr(at)
		return driver.Wrap("cuMemAlloc", err)
	})
	return p, err
}

// Free implements device.Device.
func (d *Device) Free(p device.Ptr) error {
	return d.do(func() error { return driver.Wrap("cuMemFree", cu.MemFree(cu.DevicePtr(p))) })
}

// stagingBytes is the pinned memory that uploads go through.
const stagingBytes = 4 << 20

// Upload implements device.Device.
func (d *Device) Upload(dst device.Ptr, src []byte) error {
	for len(src) > 0 {
		n := min(len(src), stagingBytes)
		err := d.do(func() error {
			copy(d.staging, src[:n])
			return d.toDevice(dst, unsafe.Pointer(&d.staging[0]), n)
		})
		if err != nil {
			return err
		}
		dst, src = dst+device.Ptr(n), src[n:]
	}
	return nil
}

// Download implements device.Device.
func (d *Device) Download(dst []byte, src device.Ptr) error {
	for len(dst) > 0 {
		n := min(len(dst), stagingBytes)
		err := d.do(func() error {
			err := cu.MemcpyDtoHAsync(unsafe.Pointer(&d.staging[0]), cu.DevicePtr(src), int64(n), d.stream)
			if err != nil {
				return driver.Wrap("cuMemcpyDtoHAsync", err)
			}
			err = driver.Wrap("cuStreamSynchronize", d.stream.Synchronize())
			copy(dst, d.staging[:n])
			return err
		})
		if err != nil {
			return err
		}
		dst, src = dst[n:], src+device.Ptr(n)
	}
	return nil
}

// toDevice copies pinned memory and waits.
func (d *Device) toDevice(dst device.Ptr, src unsafe.Pointer, n int) error {
	if err := cu.MemcpyHtoDAsync(cu.DevicePtr(dst), src, int64(n), d.stream); err != nil {
		return driver.Wrap("cuMemcpyHtoDAsync", err)
	}
	return driver.Wrap("cuStreamSynchronize", d.stream.Synchronize())
}
