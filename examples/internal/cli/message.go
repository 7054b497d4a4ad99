package cli

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"sdgo/internal/quote"
)

// note tells the user something that is not wrong.
func (c *Command) note(format string, args ...any) {
	fmt.Fprintf(c.stderr, "%s: note: %s\n", c.Name(), fmt.Sprintf(format, args...))
}

// OneLine joins the lines of a message, such as the list of a model's missing
// weights, and spells out what else would move a terminal's cursor.
func OneLine(s string) string {
	lines := strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' })
	for i := range lines {
		lines[i] = visible(strings.TrimSpace(lines[i]))
	}
	return strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": ")
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
		short := quote.Cut(arg)
		if short == arg {
			continue
		}
		message = strings.ReplaceAll(message, arg, short)
		message = strings.ReplaceAll(message, strings.Trim(strconv.Quote(arg), `"`), short)
	}
	return message
}
