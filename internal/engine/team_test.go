package engine

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"sdgo/internal/kernel"
)

// Every task is done once, also when phases are short and workers sleep between
// them.
func TestTeam(t *testing.T) {
	for _, members := range []int{1, 2, 5, 64} {
		team := startTeam(members, make([][]float32, members))
		for round := range 300 {
			tasks := 1 + round%17
			counts := make([]atomic.Int32, tasks)
			j := &job{Phase: kernel.Phase{Tasks: tasks, Run: func(i int, _ []float32) { counts[i].Add(1) }}}
			require.NoError(t, team.run(j))
			for i := range counts {
				require.EqualValues(t, 1, counts[i].Load())
			}
			if round%100 == 99 {
				time.Sleep(3 * spin)
			}
		}
		team.stop()
	}
}

// Each member has a share of the tasks, the same in each phase.
func TestShares(t *testing.T) {
	const members = 3
	team := startTeam(members, memberScratch(members))
	defer team.stop()
	for range 20 {
		by := make([]float32, members)
		var begun sync.WaitGroup
		begun.Add(members)
		j := &job{Phase: kernel.Phase{Tasks: members, Run: func(i int, scratch []float32) {
			by[i] = scratch[0]
			begun.Done()
			begun.Wait() // for all members to have one
		}}}
		require.NoError(t, team.run(j))
		assert.Equal(t, []float32{0, 1, 2}, by)
	}
}

// Members that have done their shares take from the one that is held up.
func TestStealing(t *testing.T) {
	const members, tasks = 4, 43
	team := startTeam(members, memberScratch(members))
	defer team.stop()
	for slow := range tasks {
		var others sync.WaitGroup
		others.Add(tasks - 1)
		j := &job{Phase: kernel.Phase{Tasks: tasks, Run: func(i int, _ []float32) {
			if i == slow {
				others.Wait()
			} else {
				others.Done()
			}
		}}}
		require.NoError(t, team.run(j))
	}
}

// memberScratch tells the members apart.
func memberScratch(members int) [][]float32 {
	scratch := make([][]float32, members)
	for i := range scratch {
		scratch[i] = []float32{float32(i)}
	}
	return scratch
}

// A panic in a task is an error of the run, on whatever goroutine it happens.
func TestPanic(t *testing.T) {
	team := startTeam(3, make([][]float32, 3))
	defer team.stop()
	j := &job{Phase: kernel.Phase{Tasks: 50, Run: func(i int, _ []float32) {
		if i == 20 {
			panic("kernel: short c")
		}
	}}}
	assert.EqualError(t, team.run(j), "engine: internal error: kernel: short c")
}

func TestPack(t *testing.T) {
	lives := []life{{0, 2, 100, 0}, {1, 3, 50, 0}, {3, 5, 100, 0}, {4, 5, 40, 0}}
	assert.Equal(t, 112+64, pack(lives, 16))
	for i, a := range lives {
		for _, b := range lives[i+1:] {
			if a.begin <= b.end && b.begin <= a.end {
				assert.True(t, a.offset+a.size <= b.offset || b.offset+b.size <= a.offset, "%v %v", a, b)
			}
		}
	}
}
