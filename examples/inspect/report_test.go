package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Numbers have three digits, whatever the size of the model.
func TestNumbers(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0", 999: "999", 1000: "1.00k", 83_653: "83.7k", 99_949: "99.9k", 99_950: "100k", 999_499: "999k", 999_500: "1.00M",
		9_994_999: "9.99M", 9_995_000: "10.0M", 859_520_964: "860M", 2_567_463_684: "2.57G",
	} {
		assert.Equal(t, want, numbers(n), "%d", n)
	}
}
