package cli

import (
	"context"
	"flag"
	"fmt"
	"os"

	"sdgo/diffusion"
)

// embedding is a textual inversion that a flag names.
type embedding struct{ path, token string }

// embeddingFlag adds the flag -embedding, which may be given more than once.
func embeddingFlag(f *flag.FlagSet, list *[]embedding) {
	f.Func("embedding", "`FILE[:WORD]` of a textual inversion for a word in the prompts, such as cat.pt:<cat> (default the word that the file says, or the file's name); may be given more than once", func(s string) error {
		e := worded(s)
		if e.path == "" || e.path != s && e.token == "" {
			return fmt.Errorf("have %q, want a file, and behind a colon a word", s)
		}
		*list = append(*list, e)
		return nil
	})
}

// worded takes the word off the path of a file: what stands behind the first colon before
// which there is a file, unless there is one of the whole name.
func worded(s string) embedding {
	for i := range s {
		if s[i] != ':' || exists(s) {
			continue
		}
		if exists(s[:i]) {
			return embedding{s[:i], s[i+1:]}
		}
	}
	return embedding{path: s}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// loadEmbeddings loads those of the flags into the options, and tells their words.
func (c *Command) loadEmbeddings(ctx context.Context, pipe *diffusion.Pipeline) error {
	for _, named := range c.embeddings {
		e, err := pipe.LoadEmbeddingContext(ctx, named.path)
		if err != nil {
			return err
		}
		if named.token != "" {
			e.Token = named.token
		}
		for _, w := range e.Warnings {
			PrintWarning(c.stderr, c.Name(), named.path+": "+w)
		}
		c.note("%s: the word %q in prompts stands for %s", named.path, e.Token, count(max(len(e.First), len(e.Second)), "vector"))
		c.Options.Embeddings = append(c.Options.Embeddings, e)
	}
	return nil
}

// count is a number of things.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
