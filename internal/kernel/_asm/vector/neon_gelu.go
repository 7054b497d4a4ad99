package main

import "sdgo/internal/kernel/_asm/asm"

func (t neon) loadNearGELU() {
	t.loadTable()
	t.constantTo("nearGELUMin", neonExpMin)
	t.constantTo("nearGELUMax", neonExpMax)
	t.constantTo("half", neonHalf)
}

// nearGELU sets x to its GELU in the order of nearGELU32. It spoils registers 1 to 4.
func (t neon) nearGELU(x asm.V) {
	const c, square, p, spare = asm.V(1), asm.V(2), asm.V(3), asm.V(4)
	t.Fmax(neonExpMin, x, x)
	t.Fmin(neonExpMax, x, c)
	t.Fmul(c, c, square)
	t.horner(p, spare, square, nearGELUNames...)
	t.Move(neonHalf, spare)
	t.Fmla(c, p, spare)
	t.Fmul(spare, x, x)
}
