package main

import (
	"fmt"
	"strings"
)

// weighStubs writes the Go declarations of the weighers, and for each width the choice by
// the number of keys.
func weighStubs(w *strings.Builder, t target) {
	for _, vecs := range t.vecs {
		for rows := 1; rows <= t.rows; rows++ {
			fmt.Fprintf(w, "\n//go:noescape\nfunc %s(w *weighing)\n", weighName(rows, vecs))
		}
	}
	for _, vecs := range t.vecs {
		name := fmt.Sprintf("weigh%dBF16", vecs*t.lanes)
		fmt.Fprintf(w, "\n// %s weighs blocks of 1 to %d keys for %d queries.\n", name, t.rows, vecs*t.lanes)
		fmt.Fprintf(w, "func %s(w *weighing) {\n\tswitch w.rows {\n", name)
		for rows := 1; rows <= t.rows; rows++ {
			fmt.Fprintf(w, "\tcase %d:\n\t\t%s(w)\n", rows, weighName(rows, vecs))
		}
		fmt.Fprintf(w, "\t}\n}\n")
	}
}
