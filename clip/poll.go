package clip

import "context"

// pollEvery is after how many rounds of a loop the context is looked at: well below a
// millisecond of work.
const pollEvery = 1 << 12

// poll lets the loops over a long text end soon after its context is done. What they
// have made by then is of no use. A nil *poll never ends them.
type poll struct {
	ctx   context.Context
	asked int
	err   error // the context's
}

// stop counts how often it is asked, and says whether to end.
func (p *poll) stop() bool {
	if p == nil {
		return false
	}
	p.asked++
	if p.asked%pollEvery == 0 && p.err == nil {
		p.err = p.ctx.Err()
	}
	return p.err != nil
}

// done says why the loops were ended, or nil.
func (p *poll) done() error {
	if p == nil {
		return nil
	}
	return p.err
}
