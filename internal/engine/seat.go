package engine

import "context"

// seat is where a call's work is done: within its claim, or within one turn of it.
type seat struct {
	claim *Claim
	turn  *Turn
}

type seatKey struct{}

// With returns a ctx whose runs on the claim's engine take turns of the claim.
func (c *Claim) With(ctx context.Context) context.Context {
	return context.WithValue(ctx, seatKey{}, seat{claim: c})
}

// turnOf returns the turn that ctx carries, or nil.
func turnOf(ctx context.Context) *Turn {
	p, _ := ctx.Value(seatKey{}).(seat)
	return p.turn
}

// Begin waits for a turn of need.Turn bytes, in which plan is the largest to run, and
// returns a ctx whose runs take no others. If ctx carries a turn of this engine that is
// the one; if it carries a claim it is a turn of that claim, which has counted what the
// need holds; else a claim is made, too. Call end.
func (e *Engine) Begin(ctx context.Context, need Need, plan *Plan) (_ context.Context, end func(), err error) {
	at, _ := ctx.Value(seatKey{}).(seat)
	if at.turn != nil && at.turn.c.e == e {
		return ctx, func() {}, nil
	}
	c := at.claim
	own := c == nil || c.e != e
	if own {
		if c, err = e.Claim(ctx, need); err != nil {
			return nil, nil, err
		}
	}
	t, err := c.Turn(ctx, plan, need.Turn-plan.Bytes())
	if err != nil {
		if own {
			c.Close()
		}
		return nil, nil, err
	}
	end = func() {
		t.End()
		if own {
			c.Close()
		}
	}
	return context.WithValue(ctx, seatKey{}, seat{claim: c, turn: t}), end, nil
}

// Claimed says whether ctx carries a claim on this engine, or a turn of one.
func (e *Engine) Claimed(ctx context.Context) bool {
	at, _ := ctx.Value(seatKey{}).(seat)
	return at.claim != nil && at.claim.e == e
}
