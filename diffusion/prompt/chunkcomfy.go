package prompt

// large is the length of a group of ids that ComfyUI parts where a chunk is full, in place of
// moving it to the next one.
const large = 8

// addGroups adds the ids of a piece by ComfyUI's rule: the vectors of a textual inversion are a
// group, and so is what stands between two.
func (f *filler) addGroups(ids []int, weight float64) {
	for len(ids) > 0 {
		n := f.together(ids)
		if n == 1 {
			for n < len(ids) && f.together(ids[n:]) == 1 {
				n++
			}
		}
		f.addGroup(ids[:n], weight)
		ids = ids[n:]
	}
}

func (f *filler) addGroup(ids []int, weight float64) {
	parted := len(ids) >= large || len(ids) > f.Length-2
	for len(ids) > 0 {
		n, room := len(ids), f.Length-2-len(f.ids)
		if n > room {
			n = 0
			if parted {
				n = room
			}
		}
		for _, id := range ids[:n] {
			f.ids, f.weights = append(f.ids, id), append(f.weights, weight)
		}
		if ids = ids[n:]; len(ids) > 0 {
			f.end(len(f.ids))
		}
	}
}
