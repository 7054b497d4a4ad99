package cli

import (
	"errors"
	"flag"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseFlags(t *testing.T) {
	for _, tt := range []struct{ args, words, text, number, yes string }{
		{"a b", "a b", "", "1", "false"},
		{"a -text x b -yes c --number=3 d", "a b c d", "x", "3", "true"},
		{"-text x -text y", "", "y", "1", "false"}, // the last one holds
		{"-text -- a -number 2", "a", "--", "2", "false"},
		{"-text -number a", "a", "-number", "1", "false"},
		{"a -- -text x -- b", "a -text x -- b", "", "1", "false"},
		{"-- -", "-", "", "1", "false"},
		{"- -yes", "-", "", "1", "true"},
		{"-yes=false a", "a", "", "1", "false"},
		{"-text= a", "a", "", "1", "false"},
		{"-text a=b", "", "a=b", "1", "false"},
	} {
		f := flag.NewFlagSet("test", flag.ContinueOnError)
		f.String("text", "", "")
		f.Int("number", 1, "")
		f.Bool("yes", false, "")
		words, err := ParseFlags(f, strings.Fields(tt.args))
		assert.NoError(t, err, tt.args)
		assert.Equal(t, tt.words, strings.Join(words, " "), tt.args)
		for name, want := range map[string]string{"text": tt.text, "number": tt.number, "yes": tt.yes} {
			assert.Equal(t, want, f.Lookup(name).Value.String(), "%s: %s", tt.args, name)
		}
	}
	for args, want := range map[string]string{
		"-number":      "flag needs an argument: -number",
		"a -number x":  `-number: have "x", want a whole number`,
		"-number=1=2":  `-number: have "1=2", want a whole number`,
		"-yes=x":       `-yes: have "x", want true or false`,
		"-yse":         "-yse; want one of -yes, -text, -number (-help lists all)",
		"---text":      "bad flag syntax: ---text",
		"-=x":          "bad flag syntax: -=x",
		"-numbers 3 a": "-numbers; want one of -number, -yes, -text",
	} {
		f := flag.NewFlagSet("test", flag.ContinueOnError)
		f.String("text", "", "")
		f.Int("number", 1, "")
		f.Bool("yes", false, "")
		_, err := ParseFlags(f, strings.Fields(args))
		assert.ErrorContains(t, err, want, args)
		assert.ErrorAs(t, err, &misuse{}, args)
	}
	for _, help := range []string{"-h", "--help", "a -help"} {
		_, err := ParseFlags(flag.NewFlagSet("test", flag.ContinueOnError), strings.Fields(help))
		assert.True(t, errors.Is(err, flag.ErrHelp), help)
	}
}
