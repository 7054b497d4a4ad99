package ldm

// Of normalisation and attention the tensors tell the width, but not into how many parts
// it is split. All published models have the numbers below; for narrower ones, such as
// those of tests, there are only customs, and a configuration beside the file says more.
const (
	normGroups   = 32
	unetHeads    = 8  // of Stable Diffusion 1
	perHead      = 64 // of all other attention
	narrowGroup  = 2  // channels in a group of narrower models
	narrowHead   = 8
	leastPerHead = 4
)

// groups is into how many groups channels are normalised.
func groups(channels []int) int {
	common := 0
	for _, c := range channels {
		common = gcd(common, c)
	}
	if common%normGroups == 0 {
		return normGroups
	}
	return max(common/narrowGroup, 1)
}

// heads is how many heads of attention there are where the number is that of all levels.
func heads(channels []int) int {
	n := unetHeads
	for _, c := range channels {
		for n > 1 && (c%n != 0 || c/n < leastPerHead) {
			n /= 2
		}
	}
	return n
}

// headWidth is how many numbers a head of attention has where that is the same for all
// widths.
func headWidth(widths ...int) int {
	common := 0
	for _, w := range widths {
		common = gcd(common, w)
	}
	if common%perHead == 0 {
		return perHead
	}
	return max(gcd(common, narrowHead), 1)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
