package weights

import (
	"context"
	"fmt"

	"sdgo/internal/device"
	"sdgo/internal/engine"
	"sdgo/internal/op"
	"sdgo/safetensors/checkpoint"
)

// deviceAlign is the alignment of weights on a device, in bytes.
const deviceAlign = 256

// deviceType is the type that a parameter has on a device whose values are of type t:
// biases and the parameters of norms are float32s.
func (p *Param) deviceType(t device.Type) device.Type {
	if p.Shape.Dims() < 2 {
		return device.F32
	}
	return t
}

// loadOnDevice is Load for a device, where the parameters lie in one piece of memory.
func loadOnDevice(ctx context.Context, name string, src checkpoint.Source, params []*Param, eng *engine.Engine, t device.Type) (*Weights, error) {
	var total int64
	offsets := make([]int64, len(params))
	for i, w := range params {
		offsets[i] = total
		size := int64(w.Shape.TotalSize()) * int64(w.deviceType(t).Size())
		total += (size + deviceAlign - 1) / deviceAlign * deviceAlign
	}
	block, err := eng.AllocDevice(total, "memory for the weights of the "+name)
	if err != nil {
		return nil, err
	}
	ws := &Weights{memory: &eng.Memory, blocks: []*engine.Block{block}}
	if device.Paper(eng.Device()) {
		for i, w := range params {
			w.Value.Set(op.Arg{Device: block.Ptr + device.Ptr(offsets[i])}, ws)
		}
		return ws, nil
	}

	running, stop := context.WithCancelCause(ctx) // an error of the device, which is none of the file, stops all
	defer stop(nil)
	err = loadAll(running, name, src, params, eng.Threads(), func() func(int, *Param) error {
		l := deviceLoad{paramLoad: paramLoad{ctx: running, src: src}, failed: stop}
		return func(i int, w *Param) error {
			l.Param = w
			at := block.Ptr + device.Ptr(offsets[i])
			if err := l.load(eng.Device(), at, w.deviceType(t)); err != nil {
				return fmt.Errorf("%s: %w", w.Key, err)
			}
			w.Value.Set(op.Arg{Device: at}, ws)
			return nil
		}
	})
	if cause := context.Cause(running); ctx.Err() == nil && cause != nil {
		err = fmt.Errorf("%s: loading the weights: %w", name, cause)
	}
	if err != nil {
		ws.Close()
		return nil, err
	}
	return ws, nil
}

// deviceLoad is the loading of one parameter to a device.
type deviceLoad struct {
	paramLoad
	turned []float32
	bytes  []byte
	failed func(error) // is told of an error of the device
}

// load reads, checks, converts and uploads the numbers, a chunk of whole filters at a
// time.
func (l *deviceLoad) load(d device.Device, at device.Ptr, t device.Type) error {
	row := 1
	if l.Taps > 1 {
		row = l.Taps * l.In
	}
	return l.read(row, func(from int, most float32) error {
		if err := checkRange(t, most); err != nil {
			return err
		}
		x := l.buf
		if l.Taps > 1 {
			l.turned = channelsLast(l.turned, x, l.In, l.Taps)
			x = l.turned
		}
		l.bytes = encode(l.bytes, x, t)
		err := d.Upload(at+device.Ptr(from*t.Size()), l.bytes)
		if err != nil {
			l.failed(err)
		}
		return err
	})
}
