package main

import (
	"cmp"
	"slices"
	"sync"
)

// tally adds up what operations took, by a name. It is safe for concurrent use.
type tally struct {
	mu    sync.Mutex
	kinds map[string]*kind
}

func (t *tally) add(name string, seconds, flop float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := t.kinds[name]
	if k == nil {
		k = &kind{Name: name}
		t.kinds[name] = k
	}
	k.Count++
	k.Seconds += seconds
	k.GFLOP += flop / 1e9
}

// list returns the means of that many runs, what took longest first.
func (t *tally) list(runs int) (list []kind) {
	for _, k := range t.kinds {
		list = append(list, kind{k.Name, k.Count / runs, k.Seconds / float64(runs), k.GFLOP / float64(runs)})
	}
	slices.SortFunc(list, func(a, b kind) int { return cmp.Compare(b.Seconds, a.Seconds) })
	return list
}
