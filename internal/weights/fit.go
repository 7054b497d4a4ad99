package weights

import (
	"cmp"
	"slices"

	"sdgo/internal/ggml"
	"sdgo/internal/kernel"
)

// Fit lowers the formats of weights until they take no more than is allowed beside
// the first of reserves, or the last, or alone if runs of that size cannot be.
func Fit(params []*Param, allowed int64, reserves []int64) {
	if len(reserves) == 0 {
		reserves = []int64{0}
	}
	most, least := reserves[0], reserves[len(reserves)-1]
	_ = lower(params, allowed-most, kernel.Float16) ||
		lower(params, allowed-least, kernel.Float16) || lower(params, allowed-least, kernel.Float16, kernel.Int8) ||
		lower(params, allowed, kernel.Float16) || lower(params, allowed, kernel.Float16, kernel.Int8)
}

// lower gives weights the formats, the largest weights first and one format after the
// other, until they take no more than is allowed. If they never would, it changes
// nothing.
func lower(params []*Param, allowed int64, formats ...kernel.Format) (fits bool) {
	was := make([]Param, len(params))
	var total int64
	for i, w := range params {
		was[i] = *w
		total += 4 * int64(w.Size())
	}
	bySize := slices.Clone(params)
	slices.SortStableFunc(bySize, func(a, b *Param) int { return cmp.Compare(b.Size(), a.Size()) })
	for _, format := range formats {
		for _, w := range bySize {
			if total <= allowed {
				return true
			}
			less := *w
			less.Format, less.Stored, less.exact = format, ggml.F32, false
			if format <= w.Lowest && less.Size() < w.Size() {
				total -= 4 * int64(w.Size()-less.Size())
				*w = less
			}
		}
	}
	if total > allowed {
		for i, w := range params {
			*w = was[i]
		}
	}
	return total <= allowed
}
