package device

import "time"

// Segments cuts launches into runs that take no longer than most on a card that takes pace
// times as long as on paper, and have no more than count launches. One that takes longer
// alone is alone.
func Segments(launches []Launch, t Target, pace float64, most time.Duration, count int) (list [][]Launch) {
	first, sum := 0, time.Duration(0)
	for i, l := range launches {
		takes := time.Duration(pace * float64(l.Time(t)))
		if i > first && (sum+takes > most || i-first == count) {
			list = append(list, launches[first:i])
			first, sum = i, 0
		}
		sum += takes
	}
	if first < len(launches) {
		list = append(list, launches[first:])
	}
	return list
}

// Time is what launches take on a card, on paper.
func Time(launches []Launch, t Target) (sum time.Duration) {
	for _, l := range launches {
		sum += l.Time(t)
	}
	return sum
}
