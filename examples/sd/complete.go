package main

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"sdgo/diffusion"
	"sdgo/examples/internal/cli"
	"sdgo/sampler"
	"sdgo/scheduler"
)

// candidate is a word that may stand where something is typed, and what it means.
type candidate struct{ word, about string }

// complete writes the words that may take the place of the last of some, a line each: the
// word, a tab and what it means. It writes none where a file may stand.
func complete(words []string, w io.Writer) error {
	var b strings.Builder
	for _, c := range candidates(words) {
		fmt.Fprintf(&b, "%s\t%s\n", c.word, cli.OneLine(c.about))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// candidates are those that begin as the last of the words does.
func candidates(words []string) (list []candidate) {
	if len(words) == 0 {
		words = []string{""}
	}
	last := words[len(words)-1]
	add := func(word, about string) {
		if strings.HasPrefix(word, last) {
			list = append(list, candidate{word, about})
		}
	}
	if len(words) == 1 {
		for _, s := range subcommands() {
			add(s.name, s.about)
		}
		return list
	}
	s, err := find(words[0])
	if err != nil {
		return nil
	}
	if s.flags == nil {
		for _, word := range s.words {
			add(word, "")
		}
		return list
	}
	flags := s.flags()
	if f := waits(flags, words[1:len(words)-1]); f != nil {
		for _, v := range values(f.Name) {
			add(v.word, v.about)
		}
		return list
	}
	if strings.HasPrefix(last, "-") {
		dash := "-"
		if strings.HasPrefix(last, "--") {
			dash = "--"
		}
		flags.VisitAll(func(f *flag.Flag) {
			_, usage := flag.UnquoteUsage(f)
			add(dash+f.Name, usage)
		})
	}
	return list
}

// waits returns the flag whose value comes next, or nil.
func waits(flags *flag.FlagSet, words []string) *flag.Flag {
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if word == "--" {
			return nil
		}
		name := strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-")
		f := flags.Lookup(name)
		if word == name || f == nil || cli.IsSwitch(f) {
			continue
		}
		if len(words) == 0 {
			return f
		}
		words = words[1:]
	}
	return nil
}

// values are those that a flag may have, as far as they have names.
func values(name string) (list []candidate) {
	words := map[string]string{
		"precision":   "float32 float16 bfloat16 int8",
		"weights":     "float32 float16 bfloat16 q8_0 q6_k q5_k q4_k",
		"device":      "cpu cuda",
		"prediction":  "epsilon v_prediction",
		"mask-mode":   "luminance alpha",
		"mask-cells":  "any sample soft",
		"border-fill": "edge blur noise",
		"variant":     "fp16",
		"syntax":      "plain webui comfyui",
		"seamless":    "x y xy",
		"watermark":   "sd sdxl",
	}
	switch name {
	case "preprocess":
		cli.Preprocessors(func(name, about string) { list = append(list, candidate{name, about}) })
	case "sampler":
		for _, info := range sampler.Names() {
			list = append(list, candidate{info.Name, info.Description})
		}
	case "guider":
		for _, info := range diffusion.GuiderNames() {
			list = append(list, candidate{info.Name, info.Description})
		}
	case "schedule":
		for _, info := range scheduler.Names() {
			list = append(list, candidate{info.Name, info.Description})
		}
	}
	for _, word := range strings.Fields(words[name]) {
		list = append(list, candidate{word: word})
	}
	return list
}
