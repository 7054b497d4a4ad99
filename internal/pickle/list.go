package pickle

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// These bound what listing the tensors costs: a dict may be in others many times.
const (
	maxDepth     = 16       // of dicts in dicts
	maxVisits    = 1 << 20  // of values, each as often as it is there
	maxName      = 1024     // bytes
	maxNameBytes = 32 << 20 // of all names
)

// wrapper is the key of the dict that has the model in checkpoints of trainers.
const wrapper = "state_dict"

// list takes the tensors and the metadata out of what was saved.
func (f *File) list(root any) error {
	top, ok := root.(*dict)
	if ok {
		f.metadata = metadata(top)
		if inner, ok := top.get(wrapper).(*dict); ok {
			root = inner
		}
	} else if !holds(root) {
		return fmt.Errorf("have %s, want a dict of tensors, or a tensor", kind(root))
	}
	l := &lister{tensors: f.tensors}
	if err := l.walk("", root, 0); err != nil {
		return err
	}
	if len(f.tensors) == 0 {
		return errors.New("have no tensors, want some")
	}
	for name := range f.tensors {
		f.names = append(f.names, name)
	}
	slices.SortFunc(f.names, func(a, b string) int {
		s, t := f.tensors[a], f.tensors[b]
		return cmp.Or(cmp.Compare(s.store.at, t.store.at), cmp.Compare(s.offset, t.offset), cmp.Compare(a, b))
	})
	return nil
}

// holds says whether a value that is no dict may be a file's: a list, or a tensor, whose
// name is empty.
func holds(root any) bool {
	switch root.(type) {
	case *list, *tensor:
		return true
	}
	return false
}

// metadata returns the numbers and texts of a dict.
func metadata(d *dict) map[string]string {
	found := make(map[string]string)
	for i, key := range d.keys {
		name, ok := key.(string)
		if !ok {
			continue
		}
		switch v := d.values[i].(type) {
		case string:
			found[name] = v
		case bool, int64, float64:
			found[name] = fmt.Sprint(v)
		}
	}
	return found
}

// lister gathers tensors by name.
type lister struct {
	tensors map[string]*tensor
	visits  int
	bytes   int // of names
}

// walk gathers the tensors of a value.
func (l *lister) walk(name string, v any, depth int) error {
	if depth > maxDepth {
		return nil // no model's
	}
	switch v := v.(type) {
	case *tensor:
		return l.add(name, v)
	case *object:
		if state, ok := v.state.(*dict); ok && v.class.module == parameterDict.module && v.class.name == parameterDict.name {
			return l.walk(name, state.get("_parameters"), depth+1)
		}
	case *dict:
		for i, key := range v.keys {
			if err := l.enter(name, key, v.values[i], depth); err != nil {
				return err
			}
		}
	case *list:
		return l.items(name, v.items, depth)
	case tuple:
		return l.items(name, v, depth)
	}
	return nil
}

// items gathers the tensors of a list, whose names are numbers.
func (l *lister) items(name string, items []any, depth int) error {
	for i, v := range items {
		if err := l.enter(name, int64(i), v, depth); err != nil {
			return err
		}
	}
	return nil
}

// enter gathers the tensors of what a dict or list has under a key.
func (l *lister) enter(name string, key, v any, depth int) error {
	if l.visits++; l.visits > maxVisits {
		return fmt.Errorf("have more than %d values in dicts and lists", maxVisits)
	}
	switch v.(type) {
	case *tensor, *object, *dict, *list, tuple:
	default:
		return nil
	}
	var word string
	switch k := key.(type) {
	case string:
		word = k
	case int64:
		word = strconv.FormatInt(k, 10)
	default:
		return nil // as the callbacks of a trainer have
	}
	if name != "" {
		if len(name)+len(word) > maxName {
			return fmt.Errorf("have a name of more than %d bytes, %.80q…", maxName, name)
		}
		word = name + "." + word
	}
	return l.walk(word, v, depth+1)
}

// add adds a tensor.
func (l *lister) add(name string, t *tensor) error {
	if len(name) > maxName {
		return fmt.Errorf("have a name of more than %d bytes, %.80q…", maxName, name)
	}
	if l.tensors[name] != nil {
		return fmt.Errorf("have two tensors %.200q", name)
	}
	if l.bytes += len(name); l.bytes > maxNameBytes {
		return fmt.Errorf("have names of more than %d bytes in all", maxNameBytes)
	}
	l.tensors[name] = t
	return nil
}
