package spelling

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSort(t *testing.T) {
	for name, want := range map[string]string{
		"":                          "ab sitting abc kitten",
		"sittin":                    "sitting kitten ab abc",
		"kitte":                     "kitten sitting ab abc",
		"abcd":                      "abc ab sitting kitten",
		"AKA":                       "sitting ab abc kitten", // another name of sitting
		strings.Repeat("x", 10<<20): "kitten ab sitting abc",
		strings.Repeat("猫", 10<<20): "kitten ab sitting abc",
	} {
		list := []string{"kitten", "ab", "sitting", "abc"}
		Sort(list, name, func(s string) []string {
			if s == "sitting" {
				return []string{s, "AKA"}
			}
			return []string{s}
		})
		assert.Equal(t, want, strings.Join(list, " "), "%.20s", name)
	}
}

func TestDistance(t *testing.T) {
	for pair, want := range map[[2]string]int{
		{"kitten", "sitting"}: 3, {"", "abc"}: 3, {"abc", ""}: 3, {"abc", "abc"}: 0, {"ab", "ba"}: 2, {"flaw", "lawn"}: 2,
	} {
		assert.Equal(t, want, distance(pair[0], pair[1]), "%v", pair)
	}
}
