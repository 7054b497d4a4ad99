package noise

// seedSequence is the first word of numpy.random.SeedSequence(entropy, spawn_key,
// pool_size=24).generate_state: a hash that gives each place in a tree a seed of
// its own. The algorithm is O'Neill's (2015), "Developing a seed_seq Alternative".
//
// https://www.pcg-random.org/posts/developing-a-seed_seq-alternative.html
func seedSequence(entropy uint64, spawnKey []uint64) uint32 {
	const poolSize = 24
	words := appendWords(nil, entropy)
	if len(spawnKey) > 0 {
		for len(words) < poolSize {
			words = append(words, 0)
		}
		for _, k := range spawnKey {
			words = appendWords(words, k)
		}
	}

	h := uint32(0x43b0d7e5)
	hash := func(v uint32) uint32 {
		v ^= h
		h *= 0x931e8875
		v *= h
		return v ^ v>>16
	}
	mix := func(x, y uint32) uint32 {
		r := 0xca01f9dd*x - 0x4973f715*y
		return r ^ r>>16
	}
	var pool [poolSize]uint32
	for i := range pool {
		if i < len(words) {
			pool[i] = hash(words[i])
		} else {
			pool[i] = hash(0)
		}
	}
	for from := range pool {
		for to := range pool {
			if from != to {
				pool[to] = mix(pool[to], hash(pool[from]))
			}
		}
	}
	for _, w := range words[min(poolSize, len(words)):] {
		for to := range pool {
			pool[to] = mix(pool[to], hash(w))
		}
	}

	v := pool[0] ^ 0x8b51f9dd
	c := uint32(0x8b51f9dd)
	c *= 0x58f38ded
	v *= c
	return v ^ v>>16
}

// appendWords appends the 32-bit words of v, the lowest first, at least one.
func appendWords(words []uint32, v uint64) []uint32 {
	words = append(words, uint32(v))
	if v>>32 != 0 {
		words = append(words, uint32(v>>32))
	}
	return words
}
