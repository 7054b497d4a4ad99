package pillow

// ColumnsFirst says in which order a picture is resized along its rows and its columns. As
// sums are clipped between the two it matters: columns go first if they lose more than twice
// the pixels that the rows lose (Pillow before 13 always began with rows).
func ColumnsFirst(width, height, toWidth, toHeight int) bool {
	lost := height - toHeight
	return lost > 0 && lost > 2*(width-toWidth)
}

// Across sets dst [len(taps) C] to a row [W C] in another width.
func Across(dst, row []uint8, channels int, taps []Taps) {
	for x, t := range taps {
		for c := range channels {
			sum := int32(Rounding)
			for i, w := range t.Weights {
				sum += w * int32(row[(t.First+i)*channels+c])
			}
			dst[x*channels+c] = Clip8(sum)
		}
	}
}

// Down sets dst to the row that the taps make of others, which row gives. Sums is room for as
// many numbers.
func (t Taps) Down(dst []uint8, sums []int32, row func(y int) ([]uint8, error)) error {
	for i := range sums {
		sums[i] = Rounding
	}
	for i, w := range t.Weights {
		pixels, err := row(t.First + i)
		if err != nil {
			return err
		}
		for j, v := range pixels {
			sums[j] += w * int32(v)
		}
	}
	for i, sum := range sums {
		dst[i] = Clip8(sum)
	}
	return nil
}
