// Package pyjson decodes JSON as Python's json module writes it: with the bare words
// Infinity, -Infinity and NaN, which JSON does not have. A model's folder has them
// wherever a setting is a float, -Infinity above all in the configs of DPM-Solver.
package pyjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// words are Python's words and the strings that they become here.
var words = []struct{ bare, quoted string }{{"-Infinity", `"-inf"`}, {"Infinity", `"inf"`}, {"NaN", `"nan"`}}

// Unmarshal is json.Unmarshal for what Python writes. Where the three words stand as
// values they count as the strings "inf", "-inf" and "nan", as which an interface or a
// json.RawMessage gets them; a [Float] takes them as numbers. Nothing else changes:
// strings stay as they are, and the offsets of errors are those in data.
func Unmarshal(data []byte, v any) error {
	quoted := quote(data)
	err := json.Unmarshal(quoted, v)
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		syntax.Offset = offset(data, syntax.Offset)
	case errors.As(err, &kind):
		for _, w := range words {
			if kind.Value == "string" && bytes.HasSuffix(quoted[:min(int(kind.Offset), len(quoted))], []byte(w.quoted)) {
				kind.Value = w.bare
			}
		}
		kind.Offset = offset(data, kind.Offset)
	}
	return err
}

// quote puts quotes around the words.
func quote(data []byte) []byte {
	if !bytes.Contains(data, []byte("Infinity")) && !bytes.Contains(data, []byte("NaN")) {
		return data
	}
	out := make([]byte, 0, len(data)+len(data)/8)
	replace(data, func(piece []byte, quoted string) bool {
		out = append(append(out, piece...), quoted...)
		return true
	})
	return out
}

// offset returns the place in data of a place in what quote makes of it.
func offset(data []byte, at int64) int64 {
	left := at // until there, in what quote makes
	at = 0
	replace(data, func(piece []byte, quoted string) bool {
		n := min(left, int64(len(piece)))
		at, left = at+n, left-n
		for _, w := range words {
			switch {
			case w.quoted != quoted:
			case left >= int64(len(w.quoted)):
				at, left = at+int64(len(w.bare)), left-int64(len(w.quoted))
			default: // within the word
				at, left = at+min(left, int64(len(w.bare))), 0
			}
		}
		return left > 0
	})
	return at
}

// replace calls f with each piece of data up to a word, and what is to be written for
// the word; last with what follows and "". It ends when f returns false.
func replace(data []byte, f func(piece []byte, quoted string) bool) {
	start := 0
	for i := 0; i < len(data); {
		switch data[i] {
		case '"':
			i += stringLen(data[i:])
			continue
		case '-', 'I', 'N':
			if bare, quoted := word(data[i:]); bare > 0 {
				if !f(data[start:i], quoted) {
					return
				}
				i += bare
				start = i
				continue
			}
		}
		i++
	}
	f(data[start:], "")
}

// stringLen returns the length of the string at the start of data, with its quotes.
func stringLen(data []byte) int {
	for i := 1; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// word returns the length of the word at the start of data, 0 if none stands there as
// a value, and the string for it.
func word(data []byte) (int, string) {
	for _, w := range words {
		rest, ok := bytes.CutPrefix(data, []byte(w.bare))
		if !ok {
			continue
		}
		if next := bytes.TrimLeft(rest, " \t\r\n"); len(next) > 0 && next[0] == ':' {
			return 0, "" // a key
		}
		return len(w.bare), w.quoted
	}
	return 0, ""
}

// Python returns a value as it stood in the file, if raw is what [Unmarshal] made of it.
func Python(raw []byte) string {
	for _, w := range words {
		if string(raw) == w.quoted {
			return w.bare
		}
	}
	return string(raw)
}

// DropDefaults takes out of a config the keys that its _use_default_values lists:
// diffusers notes so what a file did not have, and leaves it to the class.
func DropDefaults(keys map[string]json.RawMessage) error {
	const list = "_use_default_values"
	raw, ok := keys[list]
	if !ok {
		return nil
	}
	var names []string
	if err := json.Unmarshal(raw, &names); err != nil {
		return fmt.Errorf("%s: have %.80s, want a list of keys", list, raw)
	}
	for _, name := range names {
		delete(keys, name)
	}
	return nil
}

// maxWarnings is how many keys that are not known are told one by one.
const maxWarnings = 20

// Unknown returns a warning for each key that is not known and so was left out: for the
// first 20 in alphabetical order, and for how many follow. Null and false, which say
// that the key might as well not be there, need none.
func Unknown(keys map[string]json.RawMessage, known func(key string) bool) (warnings []string) {
	more := 0
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		switch {
		case known(key) || Empty(keys[key]):
		case len(warnings) < maxWarnings:
			warnings = append(warnings, fmt.Sprintf("the key %.80q is not known and was left out: have %.80s", key, Python(keys[key])))
		default:
			more++
		}
	}
	if more > 0 {
		warnings = append(warnings, fmt.Sprintf("%d more keys are not known and were left out", more))
	}
	return warnings
}

// Empty says whether a value is null or false.
func Empty(value json.RawMessage) bool {
	return string(value) == "null" || string(value) == "false"
}

// Float is a number that may be infinite or NaN.
type Float float64

// UnmarshalJSON accepts a number, or one of the words as [Unmarshal] gives it.
func (f *Float) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case `"inf"`:
		*f = Float(math.Inf(1))
	case `"-inf"`:
		*f = Float(math.Inf(-1))
	case `"nan"`:
		*f = Float(math.NaN())
	default:
		return json.Unmarshal(data, (*float64)(f))
	}
	return nil
}
