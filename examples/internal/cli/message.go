package cli

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// The most bytes of an argument, of a text of the user's and of a whole message
// that are shown.
const (
	maxArgument = 100
	maxText     = 200
	maxMessage  = 4000
)

// note tells the user something that is not wrong.
func (c *Command) note(format string, args ...any) {
	fmt.Fprintf(c.stderr, "%s: note: %s\n", c.Name(), fmt.Sprintf(format, args...))
}

// oneLine joins the lines of a message, such as the list of a model's missing
// weights, and spells out what else would move a terminal's cursor.
func oneLine(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = visible(strings.TrimSpace(lines[i]))
	}
	return cut(strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": "), maxMessage)
}

// visible spells out control characters.
func visible(s string) string {
	if !strings.ContainsFunc(s, unicode.IsControl) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unicode.IsControl(r) {
			fmt.Fprintf(&b, "%s", strings.Trim(strconv.QuoteRune(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// shorten cuts long arguments where they come in a message.
func shorten(message string, args []string) string {
	for _, arg := range args {
		if _, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(arg, "-") {
			arg = value
		}
		if len(arg) <= maxArgument {
			continue
		}
		short := cut(arg, maxArgument)
		message = strings.ReplaceAll(message, arg, short)
		message = strings.ReplaceAll(message, strings.Trim(strconv.Quote(arg), `"`), short)
	}
	return message
}

// cut cuts a text after so many bytes, between two characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
