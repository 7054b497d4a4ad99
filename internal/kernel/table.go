package kernel

import "sdgo/internal/ggml"

// Table is a table of numbers in the memory of float32s: in a format of float32
// arithmetic, or as a checkpoint has them, in whole blocks of a type.
type Table struct {
	Format Format
	Stored ggml.Type // F32, the zero value: in the format
	Data   []float32
}

// Load sets dst to numbers of the table, from number from on.
func (t *Table) Load(dst []float32, from int) {
	switch {
	case t.Stored != ggml.F32:
		LoadStored(dst, t.Data, from, t.Stored)
	case t.Format == Float16:
		widenHalves(dst, halves(t.Data)[from:][:len(dst)])
	default:
		copy(dst, t.Data[from:])
	}
}

// floats is the float32s that a table of n numbers takes.
func (t *Table) floats(n int) int {
	if t.Stored != ggml.F32 {
		return StoredLen(n, t.Stored)
	}
	return t.Format.floats(n)
}

// TableLen is the float32s that a table of n numbers takes.
func TableLen(n int, format Format) int { return format.floats(n) }

// StoreTable stores a table for [Embed] in dst, of TableLen(len(table), format)
// float32s.
func StoreTable(dst, table []float32, format Format) {
	format.mustBe("table", Float16)
	narrowHalves(halves(dst)[:len(table)], table)
}
