package gguf

import (
	"encoding/binary"
	"fmt"
)

// Field is a piece of a file's metadata. A value is a string, a bool, a number (uint8 to
// uint64, int8 to int64, float32, float64), or a slice of one of these.
type Field struct {
	Key   string
	Value any
}

// kind is the type of a value, by its number in files.
type kind uint32

const (
	kindUint8 kind = iota
	kindInt8
	kindUint16
	kindInt16
	kindUint32
	kindInt32
	kindFloat32
	kindBool
	kindString
	kindArray
	kindUint64
	kindInt64
	kindFloat64
)

// kindSizes are the bytes of values of a fixed size.
var kindSizes = [...]uint64{
	kindUint8: 1, kindInt8: 1, kindBool: 1, kindUint16: 2, kindInt16: 2,
	kindUint32: 4, kindInt32: 4, kindFloat32: 4, kindUint64: 8, kindInt64: 8, kindFloat64: 8,
}

// kindOf returns the kind of a value, or of the elements of a slice.
//
// In one piece: a case for each type.
func kindOf(value any) (k kind, array, ok bool) {
	switch value.(type) {
	case uint8:
		return kindUint8, false, true
	case []uint8:
		return kindUint8, true, true
	case int8:
		return kindInt8, false, true
	case []int8:
		return kindInt8, true, true
	case uint16:
		return kindUint16, false, true
	case []uint16:
		return kindUint16, true, true
	case int16:
		return kindInt16, false, true
	case []int16:
		return kindInt16, true, true
	case uint32:
		return kindUint32, false, true
	case []uint32:
		return kindUint32, true, true
	case int32:
		return kindInt32, false, true
	case []int32:
		return kindInt32, true, true
	case float32:
		return kindFloat32, false, true
	case []float32:
		return kindFloat32, true, true
	case bool:
		return kindBool, false, true
	case []bool:
		return kindBool, true, true
	case string:
		return kindString, false, true
	case []string:
		return kindString, true, true
	case uint64:
		return kindUint64, false, true
	case []uint64:
		return kindUint64, true, true
	case int64:
		return kindInt64, false, true
	case []int64:
		return kindInt64, true, true
	case float64:
		return kindFloat64, false, true
	case []float64:
		return kindFloat64, true, true
	}
	return 0, false, false
}

// appendField appends a field as a file has it.
func appendField(b []byte, f Field) ([]byte, error) {
	k, array, ok := kindOf(f.Value)
	if !ok {
		return nil, fmt.Errorf("have a value of type %T, want a string, a bool, a number of fixed size, or a slice of them", f.Value)
	}
	b = appendString(b, f.Key)
	if array {
		b = le.AppendUint32(b, uint32(kindArray))
	}
	b = le.AppendUint32(b, uint32(k))
	switch v := f.Value.(type) {
	case string:
		return appendString(b, v), nil
	case []string:
		b = le.AppendUint64(b, uint64(len(v)))
		for _, s := range v {
			b = appendString(b, s)
		}
		return b, nil
	}
	if array {
		b = le.AppendUint64(b, uint64(binary.Size(f.Value))/kindSizes[k])
	}
	return binary.Append(b, le, f.Value)
}

// appendString appends a string after its length.
func appendString(b []byte, s string) []byte {
	return append(le.AppendUint64(b, uint64(len(s))), s...)
}
