package adapter

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"sdgo/internal/quote"
)

// match is a module of a file and what it is for.
type match struct {
	*Target
	m *module
}

// matches are those of a file, and what is left of it.
type matches struct {
	found                     []match
	unknown, twice, elsewhere []string
}

// match finds what the modules of the file are for.
func (f *File) match(ts *Targets) (ms matches) {
	taken := make(map[*Target]bool)
	for _, m := range f.modules {
		t := ts.byName[m.name]
		switch {
		case t == nil && ts.outside(m.name) != "":
			ms.elsewhere = append(ms.elsewhere, m.name)
		case t == nil:
			ms.unknown = append(ms.unknown, m.name)
		case taken[t]: // a file may have both spellings of a module
			ms.twice = append(ms.twice, m.name)
		default:
			taken[t] = true
			ms.found = append(ms.found, match{t, m})
		}
	}
	slices.SortFunc(ms.found, func(a, b match) int { return ts.order(a.Target, b.Target) })
	return ms
}

// Match makes changes of a model of the file, sorted by parts and modules. Each is given to
// keep as soon as it is made, whose error ends it. Warnings say what was left out, one
// sentence each. A file that does not fit is a *MismatchError.
func (f *File) Match(ctx context.Context, ts *Targets, keep func(*Change) error) (warnings []string, err error) {
	ms := f.match(ts)
	e := &MismatchError{Name: f.name, Unmatched: ms.unknown}
	other := len(ms.found) < len(ms.unknown) || len(ms.found) == 0
	for _, x := range ms.found {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("adapter: %s: %w", f.name, err)
		}
		if other {
			e.Matched = append(e.Matched, x.m.name)
			continue
		}
		c, err := x.m.change(x.m.kind(), x.Target)
		if err != nil {
			e.Misfits = append(e.Misfits, fmt.Sprintf("%s: %v", x.m.name, err))
			continue
		}
		e.Matched = append(e.Matched, x.m.name)
		if len(e.Misfits) > 0 {
			continue
		}
		if err := keep(c); err != nil {
			return nil, err
		}
	}
	if other || len(e.Misfits) > 0 {
		return nil, e
	}
	if err := f.tensors.Changed(); err != nil {
		return nil, fmt.Errorf("adapter: %s: %w", f.name, err)
	}
	return f.warnings(ms), nil
}

// warnings say what was left out.
func (f *File) warnings(ms matches) (warnings []string) {
	for _, left := range []struct {
		names []string
		why   string
	}{
		{ms.unknown, "modules that the model does not have"}, {ms.elsewhere, "modules of a text encoder that the model does not have"},
		{ms.twice, "modules that the file has under another name, too"}, {f.left, "tensors that are none of an adapter's"},
	} {
		if n := len(left.names); n > 0 {
			warnings = append(warnings, fmt.Sprintf("%s: %d %s were left out: %s", f.name, n, left.why, firstOf(left.names, ", ")))
		}
	}
	return warnings
}

// change makes the change of a module, which must be of two dimensions or more but for
// norms.
func (m *module) change(k *kind, t *Target) (*Change, error) {
	switch k.name {
	case "norm", "bias", "whole change":
	default:
		if len(t.Weight) < 2 {
			return nil, fmt.Errorf("have a %s for a weight %v", k.name, t.Weight)
		}
	}
	return k.make(m, t)
}

// firstOf joins the first few of names, which may be of any length, and says how many
// follow.
func firstOf(names []string, separator string) string {
	const most = 5
	shown := make([]string, min(len(names), most))
	for i := range shown {
		shown[i] = quote.Cut(names[i])
	}
	if n := len(names) - most; n > 0 {
		shown = append(shown, fmt.Sprintf("and %d more", n))
	}
	return strings.Join(shown, separator)
}

// MismatchError says that a file is not for the model, or has modules that do not fit it.
type MismatchError struct {
	Name               string
	Matched, Unmatched []string // modules, as the file names them
	Misfits            []string // modules that the model has in other shapes, and how
}

func (e *MismatchError) Error() string {
	s := fmt.Sprintf("adapter: %s: ", e.Name)
	if len(e.Matched) <= len(e.Unmatched)+len(e.Misfits) {
		s += "this is for another model: "
	}
	if len(e.Misfits) > 0 {
		s += fmt.Sprintf("%d modules do not fit: %s; ", len(e.Misfits), firstOf(e.Misfits, "; "))
	}
	list := func(what string, names []string) string {
		if len(names) == 0 {
			return "no module " + what
		}
		return fmt.Sprintf("%d modules %s: %s", len(names), what, firstOf(names, ", "))
	}
	if len(e.Unmatched) > 0 || len(e.Misfits) == 0 {
		s += list("that the model does not have", e.Unmatched) + "; "
	}
	return s + list("matched", e.Matched)
}
