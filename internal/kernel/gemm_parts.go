//go:build (amd64 || arm64) && !purego

package kernel

// multiplyParts splits a tile into pieces of up to 6 rows and 16 columns, which
// is what the registers of AVX2 and NEON hold.
func multiplyParts(t *tile) {
	const rows, cols = tileRows / 2, panel / 2
	part := *t
	first := t.rows
	if first > rows {
		first = (t.rows + 1) / 2
	}
	for col := 0; col < panel; col += cols {
		for row := 0; row < t.rows; row += first {
			part.b = t.b[col:]
			part.c = t.c[row*t.ldc+col:]
			if t.out != nil {
				part.out = t.out[row*t.stride+col:]
			}
			part.offsets = t.offsets[row:]
			part.rows = min(first, t.rows-row)
			multiplyPart(&part)
			part.next, part.fetch = nil, 0 // once is enough
		}
		if t.narrow {
			break
		}
	}
}
