package cli

import (
	"flag"
	"fmt"
	"strconv"
	"strings"

	"sdgo/diffusion"
)

// BorderFlags adds the flags for a border that is painted around an image.
func BorderFlags(f *flag.FlagSet, b *diffusion.Border) {
	textVar(f, "border", "paint around the image: `pixels` on all sides, or LEFT,RIGHT,TOP,BOTTOM", func(s string) error {
		var sides []int
		for _, part := range strings.Split(s, ",") {
			n, err := strconv.Atoi(part)
			if err != nil {
				return fmt.Errorf("want a number of pixels, or four")
			}
			sides = append(sides, n)
		}
		if len(sides) == 1 {
			sides = append(sides, sides[0], sides[0], sides[0])
		}
		if len(sides) != 4 {
			return fmt.Errorf("want a number of pixels, or four: left, right, top and bottom")
		}
		b.Left, b.Right, b.Top, b.Bottom = sides[0], sides[1], sides[2], sides[3]
		return nil
	})
	textVar(f, "border-fill", "`name` of what the border has before it is painted: edge, the image's (the default), blur, that blurred, or noise", func(s string) error {
		for _, fill := range []diffusion.Fill{diffusion.FillEdge, diffusion.FillBlur, diffusion.FillNoise} {
			if fill.String() == s {
				b.Fill = fill
				return nil
			}
		}
		return fmt.Errorf("want edge, blur or noise")
	})
	textVar(f, "border-overlap", "`pixels` of the image along the border that are painted, too, 0 for none (default 16)", func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return fmt.Errorf("want 0 or more pixels")
		}
		if b.Overlap = n; n == 0 {
			b.Overlap = diffusion.NoOverlap
		}
		return nil
	})
	textVar(f, "border-seed", "`seed` of the noise of -border-fill noise (default -seed)", func(s string) (err error) {
		if b.Seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			return fmt.Errorf("want a whole number, 0 or more")
		}
		return nil
	})
}
