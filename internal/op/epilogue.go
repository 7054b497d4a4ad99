package op

import (
	"strings"

	"sdgo/internal/device"
	"sdgo/internal/kernel"
)

// epilogue is what a matrix product does with its result while it is in cache:
// act(acc + bias + perSample) + residual. Each part but the activation is a
// further input, in this order.
type epilogue struct {
	rows                      int // rows (pixels, tokens) of one sample
	bias, perSample, residual bool
	act                       kernel.Activation
	gated                     bool // the product's halves make one output
}

// fuse takes the operation that follows into the epilogue, if its place is free.
func (e epilogue) fuse(t Target, next Operation, arg int) (epilogue, bool) {
	if e.gated {
		return e, false
	}
	switch next := next.(type) {
	case geglu:
		if e.perSample || e.act != kernel.None || e.residual || !next.panels() || !t.Gates() {
			return e, false
		}
		e.gated = true
	case addPerChannel:
		if arg != 0 || e.perSample || e.act != kernel.None || e.residual || next.pixels != e.rows {
			return e, false
		}
		e.perSample = true
	case activation:
		if e.act != kernel.None || e.residual {
			return e, false
		}
		e.act = next.act
	case add:
		if e.residual {
			return e, false
		}
		e.residual = true
	default:
		return e, false
	}
	return e, true
}

// bind takes the epilogue's inputs, which follow the operand and the weight, and how the
// output is stored.
func (e epilogue) bind(in []Arg, r rounding) kernel.Epilogue {
	k := kernel.Epilogue{Rows: e.rows, Act: e.act, Gated: e.gated, Rounded: r.to}
	next := func(use bool) []float32 {
		if !use {
			return nil
		}
		data := in[0].Data
		in = in[1:]
		return data
	}
	k.Bias, k.PerSample, k.Residual = next(e.bias), next(e.perSample), next(e.residual)
	return k
}

// device gives the epilogue to a product on a device, with the inputs that follow the
// operand and the weight.
func (e epilogue) device(p *device.Product, in []device.Ptr) {
	p.Act = device.Activation(e.act)
	for _, part := range []struct {
		on bool
		at *device.Ptr
	}{{e.bias, &p.Bias}, {e.perSample, &p.PerSample}, {e.residual, &p.Residual}} {
		if part.on {
			*part.at, in = in[0], in[1:]
		}
	}
}

// floats says whether input i is the bias, which a device has in float32.
func (e epilogue) floats(i int) bool { return e.bias && i == 2 }

// inPlace says whether the output may overwrite input i: only the residual.
func (e epilogue) inPlace(i int) bool {
	last := 2
	if e.bias {
		last++
	}
	if e.perSample {
		last++
	}
	return e.residual && i == last
}

func (e epilogue) String() string {
	var b strings.Builder
	for _, part := range []struct {
		name string
		on   bool
	}{{"bias", e.bias}, {"perSample", e.perSample}, {"act", e.act != kernel.None}, {"residual", e.residual}, {"geglu", e.gated}} {
		if part.on {
			b.WriteString("+" + part.name)
		}
	}
	return b.String()
}
