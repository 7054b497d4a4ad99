package pickle

import (
	"errors"
	"fmt"
	"math"

	"sdgo/safetensors"
)

// tensor is an array of numbers in a storage, where it may lie in any order.
type tensor struct {
	store  *storage
	dtype  safetensors.DType
	offset int64 // of its first element, in elements
	shape  []int
	stride []int64 // elements from one to the next along each dimension
	n      int     // elements
}

// maxRank is how many dimensions a tensor may have, as in PyTorch.
const maxRank = 64

// rebuildTensor makes a tensor of a storage, the offset, the sizes and the strides in it;
// whether it has a gradient and what hooks it has do not matter. Version 3 has a type,
// and a storage without.
func rebuildTensor(args tuple) (any, error) {
	const needed, typeAt = 4, 6
	if len(args) < needed || len(args) > typeAt+2 {
		return nil, fmt.Errorf("have %d arguments, want a storage, an offset, sizes and strides", len(args))
	}
	v, ok := args[0].(view)
	if !ok {
		return nil, fmt.Errorf("have %s, want a storage", kind(args[0]))
	}
	t := &tensor{store: v.storage, dtype: v.dtype}
	if len(args) > typeAt {
		if g, ok := args[typeAt].(*global); ok && g.dtype != 0 && !g.storage {
			t.dtype = g.dtype
		}
	}
	if t.offset, ok = args[1].(int64); !ok || t.offset < 0 {
		return nil, fmt.Errorf("have the offset %s, want 0 or more", show(args[1]))
	}
	sizes, err := numbers(args[2])
	if err != nil {
		return nil, fmt.Errorf("sizes: %w", err)
	}
	if t.stride, err = numbers(args[3]); err != nil {
		return nil, fmt.Errorf("strides: %w", err)
	}
	if len(sizes) != len(t.stride) {
		return nil, fmt.Errorf("have %d sizes and %d strides, want as many of both", len(sizes), len(t.stride))
	}
	if err := t.fit(v, sizes); err != nil {
		return nil, fmt.Errorf("offset %d, sizes %v, strides %v: %w", t.offset, sizes, t.stride, err)
	}
	return t, nil
}

// numbers returns the sizes or strides of a tensor.
func numbers(v any) ([]int64, error) {
	items, ok := v.(tuple)
	if l, isList := v.(*list); isList {
		items, ok = l.items, true
	}
	if !ok {
		return nil, fmt.Errorf("have %s, want a tuple", kind(v))
	}
	if len(items) > maxRank {
		return nil, fmt.Errorf("have %d dimensions, want at most %d", len(items), maxRank)
	}
	x := make([]int64, len(items))
	for i, item := range items {
		if x[i], ok = item.(int64); !ok || x[i] < 0 {
			return nil, fmt.Errorf("have %s at number %d, want an integer of 0 or more", show(item), i)
		}
	}
	return x, nil
}

// fit sets the tensor's shape, and moves its offset to that in the whole storage, if all
// its elements are in v.
func (t *tensor) fit(v view, sizes []int64) error {
	each := int64(t.dtype.Bits() / 8)
	have := v.bytes / each
	t.shape = make([]int, len(sizes))
	empty := false
	for i, s := range sizes {
		if s > math.MaxInt32 && uint64(s) > math.MaxInt {
			return errors.New("a size is too large")
		}
		t.shape[i] = int(s)
		empty = empty || s == 0
	}
	if v.begin%each != 0 || t.offset > have {
		return fmt.Errorf("have a storage of %d elements of %v", have, t.dtype)
	}
	first := t.offset
	t.offset += v.begin / each
	if empty {
		return nil
	}
	left := have - 1 - first // elements of the storage behind the tensor's first
	n := int64(1)
	for i, s := range sizes {
		if s > 1 && t.stride[i] > 0 && s-1 > left/t.stride[i] || left < 0 {
			return fmt.Errorf("have a storage of %d elements of %v", have, t.dtype)
		}
		if s > 1 {
			left -= (s - 1) * t.stride[i]
		}
		// Strides of 0 repeat elements: no more of them than the file could hold.
		if n > t.store.src.size/each/s {
			return fmt.Errorf("have more elements than a file of %d bytes has", t.store.src.size)
		}
		n *= s
	}
	if left < 0 {
		return fmt.Errorf("have a storage of %d elements of %v", have, t.dtype)
	}
	t.n = int(n)
	return nil
}

// rowMajor tells whether the elements lie one after the other.
func (t *tensor) rowMajor() bool {
	want := int64(1)
	for i := len(t.shape) - 1; i >= 0; i-- {
		if t.shape[i] != 1 && t.stride[i] != want {
			return false
		}
		want *= int64(t.shape[i])
	}
	return true
}

// rebuildParameter makes a parameter, which is its tensor.
func rebuildParameter(args tuple) (any, error) {
	if len(args) > 0 {
		if t, ok := args[0].(*tensor); ok {
			return t, nil
		}
	}
	return nil, errors.New("want a tensor as first argument")
}

// rebuildFromType makes a tensor that has attributes: a function, a class, the function's
// arguments, and the attributes, which are dropped.
func rebuildFromType(args tuple) (any, error) {
	if len(args) == 4 {
		g, ok1 := args[0].(*global)
		a, ok2 := args[2].(tuple)
		if ok1 && ok2 && g.module == "torch._utils" && g.call != nil {
			return g.call(a)
		}
	}
	return nil, errors.New("want a function of torch._utils, a class, its arguments and a state")
}
