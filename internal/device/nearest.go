package device

// NearestWidth is how long vectors of a codebook are at most.
const NearestWidth = 32

// nearestArgs is NearestArgs of nearest.cu.
type nearestArgs struct {
	x, book, out            Ptr
	rows, entries, d, chunk int32
	indices, _              int32
}

// Nearest finds for each vector of x [rows d] the nearest of a codebook [entries d], and
// writes it, or its number.
func Nearest(t Target, out, x, book Ptr, rows, entries, d int, indices bool) []Launch {
	const floats = 2048 // of the codebook, in shared memory at a time
	args := nearestArgs{x: x, book: book, out: out, rows: int32(rows), entries: int32(entries), d: int32(d), chunk: int32(floats / d)}
	if indices {
		args.indices = 1
	}
	shared := 4 * ((256+32/d)*d + floats)
	blocks := ceil(rows, 256)
	return []Launch{launch("nearest", t.Type, [3]int{blocks, 1, 1}, shared, args).
		moves((2*rows + blocks*entries) * d * t.Type.Size()).computesPlain(3 * float64(rows) * float64(entries) * float64(d))}
}

// Counts says whether numbers of the type hold each whole number below n.
func (t Type) Counts(n int) bool {
	switch t {
	case F16:
		return n <= 1<<11
	case BF16:
		return n <= 1<<8
	}
	return n <= 1<<24
}
