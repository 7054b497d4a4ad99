package prompt

import (
	"math"
	"strconv"
	"strings"
)

// When is the moment of an Edit as it is written: with a point a fraction of all steps, without
// one a number of steps.
type When string

// Step returns the last step that has what was before, of 1 to steps. Less than 1 means
// none.
func (w When) Step(steps int) int {
	v, err := strconv.ParseFloat(string(w), 64)
	if v != v || err != nil && !math.IsInf(v, 0) {
		return 0
	}
	if strings.Contains(string(w), ".") {
		v *= float64(steps)
	}
	return int(max(min(v, float64(steps)), -1))
}

// isNumber says whether s is a number with an optional sign, point and exponent.
func isNumber(s string) bool {
	s = unsigned(s)
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		exponent := unsigned(s[i+1:])
		if exponent == "" || strings.Trim(exponent, digits) != "" {
			return false
		}
		s = s[:i]
	}
	return isDecimal(s)
}

const digits = "0123456789"

// isDecimal says whether s is digits, with a point at most and a digit at least.
func isDecimal(s string) bool {
	whole, fraction, _ := strings.Cut(s, ".")
	return whole+fraction != "" && strings.Trim(whole, digits) == "" && strings.Trim(fraction, digits) == ""
}

// unsigned is s without one sign before it.
func unsigned(s string) string {
	if s != "" && (s[0] == '+' || s[0] == '-') {
		return s[1:]
	}
	return s
}

// finite is the value of a number that isNumber takes, if a float64 has it.
func finite(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && isNumber(s)
}
