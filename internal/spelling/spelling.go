// Package spelling finds what somebody may have meant who wrote a name that there
// is not.
package spelling

import "slices"

// longest is how many bytes of a name count: a longer one is like none.
const longest = 64

// Sort sorts a list by how like its elements are to name: by the least number of
// letters to insert, delete or replace between it and one of the element's names.
// Elements that are equally like it stay in order.
func Sort[T any](list []T, name string, names func(T) []string) {
	name = name[:min(len(name), longest)]
	type ranked struct {
		element  T
		distance int
	}
	order := make([]ranked, len(list))
	for i, element := range list {
		order[i] = ranked{element, 2 * longest}
		for _, n := range names(element) {
			order[i].distance = min(order[i].distance, distance(n, name))
		}
	}
	slices.SortStableFunc(order, func(a, b ranked) int { return a.distance - b.distance })
	for i, o := range order {
		list[i] = o.element
	}
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
