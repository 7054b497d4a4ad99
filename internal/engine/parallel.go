package engine

import (
	"sdgo/internal/kernel"
	"sdgo/internal/op"
)

// PhaseInfo describes a phase of an action for a team of some threads.
type PhaseInfo struct {
	Tasks int
	// Share is the phase's part of the action's work, and Longest the part of the phase
	// that the member of the team does who has most of it: 1 if there is one task, and at
	// best 1/threads.
	Share, Longest float64
}

// Phases describes the phases of each action, in the order of Actions, as a machine of some
// threads has them: by their tasks alone. Nothing is computed, and no memory is taken for
// values. The plan is the processor's.
func (p *Plan) Phases(threads int, slots ...op.Arg) (list [][]PhaseInfo, err error) {
	arena, err := reserveBlock(p.arena/float, arenaUse, nil)
	if err != nil {
		return nil, err
	}
	m, err := p.bound(arena, threads, slots)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	for _, jobs := range m.jobs {
		list = append(list, phaseInfos(jobs, threads))
	}
	return list, nil
}

// phaseInfos describes the phases of one action.
func phaseInfos(jobs []*job, threads int) (list []PhaseInfo) {
	total := 0.0
	for _, j := range jobs {
		total += j.Work
	}
	for _, j := range jobs {
		info := PhaseInfo{Tasks: j.Tasks, Share: 1 / float64(len(jobs)), Longest: longest(j.Phase, threads)}
		if total > 0 {
			info.Share = j.Work / total
		}
		list = append(list, info)
	}
	return list
}

// longest is the part of a phase that the member does who has most of it, if whoever is
// free takes the next task.
func longest(p kernel.Phase, members int) float64 {
	if p.Tasks == 0 {
		return 0
	}
	load := make([]float64, members)
	total, most := 0.0, 0.0
	for task := range p.Tasks {
		size := 1.0
		if p.Size != nil {
			size = p.Size(task)
		}
		free := 0
		for i, l := range load {
			if l < load[free] {
				free = i
			}
		}
		load[free] += size
		total += size
		most = max(most, load[free])
	}
	if total == 0 {
		return 1
	}
	return most / total
}
