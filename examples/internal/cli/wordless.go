package cli

import (
	"errors"
	"flag"
	"strconv"
	"strings"
)

// wordy are the flags that say something in words or by pictures in place of them: what a
// command without a prompt takes, but does not show.
var wordy = strings.Fields("negative prompt2 negative2 syntax region base-weight clip-skip embedding " +
	"ip-adapter image-prompt image-encoder ip-mask ip-blocks text-encoder text-encoder-2 tokenizer")

// Wordless makes the command one for models that read no text: it takes no prompt, and wants a
// model, for that of the demo reads one.
func (c *Command) Wordless() { c.wordless = true }

// noWords wants a command without a prompt to be given none.
func (c *Command) noWords(words []string) error {
	if len(words) > 0 {
		return misusef("have argument %q, want none: there is no prompt: %s", words[0], c.usage())
	}
	return nil
}

// NumberFlag adds a flag for a whole number that may be left out: then to stays nil.
func NumberFlag(f *flag.FlagSet, to **int, name, usage string) {
	f.Func(name, usage, func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil {
			return errors.New("want a whole number")
		}
		*to = &n
		return nil
	})
}
