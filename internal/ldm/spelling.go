package ldm

import (
	"fmt"
	"strings"
)

// Spelling returns what the original code calls the modules of a U-Net, of which diffusers'
// names are given, without the prefix that a file has before them. Modules that it does
// not have are left out.
func Spelling(modules []string) map[string]string {
	places := spelledPlaces(modules)
	spelled := make(map[string]string)
	for _, name := range modules {
		for at := len(name); at > 0; at = strings.LastIndexByte(name[:at], '.') {
			p, ok := places[name[:at]]
			if !ok {
				continue
			}
			if to, ok := p.spell(strings.TrimPrefix(name[at:], ".")); ok {
				spelled[name] = to
			}
			break
		}
	}
	return spelled
}

// spell is the inverse of name for a module.
func (p place) spell(rest string) (string, bool) {
	if !p.residual {
		return strings.TrimSuffix(p.to+"."+rest, "."), true
	}
	for _, r := range residualNames {
		if rest+"." == r.to {
			return p.to + "." + strings.TrimSuffix(r.from, "."), true
		}
	}
	return "", false
}

// spelledPlaces are the blocks that are numbered as one row in each half of the U-Net,
// and those that it has once.
func spelledPlaces(modules []string) map[string]place {
	has := make(map[string]bool) // modules, and what they are in
	for _, name := range modules {
		for at := len(name); at > 0; at = strings.LastIndexByte(name[:at], '.') {
			has[name[:at]] = true
		}
	}
	places := make(map[string]place)
	for prefix, p := range unetPlaces {
		to := strings.TrimSuffix(strings.TrimPrefix(prefix, unetPrefix), ".")
		places[strings.TrimSuffix(p.to, ".")] = place{to: to, residual: p.residual}
	}
	for _, half := range []struct {
		from, to, between, conv string
		first                   int
	}{{"down_blocks", "input_blocks", "downsamplers.0.conv", "0.op", 1}, {"up_blocks", "output_blocks", "upsamplers.0.conv", "", 0}} {
		n := half.first
		for level := 0; has[fmt.Sprintf("%s.%d", half.from, level)]; level++ {
			last := ""
			for j := 0; ; j++ {
				residual := fmt.Sprintf("%s.%d.resnets.%d", half.from, level, j)
				attention := fmt.Sprintf("%s.%d.attentions.%d", half.from, level, j)
				if !has[residual] {
					break
				}
				places[residual] = place{to: fmt.Sprintf("%s.%d.0", half.to, n), residual: true}
				last = fmt.Sprintf("%s.%d.1.conv", half.to, n)
				if has[attention] {
					places[attention] = place{to: fmt.Sprintf("%s.%d.1", half.to, n)}
					last = fmt.Sprintf("%s.%d.2.conv", half.to, n)
				}
				n++
			}
			between := fmt.Sprintf("%s.%d.%s", half.from, level, half.between)
			if !has[between] {
				continue
			}
			if half.conv != "" { // a block of its own
				last = fmt.Sprintf("%s.%d.%s", half.to, n, half.conv)
				n++
			}
			places[between] = place{to: last}
		}
	}
	return places
}
